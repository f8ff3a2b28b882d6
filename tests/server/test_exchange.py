"""Answers as bytes: of one piece in one write, all others as uvicorn writes them."""

from __future__ import annotations

import asyncio
import http.client
from typing import Any

import pytest
import uvicorn

from injector.server.connection import Connection, Shared
from injector.server.places import Bounds
from tests.server.serving_in_thread import hello, serving

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
LENGTH = [(b"content-length", b"5")]


class Socket:
    """A transport that notes what is written."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        return default


def written(app: Any, request: bytes) -> Socket:
    """What an app makes of a request."""
    config = uvicorn.Config(app, http=Connection, ws="none", lifespan="off", log_config=None)
    config.load()

    async def main() -> Socket:
        made, socket = Connection(config, Shared(Bounds(), lambda _cause: None)), Socket()
        made.connection_made(socket)
        made.data_received(request)
        while not (made.cycle.response_complete or socket.closed):
            await asyncio.sleep(0)
        return socket

    return asyncio.run(main())


def test_an_answer_of_one_piece_is_one_write() -> None:
    assert written(hello, GET).writes == [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"]


def test_the_last_answer_of_a_connection_says_so() -> None:
    socket = written(hello, GET.replace(b"host: x", b"host: x\r\nconnection: close"))
    assert (socket.writes, socket.closed) == (
        [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"],
        True,
    )


async def in_pieces(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": LENGTH})
    await send({"type": "http.response.body", "body": b"hel", "more_body": True})
    await send({"type": "http.response.body", "body": b"lo"})


async def without_length(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def closing(_scope: Any, _receive: Any, send: Any) -> None:
    headers = [*LENGTH, (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


async def large(_scope: Any, _receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"1000000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"a" * 1_000_000})


@pytest.mark.parametrize(
    ("app", "method", "expected"),
    [
        (in_pieces, "GET", b"hello"),
        (without_length, "GET", b"hello"),
        (closing, "GET", b"hello"),
        (large, "GET", b"a" * 1_000_000),
        (hello, "HEAD", b""),
    ],
)
def test_other_answers_arrive_whole_too(app: Any, method: str, expected: bytes) -> None:
    with serving(app) as server:
        caller = server.connect()
        for _ in range(2):
            caller.request(method, "/")
            answer = caller.getresponse()
            assert (answer.status, answer.read()) == (200, expected)


async def fails(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": LENGTH})
    raise ValueError("after the head")


async def ends(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": LENGTH})


async def splits(_scope: Any, _receive: Any, send: Any) -> None:
    headers = [*LENGTH, (b"x", b"a\r\ny: b")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize("app", [fails, ends])
def test_an_app_that_ends_before_the_body_gets_500(app: Any) -> None:
    with serving(app) as server:
        caller = server.connect()
        caller.request("GET", "/")
        assert caller.getresponse().status == 500


def test_a_header_cannot_become_two() -> None:
    with serving(splits) as server:
        caller = server.connect()
        caller.request("GET", "/")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            caller.getresponse()
