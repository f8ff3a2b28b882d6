"""Options that several commands have, each declared once. Not here: what is done with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from injector.cli.reporting import names
from injector.errors import ConfigError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command: TypeAlias = Callable[..., Any]
Option: TypeAlias = Callable[[Command], Command]

FORMATS: Final = {
    "text": "for people",
    "wide": "with more columns",
    "json": "and",
    "yaml": "for programs",
}
"""The formats of results, and what they are for."""


class Suggested(click.types.StringParamType):
    """Text that a shell completes: `files`, or one of the sources of `suggestions`."""

    def __init__(self, what: str) -> None:
        self.what = what

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """What begins with the incomplete word."""
        # Only for completion, which is a process of its own.
        from click.shell_completion import CompletionItem

        from injector.cli import suggestions

        if self.what == "files":
            return [CompletionItem(incomplete, type="file")]
        return suggestions.items(self.what, ctx, param, incomplete)


FILES: Final = Suggested("files")

output_file: Final[Option] = click.option(
    "-o",
    "--output",
    type=FILES,
    metavar="FILE",
    help="Write to a file instead of stdout; the file is replaced atomically.",
)
in_place: Final[Option] = click.option(
    "--in-place", is_flag=True, help="Change the files that are named: all of them, or none on an error."
)
manifests: Final[Option] = click.argument("manifests", nargs=-1, type=FILES, metavar="[FILE|DIR|-]...")
"""Manifests without -f."""


def filenames(help: str = "Manifests, YAML or JSON; may be repeated, or separated by commas.") -> Option:
    """Manifests, and whether folders in folders are read."""

    def add(command: Command) -> Command:
        text = "Also read the folders in a folder. Links that leave it are skipped."
        with_recursive = click.option("-R", "--recursive", is_flag=True, help=text)
        metavar = "FILE|DIR|-"
        with_names = click.option(
            "-f", "--filename", "filenames", multiple=True, type=FILES, metavar=metavar, help=help
        )
        return with_names(with_recursive(selection(command)))

    return add


def selection(command: Command) -> Command:
    """Which files of folders are read."""
    for flag, text in {
        "--exclude": "Leave these files and folders of a folder out; wins over --include.",
        "--include": "Read only these files of a folder, such as apps/**/*.yaml; may be repeated.",
    }.items():
        command = click.option(flag, multiple=True, metavar="GLOB", help=text)(command)
    return command


def fail_on(*levels: str, default: str) -> Option:
    """The level of a finding that makes a command fail."""
    help = f"The lowest level of a finding that sets exit status 1. Default: {default}."
    return click.option("--fail-on", type=click.Choice(levels), help=help)


def report(to: str = "stderr") -> Option:
    """A report for programs, and the file that it is written to."""
    format_help = (
        "Format of the report; sarif, junit and github are for CI systems. Default: by the ending of "
        f"--report-file (.json, .sarif, .xml), else text. Without --report-file it goes to {to}."
    )
    file_help = "Write the report to a file, also when the command fails; the text is printed besides."

    def add(command: Command) -> Command:
        with_file = click.option(
            "--report-file",
            type=FILES,
            metavar="FILE",
            envvar=names.VARIABLE,
            show_envvar=True,
            help=file_help,
        )
        return click.option("--report", type=click.Choice(names.FORMATS), help=format_help)(
            with_file(command)
        )

    return add


def config(
    help: str = "Configuration file; the same as for the webhook.", *, required: bool = False
) -> Option:
    """The configuration file."""
    return click.option("--config", "config_file", required=required, type=FILES, metavar="FILE", help=help)


def config_map(help: str = "Read the configuration from a ConfigMap; default key: injector.yaml.") -> Option:
    """A ConfigMap with the configuration, for commands that read a cluster."""
    return click.option("--config-map", metavar="NS/NAME[:KEY]", help=help)


def bundle(help: str = "Use only the configuration that 'injector bundle' packed.") -> Option:
    """A configuration with a digest."""
    return click.option("--bundle", type=FILES, metavar="FILE@sha256:DIGEST", help=help)


def cluster(help: str = "Same as for kubectl.") -> Option:
    """The cluster to read from; the command's flags are a `world.Access`."""
    options = (
        click.option("-c", "--kubeconfig", type=FILES, metavar="FILE", help=help),
        click.option("--context", "kube_context", type=Suggested("contexts"), metavar="NAME", help=help),
        click.option("--as", "as_user", metavar="USER", help="User to impersonate, as for kubectl."),
        click.option(
            "--as-group",
            "as_groups",
            multiple=True,
            metavar="GROUP",
            help="Group to impersonate; may be repeated.",
        ),
        click.option(
            "--request-timeout",
            metavar="TIME",
            help="How long to wait for one answer of the API server, such as 5s; 0: no limit.",
        ),
    )

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def kubeconfig(help: str) -> Option:
    """The cluster of `serve`, which acts as itself."""

    def add(command: Command) -> Command:
        with_context = click.option(
            "--context",
            "kube_context",
            type=Suggested("contexts"),
            metavar="NAME",
            help="Same as for kubectl.",
        )
        return click.option("--kubeconfig", type=FILES, metavar="FILE", help=help)(with_context(command))

    return add


def output_format(*formats: str) -> Option:
    """How the result is printed; the first format is the default."""
    listed = ", ".join(f"{each} {FORMATS[each]}" for each in formats)
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        help=f"Output format: {listed}.",
    )


def objects(
    help: str = "Namespaces and other objects of the cluster, from files, or folders with all below.",
) -> Option:
    """Files in place of a cluster."""
    return click.option("--objects", multiple=True, type=FILES, metavar="FILE|DIR", help=help)


def from_istiod(help: str = "Also read the ConfigMaps of a running istiod.") -> Option:
    """A control plane whose configuration is used."""
    return click.option("--from-istiod", metavar="NS[/REVISION]", help=help)


def path(of: str) -> Option:
    """The path of the webhook, which overrides values."""
    return click.option("--path", default="", metavar="/PATH", help=f"Path of the {of}, with its overrides.")


def tags(help: str = "Also use the webhook entries of this revision tag; may be repeated.") -> Option:
    """Revision tags."""
    return click.option("--tag", "tags", multiple=True, metavar="TAG", help=help)


def namespace(help: str) -> Option:
    """The namespace of objects."""
    kind = Suggested("namespaces")
    return click.option("-n", "--namespace", default="", type=kind, metavar="NS", help=help)


def refused(flag: str, hint: str, *, is_flag: bool = False) -> Option:
    """A flag of istioctl that is accepted only to say what to use instead."""

    def refuse(_ctx: click.Context, _param: click.Parameter, value: Any) -> None:
        if value:
            raise ConfigError("this flag of istioctl is not supported", where=flag, hint=hint)

    return click.option(flag, is_flag=is_flag, hidden=True, expose_value=False, callback=refuse)
