"""What the load measurements are judged by."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from load import page, review
from load.scenarios import Capacity, Footprint, MiB, Overload, allowed_by_refusals
from load.stand import Load

from injector.server.review import parse


def a_load(rate: float, slowest: float = 400.0, memory: int = 80, **told: Any) -> Load:
    counted = {
        "seconds": 10.0,
        "requests": 4000,
        "rate": rate,
        "statuses": {"200": int(rate * 10)},
        "errors": {},
        "retries": 0,
        "connections": 30,
        "acceptedMilliseconds": {"p50": 100.0, "p99": 300.0, "max": slowest},
        "refusedMilliseconds": {"p99": 5.0},
        **told,
    }
    return Load(counted, 9.0, 80 * MiB, memory * MiB)


GOOD = page.Overloads(
    Capacity(((1, 100.0), (2, 195.0), (4, 200.0)), 0.0002),
    Overload("slow", 100.0, a_load(95.0)),
    Overload("closed", 200.0, a_load(190.0)),
    Overload("crowd", 200.0, a_load(150.0)),
    Overload("flooded", 200.0, a_load(180.0)),
)


def test_refusals_take_their_part_of_the_capacity() -> None:
    assert allowed_by_refusals(1000, 2000, 0) == pytest.approx(1000)
    # 889 answers of 1 ms and 1111 refusals of 0.1 ms fill a second.
    assert allowed_by_refusals(1000, 2000, 0.0001) == pytest.approx(888.9, abs=0.1)
    assert allowed_by_refusals(1000, 20_000, 0.0001) == 0


def test_the_callers_that_saturate_are_the_fewest_that_get_nearly_all() -> None:
    assert GOOD.capacity.callers == 2


@pytest.mark.parametrize(
    ("starts", "memory", "missed"),
    [
        ((1.0, 2.0), (70.0, 75.0, 76.0), 0),
        ((1.0, 2.6), (70.0, 75.0, 76.0), 1),
        ((1.0,), (70.0, 75.0, 85.0), 1),
        ((1.0,), (70.0, 118.0, 121.0), 1),
        ((9.0,), (70.0, 75.0, 130.0), 3),
    ],
)
def test_start_and_memory_are_judged(
    starts: tuple[float, ...], memory: tuple[float, ...], missed: int
) -> None:
    found = Footprint(starts, tuple(zip((0, 1000, 100_000), memory, strict=True)))
    assert len(page.missed_by_footprint(found)) == missed
    assert "100 000" in page.of_footprint(found, ["two CPUs"])


def test_a_good_run_misses_nothing() -> None:
    assert page.missed_by_overloads(GOOD) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"slow": Overload("slow", 210.0, a_load(200.0))}, "5 ms"),
        ({"slow": Overload("slow", 100.0, a_load(89.0))}, "slow profile: goodput"),
        ({"slow": Overload("slow", 100.0, a_load(95.0, slowest=1001.0))}, "in time"),
        ({"slow": Overload("slow", 100.0, a_load(95.0, errors={"timeout": 1}))}, "rest refused"),
        ({"slow": Overload("slow", 100.0, a_load(95.0, memory=90))}, "memory flat"),
        ({"closed": Overload("closed", 200.0, a_load(179.0))}, "four times"),
        ({"flooded": Overload("flooded", 200.0, a_load(150.0))}, "what refusals allow"),
    ],
)
def test_what_does_not_hold_is_named(changed: dict[str, Any], word: str) -> None:
    missed = page.missed_by_overloads(replace(GOOD, **changed))
    assert len(missed) == 1
    assert word in missed[0]


def test_the_tables_hold_a_line_for_each_load() -> None:
    text = page.of_overloads(GOOD, ["two CPUs"])
    for name in ("slow", "closed", "crowd", "flooded"):
        assert text.count(f"\n| {name} |") == 2


def test_the_review_is_one_that_the_webhook_takes_and_no_two_are_alike() -> None:
    body = review.body()
    first, second = (parse(body.replace(review.NUMBER.encode(), number)) for number in (b"1", b"2"))
    assert first != second
    assert 5_000 < len(json.dumps(first)) < 15_000
