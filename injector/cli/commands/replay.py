"""`injector replay`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector replay records/ --config new.yaml --base injector.yaml
  injector replay records/ --config new.yaml --base injector.yaml --check
  injector replay records/ --config new.yaml --key pseudonyms.key -o json | jq '.changed[].uid'"""


@click.command("replay", epilog=EXAMPLES)
@click.argument("folder", metavar="DIR")
@options.config("The new configuration.", required=True)
@click.option(
    "--base",
    metavar="FILE",
    help="The old configuration; without it, only decisions and patch paths are compared.",
)
@click.option(
    "--key",
    "key_file",
    metavar="FILE",
    help="Key of the records; needed for new selectors and for keys of annotations that differ.",
)
@click.option("--check", is_flag=True, help="Exit with status 1 if anything changes.")
@options.output_format("text", "json", "yaml")
def command(**flags: Any) -> int:
    """Show what a new configuration would change, for admissions recorded by 'injector serve --record'.

    Each recorded pod is injected again. Names in records are pseudonyms; to find the names, look
    for the uid in the log of the webhook.
    """
    from injector.cli import replay

    return replay.run(replay.ReplayFlags(**flags))
