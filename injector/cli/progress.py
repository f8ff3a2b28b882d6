"""How far a long run is: one line on stderr that is overwritten, on a terminal only. Not here: results."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

MANY: Final = 50
"""So many items take a noticeable time."""
_EVERY: Final = 10
_CLEARED: Final = "\r\x1b[K"


class _Shown:
    """The line that stands on the terminal, if any."""

    is_line = False


def cleared() -> None:
    """Remove the line, so that another one can be printed."""
    if _Shown.is_line:
        _Shown.is_line = False
        sys.stderr.write(_CLEARED)
        sys.stderr.flush()


def running(items: Iterable[T], what: str, many: int = MANY) -> Iterator[T]:
    """Yield items whose number is not known, and show how many are done; what prints calls `cleared`."""
    if not _is_terminal():
        yield from items
        return
    try:
        for done, item in enumerate(items):
            if done >= many and done % _EVERY == 0:
                sys.stderr.write(f"{_CLEARED}{what} {done}")
                sys.stderr.flush()
                _Shown.is_line = True
            yield item
    finally:
        cleared()


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def counted(items: Sequence[T], what: str, many: int = MANY) -> Iterator[T]:
    """Yield the items, and show how many are done where there are many."""
    stream = sys.stderr
    if len(items) < many or not _is_terminal():
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
