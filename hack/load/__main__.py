"""Measures `injector serve` at its limits: ``make load``, or ``PYTHONPATH=hack python -m load``.

Here: the order of the measurements: `overload` in three minutes, `footprint` in some seven. ``--brief`` is
a try that writes no page. Exit status 1 where something that should hold does not.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

import measured
from programs import build

from load import page, scenarios, stand

PAGES = Path(__file__).resolve().parents[2] / "docs" / "explanation"
ADMISSIONS = (1_000, 10_000, 100_000)
STARTS = 5
SECONDS = 6.0
ROUNDS = 3
# As many as an API server lets in by default: --max-mutating-requests-inflight.
CROWD = 200


def main() -> int:
    """Measure, write the page, and say what was missed."""
    flags = argparse.ArgumentParser(prog="load")
    flags.add_argument("--brief", action="store_true", help="short loads, tables on stdout")
    flags.add_argument("parts", nargs="*", metavar="overload|footprint", help="one of them; else both")
    given = flags.parse_args()
    parts = {"overload": _overload, "footprint": _footprint}
    if not set(given.parts) <= set(parts):
        flags.error(f"{' or '.join(parts)} is expected")
    build.programs(["traffic"])
    missed: list[str] = []
    try:
        for name in given.parts or parts:
            maker, tables, failed = parts[name](given.brief)
            missed += failed
            if given.brief:
                print(tables)
            else:
                page.write(PAGES, maker, tables)
    except stand.StandError as error:
        sys.exit(f"load: {error}")
    for name in missed:
        _say(f"missed: {name}")
    return 1 if missed else 0


def _overload(brief: bool) -> tuple[str, str, list[str]]:
    conditions, seconds = _conditions(), SECONDS / 3 if brief else SECONDS
    middle = partial(scenarios.middle, rounds=1 if brief else ROUNDS)
    with stand.served(stand.SLOW, stand.SLOW_FILES) as server:
        _say("a slow profile at twice its rate")
        slow = middle(lambda: scenarios.open_beyond(server, "slow profile, twice the rate", 4, seconds))
    with stand.served(stand.SHIPPED) as server:
        _say("the shipped profile: capacity")
        capacity = scenarios.capacity(server, seconds / 2)
        _say("four times the callers")
        closed = middle(lambda: scenarios.closed_beyond(server, capacity, seconds))
        _say(f"{CROWD} callers")
        crowd = middle(lambda: scenarios.many_callers(server, capacity, CROWD, seconds))
        _say("twice the rate")
        twice, callers = "shipped profile, twice the rate", capacity.callers
        flooded = middle(lambda: scenarios.open_beyond(server, twice, callers, seconds))
    found = page.Overloads(capacity, slow, closed, crowd, flooded)
    return page.OVERLOAD, page.of_overloads(found, conditions), page.missed_by_overloads(found)


def _footprint(brief: bool) -> tuple[str, str, list[str]]:
    _say("start and memory")
    conditions, admissions = _conditions(), ADMISSIONS[:1] if brief else ADMISSIONS
    found = scenarios.footprint(STARTS, admissions, _say)
    return page.FOOTPRINT, page.of_footprint(found, conditions), page.missed_by_footprint(found)


def _conditions() -> list[str]:
    """What the figures depend on."""
    two = len(os.sched_getaffinity(0)) > 1
    return [
        f"{measured.machine()}; load average before the first run {os.getloadavg()[0]:.1f}",
        f"`serve` and the load generator on {'a core each' if two else 'one core'}",
    ]


def _say(text: str) -> None:
    print(f"load: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
