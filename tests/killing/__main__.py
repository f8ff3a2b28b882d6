"""`python -m tests.killing`: kills `render --in-place` many times, and looks at the files after each kill.

After a kill each file is old or new, and after the next run all are new and no other file is there. Exit
status 1 where that does not hold, or where too few kills struck between the first and the last rename.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from tests.killing.kills import Killed, before_step, from_outside
from tests.killing.repository import BrokenError, Repository

# The steps of the short form: exactly before the temporary file of this number is created or renamed.
STEPS = [("create", 1), ("create", 2), ("create", 15), ("create", 30), ("rename", 1)]
STEPS += [("rename", number) for number in (2, 3, 10, 15, 20, 29, 30)]
FILES_OF_STEPS = 30
MOST_RUNS = 10


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.killing", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many kills at moments of chance")
    parser.add_argument(
        "--between", type=int, default=100, help="how many of them between the renames, at least"
    )
    parser.add_argument("--files", type=int, default=200, help="how many files change")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="what the moments are drawn from")
    parser.add_argument("--steps", action="store_true", help="kill exactly before steps; prints JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="killing-") as root:
        try:
            if asked.steps:
                return _steps(Repository(Path(root), FILES_OF_STEPS))
            return _by_chance(Repository(Path(root), asked.files), asked)
        except BrokenError as error:
            print(f"killing: {error}", file=sys.stderr)
            return 1


def _steps(repository: Repository) -> int:
    rows = []
    for event, number in STEPS:
        state = before_step(repository, event, number).state
        rows.append({"event": event, "number": number, "new": state.new, "temporary": state.temporary})
    print(json.dumps(rows))
    return 0


def _by_chance(repository: Repository, asked: argparse.Namespace) -> int:
    print(f"killing: {asked.kills} kills of a run that changes {asked.files} files, seed {asked.seed}")
    chance, kills = Random(asked.seed), list[Killed]()
    ended = 0
    while len(kills) < asked.kills and ended < MOST_RUNS * asked.kills:
        # Two of three are aimed at the renames, the shortest part of a run.
        killed = from_outside(repository, chance, renaming=(len(kills) + ended) % 3 > 0)
        if killed is None:
            ended += 1
            continue
        kills.append(killed)
        if len(kills) % 20 == 0:
            print(f"{len(kills)} of {asked.kills}", flush=True)
    when = Counter(killed.when for killed in kills)
    left = sum(killed.state.temporary for killed in kills)
    print(
        f"{len(kills)} kills: {when['before']} before the first rename, {when['between']} between the first"
    )
    print(f"and the last, {when['after']} after the last; {ended} runs ended before their kill")
    print(f"every file was old or new; {left} temporary files were left, all removed by the next run")
    return 0 if len(kills) == asked.kills and when["between"] >= asked.between else 1


if __name__ == "__main__":
    sys.exit(main())
