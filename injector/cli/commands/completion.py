"""`injector completion`: the script that makes a shell complete the commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    epilog="""\b
Examples:
  source <(injector completion bash)
  injector completion zsh > "${fpath[1]}/_injector"
  injector completion fish > ~/.config/fish/completions/injector.fish""",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print the completion script of a shell."""
    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise click.UsageError(f"no completion for shell {shell}")
    maker = completion_class(context.find_root().command, {}, "injector", "_INJECTOR_COMPLETE")
    # Not maker.source(), which starts the shell to ask for its version.
    click.echo(maker.source_template % maker.source_vars())
    return 0
