"""A command with its report: to stderr or a file, in the format that --report names, also when it fails.

Not here: what is reported (`report`), and the formats (`reporting`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Final, Protocol

import click

from injector.cli import failures
from injector.cli.report import Report
from injector.cli.reporting import finished, formats, names
from injector.cli.reporting.entries import of_defect
from injector.cli.writing import output
from injector.errors import ConfigError
from injector.printable import visible

_BY_ENDING: Final = {".json": "json", ".sarif": "sarif", ".xml": "junit"}
_TEXT: Final = "text"
# A format whose text is for people as well: it stands below the text.
_BESIDES: Final = ("github",)


class ReportFlags(Protocol):
    """The flags of a report, as `options.report` declares them, and of the configuration that it is about."""

    @property
    def config_file(self) -> str | None:
        """The file of the configuration, None for another source."""

    @property
    def report(self) -> str | None:
        """The format, None for the one of the file's ending."""

    @property
    def report_file(self) -> str | None:
        """The file, None for stderr."""


def reported(
    flags: ReportFlags,
    files: Sequence[str],
    command: Callable[[Report], int],
    write: Callable[[str], None] | None = None,
    *,
    recorded: bool = False,
) -> int:
    """Run a command with its report, and write the report; returns the exit status.

    `files` are the names that the command line gives. With `recorded` the command reads the entries.
    `write` takes a report without a file, in place of stderr. Errors of the command are part of its report;
    raises ConfigError where that has no place.
    """
    form = format_of(flags)
    files = [*files, *filter(None, [flags.config_file])]
    _check(flags.report_file)
    report = Report(
        recorded=recorded or form != _TEXT,
        silent=not (flags.report_file or form in (_TEXT, *_BESIDES)),
        files=files,
        configuration=flags.config_file or "",
    )
    report.take_remarks()
    try:
        status = command(report)
    except (click.ClickException, BrokenPipeError):
        raise
    except Exception as error:
        status = _failed(report, error)
    if form == _TEXT:
        text = report.text
    else:
        name = click.get_current_context().info_name or ""
        text = formats.written(form, finished.Finished(name, status, tuple(report.entries)))
    _write(text, form, flags.report_file, files, write)
    return status


def write_usage(error: click.ClickException) -> None:
    """Write the report of a command line that cannot be used to the file that INJECTOR_REPORT names.

    stderr has the error in any case, which not every program that calls this one shows.
    """
    context = getattr(error, "ctx", None)
    if context is None or not any(each.name == "report_file" for each in context.command.params):
        return
    path = context.params.get("report_file") or os.environ.get(names.VARIABLE)
    if not path or not _has_folder(path):
        return
    report = Report(recorded=True, silent=True)
    report.failures([ConfigError(error.format_message())])
    form = _form(context.params.get("report"), path)
    name = context.info_name or ""
    text = (
        report.text
        if form == _TEXT
        else formats.written(form, finished.Finished(name, 2, tuple(report.entries)))
    )
    output.write(text, path, [], "--report-file")


def format_of(flags: ReportFlags) -> str:
    """The format of the report."""
    return _form(flags.report, flags.report_file)


def _form(named: str | None, path: str | None) -> str:
    return named or _BY_ENDING.get(PurePath(path or "").suffix.lower(), _TEXT)


def _failed(report: Report, error: Exception) -> int:
    """Report an error that ends a command; returns the exit status for it."""
    expected = failures.expected(error)
    if expected:
        return report.failures([expected])
    report.add(of_defect(error))
    for line in failures.defect_lines(error):
        report.line(line)
    return 1


def _check(path: str | None) -> None:
    """Raise ConfigError where a report cannot be written, before anything is done."""
    if path and not _has_folder(path):
        where = f"--report-file {visible(path)}"
        raise ConfigError("the folder does not exist", where=where, hint="create it, or choose another file")


def _has_folder(path: str) -> bool:
    return os.path.isdir(os.path.dirname(os.path.realpath(path)))


def _write(
    text: str, form: str, path: str | None, files: Sequence[str], write: Callable[[str], None] | None
) -> None:
    if path:
        output.write(text, path, files, "--report-file", onto_input=False)
    elif form in _BESIDES or (write is None and form != _TEXT):
        click.echo(text, err=True, nl=False)
    elif write and form != _TEXT:
        write(text)
