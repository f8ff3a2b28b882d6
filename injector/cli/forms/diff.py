"""A unified diff of what injection changes, with the lines of the files, for people and for `git apply`.

Not here: which lines differ (`line_edits`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from itertools import groupby
from typing import Final

from injector.classes import dataclass
from injector.cli.forms.line_edits import edits
from injector.cli.forms.objects import of_part
from injector.cli.manifests import Part
from injector.cli.reading.source import STDIN
from injector.cli.report import coloured, paint
from injector.cli.writing.output import Spool
from injector.printable import visible

_CONTEXT: Final = 3
_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}
_NO_END: Final = "\\ No newline at end of file\n"


def unified(parts: Iterable[Part], out: Spool) -> None:
    """The diff of all files with documents that are changed; each hunk is headed by the objects in it."""
    colour = coloured(sys.stdout)
    for source, of_file in groupby(parts, key=lambda part: part.document.source):
        has_head = False
        for line in _hunks(of_file):
            if not has_head:
                has_head = True
                name = "stdin" if source == STDIN else visible(source.lstrip("/"))
                for mark, side in (("---", "a"), ("+++", "b")):
                    out.write(paint(f"{mark} {side}/{name}", "", colour, bold=True) + "\n")
            out.write(_painted(line, colour))


def _painted(line: str, colour: bool) -> str:
    body = line.rstrip("\r\n")
    return paint(body, _COLOURS.get(line[0], ""), colour and line[0] in _COLOURS) + line[len(body) :]


def _hunks(parts: Iterable[Part]) -> Iterator[str]:
    """The lines of all hunks of a file."""
    writer = _Hunks()
    for old, new, label in _blocks(parts):
        if old == new:
            yield from writer.equal(_lines(old))
            continue
        before, after = _lines(old), _lines(new)
        at = 0
        for edit in edits(before, after):
            yield from writer.equal(before[at : edit.start])
            writer.change(before[edit.start : edit.end], after[edit.new_start : edit.new_end], label)
            at = edit.end
        yield from writer.equal(before[at:])
    yield from writer.end()


def _blocks(parts: Iterable[Part]) -> Iterator[tuple[str, str, str]]:
    """Documents before and after, with the names of the objects; those on one line together."""
    old = new = ""
    labels: list[str] = []
    for part in parts:
        old += part.document.raw
        new += part.text
        labels += [visible(each.label) for each in of_part(part)]
        # JSON values may stand on one line.
        if old.endswith("\n") and new.endswith("\n"):
            yield old, new, _label(labels)
            old = new = ""
            labels = []
    if old or new:
        yield old, new, _label(labels)


def _label(labels: Sequence[str]) -> str:
    more = len(labels) - 1
    return f"{labels[0]} and {more} more" if more > 0 else "".join(labels)


def _lines(text: str) -> list[str]:
    """The lines of a text, cut at line feeds only, as the tools for diffs do."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


@dataclass(slots=True)
class _Hunks:
    """Collects changes that stand close together, with the lines around them."""

    line: int = 1
    new_line: int = 1
    before: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    equal_at_end: int = 0
    label: str = ""
    starts: tuple[int, int] = (1, 1)

    def equal(self, lines: Sequence[str]) -> Iterator[str]:
        """Take lines that stay; gives the hunk that ends in front of them."""
        self.line += len(lines)
        self.new_line += len(lines)
        if self.lines:
            room = 2 * _CONTEXT - self.equal_at_end
            self.lines += (f" {line}" for line in lines[:room])
            self.equal_at_end += len(lines)
            if self.equal_at_end <= 2 * _CONTEXT:
                return
            lines = lines[room:]
            end = len(self.lines) - _CONTEXT
            self.before = [line[1:] for line in self.lines[end:]]
            del self.lines[end:]
            yield from self._hunk()
        self.before = [*self.before, *lines][-_CONTEXT:]

    def change(self, old: Sequence[str], new: Sequence[str], label: str) -> None:
        """Take lines that are replaced by others."""
        if not self.lines:
            self.starts = (self.line - len(self.before), self.new_line - len(self.before))
            self.lines = [f" {line}" for line in self.before]
            self.label = label
        self.before = []
        self.equal_at_end = 0
        self.lines += [f"-{line}" for line in old] + [f"+{line}" for line in new]
        self.line += len(old)
        self.new_line += len(new)

    def end(self) -> Iterator[str]:
        """The hunk that has not ended."""
        if self.lines:
            del self.lines[len(self.lines) - max(0, self.equal_at_end - _CONTEXT) :]
            yield from self._hunk()

    def _hunk(self) -> Iterator[str]:
        old = sum(line[0] != "+" for line in self.lines)
        new = sum(line[0] != "-" for line in self.lines)
        label = f" {self.label}" if self.label else ""
        sizes = (_range(start, size) for start, size in zip(self.starts, (old, new), strict=True))
        yield "@@ -{} +{} @@{}\n".format(*sizes, label)
        for line in self.lines:
            yield line if line.endswith("\n") else f"{line}\n{_NO_END}"
        self.lines = []
        self.equal_at_end = 0


def _range(start: int, size: int) -> str:
    """Lines as a hunk names them; a hunk without lines names the one in front."""
    return f"{start if size else start - 1},{size}"
