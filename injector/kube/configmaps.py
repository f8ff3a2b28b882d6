"""Keys of ConfigMaps. Not here: their content."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from injector.errors import ClusterError, InjectorError
from injector.kube.client import Cluster, connect, load_client


def configmap_data(cluster: Cluster, namespace: str, name: str) -> dict[str, str]:
    """Return the texts of a ConfigMap by their keys. Raises ClusterError."""
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps/{quote(name, safe='')}"
    return {key: str(text) for key, text in (cluster.get(path).get("data") or {}).items()}


def configmap_key(cluster: Cluster, namespace: str, name: str, key: str) -> str:
    """Return the text of one key of a ConfigMap. Raises ClusterError where there is none."""
    data = configmap_data(cluster, namespace, name)
    if key not in data:
        raise missing_key(namespace, name, key, data)
    return data[key]


def missing_key(namespace: str, name: str, key: str, keys: Iterable[str]) -> ClusterError:
    """The error for a key that a ConfigMap does not have."""
    return ClusterError(
        f"the ConfigMap has no key {key}",
        status=404,
        reason="NotFound",
        where=f"ConfigMap {namespace}/{name}",
        hint=f"it has these keys: {', '.join(sorted(keys)) or 'none'}",
    )


class ConfigMapReader:
    """Reads keys over a connection of its own, which is opened when needed and again after a failure."""

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._cluster: Cluster | None = None

    def __call__(self, namespace: str, name: str, key: str) -> str:
        """Return the text of one key. Raises ClusterError, ConfigError for a kubeconfig."""
        try:
            if self._cluster is None:
                # Several threads of `serve` use the client, and lazy modules are not made for that.
                load_client()
                self._cluster = connect(self._kubeconfig, self._context)
            return configmap_key(self._cluster, namespace, name, key)
        except InjectorError:
            # Credentials may have expired.
            self._cluster = None
            raise
