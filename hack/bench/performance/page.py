"""The tables and the picture of docs/explanation/performance.md, made of figures. Pure but for `write`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hack.bench import measured, picture
from hack.bench.measured import Spread
from hack.bench.performance import counters
from hack.bench.performance.figures import (
    CONNECTIONS,
    DISTINCT,
    INJECTOR,
    MB,
    REPLICAS,
    SHAPES,
    Command,
    Figures,
    count,
    rows,
)
from hack.bench.picture import Bar

PAGE, PICTURE = "performance.md", "performance.svg"
MAKER = "make bench"
_COLUMNS = ("cpu", "p50", "p99", "rate")
TITLE = "What an admission costs"
OURS, THEIRS = "injector kube-inject", "istioctl kube-inject"


def write(figures: Figures, folder: Path) -> None:
    """Put the tables between the markers of the page, and the picture next to it."""
    measured.write_between(folder / PAGE, MAKER, f"![{TITLE}]({PICTURE})\n\n{tables(figures)}")
    (folder / PICTURE).write_text(drawn(figures))


def tables(figures: Figures) -> str:
    """The tables in Markdown, with the conditions that they depend on."""
    made = [_reached(figures), _admissions(figures), _memory(figures), _caches(figures)]
    if figures.commands:
        made.append(_commands(figures.commands))
    return "\n\n".join([*made, "\n".join(f"- {line}" for line in figures.conditions) + "\n"])


def drawn(figures: Figures) -> str:
    """The picture as SVG."""
    many, one = CONNECTIONS[-1], CONNECTIONS[0]
    panels = [
        (f"CPU of an admission in µs, {many} connections", list(_bars(figures, many, "cpu"))),
        (f"99th percentile of the latency in ms, {one} connection", list(_bars(figures, one, "p99"))),
        ("Memory in MB", [Bar(each.server, Spread.of([each.size / MB])) for each in figures.memory]),
    ]
    for each in figures.commands:
        at, what = (1, "seconds") if each.number == 1 else (0, "seconds of CPU")
        number = "one manifest" if each.number == 1 else f"{count(each.number)} Deployments"
        bars = [Bar(name, _of(costs, at)) for name, costs in ((OURS, each.ours), (THEIRS, each.theirs))]
        panels.append((f"kube-inject of {number}, {what}", bars))
    return picture.svg(TITLE, panels)


def _bars(figures: Figures, connections: int, value: str) -> Iterator[Bar]:
    for load in (DISTINCT, REPLICAS):
        for server in figures.servers:
            if spread := figures.of(server, load, connections, value):
                yield Bar(f"{server}, {load}", spread, pale=load == REPLICAS)


def _reached(figures: Figures) -> str:
    heads = ["figure", "median (lowest to highest)", "to reach", ""]
    words = {True: "reached", False: "**missed**"}
    return measured.table(heads, [[r.name, r.value, r.to_reach, words[r.reached]] for r in rows(figures)])


def _admissions(figures: Figures) -> str:
    heads = ["server: load, connections", "CPU µs", "p50 ms", "p99 ms", "answers/s", "answer, bytes"]
    lines = []
    for load in (DISTINCT, REPLICAS, SHAPES):
        for connections in CONNECTIONS:
            for server in figures.servers:
                spreads = [figures.of(server, load, connections, column) for column in _COLUMNS]
                size = figures.of(server, load, connections, "size")
                if size:
                    lines.append([f"{server}: {load}, {connections}", *spreads, count(round(size.high))])
    return measured.table(heads, lines)


def _memory(figures: Figures) -> str:
    heads = ["memory", "MB", "distinct pods seen"]
    lines = [[server, f"{size / MB:.0f}", count(pods)] for server, size, pods in figures.memory]
    return measured.table(heads, lines)


def _caches(figures: Figures) -> str:
    """How the caches took part, which also shows that distinct pods share no answer."""
    runs = [run for run in figures.runs if run.server == INJECTOR]
    if not any(run.cache for run in runs):
        return "This version has no counters of caches: each pod is rendered."
    heads = [f"{INJECTOR}: load", "answers from the replica cache, %", "of the others, by a plan, %"]
    lines = []
    for load in (DISTINCT, REPLICAS, SHAPES):
        total: dict[tuple[str, str], float] = {}
        for run in (run for run in runs if run.load == load):
            for key, number in run.cache.items():
                total[key] = total.get(key, 0) + number
        shares = [counters.share_of_hits(total, cache) for cache in (counters.REPLICAS, counters.PLANS)]
        lines.append([load, *("-" if share is None else f"{100 * share:.1f}" for share in shares)])
    return measured.table(heads, lines)


def _commands(commands: Sequence[Command]) -> str:
    heads = ["kube-inject", "CPU s", "time s", "memory MB"]
    lines = [
        [f"{name}: {count(each.number)}", *(_of(costs, at) for at in range(3))]
        for each in commands
        for name, costs in ((OURS, each.ours), (THEIRS, each.theirs))
    ]
    return measured.table(heads, lines)


def _of(costs: Sequence[tuple[float, float, float]], at: int) -> Spread:
    return Spread.of([cost[at] for cost in costs])
