"""`injector kinds`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector kinds
  injector kinds --config injector.yaml -o json
  kubectl get crd fleets.ships.example -o yaml | injector kinds --crd - >> injector.yaml"""


@click.command("kinds", epilog=EXAMPLES)
@options.config("Configuration file; its kinds are listed, too.")
@click.option(
    "--crd",
    "definitions",
    multiple=True,
    type=options.FILES,
    metavar="FILE|DIR|-",
    help="Propose the setting kinds for the kinds of these CustomResourceDefinitions.",
)
@options.output_format("text", "json", "yaml")
def command(**flags: Any) -> int:
    """List the kinds of workloads, and where their pod templates are.

    With --crd, print the setting for other kinds, by their schemas: pod templates are what has
    metadata and a spec with containers. What a schema does not show is said on stderr. Exit status 1
    if no pod template is found.
    """
    from injector.cli import kinds

    return kinds.run(kinds.KindsFlags(**flags))
