"""The entries of MutatingWebhookConfigurations in a cluster, the injector's and all others.

Here: reading one, and whether the API server would call it for a pod. Not here: the entries that a
profile asks for (selectors.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from injector.classes import dataclass
from injector.core import names, selectors
from injector.core.model import Manifest
from injector.core.selectors import Selector
from injector.printable import shown

CONFIGURATIONS: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
"""Their path in the Kubernetes API."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One entry that is called for the creation of pods. `ours`: printed by this program."""

    configuration: str
    index: int
    raw: Manifest
    ours: bool
    namespaces: Selector
    objects: Selector

    @property
    def name(self) -> str:
        """The webhook's own name."""
        return str(self.raw.get("name") or "")

    @property
    def where(self) -> str:
        """The entry, for messages."""
        return f"MutatingWebhookConfiguration {shown(self.configuration)}, webhook {shown(self.name)}"

    @property
    def closed(self) -> bool:
        """Whether the API server rejects a pod when the webhook does not answer."""
        return self.raw.get("failurePolicy") != "Ignore"

    @property
    def client(self) -> Manifest:
        """Where the API server finds the webhook."""
        return self.raw.get("clientConfig") or {}

    @property
    def conditions(self) -> Mapping[str, str]:
        """The CEL expressions by their names."""
        listed = self.raw.get("matchConditions") or []
        return {str(each.get("name")): str(each.get("expression")) for each in listed}

    def in_namespace(self, namespace: Manifest) -> bool:
        """Whether its namespace selector matches a namespace."""
        return self.namespaces.matches(labels_of(namespace, named=True))

    def called(self, namespace: Manifest, pod: Manifest) -> bool:
        """Whether it is called for a pod, as far as its selectors say."""
        return self.in_namespace(namespace) and self.objects.matches(labels_of(pod))


def registered(configurations: Iterable[Manifest]) -> Iterator[Registered]:
    """The entries for the creation of pods; one whose selectors cannot be read is left out."""
    for item in configurations:
        name = str((item.get("metadata") or {}).get("name") or "?")
        ours = labels_of(item).get(names.APP_LABEL) == names.APP
        for index, webhook in enumerate(item.get("webhooks") or []):
            if not any(covers(rule) for rule in webhook.get("rules") or []):
                continue
            try:
                which = [
                    selectors.parse(webhook.get(k) or {}) for k in ("namespaceSelector", "objectSelector")
                ]
            except ValueError:
                continue
            yield Registered(name, index, webhook, ours, which[0], which[1])


def labels_of(item: Manifest, *, named: bool = False) -> dict[str, str]:
    """The labels of an object; `named`: with the label that every namespace carries."""
    meta = item.get("metadata") or {}
    labels: Mapping[str, Any] = meta.get("labels") or {}
    own = {names.METADATA_NAME_LABEL: str(meta.get("name") or "")} if named else {}
    return {**own, **{k: "" if v is None else str(v) for k, v in labels.items()}}


def covers(rule: Manifest) -> bool:
    """Whether a rule of an entry is about the creation of pods."""

    def holds(key: str, *values: str) -> bool:
        listed: Collection[str] = rule.get(key) or []
        return bool({"*", *values}.intersection(listed))

    return holds("operations", "CREATE") and holds("apiGroups", "") and holds("resources", "pods", "*/*")
