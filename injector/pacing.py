"""How often something is done: at a rate, or now and then. Not here: what is done."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable


class Throttle:
    """Lets one of each kind through in `seconds`, and counts the others.

    For what callers can make happen any number of times; the kinds are a closed set.
    """

    def __init__(self, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last: dict[Hashable, tuple[float, int]] = {}

    def times(self, kind: Hashable) -> int:
        """How many there were since the last that was let through, this one too; 0 keeps this one back."""
        now = self._clock()
        at, held_back = self._last.get(kind, (-math.inf, 0))
        if now - at < self._seconds:
            self._last[kind] = (at, held_back + 1)
            return 0
        self._last[kind] = (now, 0)
        return held_back + 1


class TokenBucket:
    """`rate` a second, and up to `size` at once after a pause."""

    def __init__(self, rate: float, size: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._size, self._clock = rate, size, clock
        self._tokens, self._since = size, clock()

    def wait(self) -> float:
        """The seconds until there is a token; 0 where there is one."""
        now = self._clock()
        self._tokens = min(self._size, self._tokens + (now - self._since) * self._rate)
        self._since = now
        return max(0.0, 1 - self._tokens) / self._rate

    def take(self) -> None:
        """Take a token, for which was waited where there was none."""
        self.wait()
        self._tokens = max(0.0, self._tokens - 1)
