"""Whether a running pod is up to date with a configuration: one word, and the reason.

Here: the comparison of one pod with its own injection as it would be today. Not here: reading
pods, and what to do with those that are behind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from injector.classes import dataclass, replace
from injector.core import kinds, status, workload
from injector.core.injection import decisions, reinjection
from injector.core.injection.api_defaults import is_filled_in
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Origin, Owner, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.tree.compare import changes, value_at
from injector.pointer import join
from injector.printable import shown


class AuditState(StrEnum):
    """The state of a running pod by the configuration."""

    MISSING = "missing"
    STALE = "stale"
    UNWANTED = "unwanted"
    FOREIGN = "foreign"
    REFUSED = "refused"
    SAME = "same"
    MANUAL = "manual"
    CURRENT = "current"

    @property
    def sentence(self) -> str:
        """What the word means."""
        return SENTENCES[self]


SENTENCES: Mapping[AuditState, str] = {
    AuditState.MISSING: "The pod runs without a sidecar; a new pod would be injected.",
    AuditState.STALE: "The sidecar differs from the one that a new pod would get.",
    AuditState.UNWANTED: "The pod has a sidecar; a new pod would not be injected.",
    AuditState.FOREIGN: "The pod has a proxy that this injector did not add.",
    AuditState.REFUSED: "A new pod would be denied.",
    AuditState.SAME: "The pod was injected with another configuration; the result is the same.",
    AuditState.MANUAL: "The sidecar is in the owner's manifest and up to date; the webhook is not called.",
    AuditState.CURRENT: "The pod is up to date.",
}
EVENT_REASONS: Mapping[AuditState, str] = {
    AuditState.MISSING: "SidecarMissing",
    AuditState.STALE: "SidecarStale",
    AuditState.UNWANTED: "SidecarUnwanted",
    AuditState.FOREIGN: "SidecarForeign",
    AuditState.REFUSED: "SidecarRefused",
}
# What an operator has to look at, and what a restart of the pod corrects.
REPORTED = (AuditState.MISSING, AuditState.STALE, AuditState.UNWANTED, AuditState.FOREIGN, AuditState.REFUSED)
FIXED_BY_RESTART = (AuditState.MISSING, AuditState.STALE, AuditState.UNWANTED)

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Names that the API server generates end so; those that a controller sets itself do not.
_GENERATED = frozenset("bcdfghjklmnpqrstvwxz2456789")
_GENERATED_LENGTH = 5


class ValueChange(NamedTuple):
    """One value of a pod that a new pod would have otherwise, cut for messages; None where there is none."""

    pointer: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        before, after = ("(none)" if text is None else text for text in (self.before, self.after))
        return f"{self.pointer}: {before} -> {after}"


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of one pod, the decision's reason now, and what differs.

    `revision` is that of the injector that the pod's status names. `in_manifest`: the owner's manifest
    has the sidecar, so that a restart of the owner keeps it.
    """

    state: AuditState
    reason: Reason
    differences: tuple[ValueChange, ...] = ()
    revision: str = ""
    error: str = ""
    in_manifest: bool = False

    @property
    def pointers(self) -> tuple[str, ...]:
        """Where the pod differs."""
        return tuple(change.pointer for change in self.differences)


def is_over(pod: Manifest) -> bool:
    """Whether a pod has ended or is about to, so that nothing about it matters any more."""
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return ended or bool((pod.get("metadata") or {}).get("deletionTimestamp"))


def standing(pod: Manifest, facts: Facts, config: Config) -> Standing:
    """How a pod of a cluster stands to a configuration; `facts` are those of now."""
    pod = as_received(pod)
    # For a request the API server has evaluated the selectors; here the decision has to.
    decision = decisions.decide(pod, replace(facts, origin=Origin.FILE), config.policy)
    earlier = status.read(pod, config.profile.keys)
    revision = earlier.revision if earlier else ""
    if decision.reason is Reason.FOREIGN_SIDECAR:
        return Standing(AuditState.FOREIGN, decision.reason)
    if decision.verdict is not Verdict.INJECT:
        state = AuditState.UNWANTED if earlier else AuditState.CURRENT
        return Standing(state, decision.reason, revision=revision)
    outcome = inject(pod, replace(facts, origin=Origin.WEBHOOK), config)
    if outcome.decision.verdict is Verdict.DENY:
        error = str(outcome.error or "")
        return Standing(AuditState.REFUSED, outcome.decision.reason, revision=revision, error=error)
    if earlier is None:
        return Standing(AuditState.MISSING, decision.reason)
    return _compared(pod, outcome, earlier, replace(facts, origin=Origin.WEBHOOK), config)


