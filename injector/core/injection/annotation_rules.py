"""Which annotations and powers pods may use, by namespace: rules of the operator, in order.

The first rule that fits a namespace holds. It is about pods that are injected, and about the keys
that stand on a pod as its author wrote it. The switch is free: who may decline is a matter of the
policy. Not here: whether a value is accepted (the profile), which annotations are worth a rule
(`Catalogue.powers`), and whether a pod uses a power (`powers.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from injector.core import names
from injector.core.globs import Glob, matches, parsed
from injector.core.model import Facts
from injector.core.profile import Profile
from injector.core.selectors import Selector


@dataclass(frozen=True, slots=True)
class AnnotationRule:
    """What pods of some namespaces may use: a pattern of `allow` matches, and none of `deny`.

    In a pattern ``*`` stands for any text. `allow` is about the profile's own keys, and the
    prefixes that belong to it; `deny` about every key, as templates may read any. Where a profile
    reads a key as another one, both spellings are judged. `withhold` names powers (`POWERS`) that
    these pods do not have, whatever carries them.
    """

    namespaces: Selector
    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    withhold: tuple[str, ...] = ()
    _allowed: tuple[Glob, ...] = field(init=False, repr=False, compare=False)
    _denied: tuple[Glob, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_allowed", parsed(self.allow))
        object.__setattr__(self, "_denied", parsed(self.deny))

    def refuses(self, key: str, own: Own) -> bool:
        """Whether a pod may not use this annotation."""
        return any(self._refuses(spelling, own) for spelling in {key, own.canonical(key)})

    def _refuses(self, key: str, own: Own) -> bool:
        if key in own.free:
            return False
        if any(matches(glob, key) for glob in self._denied):
            return True
        return own.holds(key) and not any(matches(glob, key) for glob in self._allowed)


@dataclass(frozen=True, slots=True)
class Own:
    """The keys that belong to a profile, those of them that are `free`, and how it reads a key."""

    free: frozenset[str]
    known: frozenset[str]
    domains: tuple[str, ...]
    canonical: Callable[[str], str]

    @classmethod
    def of(cls, profile: Profile) -> Own:
        """The switch, and the books that say nothing about how a pod is injected, are free."""
        keys, known = profile.keys, profile.catalogue()
        free = frozenset({keys.switch, keys.status, keys.undo})
        declared = known.annotations | {keys.templates, keys.overrides}
        return cls(free, declared, known.domains, profile.canonical_key)

    def holds(self, key: str) -> bool:
        """Whether it is a key of the profile, or one with a prefix that belongs to it."""
        prefix = key.partition("/")[0]
        return key in self.known or any(prefix == d or prefix.endswith("." + d) for d in self.domains)


def refused(
    keys: Iterable[str], facts: Facts, namespace: str, rules: tuple[AnnotationRule, ...], profile: Profile
) -> tuple[str, ...]:
    """Those of a pod's annotations that it may not use, sorted."""
    own, holding = Own.of(profile), tuple(_holding(rules, facts, namespace))
    return tuple(sorted(k for k in keys if any(rule.refuses(k, own) for rule in holding)))


def withheld(facts: Facts, namespace: str, rules: tuple[AnnotationRule, ...]) -> frozenset[str]:
    """The powers that the pods of a namespace do not have."""
    return frozenset(power for rule in _holding(rules, facts, namespace) for power in rule.withhold)


def open_to_all(profile: Profile, rules: tuple[AnnotationRule, ...]) -> Mapping[str, tuple[str, ...]]:
    """Annotations with powers that no rule takes from pods where no selector says otherwise."""
    own, general = Own.of(profile), next((rule for rule in rules if not rule.namespaces.requirements), None)
    left = {
        key: tuple(power for power in powers if general is None or power not in general.withhold)
        for key, powers in sorted(profile.catalogue().powers.items())
        if general is None or not general.refuses(key, own)
    }
    return {key: powers for key, powers in left.items() if powers}


def _holding(rules: tuple[AnnotationRule, ...], facts: Facts, namespace: str) -> Iterator[AnnotationRule]:
    """The rule that holds; while the namespace's labels are not known, each that may be the one."""
    if facts.known is not None:
        labels = {names.METADATA_NAME_LABEL: facts.known.name, **facts.known.labels}
        yield from [rule for rule in rules if rule.namespaces.matches(labels)][:1]
        return
    by_name = {names.METADATA_NAME_LABEL: namespace} if namespace else {}
    for rule in rules:
        sure = [r.matches(by_name) for r in rule.namespaces.requirements if r.key in by_name]
        if all(sure):
            yield rule
            if len(sure) == len(rule.namespaces.requirements):
                return
