"""A request and its answer on a connection: uvicorn's HTTP protocol, without what is not needed here.

An answer of one piece is one write, and so one record of TLS and one call of the system. There are no
websockets, no log of accesses and no timer for each answer. Not here: limits (connection.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from injector.patterns import pattern
from injector.server.heads import RequestHead, head_of
from injector.server.http import OVERLOADED
from injector.server.queue import Overloaded

_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
# A larger body would be copied for nothing.
_JOINED_BYTES: Final = 128 * 1024
_NOT_IN_VALUES: Final = pattern(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Exchange(RequestResponseCycle):
    """One request. The head of the answer waits for the first piece of the body."""

    _start: Any = None

    async def send(self, message: Any) -> None:
        """A part of the answer, as ASGI passes it."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            answer = None if self.flow.write_paused or self.disconnected else self._whole(start, message)
            if answer is not None:
                self._finish(answer)
                return
            await super().send(start)
        await super().send(message)

    def _whole(self, start: Mapping[str, Any], message: Mapping[str, Any]) -> bytes | None:
        """The bytes of an answer of one piece; None for any other."""
        body: bytes = message.get("body", b"")
        parts = [STATUS_LINE[start["status"]]]
        length, closes = b"", not self.keep_alive
        for name, value in start["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"connection" or _NOT_IN_VALUES.search(value):
                return None
            parts += name, b": ", value, b"\r\n"
        whole = length == b"%d" % len(body) and not message.get("more_body")
        if not whole or len(body) > _JOINED_BYTES or self.scope["method"] == "HEAD":
            return None
        parts += (b"connection: close\r\n\r\n" if closes else b"\r\n"), body
        return b"".join(parts)

    def _finish(self, answer: bytes) -> None:
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(answer)
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


AtOnce: TypeAlias = Callable[[RequestHead, bytes], object]
"""Takes the head and the body of a review. Returns the body of an answer with the status 200, else what is
begun, which the app gets in ``scope["state"]["begun"]``. Raises Overloaded where it would wait too long."""


class Exchanges(HttpToolsProtocol):
    """The requests of a connection, one after the other.

    `first_bytes` are those with which the request that is parsed now begins, where they are known.
    """

    def __init__(self, config: uvicorn.Config, shared: ServerState, at_once: AtOnce | None) -> None:
        super().__init__(config, shared, {})
        self.first_bytes = b""
        self._at_once = at_once
        self._known_head: RequestHead | None = None

    def answered_at_once(self, data: bytes) -> bool:
        """Between two requests: answer the bytes where they are a review with the head of the last one."""
        head, at_once = self._known_head, self._at_once
        if head is None or at_once is None or not self.cycle.response_complete or self.flow.write_paused:
            return False
        body = head.body_in(data)
        if body is None:
            return False
        try:
            answer = at_once(head, body)
        except Overloaded:
            self.transport.write(OVERLOADED)
            return True
        if isinstance(answer, bytes):
            self.transport.write(_ANSWER % (len(answer), answer))
            return True
        self.app_state["begun"] = answer
        return False

    def on_headers_complete(self) -> None:
        """The head of a request is complete: the app is called, or the request waits for the one before."""
        version = self.parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        self.scope |= {
            "method": self.parser.get_method().decode("ascii"),
            "http_version": version,
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
        }
        before = self.cycle
        self.cycle = Exchange(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

        if self.first_bytes and self._at_once is not None:
            self._known_head = head_of(self.first_bytes, self.scope)
        # Of two requests in one piece, these are those of the first.
        self.first_bytes = b""

    def on_body(self, body: bytes) -> None:
        """A part of a body; it is thrown away where the answer is complete."""
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """A request is complete."""
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """An answer is written: read again, and begin the next request where one waits."""
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
