"""The webhook entry that is nearest to a pod it is not called for, and the fewest labels that change it.

Here: the search over the selectors of entries, of the profile or of a cluster, and its words. Not here: what
is decided about a pod that an entry matches (decisions.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from injector.classes import dataclass
from injector.core import names
from injector.core.model import Namespace, Reason, Verdict
from injector.core.selectors import Requirement, WebhookEntry
from injector.patterns import pattern
from injector.printable import shown

# A label that a requirement accepts with any value gets one of these.
_ANY: Final = ("true", "any", "any-other-value")
_KEY: Final = pattern(r"(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_VALUE: Final = pattern(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_NAME: Final = pattern(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)

Labels = Mapping[str, str]
Edits = Mapping[str, str | None]
"""Labels to set, and with None labels to remove."""


@dataclass(frozen=True, slots=True)
class Unselected:
    """A pod that no entry matches. `place` is the word for where its labels are written."""

    namespace: Namespace
    labels: Labels
    switch: str
    place: str = "pod"

    @property
    def of_namespace(self) -> Labels:
        """The labels of the namespace, with the one that every namespace carries."""
        return {names.METADATA_NAME_LABEL: self.namespace.name, **self.namespace.labels}


@dataclass(frozen=True, slots=True)
class LabelChange:
    """Labels that make an entry match."""

    namespace: Edits
    pod: Edits

    def __len__(self) -> int:
        return len(self.namespace) + len(self.pod)

    def applied(self, to: Unselected) -> tuple[Namespace, Labels]:
        """Namespace and labels of the pod after it."""
        known = to.namespace
        changed = Namespace(known.name, _edited(known.labels, self.namespace), known.annotations)
        return changed, _edited(to.labels, self.pod)


@dataclass(frozen=True, slots=True)
class Advice:
    """The nearest entry, what it requires, and the changes that help, of which one is enough."""

    entry: WebhookEntry
    objection: str
    changes: tuple[LabelChange, ...]
    hint: str


def advise(
    entries: Sequence[WebhookEntry], pod: Unselected, decide: Callable[[Namespace, Labels], Reason]
) -> Advice:
    """What to change about a pod that none of the entries matches; there is at least one entry.

    `decide` says what is decided about the pod with other labels.
    """
    ranked = sorted(entries, key=lambda entry: _rank(entry, pod))
    possible = [change for entry in ranked for change in _changes(entry, pod)]
    helping = [c for c in possible if decide(*c.applied(pod)).verdict is Verdict.INJECT]
    changes = _smallest(helping, pod)
    if changes:
        hint = ", or ".join(_words(change, pod) for change in changes)
    elif possible:
        reason = decide(*possible[0].applied(pod))
        hint = f"labels alone do not help: with an entry that matches, the pod is skipped as {reason.value}"
    else:
        hint = "labels do not help; move the pod to another namespace, or change the selectors of the entry"
    return Advice(ranked[0], objection(ranked[0], pod), changes, hint)


def objection(entry: WebhookEntry, pod: Unselected) -> str:
    """What an entry requires that namespace and pod do not have, as the end of a sentence; empty: nothing."""
    space = f"namespace {shown(pod.namespace.name)}"
    return ", and ".join(
        _requires(requirement, labels, of)
        for selector, labels, of in (
            (entry.namespaces, pod.of_namespace, space),
            (entry.objects, pod.labels, f"the {pod.place}"),
        )
        for requirement in selector.requirements
        if not requirement.matches(labels)
    )


def _requires(requirement: Requirement, labels: Labels, of: str) -> str:
    key, values = shown(requirement.key), [shown(value) for value in sorted(requirement.values)]
    has = f'has "{shown(labels[requirement.key])}"' if requirement.key in labels else "does not have it"
    if requirement.key == names.METADATA_NAME_LABEL:
        return f"excludes {of}" if requirement.operator != "In" else f"is for namespace {' or '.join(values)}"
    match requirement.operator:
        case "In":
            return f"requires {key}={' or '.join(values)} on {of}, which {has}"
        case "Exists":
            return f"requires label {key} on {of}, which {has}"
        case "NotIn":
            return f"requires another value of {key} on {of}, which {has}"
        case _:
            return f"requires no label {key} on {of}, which {has}"


def _rank(entry: WebhookEntry, pod: Unselected) -> tuple[int, int, int]:
    """How far an entry is: labels to change, labels to add, requirements at all."""
    size = len(entry.namespaces.requirements) + len(entry.objects.requirements)
    change = _change(entry, pod)
    if change is None:
        return (1 + size, 0, size)
    return (len(change), _added(change, pod), size)


def _added(change: LabelChange, pod: Unselected) -> int:
    """How many of its labels are not there yet; who wrote the others meant their keys."""
    return len(change.namespace.keys() - pod.namespace.labels.keys()) + len(
        change.pod.keys() - pod.labels.keys()
    )


def _changes(entry: WebhookEntry, pod: Unselected) -> Iterator[LabelChange]:
    """The smallest change for an entry, and the one by which the pod requests injection as well."""
    change = _change(entry, pod)
    if change is None:
        return
    yield change
    asking = {**change.pod, pod.switch: names.YES}
    if asking != change.pod and entry.objects.matches(_edited(pod.labels, asking)):
        yield LabelChange(change.namespace, asking)


def _change(entry: WebhookEntry, pod: Unselected) -> LabelChange | None:
    of_namespace = _edits(entry.namespaces.requirements, pod.of_namespace)
    of_pod = _edits(entry.objects.requirements, pod.labels)
    # The name of a namespace is no label that anybody can change.
    if of_namespace is None or of_pod is None or names.METADATA_NAME_LABEL in of_namespace:
        return None
    return LabelChange(of_namespace, of_pod)


def _edits(requirements: Sequence[Requirement], labels: Labels) -> Edits | None:
    """The fewest edits by which labels satisfy the requirements; None where none do."""
    by_key: dict[str, list[Requirement]] = {}
    for requirement in requirements:
        by_key.setdefault(requirement.key, []).append(requirement)
    out: dict[str, str | None] = {}
    for key, wanted in by_key.items():
        if all(each.matches(labels) for each in wanted):
            continue
        listed = sorted({value for each in wanted if each.operator == "In" for value in each.values})
        tried: tuple[str | None, ...] = (None, *listed, *_ANY)
        for value in tried:
            if all(each.matches({} if value is None else {key: value}) for each in wanted):
                out[key] = value
                break
        else:
            return None
    return out


def _edited(labels: Labels, edits: Edits) -> Labels:
    gone = {key for key, value in edits.items() if value is None}
    return {k: v for k, v in {**labels, **edits}.items() if k not in gone and v is not None}


def _smallest(helping: Sequence[LabelChange], pod: Unselected) -> tuple[LabelChange, ...]:
    """The smallest change of the namespace and that of the pod, or the smallest of both."""
    fewest = min(map(len, helping), default=0)
    best = [change for change in helping if len(change) == fewest]
    of_namespace = [change for change in best if not change.pod]
    # The label that is meant for it is the better one.
    of_pod = sorted(
        (change for change in best if not change.namespace), key=lambda each: pod.switch not in each.pod
    )
    return (*of_namespace[:1], *of_pod[:1]) or tuple(best[:1])


def _words(change: LabelChange, pod: Unselected) -> str:
    parts = [_of_namespace(change.namespace, pod.namespace)] if change.namespace else []
    gone = [shown(key) for key, value in change.pod.items() if value is None]
    new = [f"{shown(key)}={value}" for key, value in change.pod.items() if value is not None]
    for verb, listed, where in (("set", new, "on"), ("remove", gone, "from")):
        if listed:
            noun = "label" if len(listed) == 1 else "labels"
            parts.append(f"{verb} {noun} {' and '.join(listed)} {where} the {pod.place}")
    return " and ".join(parts)


def _of_namespace(edits: Edits, namespace: Namespace) -> str:
    said = ", ".join(f"no {shown(k)}" if v is None else f"{shown(k)}={shown(v)}" for k, v in edits.items())
    # A command is copied into a shell, and these names may come from anybody's file.
    plain = _NAME.fullmatch(namespace.name) and all(
        _KEY.fullmatch(key) and _VALUE.fullmatch(value or "") for key, value in edits.items()
    )
    if not plain:
        return f"label namespace {shown(namespace.name)} with {said}"
    arguments = " ".join(f"{k}-" if v is None else f"{k}={v}" for k, v in edits.items())
    replaced = any(v is not None and k in namespace.labels for k, v in edits.items())
    flag = " --overwrite" if replaced else ""
    return f"label the namespace (kubectl label namespace {namespace.name} {arguments}{flag})"
