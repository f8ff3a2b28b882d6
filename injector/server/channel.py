"""TLS between a socket and a connection, in both directions.

The event loop's own TLS has a buffer of 256 KiB for each connection from the beginning of its handshake,
whose content cannot be counted. Here every byte that waits is counted. Not here: certificates (tls.py),
and how long a handshake may take (connection.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, Protocol

from injector.server.handshakes import Handshakes

# A record of TLS holds up to 16 KiB.
RECORD = 16 * 1024 + 256


class Inside(Protocol):
    """The connection of a channel, which is an asyncio.Protocol too."""

    def accepted(self, transport: Any) -> None:
        """The connection is open; its handshake begins."""

    def shaken(self, size: int) -> None:
        """TLS used so many more bytes itself: for a handshake, or for changes of keys."""

    def left(self) -> None:
        """The socket is closed."""

    def count(self) -> None:
        """The number of bytes that wait in the channel has changed."""


class Channel(asyncio.Protocol):
    """The protocol of a socket, and the transport of the connection inside."""

    def __init__(self, context: ssl.SSLContext, inside: Any, handshakes: Handshakes) -> None:
        self._inside = inside
        self._handshakes = handshakes
        self._context = context
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._socket: Any = None
        # Bytes that came and are not decrypted, as the connection has paused reading.
        self._unread = bytearray()
        self._made = self._paused = self._closing = self._shaking = False

    @property
    def waits(self) -> int:
        """How many bytes came that the connection has not got."""
        return len(self._unread) + self._incoming.pending

    # Called by the socket.

    def connection_made(self, transport: Any) -> None:
        """The socket is connected; the handshake follows."""
        self._socket = transport
        self._inside.accepted(self)

    def data_received(self, data: bytes) -> None:
        """Decrypt what the connection reads now."""
        if self._closing:
            return
        if self._made and not self._paused and not self._unread and len(data) <= RECORD:
            self._take(data)
            return
        self._unread += data
        if self._made:
            self._advance()
        elif not self._shaking:
            self._shaking = True
            self._handshakes.step(self._shake)
        self._inside.count()

    def eof_received(self) -> None:
        """The caller has closed its direction."""
        self._closing = True

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        self._closing = True
        self._unread.clear()
        self._inside.left()
        if self._made:
            self._inside.connection_lost(error)
        # Objects that refer to each other are freed late.
        self._inside = None

    def pause_writing(self) -> None:
        """The socket's buffer is full."""
        if self._made:
            self._inside.pause_writing()

    def resume_writing(self) -> None:
        """The socket's buffer has room again."""
        if self._made:
            self._inside.resume_writing()

    # Called by the connection.

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        if self._closing or not data:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]
        except ssl.SSLError:
            self.abort()
            return
        self._flush()

    def close(self) -> None:
        """Send what was written and the end of TLS. Later input is thrown away until the caller closes."""
        if self._closing:
            return
        self._closing = True
        self._unread.clear()
        if self._socket.is_closing():
            return
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()
        # A close with unread bytes in the kernel resets the connection, and the caller loses the answer.
        self._socket.write_eof()
        if self._paused:
            self._socket.resume_reading()

    def abort(self) -> None:
        """Close the socket at once, without the end of TLS."""
        self._closing = True
        self._unread.clear()
        self._socket.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing or self._socket.is_closing()

    def pause_reading(self) -> None:
        """Decrypt nothing more for now."""
        if not self._paused and not self.is_closing():
            self._paused = True
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        """Decrypt what came, and what comes."""
        if self._paused and not self.is_closing():
            self._paused = False
            self._socket.resume_reading()
            asyncio.get_running_loop().call_soon(self._resumed)

    def get_protocol(self) -> Any:
        """The connection inside."""
        return self._inside

    def get_write_buffer_size(self) -> int:
        """How many bytes the kernel has not taken yet."""
        size: int = self._socket.get_write_buffer_size()
        return size

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As the event loop's own transports give it."""
        named: dict[str, Callable[[], Any]] = {
            "ssl_object": lambda: self._tls,
            "sslcontext": lambda: self._context,
        }
        return named[name]() if name in named else self._socket.get_extra_info(name, default)

    def _shake(self) -> None:
        """The next step of the handshake."""
        self._shaking = False
        self._resumed()

    def _resumed(self) -> None:
        if not self._closing:
            self._advance()
            self._inside.count()

    def _take(self, data: bytes) -> None:
        """Decrypt what is one piece, as most requests are."""
        waited = self._incoming.pending
        try:
            self._incoming.write(data)
            self._decrypt()
        except ssl.SSLError:
            self._fail()
        # Of what it got, the connection has counted itself.
        if waited or self._incoming.pending:
            self._inside.count()

    def _advance(self) -> None:
        """Decrypt in pieces, so that the connection can pause it after each."""
        try:
            self._decrypt()
            while self._unread and not self._paused and not self._closing:
                piece = self._unread[:RECORD]
                del self._unread[:RECORD]
                self._incoming.write(piece)
                self._decrypt()
                if not self._made:
                    self._inside.shaken(len(piece))
        except ssl.SSLError:
            self._fail()

    def _fail(self) -> None:
        """Send the alert, which says why, and close."""
        self._flush()
        self._closing = True
        self._socket.close()

    def _decrypt(self) -> None:
        try:
            if not self._made:
                self._tls.do_handshake()
                self._flush()
                self._made = True
                self._inside.connection_made(self)
            while not self._paused and not self._closing:
                data = self._tls.read(RECORD)
                if not data:
                    self.close()
                    return
                self._inside.data_received(self._joined(data) if self._incoming.pending else data)
                if not (self._incoming.pending or self._outgoing.pending or self._tls.pending()):
                    # To read on would raise, which costs more than to ask.
                    return
        except ssl.SSLWantReadError:
            if self._made:
                self._inside.shaken(self._outgoing.pending)
            self._flush()
        except ssl.SSLZeroReturnError:
            self.close()

    def _joined(self, data: bytes) -> bytes:
        """The data with what follows at once: callers send the head and body of a request in two records."""
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while len(data) < RECORD and (more := self._tls.read(RECORD - len(data))):
                data += more
                if not self._incoming.pending:
                    break
        return data

    def _flush(self) -> None:
        if self._outgoing.pending and not self._socket.is_closing():
            self._socket.write(self._outgoing.read())