def standing_of_manifest(item: Manifest, facts: Facts, config: Config) -> Standing | None:
    """The state of pods whose webhook is not called, by the manifest of their owner, or of the pod itself.

    None where the manifest has no sidecar. One that has it was injected by `kube-inject`, which does not
    depend on the namespace: it is compared with what that command would write now.
    """
    pod = item.get("kind") == "Pod"
    templates = (as_received(item),) if pod else workload.templates_of(item, config.kinds)
    # Of several, such as those of a RayCluster, one with a sidecar stands for all.
    statuses = ((template, status.read(template, config.profile.keys)) for template in templates)
    template, earlier = next((each for each in statuses if each[1] is not None), ({}, None))
    if earlier is None:
        return None
    by_hand = replace(facts, origin=Origin.FILE, namespace_object=None, owner=_owner(item))
    standing = _by_hand(template, earlier, by_hand, config)
    if standing.state is AuditState.STALE:
        # The command may have been run without a cluster, on a manifest that names no namespace.
        meta = {k: v for k, v in (template.get("metadata") or {}).items() if k != "namespace"}
        by_hand = replace(by_hand, namespace="", native_sidecars=None)
        alone = _by_hand({**template, "metadata": meta}, earlier, by_hand, config)
        standing = alone if alone.state is AuditState.MANUAL else standing
    return standing


def _by_hand(template: Manifest, earlier: status.Status, facts: Facts, config: Config) -> Standing:
    outcome = inject(template, facts, config)
    reason, revision = outcome.decision.reason, earlier.revision
    if outcome.decision.verdict is Verdict.DENY:
        error = str(outcome.error or "")
        return Standing(AuditState.REFUSED, reason, revision=revision, error=error, in_manifest=True)
    if outcome.decision.verdict is not Verdict.INJECT:
        return Standing(AuditState.UNWANTED, reason, revision=revision, in_manifest=True)
    standing = replace(_compared(template, outcome, earlier, facts, config), in_manifest=True)
    up_to_date = standing.state in (AuditState.CURRENT, AuditState.SAME)
    return replace(standing, state=AuditState.MANUAL) if up_to_date else standing


def applied_with_sidecar(pod: Manifest, config: Config) -> bool:
    """Whether a pod that has no owner had the sidecar in the manifest that `kubectl apply` recorded on it."""
    applied = status.as_object(status.annotations_of(pod).get(_APPLIED, "")) or {}
    meta = applied.get("metadata")
    annotations = meta.get("annotations") if isinstance(meta, dict) else None
    return isinstance(annotations, dict) and config.profile.keys.status in annotations


def as_received(pod: Manifest) -> Manifest:
    """The halves of a running pod that injection looks at, as they were at its creation."""
    meta = dict(pod.get("metadata") or {})
    for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink", "generation"):
        meta.pop(field, None)
    stem, name = meta.get("generateName") or "", meta.get("name") or ""
    rest = name.removeprefix(stem)
    if stem and name.startswith(stem) and len(rest) == _GENERATED_LENGTH and set(rest) <= _GENERATED:
        del meta["name"]
    return {"metadata": meta, "spec": pod.get("spec") or {}}


def _owner(item: Manifest) -> Owner | None:
    """An object as the owner of its pods; a pod's is in its own metadata."""
    if item.get("kind") == "Pod":
        return None
    row = kinds.of(item)
    version = (row.owner_version if row else "") or str(item.get("apiVersion") or "")
    return Owner(version, str(item.get("kind") or ""), str(item["metadata"]["name"]))


def _compared(
    pod: Manifest, outcome: Outcome, earlier: status.Status, facts: Facts, config: Config
) -> Standing:
    """An injected pod compared with the result of injecting it now."""
    reason = outcome.decision.reason
    if not outcome.patch:
        return Standing(AuditState.CURRENT, reason, revision=earlier.revision)
    before = outcome.before
    original = before.pod if before else pod
    fresh = inject(original, facts, config)
    if fresh.decision.verdict is not Verdict.INJECT:
        return Standing(
            AuditState.REFUSED,
            fresh.decision.reason,
            revision=earlier.revision,
            error=str(fresh.error or ""),
        )
    expected, extras = reinjection.keep_foreign_fields(
        fresh.pod, pod, original, before.earlier if before else earlier
    )
    bookkeeping = {join("/metadata/annotations", key) for key in config.profile.bookkeeping_annotations}
    differ = [_change(c.pointer, c.before, c.after) for c in changes(pod, expected)]
    now = fresh.added
    if not (now and now.digest and now.digest == earlier.digest):
        # Fields that are not injected now may have been injected under another configuration.
        dropped = ((p, value_at(pod, p)) for p in extras)
        differ += [
            _change(p, value, None)
            for p, value in dropped
            if value is not None and not is_filled_in(p, value)
        ]
    if now and now.revision != earlier.revision:
        differ.append(_change("revision", earlier.revision, now.revision))
    by_place: dict[str, ValueChange] = {}
    for change in differ:
        if change.pointer not in bookkeeping:
            by_place.setdefault(change.pointer, change)
    state = AuditState.STALE if by_place else AuditState.SAME
    return Standing(state, reason, tuple(by_place.values()), earlier.revision)


def _change(pointer: str, before: Any, after: Any) -> ValueChange:
    return ValueChange(pointer, _text(before), _text(after))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else shown(value)
    return shown(json.dumps(value, ensure_ascii=False, default=str))
