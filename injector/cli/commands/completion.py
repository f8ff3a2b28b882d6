"""`injector completion`: the script that makes a shell complete the commands."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish", "powershell")


@click.command(
    "completion",
    epilog="""\b
Examples:
  source <(injector completion bash)
  injector completion zsh > "${fpath[1]}/_injector"
  injector completion fish > ~/.config/fish/completions/injector.fish
  injector completion powershell | Out-String | Invoke-Expression""",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print the completion script of a shell.

    It completes commands, flags and files, and from the cluster of the kubeconfig contexts,
    namespaces, and the kinds and names of workloads.
    """
    from injector.cli import completion
    from injector.cli.main import VARIABLE

    click.echo(completion.script(shell, context.find_root().command, VARIABLE))
    return 0
