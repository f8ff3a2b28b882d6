"""Results of commands: JSON or YAML for programs, tables for people. Not here: what a result holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from injector import yamltext
from injector.printable import json_text, visible

PROGRAMS: Final = ("json", "yaml")
"""The formats that hold everything."""


def for_programs(result: Any, output: str) -> str:
    """A result as JSON or YAML, without a line break at its end."""
    return yamltext.dump(result).rstrip("\n") if output == "yaml" else json_text(result)


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    styled: Callable[[int, str], str] = lambda _column, cell: cell,
) -> list[str]:
    """Lines of aligned columns under headings in capitals, as kubectl prints them.

    `styled` takes the number of a column and a cell below its heading, and adds colour to it.
    """
    cells = [[heading.upper() for heading in headings], *([visible(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for number, row in enumerate(cells):
        padded = [
            (styled(column, cell) if number and cell else cell) + " " * (width - len(cell))
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("   ".join(padded).rstrip())
    return lines
