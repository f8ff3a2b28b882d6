"""Two texts side by side, line by line, with long unchanged stretches apart.

Here: which lines are in one row. Not here: how it looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

CONTEXT: Final = 3
# Fewer unchanged lines than this are not worth a fold.
_WORTH_FOLDING: Final = 4
# Past this many lines on a side, what differs is shown as one change: comparing gets slow.
_COMPARED: Final = 6000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of each side; number 0 where a side has none."""

    left: int
    before: str
    right: int
    after: str
    same: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that belong together; folded where nothing changes in or near them."""

    rows: tuple[Row, ...]
    folded: bool = False


def compare(before: str, after: str) -> tuple[Stretch, ...]:
    """The stretches of two texts in order, folded and open ones in turn."""
    old, new = before.splitlines(), after.splitlines()
    return tuple(_stretches(list(_rows(old, new))))


def _rows(old: list[str], new: list[str]) -> Iterator[Row]:
    for word, i1, i2, j1, j2 in _opcodes(old, new):
        for k in range(max(i2 - i1, j2 - j1)):
            i, j = i1 + k, j1 + k
            left, before = (i + 1, old[i]) if i < i2 else (0, "")
            right, after = (j + 1, new[j]) if j < j2 else (0, "")
            yield Row(left, before, right, after, word == "equal")


def _opcodes(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
    if max(len(old), len(new)) <= _COMPARED:
        return list(SequenceMatcher(None, old, new).get_opcodes())
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    i, j = len(old) - end, len(new) - end
    return [
        ("equal", 0, start, 0, start),
        ("replace", start, i, start, j),
        ("equal", i, len(old), j, len(new)),
    ]


def _common(first: list[str], second: list[str]) -> int:
    """How many lines at the start are the same."""
    pairs = zip(first, second, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _stretches(rows: list[Row]) -> Iterator[Stretch]:
    open_rows: list[Row] = []
    for start, end in _runs(rows):
        run = rows[start:end]
        # At the very start and end of the text there is no change to give context to.
        head = CONTEXT if start else 0
        tail = CONTEXT if end < len(rows) else 0
        if run[0].same and len(run) - head - tail >= _WORTH_FOLDING:
            if open_rows + run[:head]:
                yield Stretch(tuple(open_rows + run[:head]))
            yield Stretch(tuple(run[head : len(run) - tail]), folded=True)
            open_rows = run[len(run) - tail :]
        else:
            open_rows += run
    if open_rows:
        yield Stretch(tuple(open_rows))


def _runs(rows: list[Row]) -> Iterator[tuple[int, int]]:
    """Start and end of each run of rows that are the same, or that are not."""
    start = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or rows[i].same is not rows[start].same:
            yield start, i
            start = i
