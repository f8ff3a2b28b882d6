"""`injector version`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector version
  injector version --client -o json | jq -r .clientVersion.version
  injector version --context prod"""


@click.command("version", epilog=EXAMPLES)
@click.option("--client", is_flag=True, help="Only the version of this program.")
@options.cluster()
@options.output_format("text", "json", "yaml")
def command(**flags: Any) -> int:
    """Show the version of this program, and of the releases in a cluster.

    Without a kubeconfig, only that of this program. Exit status 1 if a cluster does not answer.
    """
    from injector.cli import version

    return version.run(version.VersionFlags(**flags))
