"""Sockets and the life of the servers: one process, one loop, one owner of signals.

Here: uvicorn and its settings. Not here: what is served (app.py), TLS (tls.py), and what else runs
beside the servers (`injector.cli.serve`).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn

from injector.errors import ConfigError
from injector.server.app import AsgiApp

# The API server keeps idle connections for 90 s and sends no POST twice: it has to be the one
# that closes them.
KEEP_ALIVE_SECONDS = 120
GRACE_SECONDS = 25
CLOSING_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Listener:
    """An app on a bound socket; with `tls` over TLS.

    `tls` is called once, when the listener starts.
    """

    app: AsgiApp
    bound: socket.socket
    tls: Callable[[], ssl.SSLContext] | None = None


def bind(address: str, setting: str) -> socket.socket:
    """A listening socket for ``host:port``, ``[address]:port`` or ``:port``; port 0 takes a free one.

    `setting` is how the operator named the address. Raises ConfigError.
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
    hint = "expected HOST:PORT or :PORT, and a free port"
    return ConfigError(f"cannot listen on {address[:64]}{why}", where=setting, hint=hint)


def run(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run the process in uvloop; `main` gets the event that SIGTERM and SIGINT set."""
    try:
        import httptools  # noqa: F401
        import uvloop
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is not installed", hint="pip install 'sidecar-injector[serve]'"
        ) from error

    async def owned() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await main(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(owned())


async def serve(listeners: Sequence[Listener], stop: asyncio.Event) -> None:
    """Serve until `stop` is set; then accept nothing more, finish what is under way, and return."""
    servers = [_Server(_settings(listener)) for listener in listeners]
    async with asyncio.TaskGroup() as group:
        for server, listener in zip(servers, listeners, strict=True):
            group.create_task(server.serve(sockets=[listener.bound]))
        await stop.wait()
        for server in servers:
            server.should_exit = True


def _settings(listener: Listener) -> uvicorn.Config:
    tls = listener.tls
    return uvicorn.Config(
        listener.app,
        http="httptools",
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_context_factory=None if tls is None else lambda config, default: tls(),
    )


class _Server(uvicorn.Server):
    """One of several servers in a process: signals belong to `run`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        async with asyncio.TaskGroup() as group:
            hanging_up = group.create_task(self._hang_up())
            await super().shutdown(sockets)
            hanging_up.cancel()

    async def _hang_up(self) -> None:
        """Once nothing is under way, cut connections whose callers do not answer the end of TLS.

        Each of them would hold the process for half a minute.
        """
        while True:
            await asyncio.sleep(CLOSING_SECONDS)
            if not self.server_state.tasks:
                for connection in list(self.server_state.connections):
                    transport = connection.transport
                    if transport is not None:
                        transport.abort()
