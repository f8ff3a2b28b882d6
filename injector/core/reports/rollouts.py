"""Rolling restarts: which workloads can be rolled, when it is allowed, and when it is done.

Rules over objects as the API server gives them. Not here: reading, writing and waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from injector.classes import dataclass
from injector.core import kinds, selectors, workload
from injector.core.kinds import Kind, Rolling
from injector.core.model import Manifest
from injector.pointer import put

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


class RolloutStep(StrEnum):
    """How far a rollout is."""

    DONE = "done"
    UNDER_WAY = "in progress"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rollout is, and in words what is still missing."""

    step: RolloutStep
    detail: str = ""


def restart(kind: Kind, now: str) -> Manifest:
    """The patch of `kubectl rollout restart`; `now` is a time in RFC 3339."""
    return put({}, f"{kind.template}/metadata/annotations", {RESTARTED_AT: now})


def restarted(manifest: Manifest, at: str | None) -> bool:
    """Whether a workload holds the patch of `restart` with that time."""
    template = workload.template_of(manifest)
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    return at is not None and annotations.get(RESTARTED_AT) == at


def objection(manifest: Manifest) -> str:
    """Why a restart would not renew all pods of a workload; empty where it would."""
    spec = manifest.get("spec") or {}
    if spec.get("paused"):
        return "the rollout is paused"
    strategy = spec.get(_rolling(manifest).strategy) or {}
    if strategy.get("type") == "OnDelete":
        return "its update strategy is OnDelete"
    if (strategy.get("rollingUpdate") or {}).get("partition"):
        return "its rolling update has a partition"
    return ""


def progress(manifest: Manifest) -> Progress:
    """How far a workload's rollout is, by the rules of `kubectl rollout status`."""
    meta, status = manifest.get("metadata") or {}, manifest.get("status") or {}
    if int(status.get("observedGeneration") or 0) < int(meta.get("generation") or 0):
        return Progress(RolloutStep.UNDER_WAY, "the controller has not observed the change yet")
    rolling, count = _rolling(manifest), kinds.wanted(manifest)
    if rolling.revisions and status.get("updateRevision") != status.get("currentRevision"):
        return _remade(int(status.get(rolling.updated) or 0), count)
    for condition in status.get("conditions") or []:
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return Progress(RolloutStep.FAILED, "the progress deadline was exceeded")
    # Once all pods are updated their revision becomes the current one, and the controller counts anew.
    return _counted(count, {**status, rolling.updated: count} if rolling.revisions else status, rolling)


def _rolling(manifest: Manifest) -> Rolling:
    row = kinds.of(manifest)
    if row is None or row.rolling is None:
        raise ValueError("a rolling restart is not known for this kind")
    return row.rolling


def _remade(renewed: int, count: int) -> Progress:
    return Progress(RolloutStep.UNDER_WAY, f"{renewed} of {count} pods are updated")


def _counted(count: int, status: Mapping[str, Any], rolling: Rolling) -> Progress:
    renewed, serving = int(status.get(rolling.updated) or 0), int(status.get(rolling.available) or 0)
    if renewed < count:
        return _remade(renewed, count)
    total = int(status.get(rolling.total) or 0)
    if total > renewed:
        return Progress(RolloutStep.UNDER_WAY, f"{total - renewed} old pods still exist")
    if serving < count:
        return Progress(RolloutStep.UNDER_WAY, f"{serving} of {count} pods are available")
    return Progress(RolloutStep.DONE)


def takes_down(manifest: Manifest) -> int:
    """How many pods a rollout of a workload may take away at the same time."""
    rolling, total = _rolling(manifest), kinds.wanted(manifest)
    strategy = (manifest.get("spec") or {}).get(rolling.strategy) or {}
    if strategy.get("type") == "Recreate":
        return total
    limits = strategy.get("rollingUpdate") or {}
    down = _amount(limits.get("maxUnavailable"), rolling.max_unavailable, total, up=rolling.rounds_up)
    more = _amount(limits.get("maxSurge"), rolling.max_surge, total, up=True)
    # With both at nothing a rollout could not begin; the controller then takes one.
    return down if down or more else 1


def _amount(limit: int | str | None, default: int | str, total: int, *, up: bool) -> int:
    """A number, or a share of the total, rounded as the controllers do."""
    limit = default if limit is None else limit
    if isinstance(limit, int):
        return limit
    percent = int(limit.removesuffix("%") or 0)
    return -(-total * percent // 100) if up else total * percent // 100


def covering(
    manifest: Manifest, budgets: Iterable[Manifest], pods: Iterable[Mapping[str, str]]
) -> tuple[Manifest, ...]:
    """The PodDisruptionBudgets of a namespace that cover a workload; `pods` are the labels of its pods."""
    template = workload.template_of(manifest)
    labels = [*pods, (template.get("metadata") or {}).get("labels") or {}]
    return tuple(budget for budget in budgets if any(_covers(budget, pod_labels) for pod_labels in labels))


def blocked(manifest: Manifest, budgets: Iterable[Manifest]) -> str:
    """Which of the budgets that cover a workload forbids to roll it now, and why; empty where none does.

    A rollout does not ask the budgets by itself: it has to fit into what they allow, and one that
    allows nothing forbids it whatever the rollout would take away.
    """
    needed = max(1, takes_down(manifest))
    for budget in budgets:
        meta, status = budget.get("metadata") or {}, budget.get("status") or {}
        if int(status.get("observedGeneration") or 0) < int(meta.get("generation") or 0):
            return f"PodDisruptionBudget {meta.get('name')} has no current status yet"
        allowed = int(status.get("disruptionsAllowed") or 0)
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
