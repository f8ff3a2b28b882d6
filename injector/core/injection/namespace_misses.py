"""Near misses on the labels of a Namespace, and on the label by which a pod names a revision.

They have no effect, or another one than their author expects. Which keys and values have one follows from the
entries of the webhook. Not here: keys on the pod (near_misses.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from injector.classes import dataclass
from injector.core import names, selectors
from injector.core.finding_codes import FindingCode, Level
from injector.core.injection.near_misses import AROUND, LONGEST, meant, nearest
from injector.core.model import Facts, Finding, Manifest, Namespace, Origin
from injector.core.profile import Config
from injector.core.selectors import WebhookEntry
from injector.printable import shown

_SHORTEST_NAME: Final = 3


def find(pod: Manifest, facts: Facts, config: Config) -> Iterator[Finding]:
    """What is odd about the labels of the pod's namespace, where they are known, and about its revision."""
    namespace, entries = facts.namespace_object, config.policy.entries
    if namespace is None or not entries:
        return
    labels = (pod.get("metadata") or {}).get("labels") or {}
    read = config.prepared.get(_read_by)
    if read is None:
        read = config.prepared[_read_by] = _read_by(entries)
    looks = _Looks(config, namespace, labels, facts.origin is Origin.WEBHOOK, read)
    # The pods of a namespace come one after the other, with the same object.
    seen = config.prepared.get(_Looks)
    if seen is None or seen[0] is not namespace:
        seen = config.prepared[_Looks] = namespace, (*looks.at_labels(), *looks.at_annotations())
    yield from seen[1]
    yield from looks.at_revisions()


def _read_by(entries: tuple[WebhookEntry, ...]) -> Mapping[str, frozenset[str]]:
    """The keys that the selectors of namespaces read, each with the values that one of them requires."""
    out: dict[str, frozenset[str]] = {}
    for requirement in (r for entry in entries for r in entry.namespaces.requirements):
        values = requirement.values if requirement.operator == "In" else frozenset()
        out[requirement.key] = out.get(requirement.key, frozenset()) | values
    out.pop(names.METADATA_NAME_LABEL, None)
    return out


@lru_cache(1024)
def _meant_key(key: str, known: frozenset[str]) -> str | None:
    """The known key that was probably meant."""
    if key in known or len(key) > LONGEST:
        return None
    near = nearest(key.lower().replace("_", "-"), known)
    if near is None:
        prefix, _, name = key.rpartition("/")
        for each in sorted(known):
            of_prefix, _, of_name = each.rpartition("/")
            if prefix and prefix == of_prefix and _one_begins(name, of_name):
                return each
    return near


def _one_begins(name: str, other: str) -> bool:
    shorter, longer = sorted((name, other), key=len)
    return len(shorter) >= _SHORTEST_NAME and longer.startswith(shorter)


def _meant_value(value: str, required: frozenset[str]) -> str | None:
    """The required value that was probably meant; None also for one of them."""
    if value in required:
        return None
    bare = value.strip(AROUND).lower()
    near = next((each for each in sorted(required) if each.lower() == bare), None)
    if near is None and len(required) == 1 and meant(value) == names.YES:
        only = next(iter(required))
        return only if meant(only) == names.YES else None
    return near


