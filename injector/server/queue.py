"""The admissions that wait for their turn, and what is refused because too many do.

Here: how many may wait, for how long, and in which order. The work is done in the loop's own thread,
in slices; between two of them handshakes go on and requests are read. Not here: HTTP (app.py), and
what the work is.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

Done = TypeVar("Done")

SLICE_SECONDS = 0.004
# With the time for the answer itself, who is let in is answered within a second.
MOST_SECONDS = 0.8
# A body up to this size is never refused for its size: who sends large ones slowly starves nobody.
SMALL = 64 * 1024
# How much the newest slice counts in what an admission is thought to take.
_WEIGHT = 1 / 8


class Overloaded(Exception):
    """A request is not answered. `cause`: full, wait, bytes (of bodies), age, or gone (the caller is)."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Size:
    """How many requests may wait, and how many bytes their bodies may have together."""

    length: int = 512
    bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Entry:
    work: Callable[[], Any]
    until: float
    gone: Callable[[], bool]
    answer: asyncio.Future[Any]


class Queue:
    """First come, first served. Times are those of ``time.perf_counter``."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._waiting: deque[_Entry] = deque()
        self._held = 0
        # Seconds for one admission, with what the loop does between two of them; 0 where nobody knows.
        self._pace = 0.0
        self._busy_since: float | None = None
        self._scheduled = False

    def __len__(self) -> int:
        return len(self._waiting)

    def check(self, budget: float | None) -> None:
        """Raise Overloaded where a request that came now would not have its turn in time."""
        if len(self._waiting) >= self._size.length:
            raise Overloaded("full")
        # By half of the time, as the guess may be wrong: who is let in should be answered.
        if len(self._waiting) * self._pace > _patience(budget) / 2:
            raise Overloaded("wait")

    @contextlib.contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """Yields what to tell each part of a body to; it is held until the end. May raise Overloaded."""
        size = 0

        def hold(more: int) -> None:
            nonlocal size
            size += more
            self._held += more
            if size > SMALL and self._held > self._size.bytes:
                raise Overloaded("bytes")

        try:
            yield hold
        finally:
            self._held -= size

    async def turn(
        self, work: Callable[[], Done], started: float, budget: float | None, gone: Callable[[], bool]
    ) -> Done:
        """Do the work when its turn comes; `started` is when the request came. Raises Overloaded."""
        self.check(budget)
        until = time.perf_counter() + _patience(budget)
        if budget is not None:
            until = min(until, started + budget)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Done] = loop.create_future()
        self._waiting.append(_Entry(work, until, gone, answer))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._slice, loop)
        return await answer

    def _slice(self, loop: asyncio.AbstractEventLoop) -> None:
        """Work for a few milliseconds, at least for one entry that is still wanted."""
        begun = now = time.perf_counter()
        done = 0
        while self._waiting and now - begun < SLICE_SECONDS:
            done += _settle(self._waiting.popleft(), now)
            now = time.perf_counter()
        if done:
            spent = now - (begun if self._busy_since is None else self._busy_since)
            self._pace += (spent / done - self._pace) * _WEIGHT
        self._scheduled = bool(self._waiting)
        self._busy_since = now if self._scheduled else None
        if self._scheduled:
            loop.call_soon(self._slice, loop)


def _settle(entry: _Entry, now: float) -> bool:
    """Do an entry's work, unless it is of no use any more; returns whether it was done."""
    if entry.answer.done():  # given up by who waited for it
        return False
    if entry.gone():
        entry.answer.set_exception(Overloaded("gone"))
        return False
    if now > entry.until:
        entry.answer.set_exception(Overloaded("age"))
        return False
    try:
        entry.answer.set_result(entry.work())
    except Exception as error:
        entry.answer.set_exception(error)
    return True


def _patience(budget: float | None) -> float:
    return MOST_SECONDS if budget is None else min(MOST_SECONDS, budget / 4)
