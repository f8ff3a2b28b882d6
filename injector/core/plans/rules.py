"""What of a configuration says which texts of a pod are only copied."""

from __future__ import annotations

from collections.abc import Iterator

from injector.core import kinds, names
from injector.core.plans.shape import HASH, CopyRules
from injector.core.profile import Config
from injector.core.selectors import Selector


def copy_rules_of(config: Config, *, labels_are_free: bool) -> CopyRules | None:
    """How shapes are made under a configuration; None where its profile does not know what it copies."""
    profile, copied = config.profile, config.profile.copied(config)
    if copied is None:
        return None
    catalogue = profile.catalogue()
    compared = {requirement.key for each in _selectors(config) for requirement in each.requirements}
    of_kinds = {
        label
        for row in kinds.KINDS.values()
        for parent in row.parents
        for label in (parent.hash_label, parent.name_label)
    }
    known = copied.labels | catalogue.labels | catalogue.namespace_labels
    labels = (known - copied.names) | compared | {profile.keys.switch, catalogue.revision_label}
    outline = config.templates.outline(names.CONTAINER_LISTS).names
    containers = copied.reserved.union(*outline.values(), (mark.container for mark in profile.foreign))
    containers |= config.placement.keys() | {position.other for position in config.placement.values()}
    return CopyRules(
        copied,
        frozenset(labels | of_kinds),
        frozenset(containers),
        profile.bookkeeping_annotations | {profile.keys.templates},
        labels_are_free,
        labels_are_free and HASH not in compared,
    )


def _selectors(config: Config) -> Iterator[Selector]:
    """The selectors that match labels of pods."""
    yield from config.policy.never
    yield from config.policy.always
    yield from (entry.objects for entry in config.policy.entries)
