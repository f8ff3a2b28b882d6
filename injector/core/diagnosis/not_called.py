"""Why a running pod was not injected: the decision, or why the webhook was not called for it.

Here: from the decision and the cluster's webhook configurations to rows of the table. Not here:
pods that carry an injection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from injector.classes import dataclass
from injector.core import selectors
from injector.core.diagnosis import causes
from injector.core.diagnosis.causes import Cause, Evidence
from injector.core.injection.nearest_entry import Unselected, advise, objection
from injector.core.injection.not_injected import aside
from injector.core.model import Decision, Manifest, Namespace, Reason, Verdict
from injector.core.registration.entries import covers, labels_of
from injector.core.selectors import WebhookEntry
from injector.printable import shown

if TYPE_CHECKING:
    from injector.core.profile import Profile


@dataclass(frozen=True, slots=True)
class _CalledEntry:
    """One entry of a configuration in the cluster, and its place for messages.

    `selectors` is None where one of them cannot be parsed.
    """

    webhook: Manifest
    of: Manifest
    where: str
    selectors: WebhookEntry | None

    def objection(self, pod: Unselected) -> str:
        """Why the API server would not call it for such a pod; empty where it would."""
        if not any(covers(rule) for rule in self.webhook.get("rules") or []):
            return "its rules do not include the creation of pods"
        if self.selectors is None:
            return "a selector of it is not supported here"
        return objection(self.selectors, pod)


def missing_injection(
    pod: Manifest,
    decision: Decision,
    namespace: Manifest | None,
    configurations: Iterable[Manifest] | None,
    entries: Collection[str],
    profile: Profile,
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
    seen = _unselected(pod, namespace, profile.keys.switch)
    matching = [entry for entry in ours if not entry.objection(seen)]
    if matching:
        return _although(pod, namespace, matching[0])
    return _unmatched(pod, seen, ours, _unserved(seen.namespace, configurations, profile))


def _unselected(pod: Manifest, namespace: Manifest, switch: str) -> Unselected:
    name = str((namespace.get("metadata") or {}).get("name") or "")
    of_namespace = Namespace(name, labels_of(namespace, named=True))
    owned = bool((pod.get("metadata") or {}).get("ownerReferences"))
    return Unselected(of_namespace, labels_of(pod), switch, "pod template" if owned else "pod")


def _unmatched(
    pod: Manifest, seen: Unselected, ours: Sequence[_CalledEntry], more: Iterable[Evidence]
) -> Cause:
    """No entry matches: the nearest first, and what to change."""
    usable = [
        (entry, entry.selectors)
        for entry in ours
        if entry.selectors is not None and any(covers(rule) for rule in entry.webhook.get("rules") or [])
    ]
    if not usable:
        evidence = tuple(Evidence(each.where, each.objection(seen)) for each in ours)
        return Cause(causes.WEBHOOK_SELECTORS, (*evidence, *more))
    # By itself the pod would be injected, so that labels by which an entry matches are enough.
    advice = advise([selectors for _, selectors in usable], seen, lambda *_: Reason.ON_BY_DEFAULT)
    nearest = next(entry for entry, selectors in usable if selectors is advice.entry)
    ordered = [nearest, *(entry for entry in ours if entry is not nearest)]
    action = f"{advice.hint}{aside(pod, seen.switch)}; then recreate the pod"
    evidence = tuple(Evidence(entry.where, entry.objection(seen)) for entry in ordered)
    return Cause(causes.WEBHOOK_SELECTORS, (*evidence, *more), hint=action if advice.changes else "")


def _unserved(
    namespace: Namespace, configurations: Iterable[Manifest], profile: Profile
) -> Iterator[Evidence]:
    """Where the namespace names a revision that no webhook of the cluster is for, whoever owns it."""
    key = profile.catalogue().revision_label
    value = namespace.labels.get(key)
    if not key or value is None:
        return
    for webhook in (each for item in configurations for each in item.get("webhooks") or []):
        entry = _selectors(webhook)
        requirements = entry.namespaces.requirements if entry else ()
        if any(r.key == key and r.operator == "In" and value in r.values for r in requirements):
            return
    seen = f"no webhook of the cluster is for {key}={shown(value)}"
    yield Evidence(f"Namespace {shown(namespace.name)}", seen)


def _although(pod: Manifest, namespace: Manifest, entry: _CalledEntry) -> Cause:
    """An entry matches now: why it was not called then."""
    made = _made(pod)
    if made and _made(entry.of) > made:
        evidence = Evidence(entry.where, f"created at {_made(entry.of)}, the pod at {made}")
        return Cause(causes.WEBHOOK_YOUNGER, (evidence,))
    for requirement in entry.selectors.namespaces.requirements if entry.selectors else ():
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
                yield _CalledEntry(webhook, configuration, where, _selectors(webhook))


def _selectors(webhook: Manifest) -> WebhookEntry | None:
    try:
        which = [selectors.parse(webhook.get(key) or {}) for key in ("namespaceSelector", "objectSelector")]
    except ValueError:
        return None
    return WebhookEntry(str(webhook.get("name") or "?"), *which)


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
