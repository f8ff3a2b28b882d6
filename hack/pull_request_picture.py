"""The picture of a pull request in the docs, made of what `injector render --diff --report github` prints.

``python -m hack.pull_request_picture`` writes docs/how-to/pull-request.svg. Here: the lines of the diff
with the annotations below theirs, as a code host shows them. Not here: text of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from urllib.parse import unquote

REPO = Path(__file__).resolve().parents[1]
PICTURE = REPO / "docs" / "how-to" / "pull-request.svg"
COMMAND = (
    "render",
    "-R",
    "examples/shop",
    "--config",
    "examples/injector.yaml",
    "--diff",
    "--report",
    "github",
)
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
_ANNOTATION = re.compile(r"::(error|warning|notice) file=([^,]+),line=(\d+),title=([^:]+)::(.*)")
# Lines of a file's diff, and characters of a line.
ROWS, COLUMNS = 24, 104
WIDTH, LINE, LEFT = 860, 18, 70
_FILL = {"+": "#e6ffec", "-": "#ffebe9", "@": "#ddf4ff", "n": "#ddf4ff", "w": "#fff8c5", "e": "#ffebe9"}
_EDGE = {"notice": "#0969da", "warning": "#9a6700", "error": "#cf222e"}


@dataclass(frozen=True)
class Annotation:
    """What a workflow command says about a line of a file."""

    level: str
    file: str
    line: int
    title: str
    message: str


@dataclass(frozen=True)
class Row:
    """A line of the diff: its mark, its number in the file before (0: none), and its text."""

    mark: str
    number: int
    text: str


def printed() -> tuple[str, str]:
    """What the command prints on stdout and on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "injector", *COMMAND], cwd=REPO, capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr


def notes_of(text: str) -> Iterator[Annotation]:
    """The annotations of a report, as the runner reads them."""
    for line in text.splitlines():
        if match := _ANNOTATION.fullmatch(line):
            level, file, number, title, message = match.groups()
            yield Annotation(level, unquote(file), int(number), unquote(title), unquote(message))


def files(diff: str) -> dict[str, list[Row]]:
    """The rows of the diff of each file."""
    out: dict[str, list[Row]] = {}
    rows: list[Row] = []
    number = 0
    for line in diff.splitlines():
        if line.startswith("--- a/"):
            rows = out.setdefault(line.removeprefix("--- a/"), [])
        elif match := _HUNK.match(line):
            number = int(match[1])
            rows.append(Row("@", 0, line))
        elif line[:1] in (" ", "-"):
            rows.append(Row(line[0], number, line[1:]))
            number += 1
        elif line.startswith("+") and not line.startswith("+++ "):
            rows.append(Row("+", 0, line[1:]))
    return out


def with_context(rows: Sequence[Row], file: str, lines: Sequence[int]) -> list[Row]:
    """The rows, and in front of them the annotated lines that no hunk shows, with the lines around them."""
    shown = {row.number for row in rows if row.number}
    text = (REPO / file).read_text().splitlines()
    wanted = {near for line in lines if line not in shown for near in range(line - 1, line + 3)}
    context = [Row(" ", at, text[at - 1]) for at in sorted(wanted - shown) if 0 < at <= len(text)]
    return [*context, *rows]


class Canvas:
    """The elements of a picture, from top to bottom."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.top = 0

    def line(self, text: str, *, fill: str = "", mark: str = "", number: int = 0, bold: bool = False) -> None:
        """A line of text over the whole width."""
        if fill:
            self.parts.append(f'<rect y="{self.top}" width="{WIDTH}" height="{LINE}" fill="{fill}"/>')
        base = self.top + LINE - 5
        if number:
            self.parts.append(f'<text x="44" y="{base}" class="number">{number}</text>')
        if mark.strip():
            self.parts.append(f'<text x="52" y="{base}">{escape(mark)}</text>')
        cut = text if len(text) <= COLUMNS else text[: COLUMNS - 1] + "…"
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(f'<text x="{LEFT}" y="{base}"{weight}>{escape(cut)}</text>')
        self.top += LINE

    def box(self, annotation: Annotation) -> None:
        """An annotation."""
        lines = wrap(annotation.message, COLUMNS - 8)
        height = LINE * (len(lines) + 1) + 10
        edge = _EDGE[annotation.level]
        self.top += 4
        self.parts.append(
            f'<rect x="{LEFT}" y="{self.top}" width="{WIDTH - LEFT - 10}" height="{height}" rx="6" '
            f'fill="#ffffff" stroke="{edge}"/>'
        )
        for index, text in enumerate([f"{annotation.level}: {annotation.title}", *lines]):
            style = f' style="font-weight:bold;fill:{edge}"' if index == 0 else ""
            base = self.top + 5 + LINE * (index + 1) - 5
            self.parts.append(f'<text x="{LEFT + 12}" y="{base}"{style}>{escape(text)}</text>')
        self.top += height + 4

    def svg(self) -> str:
        """The picture."""
        size = f'width="{WIDTH}" height="{self.top}" viewBox="0 0 {WIDTH} {self.top}"'
        style = (
            "text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
            "white-space:pre;fill:#1f2328}"
            ".number{text-anchor:end;fill:#6e7781}"
        )
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<style>{style}</style>\n'
        title = f"<title>The diff of a pull request with annotations: injector {' '.join(COMMAND)}</title>\n"
        back = f'<rect width="{WIDTH}" height="{self.top}" fill="#ffffff"/>\n'
        return head + title + back + "\n".join(self.parts) + "\n</svg>\n"


def picture(diff: str, report: str) -> str:
    """The files that have annotations, each with the first lines of its diff."""
    canvas, rows_of = Canvas(), files(diff)
    by_file = groupby(
        sorted(notes_of(report), key=lambda each: (each.file, each.line)), lambda each: each.file
    )
    for file, group in by_file:
        notes = {each.line: each for each in group}
        rows = with_context(rows_of[file], file, list(notes))
        added = sum(row.mark == "+" for row in rows)
        removed = sum(row.mark == "-" for row in rows)
        canvas.line(f"{file}   +{added} -{removed}", fill="#f6f8fa", bold=True)
        for row in rows[:ROWS]:
            canvas.line(row.text, fill=_FILL.get(row.mark, ""), mark=row.mark.strip("@"), number=row.number)
            if note := notes.get(row.number):
                canvas.box(note)
        if len(rows) > ROWS:
            canvas.line(f"… {len(rows) - ROWS} more lines", fill="#f6f8fa")
        canvas.top += 10
    return canvas.svg()


if __name__ == "__main__":
    PICTURE.write_text(picture(*printed()))
    print(PICTURE.relative_to(REPO))
