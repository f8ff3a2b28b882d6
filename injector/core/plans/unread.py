"""Which texts of a pod no template reads, so that pods that differ in these alone have the same injection.

Decided by what the templates can read, whichever branches they take (`templating.reads`). Of those that come
with the program their profile declares what they copy (`Profile.copied`). What the rules of core and profile
do with these texts is the same for every value: tests compare the answers.
"""

from __future__ import annotations

from typing import Final

from injector.core.model import Manifest
from injector.core.profile import Config
from injector.core.validation.places import fields
from injector.templating.paths import Path

# The random name of the token's volume stands in these, and times in managedFields.
_DIFFER: Final[tuple[Path, ...]] = (
    *(("Spec", part) for part in ("volumes", "containers", "initContainers", "ephemeralContainers")),
    ("ObjectMeta", "managedFields"),
)


def replicas_are_alike(pod: Manifest, config: Config) -> bool:
    """Whether replicas of a pod get the same: no template of it reads what differs between them."""
    return all(
        is_known(name, config) or _reads_none(name, config) for name in possible_templates(pod, config)
    )


def is_known(name: str, config: Config) -> bool:
    """Whether a template and all that it includes came with the program, and its profile knows it."""
    copied = config.profile.copied(config)
    return (
        copied is not None
        and name in copied.templates
        and config.shipped.issuperset(config.templates.used(name))
    )


def possible_templates(pod: Manifest, config: Config) -> list[str]:
    """The templates that a pod may get: the default ones, all of them where it asks for others."""
    annotations = fields(fields(pod.get("metadata")).get("annotations"))
    if config.profile.keys.templates in annotations:
        return list(config.templates)
    names = (name for part in config.default_templates for name in config.aliases.get(part, (part,)))
    return [name for name in names if name in config.templates]


def _reads_none(name: str, config: Config) -> bool:
    return not any(_overlap(path, other) for path in config.templates.reads(name) for other in _DIFFER)


def _overlap(path: Path, other: Path) -> bool:
    """Whether one is at or above the other."""
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]
