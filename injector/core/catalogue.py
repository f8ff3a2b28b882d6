"""What a profile declares about annotations and labels: its keys, the powers they carry, what they accept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final

from injector.classes import dataclass

POWERS: Final = ("image", "user", "capabilities", "volumes", "trust-root", "control-plane")
"""What an annotation can change in an injected container that matters for security."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The keys that a profile understands, for near misses and for rules about annotations.

    `domains` are the ends of prefixes that belong to the profile (``example.com`` covers
    ``x.example.com/...``). `affects` lists the powers (`POWERS`) that an annotation can use.
    `on_pod_only` are annotations that other programs read from the pod itself. `revision_label` is the label
    by which a namespace or a pod names a revision of the injector.
    """

    annotations: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    namespace_labels: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()
    affects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_pod_only: frozenset[str] = frozenset()
    revision_label: str = ""

    def owns(self, key: str) -> bool:
        """Whether the prefix of a key belongs to the profile."""
        prefix = key.partition("/")[0]
        return any(prefix == end or prefix.endswith("." + end) for end in self.domains)


NOTHING: Final = Catalogue()


@dataclass(frozen=True, slots=True)
class Syntax:
    """What an annotation or a label accepts. `closed`: an accepted value has no room for free text."""

    accepts: Callable[[str], bool]
    closed: bool = False
