"""What makes one list of lines of another, with as few lines as possible.

difflib prefers long runs of equal lines, and so removes lines where it would do to insert others. Not
here: how a difference is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from injector.classes import dataclass

# Beyond so many steps the shortest way is not looked for.
_STEPS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class LineEdit:
    """Lines `start` to `end` become lines `new_start` to `new_end`; both may be empty."""

    start: int
    end: int
    new_start: int
    new_end: int


def edits(before: Sequence[str], after: Sequence[str]) -> list[LineEdit]:
    """The edits from one list of lines to another, in order."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    quick = [LineEdit(*numbers) for word, *numbers in matcher.get_opcodes() if word != "equal"]
    if not any(edit.start < edit.end for edit in quick):
        return quick
    shortest = _shortest(before, after)
    if shortest is None or _removed(shortest) >= _removed(quick):
        return quick
    return shortest


def _removed(changes: Sequence[LineEdit]) -> int:
    return sum(edit.end - edit.start for edit in changes)


def _shortest(before: Sequence[str], after: Sequence[str]) -> list[LineEdit] | None:
    """The fewest removed and inserted lines (E. W. Myers, 1986), None where that takes too long."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    old, new = before[start:], after[start:]
    # reach[k]: how far one gets in `old` on the diagonal k with the edits so far.
    reach = {1: 0}
    trace: list[dict[int, int]] = []
    for count in range(len(old) + len(new) + 1):
        if count * count > _STEPS:
            return None
        trace.append(dict(reach))
        for k in range(-count, count + 1, 2):
            down = k == -count or (k != count and reach[k - 1] < reach[k + 1])
            x = reach[k + 1] if down else reach[k - 1] + 1
            y = x - k
            while x < len(old) and y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
            reach[k] = x
            if x >= len(old) and y >= len(new):
                return _joined(reversed(list(_steps(trace, x, y))), start)
    return None


def _steps(trace: list[dict[int, int]], x: int, y: int) -> Iterator[tuple[int, int, bool]]:
    """The single steps back from the end: the place before each, and whether it inserts a line."""
    for count in range(len(trace) - 1, 0, -1):
        reach, k = trace[count], x - y
        down = k == -count or (k != count and reach[k - 1] < reach[k + 1])
        x = reach[k + 1] if down else reach[k - 1]
        y = x - (k + 1 if down else k - 1)
        yield x, y, down


def _joined(steps: Iterator[tuple[int, int, bool]], offset: int) -> list[LineEdit]:
    """Single steps as edits of lines that stand together."""
    out: list[LineEdit] = []
    for x, y, down in steps:
        x, y = x + offset, y + offset
        end, new_end = x + (not down), y + down
        if out and (out[-1].end, out[-1].new_end) == (x, y):
            out[-1] = LineEdit(out[-1].start, end, out[-1].new_start, new_end)
        else:
            out.append(LineEdit(x, end, y, new_end))
    return out
