"""`injector check`: does a configuration load, do its templates render, and what should be known about it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import click

from injector.errors import ConfigError, ManifestError

if TYPE_CHECKING:
    from injector.config.load import Input

EXAMPLES: Final = """\b
Examples:
  injector check --config injector.yaml
  injector check --config injector.yaml -o json"""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the result. `level` is error, warning or note."""

    level: str
    code: str
    message: str
    where: str = ""
    hint: str = ""


@click.command("check", epilog=EXAMPLES)
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    help="Configuration file; without one the defaults are checked.",
)
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people, or for programs."
)
def command(config_file: str | None, output: str) -> int:
    """Check a configuration: keys and types, templates, a dry run on sample pods, and what is unwise.

    Exit status 1 where something is wrong, 2 where the configuration does not load at all.
    """
    from injector.config.load import Input

    found, status = results(Input.from_file(config_file))
    if output == "json":
        click.echo(json.dumps({"results": [asdict(r) for r in found]}, ensure_ascii=False, indent=2))
        return status
    for result in found:
        _print(result)
    errors = sum(r.level == "error" for r in found)
    click.echo(f"{config_file or 'the defaults'}: {errors or 'no'} error{'' if errors == 1 else 's'}")
    return status


def results(given: Input) -> tuple[list[Result], int]:
    """Everything that was found, errors first, and the exit status."""
    from injector.config.dryrun import dry_run
    from injector.config.load import load_input

    try:
        config = load_input(given)
        config.templates.compile_all()
    except (ConfigError, ManifestError) as error:
        return [Result("error", "load", error.message, error.where, error.hint)], 2
    found = [Result("error", p.code, p.message, p.where, p.hint) for p in dry_run(given)]
    status = 1 if found else 0
    found += [Result("warning" if f.action else "note", f.code, f.message) for f in config.findings]
    return found, status


def _print(result: Result) -> None:
    import sys

    from injector.cli.report import coloured, paint, plain

    colour = coloured(sys.stdout)
    tint = {"error": "red", "warning": "yellow", "note": "cyan"}[result.level]
    at = f"{result.where}: " if result.where else ""
    advice = f" (hint: {result.hint})" if result.hint else ""
    line = f"{paint(result.level + ':', tint, colour)} {plain(at + result.message + advice)} [{result.code}]"
    click.echo(line, color=True if colour else None)
