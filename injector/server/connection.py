"""One caller's connection: uvicorn's HTTP protocol, with limits.

Here: how large a head may be, how much of its requests is in memory, how long a request may take to
arrive and an answer to be read, and whether the connection stays open after an answer. Not here: which
connection is closed at a limit of all (places.py), TLS (channel.py), listening and stopping (run.py),
answers (app.py), and how many requests wait (queue.py).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

import httptools
import uvicorn
from uvicorn.server import ServerState

from injector.server import kernel
from injector.server.channel import RECORD, Channel
from injector.server.exchange import AtOnce, Exchanges
from injector.server.places import Bounds, Places, Rank, client_of
from injector.server.tls import verified_certificate

HEAD_BYTES = 32 * 1024
HEADERS = 100
# Bytes that are neither head nor body: sizes and extensions of chunks, and bytes between requests.
FRAMING_BYTES = 2 * HEAD_BYTES
# The API server's client sends no request before the answer to the last one.
PIPELINED = 8
# A hello and a chain of client certificates are a few KiB.
HANDSHAKE_BYTES = 64 * 1024
# Memory of a request besides its bytes, and of each line of its head.
_REQUEST_BYTES = 4 * 1024
_LINE_BYTES = 128

# The API server keeps idle connections for 90 s and sends no POST twice: so it must close them first.
KEEP_ALIVE_SECONDS = 120
# How long a caller may take to answer the end of TLS, and how long once the replica stops.
SHUTDOWN_SECONDS = 5.0
CLOSING_SECONDS = 1.0

# Connections that were opened together should not end together.
_JITTER = 0.2


class HeadTooLarge(Exception):
    """A head is larger than HEAD_BYTES or has more lines than HEADERS."""


class Pipelined(Exception):
    """More than PIPELINED requests wait for the answer to the one before."""


class Shared(ServerState):
    """What the connections of a listener share. While it drains every answer is the last one.

    `cut` is called with the cause when a connection is closed without an answer; `at_once` is that of the
    listener.
    """

    def __init__(self, bounds: Bounds, cut: Callable[[str], None], at_once: AtOnce | None = None) -> None:
        super().__init__()
        self.bounds = bounds
        self.cut = cut
        self.at_once = at_once
        self.draining = False
        self.places: Places[Connection] = Places(bounds)


class Connection(Exchanges):
    """A connection from its acceptance on, with its handshake where there is TLS."""

    def __init__(self, config: uvicorn.Config, shared: Shared) -> None:
        super().__init__(config, shared, shared.at_once)
        self.address = ""
        self.rank = Rank.NEWCOMER
        self.held = 0
        self.heard_at = self.loop.time()
        self._shared = shared
        self._bounds = shared.bounds
        self._accepted: Any = None
        self._shaken = 0
        self._made, self._until = False, float("inf")
        self._quiet_since = self.heard_at
        # Since when a request is due or on its way; None between requests.
        self._since: float | None = self.heard_at
        self._silent = True
        self._in_head = True
        self._fed = 0
        self._head = 0
        self._lines = 0
        self._body = 0
        # The memory of each request that has no answer yet.
        self._unanswered: deque[int] = deque()
        # Bytes that the kernel had for the caller at the last check, and since when they have not decreased.
        self._unsent, self._stuck_since, self._checked_at = 0, 0.0, 0.0
        self._closed_at: float | None = None

    def accepted(self, transport: Any) -> None:
        """Take a place; a handshake may follow."""
        self._accepted = transport
        peer = transport.get_extra_info("peername")
        # A connection that is closed already has no address.
        self.address = client_of(peer[0]) if peer else ""
        self._shared.places.enter(self)

    def shaken(self, size: int) -> None:
        """TLS used so many more bytes itself: for a handshake, or for changes of keys."""
        self._shaken += size
        if self._shaken > HANDSHAKE_BYTES:
            self.end("handshake")

    def left(self) -> None:
        """The socket is closed."""
        self._shared.places.leave(self)

    def count(self) -> None:
        """Count the memory of the connection: of its requests, and of answers not sent."""
        accepted = self._accepted
        size = sum(self._unanswered) if self._made else self._shaken
        if isinstance(accepted, Channel):
            size += accepted.waits
        if size > self._bounds.bytes_of_one:
            self.end("size")
        else:
            self._shared.places.hold(self, size + accepted.get_write_buffer_size())

    def connection_made(self, transport: Any) -> None:
        """The handshake has ended, or there is none."""
        if self._accepted is None:
            self.accepted(transport)
        super().connection_made(transport)
        self._made = True
        # For the caller's certificate, and whether it is still connected.
        tls = transport.get_extra_info("ssl_object")
        self.app_state = {"transport": transport, "certificate": verified_certificate(tls) if tls else None}
        now = self.loop.time()
        self._quiet_since = self._since = now
        if self._bounds.age_seconds:
            self._until = now + self._bounds.age_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self.left()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse bytes of the caller, and check the limits."""
        now = self.loop.time()
        self._shared.places.heard(self, now)
        if self._since is None:
            if not self._is_last_answer(now) and self.answered_at_once(data):
                self._quiet_since = now
                self.count()
                return
            self._since, self.first_bytes = now, data
        elif self._silent:
            self.first_bytes = data
        self._silent = False
        for begin in range(0, len(data), RECORD):
            if self.transport.is_closing():
                return
            self._feed(data[begin : begin + RECORD])
            self.first_bytes = b""
        self.app_state.pop("begun", None)
        self.count()

    def _is_last_answer(self, now: float) -> bool:
        """Whether the connection is to be closed after the next answer."""
        return self._shared.draining or now > self._until

    def _feed(self, data: bytes) -> None:
        self._fed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # The request for another protocol is ignored.
        except httptools.HttpParserError:
            if not self.transport.is_closing():
                self._shared.cut("malformed")
                self.send_400_response("Invalid HTTP request received.")
            return
        if self._unanswered:
            self._unanswered[-1] += len(data)
            if self._body > self._bounds.body:
                # A body past the limit is thrown away.
                self._unanswered[-1] = _REQUEST_BYTES + len(self.cycle.body)
        # The parser keeps a line until it is complete, whatever its length.
        if self._in_head and self._fed > 2 * HEAD_BYTES:
            self.end("head")
        elif self._fed - self._body > FRAMING_BYTES + self._body // 16:
            self.end("framing")

    def on_message_begin(self) -> None:
        """A request begins."""
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
        """The path of a request."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of a request."""
        self._lines += 1
        self._count_head(len(name) + len(value))
        if self._unanswered:
            self._unanswered[-1] += _LINE_BYTES
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def _count_head(self, size: int) -> None:
        self._head += size
        if self._head > HEAD_BYTES or self._lines > HEADERS:
            raise HeadTooLarge

    def on_headers_complete(self) -> None:
        """The head of a request is complete."""
        self._in_head = False
        super().on_headers_complete()
        if self.rank is Rank.NEWCOMER:
            self._shared.places.rank(self, Rank.CALLER)
        if self._is_last_answer(self.loop.time()):
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._since = None
        if not self.cycle.response_complete:
            self._shared.places.rank(self, Rank.WAITING)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is written."""
        self._quiet_since = self.loop.time()
        self._unanswered.popleft()
        if not self.pipeline:
            self._shared.places.rank(self, Rank.CALLER)
        super().on_response_complete()
        self.count()

    def pause_writing(self) -> None:
        """The caller does not read its answer fast enough."""
        self._shared.places.rank(self, Rank.CALLER)
        super().pause_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer 400, or 431 for a head past the limits, and close."""
        if self._head > HEAD_BYTES or self._lines > HEADERS:
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                                 b"content-length: 0\r\nconnection: close\r\n\r\n")  # fmt: skip
            self._close()
        else:
            super().send_400_response(msg)

    def end_after_answer(self) -> None:
        """Let the answer under way be the last one."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def end_if_idle(self, quiet: float) -> None:
        """Close the connection where nothing came for so many seconds and no request is under way."""
        now = self.loop.time()
        if not self._made:
            return
        if self.transport.is_closing():
            # Callers that do not answer the end of TLS would delay the end of the process.
            if now - self._closing_since(now) > CLOSING_SECONDS:
                self.abort()
        elif self._is_idle() and now - self._quiet_since >= quiet and not kernel.unread(self.transport):
            self._close()

    def enforce_timeouts(self) -> None:
        """Close the connection where its caller is too slow, or has sent nothing for too long."""
        now, patience = self.loop.time(), self._bounds.read_seconds
        if not self._made:
            if now - self._quiet_since > patience:
                self.end("handshake")
            return
        unread = self._unread_for_too_long(now, patience)
        if self.transport.is_closing():
            if now - self._closing_since(now) > SHUTDOWN_SECONDS and not self._unsent:
                self.abort()
            elif unread:
                self.end("answer")
        elif self._silent:
            self._end_if_silent(now, patience)
        elif self._since is not None and now - self._since > patience:
            self.end("request")
        elif unread:
            self.end("answer")
        elif self._is_idle() and now - self._quiet_since > KEEP_ALIVE_SECONDS:
            self._close()

    def _unread_for_too_long(self, now: float, patience: float) -> bool:
        """Whether the caller reads nothing of an answer that the kernel has for it."""
        unsent = kernel.unsent(self.transport)
        # The same number of bytes as at the last check may be the next answer.
        answered = self._quiet_since > self._checked_at
        if not self._unsent or unsent < self._unsent or (answered and unsent == self._unsent):
            self._stuck_since = now
        self._unsent, self._checked_at = unsent, now
        return now - self._stuck_since > patience and bool(unsent)

    def _end_if_silent(self, now: float, patience: float) -> None:
        """Close without an error: callers open connections that they do not need a moment later."""
        if now - self._quiet_since > patience and not kernel.unread(self.transport):
            self._shared.cut("silent")
            self._close()

    def _closing_since(self, now: float) -> float:
        if self._closed_at is None:
            self._closed_at = now
        return self._closed_at

    def _is_idle(self) -> bool:
        return self._silent or (self._since is None and (self.cycle is None or self.cycle.response_complete))

    def _close(self) -> None:
        self._closed_at = self.loop.time()
        self.transport.close()

    def end(self, cause: str) -> None:
        """Close the connection at once, and free its place."""
        self._shared.cut(cause)
        self._shared.places.leave(self)
        self.pipeline.clear()
        self.abort()

    def abort(self) -> None:
        """Close the connection at once, whatever is under way."""
        self._accepted.abort()
