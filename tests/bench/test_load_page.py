"""What the load measurements are judged by."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hack.bench.load import page, review
from hack.bench.load.scenarios import (
    MB,
    REPEATS,
    Capacity,
    Footprint,
    Overload,
    Round,
    allowed_by_refusals,
    cost_of_refusals,
    rounds,
)
from hack.bench.load.stand import Load, StandError
from injector.config.loading import Input, Text, load_input
from injector.core.model import Namespace
from injector.server.reviews import parse
from injector.templating.budget import RenderLimits
from tests.answering import answer


def a_load(
    rate: float, *, slowest: float = 400.0, memory: int = 80, cpu: float = 9.0, **changed: Any
) -> Load:
    counted = {
        "seconds": 10.0,
        "requests": 4000,
        "rate": rate,
        "statuses": {"200": int(rate * 10), "429": 10},
        "errors": {},
        "retries": 0,
        "connections": 30,
        "acceptedMilliseconds": {"p50": 100.0, "p99": 300.0, "max": slowest},
        "refusedMilliseconds": {"p99": 5.0},
        **changed,
    }
    return Load(counted, cpu, 80 * MB, memory * MB)


def a_round(capacity: float, rate: float, after: float | None = None, **changed: Any) -> Round:
    fields = {"requests": int(20 * capacity), **changed}
    return Round(capacity, a_load(rate, **fields), capacity if after is None else after)


def an_overload(name: str, capacity: float, rate: float, **last: Any) -> Overload:
    """Three rounds, of which the last one may be odd."""
    whole = a_round(capacity, rate)
    return Overload(name, (whole, whole, a_round(capacity, **{"rate": rate, **last})))


GOOD = page.Overloads(
    Capacity(((1, 90.0), (2, 95.0), (4, 100.0))),
    Capacity(((1, 100.0), (2, 195.0), (4, 200.0))),
    Capacity(((1, 500.0), (2, 900.0), (4, 1000.0))),
    0.0002,
    an_overload("slow", 100.0, 95.0),
    an_overload("closed", 200.0, 190.0),
    an_overload("crowd", 200.0, 150.0),
    an_overload("flooded", 200.0, 180.0),
)


def test_refusals_take_their_part_of_the_capacity() -> None:
    assert allowed_by_refusals(1000, 2000, 0) == pytest.approx(1000)
    # 889 answers of 1 ms and 1111 refusals of 0.1 ms fill a second.
    assert allowed_by_refusals(1000, 2000, 0.0001) == pytest.approx(888.9, abs=0.1)
    assert allowed_by_refusals(1000, 20_000, 0.0001) == 0


def test_the_callers_that_saturate_are_the_fewest_that_get_nearly_all() -> None:
    assert GOOD.ordinary.callers == 2


def test_a_refusal_costs_what_a_load_took_beyond_its_answers() -> None:
    answered = a_load(100.0, cpu=4.0, requests=1000, statuses={"200": 1000})
    refused = a_load(50.0, cpu=4.0, requests=10_500, statuses={"200": 500, "429": 10_000})
    assert cost_of_refusals(answered, refused) == pytest.approx(0.0002)
    for one, other in ((refused, refused), (answered, answered)):
        with pytest.raises(StandError):
            cost_of_refusals(one, other)


def played(*played_rounds: Round, count: int, twice: bool = False) -> tuple[Overload, int]:
    """The overload of these rounds, and how many were played; the short one before them is any."""
    left = iter((played_rounds[0], *played_rounds))
    made = rounds("x", lambda _seconds: next(left), count, 1.0, twice=twice)
    return made, len(played_rounds) - len(list(left))


def test_a_round_between_two_capacities_is_repeated() -> None:
    good, odd = a_round(100.0, 95.0), a_round(100.0, 95.0, after=80.0)
    assert played(good, odd, good, odd, good, good, count=3) == (Overload("x", (good,) * 3, (odd,) * 2), 5)
    assert played(*[odd] * 9, count=3) == (Overload("x", (odd,) * 3, (odd,) * REPEATS), 3 + REPEATS)


def test_what_goes_wrong_in_a_repeated_round_counts() -> None:
    worst = a_round(200.0, 150.0, errors={"EOF": 1}, slowest=900.0, memory=85)
    made = Overload("x", GOOD.crowd.rounds, (worst,))
    assert (made.errors, made.slowest, made.memory) == ({"EOF": 1}, 900.0, (80 * MB, 85 * MB))


def test_a_round_in_which_too_little_is_offered_is_repeated() -> None:
    good, few = a_round(100.0, 95.0), a_round(100.0, 95.0, requests=1940)
    assert played(few, good, count=1, twice=True) == (Overload("x", (good,), (few,)), 2)
    assert played(few, good, count=1) == (Overload("x", (few,)), 1)


@pytest.mark.parametrize(
    ("starts", "memory", "peak", "missed"),
    [
        ((1.0, 2.0), (70, 75, 76), 119, 0),
        ((1.0, 2.6), (70, 75, 76), 80, 1),
        ((1.0,), (70, 75, 85), 90, 1),
        ((1.0,), (70, 118, 121), 121, 1),
        ((1.0,), (70, 75, 76), 121, 1),
        ((9.0,), (70, 75, 130), 130, 3),
    ],
)
def test_start_and_memory_are_judged(
    starts: tuple[float, ...], memory: tuple[int, ...], peak: int, missed: int
) -> None:
    sizes = tuple(zip((0, 1000, 100_000), (size * MB for size in memory), strict=True))
    footprint = Footprint(starts, sizes, peak * MB)
    assert len(page.missed_by_footprint(footprint)) == missed
    assert "100 000" in page.of_footprint(footprint, ["two CPUs"])


def test_a_good_run_misses_nothing() -> None:
    assert page.missed_by_overloads(GOOD) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"slow": an_overload("slow", 210.0, 200.0)}, "5 ms"),
        ({"slow": an_overload("slow", 100.0, 89.0)}, "slow: goodput"),
        ({"slow": an_overload("slow", 100.0, 95.0, slowest=1001.0)}, "in time"),
        ({"closed": an_overload("closed", 200.0, 179.0)}, "closed: goodput"),
        ({"flooded": an_overload("flooded", 200.0, 150.0)}, "what refusals allow"),
        ({"slow": an_overload("slow", 100.0, 95.0, requests=1940)}, "slow: twice"),
        ({"flooded": an_overload("flooded", 200.0, 180.0, requests=3880)}, "flooded: twice"),
        *(
            ({name: an_overload(name, 200.0 if name != "slow" else 100.0, rate, **odd)}, f"{name}: {word}")
            for name, rate in (("slow", 95.0), ("closed", 190.0), ("crowd", 150.0), ("flooded", 180.0))
            for odd, word in (
                ({"errors": {"EOF": 1}}, "the rest refused"),
                ({"statuses": {"200": 950, "500": 1}}, "the rest refused"),
                ({"memory": 90}, "memory flat"),
                ({"after": 160.0 if name != "slow" else 80.0}, "a capacity that stays"),
            )
        ),
        ({"crowd": Overload("crowd", [a_round(200.0, 150.0, after=178.0)] * 3)}, "crowd: no collapse"),
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
    assert 5_000 < len(json.dumps(first.pod)) < 15_000


def test_the_shapes_fill_the_cache_to_its_budget() -> None:
    config, namespace = load_input(Input(Text("", "test"))), Namespace("shop", {"istio-injection": "enabled"})
    for body in review.shapes():
        assert answer(parse(body), config, lambda _name: namespace).outcome.patch
    assert 0.9 * RenderLimits().skeletons < config.templates._size <= RenderLimits().skeletons


def test_what_is_missed_stands_below_the_tables() -> None:
    tables = page.of_overloads(GOOD, ["two CPUs"])
    assert page.with_missed(tables, []) == tables
    assert page.with_missed(tables, ["slow: goodput"]).endswith("- two CPUs\n- **missed**: slow: goodput\n")
