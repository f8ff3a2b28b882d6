"""The loads on the servers, in rounds: in each of them every server gets every load.

Not here: the servers (servers.py, istiod.py) and what the figures say (figures.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from hack.bench.performance import checking, counters, processes, reviews
from hack.bench.performance.counters import Counts
from hack.bench.performance.figures import (
    BEFORE,
    CONNECTIONS,
    DISTINCT,
    FLOOR,
    INJECTOR,
    REPLICAS,
    SHAPES,
    Memory,
    Run,
)
from hack.bench.performance.processes import BenchError
from hack.bench.performance.servers import Server

# Of a load, the most that is sent to a server, and the seconds that it may take. A fast one gets more, so
# that the handshakes of its connections weigh little.
MOST = {DISTINCT: 1_000, REPLICAS: 1_000, SHAPES: 300}
MOST_OF_FAST = {DISTINCT: 2_000, REPLICAS: 5_000, SHAPES: 300}
FAST = {INJECTOR, FLOOR}
MOST_SECONDS = 8.0
CHECKED = 3
WARM_UP = 60
# Numbers of Deployments that no load has.
NOT_IN_A_LOAD = 10_000_000
_TOP_UP_SECONDS, _TOP_UP_CONNECTIONS = 600.0, 2


Alone = Callable[[Server], AbstractContextManager[object]]
"""What is around a measurement of a server."""


@dataclass
class Loads:
    """Files of reviews; no two files hold the same distinct pod, or pods of one shape."""

    folder: Path
    brief: bool
    _next: int = field(default=0)
    _next_shape: int = field(default=0)

    def most(self, server: str, load: str) -> int:
        """How many reviews of a load a server gets at most."""
        most = (MOST_OF_FAST if server in FAST else MOST)[load]
        return min(most, MOST[SHAPES]) if self.brief else most

    def file(self, load: str) -> Path:
        """A file with reviews for a load of a round."""
        most = self.most(INJECTOR, load)
        if load == DISTINCT:
            return self.more(most)
        if load == REPLICAS:
            return self._written(reviews.replicas(most))
        number, self._next_shape = self._next_shape, self._next_shape + most
        if self._next_shape > reviews.SHAPES:
            raise BenchError(f"there are no more than {reviews.SHAPES} shapes")
        return self._written(reviews.shapes(number, most))

    def more(self, count: int) -> Path:
        """A file with so many other distinct pods."""
        number, self._next = self._next, self._next + count
        return self._written(reviews.distinct(number, count))

    def _written(self, bodies: Iterable[bytes]) -> Path:
        path = self.folder / "reviews.jsonl"
        with path.open("wb") as file:
            file.writelines(body + b"\n" for body in bodies)
        return path


def warm_up(server: Server) -> None:
    """Let a server answer some reviews, and check the answers to several of each load."""
    if server.name != FLOOR:
        _check(server, reviews.distinct(NOT_IN_A_LOAD, CHECKED))
        _check(server, reviews.replicas(CHECKED))
        _check(server, reviews.shapes(NOT_IN_A_LOAD, CHECKED))
    list(server.answers(reviews.distinct(NOT_IN_A_LOAD, WARM_UP)))


def rounds(
    servers: Sequence[Server],
    loads: Loads,
    count: int,
    say: Callable[[str], None],
    alone: Alone = nullcontext,
) -> Iterator[Run]:
    """So many rounds; the servers take turns in being the first. Each is measured within `alone` of it."""
    for number in range(count):
        first = number % len(servers)
        in_turn = [*servers[first:], *servers[:first]]
        for load in (DISTINCT, REPLICAS, SHAPES):
            of_it = [each for each in in_turn if _takes(each.name, load)]
            for connections in CONNECTIONS if load != SHAPES else CONNECTIONS[:1]:
                say(f"round {number + 1} of {count}: {load}, connections: {connections}")
                file = loads.file(load)
                for server in of_it:
                    most = loads.most(server.name, load)
                    with alone(server):
                        yield _run(server, load, connections, number, file, most)


def memory(servers: Sequence[Server], runs: Sequence[Run], loads: Loads, pods: int) -> Iterator[Memory]:
    """The memory of the servers; this injector sees so many distinct pods before, all in all."""
    for server in servers:
        seen = sum(run.requests for run in runs if (run.server, run.load) == (server.name, DISTINCT))
        if server.name == INJECTOR and seen < pods:
            left = pods - seen
            seen += server.loaded(loads.more(left), _TOP_UP_CONNECTIONS, _TOP_UP_SECONDS, left).requests
        yield Memory(server.name, processes.memory(server.process), seen)


def _takes(server: str, load: str) -> bool:
    """First pods of a shape go to this injector and to that before it, which gets nothing else."""
    return server in (INJECTOR, BEFORE) if load == SHAPES else server != BEFORE


def _run(server: Server, load: str, connections: int, number: int, file: Path, most: int) -> Run:
    before = _counts(server)
    sent = server.loaded(file, connections, MOST_SECONDS, most)
    counted = counters.between(before, _counts(server))
    if load == DISTINCT and counters.share_of_hits(counted, counters.REPLICAS):
        raise BenchError(f"distinct pods share an answer: {dict(counted)}")
    latency, cpu = sent.report["acceptedMilliseconds"], sent.cpu / sent.requests * 1e6
    smallest, largest = sent.report["acceptedBytes"]
    if smallest < largest / 2:
        raise BenchError(
            f"{server.name}: answers of {smallest} to {largest} bytes; the small ones are refusals"
        )
    figures = (cpu, latency["p50"], latency["p99"], sent.report["rate"], largest)
    return Run(server.name, load, connections, number, sent.requests, *figures, counted)


def _counts(server: Server) -> Counts:
    return counters.counts(server.metrics()) if server.health_port else {}


def _check(server: Server, bodies: Iterable[bytes]) -> None:
    sent = list(bodies)
    for body, answer in zip(sent, server.answers(sent), strict=True):
        checking.check(server.name, body, answer)
