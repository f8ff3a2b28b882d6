"""What an injection on the command line reads: manifests, configuration and the objects around them.

`kube-inject` and `render` share these flags, `bundle` and `parity` those of the configuration.
Not here: what is injected, and where the result goes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from injector.classes import dataclass, replace
from injector.cli import configuration, world
from injector.cli.configuration import Located, Wanted
from injector.cli.reading.selection import Selection
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
class ConfigurationInput(Access):
    """The flags that say by which configuration is injected."""

    config_file: str | None
    config_map: str | None
    namespace: str
    control_namespace: str | None
    revision: str | None
    mesh_file: str | None
    values_file: str | None
    inject_file: str | None
    mesh_map: str | None
    inject_map: str | None
    tags: tuple[str, ...]

    @property
    def packed(self) -> str | None:
        """The bundle that is used instead."""
        return None

    @property
    def istiod(self) -> str | None:
        """The istiod whose ConfigMaps are used as well."""
        return None

    @property
    def asks_cluster(self) -> bool:
        """Whether everything is read from the cluster."""
        return bool(self.named)

    @property
    def is_local(self) -> bool:
        """Whether the configuration needs no cluster."""
        maps = self.mesh_map or self.inject_map or self.config_map or self.istiod
        return not (self.asks_cluster or maps)

    def of_a_mesh(self) -> dict[str, str | None]:
        """The flags that mean nothing to a profile without mesh rules."""
        return {
            "--meshConfigFile": self.mesh_file,
            "--meshConfigMapName": self.mesh_map,
            "--injectConfigMapName": self.inject_map,
            "--istioNamespace": self.control_namespace,
        }

    def located(self, cluster: Cluster | None = None) -> Located:
        """The texts of the configuration. Raises InjectorError."""
        if self.packed:
            _check_alone(self)
        chosen = configuration.located(self._wanted(), cluster)
        if self.packed:
            return chosen
        _check(chosen, self)
        return chosen if cluster is None else _with_maps(chosen, self, cluster)

    def _wanted(self) -> Wanted:
        overrides = Overrides(
            mesh=_read(self.mesh_file),
            values=_read(self.values_file),
            inject=_read(self.inject_file),
            revision=self.revision,
            control_namespace=self.control_namespace,
        )
        return Wanted(
            config_file=self.config_file,
            config_map=self.config_map,
            bundle=self.packed,
            from_istiod=self.istiod,
            namespace=self.namespace,
            revision=self.revision,
            overrides=overrides,
            running=self.asks_cluster,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionInput(ConfigurationInput):
    """The same with what is injected into, and the objects around it."""

    from_cluster: bool
    bundle: str | None
    manifests: tuple[str, ...]
    filenames: tuple[str, ...]
    objects: tuple[str, ...]
    strict: bool
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    fail_on: str | None
    report: str | None
    report_file: str | None

    @property
    def packed(self) -> str | None:
        """The bundle that is used instead."""
        return self.bundle

    @property
    def asks_cluster(self) -> bool:
        """Whether everything is read from the cluster."""
        return self.from_cluster or bool(self.named)

    @property
    def names(self) -> tuple[str, ...]:
        """All that are to be read."""
        return self.manifests + self.filenames

    @property
    def selection(self) -> Selection:
        """Which files of folders are read. Raises ConfigError."""
        return Selection.of(self.include, self.exclude)

    @property
    def connection(self) -> str:
        """The first flag that names a cluster to read objects and configuration from, empty without one."""
        return self.named

    def read(self) -> tuple[Config, World]:
        """The configuration and the objects that the flags name. Raises InjectorError."""
        config, around = _around(self)
        return with_tags(config, self.tags), around


def _around(flags: InjectionInput) -> tuple[Config, World]:
    """The configuration and the objects that the flags name. Raises InjectorError."""
    around = world.from_objects(flags.objects, flags.namespace)
    if flags.bundle:
        configuration.check_bundle_alone(
            {"--from-cluster": flags.from_cluster, flags.connection: flags.connection}
        )
        chosen = flags.located()
        return chosen.config(), around.with_native(chosen.native_sidecars)
    if flags.is_local or flags.config_file:
        # Wrong flags are reported before a cluster is asked.
        chosen = flags.located()
        if flags.is_local:
            return chosen.config(), around
    with world.connected(flags) as cluster:
        config = flags.located(cluster).config()
        if flags.asks_cluster:
            from injector.cli.cluster_tags import with_cluster_tags

            config = with_cluster_tags(cluster, config)
            seen = world.from_cluster(cluster, config.profile, flags.namespace or cluster.namespace)
            around = world.combined(seen, around) if flags.objects else seen
    return config, around


def _check_alone(flags: ConfigurationInput) -> None:
    """Raise ConfigError for a flag that names another configuration than the bundle."""
    others = {
        "--revision": flags.revision,
        "--valuesFile": flags.values_file,
        "--injectConfigFile": flags.inject_file,
        **flags.of_a_mesh(),
    }
    configuration.check_bundle_alone(others)


def _check(chosen: Located, flags: ConfigurationInput) -> None:
    """Raise ConfigError for a flag that the profile does not support."""
    for flag, value in flags.of_a_mesh().items():
        if value:
            check_mesh(flag, chosen.inputs)


def _with_maps(chosen: Located, flags: ConfigurationInput, cluster: Cluster) -> Located:
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
