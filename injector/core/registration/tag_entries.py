"""The webhook entries of revision tags: names under which namespaces and pods select a revision."""

from __future__ import annotations

from collections.abc import Sequence

from injector.classes import replace
from injector.core.profile import Config
from injector.core.selectors import WebhookEntry
from injector.errors import ConfigError
from injector.printable import shown


def entries_of_tag(config: Config, tag: str) -> tuple[WebhookEntry, ...]:
    """The entries that a tag of the configuration's revision adds.

    Raises ConfigError where the profile has no tags, and for a tag that means nothing.
    """
    entries = config.profile.tag_entries(tag, config.values)
    if not entries:
        raise ConfigError(f"profile {config.profile.name} does not support revision tags", where="--tag")
    if tag == (config.revision or "default"):
        hint = "the entries of the revision already have these selectors"
        raise ConfigError(f"tag {shown(tag)} equals the revision", where="--tag", hint=hint)
    return entries


def with_tags(config: Config, tags: Sequence[str]) -> Config:
    """The configuration with which pods of these tags are decided about as well. Raises ConfigError."""
    if not tags:
        return config
    more = [entry for tag in dict.fromkeys(tags) for entry in entries_of_tag(config, tag)]
    return replace(config, policy=replace(config.policy, entries=(*config.policy.entries, *more)))
