"""`injector completion`: the script that makes a shell complete our commands. Nothing else."""

from __future__ import annotations

import click

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
def command(shell: str) -> int:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    from injector.cli.main import cli

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for shell {shell}")
    maker = found(cli, {}, "injector", "_INJECTOR_COMPLETE")
    # Not maker.source(), which starts the shell to ask for its version.
    click.echo(maker.source_template % maker.source_vars())
    return 0
