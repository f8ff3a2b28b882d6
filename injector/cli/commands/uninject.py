"""`injector uninject`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector uninject injected.yaml > original.yaml
  injector uninject -f manifests/web.yaml -o manifests/web.yaml
  injector uninject -R manifests/ --in-place
  kubectl get deploy web -o yaml | injector uninject -f - | kubectl apply -f -"""


@click.command("uninject", epilog=EXAMPLES)
@options.config("Configuration file that was used for the injection.")
@options.manifests
@options.filenames()
@options.output_file
@options.in_place
def command(**flags: Any) -> int:
    """Remove injected sidecars from manifests: manifests on stdout, notes on stderr.

    A document without an injection is copied byte for byte. FILE is the same as -f FILE.
    """
    from injector.cli import uninject

    return uninject.run(uninject.UninjectFlags(**flags))
