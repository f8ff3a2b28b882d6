"""Names that are like another one: what `difflib` finds, without loading it where nothing is alike.

Values of a control plane have many names that are none of ours, and next to all of them are like none.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_ROUNDING: Final = 1e-9


def close_matches(word: str, names: Iterable[str], n: int = 3, cutoff: float = 0.6) -> list[str]:
    """What `difflib.get_close_matches` gives."""
    likely = [name for name in names if _may_be_near(word, name, cutoff)]
    return difflib.get_close_matches(word, likely, n, cutoff) if likely else []


def _may_be_near(word: str, name: str, cutoff: float) -> bool:
    """False only where the ratio of difflib is below the limit, as even too few letters are in both."""
    needed = cutoff * (len(word) + len(name)) / 2 - _ROUNDING
    if min(len(word), len(name)) < needed or sum(map(name.__contains__, word)) < needed:
        return False
    return sum(min(word.count(letter), name.count(letter)) for letter in set(word)) >= needed
