"""One address in front of several replicas, as a Service is: each new connection goes to the next one."""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import threading
from collections.abc import Iterator, Sequence

CHUNK = 1 << 16


@contextlib.contextmanager
def balanced(addresses: Sequence[tuple[str, int]]) -> Iterator[int]:
    """A port on loopback whose connections are spread over `addresses` while the body runs."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as front:
        front.settimeout(0.2)
        turns = itertools.cycle(addresses)

        def accept() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    caller, _ = front.accept()
                    threading.Thread(target=_carry, args=(caller, next(turns), stop), daemon=True).start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield front.getsockname()[1]
        finally:
            stop.set()
            accepting.join()


def _carry(caller: socket.socket, address: tuple[str, int], stop: threading.Event) -> None:
    """Pass bytes both ways until one side ends."""
    with contextlib.suppress(OSError), caller, socket.create_connection(address, 5) as served:
        other = {caller: served, served: caller}
        with selectors.DefaultSelector() as both:
            for end in other:
                both.register(end, selectors.EVENT_READ)
            while not stop.is_set():
                for key, _ in both.select(0.5):
                    end = key.fileobj
                    assert isinstance(end, socket.socket)
                    data = end.recv(CHUNK)
                    if not data:
                        return
                    other[end].sendall(data)