@dataclass(frozen=True, slots=True)
class _Looks:
    """A namespace, the labels of a pod in it, and what the entries read."""

    config: Config
    namespace: Namespace
    pod: Mapping[str, Any]
    in_webhook: bool
    read: Mapping[str, frozenset[str]]

    @property
    def space(self) -> str:
        return f"namespace {shown(self.namespace.name)}"

    @property
    def declared(self) -> frozenset[str]:
        return self.config.profile.catalogue().namespace_labels

    @property
    def useful(self) -> frozenset[str]:
        """The keys by which a namespace can be selected; others only keep entries away."""
        return frozenset(key for key in {*self.read, *self.declared} if self.read.get(key, self.declared))

    def at_labels(self) -> Iterator[Finding]:
        """Values and keys that are nearly right, and a key of pods."""
        switch, own, known = self.config.policy.switch, self.declared, self.useful
        for key, written in self.namespace.labels.items():
            value = written if isinstance(written, str) else str(written).lower()
            if key in self.read:
                yield from self._value(key, value, declared=key in own)
            elif key == switch:
                yield self._finding(f"label {switch}", "has no effect there; set it on pods")
            else:
                near = _meant_key(key, known)
                if near and near not in self.namespace.labels and (near in own or self._accepts(near, value)):
                    yield self._finding(f"label {shown(key)}", f"is unknown; did you mean {near}?")

    def _accepts(self, key: str, value: str) -> bool:
        """Whether a value is, or is nearly, one that an entry requires."""
        required = self.read.get(key, frozenset())
        return value in required or _meant_value(value, required) is not None

    def _value(self, key: str, value: str, *, declared: bool) -> Iterator[Finding]:
        required = self.read[key]
        if not required or value in required:
            return
        near = _meant_value(value, required)
        if near:
            yield self._finding(f"label {key}", f'is "{shown(value)}"; did you mean "{near}"?')
        elif declared and meant(value) != names.NO:
            listed = " or ".join(f'"{each}"' for each in sorted(required))
            text = f'is "{shown(value)}", which no webhook entry requires; use {listed}'
            yield self._finding(f"label {key}", text)

    def at_annotations(self) -> Iterator[Finding]:
        """A label that was written as an annotation."""
        for key in self.useful:
            if key in self.namespace.annotations and key not in self.namespace.labels:
                yield self._finding(f"annotation {key}", "has no effect; set it as a label")

    def at_revisions(self) -> Iterator[Finding]:
        """Labels for a revision that is another one's, or that have no effect."""
        key = self.config.profile.catalogue().revision_label
        of_namespace, of_pod = self.namespace.labels.get(key), self.pod.get(key)
        if not key or (of_namespace is None and of_pod is None):
            return
        served = self._served(key)
        entry = selectors.selected(self.config.policy.entries, self.namespace, self.pod)
        if of_namespace is not None and of_namespace not in served:
            yield from self._of_namespace(key, str(of_namespace), served, entry)
        if of_pod is not None and of_pod != of_namespace:
            yield from self._of_pod(key, of_pod in served, entry)

    def _served(self, key: str) -> frozenset[str]:
        return frozenset(
            value
            for entry in self.config.policy.entries
            for selector in (entry.namespaces, entry.objects)
            for requirement in selector.requirements
            if requirement.key == key and requirement.operator == "In"
            for value in requirement.values
        )

    def _of_namespace(
        self, key: str, value: str, served: frozenset[str], entry: WebhookEntry | None
    ) -> Iterator[Finding]:
        if entry is not None:
            yield self._finding(f"label {key}", "has no effect, because another label of it decides")
        elif not self.in_webhook and _meant_value(value, served) is None:
            # In the webhook an entry of a tag may be the reason why it was called.
            text = f'label {key} of {self.space} is "{shown(value)}", and this configuration is for '
            text += f"{' or '.join(sorted(served))}; if that is a tag, set --tag"
            yield Finding.of(FindingCode.NAMESPACE_REVISION, text)

    def _of_pod(self, key: str, is_served: bool, entry: WebhookEntry | None) -> Iterator[Finding]:
        decides = any(each in self.namespace.labels for each in self.read)
        injected = self.in_webhook or entry is not None
        if decides and is_served != injected:
            text = f"label {key} of the pod has no effect, because the labels of {self.space} decide"
            yield Finding.of(FindingCode.POD_REVISION, text)
        elif not decides and not injected and not is_served:
            text = f"label {key} of the pod names a revision or tag that this configuration is not"
            yield Finding.of(FindingCode.POD_REVISION, text, level=Level.NOTE)

    def _finding(self, what: str, text: str) -> Finding:
        return Finding.of(FindingCode.NAMESPACE_LABEL, f"{what} of {self.space} {text}")
