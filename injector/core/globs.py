"""Globs: `*` stands for any text, everything else for itself.

Matched part by part from the left. Each part is searched for once, so the work is linear in the
text for each part, which no regular expression promises.
"""

from __future__ import annotations

from collections.abc import Iterable

Glob = tuple[str, ...]
"""The texts between the stars of one pattern; of a pattern without stars, the pattern."""


def parsed(patterns: Iterable[str]) -> tuple[Glob, ...]:
    """The patterns, ready to be matched."""
    return tuple(tuple(pattern.split("*")) for pattern in patterns)


def matches(glob: Glob, text: str) -> bool:
    """Whether the whole text fits the pattern."""
    if len(glob) == 1:
        return text == glob[0]
    first, *middle, last = glob
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        place = text.find(part, at, end)
        if place < 0:
            return False
        # The first place leaves most text to the parts that follow.
        at = place + len(part)
    return True
