"""The outcome of a pod that is skipped or denied by the decision: why, and what would change it."""

from __future__ import annotations

from typing import Any

from injector.classes import replace
from injector.core import names, status
from injector.core.findings import Findings
from injector.core.injection import decisions, near_misses
from injector.core.injection.nearest_entry import Labels, Unselected, advise
from injector.core.model import Decision, Facts, Manifest, Namespace, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.policy import Policy
from injector.core.profile import Config
from injector.errors import InjectorError
from injector.printable import shown


def outcome(
    pod: Manifest,
    decision: Decision,
    config: Config,
    findings: Findings,
) -> Outcome:
    """The pod as it was, with the findings that only such a pod has beside those so far."""
    error = InjectorError(decision.reason.sentence) if decision.verdict is Verdict.DENY else None
    findings.extend(near_misses.auto_images(pod, decision.reason))
    findings.extend(near_misses.opt_ins(decision, config.profile))
    return Outcome(decision, pod, findings=findings.all(), error=error)


def explained(
    decision: Decision, pod: Manifest, facts: Facts, policy: Policy, holder: Manifest | None
) -> Decision:
    """The decision with the nearest entry, where no entry matches a pod."""
    if decision.reason is not Reason.NOT_SELECTED or facts.namespace_object is None:
        return decision
    seen = unselected(pod, facts.namespace_object, policy, holder)

    def decide(namespace: Namespace, labels: Labels) -> Reason:
        changed = {**pod, "metadata": {**(pod.get("metadata") or {}), "labels": labels}}
        return decisions.decide(changed, replace(facts, namespace_object=namespace), policy).reason

    advice = advise(policy.entries, seen, decide)
    detail = f"Entry {shown(advice.entry.name)} {advice.objection}."
    return replace(decision, detail=detail, hint=advice.hint + aside(pod, policy.switch))


def unselected(
    pod: Manifest, namespace: Namespace, policy: Policy, holder: Manifest | None = None
) -> Unselected:
    """The labels of a pod that no entry matches, and of its namespace."""
    meta: Manifest = pod.get("metadata") or {}
    place = "pod template" if holder is not None and holder.get("kind") != "Pod" else "pod"
    known = Namespace(namespace.name, _texts(namespace.labels), namespace.annotations)
    return Unselected(known, _texts(meta.get("labels") or {}), policy.switch, place)


def aside(pod: Manifest, switch: str) -> str:
    """For a hint: that an annotation does not count, where the pod requests injection by one."""
    labels = (pod.get("metadata") or {}).get("labels") or {}
    if switch in labels or status.annotations_of(pod).get(switch) in (None, names.NO):
        return ""
    return f"; the API server selects by labels, so annotation {switch} does not count"


def _texts(labels: Any) -> dict[str, str]:
    """Labels as a file may have them, with values that are texts."""
    return {str(key): value if isinstance(value, str) else _text(value) for key, value in labels.items()}


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
