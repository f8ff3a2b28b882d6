"""When a workload may be rolled, and when it is done: the rules of kubectl and of budgets."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.kinds import KINDS
from injector.core.reports import rollouts
from injector.core.reports.rollouts import RolloutStep

DEPLOYMENT = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "observedGeneration": 3}
SET = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "observedGeneration": 3}
DAEMONS = {
    "desiredNumberScheduled": 2,
    "updatedNumberScheduled": 2,
    "numberAvailable": 2,
    "observedGeneration": 3,
}


def a_workload(kind: str, status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}}
    return {
        "kind": kind,
        "metadata": {"generation": 3},
        "spec": {"replicas": 2, "template": template, **spec},
        "status": status,
    }


@pytest.mark.parametrize(
    ("kind", "status", "step", "detail"),
    [
        ("Deployment", DEPLOYMENT, RolloutStep.DONE, ""),
        (
            "Deployment",
            {**DEPLOYMENT, "observedGeneration": 2},
            RolloutStep.UNDER_WAY,
            "not observed the change",
        ),
        ("Deployment", {}, RolloutStep.UNDER_WAY, "not observed the change"),
        (
            "Deployment",
            {**DEPLOYMENT, "updatedReplicas": 1},
            RolloutStep.UNDER_WAY,
            "1 of 2 pods are updated",
        ),
        ("Deployment", {**DEPLOYMENT, "replicas": 3}, RolloutStep.UNDER_WAY, "1 old pods still exist"),
        (
            "Deployment",
            {**DEPLOYMENT, "availableReplicas": 1},
            RolloutStep.UNDER_WAY,
            "1 of 2 pods are available",
        ),
        (
            "Deployment",
            {**DEPLOYMENT, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]},
            RolloutStep.FAILED,
            "deadline",
        ),
        ("StatefulSet", SET, RolloutStep.DONE, ""),
        ("StatefulSet", {**SET, "updateRevision": "b", "currentRevision": "b"}, RolloutStep.DONE, ""),
        (
            "StatefulSet",
            {**SET, "updatedReplicas": 1, "updateRevision": "b", "currentRevision": "a"},
            RolloutStep.UNDER_WAY,
            "1 of 2 pods are updated",
        ),
        ("StatefulSet", {**SET, "readyReplicas": 1}, RolloutStep.UNDER_WAY, "1 of 2 pods are available"),
        ("DaemonSet", DAEMONS, RolloutStep.DONE, ""),
        (
            "DaemonSet",
            {**DAEMONS, "updatedNumberScheduled": 1},
            RolloutStep.UNDER_WAY,
            "1 of 2 pods are updated",
        ),
        ("DaemonSet", {**DAEMONS, "numberAvailable": 0}, RolloutStep.UNDER_WAY, "0 of 2 pods are available"),
    ],
)
def test_progress(kind: str, status: dict[str, Any], step: RolloutStep, detail: str) -> None:
    progress = rollouts.progress(a_workload(kind, status))
    assert progress.step is step
    assert detail in progress.detail


@pytest.mark.parametrize(
    ("kind", "spec", "objection"),
    [
        ("Deployment", {}, ""),
        ("Deployment", {"paused": True}, "paused"),
        ("StatefulSet", {}, ""),
        ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, "OnDelete"),
        ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 1}}}, "partition"),
        ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 0}}}, ""),
        ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, "OnDelete"),
    ],
)
def test_what_a_restart_would_not_renew(kind: str, spec: dict[str, Any], objection: str) -> None:
    answer = rollouts.objection(a_workload(kind, {}, **spec))
    assert objection in answer
    assert bool(answer) == bool(objection)


@pytest.mark.parametrize(
    ("kind", "spec", "count"),
    [
        ("Deployment", {"replicas": 10}, 2),
        ("Deployment", {"replicas": 3}, 0),
        ("Deployment", {"strategy": {"type": "Recreate"}, "replicas": 7}, 7),
        ("Deployment", {"strategy": {"rollingUpdate": {"maxUnavailable": 3, "maxSurge": 0}}}, 3),
        ("Deployment", {"strategy": {"rollingUpdate": {"maxUnavailable": "10%", "maxSurge": 0}}}, 1),
        ("StatefulSet", {}, 1),
        ("StatefulSet", {"replicas": 9, "updateStrategy": {"rollingUpdate": {"maxUnavailable": "30%"}}}, 3),
        ("DaemonSet", {}, 1),
        ("DaemonSet", {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "60%"}}}, 2),
        ("DaemonSet", {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}}, 0),
    ],
)
def test_how_many_pods_a_rollout_takes_away_at_once(kind: str, spec: dict[str, Any], count: int) -> None:
    assert rollouts.takes_down(a_workload(kind, DAEMONS, **spec)) == count


def a_budget(selector: Any, allowed: int = 0, observed: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"name": "b", "generation": 1},
        "spec": {"selector": selector},
        "status": {"disruptionsAllowed": allowed, "observedGeneration": observed},
    }


@pytest.mark.parametrize(
    ("selector", "covers"),
    [
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "other"}}, False),
        ({"matchExpressions": [{"key": "of-the-pod", "operator": "Exists"}]}, True),
        ({}, True),
        (None, False),
        ({"unheard": "of"}, True),
    ],
)
def test_which_budgets_cover_a_workload(selector: Any, covers: bool) -> None:
    """By its pods as they are, and as they will be."""
    workload = a_workload("Deployment", DEPLOYMENT)
    pods = [{"app": "web", "of-the-pod": "x"}]
    assert bool(rollouts.covering(workload, [a_budget(selector)], pods)) == covers


@pytest.mark.parametrize(
    ("replicas", "budget", "why"),
    [
        (3, a_budget({}, 1), ""),
        (3, a_budget({}, 0), "PodDisruptionBudget b allows no disruptions"),
        (10, a_budget({}, 2), ""),
        (10, a_budget({}, 1), "allows 1 disruption, but the rollout replaces 2 pods at once"),
        (3, a_budget({}, 5, observed=0), "has no current status yet"),
        (3, {"metadata": {"name": "b"}}, "allows no disruptions"),
    ],
)
def test_what_a_budget_forbids(replicas: int, budget: dict[str, Any], why: str) -> None:
    answer = rollouts.blocked(a_workload("Deployment", DEPLOYMENT, replicas=replicas), [budget])
    assert why in answer
    assert bool(answer) == bool(why)


def test_the_patch_is_that_of_kubectl() -> None:
    now = "2026-01-02T03:04:05Z"
    annotations = rollouts.restart(KINDS["Deployment"], now)["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"kubectl.kubernetes.io/restartedAt": now}
