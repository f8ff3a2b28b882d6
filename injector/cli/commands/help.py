"""`injector help`: the help of a command, as its own --help prints it."""

from __future__ import annotations

from typing import Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector help
  injector help kube-inject"""


@click.command("help", epilog=EXAMPLES)
@click.argument("name", required=False, metavar="[COMMAND]", type=options.Suggested("commands"))
@click.pass_context
def command(context: click.Context, name: str | None) -> int:
    """Show the help of a command; without one, the list of commands."""
    group = context.find_root()
    if name is None:
        click.echo(group.get_help())
        return 0
    assert isinstance(group.command, click.Group)
    _, described, _ = group.command.resolve_command(group, [name])
    assert described is not None
    click.echo(described.get_help(click.Context(described, info_name=name, parent=group)))
    return 0
