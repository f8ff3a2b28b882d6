"""One address in front of several replicas, as a Service is: each new connection goes to the next one."""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]

CHUNK = 1 << 16


@contextlib.contextmanager
def balanced(addresses: Sequence[Address]) -> Iterator[int]:
    """A port on loopback whose connections are spread over `addresses` while the body runs.

    `addresses` is looked at for each new connection, so it may change; where it is empty, the caller
    is hung up on. A connection stays with its replica until one side ends it.
    """
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as front:
        front.settimeout(0.2)

        def accept() -> None:
            for turn in itertools.count():
                caller = _next(front, stop)
                if caller is None:
                    return
                now = list(addresses)
                if not now:
                    caller.close()
                    continue
                address = now[turn % len(now)]
                threading.Thread(target=_carry, args=(caller, address, stop), daemon=True).start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield front.getsockname()[1]
        finally:
            stop.set()
            accepting.join()


def _next(front: socket.socket, stop: threading.Event) -> socket.socket | None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            return front.accept()[0]
    return None


def _carry(caller: socket.socket, address: Address, stop: threading.Event) -> None:
    """Pass bytes both ways until one side ends."""
    with contextlib.suppress(OSError), caller, socket.create_connection(address, 5) as served:
        other = {caller: served, served: caller}
        with selectors.DefaultSelector() as both:
            for end in other:
                both.register(end, selectors.EVENT_READ)
            while not stop.is_set():
                for key, _ in both.select(0.5):
                    receiver = key.fileobj
                    assert isinstance(receiver, socket.socket)
                    data = receiver.recv(CHUNK)
                    if not data:
                        return
                    other[receiver].sendall(data)
