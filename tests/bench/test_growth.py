"""What the measurements of growth are judged by, and that their pods are what they say."""

from __future__ import annotations

import json

import pytest

from hack.bench.growth import page, pods
from hack.bench.growth.axes import Step
from hack.bench.growth.measuring import Costly, configuration, largest, units
from injector.work import DEFAULT_LIMIT


def a_step(count: int, ordinary: float | None, planned: float = 0.001, axis: str = "containers") -> Step:
    return Step(axis, count, 1000, ordinary, planned, None)


def test_growth_in_proportion_is_no_miss() -> None:
    assert page.missed_by_steps([a_step(1, 0.002), a_step(10, 0.02), a_step(50, 0.1)]) == []


def test_a_cliff_is_a_miss() -> None:
    [missed] = page.missed_by_steps([a_step(1, 0.002), a_step(10, 0.02), a_step(20, 0.09)])
    assert missed == "containers, 10 to 20: more than in proportion"


def test_namespaces_and_shapes_cost_no_more_than_the_ordinary_way() -> None:
    steps = [a_step(1, 0.004), a_step(1, None, 0.0004, "shapes"), a_step(1000, None, 0.02, "shapes")]
    assert page.missed_by_steps(steps) == ["shapes, 1000: 20.0 ms"]


def test_a_pod_that_is_let_in_and_takes_too_long_is_a_miss() -> None:
    costliest = [Costly("labels", 10, 1000, 300_000, 0.51), Costly("ports", 10, 1000, 300_000, 0.5)]
    assert page.missed_by_costly(costliest) == ["labels: 0.51 s for 300000 units"]


@pytest.mark.parametrize("kind", pods.COSTLY)
def test_each_kind_of_expensive_pod_is_let_in_while_it_is_small(kind: str) -> None:
    config, make = configuration(), pods.COSTLY[kind]
    few, more = units(config, make(2)), units(config, make(20))
    assert few is not None
    assert more is not None
    assert few < more < DEFAULT_LIMIT


def test_the_largest_pod_is_below_the_limit_and_not_far() -> None:
    config = configuration(workLimit=40_000)
    count = largest(config, pods.ordinary)
    assert units(config, pods.ordinary(count)) is not None
    assert units(config, pods.ordinary(count + count // 10)) is None


@pytest.mark.parametrize(("containers", "variables"), [(50, 50), (20, 200)])
def test_large_pods_that_are_sensible_are_let_in_by_default(containers: int, variables: int) -> None:
    assert units(configuration(), pods.ordinary(containers, variables)) is not None


def test_a_number_makes_another_shape_or_another_label() -> None:
    pod = pods.ordinary(1)
    first, second = (pods.shaped(pod, number)["spec"] for number in (1, 2))
    assert first != second
    assert pods.labelled(pod, 1)["spec"] == pod["spec"]
    assert json.loads(pods.body(pod, "bank", 7))["request"]["namespace"] == "bank"
