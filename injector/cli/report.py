"""The report on stderr: one line per workload, findings as warnings, errors.

Colour by --color, else only on a terminal, and not where NO_COLOR is set. Not here: what goes to stdout.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import IO, Final

import click

from injector.cli import progress
from injector.core.finding_codes import Level, Subject
from injector.core.model import Finding
from injector.printable import visible

COLOURS: Final = {
    "injected": "green",
    "unchanged": "cyan",
    "removed": "green",
    "skipped": "yellow",
    "passed": "yellow",
    "refused": "red",
}

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


class Report:
    """The report of one run."""

    def __init__(self) -> None:
        self._colour = coloured(sys.stderr)
        self._printed: set[str] = set()

    def verdict(self, word: str, what: str, reason: str, sentence: str, hint: str = "") -> None:
        """One workload: its result, and why; under it what to do, each hint once."""
        painted = paint(f"{word:<9}", COLOURS[word], self._colour)
        self._line(f"{painted} {visible(what)}: {reason}. {visible(sentence)}")
        if hint and hint not in self._printed:
            self._printed.add(hint)
            self._line(f"{'':<9} hint: {visible(hint)}")

    def findings(self, findings: Iterable[Finding], what: str = "") -> None:
        """Errors, warnings and notes, each once."""
        for finding in findings:
            word = finding.level.value
            # Workloads share their namespace, so that what is wrong with it is said once.
            about = "" if finding.code.subject is Subject.NAMESPACE else what
            at = "".join(f"{place}: " for place in (about, finding.where) if place)
            hint = f" (hint: {finding.hint})" if finding.hint else ""
            text = visible(f"{at}{finding.message}{hint} [{finding.code}]")
            if text not in self._printed:
                self._printed.add(text)
                self._line(f"{paint(word + ':', LEVEL_COLOURS[finding.level], self._colour)} {text}")

    def _line(self, text: str) -> None:
        progress.cleared()
        click.echo(text, err=True, color=True if self._colour else None)
