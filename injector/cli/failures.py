"""Errors on stderr, and the exit status for them.

Not here: which errors there are (injector.errors), and what a command prints without one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from injector.errors import ConfigError, InjectorError
from injector.printable import visible


def exit_status(error: Exception) -> int:
    """Print an error that ends a command; returns the exit status for it."""
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, InjectorError):
        return print_errors([error])
    if isinstance(error, ModuleNotFoundError) and (absent := _not_installed(error)):
        return print_errors([absent])
    return _defect(error)


def _not_installed(error: ModuleNotFoundError) -> InjectorError | None:
    """The error for a module of an extra; None for others, which are defects."""
    # Looking up how the program was installed takes longer than most errors.
    from injector import installation

    words = installation.missing(error.name or "")
    return ConfigError(words[0], hint=words[1]) if words else None


def print_errors(errors: Sequence[InjectorError]) -> int:
    """Print errors on stderr, each once; returns the exit status for them."""
    distinct = {(str(error), error.hint): error for error in errors}
    for error in distinct.values():
        _print_error(error)
    return 2 if any(isinstance(error, ConfigError) for error in errors) else 1


def _print_error(error: InjectorError) -> None:
    """One error on stderr: where, what, and what to do."""
    first, *rows = map(visible, error.lines)
    click.echo("\n  ".join([f"error: {first}", *rows]), err=True)
    if error.hint:
        click.echo(f"  hint: {visible(error.hint)}", err=True)


def _usage(error: click.ClickException) -> int:
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
        # A rare case, which no other command has to load it for.
        import traceback

        traceback.print_exception(error)
    # The text of an unexpected exception may quote a pod, so only its class is printed.
    click.echo(f"error: unexpected {type(error).__name__}; this is a bug, please report it", err=True)
    click.echo("  hint: set INJECTOR_DEBUG=1 for the traceback", err=True)
    return 1
