"""Attacks a checkout on this machine: ``make attack``, or ``python -m hack.attack [NAME...]``.

Prints a row for each attack and writes nothing. Every server and command is started here, on loopback, and
ended here. ``--checkout`` takes older code as well.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from hack.attack import bystanders, commands, connections, reviews
from hack.attack.rows import Row
from hack.attack.stand import StandError

OWN = Path(__file__).resolve().parents[2]
KINDS: dict[str, Callable[[Path, float], Iterator[Row]]] = {
    "commands": lambda checkout, _: commands.rows(checkout),
    "reviews": lambda checkout, _: reviews.rows(checkout),
    "connections": lambda checkout, _: connections.rows(checkout),
    "bystanders": bystanders.rows,
}


def main() -> None:
    """Run the attacks that are named, or all of them."""
    flags = argparse.ArgumentParser(prog="python -m hack.attack")
    flags.add_argument("--checkout", type=Path, default=OWN, help="the code to attack; else this")
    flags.add_argument("--seconds", type=float, default=bystanders.SECONDS, help="for each pod of bystanders")
    flags.add_argument("names", nargs="*", metavar="|".join(KINDS), help="kinds of attacks; else all")
    options = flags.parse_args()
    names = options.names or list(KINDS)
    if not set(names) <= set(KINDS):
        flags.error(f"{', '.join(KINDS)} are expected")
    print(f"{'fault':>5}  {'what':<42} {'peak MB':>8} {'seconds':>8} {'bystander':>9}  answer")
    try:
        for name in names:
            for row in KINDS[name](options.checkout, options.seconds):
                print(line(row), flush=True)
    except StandError as error:
        sys.exit(f"attack: {error}")


def line(row: Row) -> str:
    """A row of the table; `none` where a bystander got no answer."""
    wait = "" if row.bystander_seconds is None else f"{row.bystander_seconds:.2f}".replace("inf", "none")
    figures = f"{row.peak_mb:>8.0f} {row.seconds:>8.2f} {wait:>9}"
    return f"{row.fault:>5}  {row.what:<42} {figures}  {row.answer}"


if __name__ == "__main__":
    main()
