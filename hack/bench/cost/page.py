"""The page and the picture of what a sidecar costs, made of what cost.py measured. Pure but for `write`.

The prose of docs/explanation/cost.md is written by hand; what stands between its markers is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from hack.bench import measured
from hack.bench import picture as drawn
from hack.bench.measured import Spread
from hack.bench.picture import Bar

PAGE, PICTURE = "cost.md", "cost.svg"
MAKER = "make mesh-cost"
BEGIN, END = measured.markers(MAKER)

DIRECT, WITH_SERVERS, WITH_BOTH = (
    "no sidecar",
    "the server's sidecar, plain text",
    "both sidecars, mutual TLS",
)
ROUTES = (DIRECT, WITH_SERVERS, WITH_BOTH)
STEADY, CLOSED = "200 requests/s, 4 connections", "as fast as answers come, 2 connections"
LOADS = (STEADY, CLOSED)


class Run(NamedTuple):
    """One load over one route: answers a second, milliseconds, and CPU microseconds of a request by part."""

    route: str
    load: str
    rate: float
    p50: float
    p99: float
    cpu: Mapping[str, float]


@dataclass(frozen=True)
class Costs:
    """All that one measuring run brought.

    For each round: `idle` in percent of a CPU, `memory` in MiB, both by container; `starts` in seconds,
    by the form of the sidecar.
    """

    runs: Sequence[Run]
    idle: Sequence[Mapping[str, float]]
    memory: Sequence[Mapping[str, float]]
    starts: Sequence[Mapping[str, float]]
    machine: Sequence[str]
    seconds: float


def write(costs: Costs, folder: Path) -> None:
    """Put the tables between the markers of the page, and the picture beside it."""
    measured.write_between(folder / PAGE, MAKER, tables(costs))
    (folder / PICTURE).write_text(picture(costs))


def tables(costs: Costs) -> str:
    """The tables in Markdown, with the conditions that they depend on."""
    rounds = len(costs.starts)
    basis = f"Medians of {rounds} rounds, and what they lie between; {costs.seconds:g} s for each load."
    parts = [f"![What a sidecar costs]({PICTURE})", basis]
    for load in LOADS:
        heads = ["latency, " + load, "p50 ms", "p99 ms", "requests/s", "CPU µs for a request"]
        lines = [
            [route, *(_of(costs, route, load, value) for value in (_p50, _p99, _rate, _cpu))]
            for route in ROUTES
        ]
        parts.append(measured.table(heads, lines))
    heads = ["a server's container", "CPU, idle, %", "memory, MiB"]
    parts.append(
        measured.table(
            heads, [[name, _over(costs.idle, name), _over(costs.memory, name)] for name in costs.memory[0]]
        )
    )
    heads = ["of the CPU for a request, µs", *LOADS]
    parts.append(measured.table(heads, _shares(costs)))
    heads = ["from requesting a pod until it is Ready", "s"]
    parts.append(measured.table(heads, [[form, _over(costs.starts, form)] for form in costs.starts[0]]))
    parts.append("\n".join(f"- {line}" for line in costs.machine) + "\n")
    return "\n\n".join(parts)


def picture(costs: Costs) -> str:
    """The picture as SVG, with colours for light and dark screens."""
    panels: list[tuple[str, list[Bar]]] = []
    for load in LOADS:
        bars = []
        for route in ROUTES:
            bars.append(Bar(f"{route}: p50", _of(costs, route, load, _p50)))
            bars.append(Bar("p99", _of(costs, route, load, _p99), pale=True))
        panels.append((f"Latency in ms, {load}", bars))
    panels.append(
        (
            f"CPU of a request in µs, {STEADY}",
            [Bar(route, _of(costs, route, STEADY, _cpu)) for route in ROUTES],
        )
    )
    panels.append(
        ("Memory of a server's container in MiB", [Bar(n, _over(costs.memory, n)) for n in costs.memory[0]])
    )
    panels.append(
        ("Seconds until a pod is Ready", [Bar(form, _over(costs.starts, form)) for form in costs.starts[0]])
    )
    return drawn.svg("What a sidecar costs", panels)


def _shares(costs: Costs) -> list[list[object]]:
    """The CPU time of a request by part of the route, as medians."""
    lines: list[list[object]] = []
    for route in ROUTES:
        names = next(run.cpu for run in costs.runs if run.route == route)
        for name in names:
            spreads = [_of(costs, route, load, partial(_cpu_of, name)) for load in LOADS]
            lines.append([f"{route}: {name}", *spreads])
    return lines


def _of(costs: Costs, route: str, load: str, value: Callable[[Run], float]) -> Spread:
    return Spread.of([value(run) for run in costs.runs if (run.route, run.load) == (route, load)])


def _over(rounds: Sequence[Mapping[str, float]], name: str) -> Spread:
    return Spread.of([one[name] for one in rounds])


def _p50(run: Run) -> float:
    return run.p50


def _p99(run: Run) -> float:
    return run.p99


def _rate(run: Run) -> float:
    return run.rate


def _cpu(run: Run) -> float:
    return sum(run.cpu.values())


def _cpu_of(name: str, run: Run) -> float:
    return run.cpu[name]
