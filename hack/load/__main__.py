"""Measures `injector serve` at its limits: ``make load``, or ``PYTHONPATH=hack python -m load``.

Here: the order of the measurements. `--brief` is a try of a minute that writes no page. Exit status 1
where something that should hold does not.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import measured
from programs import build

from load import page, scenarios, stand

PAGES = Path(__file__).resolve().parents[2] / "docs" / "explanation"
ADMISSIONS = (1_000, 10_000, 100_000)
CROWD = 1000


def main() -> int:
    """Measure, write the page, and say what was missed."""
    flags = argparse.ArgumentParser(prog="load")
    flags.add_argument("--brief", action="store_true", help="short loads, tables on stdout")
    brief = flags.parse_args().brief
    build.programs(["traffic"])
    try:
        found = _measure(2.0 if brief else 8.0, 1 if brief else 5, ADMISSIONS[:1] if brief else ADMISSIONS)
    except stand.StandError as error:
        sys.exit(f"load: {error}")
    if brief:
        print(page.tables(found))
    else:
        page.write(found, PAGES)
    missed = page.missed(found)
    for name in missed:
        _say(f"missed: {name}")
    return 1 if missed else 0


def _measure(seconds: float, starts: int, admissions: tuple[int, ...]) -> page.Measured:
    load = os.getloadavg()[0]
    conditions = [f"{measured.machine()}; load average before the first run {load:.1f}"]
    if len(os.sched_getaffinity(0)) > 1:
        conditions.append("`serve` on one core, the load generator on another")
    else:
        conditions.append("`serve` and the load generator on one core")
    with stand.served(stand.SLOW, **stand.SLOW_FILES) as server:
        _say("a slow profile at twice its rate")
        slow = scenarios.open_beyond(server, "slow profile, twice the rate", 4, seconds)
    with stand.served(stand.SHIPPED) as server:
        _say("the shipped profile: capacity")
        capacity = scenarios.capacity(server, seconds / 2)
        _say("four times the callers")
        closed = scenarios.closed_beyond(server, capacity, seconds)
        _say(f"{CROWD} callers")
        crowd = scenarios.many_callers(server, capacity, CROWD, seconds)
        _say("twice the rate")
        flooded = scenarios.open_beyond(server, "shipped profile, twice the rate", capacity.callers, seconds)
    _say("start and memory")
    footprint = scenarios.footprint(starts, admissions, _say)
    return page.Measured(footprint, capacity, slow, closed, crowd, flooded, conditions)


def _say(text: str) -> None:
    print(f"load: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
