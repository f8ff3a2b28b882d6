"""The simulation of a restart, and the page that shows it with the chart's defaults."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hack.bench.fleet import model, page
from hack.bench.fleet.model import Costs, Plan, Queue, arrivals, simulate

COSTS = Costs(first=0.004, distinct=0.0004, replica=0.0001, handshake=0.001)
PLAN = Plan(COSTS, Queue(512, 0.4), pods=2000, seconds=60.0)


def test_the_page_shows_the_defaults_of_the_chart_and_its_own_costs() -> None:
    text = page.PAGE.read_text()
    costs, chart = page.costs_of(text), page.defaults()
    of_chart = [
        plan for plan in page.plans(costs, chart) if plan.replicas == chart.replicas and plan.api_servers == 3
    ]
    assert {plan.core for plan in of_chart} == {1.0, chart.cores}
    for plan in of_chart:
        assert f"| {' | '.join(page.row(plan, simulate(plan)))} |" in text
    assert f"{chart.replicas} replicas, each with a request of {chart.cores:g} cores." in text


def test_the_chart_s_defaults_create_all_pods_also_where_replicas_get_only_what_they_request() -> None:
    costs, chart = page.costs_of(page.PAGE.read_text()), page.defaults()
    [plan] = [
        plan
        for plan in page.plans(costs, chart)
        if plan.replicas == chart.replicas and plan.core == chart.cores != 1
    ]
    result = simulate(plan)
    assert len(result.waits) == plan.pods
    assert result.ended < 1.1 * plan.seconds


def test_every_pod_is_created_once_at_times_within_the_restart() -> None:
    times = arrivals(PLAN)
    assert len(times) == PLAN.pods
    assert all(0 <= when < PLAN.seconds for when, _ in times)


def test_without_a_loss_an_idle_webhook_lets_nobody_wait() -> None:
    result = simulate(replace(PLAN, pods=1))
    assert result.waits == [pytest.approx(COSTS.handshake + COSTS.first)]
    assert (result.refused, result.failed, result.handshakes) == (0, 0, 1)


def test_each_replica_meets_each_shape_and_each_workload_for_itself() -> None:
    one, three = (simulate(replace(PLAN, replicas=count)) for count in (1, 3))
    workloads = {workload for _, workload in arrivals(PLAN)}
    assert one.firsts + one.distincts == len(workloads)
    assert one.firsts == len({workload // model.ALIKE for workload in workloads})
    assert three.firsts > one.firsts
    for result in (one, three):
        assert result.firsts + result.distincts + result.hits == PLAN.pods


def test_the_same_seed_gives_the_same_restart_and_another_one_another() -> None:
    assert simulate(PLAN) == simulate(PLAN)
    assert simulate(replace(PLAN, seed=15)) != simulate(PLAN)


def test_an_overloaded_webhook_refuses_and_pods_are_created_later() -> None:
    slow = replace(PLAN, replicas=1, core=0.02)
    result = simulate(slow)
    assert result.refused > 0
    assert result.wait(0.99) > simulate(replace(slow, core=1.0)).wait(0.99)


def test_the_loss_of_one_replica_fails_calls_only_until_another_takes_them() -> None:
    alone = simulate(replace(PLAN, replicas=1, lost_at=2.0))
    two = simulate(replace(PLAN, replicas=2, lost_at=2.0))
    assert alone.failed > two.failed
    assert len(alone.waits) == len(two.waits) == PLAN.pods
