"""Revision tags of a cluster: which objects they are, and the object that points a tag to a revision.

A tag is a MutatingWebhookConfiguration of its own, whose name ends in ``-tag-TAG`` and whose entries call
the Service of the revision that the tag points to. Not here: reading and writing them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, Final

from injector.classes import dataclass
from injector.core import names, selectors
from injector.core.model import Manifest
from injector.core.profile import Profile
from injector.core.registration.configuration import TAG_SEPARATOR, without
from injector.core.registration.entries import labels_of
from injector.core.selectors import Requirement, Selector, WebhookEntry

CERT_MANAGER: Final = "cert-manager.io/inject-ca-from"
_PROBE: Final = "x"
_HELM_RELEASE: Final = ("meta.helm.sh/release-namespace", "meta.helm.sh/release-name")
# What the API server writes by itself.
_WRITTEN: Final = ("managedFields", "generation", "creationTimestamp", "uid")


@dataclass(frozen=True, slots=True)
class Registration:
    """One of the injector's MutatingWebhookConfigurations.

    `serves` are the revisions and tags that its selectors name. `target` is the Service or the URL that its
    entries call.
    """

    raw: Manifest
    serves: frozenset[str]
    target: str

    @property
    def name(self) -> str:
        """The name of the object."""
        return str((self.raw.get("metadata") or {}).get("name") or "")

    @property
    def tag(self) -> str | None:
        """The tag, if the object belongs to one."""
        return next((each for each in sorted(self.serves) if self.name.endswith(TAG_SEPARATOR + each)), None)

    @property
    def release(self) -> str:
        """The Helm release that owns the object, as NAMESPACE/NAME; empty without one."""
        annotations = (self.raw.get("metadata") or {}).get("annotations") or {}
        if labels_of(self.raw).get("app.kubernetes.io/managed-by") != "Helm":
            return ""
        return "/".join(str(annotations.get(key) or "?") for key in _HELM_RELEASE)


def revision_keys(profile: Profile, values: Manifest) -> frozenset[str]:
    """The labels that name a revision or a tag, by the profile; empty where it has no tags."""
    return frozenset(
        requirement.key
        for entry in profile.tag_entries(_PROBE, values)
        for requirement in (*entry.namespaces.requirements, *entry.objects.requirements)
        if requirement.operator == "In" and requirement.values == {_PROBE}
    )


def registrations(configurations: Iterable[Manifest], keys: frozenset[str]) -> list[Registration]:
    """The injector's own objects among all, in their order."""
    ours = (each for each in configurations if labels_of(each).get(names.APP_LABEL) == names.APP)
    return [Registration(each, _served(each, keys), _target(each)) for each in ours if each.get("webhooks")]


def revision_of(registration: Registration, others: Sequence[Registration]) -> str:
    """The revision that a tag points to: the one whose own object calls the same Service; empty: none."""
    same = (r for r in others if r.tag is None and r.target == registration.target)
    return next((name for r in same for name in sorted(r.serves)), "")


def pointing(
    name: str, entries: Sequence[WebhookEntry], revision: Manifest, present: Manifest | None
) -> Manifest:
    """The object of a tag that calls what the object of a revision calls, with the same caBundle.

    All but the selectors is as in the revision's object. `present`: the object as it is, whose other metadata
    stays and whose resourceVersion makes the change fail if somebody else was first.
    """
    shape = revision["webhooks"][0]
    outside = _outside(shape)
    webhooks = [
        copy.deepcopy(shape)
        | {
            "name": entry.name,
            "namespaceSelector": without(entry.namespaces, outside).as_manifest(),
            "objectSelector": entry.objects.as_manifest(),
        }
        for entry in entries
    ]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": _metadata(name, revision, present),
        "webhooks": webhooks,
    }


def _metadata(name: str, revision: Manifest, present: Manifest | None) -> Manifest:
    meta: dict[str, Any] = copy.deepcopy((present or {}).get("metadata") or {})
    for key in _WRITTEN:
        meta.pop(key, None)
    meta |= {"name": name, "labels": (meta.get("labels") or {}) | {names.APP_LABEL: names.APP}}
    annotations = dict(meta.get("annotations") or {})
    annotations.pop(CERT_MANAGER, None)
    source = ((revision.get("metadata") or {}).get("annotations") or {}).get(CERT_MANAGER)
    if source:
        annotations[CERT_MANAGER] = source
    return meta | {"annotations": annotations}


def _served(configuration: Manifest, keys: frozenset[str]) -> frozenset[str]:
    return frozenset(
        value
        for webhook in configuration.get("webhooks") or []
        for which in ("namespaceSelector", "objectSelector")
        for requirement in _selector(webhook, which).requirements
        if requirement.key in keys and requirement.operator == "In"
        for value in requirement.values
    )


def _outside(webhook: Manifest) -> frozenset[str]:
    """The namespaces that an entry leaves out by name."""
    return frozenset(
        value
        for requirement in _selector(webhook, "namespaceSelector").requirements
        if (requirement.key, requirement.operator) == (names.METADATA_NAME_LABEL, "NotIn")
        for value in requirement.values
    )


def _selector(webhook: Manifest, which: str) -> Selector:
    try:
        return selectors.parse(webhook.get(which) or {})
    except ValueError:
        # A newer operator of Kubernetes names no revision that is known here.
        return Selector(tuple[Requirement, ...]())


def _target(configuration: Manifest) -> str:
    client = configuration["webhooks"][0].get("clientConfig") or {}
    service = client.get("service") or {}
    return f"{service.get('namespace')}/{service.get('name')}" if service else str(client.get("url") or "")
