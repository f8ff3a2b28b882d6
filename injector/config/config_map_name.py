"""The ConfigMap that a flag names."""

from __future__ import annotations

from injector.config.server_settings import ConfigMapSource
from injector.errors import ConfigError


def config_map_of(flag: str) -> ConfigMapSource:
    """The ConfigMap of ``NS/NAME[:KEY]``, also written ``NS/NAME/KEY``. Raises ConfigError."""
    namespace, _, rest = flag.partition("/")
    name, _, key = rest.replace(":", "/", 1).partition("/")
    if not namespace or not name:
        raise ConfigError(
            "a namespace and a name are expected", where="--config-map", hint="NS/NAME or NS/NAME:KEY"
        )
    return ConfigMapSource(namespace=namespace, name=name, **({"key": key} if key else {}))
