"""The tables of growth in docs/explanation/how-far-it-goes.md, and what was missed. Pure.

Not here: the measurements (axes.py, measuring.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from hack.bench.growth.axes import Step
from hack.bench.growth.measuring import Costly
from hack.bench.measured import table

GROWTH, PODS = "make growth", "make growth, pods"
MOST_SECONDS: Final = 0.5
# Growth beyond the proportion that counts as noise.
NOISE: Final = 1.5
# What grows beside a pod: an admission costs no more for it than one by the ordinary way.
BESIDE: Final = ("namespaces", "shapes")
SHOWN: Final = 12


def of_steps(steps: Sequence[Step]) -> str:
    """The table of the axes."""
    heads = ["axis", "size", "review, KB", "ordinary way, ms", "by a plan, ms", "replica, ms"]
    rows = [
        [each.axis, f"{each.count:,}".replace(",", " "), f"{each.size / 1000:.1f}",
         *(_ms(taken) for taken in (each.ordinary, each.planned, each.repeated))]
        for each in steps
    ]  # fmt: skip
    return table(heads, rows)


def _ms(taken: float | None) -> str:
    return "" if taken is None else f"{1000 * taken:.2f}"


def of_costly(costly: Sequence[Costly]) -> str:
    """The table of the most expensive pods."""
    heads = ["a pod of", "number", "review, KB", "units", "CPU s", "µs for a unit"]
    rows = [
        [each.kind, str(each.count), f"{each.size / 1000:.0f}", str(each.units), f"{each.seconds:.3f}",
         f"{1e6 * each.seconds / each.units:.2f}"]
        for each in costly[:SHOWN]
    ]  # fmt: skip
    return table(heads, rows)


def missed_by_steps(steps: Sequence[Step]) -> list[str]:
    """Where an admission grows faster than what it depends on."""
    highest = max(each.ordinary or 0.0 for each in steps)
    missed = [
        f"{each.axis}, {each.count}: {1000 * each.planned:.1f} ms"
        for each in steps
        if each.axis in BESIDE and each.planned > highest
    ]
    for first, second in pairwise(steps):
        if first.axis == second.axis and first.ordinary and second.ordinary:
            allowed = NOISE * first.ordinary * second.count / first.count
            if second.ordinary > allowed:
                missed.append(f"{first.axis}, {first.count} to {second.count}: more than in proportion")
    return missed


def missed_by_costly(costly: Sequence[Costly]) -> list[str]:
    """The pods that are let in and take too long."""
    return [
        f"{each.kind}: {each.seconds:.2f} s for {each.units} units"
        for each in costly
        if each.seconds > MOST_SECONDS
    ]
