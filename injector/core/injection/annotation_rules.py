"""Which annotations and powers pods may use, by namespace: rules of the operator, in order.

The first rule that matches a namespace applies, to pods that are injected and to the keys that their
authors set. The switch is free: the policy says who may decline. Not here: whether a value is
accepted (the profile), which annotations are worth a rule (`Catalogue.affects`), and whether a pod
uses a power (`powers.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from injector.core import names
from injector.core.annotation_rule import AnnotationRule, OwnKeys
from injector.core.model import Facts
from injector.core.profile import Profile


def refused(
    keys: Iterable[str], facts: Facts, namespace: str, rules: tuple[AnnotationRule, ...], profile: Profile
) -> tuple[str, ...]:
    """Those of a pod's annotations that it may not use, sorted."""
    own, holding = _own(profile), tuple(_holding(rules, facts, namespace))
    return tuple(sorted(k for k in keys if any(rule.refuses(k, own) for rule in holding)))


def withheld(facts: Facts, namespace: str, rules: tuple[AnnotationRule, ...]) -> frozenset[str]:
    """The powers that the pods of a namespace do not have."""
    return frozenset(power for rule in _holding(rules, facts, namespace) for power in rule.withhold)


def open_to_all(profile: Profile, rules: tuple[AnnotationRule, ...]) -> Mapping[str, tuple[str, ...]]:
    """Annotations with powers that no rule takes from pods where no selector says otherwise."""
    own, general = _own(profile), next((rule for rule in rules if not rule.namespaces.requirements), None)
    left = {
        key: tuple(power for power in powers if general is None or power not in general.withhold)
        for key, powers in sorted(profile.catalogue().affects.items())
        if general is None or not general.refuses(key, own)
    }
    return {key: powers for key, powers in left.items() if powers}


def _own(profile: Profile) -> OwnKeys:
    return OwnKeys.of(profile.keys, profile.catalogue(), profile.canonical_key)


def _holding(rules: tuple[AnnotationRule, ...], facts: Facts, namespace: str) -> Iterator[AnnotationRule]:
    """The rule that applies; while the namespace's labels are not known, each that may apply."""
    if facts.namespace_object is not None:
        labels = {names.METADATA_NAME_LABEL: facts.namespace_object.name, **facts.namespace_object.labels}
        yield from [rule for rule in rules if rule.namespaces.matches(labels)][:1]
        return
    by_name = {names.METADATA_NAME_LABEL: namespace} if namespace else {}
    for rule in rules:
        sure = [r.matches(by_name) for r in rule.namespaces.requirements if r.key in by_name]
        if all(sure):
            yield rule
            if len(sure) == len(rule.namespaces.requirements):
                return
