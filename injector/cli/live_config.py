"""The configuration of a live istiod, read over the one of a file. Not here: what is in it (config)."""

from __future__ import annotations

from injector.cli import world
from injector.config.control_plane import (
    INJECT_MAP,
    MESH_MAP,
    Maps,
    check_mesh,
    place_of,
    read_overrides,
)
from injector.config.loading import Overrides, load, settings_of
from injector.core.profile import Config
from injector.kube.client import Cluster


def load_live(cluster: Cluster, config_file: str | None, from_istiod: str | None) -> Config:
    """The configuration of a file, with a live istiod's on top where `from_istiod` names one.

    Raises ConfigError for a profile without a mesh, ClusterError for what cannot be read.
    """
    if not from_istiod:
        return load(config_file)
    check_mesh("--from-istiod", config_file)
    namespace, revision = place_of(from_istiod)
    revision = revision or settings_of(config_file).revision or None
    maps = Maps.named(namespace, revision, MESH_MAP, INJECT_MAP)
    return load(config_file, read_overrides(world.reader(cluster), maps, Overrides(revision=revision)))
