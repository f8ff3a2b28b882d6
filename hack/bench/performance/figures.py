"""What one run of the measurements brought, and whether it reached what it should. Pure.

A ratio is one of two figures of the same round, so that a slow minute of the machine meets both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hack.bench.measured import Spread
from hack.bench.performance.counters import Counts

MB = 1_000_000

INJECTOR, BEFORE = "this injector", "before"
FLOOR, PLAIN, ISTIOD = "do-nothing server", "plain webhook", "istiod"
DISTINCT, REPLICAS = "distinct pods", "replicas of one pod"
SHAPES = "first pods of their shape"
CONNECTIONS = (1, 16)

LESS_THAN_ISTIOD = {DISTINCT: 15.0, REPLICAS: 50.0}
OF_FLOOR = {DISTINCT: 5.0, REPLICAS: 2.0}
P99_MS = {DISTINCT: 1.5, REPLICAS: 0.8}
OF_BEFORE = 1 / 3
MEMORY_MB = 120
NAMESPACES_MB = 10
WALL_OF_ISTIOCTL = 1.0
EXPLAIN, SERVE = "explain deploy/NAME", "serve"
START_SECONDS = {EXPLAIN: 0.6, SERVE: 1.0}
CPU_OF_ISTIOCTL = 1 / 3


class Run(NamedTuple):
    """One load on one server: CPU microseconds of a request, latency, the largest answer, cache questions."""

    server: str
    load: str
    connections: int
    round: int
    requests: int
    cpu: float
    p50: float
    p99: float
    rate: float
    size: int
    cache: Counts


class Memory(NamedTuple):
    """Resident bytes of a server once it had seen so many distinct pods."""

    server: str
    size: int
    pods: int


class Command(NamedTuple):
    """kube-inject of so many Deployments, by both programs: seconds of CPU, seconds, megabytes."""

    number: int
    ours: Sequence[tuple[float, float, float]]
    theirs: Sequence[tuple[float, float, float]]


@dataclass(frozen=True)
class Figures:
    """All that was measured.

    `starts`: the seconds of each run of a command that asks the API server, of `serve` until it is ready.
    `namespaces` is how many of them are cached, and the bytes that they take.
    """

    runs: Sequence[Run]
    memory: Sequence[Memory]
    commands: Sequence[Command] = ()
    starts: Mapping[str, Sequence[float]] = field(default_factory=dict)
    namespaces: tuple[int, int] | None = None
    conditions: Sequence[str] = field(default=())

    @property
    def servers(self) -> list[str]:
        """In the order in which they were measured."""
        return list(dict.fromkeys(run.server for run in self.runs))

    def of(self, server: str, load: str, connections: int, value: str) -> Spread | None:
        """A field of Run over the rounds; None where it was not measured."""
        values = [float(getattr(run, value)) for run in self._runs(server, load, connections)]
        return Spread.of(values) if values else None

    def ratio(self, over: str, under: str, load: str, connections: int) -> Spread | None:
        """The CPU of a request on one server as a multiple of that on another."""
        pairs = zip(self._runs(over, load, connections), self._runs(under, load, connections), strict=False)
        ratios = [one.cpu / other.cpu for one, other in pairs if one.round == other.round]
        return Spread.of(ratios) if ratios else None

    def _runs(self, server: str, load: str, connections: int) -> list[Run]:
        wanted = (server, load, connections)
        runs = [run for run in self.runs if (run.server, run.load, run.connections) == wanted]
        return sorted(runs, key=lambda run: run.round)


class Row(NamedTuple):
    """A figure, what it should be, and whether its median is."""

    name: str
    value: Spread
    to_reach: str
    reached: bool


def rows(figures: Figures) -> list[Row]:
    """Each figure that has something to reach and was measured."""
    return [*_admissions(figures), *_sizes(figures), *_commands(figures), *_starts(figures)]


def missed(figures: Figures) -> list[str]:
    """The names of those that were not reached."""
    return [row.name for row in rows(figures) if not row.reached]


def _admissions(figures: Figures) -> Iterator[Row]:
    for load in (DISTINCT, REPLICAS):
        for connections in CONNECTIONS:
            where = f"{load}, {_connections(connections)}"
            less = figures.ratio(ISTIOD, INJECTOR, load, connections)
            yield from _at_least(f"CPU: {ISTIOD} / {INJECTOR}, {where}", less, LESS_THAN_ISTIOD[load])
            more = figures.ratio(INJECTOR, FLOOR, load, connections)
            yield from _at_most(f"CPU: {INJECTOR} / {FLOOR}, {where}", more, OF_FLOOR[load])
        p99 = figures.of(INJECTOR, load, 1, "p99")
        yield from _at_most(f"p99 in ms, {load}, {_connections(1)}", p99, P99_MS[load])
    share = figures.ratio(INJECTOR, BEFORE, SHAPES, 1)
    yield from _at_most(f"CPU: {INJECTOR} / {BEFORE}, {SHAPES}", share, OF_BEFORE)


def _sizes(figures: Figures) -> Iterator[Row]:
    for server, size, pods in figures.memory:
        if server == INJECTOR:
            name = f"memory of serve in MB, {count(pods)} distinct pods seen"
            yield from _at_most(name, Spread.of([size / MB]), MEMORY_MB)
    if figures.namespaces:
        number, size = figures.namespaces
        yield from _at_most(f"{count(number)} cached namespaces in MB", Spread.of([size / MB]), NAMESPACES_MB)


def _commands(figures: Figures) -> Iterator[Row]:
    for each in figures.commands:
        cpu, wall = (
            Spread.of([ours[at] / theirs[at] for ours, theirs in zip(each.ours, each.theirs, strict=True)])
            for at in (0, 1)
        )
        if each.number == 1:
            name = "time of kube-inject: injector / istioctl, one manifest"
            yield from _at_most(name, wall, WALL_OF_ISTIOCTL)
        else:
            name = f"CPU of kube-inject: injector / istioctl, {count(each.number)} Deployments"
            yield from _at_most(name, cpu, CPU_OF_ISTIOCTL)


def _starts(figures: Figures) -> Iterator[Row]:
    for what, most in START_SECONDS.items():
        if seconds := figures.starts.get(what):
            until = "until serve is ready" if what == SERVE else f"of {what}"
            yield from _at_most(f"seconds {until}", Spread.of(list(seconds)), most)


def _at_least(name: str, value: Spread | None, least: float) -> Iterator[Row]:
    if value:
        yield Row(name, value, f"at least {_limit(least)}", value.median >= least)


def _at_most(name: str, value: Spread | None, most: float) -> Iterator[Row]:
    if value:
        yield Row(name, value, f"at most {_limit(most)}", value.median <= most)


def _limit(value: float) -> str:
    return "1/3" if value == 1 / 3 else f"{value:g}"


def _connections(number: int) -> str:
    return "1 connection" if number == 1 else f"{number} connections"


def count(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}".replace(",", " ")
