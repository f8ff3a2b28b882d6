"""A listener of the injector in a thread, over TLS, and connections to it, for the tests of sockets."""

from __future__ import annotations

import contextlib
import functools
import http.client
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvloop

from injector.certs.issue import CertificateSpec, make_authority, sign_leaf
from injector.certs.pair import Pair
from injector.server.places import Bounds
from injector.server.run import Listener, Stop, bind, serve_listeners
from injector.server.tls import ReloadableTLS

PATIENCE = 60
NAME = "localhost"


@functools.cache
def _pair() -> tuple[Pair, Pair]:
    """A CA and a leaf of it, which is valid for a week."""
    wanted = CertificateSpec((NAME,), ca_seconds=604800.0, leaf_seconds=604800.0)
    ca = make_authority(wanted, time.time())
    return ca, sign_leaf(ca, wanted, time.time())


class Loop(uvloop.Loop):
    """A loop whose clock a test can move, and stop. Timers run by the machine's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0
        self.stopped_at: float | None = None

    def time(self) -> float:
        return (super().time() if self.stopped_at is None else self.stopped_at) + self.ahead


@dataclass
class Serving:
    """A running server. `causes` are those of the connections that it cut."""

    port: int
    loop: Loop
    stop: Stop
    thread: threading.Thread
    open: contextlib.ExitStack
    causes: list[str] = field(default_factory=list)

    def signal(self, number: int = signal.SIGTERM) -> None:
        """As if the process had got that signal; returns when it has."""
        seen = threading.Event()

        def take() -> None:
            self.stop.signalled(number)
            seen.set()

        self.loop.call_soon_threadsafe(take)
        assert seen.wait(PATIENCE)

    def pass_time(self, seconds: float) -> None:
        """Advance the server's clock."""
        self.loop.ahead += seconds

    def stop_clock(self) -> None:
        """Let no time pass for the server any more."""
        self.loop.stopped_at = self.loop.time() - self.loop.ahead

    def ended(self, seconds: float = PATIENCE) -> bool:
        """Whether the server returns in that time."""
        self.thread.join(seconds)
        return not self.thread.is_alive()

    def trusting(self) -> ssl.SSLContext:
        """What a client needs to verify the server."""
        return ssl.create_default_context(cadata=self.authority())

    def authority(self) -> str:
        """The certificate of the CA of the server, PEM."""
        return _pair()[0].chain

    def connect(self) -> http.client.HTTPSConnection:
        """A connection, past its handshake."""
        made = http.client.HTTPSConnection(NAME, self.port, context=self.trusting(), timeout=PATIENCE)
        self.open.callback(made.close)
        made.connect()
        return made

    def dial(self, tls: bool = True) -> socket.socket:
        """A bare socket for bytes that no client library would send."""
        made = socket.create_connection((NAME, self.port), PATIENCE)
        self.open.callback(made.close)
        if not tls:
            return made
        wrapped = self.trusting().wrap_socket(made, server_hostname=NAME)
        self.open.callback(wrapped.close)
        return wrapped

    def until(self, what: str, look: Callable[[], bool]) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + PATIENCE
        while not look():
            assert time.monotonic() < deadline, what
            time.sleep(0.01)


def ask(connection: http.client.HTTPConnection) -> tuple[bytes, str]:
    """The answer to a GET, and what its Connection header says."""
    connection.request("GET", "/")
    answer = connection.getresponse()
    return answer.read(), answer.headers.get("connection", "")


async def hello(_scope: Any, receive: Any, send: Any) -> None:
    """An app that reads the body and greets."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@contextlib.contextmanager
def serving(
    app: Any = hello,
    bounds: Bounds | None = None,
    drain_seconds: float = 0.0,
    swap: ReloadableTLS | None = None,
    tls: bool = True,
) -> Iterator[Serving]:
    """A server on a free port while the body runs; a `swap` of the test's own gets its certificate."""
    swap = swap or ReloadableTLS()
    _, leaf = _pair()
    swap.take(leaf.chain, leaf.key)
    causes: list[str] = []
    with bind("127.0.0.1:0", "listen") as bound, contextlib.ExitStack() as open_ones:
        loop = Loop()
        stop = Stop()
        listener = Listener(
            app,
            bound,
            (lambda: swap.context) if tls else None,
            bounds or Bounds(),
            causes.append,
            getattr(app, "at_once", None),
        )

        def run() -> None:
            loop.run_until_complete(serve_listeners([listener], stop, drain_seconds))

        thread = threading.Thread(target=run)
        thread.start()
        running = Serving(bound.getsockname()[1], loop, stop, thread, open_ones, causes)
        try:
            yield running
        finally:
            if thread.is_alive():
                loop.call_soon_threadsafe(stop.signalled, signal.SIGINT)
                loop.call_soon_threadsafe(stop.signalled, signal.SIGINT)
            thread.join(PATIENCE)
            loop.close()
