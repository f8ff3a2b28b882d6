"""The revision tags of a cluster that point to the revision of a configuration.

Not here: how they are set (tag), and which pods they select (core.registration.tag_entries).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from injector.core.profile import Config
from injector.core.registration import tags
from injector.core.registration.entries import CONFIGURATIONS
from injector.core.registration.tag_entries import with_tags
from injector.errors import ClusterError

if TYPE_CHECKING:
    from injector.kube.client import Cluster


def with_cluster_tags(cluster: Cluster, config: Config, named: Sequence[str] = ()) -> Config:
    """The configuration with those tags, as far as they may be read, and with those that a flag names."""
    return with_tags(config, (*named, *tags_of(cluster, config)))


def tags_of(cluster: Cluster, config: Config) -> list[str]:
    """The names of those tags; none where they may not be read."""
    keys = tags.revision_keys(config.profile, config.values)
    if not keys:
        return []
    try:
        known = tags.registrations(cluster.list(CONFIGURATIONS), keys)
    except ClusterError:
        # Without the right, pods of a tag are explained as those of another revision.
        return []
    revision = config.revision or "default"
    named = [(each.tag, tags.revision_of(each, known)) for each in known]
    return [tag for tag, pointed in named if tag and tag != revision and pointed == revision]
