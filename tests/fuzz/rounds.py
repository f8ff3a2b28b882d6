"""One numbered case: drawn from the seed and its number alone, asked, and judged.

So any case can be drawn again without those before it. Not here: many of them (__main__.py).
"""

from __future__ import annotations

import json
import re
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from injector.core.model import Reason
from tests.fuzz.doors import Setup, ask, draw_namespaces, logged, setups
from tests.generators.pods import draw_pod, make_too_large, manifests
from tests.generators.reviews import body_of, damaged, draw_path, draw_review, garbage
from tests.generators.shrinking import shrink
from tests.generators.values import draw_value

SECONDS: Final = 1.0
"""CPU time that no review may take."""

FORGED: Final = 0.1
"""The share of pods with forged annotations."""

TOO_LARGE: Final = 0.0005
"""The share of pods that are made larger than any limit of work."""

_HANGS: Final = 60


@dataclass(frozen=True)
class Case:
    """A request, and how it is asked."""

    number: int
    kind: str
    setup: Setup
    body: bytes
    path: str
    thorough: bool
    in_app: bool
    too_large: bool = False


@dataclass(frozen=True)
class Failure:
    """What went wrong with a case, and a smaller body that does the same."""

    number: int
    setup: str
    path: str
    faults: tuple[str, ...]
    body: bytes


@dataclass
class Tally:
    """What was asked and what came of it."""

    kinds: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)

    def add(self, other: Tally) -> None:
        """Take over what another one counted."""
        self.kinds += other.kinds
        self.words += other.words
        self.failures += other.failures
        self.slowest = max(self.slowest, other.slowest)


class Rounds:
    """Cases of one seed; the configurations are read once."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.setups = setups()
        self._shipped = manifests()

    def draw(self, number: int) -> Case:
        """The case of a number."""
        random = Random(f"{self.seed} {number}")
        setup = random.choice(self.setups)
        pod = draw_pod(random, self._shipped, setup.keys, setup.injected)
        forged = random.random() < FORGED
        too_large = random.random() < TOO_LARGE
        if forged:
            setup.forger.forge(random, pod)
        if too_large:
            make_too_large(pod)
        draw_namespaces(random, setup, draw_value(random, random.choice(setup.keys)))
        review: dict[str, Any] = draw_review(random, pod)
        roll = random.random()
        kind = "whole" if roll < 0.7 else "damaged" if roll < 0.9 else "garbage"
        if kind == "damaged":
            damaged(random, review)
        body = body_of(random, review)
        if kind == "garbage":
            body = garbage(random, body)
        path = draw_path(random)
        kind += ", too large" if too_large else ", forged" if forged else ""
        thorough, in_app = random.random() < 0.25, random.random() < 0.15
        return Case(number, kind, setup, body, path, thorough, in_app, too_large)

    def run(self, numbers: Sequence[int]) -> Tally:
        """Ask the cases of these numbers."""
        tally = Tally()
        with logged():
            for number in numbers:
                self._run(number, tally)
        return tally

    def _run(self, number: int, tally: Tally) -> None:
        case = self.draw(number)
        faults, word, seconds = self.judge(case, case.body)
        tally.kinds[f"{case.kind} to {case.setup.name}"] += 1
        tally.words[word] += 1
        tally.slowest = max(tally.slowest, (seconds, number))
        if not faults:
            return
        # One that takes too long is not asked hundreds of times.
        slow = any("takes" in shape for shape in _shapes(faults))
        body = case.body if slow else self._shrunken(case, _shapes(faults))
        tally.failures.append(Failure(number, case.setup.name, case.path, tuple(faults), body))

    def _shrunken(self, case: Case, wanted: set[str]) -> bytes:
        """A smaller body with one of the faults; the same where it is no JSON."""

        def fails(tree: Any) -> bool:
            return bool(_shapes(self.judge(case, json.dumps(tree).encode())[0]) & wanted)

        try:
            tree = json.loads(case.body)
        except (ValueError, RecursionError):
            return case.body
        return json.dumps(shrink(tree, fails), indent=1).encode() if fails(tree) else case.body

    def judge(self, case: Case, body: bytes) -> tuple[list[str], str, float]:
        """What is wrong with the answer to a body, the word for it, and the CPU time it took."""
        try:
            with _limited():
                judgement = ask(case.setup, body, case.path, thorough=case.thorough, in_app=case.in_app)
            if judgement.word == Reason.TOO_EXPENSIVE.value and not case.too_large:
                judgement.faults.append("too expensive, and not made too large")
        except Exception as error:
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            at = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "?"
            return [f"{type(error).__name__} at {at}: {error}"[:500]], "exception", 0.0
        # One that is made too large takes what the limits of work and of CPU time let it take.
        if judgement.seconds > SECONDS and not case.too_large:
            judgement.faults.append(f"takes {judgement.seconds:.1f} s of CPU time for {len(body)} bytes")
        return judgement.faults, judgement.word, judgement.seconds


def _shapes(faults: Sequence[str]) -> set[str]:
    """The faults without their numbers, to tell whether two are the same."""
    return {re.sub(r"[0-9]+", "N", fault.partition(" for ")[0]) for fault in faults}


@contextmanager
def _limited() -> Iterator[None]:
    """Interrupts what does not come back."""

    def over(_number: int, _frame: Any) -> None:
        raise TimeoutError(f"no answer within {_HANGS} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(_HANGS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
