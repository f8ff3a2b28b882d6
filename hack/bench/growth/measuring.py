"""CPU of admissions, and the largest pods that are let in. Not here: the pods (pods.py), what is made of the figures (page.py)."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hack.bench.admission import InProcess
from hack.bench.growth import pods
from injector.config.loading import Input, Text, load_input
from injector.core.model import Namespace, Reason
from injector.core.profile import Config
from injector.errors import ReviewError
from injector.server import answers, reviews
from injector.server.state import Limits
from injector.work import Work

ROUNDS = 5
# For a while of some milliseconds at least, as clocks of processes tick.
_LEAST_SECONDS = 0.05
_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class Costly:
    """The largest pod of a kind that is let in: how many of it, its review's size, units and CPU seconds."""

    kind: str
    count: int
    size: int
    units: int
    seconds: float


def configuration(**settings: Any) -> Config:
    """The default configuration with these settings."""
    return load_input(Input(Text(pods.as_text(settings), "growth")))


def webhook(config: Config) -> InProcess:
    """A webhook that has admitted a pod in each lane, without the net below the counted work."""
    made = InProcess(config, Limits(cpu_seconds=math.inf))
    made.answers([pods.body(pods.ordinary(1)), pods.body(pods.ordinary(30))])
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    return made


def seconds(of: InProcess, bodies: Sequence[bytes]) -> float:
    """CPU seconds of an admission: the least of some rounds over all these reviews."""
    times = [_round(of, bodies)]
    again = max(1, round(_LEAST_SECONDS / times[0] / 1))
    batch = list(bodies) * again
    times += [_round(of, batch) / again for _ in range(ROUNDS)]
    return min(times) / len(bodies)


def once(of: InProcess, bodies: Sequence[bytes]) -> float:
    """CPU seconds of an admission, the mean of one pass over these reviews."""
    return _round(of, bodies) / len(bodies)


def _round(of: InProcess, bodies: Sequence[bytes]) -> float:
    begun = time.process_time()
    results = of.answers(bodies)
    taken = time.process_time() - begun
    for status, answer in results:
        if status != 200 or b'"patch":' not in answer:
            raise ValueError(f"not injected: {status} {answer[:300]!r}")
    return taken
