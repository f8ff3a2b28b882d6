"""Workloads in files: what a plan gives is what the ordinary way gives, in the same order of keys."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Owner
from injector.core.outcome import Outcome
from injector.core.plans.planner import InjectionCall, Planner
from injector.core.profile import Config
from tests.generators.strategies import pods
from tests.test_laws import BUILT, injected

LIMIT = 1 << 22
# The templates of these are no part of what the profile knows to be copied.
WITHOUT_PLANS = ("gateway", "proxyless")


def renamed(pod: Manifest, number: int) -> Manifest:
    """The same pod of another workload: what is only copied is another."""
    other = copy.deepcopy(pod)
    labels = (other.get("metadata") or {}).get("labels") or {}
    labels |= {key: f"{labels[key]}-{number}" for key in ("app", "version") if labels.get(key)}
    spec = other["spec"]
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        if "istio" not in container["name"]:
            container["name"] += f"-{number}"
        if container.get("image") not in (None, "", "auto"):
            container["image"] += f".{number}"
        if container.get("args"):
            container["args"] = [*container["args"], f"--more={number}"]
        container["env"] = [*(container.get("env") or ()), {"name": f"NUMBER_{number}", "value": "x"}]
    return other


def workloads(pod: Manifest, config: Config) -> Iterator[InjectionCall]:
    """Deployments with this pod and three that differ from it in copied texts."""
    for number in range(4):
        template = renamed(pod, number)
        name = f"web-{number}"
        holder = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {"template": template},
        }
        facts = Facts(namespace="shop", owner=Owner("apps/v1", "Deployment", name))
        yield InjectionCall(template, facts, config, len(json.dumps(holder)), holder)


def compared(outcome: Outcome) -> Any:
    decision = outcome.decision
    return (
        (decision.reason, decision.detail, decision.hint),
        json.dumps(outcome.pod),
        json.dumps([operation.as_json() for operation in outcome.patch]),
        outcome.findings,
        outcome.added,
        str(outcome.error),
        outcome.problems,
        outcome.defaults,
    )


@pytest.mark.parametrize("name", BUILT)
def test_a_workload_is_injected_by_a_plan_as_without_one(name: str) -> None:
    config = BUILT[name]
    planned = total = 0

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(pods(injected))
    def law(pod: Manifest) -> None:
        nonlocal planned, total
        planner = Planner(LIMIT)
        for each in workloads(pod, config):
            total += 1
            planned += planner.look_up(each).planned is not None
            without = inject(each.pod, each.facts, config, each.holder)
            assert compared(planner.inject(each)) == compared(without)

    law()
    print(f"{name}: {planned} of {total} workloads by a plan")
    assert (planned == 0) is (name in WITHOUT_PLANS)
