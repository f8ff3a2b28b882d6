"""Which annotations pods may use, by namespace: rules of the operator, in order, the first that fits.

A rule speaks about pods that are injected, and about the keys that stand on a pod as its author
wrote it. The switch is free: who may decline is a matter of the policy. Not here: whether a value
is accepted (the profile), and which annotations are worth a rule (`Catalogue.powers`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from injector.core import names
from injector.core.model import Facts
from injector.core.profile import Profile
from injector.core.selectors import Selector

KEY_LENGTH: Final = 512


@dataclass(frozen=True, slots=True)
class AnnotationRule:
    """What pods of some namespaces may use: a pattern of `allow` matches, and none of `deny`.

    In a pattern ``*`` stands for any text. `allow` is about the profile's own keys, and the
    prefixes that belong to it; `deny` about every key, as templates may read any.
    """

    namespaces: Selector
    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    _allowed: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _denied: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_allowed", _pattern(self.allow))
        object.__setattr__(self, "_denied", _pattern(self.deny))

    def refuses(self, key: str, own: Own) -> bool:
        """Whether a pod may not use this annotation."""
        if key in own.free:
            return False
        # No key of Kubernetes' is longer; patterns are slow on what is.
        text = key[:KEY_LENGTH]
        if self._denied.fullmatch(text):
            return True
        return own.holds(key) and not self._allowed.fullmatch(text)


@dataclass(frozen=True, slots=True)
class Own:
    """The keys that belong to a profile, and those of them that are `free`."""

    free: frozenset[str]
    known: frozenset[str]
    domains: tuple[str, ...]

    @classmethod
    def of(cls, profile: Profile) -> Own:
        """The switch, and the books that say nothing about how a pod is injected, are free."""
        keys, known = profile.keys, profile.catalogue()
        free = frozenset({keys.switch, keys.status, keys.undo})
        return cls(free, known.annotations | {keys.templates, keys.overrides}, known.domains)

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


def open_to_all(profile: Profile, rules: tuple[AnnotationRule, ...]) -> Mapping[str, tuple[str, ...]]:
    """Annotations that can change what matters and are allowed where no selector says otherwise."""
    own, general = Own.of(profile), next((rule for rule in rules if not rule.namespaces.requirements), None)
    return {
        key: powers
        for key, powers in sorted(profile.catalogue().powers.items())
        if general is None or not general.refuses(key, own)
    }


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


def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    """All patterns as one; of none, what matches nothing."""
    return re.compile("|".join(re.escape(glob).replace(r"\*", ".*") for glob in globs) or r"(?!)", re.DOTALL)
