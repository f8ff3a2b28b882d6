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
@click.argument("names", nargs=-1, metavar="[COMMAND]...", type=options.Suggested("commands"))
@click.pass_context
def command(context: click.Context, names: tuple[str, ...]) -> int:
    """Show the help of a command; without one, the list of commands."""
    of = context.find_root()
    for name in names:
        if not isinstance(of.command, click.Group):
            raise click.UsageError(f"{of.command_path} has no commands", of)
        _, described, _ = of.command.resolve_command(of, [name])
        assert described is not None
        of = click.Context(described, info_name=name, parent=of, max_content_width=of.max_content_width)
    click.echo(of.get_help())
    return 0
