"""Objects of a cluster by the names that people use for them.

Here: the paths of the workload kinds, and a key of a ConfigMap. Not here: the transport.
"""

from __future__ import annotations

from urllib.parse import quote

from injector.errors import ClusterError, ConfigError
from injector.kube.client import Cluster, Object

# Plural name: (path of its API, other names that kubectl takes). Kinds with a pod, or a template of one.
_KINDS = {
    "pods": ("/api/v1", ("pod", "po")),
    "deployments": ("/apis/apps/v1", ("deployment", "deploy")),
    "statefulsets": ("/apis/apps/v1", ("statefulset", "sts")),
    "daemonsets": ("/apis/apps/v1", ("daemonset", "ds")),
    "replicasets": ("/apis/apps/v1", ("replicaset", "rs")),
    "replicationcontrollers": ("/api/v1", ("replicationcontroller", "rc")),
    "jobs": ("/apis/batch/v1", ("job",)),
    "cronjobs": ("/apis/batch/v1", ("cronjob", "cj")),
}
_PLURALS = {name: plural for plural, (_, others) in _KINDS.items() for name in (plural, *others)}


def configmap_key(cluster: Cluster, namespace: str, name: str, key: str) -> str:
    """Return the text of one key of a ConfigMap; raises ClusterError where there is none."""
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps/{quote(name, safe='')}"
    data = cluster.get(path).get("data") or {}
    if key not in data:
        raise ClusterError(
            f"the ConfigMap has no key {key}",
            status=404,
            reason="NotFound",
            where=f"ConfigMap {namespace}/{name}",
            hint="it has these keys: {', '.join(sorted(data)) or 'none'}",
        )
    return str(data[key])


def workload(cluster: Cluster, kind_slash_name: str, namespace: str) -> Object:
    """Return the object that ``deploy/NAME``, ``pod/NAME`` or ``statefulset.apps/NAME`` names.

    Kinds are those of kubectl, in any case. Raises ConfigError for text that names no workload,
    ClusterError where the object is not there.
    """
    kind, slash, name = kind_slash_name.partition("/")
    short, _, group = kind.lower().partition(".")
    plural = _PLURALS.get(short, "")
    prefix = _KINDS[plural][0] if plural else ""
    # "deployments.apps" and "deployments.v1.apps" are kubectl's long forms.
    if not plural or not name or "/" in name or (group and not _is_group(group, prefix)):
        raise ConfigError(
            "not a workload reference",
            where=(kind_slash_name if slash else f"{kind_slash_name}/?")[:64],
            hint=f"use KIND/NAME with one of the kinds {', '.join(sorted(_PLURALS))}",
        )
    return cluster.get(f"{prefix}/namespaces/{quote(namespace, safe='')}/{plural}/{quote(name, safe='')}")


def _is_group(group: str, prefix: str) -> bool:
    """Whether `group` is ``apps`` or ``v1.apps`` for ``/apis/apps/v1``."""
    parts = prefix.strip("/").split("/")
    return parts[0] == "apis" and group in (parts[1], f"{parts[2]}.{parts[1]}")
