"""Plans by shape: shared where they are the same, bounded, and known under the facts they were made with."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from injector.core.model import Decision, Facts, Namespace, Origin, Reason
from injector.core.outcome import Outcome
from injector.core.plans.plan import PatchPlan
from injector.core.plans.store import OnceMet, PlanStore, ProvenPlan

FACTS = Facts(namespace="shop", namespace_object=Namespace("shop", {"a": "b"}), native_sidecars=True)
OUTCOME = Outcome(Decision(Reason.ON_BY_DEFAULT), {})


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def a_plan(text: str = "x" * 1000, **more: Any) -> ProvenPlan:
    fields = {"orders": (), "spent": 256, "outcome": OUTCOME, "rest": "rest"}
    return ProvenPlan(PatchPlan((text,), ()), **{**fields, **more})


def store(limit: int = 1 << 20, evicted: list[int] | None = None) -> PlanStore:
    return PlanStore(limit, (evicted if evicted is not None else list[int]()).append)


def test_the_same_plan_of_many_shapes_is_kept_once() -> None:
    plans = store()
    for number in range(200):
        plans.keep(key(number), FACTS, a_plan(), 0)
    assert len(plans) == 1
    known = [plans.find(key(number), FACTS) for number in range(200)]
    assert all(each is not None and each.planned == a_plan() for each in known)
    assert len({id(each) for each in known}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"spent": 512},
        {"rest": "other"},
        {"orders": (("/spec", ("a", "b")),)},
        {"outcome": replace(OUTCOME, decision=Decision(Reason.ON_BY_DEFAULT, detail="x"))},
        {"plan": PatchPlan(("x" * 1000, ""), ((1, 0),))},
    ],
)
def test_plans_that_differ_are_kept_apart(change: dict[str, Any]) -> None:
    plans, other = store(), replace(a_plan(), **change)
    plans.keep(key(1), FACTS, a_plan(), 0)
    plans.keep(key(2), FACTS, other, 0)
    one, two = plans.find(key(1), FACTS), plans.find(key(2), FACTS)
    assert one is not None
    assert one.planned == a_plan()
    assert two is not None
    assert two.planned == other


@pytest.mark.parametrize(
    "change",
    [
        {"namespace_object": Namespace("shop", {"a": "c"})},
        {"namespace_object": None},
        {"native_sidecars": None},
        {"overrides": {"cluster": "x"}},
        {"objects": ({"kind": "ProxyConfig"},)},
        {"origin": Origin.WEBHOOK},
        {"defaults": {"a": "b"}},
    ],
)
def test_a_shape_is_known_under_its_facts_alone(change: dict[str, Any]) -> None:
    plans = store()
    plans.keep(key(1), FACTS, a_plan(), 0)
    assert plans.find(key(1), replace(FACTS, **change)) is None
    assert plans.find(key(1), FACTS) is None, "the facts have changed meanwhile"


def test_a_shape_without_a_plan_is_known_as_such() -> None:
    plans = store()
    plans.keep(key(1), FACTS, None, 0)
    known = plans.find(key(1), FACTS)
    assert known is not None
    assert known.planned is None
    assert plans.find(key(2), FACTS) is None


def test_shapes_and_plans_stay_within_the_bytes() -> None:
    evicted: list[int] = []
    plans = store(200_000, evicted)
    for number in range(2000):
        plans.keep(key(number), FACTS, a_plan(f"{number}" * 200), 0)
        assert plans.size <= 200_000
        assert plans.find(key(number), FACTS) is not None
    assert sum(evicted) > 2000
    assert plans.find(key(0), FACTS) is None


def test_a_plan_that_is_too_large_is_not_kept() -> None:
    plans = store(100_000)
    plans.keep(key(1), FACTS, a_plan("x" * 50_000), 0)
    assert plans.find(key(1), FACTS) is None


def test_clear_forgets_shapes_plans_and_what_was_met() -> None:
    plans = store()
    plans.wants(key(1))
    plans.keep(key(1), FACTS, a_plan(), 0)
    plans.clear()
    assert (len(plans), plans.find(key(1), FACTS), plans.wants(key(1))) == (0, None, False)


def test_of_more_shapes_than_fit_some_keep_their_plans() -> None:
    plans, served = store(100_000), 0
    for turn in range(40):
        for number in range(50):
            if plans.find(key(number), FACTS) is not None:
                served += turn >= 20
            elif plans.wants(key(number)):
                plans.keep(key(number), FACTS, a_plan(f"{number}" * 200), 0)
            assert plans.size <= 100_000
    assert served > 20 * 50 * 0.1


def test_what_comes_again_was_met() -> None:
    once = OnceMet(1 << 18)
    assert not any(once.again(key(number)) for number in range(10_000))
    # Each key takes one of 65,536 places, so that few of them take that of another.
    assert sum(once.again(key(number)) for number in range(10_000)) > 8000


def test_a_digest_of_zeros_was_not_met_before_it_came() -> None:
    once = OnceMet(64)
    assert not once.again(bytes(32))
    assert once.again(bytes(32))


def test_without_bytes_nothing_was_met() -> None:
    once = OnceMet(3)
    assert (once.again(key(1)), once.again(key(1)), once.size) == (False, False, 0)
