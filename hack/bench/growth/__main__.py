"""CPU of an admission as pods, configuration and cluster grow: ``make growth``.

A part that missed its limits leaves the page as it was, and the exit status is 1. ``--most`` bounds the
namespaces and shapes, 100,000 of which take minutes.
"""

from __future__ import annotations

import argparse
import os
import sys

from hack.bench import measured
from hack.bench.fleet.page import PAGE
from hack.bench.growth import axes, page
from hack.bench.growth.measuring import configuration, costly
from hack.bench.growth.pods import COSTLY
from injector.telemetry import log_to

PARTS = ("steps", "pods")


def main() -> int:
    """Measure, and write what met its limits."""
    # Log lines are written, as their cost belongs to an admission, but not shown.
    with open(os.devnull, "w") as nowhere:
        log_to("info", nowhere)
        return _measured()


def _measured() -> int:
    flags = argparse.ArgumentParser(prog="python -m hack.bench.growth")
    flags.add_argument("--most", type=int, default=axes.MOST, help="most namespaces and shapes")
    flags.add_argument("parts", nargs="*", metavar="|".join(PARTS), help="one of them; else both")
    options = flags.parse_args()
    conditions = f"- {measured.machine()}; load average before the run {os.getloadavg()[0]:.1f}\n"
    missed = []
    for part in options.parts or PARTS:
        if part == "steps":
            steps = list(axes.steps(options.most))
            maker, text, failed = page.GROWTH, page.of_steps(steps), page.missed_by_steps(steps)
        else:
            costliest = costly(configuration(), COSTLY)
            maker, text, failed = page.PODS, page.of_costly(costliest), page.missed_by_costly(costliest)
        print(text, flush=True)
        missed += failed
        if not failed:
            measured.write_between(PAGE, maker, f"{text}\n\n{conditions}")
    for name in missed:
        print(f"growth: missed: {name}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
