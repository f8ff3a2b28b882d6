"""`python -m tests.differential`: runs rounds and prints seed, coverage and differences.

Exit status 1 on a difference without a name, 2 where the check cannot run here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.beds.programs import build
from tests.differential.cases import GROUPS, coverage, draw_case
from tests.differential.doors import DoorError
from tests.differential.rounds import Failure, Tally, run
from tests.differential.shrinking import shrink

_SHOWN_FAILURES = 5
_SHOWN_DIFFERENCES = 5
_SHOWN_LINES = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check."""
    asked = _parser().parse_args(arguments)
    reason = unavailable()
    if reason:
        print(f"differential: {reason}", file=sys.stderr)
        return 2
    istioctl = build.programs(["istioctl"])["istioctl"]
    try:
        failed = _rounds(istioctl, asked)
    except DoorError as error:
        print(f"differential: {error}", file=sys.stderr)
        return 2
    return 1 if failed else 0


def unavailable() -> str | None:
    """Say in one line why the check cannot run here; None where it has a chance."""
    return build.unavailable(["istioctl"])


def _rounds(istioctl: Path, asked: argparse.Namespace) -> int:
    """Run the rounds; returns how many documents differ."""
    numbers = range(asked.documents) if asked.only is None else [asked.only]
    tally, drawn, done, failed = Tally(), Counter[tuple[str, str]](), 0, 0
    print(f"differential: seed {asked.seed}, {asked.rounds} rounds of {len(numbers)} documents", flush=True)
    for seed in range(asked.seed, asked.seed + asked.rounds):
        done += 1
        case = draw_case(seed, numbers, quirks=not asked.quirks_off)
        drawn += coverage(case)
        for failure in run(istioctl, case, tally, twice=asked.twice):
            failed += 1
            if failed <= _SHOWN_FAILURES:
                _tell(istioctl, failure, shrunken=asked.shrink)
    for group in GROUPS:
        counts = [f"{name} {n}" for (of, name), n in sorted(drawn.items()) if of == group]
        print(f"drawn {group}: {', '.join(counts) or 'none'}")
    print("named: " + (", ".join(f"{name} {n}" for name, n in sorted(tally.named.items())) or "none"))
    print(
        f"differential: {done} rounds, {tally.documents} documents, {tally.injected} injected,"
        f" {tally.refused} refused by both, {failed} with differences"
    )
    return failed


def _tell(istioctl: Path, failure: Failure, *, shrunken: bool) -> None:
    number = failure.case.numbers[0]
    flags = (" --twice" if failure.is_second else "") + (
        "" if failure.case.settings.quirks else " --quirks-off"
    )
    print(f"\nDIFFERENCE, seed {failure.case.seed}, document {number}")
    for difference in failure.differences[:_SHOWN_DIFFERENCES]:
        print(f"  {difference}")
    for line in failure.message.splitlines()[:_SHOWN_LINES]:
        print(f"  | {line}")
    print(
        f"  again: python -m tests.differential --seed {failure.case.seed} --rounds 1 --only {number}{flags}"
    )
    if not shrunken:
        return
    small = shrink(failure, lambda case: run(istioctl, case, Tally(), twice=failure.is_second))
    settings = small.case.settings
    print(f"  shrunken: {small.differences[0]}")
    print(
        f"    values {json.dumps(settings.values)}, mesh {json.dumps(settings.mesh)}, native"
        f" {settings.native}, revision {settings.revision}, ours reads {settings.read_by_ours}"
    )
    print(f"    {json.dumps(small.case.documents[0])}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; the others count on")
    parser.add_argument("--rounds", type=int, default=10, help="each has settings of its own")
    parser.add_argument("--documents", type=int, default=20, help="in each round")
    parser.add_argument("--only", type=int, help="one document, by its number")
    parser.add_argument("--twice", action="store_true", help="inject istioctl's output once more with both")
    parser.add_argument(
        "--quirks-off", action="store_true", help="ours without upstream's quirks, up to the register's rows"
    )
    parser.add_argument("--no-shrink", dest="shrink", action="store_false", help="leave differences large")
    return parser


if __name__ == "__main__":
    sys.exit(main())
