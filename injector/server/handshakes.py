"""Handshakes of TLS, which take the loop longer than most answers, and so have to wait for each other.

Without that, callers that open a connection for each request while the loop is busy would keep it busy with
handshakes. Not here: TLS itself (channel.py), and how long a handshake may take (connection.py).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from injector.server.queue import SLICE_SECONDS


class Handshakes:
    """The handshakes of a listener: in a turn of the loop they take a slice at most, in order."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._turn = self._used = 0.0

    def step(self, do: Callable[[], None]) -> None:
        """Do a step of a handshake now, or in its turn."""
        loop = asyncio.get_running_loop()
        # uvloop's time stands still during a turn.
        if loop.time() != self._turn:
            self._turn, self._used = loop.time(), 0.0
        if not self._waiting and self._used <= SLICE_SECONDS:
            self._do(do)
            return
        self._waiting.append(do)
        if len(self._waiting) == 1:
            loop.call_soon(self._slice, loop)

    def _slice(self, loop: asyncio.AbstractEventLoop) -> None:
        self._used = 0.0
        try:
            self._do(self._waiting.popleft())
            while self._waiting and self._used <= SLICE_SECONDS:
                self._do(self._waiting.popleft())
        finally:
            if self._waiting:
                loop.call_soon(self._slice, loop)

    def _do(self, do: Callable[[], None]) -> None:
        begun = time.thread_time()
        try:
            do()
        finally:
            self._used += time.thread_time() - begun
