"""What admissions cost `injector serve`, with TLS, HTTP, log and metrics: CPU seconds of its process.

Not here: what follows for a cluster (model.py).
"""

from __future__ import annotations

import itertools
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from hack.bench import kinds
from hack.bench.fleet.model import Costs
from hack.bench.load import stand

ADMISSIONS, HANDSHAKES, ROUNDS = 200, 200, 3


def measured() -> Costs:
    """The least of some rounds for each kind, on one connection; a handshake with its connection."""
    numbers = itertools.count()
    with stand.served(stand.SHIPPED) as server:

        def of_kind(name: str) -> float:
            bodies = [kinds.BODIES[name](next(numbers)) for _ in range(ADMISSIONS * ROUNDS)]
            rounds = [bodies[n * ADMISSIONS : (n + 1) * ADMISSIONS] for n in range(ROUNDS)]
            return min(_seconds(server, partial(_admit, server, part)) for part in rounds) / ADMISSIONS

        handshakes = min(_seconds(server, partial(_connect, server)) for _ in range(ROUNDS)) / HANDSHAKES
        of = (*(of_kind(name) for name in kinds.BODIES), handshakes)
        # As they stand on the page, of which a restart can be simulated again.
        return Costs(*(round(cost, 6) for cost in of))


def _seconds(server: stand.Server, does: Callable[[], None]) -> float:
    before = _cpu(server)
    does()
    return _cpu(server) - before


def _cpu(server: stand.Server) -> float:
    """CPU seconds of all its threads so far, which are counted in nanoseconds (schedstat)."""
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def _admit(server: stand.Server, bodies: Sequence[bytes]) -> None:
    for response in server.answers(bodies):
        if not response.get("patch"):
            raise stand.StandError(f"a review is not injected: {response.get('status')}")


def _connect(server: stand.Server) -> None:
    trust = ssl.create_default_context(cafile=str(server.folder / "ca.crt"))
    port = int(server.webhook.rpartition(":")[2])
    for _ in range(HANDSHAKES):
        with (
            socket.create_connection(("localhost", port)) as plain,
            trust.wrap_socket(plain, server_hostname="localhost"),
        ):
            pass
