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
    help="The configuration of before; without it only decisions and places of the patch are compared.",
)
@click.option(
    "--key", "key_file", metavar="FILE", help="The records' key, so that new selectors match names in them."
)
@click.option("--check", is_flag=True, help="Exit with 1 where anything changes.")
@options.output_format
def command(**flags: Any) -> int:
    """What a new configuration would change, by the admissions that 'injector serve --record' kept.

    Every recorded pod is decided about and rendered anew. Names in records are pseudonyms; the uid
    is the one in the webhook's log line, which has the names.
    """
    from injector.cli import replay

    return replay.run(replay.Flags(**flags))
