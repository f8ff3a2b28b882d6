"""What an injection on the command line reads: manifests, configuration and the objects around them.

`kube-inject` and `render` share these flags. Not here: what is injected, and where the result goes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from injector.cli import configuration, world
from injector.cli.cluster_tags import with_cluster_tags
from injector.cli.configuration import Located, Wanted
from injector.cli.world import Access, World
from injector.config.control_plane import INJECT_MAP, MESH_MAP, Maps, check_mesh, read_overrides
from injector.config.loading import Overrides, Text, rules_of
from injector.core.profile import Config
from injector.core.registration.tag_entries import with_tags
from injector.errors import ClusterError
from injector.files import read_text

if TYPE_CHECKING:
    from injector.kube.client import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionInput(Access):
    """The flags that say what is injected into, by which configuration, with which objects around it."""

    config_file: str | None
    config_map: str | None
    manifests: tuple[str, ...]
    filenames: tuple[str, ...]
    namespace: str
    control_namespace: str | None
    revision: str | None
    mesh_file: str | None
    values_file: str | None
    inject_file: str | None
    mesh_map: str | None
    inject_map: str | None
    from_cluster: bool
    objects: tuple[str, ...]
    tags: tuple[str, ...]
    strict: bool
    recursive: bool
    fail_on: str | None
    report: str | None
    report_file: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """All that are to be read."""
        return self.manifests + self.filenames

    @property
    def asks_cluster(self) -> bool:
        """Whether everything is read from the cluster."""
        return self.from_cluster or bool(self.named)

    def of_a_mesh(self) -> dict[str, str | None]:
        """The flags that mean nothing to a profile without mesh rules."""
        return {
            "--meshConfigFile": self.mesh_file,
            "--meshConfigMapName": self.mesh_map,
            "--injectConfigMapName": self.inject_map,
            "--istioNamespace": self.control_namespace,
        }

    def read(self) -> tuple[Config, World]:
        """The configuration and the objects that the flags name. Raises InjectorError."""
        config, around = _around(self)
        return with_tags(config, self.tags), around


def _around(flags: InjectionInput) -> tuple[Config, World]:
    """The configuration and the objects that the flags name. Raises InjectorError."""
    overrides = Overrides(
        mesh=_read(flags.mesh_file),
        values=_read(flags.values_file),
        inject=_read(flags.inject_file),
        revision=flags.revision,
        control_namespace=flags.control_namespace,
    )
    wanted = Wanted(
        config_file=flags.config_file,
        config_map=flags.config_map,
        namespace=flags.namespace,
        revision=flags.revision,
        overrides=overrides,
        running=flags.asks_cluster,
    )
    around = world.from_objects(flags.objects, flags.namespace)
    local = not (flags.asks_cluster or flags.mesh_map or flags.inject_map or flags.config_map)
    if local or flags.config_file:
        # Wrong flags are reported before a cluster is asked.
        chosen = _checked(configuration.located(wanted), flags)
        if local:
            return chosen.config(), around
    with world.connected(flags) as cluster:
        chosen = _checked(configuration.located(wanted, cluster), flags)
        config = _with_maps(chosen, flags, cluster).config()
        if flags.asks_cluster:
            config = with_cluster_tags(cluster, config)
            seen = world.from_cluster(cluster, config.profile, flags.namespace or cluster.namespace)
            around = world.combined(seen, around) if flags.objects else seen
    return config, around


def _checked(chosen: Located, flags: InjectionInput) -> Located:
    """The configuration, if its profile supports the flags. Raises ConfigError."""
    for flag, value in flags.of_a_mesh().items():
        if value:
            check_mesh(flag, chosen.inputs)
    return chosen


def _with_maps(chosen: Located, flags: InjectionInput, cluster: Cluster) -> Located:
    """The configuration with the ConfigMaps of an istiod on top: those that flags name, else its own.

    A configuration of the cluster is complete without them.
    """
    mesh, inject = flags.mesh_map, flags.inject_map
    named = bool(mesh or inject or flags.control_namespace)
    if not named and (chosen.in_cluster or rules_of(chosen.inputs) != "istio"):
        return chosen
    if not (mesh or inject):
        mesh, inject = MESH_MAP, INJECT_MAP
    maps = Maps.named(flags.control_namespace or "istio-system", flags.revision, mesh, inject)
    overrides = replace(chosen.inputs.overrides, control_namespace=None)
    try:
        overrides = read_overrides(world.reader(cluster), maps, overrides)
    except ClusterError as error:
        if error.status != 404 or named or flags.revision or chosen.is_default:
            raise
        configuration.report(f"the configuration is used without an istiod: {error.message}")
        return chosen
    return replace(chosen, inputs=replace(chosen.inputs, overrides=overrides))


def _read(path: str | None) -> Text | None:
    return None if path is None else Text(read_text(Path(path)), path)
