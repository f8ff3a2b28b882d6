"""Rolling several workloads: order, budgets, how long each may wait, lost answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from injector.core.reports.rollouts import RESTARTED_AT
from injector.errors import ClusterError
from injector.kube.rolling import Pace, Result, Target, roll

A, B, C = (Target("shop", "Deployment", name) for name in "abc")


@dataclass
class Shop:
    """A cluster by its clock: a rollout takes a while, and its budget some more to allow the next.

    A real one cannot be asked to lose an answer, nor to let hours pass. `budgets` are the workloads under
    each; `held_until` those that allow nothing until that time.
    """

    budgets: dict[str, list[str]] = field(default_factory=dict)
    takes: float = 90
    settles: float = 15
    held_until: dict[str, float] = field(default_factory=dict)
    lost: Callable[[str], None] = lambda _name: None
    now: float = 0.0
    times: dict[str, list[str]] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def get(self, path: str) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        new = 0 if self.under_way(name) else 1
        annotations = {RESTARTED_AT: self.times[name][-1]} if name in self.times else {}
        return {
            "metadata": {"generation": 1},
            "spec": {
                "replicas": 1,
                "template": {"metadata": {"labels": {"app": name}, "annotations": annotations}},
            },
            "status": {
                "replicas": 1,
                "updatedReplicas": new,
                "availableReplicas": 1,
                "observedGeneration": 1,
            },
        }

    def list(self, _path: str) -> list[dict[str, Any]]:
        return [
            {
                "metadata": {"name": name, "generation": 1},
                "spec": {
                    "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": over}]}
                },
                "status": {"observedGeneration": 1, "disruptionsAllowed": int(self.allows(name, over))},
            }
            for name, over in self.budgets.items()
        ]

    def allows(self, budget: str, over: Iterable[str]) -> bool:
        return self.now >= self.held_until.get(budget, 0) and not any(
            self.under_way(each, self.settles) for each in over
        )

    def under_way(self, name: str, longer: float = 0) -> bool:
        return name in self.begun and self.now < self.begun[name] + self.takes + longer

    def patch(self, path: str, change: Any) -> None:
        name = path.rpartition("/")[2]
        at = change["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT]
        self.times.setdefault(name, []).append(at)
        self.begun[name] = self.now
        self.lost(name)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def rolled(
        self, *targets: Target, parallel: int, seconds: float = 100, closes: float = math.inf
    ) -> Result:
        def closed() -> str:
            return "the window is closed" if self.now >= closes else ""

        pace = Pace(parallel, seconds, lambda: self.now, self.sleep, closed)
        return roll(self, targets, pace, lambda _target: "", self.said.append)  # type: ignore[arg-type]


def test_as_many_as_are_asked_for_are_rolled_at_a_time() -> None:
    shop = Shop()
    result = shop.rolled(A, B, C, parallel=2)
    assert result.done == [A, B, C]
    assert (shop.begun["a"], shop.begun["b"]) == (0, 0)
    assert shop.begun["c"] >= 90


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_the_wait_for_one_under_the_same_budget_does_not_count(parallel: int) -> None:
    shop = Shop({"one": ["a", "b", "c"]})
    result = shop.rolled(A, B, C, parallel=parallel)
    assert (result.done, result.why) == ([A, B, C], "")
    assert shop.begun["b"] >= 90
    assert shop.begun["c"] >= shop.begun["b"] + 90


@pytest.mark.parametrize("parallel", [1, 2])
def test_one_that_has_to_wait_keeps_no_other_back(parallel: int) -> None:
    shop = Shop({"one": ["a", "b"]}, held_until={"one": 50})
    result = shop.rolled(A, B, C, parallel=parallel)
    assert set(result.done) == {A, B, C}
    assert shop.begun["c"] == 0
    assert (
        shop.said[0]
        == "waiting before restarting Deployment shop/a: PodDisruptionBudget one allows no disruptions"
    )


def test_a_budget_that_allows_nothing_for_too_long_ends_the_run() -> None:
    shop = Shop({"one": ["a"]}, held_until={"one": 1000})
    result = shop.rolled(A, parallel=2)
    assert (result.stopped, result.why) == (A, "PodDisruptionBudget one allows no disruptions")
    assert 100 < shop.now < 110
    assert "a" not in shop.begun


def test_the_limit_begins_anew_once_the_run_itself_is_no_obstacle() -> None:
    """While C is rolled, A is not checked."""
    shop = Shop({"one": ["a"]}, held_until={"one": 150})
    assert set(shop.rolled(A, C, parallel=1).done) == {A, C}


@pytest.mark.parametrize("status", [0, 504])
def test_a_restart_whose_answer_is_lost_is_no_second_rollout(status: int) -> None:
    def lose(_name: str) -> None:
        shop.lost = lambda _name: None
        shop.now += 2
        raise ClusterError("no answer", reason="Timeout", status=status)

    shop = Shop({"one": ["a", "b"]}, lost=lose)
    result = shop.rolled(A, B, parallel=2)
    assert result.done == [A, B]
    assert {name: len(times) for name, times in shop.times.items()} == {"a": 1, "b": 1}
    assert shop.begun["b"] >= 90


def test_a_restart_that_is_refused_ends_the_run() -> None:
    def refuse(_name: str) -> None:
        raise ClusterError("not allowed", reason="Forbidden", status=403)

    result = Shop(lost=refuse).rolled(A, B, parallel=1)
    assert (result.stopped, result.left, result.under_way) == (A, [B], [])
    assert "not allowed" in result.why


def test_one_that_is_interrupted_while_it_is_asked_for_may_be_under_way() -> None:
    def interrupt(_name: str) -> None:
        raise KeyboardInterrupt

    result = Shop(lost=interrupt).rolled(A, B, parallel=1)
    assert (result.why, result.under_way, result.left) == ("interrupted", [A], [B])


def test_once_the_window_is_closed_none_begins_and_those_in_progress_finish() -> None:
    shop = Shop()
    result = shop.rolled(A, B, C, parallel=1, closes=60)
    assert (result.done, result.left, result.closed) == ([A], [B, C], "the window is closed")
    assert (result.stopped, result.under_way) == (None, [])
    assert set(shop.begun) == {"a"}
    assert shop.said.count("no other owner is restarted: the window is closed") == 1


def test_a_window_that_is_closed_from_the_start_begins_none() -> None:
    shop = Shop()
    result = shop.rolled(A, B, parallel=2, closes=0)
    assert (result.done, result.left, shop.begun) == ([], [A, B], {})


def test_one_that_waits_for_its_budget_when_the_window_closes_is_not_begun() -> None:
    shop = Shop({"one": ["b"]}, held_until={"one": 70})
    result = shop.rolled(A, B, parallel=2, closes=60)
    assert (result.done, result.left) == ([A], [B])


def test_a_restart_whose_answer_was_lost_is_followed_after_the_window_is_closed() -> None:
    shop = Shop()

    def lose(_name: str) -> None:
        shop.lost, shop.now = lambda _name: None, 60
        raise ClusterError("no answer", status=0)

    shop.lost = lose
    result = shop.rolled(A, B, parallel=1, closes=60)
    assert (result.done, result.left, shop.times["a"][1:]) == ([A], [B], [])


def test_a_time_limit_is_reported_apart_from_a_failure() -> None:
    shop = Shop(takes=1000)
    result = shop.rolled(A, parallel=1)
    assert (result.stopped, result.timed_out, result.begun) == (A, True, True)
    shop = Shop({"one": ["a"]}, held_until={"one": 1000})
    result = shop.rolled(A, parallel=1)
    assert (result.stopped, result.timed_out, result.begun) == (A, True, False)


def test_a_refused_restart_was_not_begun() -> None:
    shop = Shop()

    def refuse(name: str) -> None:
        del shop.times[name], shop.begun[name]
        raise ClusterError("not allowed", status=403)

    shop.lost = refuse
    result = shop.rolled(A, parallel=1)
    assert (result.stopped, result.timed_out, result.begun) == (A, False, False)
