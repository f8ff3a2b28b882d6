"""The MutatingWebhookConfiguration objects of a configuration: one for the revision, one for each tag.

The objects carry no label of any mesh: a running control plane writes its own certificate into
every configuration that bears its revision's label. Not here: where the webhook is called, and which
conditions there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from injector.classes import dataclass
from injector.core import names
from injector.core.model import Manifest
from injector.core.profile import Config
from injector.core.registration.match_conditions import MatchCondition
from injector.core.registration.tag_entries import entries_of_tag
from injector.core.selectors import Requirement, Selector, WebhookEntry
from injector.errors import ConfigError
from injector.patterns import pattern
from injector.printable import shown

TAG_SEPARATOR: Final = "-tag-"
"""What comes between the name of an object and its tag."""
LABEL: Final = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAME = pattern(rf"(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Options:
    """What all entries have in common; `client` is their clientConfig."""

    client: Manifest
    failure_policy: str = "Fail"
    timeout: int = 10
    reinvocation_policy: str = "IfNeeded"
    conditions: tuple[MatchCondition, ...] = ()
    side_effects: str = "None"
    excluded: frozenset[str] = frozenset()


def configurations(
    config: Config, options: Options, name: str | None = None, tags: tuple[str, ...] = ()
) -> Iterator[Manifest]:
    """The object of the configuration's revision, then one for each tag.

    Raises ConfigError for a name that Kubernetes refuses, and for a tag that means nothing.
    """
    profile, revision = config.profile, config.revision or "default"
    suffix = "" if revision == "default" else f"-{revision}"
    # The object of a tag has the same name whichever revision it points to, so that it can be moved.
    stem = name or f"{names.APP}-{profile.name}"
    name = checked_name(name or stem + suffix, "--name")
    service = options.client.get("service") or {}
    yield _configuration(name, own_entries(config, service.get("namespace")), options)
    for tag in tags:
        entries = entries_of_tag(config, tag)
        yield _configuration(checked_name(stem + TAG_SEPARATOR + tag, "--tag"), entries, options)


def own_entries(config: Config, own_namespace: str | None) -> tuple[WebhookEntry, ...]:
    """The entries of the configuration's revision; the namespace is the webhook's own, if it has one."""
    declared = () if config.profile.entry else config.policy.entries
    return declared or (_whole(config, own_namespace),)


def _configuration(name: str, entries: tuple[WebhookEntry, ...], options: Options) -> Manifest:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name, "labels": {names.APP_LABEL: names.APP}},
        "webhooks": [_webhook(entry, options) for entry in entries],
    }


def _webhook(entry: WebhookEntry, options: Options) -> Manifest:
    webhook: Manifest = {
        "name": entry.name,
        "clientConfig": options.client,
        "rules": [
            {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
        ],
        "namespaceSelector": without(entry.namespaces, options.excluded).as_manifest(),
        "objectSelector": entry.objects.as_manifest(),
        "failurePolicy": options.failure_policy,
        "sideEffects": options.side_effects,
        "timeoutSeconds": options.timeout,
        "reinvocationPolicy": options.reinvocation_policy,
        "admissionReviewVersions": ["v1"],
    }
    if options.conditions:
        webhook["matchConditions"] = [condition.as_manifest() for condition in options.conditions]
    return webhook


def without(selector: Selector, excluded: frozenset[str]) -> Selector:
    """The selector of namespaces, which some are taken out of by their names."""
    if not excluded:
        return selector
    return Selector((*selector.requirements, Requirement(names.METADATA_NAME_LABEL, "NotIn", excluded)))


def _whole(config: Config, own_namespace: str | None) -> WebhookEntry:
    """The one entry of a profile without rules, with the selectors of `profile.yaml` if it has some.

    It excludes the webhook's own namespace, whose first pod no webhook could answer for, and system
    namespaces, which have to start without the injector.
    """
    name = checked_name(whole_name(config), "profile name")
    outside = config.policy.ignored_namespaces | names.CLUSTER_NAMESPACES
    if own_namespace:
        outside |= {own_namespace}
    not_outside = Requirement(names.METADATA_NAME_LABEL, "NotIn", outside)
    not_off = Requirement(config.policy.switch, "NotIn", frozenset({names.NO}))
    declared = config.profile.entry or WebhookEntry(name, Selector(), Selector())
    return WebhookEntry(
        name,
        Selector((*declared.namespaces.requirements, not_outside)),
        Selector((*declared.objects.requirements, not_off)),
    )


def whole_name(config: Config) -> str:
    """The name of the one entry of a profile without rules."""
    return names.entry_name(config.profile.name)


def checked_name(text: str, where: str) -> str:
    """The name. Raises ConfigError where Kubernetes refuses it."""
    if not _NAME.fullmatch(text):
        hint = "use at most 253 lower case letters, digits, - and ."
        raise ConfigError(f"{shown(text)!r} is not a valid Kubernetes name", where=where, hint=hint)
    return text
