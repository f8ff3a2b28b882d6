"""Attacks by connections, without any credential: what they make the process hold, and who else waits.

Each attack uses a server for some seconds, and ends with a row. An honest caller asks
meanwhile, on a new connection each time. Not here: what pods and manifests can do.
"""

from __future__ import annotations

import contextlib
import functools
import resource
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hack.attack import callers
from hack.attack.rows import Row, forget_the_peak, peak_mb
from hack.attack.stand import Stand, standing

SILENT = 2000
PIPELINED_BYTES = 10 * 1000 * 1000
_GIVE_UP_SECONDS = 8.0
_MOST_SECONDS = 30.0
_GET = b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n"
_POST = b"POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


def rows(checkout: Path) -> Iterator[Row]:
    """Every attack, one after the other, each on a server of its own."""
    needed = 4 * SILENT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(needed, hard)), hard))
    for fault, what, attack in ATTACKS:
        with standing(checkout) as server:
            yield row(server, fault, what, attack)


def pipelined(server: Stand, *, tls: bool, one: bytes = _GET) -> str:
    """Many requests at once, no answer read."""
    with contextlib.ExitStack() as stack:
        caller = stack.enter_context(_dial(server, "tls" if tls else "plain"))
        sent = _send(caller, one * (65536 // len(one)), PIPELINED_BYTES)
        time.sleep(1)
    return _sent(sent, PIPELINED_BYTES)


def streamed(server: Stand, begin: bytes, again: bytes, most: int = 100_000_000) -> str:
    """A request that goes on and on."""
    with _dial(server, "tls") as caller:
        caller.sendall(begin)
        sent = _send(caller, again, most)
    return _sent(sent, most)


def silent(server: Stand, how: str) -> str:
    """As many connections as there are places, and not a byte of HTTP: tls, handshake, or plain."""
    with contextlib.ExitStack() as stack:
        opened = 0
        for _ in range(SILENT):
            with contextlib.suppress(OSError):
                stack.enter_context(_dial(server, how))
                opened += 1
        time.sleep(3)
    return f"{opened} opened"


def slow(server: Stand, connections: int, begin: bytes, size: int) -> str:
    """Requests that stop in the middle, after so many bytes."""
    ended = 0
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(connections):
            try:
                caller = stack.enter_context(_dial(server, "tls"))
                caller.sendall(begin + b"x" * size)
                opened.append(caller)
            except OSError:
                ended += 1
        time.sleep(1)
        for caller in opened:
            caller.setblocking(False)
            ended += _has_ended(caller)
    return f"{ended} of {connections} ended"


_HALF = _POST + b"content-length: 7000000\r\n\r\n"
_CHUNKED = _POST + b"transfer-encoding: chunked\r\n\r\n"

ATTACKS: tuple[tuple[str, str, Callable[[Stand], str]], ...] = (
    ("1", "10 MB of pipelined GETs at the webhook", lambda server: pipelined(server, tls=True)),
    ("1", "10 MB of pipelined GETs at health", lambda server: pipelined(server, tls=False)),
    (
        "1",
        "10 MB of pipelined POSTs",
        lambda server: pipelined(server, tls=True, one=_POST + b"content-length: 2\r\n\r\n{}"),
    ),
    ("4", f"{SILENT} silent connections at the webhook", lambda server: silent(server, "tls")),
    ("4", f"{SILENT} unfinished handshakes", lambda server: silent(server, "handshake")),
    ("4", f"{SILENT} silent connections at health", lambda server: silent(server, "plain")),
    ("4", "300 heads that never end", lambda server: slow(server, 300, _GET[:-2], 30 * 1024)),
    ("4", "1000 bodies of 60 KB that never end", lambda server: slow(server, 1000, _HALF, 60_000)),
    ("4", "100 bodies of 6 MB that never end", lambda server: slow(server, 100, _HALF, 6_000_000)),
    ("21", "chunk extensions of 100 MB", lambda server: streamed(server, _CHUNKED + b"1;", b"x" * 65536)),
    ("21", "chunks of one byte", lambda server: streamed(server, _CHUNKED, b"1\r\n \r\n" * 10_000)),
)


def row(server: Stand, fault: str, what: str, attack: Callable[[Stand], str]) -> Row:
    """One attack, while an honest caller sends requests to both listeners on new connections."""
    questions = [
        functools.partial(ask, server, _GIVE_UP_SECONDS)
        for ask in (callers.health_of_webhook, callers.health_of_health)
    ]
    forget_the_peak(server.pid)
    with callers.asking(*questions) as waits:
        begun = time.monotonic()
        answer = attack(server)
        seconds = time.monotonic() - begun
    return Row(fault, what, peak_mb(server.pid), seconds, max(waits), answer)


def _dial(server: Stand, how: str) -> socket.socket:
    if how == "plain":
        return socket.create_connection((server.host, server.health_port), _GIVE_UP_SECONDS)
    made = socket.create_connection((server.host, server.port), _GIVE_UP_SECONDS)
    return made if how == "handshake" else _unchecked().wrap_socket(made)


def _send(caller: socket.socket, block: bytes, most: int) -> int:
    """How much can be sent until it is enough, the other side ends, or takes no more."""
    caller.settimeout(5)
    sent, deadline = 0, time.monotonic() + _MOST_SECONDS
    with contextlib.suppress(OSError):
        while sent < most and time.monotonic() < deadline:
            caller.sendall(block)
            sent += len(block)
    return sent


def _sent(sent: int, most: int) -> str:
    return f"{'all' if sent >= most else 'ended after'} {sent / 1e6:.1f} MB"


def _has_ended(caller: socket.socket) -> bool:
    try:
        return caller.recv(1) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True


@functools.cache
def _unchecked() -> ssl.SSLContext:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname = False
    trust.verify_mode = ssl.CERT_NONE
    return trust
