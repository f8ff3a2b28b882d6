"""The command `injector`: its subcommands by name.

Exit status: 0 done, 1 an input failed, 2 usage or configuration. Not here: what the commands do, and how
errors are printed (`failures`).
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

import click
import click.parser

from injector import __version__, stdout

# name -> (its module in `commands`, what it does). Help and completion need no more than this.
COMMANDS: Final = {
    "kube-inject": ("inject", "Inject sidecars into manifests (alias: inject)."),
    "render": ("render", "Render manifests with sidecars for CI and GitOps."),
    "bundle": ("bundle", "Pack a configuration into one file with a digest."),
    "uninject": ("uninject", "Remove injected sidecars from manifests."),
    "explain": (
        "explain",
        ("Explain why a workload is injected or not, and where each value comes from."),
    ),
    "admit": ("admit", "Answer one AdmissionReview like the webhook."),
    "check": ("check", "Check a configuration and its templates."),
    "audit": ("audit", "List pods with a missing or outdated sidecar; restart their owners."),
    "kinds": ("kinds", "List the kinds of workloads, or propose the setting for one."),
    "replay": ("replay", "Show what a new configuration would change, based on recorded admissions."),
    "parity": ("parity", "Compare what the webhook of a cluster injects with what the command line injects."),
    "serve": ("serve", "Run the admission webhook."),
    "webhook-config": ("webhook_config", "Print the MutatingWebhookConfiguration for the webhook."),
    "tag": ("tag", "List, set and remove revision tags of a cluster."),
    "version": ("version", "Show the version of this program and of the releases in a cluster."),
    "completion": ("completion", "Print a shell completion script."),
    "help": ("help", "Show the help of a command."),
}
ALIASES: Final = {"inject": "kube-inject"}

EXAMPLES: Final = """\b
Examples:
  injector kube-inject -f shop.yaml | kubectl apply -f -
  injector kube-inject --config injector.yaml -R -f manifests/ -o injected.yaml
  injector render -R manifests/ --diff
  injector bundle --config injector.yaml -o bundle.yaml
  injector explain -f shop.yaml
  injector explain deploy/web -n shop
  injector uninject -f injected.yaml
  injector admit --config injector.yaml -f review.json
  injector check --config injector.yaml
  injector audit -n shop --config injector.yaml
  injector replay records/ --config new.yaml --base injector.yaml
  injector serve --config injector.yaml
  injector webhook-config --service sidecar-injector/injector --ca-file ca.pem | kubectl apply -f -
  injector tag set prod --revision 1-3 --overwrite
  injector version
  source <(injector completion bash)

Exit status: 0 done, 1 an input failed, 2 usage or configuration."""


# At its end the interpreter would look for garbage among all objects, several times.
atexit.register(gc.freeze)

VARIABLE: Final = "_INJECTOR_COMPLETE"
"""In the environment of a process that a shell starts for completion."""


def _set_colour(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.color = {"always": True, "never": False}.get(value)


COLOUR: Final = click.Option(
    ["--color"],
    type=click.Choice(["auto", "always", "never"]),
    expose_value=False,
    is_eager=True,
    callback=_set_colour,
    help="When to use colours; auto: on a terminal, unless NO_COLOR is set.",
)
"""An option of all commands, before or after their names."""


class _NoSuchOption(click.NoSuchOption):
    """Looks for names like an unknown one when its message is read.

    Click raises one for each short option, to see whether it is a long one, and catches it.
    """

    def __init__(
        self,
        option_name: str,
        message: str | None = None,
        possibilities: Iterable[str] | None = None,
        ctx: click.Context | None = None,
    ) -> None:
        super().__init__(option_name, message, ctx=ctx)
        self._known = possibilities

    def format_message(self) -> str:
        """As Click's."""
        return click.NoSuchOption(self.option_name, self.message, self._known).format_message()


click.parser.NoSuchOption = _NoSuchOption  # type: ignore[attr-defined]


class Lazy(click.Group):
    """A group that loads a subcommand when it is called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The names, the most used first."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand, loaded now."""
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"injector.cli.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        if COLOUR not in command.params:
            command.params.append(COLOUR)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand of the arguments; a misspelt one is answered with the nearest name."""
        if args[0] not in COMMANDS and args[0] not in ALIASES:
            # Commands that exist start faster without it.
            from difflib import get_close_matches

            from injector.printable import shown

            near = get_close_matches(args[0], [*COMMANDS, *ALIASES], n=1)
            if near:
                raise click.UsageError(f"no such command {shown(args[0])!r}; did you mean {near[0]}?", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The names that begin with the incomplete word."""
        # Only for completion, which is a process of its own.
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
    params=[COLOUR],
)
@click.version_option(__version__, prog_name="injector")
def cli() -> None:
    """Sidecar injection for Kubernetes that explains itself."""


def main(argv: Sequence[str] | None = None, command: click.Command = cli, name: str = "injector") -> int:
    """Run a command line; returns its exit status. Errors are printed on stderr.

    `command` may be one of the subcommands, with the name by which another program calls it.
    """
    if VARIABLE in os.environ:
        # A shell runs this process for completion alone.
        from injector.cli import completion

        completion.prepare(silent=os.environ[VARIABLE].endswith("_complete"))
    try:
        with stdout.checked():
            status = command.main(
                args=None if argv is None else list(argv), prog_name=name, standalone_mode=False
            )
        return status if isinstance(status, int) else 0
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # The reader of the output has ended: no message is needed.
        return 1
    except Exception as error:
        # Commands without an error, and --help, start faster without it.
        from injector.cli import failures, reported

        if isinstance(error, click.ClickException):
            reported.write_usage(error)
        return failures.exit_status(error)


def run() -> NoReturn:
    """The program `injector`."""
    leave(main())


def leave(status: int) -> NoReturn:
    """End the process at once: taking the interpreter apart takes longer than the work of many commands.

    What was registered for the end still runs, and what was printed is written. The usual end is left to
    processes with other threads, which it waits for, and to those that are measured.
    """
    watched = sys.gettrace() or sys.getprofile()
    if threading.active_count() == 1 and not watched:
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):
            for stream in (sys.stdout, sys.stderr):
                # One that was closed is None.
                if stream is not None:
                    stream.flush()
            os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    sys.exit(main())
