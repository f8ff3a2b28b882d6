"""A CPU profile of the process while it works: samples of what its threads do, as collapsed stacks.

Here: one profile at a time, the sampling, and the text. Not here: who may ask for it (debug.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

from injector.errors import ReviewError
from injector.patterns import pattern

PATH: Final = "/debug/profile"
SECONDS: Final = 10
MOST_SECONDS: Final = 60
# Shorter than a usual admission. A sample takes some microseconds, as threads that wait are passed over.
_INTERVAL: Final = 0.002
# Deeper frames are left out.
_DEPTH: Final = 200
_APART: Final = pattern(r"[;\s]")

Stack = tuple[str, ...]


class Profiler:
    """Makes one profile at a time; each ends early when `ended` says so."""

    def __init__(self, ended: Callable[[], bool]) -> None:
        self._ended = ended
        self._busy = False

    async def profile(self, seconds: int) -> str:
        """The stacks of so many seconds, with the microseconds of CPU time of each.

        Raises ReviewError while another profile is made.
        """
        if self._busy:
            raise ReviewError("another profile is being made", status=409, hint="wait for its end")
        self._busy = True
        gone = threading.Event()
        try:
            until = time.monotonic() + seconds
            work = asyncio.get_running_loop().run_in_executor(
                None, sample, lambda: gone.is_set() or self._ended() or time.monotonic() >= until
            )
            return text_of(await asyncio.shield(work))
        finally:
            gone.set()
            self._busy = False


def seconds_of(text: str) -> int:
    """The seconds that a request asks for. Raises ReviewError for others than 1 to 60."""
    if not text:
        return SECONDS
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= MOST_SECONDS):
        hint = f"use {PATH}?seconds={SECONDS}"
        raise ReviewError(f"seconds must be a whole number from 1 to {MOST_SECONDS}", status=400, hint=hint)
    return int(text)


def sample(over: Callable[[], bool], pause: Callable[[float], None] = time.sleep) -> Counter[Stack]:
    """The CPU nanoseconds of each stack, until it is over.

    What a thread used between two samples counts for its stack in the second one.
    """
    out: Counter[Stack] = Counter()
    before = dict(_used())
    while not over():
        pause(_INTERVAL)
        frames = sys._current_frames()
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, used in _used():
            spent = used - before.get(ident, used)
            before[ident] = used
            if spent > 0 and ident in frames:
                out[(_word(names.get(ident, "thread")), *_stack(frames[ident]))] += spent
        del frames
    return out


def text_of(stacks: Counter[Stack]) -> str:
    """Collapsed stacks, as flame graph programs read them: frames from the outermost on, and microseconds."""
    lines = (f"{';'.join(stack)} {spent // 1000}\n" for stack, spent in sorted(stacks.items()))
    return "".join(line for line in lines if not line.endswith(" 0\n"))


def _used() -> Iterator[tuple[int, int]]:
    """The CPU nanoseconds of each other thread."""
    own = threading.get_ident()
    for thread in threading.enumerate():
        if thread.ident is None or thread.native_id is None or thread.ident == own:
            continue
        # Linux's number for the CPU clock of a thread. Unlike pthread_getcpuclockid it can be made for a
        # thread that has ended, and then there is an error.
        with contextlib.suppress(OSError):
            yield thread.ident, time.clock_gettime_ns((~thread.native_id << 3) | 6)


def _stack(frame: FrameType | None) -> Stack:
    names: list[str] = []
    while frame is not None and len(names) < _DEPTH:
        names.append(f"{frame.f_globals.get('__name__', 'template')}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return tuple(map(_word, reversed(names)))


def _word(name: str) -> str:
    """The name of a thread or function without the characters that have a meaning in the text."""
    return _APART.sub("_", name)
