"""Instructions of an admission as multiples of those of ``json.loads`` of the same review, with bounds.

Such a multiple hardly depends on the machine: two runs differ by less than a thousandth, however busy it is.
Other versions and builds of Python differ by a few percent. So a bound between a figure and its double shows
a change that doubles the work. Not here: what is counted (counted.py), and how (callgrind.py).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from hack.bench import kinds
from hack.bench.instructions import callgrind, counted
from hack.bench.measured import table

# By hand: about 1.4 times the figure, which stands beside it with its day.
BOUNDS: Final[Mapping[str, float]] = {
    kinds.FIRST: 25.0,  # 18.0, 2026-11-30
    kinds.DISTINCT: 3.3,  # 2.88, 2026-11-30
    kinds.REPLICA: 2.0,  # 1.47, 2026-11-30
}


def multiples() -> dict[str, float]:
    """Instructions of each kind of admission, in those of json.loads."""
    totals = callgrind.totals(counted.__name__)
    parsing = totals.pop(counted.PARSING)
    return {name: total / parsing for name, total in totals.items()}


def problems(figures: Mapping[str, float], bounds: Mapping[str, float] = BOUNDS) -> list[str]:
    """The figures over their bound, and those so far below it that their double would not be seen."""
    if figures.keys() != bounds.keys():
        return [f"counted: {', '.join(sorted(figures))}; with a bound: {', '.join(sorted(bounds))}"]
    high = [
        f"{name}: {figure:.1f} times json.loads, the bound is {bounds[name]:g}: find out what does more work"
        for name, figure in figures.items()
        if figure > bounds[name]
    ]
    low = [
        f"{name}: {figure:.1f} times json.loads, below half of the bound {bounds[name]:g}: lower it"
        for name, figure in figures.items()
        if 2 * figure < bounds[name]
    ]
    return high + low


def main() -> int:
    """Print the figures; 1 where a bound does not fit."""
    if reason := callgrind.unavailable():
        sys.exit(f"instructions: {reason}")
    figures = multiples()
    lines = [[name, f"{figure:.2f}", f"{BOUNDS.get(name, 0):g}"] for name, figure in figures.items()]
    print(table(["instructions of one admission", "times json.loads", "bound"], lines))
    failed = problems(figures)
    for problem in failed:
        print(f"instructions: {problem}", file=sys.stderr)
    return 1 if failed else 0
