"""The ConfigMaps of a live istiod: their names, and their texts in place of parts of the configuration file.

Not here: reading them from a cluster (`ReadKey` is passed in), and what is in them (`upstream`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from injector.classes import dataclass, replace
from injector.config.loading import Input, Overrides, Text, rules_of
from injector.config.server_settings import ConfigMapSource
from injector.errors import ConfigError

MESH_MAP: Final = "istio"
INJECT_MAP: Final = "istio-sidecar-injector"

ReadKey: TypeAlias = Callable[[str, str, str], str]
"""Takes namespace, name and key of a ConfigMap; returns the text of the key. Raises InjectorError."""


@dataclass(frozen=True, slots=True)
class Maps:
    """The ConfigMaps of a control plane; None: not to be read."""

    namespace: str
    mesh: str | None = None
    inject: str | None = None

    @classmethod
    def named(cls, namespace: str, revision: str | None, mesh: str | None, inject: str | None) -> Maps:
        """A revision is appended to the default names, not to others."""
        suffix = f"-{revision}" if revision and revision != "default" else ""
        return cls(
            namespace,
            mesh + suffix if mesh == MESH_MAP else mesh,
            inject + suffix if inject == INJECT_MAP else inject,
        )


def read_overrides(read: ReadKey, maps: Maps, overrides: Overrides) -> Overrides:
    """The overrides with the texts of the ConfigMaps; a text that is set stays. Raises InjectorError."""

    def text(name: str, key: str) -> Text:
        return configmap_text(read, maps.namespace, name, key)

    if maps.mesh and overrides.mesh is None:
        overrides = replace(overrides, mesh=text(maps.mesh, "mesh"))
    if maps.inject and overrides.values is None:
        overrides = replace(overrides, values=text(maps.inject, "values"))
    if maps.inject and overrides.inject is None:
        overrides = replace(overrides, inject=text(maps.inject, "config"), live=True)
    return overrides


def configmap_text(read: ReadKey, namespace: str, name: str, key: str) -> Text:
    """The text of a key of a ConfigMap, with its name in messages. Raises InjectorError."""
    return Text(read(namespace, name, key), f"ConfigMap {namespace}/{name} {key}")


def place_of(flag: str) -> tuple[str, str | None]:
    """Namespace and revision of a control plane, from ``NS[/REVISION]``."""
    namespace, _, revision = flag.partition("/")
    return namespace, revision or None


def check_mesh(where: str, inputs: Input) -> None:
    """Raise ConfigError for a profile without mesh rules, which does not support the flag `where`."""
    if rules_of(inputs) != "istio":
        hint = "remove the flag, or choose a profile with a mesh"
        raise ConfigError("the profile does not support this flag", where=where, hint=hint)


def config_map_of(flag: str) -> ConfigMapSource:
    """The ConfigMap of ``NS/NAME[:KEY]``, also written ``NS/NAME/KEY``. Raises ConfigError."""
    namespace, _, rest = flag.partition("/")
    name, _, key = rest.replace(":", "/", 1).partition("/")
    if not namespace or not name:
        raise ConfigError(
            "a namespace and a name are expected", where="--config-map", hint="NS/NAME or NS/NAME:KEY"
        )
    return ConfigMapSource(namespace=namespace, name=name, **({"key": key} if key else {}))
