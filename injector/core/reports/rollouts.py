"""Rolling restarts: which workloads can be rolled, when it is allowed, and when it is done.

Rules over objects as the API server gives them. Not here: reading, writing and waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from injector.core import selectors
from injector.core.model import Manifest

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
# kind -> plural name, all of apps/v1.
KINDS: Mapping[str, str] = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
}


class Step(StrEnum):
    """How far a rollout is."""

    DONE = "done"
    UNDER_WAY = "in progress"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rollout is, and in words what is still missing."""

    step: Step
    detail: str = ""


def restart(now: str) -> Manifest:
    """The patch of `kubectl rollout restart`; `now` is a time in RFC 3339."""
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}


def restarted(workload: Manifest, at: str | None) -> bool:
    """Whether a workload holds the patch of `restart` with that time."""
    template = (workload.get("spec") or {}).get("template") or {}
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    return at is not None and annotations.get(RESTARTED_AT) == at


def objection(workload: Manifest) -> str:
    """Why a restart would not renew all pods of a workload; empty where it would."""
    spec = workload.get("spec") or {}
    if workload.get("kind") == "Deployment":
        return "the rollout is paused" if spec.get("paused") else ""
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return "its update strategy is OnDelete"
    if (strategy.get("rollingUpdate") or {}).get("partition"):
        return "its rolling update has a partition"
    return ""


def progress(workload: Manifest) -> Progress:
    """How far a workload's rollout is, by the rules of `kubectl rollout status`."""
    meta, found = workload.get("metadata") or {}, workload.get("status") or {}
    if int(found.get("observedGeneration") or 0) < int(meta.get("generation") or 0):
        return Progress(Step.UNDER_WAY, "the controller has not observed the change yet")
    if workload.get("kind") == "DaemonSet":
        wanted = int(found.get("desiredNumberScheduled") or 0)
        return _counted(wanted, found, "updatedNumberScheduled", "numberAvailable", "")
    wanted = _replicas(workload)
    if workload.get("kind") == "StatefulSet":
        return _of_stateful_set(wanted, found)
    for condition in found.get("conditions") or []:
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return Progress(Step.FAILED, "the progress deadline was exceeded")
    return _counted(wanted, found, "updatedReplicas", "availableReplicas", "replicas")


def _of_stateful_set(wanted: int, found: Mapping[str, Any]) -> Progress:
    # Once all pods are updated the controller makes their revision the current one and counts anew.
    if found.get("updateRevision") != found.get("currentRevision"):
        updated = int(found.get("updatedReplicas") or 0)
        return Progress(Step.UNDER_WAY, f"{updated} of {wanted} pods are updated")
    return _counted(wanted, {**found, "updatedReplicas": wanted}, "updatedReplicas", "readyReplicas", "")


def _counted(wanted: int, found: Mapping[str, Any], updated: str, available: str, total: str) -> Progress:
    renewed, serving = int(found.get(updated) or 0), int(found.get(available) or 0)
    if renewed < wanted:
        return Progress(Step.UNDER_WAY, f"{renewed} of {wanted} pods are updated")
    if total and int(found.get(total) or 0) > renewed:
        return Progress(Step.UNDER_WAY, f"{int(found[total]) - renewed} old pods still exist")
    if serving < wanted:
        return Progress(Step.UNDER_WAY, f"{serving} of {wanted} pods are available")
    return Progress(Step.DONE)


def _replicas(workload: Manifest) -> int:
    count = (workload.get("spec") or {}).get("replicas")
    return 1 if count is None else int(count)


def takes_down(workload: Manifest) -> int:
    """How many pods a rollout of a workload may take away at the same time."""
    spec = workload.get("spec") or {}
    if workload.get("kind") == "DaemonSet":
        total = int((workload.get("status") or {}).get("desiredNumberScheduled") or 0)
        rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
        return _amount(rolling.get("maxUnavailable", 1), total, up=True)
    total = _replicas(workload)
    if workload.get("kind") == "StatefulSet":
        rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
        return max(1, _amount(rolling.get("maxUnavailable") or 1, total, up=True))
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return total
    rolling = strategy.get("rollingUpdate") or {}
    down = _amount(rolling.get("maxUnavailable", "25%"), total, up=False)
    more = _amount(rolling.get("maxSurge", "25%"), total, up=True)
    # With both at nothing a rollout could not begin; the controller then takes one.
    return down if down or more else 1


def _amount(given: Any, total: int, *, up: bool) -> int:
    """A number, or a share of the total, rounded as the controllers do."""
    if isinstance(given, int):
        return given
    percent = int(str(given).removesuffix("%") or 0)
    return -(-total * percent // 100) if up else total * percent // 100


def covering(
    workload: Manifest, budgets: Iterable[Manifest], pods: Iterable[Mapping[str, str]]
) -> tuple[Manifest, ...]:
    """The PodDisruptionBudgets of a namespace that cover a workload; `pods` are the labels of its pods."""
    template = (workload.get("spec") or {}).get("template") or {}
    labels = [*pods, (template.get("metadata") or {}).get("labels") or {}]
    return tuple(budget for budget in budgets if any(_covers(budget, found) for found in labels))


def blocked(workload: Manifest, budgets: Iterable[Manifest]) -> str:
    """Which of the budgets that cover a workload forbids to roll it now, and why; empty where none does.

    A rollout does not ask the budgets by itself: it has to fit into what they allow, and one that
    allows nothing forbids it whatever the rollout would take away.
    """
    needed = max(1, takes_down(workload))
    for budget in budgets:
        meta, found = budget.get("metadata") or {}, budget.get("status") or {}
        if int(found.get("observedGeneration") or 0) < int(meta.get("generation") or 0):
            return f"PodDisruptionBudget {meta.get('name')} has no current status yet"
        allowed = int(found.get("disruptionsAllowed") or 0)
        if allowed < needed:
            word = "disruption" if allowed == 1 else "disruptions"
            text = f"PodDisruptionBudget {meta.get('name')} allows {allowed or 'no'} {word}"
            return text if not allowed else f"{text}, but the rollout replaces {needed} pods at once"
    return ""


def _covers(budget: Manifest, labels: Mapping[str, str]) -> bool:
    raw = (budget.get("spec") or {}).get("selector")
    if raw is None:  # matches nothing, and an empty one everything
        return False
    try:
        return selectors.parse(raw).matches(labels)
    except ValueError:
        # A selector that this program cannot read may cover the pods.
        return True
