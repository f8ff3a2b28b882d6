"""Results of commands: JSON or YAML for programs, tables for people. Not here: what a result holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from injector import yamltext
from injector.printable import json_text, visible

PROGRAMS: Final = ("json", "yaml")
"""The formats that hold everything."""


def for_programs(result: Any, output: str) -> str:
    """A result as JSON or YAML, without a line break at its end."""
    return yamltext.dump(result).rstrip("\n") if output == "yaml" else json_text(result)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of aligned columns under headings in capitals, as kubectl prints them."""
    cells = [[heading.upper() for heading in headings], *([visible(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
