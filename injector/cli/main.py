"""The command `injector`: its subcommands by name, and the one place where errors become exit statuses.

0 done, 1 an input failed, 2 usage or configuration. Not here: what the commands do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

from injector import __version__, stdout
from injector.errors import ConfigError, InjectorError

# name -> (its module in `commands`, what it does). Help and completion need no more than this.
COMMANDS: Final = {
    "kube-inject": ("inject", "Inject sidecars into manifests."),
    "uninject": ("uninject", "Remove injected sidecars from manifests."),
    "explain": (
        "explain",
        ("Explain why a workload is injected or not, and where each value comes from."),
    ),
    "admit": ("admit", "Answer one AdmissionReview like the webhook."),
    "check": ("check", "Check a configuration and its templates."),
    "audit": ("audit", "List pods with a missing or outdated sidecar; restart their owners."),
    "replay": ("replay", "Show what a new configuration would change, based on recorded admissions."),
    "serve": ("serve", "Run the admission webhook."),
    "webhook-config": ("webhook_config", "Print the MutatingWebhookConfiguration for the webhook."),
    "completion": ("completion", "Print a shell completion script."),
}

EXAMPLES: Final = """\b
Examples:
  injector kube-inject -f shop.yaml | kubectl apply -f -
  injector kube-inject --config injector.yaml -f manifests/ -o injected.yaml
  injector explain -f shop.yaml
  injector explain deploy/web -n shop
  injector uninject -f injected.yaml
  injector admit --config injector.yaml -f review.json
  injector check --config injector.yaml
  injector audit -n shop --config injector.yaml
  injector replay records/ --config new.yaml --base injector.yaml
  injector serve --config injector.yaml
  injector webhook-config --service mesh/injector --ca-file ca.pem | kubectl apply -f -
  source <(injector completion bash)

Exit status: 0 done, 1 an input failed, 2 usage or configuration."""


class Lazy(click.Group):
    """A group that loads a subcommand when it is called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The names, the most used first."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand, loaded now."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"injector.cli.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand of the arguments; a misspelt one is answered with the nearest name."""
        if args[0] not in COMMANDS:
            # Commands that exist start faster without it.
            from difflib import get_close_matches

            from injector.printable import shown

            near = get_close_matches(args[0], COMMANDS, n=1)
            if near:
                raise click.UsageError(f"no such command {shown(args[0])!r}; did you mean {near[0]}?", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The names that begin with the incomplete word."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(n, help=help) for n, (_, help) in COMMANDS.items() if n.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=Lazy,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    subcommand_metavar="COMMAND [OPTIONS]",
)
@click.version_option(__version__, prog_name="injector")
def cli() -> None:
    """Sidecar injection for Kubernetes that explains itself."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns its exit status. Errors are printed on stderr."""
    try:
        with stdout.checked():
            status = cli.main(
                args=None if argv is None else list(argv), prog_name="injector", standalone_mode=False
            )
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        return _usage(error)
    except InjectorError as error:
        return print_errors([error])
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # The reader of the output has ended: no message is needed.
        return 1
    except Exception as error:
        return _defect(error)


def print_errors(errors: Sequence[InjectorError]) -> int:
    """Print errors on stderr, each once; returns the exit status for them."""
    distinct = {(str(error), error.hint): error for error in errors}
    for error in distinct.values():
        print_error(error)
    return 2 if any(isinstance(error, ConfigError) for error in errors) else 1


def print_error(error: InjectorError) -> None:
    """One error on stderr: where, what, and what to do."""
    from injector.printable import visible

    first, *rows = map(visible, error.lines)
    click.echo("\n  ".join([f"error: {first}", *rows]), err=True)
    if error.hint:
        click.echo(f"  hint: {visible(error.hint)}", err=True)


def _usage(error: click.ClickException) -> int:
    from injector.printable import visible

    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return 2
    click.echo(f"error: {visible(error.format_message())}", err=True)
    if context is not None:
        click.echo(f"  hint: see '{context.command_path} --help'", err=True)
    return 2


def _defect(error: Exception) -> int:
    if os.environ.get("INJECTOR_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    # The text of an unexpected exception may quote a pod, so only its class is printed.
    click.echo(f"error: unexpected {type(error).__name__}; this is a bug, please report it", err=True)
    click.echo("  hint: set INJECTOR_DEBUG=1 for the traceback", err=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
