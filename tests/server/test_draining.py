"""What callers see of a replica that gets the signal to stop, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import signal
import socket
import threading
from typing import Any

import pytest

from tests.server.serving_in_thread import PATIENCE, ask, hello, serving

# Longer than any test takes: it ends by the second signal.
LONG = 600.0


def test_while_it_drains_every_answer_is_the_last_one_on_its_connection() -> None:
    with serving(drain_seconds=LONG) as server:
        idle, busy = server.connect(), server.connect()
        assert ask(busy) == (b"hello", "")
        assert ask(busy) == (b"hello", "")  # the connection was kept
        server.signal()
        assert ask(busy) == (b"hello", "close")
        assert ask(idle) == (b"hello", "close")  # the first request on it, after the signal
        assert ask(server.connect()) == (b"hello", "close")  # the listener is still open


def test_a_request_under_way_when_the_signal_comes_is_answered() -> None:
    goes_on = threading.Event()
    arrived = threading.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        arrived.set()
        await asyncio.to_thread(goes_on.wait, PATIENCE)
        await hello(scope, receive, send)

    with serving(slow) as server:
        caller = server.connect()
        caller.request("GET", "/")
        assert arrived.wait(PATIENCE)
        server.signal()
        goes_on.set()
        answer = caller.getresponse()
        assert (answer.read(), answer.headers["connection"]) == (b"hello", "close")
        assert server.ended()


def test_connections_without_a_request_are_closed_after_the_drain() -> None:
    with serving(drain_seconds=0.2) as server:
        used, fresh = server.connect(), server.connect()
        ask(used)
        server.signal()
        assert server.ended()
        for connection in (used, fresh):
            assert connection.sock.recv(1) == b""


def test_after_the_end_nothing_listens() -> None:
    with serving() as server:
        server.signal()
        assert server.ended()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("localhost", server.port), PATIENCE)


def test_a_second_signal_ends_at_once_whatever_is_under_way() -> None:
    async def never(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()
        await receive()  # until the caller is gone

    with serving(never, drain_seconds=LONG) as server:
        caller = server.connect()
        caller.request("GET", "/")
        server.signal()
        assert not server.ended(0.1)
        server.signal()
        assert server.ended()
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            caller.getresponse()


def test_a_person_at_the_terminal_does_not_wait_for_the_drain() -> None:
    with serving(drain_seconds=LONG) as server:
        server.signal(signal.SIGINT)
        assert server.ended()


def test_a_handshake_under_way_when_the_listener_closes_is_finished_and_its_request_answered() -> None:
    with serving(drain_seconds=0.5) as server:
        plain = server.dial(tls=False)
        # The server waits for such handshakes for a moment only, which a busy machine may take longer than.
        server.stop_clock()
        server.signal()
        server.until("the listener is closed", lambda: not _accepts(server.port))
        with server.trusting().wrap_socket(plain, server_hostname="localhost") as caller:
            caller.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            answer = http.client.HTTPResponse(caller)
            answer.begin()
            assert (answer.read(), answer.headers["connection"]) == (b"hello", "close")


def test_a_connection_whose_next_request_has_just_come_is_not_closed_for_being_idle() -> None:
    ours: list[Any] = []
    sent = threading.Event()

    async def seen(scope: Any, receive: Any, send: Any) -> None:
        ours.append(scope["state"]["transport"].get_protocol())
        await hello(scope, receive, send)

    with serving(seen) as server:
        caller = server.connect()
        ask(caller)

        def at_the_same_moment() -> None:
            caller.request("GET", "/")
            ours[0].end_if_idle(0)  # the loop has not read the request yet
            sent.set()

        server.loop.call_soon_threadsafe(at_the_same_moment)
        assert sent.wait(PATIENCE)
        assert caller.getresponse().read() == b"hello"
        server.loop.call_soon_threadsafe(ours[0].end_if_idle, 0)
        assert caller.sock.recv(1) == b""


def _accepts(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("localhost", port), PATIENCE):
        return True
    return False
