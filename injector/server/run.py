"""Listeners from their sockets to their end: one process, one loop, one handler of signals.

Here: listening, draining, stopping. Not here: the apps (app.py, health.py), one connection
(connection.py), TLS (tls.py), and the other parts of the process (`injector.serving`).
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import field
from typing import Any

import uvicorn

from injector.classes import dataclass
from injector.errors import ConfigError
from injector.printable import shown
from injector.server.channel import Channel
from injector.server.connection import KEEP_ALIVE_SECONDS, Connection, Shared
from injector.server.exchange import AtOnce
from injector.server.handshakes import Handshakes
from injector.server.http import AsgiApp
from injector.server.places import Bounds
from injector.telemetry import log_event

# For requests that are under way when the drain is over.
FINISH_SECONDS = 12.0
# A connection that sent nothing for so long at the end of the drain is closed.
QUIET_SECONDS = 1.0
BACKLOG = 2048
# Open files of the process besides the connections of its two listeners.
OTHER_FILES = 128
# The kernel's buffer of a connection in each direction; it doubles this for its own use.
SOCKET_BYTES = 256 * 1024
_LOOK_SECONDS = 1.0
_END_SECONDS = 0.05


class Stop(asyncio.Event):
    """Set by the first SIGTERM or SIGINT; `at_once` by the second. SIGINT (Ctrl-C) skips the drain."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once = asyncio.Event()
        self.drains = True

    def signalled(self, number: int) -> None:
        """Handle a signal."""
        if self.is_set():
            self.at_once.set()
        self.drains = number == signal.SIGTERM
        self.set()


@dataclass(frozen=True, slots=True)
class Listener:
    """An app on a bound socket; with `tls` over TLS.

    `tls` is called once, when the listener starts; `cut` with the cause for each connection that is
    closed at a limit. `at_once` answers reviews that need no turn.
    """

    app: AsgiApp
    bound: socket.socket
    tls: Callable[[], ssl.SSLContext] | None = None
    bounds: Bounds = field(default_factory=Bounds)
    cut: Callable[[str], None] = lambda _cause: None
    at_once: AtOnce | None = None


def bind(address: str, setting: str) -> socket.socket:
    """A listening socket for ``host:port``, ``[address]:port`` or ``:port``; port 0 takes a free one.

    `setting` is the name of the setting, for errors. Raises ConfigError.
    """
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise _not_bound(address, setting)
    try:
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family)
    except OSError as error:
        raise _not_bound(address, setting, f": {(error.strerror or 'no such address').lower()}") from error


def _not_bound(address: str, setting: str, why: str = "") -> ConfigError:
    hint = "use HOST:PORT or :PORT with a free port"
    return ConfigError(f"cannot listen on {shown(address)}{why}", where=setting, hint=hint)


def run_loop(main: Callable[[Stop], Coroutine[Any, Any, None]]) -> None:
    """Run `main` in uvloop, with a Stop that SIGTERM and SIGINT set."""
    import httptools  # noqa: F401
    import uvloop

    async def with_signals() -> None:
        stop = Stop()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.signalled, number)
        await main(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(with_signals())


def allowed_connections(connections: int) -> int:
    """How many connections each of two listeners may have, by the limit of open files.

    It raises the limit of the process to the most that the system grants.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return min(connections, max(1, (soft - OTHER_FILES) // 2))


async def serve_listeners(listeners: Sequence[Listener], stop: Stop, drain_seconds: float = 0.0) -> None:
    """Serve until `stop` is set; then drain, finish what is under way, and return.

    While it drains the listeners stay open, as callers get to know late that this replica stops, and every
    answer is the last one on its connection.
    """
    listening = [Listening(listener) for listener in listeners]
    for each in listening:
        await each.open()
    async with asyncio.TaskGroup() as group:
        enforcing = group.create_task(_enforce_timeouts(listening))
        await stop.wait()
        seconds = drain_seconds if stop.drains else 0.0
        log_event("info", "draining", seconds=seconds)
        for each in listening:
            each.drain()
        await _wait(stop.at_once, seconds)
        quiet = min(QUIET_SECONDS, seconds)
        ending = [group.create_task(each.close(quiet)) for each in listening]
        aborting = group.create_task(_abort_on(stop.at_once, listening))
        await asyncio.gather(*ending)
        aborting.cancel()
        enforcing.cancel()


async def _enforce_timeouts(listening: Sequence[Listening]) -> None:
    patience = min(each.patience for each in listening)
    while True:
        await asyncio.sleep(min(_LOOK_SECONDS, patience / 4))
        for each in listening:
            for connection in each.connections():
                connection.enforce_timeouts()


async def _abort_on(at_once: asyncio.Event, listening: Sequence[Listening]) -> None:
    await at_once.wait()
    for each in listening:
        each.abort()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


class Listening:
    """A listener that is open, and its connections."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._shared = Shared(listener.bounds, listener.cut, listener.at_once)
        self._aborted = False
        self._config = uvicorn.Config(
            listener.app,
            http=Connection,
            loop="none",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )

    async def open(self) -> None:
        """Accept connections."""
        tls = self._listener.tls
        context, handshakes = tls() if tls else None, Handshakes()
        self._config.load()
        # Accepted connections inherit it.
        for direction in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._listener.bound.setsockopt(socket.SOL_SOCKET, direction, SOCKET_BYTES)

        def accept() -> asyncio.Protocol:
            connection = Connection(self._config, self._shared)
            return connection if context is None else Channel(context, connection, handshakes)

        self._server = await asyncio.get_running_loop().create_server(
            accept, sock=self._listener.bound, backlog=BACKLOG
        )

    @property
    def patience(self) -> float:
        """How many seconds a caller may take."""
        return self._listener.bounds.read_seconds

    def connections(self) -> list[Connection]:
        """The open connections, in their handshake or after it."""
        return list(self._shared.places)

    def drain(self) -> None:
        """Make every answer from now on the last one on its connection."""
        self._shared.draining = True
        for connection in self.connections():
            connection.end_after_answer()

    async def close(self, quiet: float) -> None:
        """Accept nothing more, and return when the last connection is closed.

        For `quiet` seconds at least: a handshake may be under way, and its request will follow.
        """
        now = asyncio.get_running_loop().time
        self._server.close()
        begun = now()
        while now() - begun < FINISH_SECONDS and not self._aborted:
            for connection in self.connections():
                connection.end_if_idle(quiet)
            if not self._shared.connections and now() - begun >= quiet:
                break
            await asyncio.sleep(_END_SECONDS)
        self.abort()
        await asyncio.sleep(0)

    def abort(self) -> None:
        """Close every connection, whatever is under way."""
        self._aborted = True
        for connection in self.connections():
            connection.abort()
