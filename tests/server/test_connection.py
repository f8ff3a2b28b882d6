"""What is cut, on real sockets: large heads, slow requests, answers that are not read."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from dataclasses import replace
from typing import Any

import pytest

from injector.server.connection import HEAD_BYTES, HEADERS
from injector.server.places import Bounds
from tests.server.serving_in_thread import PATIENCE, Serving, ask, hello, serving

# So long that no test meets it, unless it lets that time pass for the server.
PATIENT = Bounds(read_seconds=600)
# For handshakes that are to fail.
HURRIED = Bounds(read_seconds=1.0)


@pytest.fixture
def no_keep_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that passes for the server ends no connection for being idle."""
    monkeypatch.setattr("injector.server.connection.KEEP_ALIVE_SECONDS", float("inf"))


def cut_in_time(server: Serving, cause: str) -> None:
    """Let time pass until a connection is cut for that cause, and for no other."""

    def look() -> bool:
        server.pass_time(PATIENT.read_seconds + 1)
        return bool(server.causes)

    server.until("the connection is cut", look)
    assert server.causes == [cause]


def closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection without a word."""
    with contextlib.suppress(ConnectionResetError):
        return connection.recv(1) == b""
    return True


@pytest.mark.parametrize(
    "head",
    [
        b"x: " + b"a" * HEAD_BYTES + b"\r\n",
        b"".join(b"x-%d: a\r\n" % number for number in range(HEADERS + 1)),
    ],
    ids=["bytes", "lines"],
)
def test_a_head_that_is_too_large_gets_431(head: bytes) -> None:
    with serving(bounds=PATIENT) as server:
        caller = server.dial()
        caller.sendall(b"GET / HTTP/1.1\r\n" + head + b"\r\n")
        answer = http.client.HTTPResponse(caller)
        answer.begin()
        assert (answer.status, answer.headers["connection"]) == (431, "close")


def test_a_head_within_the_bounds_is_read_and_the_next_one_counts_anew() -> None:
    with serving(bounds=PATIENT) as server:
        caller = server.connect()
        headers = {f"x-{number}": "a" * 300 for number in range(HEADERS - 5)}
        for _ in range(3):
            caller.request("GET", "/", headers=headers)
            answer = caller.getresponse()
            assert (answer.status, answer.read()) == (200, b"hello")


def test_a_line_that_never_ends_is_cut() -> None:
    with serving(bounds=PATIENT) as server:
        caller = server.dial()
        caller.sendall(b"GET / HTTP/1.1\r\nx: ")
        with contextlib.suppress(OSError):
            for _ in range(1000):
                caller.sendall(b"a" * HEAD_BYTES)
        server.until("the connection is cut", lambda: server.causes == ["head"])


@pytest.mark.usefixtures("no_keep_alive")
@pytest.mark.parametrize(
    "sent",
    [b"G", b"POST /mutate HTTP/1.1\r\nhost: x\r\n", b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nhalf"],
    ids=["first byte", "head", "body"],
)
def test_a_request_that_does_not_arrive_is_cut(sent: bytes) -> None:
    with serving(bounds=PATIENT) as server:
        caller = server.dial()
        caller.sendall(sent)
        cut_in_time(server, "request")
        assert closed(caller)


def test_a_handshake_that_never_ends_is_cut() -> None:
    with serving(bounds=HURRIED) as server:
        assert closed(server.dial(tls=False))


@pytest.mark.usefixtures("no_keep_alive")
def test_an_answer_that_is_not_read_is_cut() -> None:
    began, ended = threading.Event(), threading.Event()

    async def talks(_scope: Any, _receive: Any, send: Any) -> None:
        size = 64 << 20
        began.set()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]}
        )
        await send({"type": "http.response.body", "body": bytes(size)})
        ended.set()

    with serving(talks, PATIENT) as server:
        caller = server.dial()
        caller.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        server.until("it begins to answer", began.is_set)
        cut_in_time(server, "answer")
        assert ended.wait(PATIENCE)


@pytest.mark.usefixtures("no_keep_alive")
def test_idle_connections_stay_however_short_the_time_for_a_request_is() -> None:
    with serving(bounds=PATIENT) as server:
        idle = [server.connect() for _ in range(25)]
        for connection in idle:
            ask(connection)
        slow = server.dial()
        slow.sendall(b"G")
        cut_in_time(server, "request")
        assert closed(slow)
        assert [ask(connection) for connection in idle] == [(b"hello", "")] * 25


def test_the_place_of_a_handshake_that_never_ends_becomes_free() -> None:
    with serving(bounds=replace(HURRIED, connections=1)) as server:
        assert closed(server.dial(tls=False))
        server.until("its place is free", lambda: _answers(server))


def _ended(connection: socket.socket) -> bool:
    """Whether the other end has closed it."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _answers(server: Any) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(server.connect())[0] == b"hello"
    return False


def test_after_some_time_an_answer_is_the_last_one() -> None:
    with serving(bounds=Bounds(age_seconds=1000)) as server:
        caller = server.connect()
        assert [ask(caller)[1] for _ in range(2)] == ["", ""]
        server.pass_time(2000)
        assert ask(caller)[1] == "close"
        assert closed(caller.sock) if caller.sock else True


def test_two_requests_at_once_on_a_connection_are_both_answered() -> None:
    with serving(hello) as server:
        caller = server.dial()
        caller.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 2)
        got = b""
        while got.count(b"hello") < 2:
            more = caller.recv(4096)
            assert more, got
            got += more
