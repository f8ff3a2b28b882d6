"""Which configuration a command uses, and the line on stderr that says so.

The order: --bundle, --config, --config-map, $INJECTOR_CONFIG, that of the release that runs in the cluster
(only in commands that read a cluster), ./injector.yaml, the built-in defaults.
Not here: what a configuration means (config), and how a release is found (kube).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from injector.classes import dataclass, replace
from injector.cli.report import remark
from injector.config.control_plane import Maps, check_mesh, config_map_of, place_of, read_overrides
from injector.config.folder import Files
from injector.config.loading import NONE, Input, Overrides, Text, load_input, settings_of
from injector.config.schema import Settings
from injector.config.server_settings import ConfigMapSource
from injector.core.profile import Config
from injector.core.registration.tag_entries import with_tags
from injector.errors import ConfigError
from injector.printable import visible

if TYPE_CHECKING:
    from injector.kube.client import Cluster
    from injector.kube.releases import Release

VARIABLE: Final = "INJECTOR_CONFIG"
LOCAL: Final = "injector.yaml"
KEY: Final = "injector.yaml"
BUILT_IN: Final = "built-in defaults"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the flags of a command say about its configuration.

    `namespace` and `revision` choose between several releases. Without `local`, ./injector.yaml is not used;
    without `running`, no release is looked for.
    """

    config_file: str | None = None
    config_map: str | None = None
    bundle: str | None = None
    from_istiod: str | None = None
    namespace: str = ""
    revision: str | None = None
    overrides: Overrides = NONE
    local: bool = True
    running: bool = True


@dataclass(frozen=True, slots=True)
class Located:
    """The texts of a configuration, and where they are from.

    `is_default`: from no file at all; `is_named`: the command line names the file. `tags` and
    `native_sidecars` are what a bundle says beside it, `version` is that of the release's injector.
    """

    inputs: Input
    source: str
    is_default: bool = False
    is_named: bool = False
    from_istiod: str | None = None
    in_cluster: bool = False
    control_plane: str = ""
    tags: tuple[str, ...] = ()
    native_sidecars: bool | None = None
    version: str = ""

    def config(self) -> Config:
        """The snapshot; one line on stderr says where it is from. Raises ConfigError."""
        config = with_tags(load_input(self.inputs), self.tags)
        self.report()
        return config

    def report(self) -> None:
        """Print where it is from, unless the command line says so."""
        if not self.is_named:
            report(f"configuration: {self.source}")
        if self.control_plane:
            report(f"configuration of the control plane: ConfigMaps in namespace {self.control_plane}")


def located(wanted: Wanted, cluster: Cluster | None = None) -> Located:
    """The configuration to use. Raises InjectorError."""
    if wanted.bundle:
        return _of_bundle(wanted)
    chosen = _named(wanted, cluster)
    if chosen is None and cluster is not None and wanted.running:
        chosen = _running(wanted, cluster)
    if chosen is None and wanted.local:
        chosen = _local()
    if chosen is None:
        chosen = Located(Input.from_file(None), BUILT_IN, is_default=True)
    chosen = replace(chosen, inputs=replace(chosen.inputs, overrides=wanted.overrides))
    return chosen if cluster is None else _with_control_plane(chosen, wanted, cluster)


def of_release(wanted: Wanted, cluster: Cluster) -> Located:
    """The configuration of the release that runs in the cluster. Raises InjectorError."""
    chosen = _running(wanted, cluster)
    if chosen is None:
        hint = "choose the cluster with --context, or name a bundle"
        raise ConfigError("no release of the injector runs in the cluster", hint=hint)
    return _with_control_plane(chosen, wanted, cluster)


def file_of(config_file: str | None) -> str | None:
    """The file of --config, else of $INJECTOR_CONFIG."""
    return config_file or os.environ.get(VARIABLE) or None


def _settings(inputs: Input) -> Settings:
    """The settings; the defaults for a text that cannot be read, which is an error where it is loaded."""
    try:
        return settings_of(inputs)
    except ConfigError:
        return Settings()


def report(text: str) -> None:
    """One line on stderr, unless a report for programs is there."""
    remark(visible(text))


# --- the order ----------------------------------------------------------------------------------


def _named(wanted: Wanted, cluster: Cluster | None) -> Located | None:
    """The configuration that a flag or the environment names."""
    if wanted.config_file and wanted.config_map:
        hint = "remove one of them"
        raise ConfigError("it cannot be combined with --config-map", where="--config", hint=hint)
    if wanted.config_map:
        if cluster is None:
            raise ConfigError("--config-map needs a cluster", where="--config-map", hint="use --config FILE")
        return _of_map(cluster, config_map_of(wanted.config_map))
    file = file_of(wanted.config_file)
    if file is None:
        return None
    where = visible(file) if wanted.config_file else f"{visible(file)} (${VARIABLE})"
    inputs = Input.from_file(file)
    at = _settings(inputs).server.source.config_map
    if cluster is not None and at.name:
        return _of_map(cluster, at, f"server.source.configMap of {where}")
    return Located(inputs, where, is_named=bool(wanted.config_file))


def _of_bundle(wanted: Wanted) -> Located:
    """The configuration in a bundle, which is complete."""
    others = {
        "--config": wanted.config_file,
        "--config-map": wanted.config_map,
        "--from-istiod": wanted.from_istiod,
    }
    check_bundle_alone(others)
    # Other runs start faster without it.
    from injector.cli import bundle_file

    bundle = bundle_file.read(wanted.bundle or "")
    unpacked = bundle.unpacked
    return Located(
        unpacked.inputs,
        f"bundle {bundle.reference}",
        is_named=True,
        tags=unpacked.tags,
        native_sidecars=unpacked.native_sidecars,
    )


