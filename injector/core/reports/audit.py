"""Whether a running pod is up to date with a configuration: one word, and the reason.

Here: the comparison of one pod with its own injection as it would be today. Not here: reading
pods, and what to do with those that are behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from injector.core import status
from injector.core.injection import decisions, reinjection
from injector.core.injection.api_defaults import is_filled_in
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Origin, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.tree.compare import changes, value_at
from injector.pointer import join


class AuditState(StrEnum):
    """The state of a running pod by the configuration."""

    MISSING = "missing"
    STALE = "stale"
    UNWANTED = "unwanted"
    FOREIGN = "foreign"
    REFUSED = "refused"
    SAME = "same"
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
    AuditState.CURRENT: "The pod is up to date.",
}
# What an operator has to look at, and what a restart of the pod corrects.
REPORTED = (AuditState.MISSING, AuditState.STALE, AuditState.UNWANTED, AuditState.FOREIGN, AuditState.REFUSED)
FIXED_BY_RESTART = (AuditState.MISSING, AuditState.STALE, AuditState.UNWANTED)

# Names that the API server generates end so; those that a controller sets itself do not.
_GENERATED = frozenset("bcdfghjklmnpqrstvwxz2456789")
_GENERATED_LENGTH = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of one pod, the decision's reason now, and the pointers of what differs.

    `revision` is that of the injector that the pod's status names.
    """

    state: AuditState
    reason: Reason
    pointers: tuple[str, ...] = ()
    revision: str = ""
    error: str = ""


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
    pointers = [c.pointer for c in changes(pod, expected) if c.pointer not in bookkeeping]
    now = fresh.added
    if not (now and now.digest and now.digest == earlier.digest):
        # Fields that are not injected now may have been injected under another configuration.
        pointers += [p for p in extras if p not in bookkeeping and not is_filled_in(p, value_at(pod, p))]
    if now and now.revision != earlier.revision:
        pointers.append("revision")
    state = AuditState.STALE if pointers else AuditState.SAME
    return Standing(state, reason, tuple(dict.fromkeys(pointers)), earlier.revision)
