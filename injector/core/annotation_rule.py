"""One rule of the operator about the annotations and powers that the pods of some namespaces may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from injector.classes import dataclass
from injector.core.catalogue import Catalogue
from injector.core.globs import Glob, matches, parsed
from injector.core.model import AnnotationKeys
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

    def refuses(self, key: str, own: OwnKeys) -> bool:
        """Whether a pod may not use this annotation."""
        return any(self._refuses(spelling, own) for spelling in {key, own.canonical(key)})

    def _refuses(self, key: str, own: OwnKeys) -> bool:
        if key in own.free:
            return False
        if any(matches(glob, key) for glob in self._denied):
            return True
        return own.holds(key) and not any(matches(glob, key) for glob in self._allowed)


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """The keys that belong to a profile, those of them that are `free`, and how it reads a key."""

    free: frozenset[str]
    known: frozenset[str]
    catalogue: Catalogue
    canonical: Callable[[str], str]

    @classmethod
    def of(cls, keys: AnnotationKeys, catalogue: Catalogue, canonical: Callable[[str], str]) -> OwnKeys:
        """The keys of a profile; the switch, the status and the undo annotation are free."""
        free = frozenset({keys.switch, keys.status, keys.undo})
        declared = catalogue.annotations | {keys.templates, keys.overrides}
        return cls(free, declared, catalogue, canonical)

    def holds(self, key: str) -> bool:
        """Whether it is a key of the profile, or one with a prefix that belongs to it."""
        return key in self.known or self.catalogue.owns(key)
