"""kube-inject beside the real istioctl, in pairs of runs.

Not here: the manifests and how a run is measured (hack/bench/render.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from hack.bench import render
from hack.bench.performance.figures import Command
from hack.bench.render import OURS, THEIRS, Cost

# Deployments, and how many pairs of runs: the shorter, the more.
PAIRS: Mapping[int, int] = {1: 7, 1_000: 3, 10_000: 3}
BRIEF: Mapping[int, int] = {1: 3, 1_000: 1}
SIZE = "0.5 KB"


def commands(program: Path, pairs: Mapping[int, int], say: Callable[[str], None]) -> Iterator[Command]:
    """The costs of both programs for each number of Deployments."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = render.Bench(program, Path(folder), alone=False, command="kube-inject")
        for count, times in pairs.items():
            say(f"kube-inject of {count}")
            costs = [bench.costs(SIZE, count, 1) for _ in range(times)]
            yield Command(count, *([_figures(each[name]) for each in costs] for name in (OURS, THEIRS)))


def _figures(cost: Cost) -> tuple[float, float, float]:
    return cost.cpu, cost.seconds, cost.megabytes
