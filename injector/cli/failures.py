"""Errors on stderr, and the exit status for them.

Not here: which errors there are (injector.errors), and what a command prints without one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import click

from injector.errors import ConfigError, InjectorError
from injector.printable import visible


def exit_status(error: Exception) -> int:
    """Print an error that ends a command; returns the exit status for it."""
    if isinstance(error, click.ClickException):
        return _usage(error)
    if known := expected(error):
        return print_errors([known])
    for line in defect_lines(error):
        click.echo(line, err=True)
    return 1


def expected(error: Exception) -> InjectorError | None:
    """The error for people that an exception stands for; None for a defect."""
    if isinstance(error, InjectorError):
        return error
    return _not_installed(error) if isinstance(error, ModuleNotFoundError) else None


def _not_installed(error: ModuleNotFoundError) -> InjectorError | None:
    """The error for a module of an extra; None for others, which are defects."""
    # Looking up how the program was installed takes longer than most errors.
    from injector import installation

    words = installation.missing(error.name or "")
    return ConfigError(words[0], hint=words[1]) if words else None


def print_errors(errors: Sequence[InjectorError]) -> int:
    """Print errors on stderr, each once; returns the exit status for them."""
    for line in lines_of(errors):
        click.echo(line, err=True)
    return status_of(errors)


def status_of(errors: Sequence[InjectorError]) -> int:
    """The exit status for errors."""
    return 2 if any(isinstance(error, ConfigError) for error in errors) else 1


def lines_of(errors: Sequence[InjectorError]) -> Iterator[str]:
    """The text of errors, each once: where, what, and what to do."""
    distinct = {(str(error), error.hint): error for error in errors}
    for error in distinct.values():
        first, *rows = map(visible, error.lines)
        yield f"error: {first}"
        yield from (f"  {row}" for row in rows)
        if error.hint:
            yield f"  hint: {visible(error.hint)}"


def _usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return 2
    click.echo(f"error: {visible(error.format_message())}", err=True)
    if context is not None:
        click.echo(f"  hint: see '{context.command_path} --help'", err=True)
    return 2


def defect_lines(error: Exception) -> Iterator[str]:
    """The text of an unexpected exception; with INJECTOR_DEBUG its traceback is printed."""
    if os.environ.get("INJECTOR_DEBUG") == "1":
        # A rare case, which no other command has to load it for.
        import traceback

        traceback.print_exception(error)
    # The text of an unexpected exception may quote a pod, so only its class is printed.
    yield f"error: unexpected {type(error).__name__}; this is a bug, please report it"
    yield "  hint: set INJECTOR_DEBUG=1 for the traceback"