def check_bundle_alone(others: Mapping[str, object]) -> None:
    """Raise ConfigError for a flag with a value, which names another configuration than --bundle."""
    for flag, value in others.items():
        if value:
            hint = "a bundle holds the whole configuration: give this flag to 'injector bundle'"
            raise ConfigError("it cannot be combined with --bundle", where=flag, hint=hint)


def _local() -> Located | None:
    """./injector.yaml, unless it imitates defects of upstream: that must be named."""
    if not Path(LOCAL).is_file():
        return None
    inputs = Input.from_file(LOCAL)
    if _settings(inputs).compatibility.istio_quirks:
        report(f"./{LOCAL} is not used, because it sets compatibility.istioQuirks; use --config {LOCAL}")
        return None
    return Located(inputs, f"./{LOCAL}")


def _of_map(
    cluster: Cluster, at: ConfigMapSource, by: str = "", paths: Mapping[str, str] | None = None
) -> Located:
    """The configuration in a ConfigMap. `paths`: its keys by their paths where only some are mounted."""
    # Commands without a cluster do not load it.
    from injector.kube.configmaps import configmap_data, missing_key

    data = configmap_data(cluster, at.namespace, at.name)
    texts = {path: data[key] for path, key in paths.items() if key in data} if paths else data
    if at.key not in texts:
        raise missing_key(at.namespace, at.name, at.key, texts)
    where = f"ConfigMap {at.namespace}/{at.name}"
    inputs = Input(Text(texts[at.key], f"{where} {at.key}"), where, NONE, Files.of(where, texts))
    source = where + (f" {at.key}" if at.key != KEY else "") + (f" ({by})" if by else "")
    return Located(inputs, source, in_cluster=True)


# --- the running release ------------------------------------------------------------------------


def _running(wanted: Wanted, cluster: Cluster) -> Located | None:
    """The configuration of the release that serves; None where there is none, which is reported."""
    from injector.kube.releases import ReleaseReader

    reader = ReleaseReader(cluster)
    releases = reader.releases()
    if not releases:
        for reason in reader.unread:
            report(f"no release of the injector was found in the cluster: {reason}")
        return None
    read = [(release, _of_release(release, cluster)) for release in releases]
    if len(read) > 1:
        read = _serving(read, wanted, cluster)
    return read[0][1]


def _of_release(release: Release, cluster: Cluster) -> Located:
    """The configuration of a release: its ConfigMap, with the flags of its container."""
    by = f"release {release.name}"
    if release.config_map:
        chosen = _of_map(cluster, config_map_of(release.config_map), by)
    elif release.mounted:
        at = release.mounted
        source = ConfigMapSource(namespace=at.namespace, name=at.name, key=at.file)
        chosen = _of_map(cluster, source, by, at.keys)
        source = _settings(chosen.inputs).server.source.config_map
        if source.name:
            chosen = _of_map(cluster, source, by)
    elif release.file:
        raise ConfigError(
            f"the configuration of the {release.label} is not in a ConfigMap",
            where=release.file,
            hint="use --config with a copy of the file, or --config-map",
        )
    else:
        chosen = Located(Input.from_file(None), f"{BUILT_IN} ({by})", in_cluster=True)
    return replace(chosen, from_istiod=release.from_istiod, version=release.version)


Read = tuple["Release", Located]


def _serving(read: list[Read], wanted: Wanted, cluster: Cluster) -> list[Read]:
    """The one release that serves the revision or the namespace. Raises ConfigError for several."""
    tests: list[Callable[[Read], bool]] = []
    if wanted.revision:
        revision = "" if wanted.revision == "default" else wanted.revision
        tests.append(lambda each: _settings(each[1].inputs).revision == revision)
    elif wanted.namespace:
        from injector.kube.objects import namespace as read_namespace

        item = read_namespace(cluster, wanted.namespace)
        tests.append(lambda each: any(entry.in_namespace(item) for entry in each[0].entries))
    chosen = [each for each in read if all(test(each) for test in tests)]
    if len(chosen) == 1:
        return chosen
    listed = ", ".join(f"{release.name} ({place.source.partition(' (')[0]})" for release, place in read)
    subject = f"revision {wanted.revision}" if wanted.revision else f"namespace {wanted.namespace}"
    about = f"; {len(chosen) or 'none'} of them serves {subject}" if tests else ""
    raise ConfigError(
        f"several releases of the injector are in the cluster: {listed}{about}",
        hint="choose one with --config-map NS/NAME, or use --config FILE",
    )


# --- a control plane on top ---------------------------------------------------------------------


def _with_control_plane(chosen: Located, wanted: Wanted, cluster: Cluster) -> Located:
    """The same with the ConfigMaps of a running istiod, where a flag or the configuration names one."""
    from injector.cli.world import reader

    settings, flag = _settings(chosen.inputs), wanted.from_istiod or chosen.from_istiod
    istio, revision = settings.server.source.istio, settings.revision or None
    if flag:
        if wanted.from_istiod:
            check_mesh("--from-istiod", chosen.inputs)
        namespace, named = place_of(flag)
        istio, revision = replace(istio, namespace=namespace), named or revision
    if not istio.namespace:
        return chosen
    maps = Maps.named(istio.namespace, revision, istio.mesh_config_map, istio.inject_config_map)
    # The values of the control plane have its namespace.
    overrides = replace(wanted.overrides, control_namespace=None)
    if overrides.revision is None:
        overrides = replace(overrides, revision=revision)
    overrides = read_overrides(reader(cluster), maps, overrides)
    inputs = replace(chosen.inputs, overrides=overrides)
    return replace(chosen, inputs=inputs, control_plane=istio.namespace)
