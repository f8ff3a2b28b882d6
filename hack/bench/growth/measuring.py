"""CPU of admissions in this process, and the largest pods that are let in.

Not here: the pods (pods.py), and what is made of the figures (page.py).
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from hack.attack.pods import as_text
from hack.bench.admission import CACHED, InProcess
from hack.bench.growth import pods
from injector.config.loading import Input, Text, load_input
from injector.core.model import Namespace, Verdict
from injector.core.profile import Config
from injector.errors import ReviewError
from injector.server import answers, reviews
from injector.server.state import Limits
from injector.work import Work

ROUNDS: Final = 2
# A round takes so long at least.
_ROUND_SECONDS: Final = 0.1
# Reviews that are made at a time.
_BATCH: Final = 100
# How far below the largest pod that is let in the one may be that is found.
_PRECISION: Final = 0.05


@dataclass(frozen=True, slots=True)
class Costly:
    """The largest pod of a kind that is let in: its elements, bytes of the review, units, CPU seconds."""

    kind: str
    count: int
    size: int
    units: int
    seconds: float


def configuration(**settings: Any) -> Config:
    """The default configuration with these settings."""
    return load_input(Input(Text(as_text(settings), "growth")))


def webhook(config: Config, *, caches: bool) -> InProcess:
    """A webhook that has answered in both lanes, and whose work is limited by units alone."""
    limits = replace(CACHED, cpu_seconds=math.inf) if caches else Limits(cpu_seconds=math.inf)
    made = InProcess(config, limits)
    made.answers([pods.body(pods.ordinary(1)), pods.body(pods.ordinary(30))])
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    return made


def seconds(of: InProcess, body: Callable[[int], bytes]) -> float:
    """CPU seconds of an admission: the least of some rounds; each review has another number."""
    once(of, [body(0), body(1)])
    count = max(1, math.ceil(_ROUND_SECONDS / max(once(of, [body(2)]), 1e-6)))
    count = min(count, 1000)
    rounds = ([body(3 + turn * count + each) for each in range(count)] for turn in range(ROUNDS))
    return min(once(of, bodies) for bodies in rounds)


def once(of: InProcess, bodies: Iterable[bytes]) -> float:
    """CPU seconds of an admission, the mean of these reviews."""
    taken, count, rest = 0.0, 0, iter(bodies)
    while batch := list(islice(rest, _BATCH)):
        begun = time.process_time()
        results = of.answers(batch)
        taken, count = taken + time.process_time() - begun, count + len(batch)
        for status, answer in results:
            if status != 200 or b'"patch":' not in answer:
                raise ValueError(f"not injected: {status} {answer[:300]!r}")
    return taken / count


def units(config: Config, pod: pods.Pod) -> int | None:
    """The units of work of a pod; None where it is not let in."""
    try:
        asked = reviews.parse(pods.body(pod), path="/mutate")
    except ReviewError:
        return None
    facts = answers.facts_of(asked, config, _namespace, native_sidecars=True)
    work = Work(config.work_limit)
    answer = answers.answer(asked, config, facts, work=work)
    return work.spent if answer.decision is Verdict.INJECT else None


def _namespace(name: str) -> Namespace:
    return Namespace(name, {"istio-injection": "enabled"})


def largest(config: Config, make: pods.Maker) -> int:
    """How many elements the largest pod of a maker has that is let in."""
    low, high = 8, 72
    few, more = units(config, make(low)), units(config, make(high))
    if few is not None and more is not None and more > few:
        # Units grow in proportion.
        at = int((config.work_limit - few) * (high - low) / (more - few))
        if units(config, make(at)) is not None:
            return at
        low, high = (high, at) if at > high else (1, at)
    while high - low > max(1, _PRECISION * low):
        middle = (low + high) // 2
        low, high = (middle, high) if units(config, make(middle)) is not None else (low, middle)
    return low


def costly(config: Config, makers: Mapping[str, pods.Maker]) -> list[Costly]:
    """The largest pod of each maker that is let in, the one that takes most first."""
    server, costliest = webhook(config, caches=False), []
    for kind, make in makers.items():
        count = largest(config, make)
        body = pods.body(make(count))
        taken = min(once(server, [body]) for _ in range(ROUNDS))
        costliest.append(Costly(kind, count, len(body), units(config, make(count)) or 0, taken))
    server.close()
    return sorted(costliest, key=lambda each: -each.seconds)
