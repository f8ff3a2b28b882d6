"""A plan: the patch of one shape as pieces of text, with the copied texts between them.

Made of the patch for a pod whose texts are marks. Not here: shapes (shape.py), and who makes and proves a
plan (planner.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from injector.classes import dataclass
from injector.patterns import pattern

# Allowed wherever a copied text is, and in no pod by accident: a pod that has it gets no plan.
STEM: Final = "q7x"
UNREAD_MARK: Final = f"{STEM}u{STEM}"
_MARK: Final = pattern(f"{STEM}([0-9]{{3}}){STEM}")
_MOST: Final = 1000
# What stands before and behind a word.
_EDGE: Final = ("(?<![-a-z0-9])", "(?![-a-z0-9])")


def mark(number: int) -> str:
    """The mark of a copied text, or of one that nobody reads; their order is that of the numbers."""
    return UNREAD_MARK if number < 0 else f"{STEM}{number:03}{STEM}"


@dataclass(frozen=True, slots=True)
class PatchPlan:
    """A patch in pieces; at `holes` the text of that number follows."""

    pieces: tuple[str, ...]
    holes: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, patch: str, count: int) -> PatchPlan | None:
        """The plan of a patch with marks; None where a text that nobody reads is in it, or part of a mark."""
        if count > _MOST:
            return None
        parts = _MARK.split(patch)
        # Odd members of the split are the numbers.
        pieces = [part if place % 2 == 0 else "" for place, part in enumerate(parts)]
        holes = tuple((place, int(part)) for place, part in enumerate(parts) if place % 2)
        if any(STEM in piece for piece in pieces) or any(number >= count for _, number in holes):
            return None
        return cls(tuple(pieces), holes)

    def patch(self, values: Sequence[str]) -> str:
        """The patch for a pod with these texts."""
        pieces = list(self.pieces)
        for place, number in self.holes:
            pieces[place] = values[number]
        return "".join(pieces)

    def apart(self, text: str, number: int) -> PatchPlan:
        """The plan with a hole of that number wherever a text stands by itself."""
        numbers = dict(self.holes)
        pieces: list[str] = []
        holes: list[tuple[int, int]] = []
        for place, piece in enumerate(self.pieces):
            if place in numbers:
                holes.append((len(pieces), numbers[place]))
            for part in re.split(f"({_EDGE[0]}{re.escape(text)}{_EDGE[1]})", piece):
                if part == text:
                    holes.append((len(pieces), number))
                pieces.append("" if part == text else part)
        return PatchPlan(tuple(pieces), tuple(holes))

    @property
    def size(self) -> int:
        """Its bytes in memory, about."""
        return sum(map(len, self.pieces)) + 120 * len(self.holes)
