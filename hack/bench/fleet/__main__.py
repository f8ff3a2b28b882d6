"""A restart of a large cluster on paper: ``make fleet``, or ``python -m hack.bench.fleet``.

With ``--again`` the costs that stand on the page are used, as after a change of the chart's defaults.
"""

from __future__ import annotations

import argparse
import os
import sys

from hack.bench import measured
from hack.bench.fleet import costs, page
from hack.bench.load.stand import StandError


def main() -> int:
    """Measure the costs, simulate, and write both into the page."""
    flags = argparse.ArgumentParser(prog="python -m hack.bench.fleet")
    flags.add_argument("--again", action="store_true", help="take the costs that stand on the page")
    if flags.parse_args().again:
        old = page.PAGE.read_text()
        of, conditions = page.costs_of(old), page.conditions_of(old)
    else:
        load = os.getloadavg()[0]
        conditions = [f"{measured.machine()}; load average before the run {load:.1f}"]
        try:
            of = costs.measured()
        except StandError as error:
            sys.exit(f"fleet: {error}")
    tables = page.made(of, conditions)
    measured.write_between(page.PAGE, page.MAKER, tables)
    print(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
