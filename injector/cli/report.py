"""The report on stderr: one line per workload, findings as warnings, errors.

Colour by --color, else only on a terminal, and not where NO_COLOR is set. Not here: what goes to stdout.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import IO, Final

import click

from injector.cli import progress
from injector.cli.failures import lines_of, status_of
from injector.cli.reporting.entries import ReportEntry, Sort, of_change, of_error, of_finding
from injector.cli.reporting.places import NOWHERE, ManifestSite, SiteOf
from injector.core.finding_codes import Level, Subject
from injector.core.model import Finding
from injector.errors import InjectorError
from injector.printable import visible

COLOURS: Final = {
    "injected": "green",
    "unchanged": "cyan",
    "changed": "yellow",
    "removed": "green",
    "skipped": "yellow",
    "passed": "yellow",
    "refused": "red",
}

WORD_LEVELS: Final = {"skipped": Level.WARNING, "passed": Level.WARNING, "refused": Level.ERROR}
"""How urgent the result of a workload is; others are notes."""

LEVEL_COLOURS: Final = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "cyan"}


def coloured(stream: IO[str] | None) -> bool:
    """Whether a stream gets colour: by --color, else a terminal that may; one that is closed is None."""
    context = click.get_current_context(silent=True)
    if context is not None and context.color is not None:
        return context.color and stream is not None
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream is not None and stream.isatty()


def paint(text: str, colour: str, on: bool, bold: bool = False) -> str:
    """Text in a colour (empty: the terminal's own), or as it is."""
    return click.style(text, fg=colour or None, bold=bold) if on and text else text


def remark(text: str) -> None:
    """A line on stderr, or where the report of this command goes."""
    context = click.get_current_context(silent=True)
    report: Report | None = context.meta.get(__name__) if context else None
    if report is None:
        click.echo(text, err=True)
    else:
        report.line(text)


class Report:
    """The report of one run. With `recorded` what is reported is kept as entries; `silent`: and not printed.

    `files` are the names that the command line gives, `configuration` the file of the configuration.
    """

    def __init__(
        self,
        *,
        recorded: bool = False,
        silent: bool = False,
        files: Collection[str] = (),
        configuration: str = "",
    ) -> None:
        self.entries: list[ReportEntry] = []
        self.is_silent = silent
        self._configuration = configuration
        self._recorded, self._files = recorded, frozenset(files)
        self._colour = coloured(sys.stderr)
        self._printed: set[str] = set()
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        """What people read, without colour."""
        return "".join(f"{click.unstyle(line)}\n" for line in self._lines)

    def take_remarks(self) -> None:
        """Take the lines of `remark` from now on."""
        context = click.get_current_context(silent=True)
        if context is not None:
            context.meta[__name__] = self

    def verdict(
        self,
        word: str,
        what: str,
        reason: str,
        sentence: str,
        hint: str = "",
        site: ManifestSite | None = None,
    ) -> None:
        """One workload: its result, and why; under it what to do, each hint once."""
        if self._recorded:
            at = site.place if site else NOWHERE
            level = WORD_LEVELS.get(word, Level.NOTE)
            self.entries.append(ReportEntry(Sort.WORKLOAD, level, reason, sentence, hint, what, word, at))
        painted = paint(f"{word:<9}", COLOURS[word], self._colour)
        self.line(f"{painted} {visible(what)}: {reason}. {visible(sentence)}")
        if hint and hint not in self._printed:
            self._printed.add(hint)
            self.line(f"{'':<9} hint: {visible(hint)}")

    def findings(self, findings: Iterable[Finding], what: str = "", site_of: SiteOf | None = None) -> None:
        """Errors, warnings and notes, each once; with a file and line those that have a pointer."""
        for finding in findings:
            word = finding.level.value
            about = f"{site_of(finding.pointer).text}: {what}" if site_of and finding.pointer else what
            # Workloads share their namespace, so that what is wrong with it is said once.
            about = "" if finding.code.subject is Subject.NAMESPACE else about
            at = "".join(f"{place}: " for place in (about, finding.where) if place)
            hint = f" (hint: {finding.hint})" if finding.hint else ""
            text = visible(f"{at}{finding.message}{hint} [{finding.code}]")
            if text not in self._printed:
                self._printed.add(text)
                self.line(f"{paint(word + ':', LEVEL_COLOURS[finding.level], self._colour)} {text}")
                if self._recorded:
                    place = site_of(finding.pointer).place if site_of else None
                    self.entries.append(of_finding(finding, what, place, self._files, self._configuration))

    @property
    def is_recorded(self) -> bool:
        """Whether entries are kept."""
        return self._recorded

    def failures(self, errors: Sequence[InjectorError]) -> int:
        """Errors that keep the run from its result, each once; returns the exit status for them."""
        if self._recorded:
            self.add(*(entry for error in errors for entry in of_error(error, self._files)))
        for line in lines_of(errors):
            self.line(line)
        return status_of(errors)

    def add_changes(self) -> None:
        """Keep an error for each workload that is injected, where none must change."""
        if self._recorded:
            self.add(*(of_change(each) for each in self.entries if each.result == "injected"))

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Keep findings that are printed elsewhere."""
        if self._recorded:
            self.add(*(of_finding(each, "", None, self._files, self._configuration) for each in findings))

    def add(self, *entries: ReportEntry) -> None:
        """Keep entries that are not printed here."""
        known = set(self.entries)
        self.entries.extend(each for each in entries if each not in known)

    def keep(self, text: str) -> None:
        """A line that people read elsewhere."""
        self._lines.append(text)

    def line(self, text: str) -> None:
        """A line for people alone."""
        self.keep(text)
        if not self.is_silent:
            progress.cleared()
            click.echo(text, err=True, color=True if self._colour else None)
