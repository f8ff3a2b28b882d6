"""How often this injector's caches were asked, from its metrics. A version without them has no counters."""

from __future__ import annotations

from collections.abc import Mapping

from tests.beds.mesh import readings

METRIC = "injector_cache_request_total"
REPLICAS, PLANS = "replicas", "plans"
HIT = "hit"

Counts = Mapping[tuple[str, str], float]
"""How often, by cache and result."""


def counts(metrics: str) -> Counts:
    """The counters in the text of the metrics; empty where there are none."""
    samples = readings.samples(metrics).find(METRIC)
    return {(each.labels["cache"], each.labels["result"]): each.value for each in samples}


def between(before: Counts, after: Counts) -> Counts:
    """What was counted between two readings."""
    return {key: value - before.get(key, 0) for key, value in after.items()}


def share_of_hits(counted: Counts, cache: str) -> float | None:
    """The part of the questions to a cache that it answered; None where it had none."""
    of_it = {result: count for (name, result), count in counted.items() if name == cache}
    total = sum(of_it.values())
    return of_it.get(HIT, 0) / total if total else None
