"""`python -m hack.fuzz`: many generated reviews through the webhook's door, on all cores.

What fails is written as a file, with the seed and number that draw it again. Exit status 1 then.
"""

from __future__ import annotations

import argparse
import itertools
import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from hack.fuzz.rounds import Failure, Rounds, Tally

_CHUNK = 250
_MOST_FAILURES = 20
_rounds: Rounds | None = None


def main() -> int:
    """Run what the command line asks for."""
    asked = _arguments()
    numbers = range(asked.only, asked.only + 1) if asked.only is not None else range(asked.count)
    print(f"fuzz: {len(numbers)} reviews, seed {asked.seed}", flush=True)
    started = time.monotonic()
    tally = Tally()
    with ProcessPoolExecutor(asked.jobs, initializer=_start, initargs=(asked.seed,)) as pool:
        for done, part in enumerate(pool.map(_run, _chunks(numbers)), 1):
            tally.add(part)
            _progress(min(done * _CHUNK, len(numbers)), len(numbers), tally, started)
            for failure in part.failures:
                _save(failure, asked.seed, Path(asked.out))
            if len(tally.failures) >= _MOST_FAILURES:
                pool.shutdown(cancel_futures=True)
                break
    _report(tally, time.monotonic() - started)
    return 1 if tally.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hack.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="how many reviews")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="what they are drawn from")
    parser.add_argument("--only", type=int, help="the number of one review, to see it again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many processes")
    parser.add_argument("--out", default="fuzz-failures", help="folder for what fails")
    return parser.parse_args()


def _chunks(numbers: range) -> Iterator[Sequence[int]]:
    each = iter(numbers)
    while chunk := list(itertools.islice(each, _CHUNK)):
        yield chunk


def _start(seed: str) -> None:
    global _rounds
    _rounds = Rounds(seed)


def _run(numbers: Sequence[int]) -> Tally:
    assert _rounds is not None
    return _rounds.run(numbers)


def _progress(done: int, count: int, tally: Tally, started: float) -> None:
    rate = done / (time.monotonic() - started)
    text = f"fuzz: {done}/{count}, {rate:.0f}/s, {len(tally.failures)} failed"
    if sys.stderr.isatty():
        print(f"\r{text} ", end="\n" if done == count else "", file=sys.stderr, flush=True)
    elif done % (40 * _CHUNK) == 0:
        print(text, file=sys.stderr, flush=True)


def _save(failure: Failure, seed: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{seed}-{failure.number}.json"
    file.write_bytes(failure.body)
    print(f"\n{file} ({failure.setup}, {failure.path[:60]!r}); again: --seed {seed} --only {failure.number}")
    for fault in failure.faults:
        print(f"  {fault}", flush=True)


def _report(tally: Tally, seconds: float) -> None:
    for title, counts in (("asked", tally.kinds), ("answered", tally.words)):
        print(f"{title}:")
        for word, number in counts.most_common():
            print(f"  {number:>8}  {word}")
    asked = tally.kinds.total()
    slow, number = tally.slowest
    print(f"fuzz: {asked} reviews in {seconds:.0f} s; slowest {slow:.2f} s of CPU time (number {number})")
    print(f"fuzz: {len(tally.failures)} failed" if tally.failures else "fuzz: all is well")


if __name__ == "__main__":
    sys.exit(main())
