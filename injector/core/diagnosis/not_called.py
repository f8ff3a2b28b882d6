"""Why a running pod was not injected: the decision, or why the webhook was not called for it.

Here: from the decision and the cluster's webhook configurations to rows of the table. Not here:
pods that carry an injection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from injector.core import selectors
from injector.core.diagnosis import causes
from injector.core.diagnosis.causes import Cause, Evidence
from injector.core.model import Decision, Manifest, Reason, Verdict
from injector.core.registration.entries import covers, labels_of
from injector.printable import shown


@dataclass(frozen=True, slots=True)
class _CalledEntry:
    """One entry of a configuration in the cluster, and its place for messages."""

    webhook: Manifest
    of: Manifest
    where: str

    def selector(self, which: str) -> selectors.Selector | None:
        """One of its selectors; None for one that cannot be parsed."""
        try:
            return selectors.parse(self.webhook.get(which) or {})
        except ValueError:
            return None


def missing_injection(
    pod: Manifest,
    decision: Decision,
    namespace: Manifest | None,
    configurations: Iterable[Manifest] | None,
    entries: Collection[str],
) -> Cause:
    """The cause that a pod carries no injection. `entries` are the names that the profile's webhooks have."""
    if decision.verdict is Verdict.SKIP and decision.reason is not Reason.NOT_SELECTED:
        return Cause(causes.LEFT_OUT, (_decided(decision),))
    if configurations is None:
        evidence = Evidence("MutatingWebhookConfigurations", "they could not be read")
        selected = decision.reason is not Reason.NOT_SELECTED
        return Cause(
            causes.WEBHOOK_NOT_CALLED if selected else causes.WEBHOOK_SELECTORS,
            (_decided(decision), evidence),
        )
    ours = list(_entries(configurations, entries))
    if not ours:
        return Cause(
            causes.WEBHOOK_ABSENT,
            (Evidence("MutatingWebhookConfigurations", "none belongs to this injector"),),
        )
    if namespace is None:
        evidence = Evidence("Namespace", "it could not be read, so its labels are unknown")
        return Cause(causes.WEBHOOK_NOT_CALLED, (evidence,))
    matching = [entry for entry in ours if not _objection(entry, namespace, pod)]
    if not matching:
        objections = (Evidence(entry.where, _objection(entry, namespace, pod)) for entry in ours)
        return Cause(causes.WEBHOOK_SELECTORS, tuple(objections))
    return _although(pod, namespace, matching[0])


def _although(pod: Manifest, namespace: Manifest, entry: _CalledEntry) -> Cause:
    """An entry matches now: why it was not called then."""
    made = _made(pod)
    if made and _made(entry.of) > made:
        evidence = Evidence(entry.where, f"created at {_made(entry.of)}, the pod at {made}")
        return Cause(causes.WEBHOOK_YOUNGER, (evidence,))
    selector = entry.selector("namespaceSelector")
    for requirement in selector.requirements if selector else ():
        when = _labelled(namespace, requirement.key)
        if made and when > made:
            seen = f"label {shown(requirement.key)} set at {when}, the pod created at {made}"
            return Cause(causes.LABEL_YOUNGER, (Evidence("Namespace /metadata/managedFields", seen),))
    if entry.webhook.get("failurePolicy") == "Ignore":
        return Cause(causes.WEBHOOK_IGNORED, (Evidence(entry.where, "failurePolicy Ignore"),))
    seen = "it matches, and failurePolicy is Fail"
    if entry.webhook.get("matchConditions"):
        seen = "it matches, but its matchConditions are not evaluated here"
    return Cause(causes.WEBHOOK_NOT_CALLED, (Evidence(entry.where, seen),))


def _decided(decision: Decision) -> Evidence:
    decisive = next((step for step in decision.trace if step.decisive), None)
    return Evidence(f"rule {decisive.rule}" if decisive else "decision", decision.reason.value)


def _entries(configurations: Iterable[Manifest], entries: Collection[str]) -> Iterator[_CalledEntry]:
    for configuration in configurations:
        name = shown((configuration.get("metadata") or {}).get("name") or "?")
        for i, webhook in enumerate(configuration.get("webhooks") or []):
            if webhook.get("name") in entries:
                where = f"MutatingWebhookConfiguration {name} /webhooks/{i} ({shown(webhook['name'])})"
                yield _CalledEntry(webhook, configuration, where)


def _objection(entry: _CalledEntry, namespace: Manifest, pod: Manifest) -> str:
    """Why the API server would not call an entry for such a pod; empty where it would."""
    if not any(covers(rule) for rule in entry.webhook.get("rules") or []):
        return "its rules do not include the creation of pods"
    for which, labels, of in (
        ("namespaceSelector", labels_of(namespace, named=True), "the namespace"),
        ("objectSelector", labels_of(pod), "the pod"),
    ):
        selector = entry.selector(which)
        if selector is None:
            return f"its {which} is not supported here"
        for requirement in selector.requirements:
            if not requirement.matches(labels):
                has = f"has {shown(labels[requirement.key])!r}" if requirement.key in labels else "has none"
                return f"{which} requires {requirement}; {of} {has}"
    return ""


def _made(item: Manifest) -> str:
    return str((item.get("metadata") or {}).get("creationTimestamp") or "")


def _labelled(namespace: Manifest, key: str) -> str:
    """When a label of the namespace was last written, by its managed fields; empty: unknown."""
    times = [""]
    for manager in (namespace.get("metadata") or {}).get("managedFields") or []:
        labels = ((manager.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:labels") or {}
        if f"f:{key}" in labels:
            times.append(str(manager.get("time") or ""))
    return max(times)
