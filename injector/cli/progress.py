"""How far a long run is: one line on stderr that is overwritten, on a terminal only. Not here: results."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

MANY: Final = 50
"""So many items take a noticeable time."""
_CLEARED: Final = "\r\x1b[K"


def counted(items: Sequence[T], what: str, many: int = MANY) -> Iterator[T]:
    """Yield the items, and show how many are done where there are many."""
    stream = sys.stderr
    if len(items) < many or not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield from items
        return
    try:
        for done, item in enumerate(items):
            stream.write(f"{_CLEARED}{what} {done} of {len(items)}")
            stream.flush()
            yield item
    finally:
        stream.write(_CLEARED)
        stream.flush()
