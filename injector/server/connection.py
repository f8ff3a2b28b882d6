"""One caller's connection: uvicorn's HTTP protocol, and what a caller may not hold on to.

Here: how large a head may be, how much of its requests is held, how long a request may take to arrive
and an answer to be read, and whether the connection goes on after an answer. Not here: who gives way to
whom (places.py), TLS (channel.py), listening and stopping (run.py), what is answered (app.py), and how
many requests wait (queue.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import random
import sys
import termios
from collections import deque
from collections.abc import Callable
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from injector.server.channel import RECORD, Channel
from injector.server.places import Bounds, Places, Rank, client_of

HEAD_BYTES = 32 * 1024
HEADERS = 100
# What is neither head nor body: the sizes and extensions of chunks, and what is sent between requests.
FRAMING_BYTES = 2 * HEAD_BYTES
# The API server's client sends no request before the answer to the last one.
PIPELINED = 8
# A hello and a chain of client certificates are a few KiB.
HANDSHAKE_BYTES = 64 * 1024
# What a request takes in memory before anything of it is counted by its size, and each line of its head.
_REQUEST_BYTES = 4 * 1024
_LINE_BYTES = 128

# The API server keeps idle connections for 90 s and sends no POST twice: it has to be the one
# that closes them.
KEEP_ALIVE_SECONDS = 120
# A caller is given so long to say that it has seen the end of TLS, and so long once the replica stops.
SHUTDOWN_SECONDS = 5.0
CLOSING_SECONDS = 1.0

# Connections that were opened together should not end together.
_JITTER = 0.2


class HeadTooLarge(Exception):
    """A head is larger than HEAD_BYTES or has more lines than HEADERS."""


class Pipelined(Exception):
    """More than PIPELINED requests wait for the answer to the one before."""


class Shared(ServerState):
    """What the connections of a listener have in common. While it drains every answer is the last one.

    `cut` is told the cause when a connection is ended by us without an answer.
    """

    def __init__(self, bounds: Bounds, cut: Callable[[str], None]) -> None:
        super().__init__()
        self.bounds = bounds
        self.cut = cut
        self.draining = False
        self.places: Places[Connection] = Places(bounds)


class Connection(HttpToolsProtocol):
    """A connection, from when it was accepted on; it asks for nothing before its handshake has ended."""

    def __init__(self, config: uvicorn.Config, shared: Shared) -> None:
        super().__init__(config, shared, {})
        self.address = ""
        self.rank = Rank.NEWCOMER
        self.held = 0
        self.heard_at = self.loop.time()
        self._shared = shared
        self._bounds = shared.bounds
        self._accepted: Any = None
        self._shaken = 0
        self._made = False
        self._until = float("inf")
        self._quiet_since = self.heard_at
        # Since when a request is due or on its way; None between requests.
        self._since: float | None = self.heard_at
        self._silent = True
        self._in_head = True
        self._fed = 0
        self._head = 0
        self._lines = 0
        self._body = 0
        # What each request that has no answer yet makes the process hold.
        self._unanswered: deque[int] = deque()
        # What the kernel had for the caller at the last look, and since when that has not become less.
        self._unsent = 0
        self._stuck_since = self._looked_at = 0.0
        self._closed_at: float | None = None

    def accepted(self, transport: Any) -> None:
        """Take a place. A handshake may be before it."""
        self._accepted = transport
        peer = transport.get_extra_info("peername")
        # Who has hung up in the meantime has no address.
        self.address = client_of(peer[0]) if peer else ""
        self._shared.places.enter(self)

    def shaken(self, size: int) -> None:
        """TLS needed so many more bytes for itself: of a handshake, or answers to changes of keys."""
        self._shaken += size
        if self._shaken > HANDSHAKE_BYTES:
            self.end("handshake")

    def left(self) -> None:
        """The socket is closed."""
        self._shared.places.leave(self)

    def count(self) -> None:
        """Count what the connection makes the process hold: what has come, and what was not taken."""
        size = sum(self._unanswered) if self._made else self._shaken
        if isinstance(self._accepted, Channel):
            size += self._accepted.waits
        if size > self._bounds.bytes_of_one:
            self.end("size")
        else:
            self._shared.places.hold(self, size + self._accepted.get_write_buffer_size())

    def connection_made(self, transport: Any) -> None:
        if self._accepted is None:
            self.accepted(transport)
        super().connection_made(transport)
        self._made = True
        # For who asks who the caller is, or whether it is still there.
        self.app_state = {"transport": transport}
        now = self.loop.time()
        self._quiet_since = self._since = now
        if self._bounds.age_seconds:
            self._until = now + self._bounds.age_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)

    def connection_lost(self, exc: Exception | None) -> None:
        self.left()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._since is None:
            self._since = self.loop.time()
        self._silent = False
        self._shared.places.heard(self, self.loop.time())
        self._unset_keepalive_if_required()
        for begin in range(0, len(data), RECORD):
            if self.transport.is_closing():
                return
            self._feed(data[begin : begin + RECORD])
        self.count()

    def _feed(self, data: bytes) -> None:
        self._fed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # It is answered as if it had not asked for another protocol.
        except httptools.HttpParserError:
            if not self.transport.is_closing():
                self._shared.cut("malformed")
                self.send_400_response("Invalid HTTP request received.")
            return
        if self._unanswered:
            self._unanswered[-1] += len(data)
            if self._body > self._bounds.body:
                # Such a body is read and thrown away.
                self._unanswered[-1] = _REQUEST_BYTES + len(self.cycle.body)
        # The parser gathers a line until it is complete, however long it is.
        if self._in_head and self._fed > 2 * HEAD_BYTES:
            self.end("head")
        elif self._fed - self._body > FRAMING_BYTES + self._body // 16:
            self.end("framing")

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= PIPELINED:
            self.end("pipelined")
            raise Pipelined
        super().on_message_begin()
        if self._since is None:
            self._since = self.loop.time()
        self._in_head = True
        self._fed = self._head = self._lines = self._body = 0
        self._unanswered.append(_REQUEST_BYTES)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        self._count(len(name) + len(value))
        if self._unanswered:
            self._unanswered[-1] += _LINE_BYTES
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > HEAD_BYTES or self._lines > HEADERS:
            raise HeadTooLarge

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
        if self.rank is Rank.NEWCOMER:
            self._shared.places.rank(self, Rank.CALLER)
        if self._shared.draining or self.loop.time() > self._until:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._since = None
        if not self.cycle.response_complete:
            self._shared.places.rank(self, Rank.WAITING)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._quiet_since = self.loop.time()
        self._unanswered.popleft()
        if not self.pipeline:
            self._shared.places.rank(self, Rank.CALLER)
        super().on_response_complete()
        self.count()

    def pause_writing(self) -> None:
        # The answer is the caller's to take.
        self._shared.places.rank(self, Rank.CALLER)
        super().pause_writing()

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
        if not self._made:
            return
        if self.transport.is_closing():
            # Callers that do not answer the end of TLS would hold the process for long.
            if now - self._closing_since(now) > CLOSING_SECONDS:
                self.abort()
        elif self._is_idle() and now - self._quiet_since >= quiet and not self._in_kernel(termios.FIONREAD):
            self._close()

    def look_after(self) -> None:
        """End the connection where its caller is too slow, or has been silent for too long."""
        now, patience = self.loop.time(), self._bounds.read_seconds
        if not self._made:
            if now - self._quiet_since > patience:
                self.end("handshake")
            return
        unsent = self._in_kernel(termios.TIOCOUTQ)
        # As much as the last time may be the next answer on its way.
        answered = self._quiet_since > self._looked_at
        if not self._unsent or unsent < self._unsent or (answered and unsent == self._unsent):
            self._stuck_since = now
        self._unsent, self._looked_at = unsent, now
        if self.transport.is_closing():
            if now - self._closing_since(now) > SHUTDOWN_SECONDS and not unsent:
                self.abort()
            elif now - self._stuck_since > patience and unsent:
                self.end("answer")
        elif self._silent:
            # Callers open connections that they need no more a moment later: they see a clean end.
            if now - self._quiet_since > patience and not self._in_kernel(termios.FIONREAD):
                self._shared.cut("silent")
                self._close()
        elif self._since is not None and now - self._since > patience:
            self.end("request")
        elif now - self._stuck_since > patience and unsent:
            self.end("answer")
        elif self._is_idle() and now - self._quiet_since > KEEP_ALIVE_SECONDS:
            self._close()

    def _closing_since(self, now: float) -> float:
        if self._closed_at is None:
            self._closed_at = now
        return self._closed_at

    def _is_idle(self) -> bool:
        return self._silent or (self._since is None and (self.cycle is None or self.cycle.response_complete))

    def _in_kernel(self, what: int) -> int:
        """How many bytes the kernel has: come and not seen by us (FIONREAD), or not taken (TIOCOUTQ)."""
        sock = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # it ended a moment ago
            if sock is not None:
                return int.from_bytes(fcntl.ioctl(sock.fileno(), what, bytes(4)), sys.byteorder)
        return 0

    def _close(self) -> None:
        self._closed_at = self.loop.time()
        self.transport.close()

    def end(self, cause: str) -> None:
        """End the connection at once, and free its place."""
        self._shared.cut(cause)
        self._shared.places.leave(self)
        self.pipeline.clear()
        self.abort()

    def abort(self) -> None:
        """End the connection without a word, whatever is under way."""
        self._accepted.abort()
