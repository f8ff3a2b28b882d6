"""What differs between two texts, in blocks of lines, with long unchanged stretches folded.

Here: which lines are in one block. Not here: how it looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

from injector.classes import dataclass, replace

CONTEXT: Final = 3
# Fewer lines than this are not worth a fold, or a reference to another text.
WORTH_FOLDING: Final = 4
# Fewer are, with so many characters.
_LONG_RUN: Final = 160
_WIDE: Final = 160
# Past this many lines on a side, what differs is shown as one change: comparing gets slow.
_COMPARED: Final = 6000


class LineChange(StrEnum):
    """What happened to the lines of a block."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Block:
    """Lines to which one thing happened; a changed block has as many lines before as after.

    `folded`: no change is in or near the lines. `left_out` counts lines that stand elsewhere on the
    page, and of which this block has none.
    """

    change: LineChange
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    folded: bool = False
    left_out: int = 0


def compare(before: str, after: str) -> tuple[Block, ...]:
    """The blocks of two texts in order. A block has two sides only where both have a line."""
    old, new = before.splitlines(), after.splitlines()
    return tuple(_folded(list(_blocks(old, new))))


def added_lines(blocks: Sequence[Block]) -> tuple[str, ...]:
    """All lines that were added, in order."""
    return tuple(line for block in blocks if block.change is LineChange.ADDED for line in block.after)


def shortened(blocks: Sequence[Block], other: Sequence[str]) -> tuple[Block, ...]:
    """The blocks without long runs of added lines that `other` has too.

    Of unchanged lines and of very long ones little is left.
    """
    shared = _shared(other, added_lines(blocks))
    out: list[Block] = []
    start = 0
    for block in blocks:
        if block.folded:
            out.append(Block(block.change, folded=True, left_out=len(block.before)))
        elif block.change is LineChange.ADDED:
            out += _without(block.after, [(i - start, j - start) for i, j in shared])
            start += len(block.after)
        elif block.change is LineChange.SAME:
            # The line above a change is enough to say where it is.
            out.append(Block(LineChange.SAME, block.before[-1:], block.after[-1:]))
        else:
            out.append(block)
    return tuple(map(_narrow, out))


def _shared(other: Sequence[str], lines: Sequence[str]) -> list[tuple[int, int]]:
    """Where the runs of lines begin and end that another text has in the same order."""
    return [(m.b, m.b + m.size) for m in SequenceMatcher(None, other, lines).get_matching_blocks()]


def _without(lines: tuple[str, ...], shared: list[tuple[int, int]]) -> Iterator[Block]:
    at = 0
    for first, last in shared:
        start, end = max(first, 0), min(last, len(lines))
        run = lines[start : max(start, end)]
        if len(run) < WORTH_FOLDING and sum(map(len, run)) < _LONG_RUN:
            continue
        if start > at:
            yield Block(LineChange.ADDED, after=lines[at:start])
        yield Block(LineChange.ADDED, left_out=len(run))
        at = end
    if at < len(lines):
        yield Block(LineChange.ADDED, after=lines[at:])


def _narrow(block: Block) -> Block:
    before, after = (tuple(map(_cut, side)) for side in (block.before, block.after))
    return replace(block, before=before, after=after)


def _cut(line: str) -> str:
    return line if len(line) <= _WIDE else line[: _WIDE - 1] + "…"


def _blocks(old: list[str], new: list[str]) -> Iterator[Block]:
    for word, i1, i2, j1, j2 in _opcodes(old, new):
        if word == "equal":
            yield Block(LineChange.SAME, tuple(old[i1:i2]), tuple(new[j1:j2]))
            continue
        both = min(i2 - i1, j2 - j1)
        if both:
            yield Block(LineChange.CHANGED, tuple(old[i1 : i1 + both]), tuple(new[j1 : j1 + both]))
        if i1 + both < i2:
            yield Block(LineChange.REMOVED, before=tuple(old[i1 + both : i2]))
        if j1 + both < j2:
            yield Block(LineChange.ADDED, after=tuple(new[j1 + both : j2]))


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


def _folded(blocks: list[Block]) -> Iterator[Block]:
    for number, block in enumerate(blocks):
        lines = block.before
        # At the very start and end of the text there is no change to give context to.
        head = CONTEXT if number else 0
        tail = CONTEXT if number + 1 < len(blocks) else 0
        if block.change is not LineChange.SAME or len(lines) - head - tail < WORTH_FOLDING:
            if lines or block.after:
                yield block
            continue
        for start, end in ((0, head), (head, len(lines) - tail), (len(lines) - tail, len(lines))):
            if start < end:
                part = lines[start:end]
                yield Block(LineChange.SAME, part, part, folded=start == head)
