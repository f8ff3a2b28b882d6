"""One caller's connection: uvicorn's HTTP protocol, and what a caller may not hold on to.

Here: how large a head may be, how long a request may take to arrive and an answer to be read, and
whether the connection goes on after an answer. Not here: listening and stopping (run.py), what is
answered (app.py), and how many requests wait (queue.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import random
import ssl
import sys
import termios
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

HEAD_BYTES = 32 * 1024
HEADERS = 100

# The API server keeps idle connections for 90 s and sends no POST twice: it has to be the one
# that closes them.
KEEP_ALIVE_SECONDS = 120
CLOSING_SECONDS = 1.0

# Connections that were opened together should not end together.
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Bounds:
    """What connections may take. `connections` are those that are open, in their handshake or past it.

    `read_seconds` is the time for a handshake, for a request to arrive, and for an answer to be
    taken. After `age_seconds` an answer is the last one, so that callers spread over all replicas;
    0 means never.
    """

    connections: int = 2000
    read_seconds: float = 10.0
    age_seconds: float = 0.0


class HeadTooLarge(Exception):
    """A head is larger than HEAD_BYTES or has more lines than HEADERS."""


class Shared(ServerState):
    """What the connections of a listener have in common. While it drains every answer is the last one.

    `cut` is told the cause when a connection is ended by us without an answer.
    """

    def __init__(self, bounds: Bounds, cut: Callable[[str], None]) -> None:
        super().__init__()
        self.bounds = bounds
        self.cut = cut
        self.draining = False
        # Those that never end, or fail, are gone with their connection.
        self.handshakes = weakref.WeakSet[ssl.SSLObject]()

    def enter(self, handshake: ssl.SSLObject) -> None:
        """Take a connection whose handshake begins. Raises OSError where there are too many."""
        if len(self.connections) + len(self.handshakes) >= self.bounds.connections:
            self.cut("connections")
            raise ConnectionAbortedError
        self.handshakes.add(handshake)


class Connection(HttpToolsProtocol):
    """A connection, from the end of its handshake on."""

    def __init__(self, config: uvicorn.Config, shared: Shared) -> None:
        super().__init__(config, shared, {})
        self._shared = shared
        self._bounds = shared.bounds
        self._until = float("inf")
        self._quiet_since = 0.0
        # When the request that is arriving began to; None between requests.
        self._since: float | None = None
        self._in_head = True
        self._fed = 0
        self._head = 0
        self._lines = 0
        # What the kernel had for the caller at the last look, and since when that has not become less.
        self._unsent = 0
        self._stuck_since = self._looked_at = 0.0
        self._closed_at: float | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if (handshake := transport.get_extra_info("ssl_object")) is not None:
            self._shared.handshakes.discard(handshake)
        # For who asks who the caller is, or whether it is still there.
        self.app_state = {"transport": transport}
        now = self.loop.time()
        self._quiet_since = now
        if self._bounds.age_seconds:
            self._until = now + self._bounds.age_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)
        if len(self.connections) > self._bounds.connections:
            self._end("connections")

    def data_received(self, data: bytes) -> None:
        if self._since is None:
            self._since = self.loop.time()
        self._fed += len(data)
        super().data_received(data)
        # The parser gathers a line until it is complete, however long it is.
        if self._in_head and self._fed > 2 * HEAD_BYTES and not self.transport.is_closing():
            self._end("head")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._since is None:
            self._since = self.loop.time()
        self._in_head = True
        self._fed = self._head = self._lines = 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > HEAD_BYTES or self._lines > HEADERS:
            raise HeadTooLarge

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
        if self._shared.draining or self.loop.time() > self._until:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._quiet_since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        if self._head > HEAD_BYTES or self._lines > HEADERS:
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                                 b"content-length: 0\r\nconnection: close\r\n\r\n")  # fmt: skip
            self._close()
        else:
            super().send_400_response(msg)

    def end_after_answer(self) -> None:
        """Let the answer under way be the last one, where one is."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def end_if_idle(self, quiet: float) -> None:
        """Close the connection where nothing came for so many seconds and nothing is under way."""
        now = self.loop.time()
        if self._closed_at is None and self.transport.is_closing():
            self._closed_at = now
        if self._closed_at is not None:
            # Callers that do not answer the end of TLS would hold the process for half a minute.
            if now - self._closed_at > CLOSING_SECONDS:
                self.transport.abort()
        elif self._is_idle() and now - self._quiet_since >= quiet and not self._in_kernel(termios.FIONREAD):
            self._close()

    def look_after(self) -> None:
        """End the connection where its caller is too slow, or has been silent for too long."""
        if self.transport.is_closing():
            return
        now, patience = self.loop.time(), self._bounds.read_seconds
        unsent = self._in_kernel(termios.TIOCOUTQ)
        # As much as the last time may be the next answer on its way.
        answered = self._quiet_since > self._looked_at
        if not self._unsent or unsent < self._unsent or (answered and unsent == self._unsent):
            self._stuck_since = now
        self._unsent, self._looked_at = unsent, now
        if self._since is not None and now - self._since > patience:
            self._end("request")
        elif now - self._stuck_since > patience and unsent:
            self._end("answer")
        elif self._is_idle() and now - self._quiet_since > KEEP_ALIVE_SECONDS:
            self._close()

    def _is_idle(self) -> bool:
        return self._since is None and (self.cycle is None or self.cycle.response_complete)

    def _in_kernel(self, what: int) -> int:
        """How many bytes the kernel has: come and not seen by us (FIONREAD), or not taken (TIOCOUTQ)."""
        kept = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # it ended a moment ago
            if kept is not None:
                return int.from_bytes(fcntl.ioctl(kept.fileno(), what, bytes(4)), sys.byteorder)
        return 0

    def _close(self) -> None:
        self._closed_at = self.loop.time()
        self.transport.close()

    def _end(self, cause: str) -> None:
        self._shared.cut(cause)
        self.transport.abort()
