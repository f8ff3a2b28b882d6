"""Keys of ConfigMaps. Not here: their content."""

from __future__ import annotations

from urllib.parse import quote

from injector.errors import ClusterError, InjectorError
from injector.kube.client import Cluster, connect


def configmap_key(cluster: Cluster, namespace: str, name: str, key: str) -> str:
    """Return the text of one key of a ConfigMap. Raises ClusterError where there is none."""
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps/{quote(name, safe='')}"
    data = cluster.get(path).get("data") or {}
    if key not in data:
        raise ClusterError(
            f"the ConfigMap has no key {key}",
            status=404,
            reason="NotFound",
            where=f"ConfigMap {namespace}/{name}",
            hint=f"it has these keys: {', '.join(sorted(data)) or 'none'}",
        )
    return str(data[key])


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
                self._cluster = connect(self._kubeconfig, self._context)
            return configmap_key(self._cluster, namespace, name, key)
        except InjectorError:
            # Credentials may have expired.
            self._cluster = None
            raise
