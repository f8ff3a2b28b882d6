"""Measures `injector serve` at its limits: ``make load``, or ``python -m hack.bench.load``.

Here: the order of the measurements: `overload` in three minutes, `footprint` in some seven. ``--brief`` is
a try that writes no page. Where something that should hold does not, the page stays as it was, and the exit
status is 1.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hack.bench import measured
from hack.bench.load import page, scenarios, stand
from hack.bench.load.scenarios import Overload, Round
from tests.beds.apiserver.bed import ApiServer
from tests.beds.programs import build

PAGES = Path(__file__).resolve().parents[3] / "docs" / "explanation"
ADMISSIONS = (1_000, 10_000, 100_000)
STARTS = 5
SECONDS = 6.0
ROUNDS = 3
# As many as an API server lets in by default: --max-mutating-requests-inflight.
CROWD = 200


def main() -> int:
    """Measure, write the parts into the page, and report the limits that were missed, there too."""
    flags = argparse.ArgumentParser(prog="python -m hack.bench.load")
    flags.add_argument("--brief", action="store_true", help="short loads, no page")
    flags.add_argument("parts", nargs="*", metavar="overload|footprint", help="one of them; else both")
    options = flags.parse_args()
    parts = {"overload": _overload, "footprint": _footprint}
    if not set(options.parts) <= set(parts):
        flags.error(f"{' or '.join(parts)} is expected")
    build.programs(["traffic"])
    missed: list[str] = []
    try:
        for name in options.parts or parts:
            maker, tables, failed = parts[name](options.brief)
            missed += failed
            print(tables, flush=True)
            if not options.brief:
                page.write(PAGES, maker, page.with_missed(tables, failed))
    except stand.StandError as error:
        sys.exit(f"load: {error}")
    for name in missed:
        _say(f"missed: {name}")
    return 1 if missed else 0


def _overload(brief: bool) -> tuple[str, str, list[str]]:
    conditions, seconds = _conditions(), SECONDS / 3 if brief else SECONDS

    def rounds(name: str, scenario: Callable[[float], Round], *, twice: bool = False) -> Overload:
        _say(name)
        return scenarios.rounds(name, scenario, 1 if brief else ROUNDS, seconds, twice=twice)

    with stand.served(stand.SLOW, stand.SLOW_FILES) as server:
        _say("slow profile: capacity")
        of_slow = scenarios.capacity(server, seconds / 2)
        twice = partial(scenarios.open_beyond, server, of_slow.callers)
        slow = rounds("slow profile, twice the rate", twice, twice=True)
    with stand.served(stand.SHIPPED) as server:
        _say("planned pods: capacity")
        planned = scenarios.capacity(server, seconds / 2)
        beyond = partial(scenarios.closed_beyond, server, planned.callers)
        closed = rounds("planned pods, four times the callers", partial(beyond, 4 * planned.callers))
        crowd = rounds(f"planned pods, {CROWD} callers", partial(beyond, CROWD))
    with stand.served(stand.ORDINARY) as server:
        _say("the ordinary way: capacity")
        ordinary = scenarios.capacity(server, seconds / 2)
        refusal = scenarios.refusal(server, ordinary.callers, CROWD, seconds)
        twice = partial(scenarios.open_beyond, server, ordinary.callers)
        flooded = rounds("the ordinary way, twice the rate", twice, twice=True)
    overloads = page.Overloads(of_slow, ordinary, planned, refusal, slow, closed, crowd, flooded)
    return page.OVERLOAD, page.of_overloads(overloads, conditions), page.missed_by_overloads(overloads)


def _footprint(brief: bool) -> tuple[str, str, list[str]]:
    _say("start and memory")
    conditions, admissions = _conditions(), ADMISSIONS[:1] if brief else ADMISSIONS
    if reason := ApiServer.unavailable():
        raise stand.StandError(reason)
    with ApiServer.running(audited=False) as bed:
        if bed.plane is None:
            raise stand.StandError("an API server of our own is wanted; unset E2E_KUBECONFIG")
        footprint = scenarios.footprint(bed, STARTS, admissions, _say)
    return page.FOOTPRINT, page.of_footprint(footprint, conditions), page.missed_by_footprint(footprint)


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
