"""The paths of objects, also by the names that kubectl has for workloads. Not here: the transport."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from injector.core.kinds import KINDS, Kind
from injector.errors import ConfigError
from injector.kube.client import Cluster
from injector.kube.lists import Object
from injector.printable import shown

NAMESPACES: Final = "/api/v1/namespaces"
NODES: Final = "/api/v1/nodes"


def path_of(kind: Kind, namespace: str = "", name: str = "") -> str:
    """The path of all objects of a kind, of those of a namespace, or of one of them."""
    place = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    end = f"/{quote(name, safe='')}" if name else ""
    return f"{kind.api_path}{place}/{kind.plural}{end}"


def namespace(cluster: Cluster, name: str) -> Object:
    """Return a Namespace. Raises ClusterError, with status 404 where it does not exist."""
    return cluster.get(f"{NAMESPACES}/{quote(name, safe='')}")


def workload(cluster: Cluster, kind_slash_name: str, namespace: str) -> Object:
    """Return the object that ``deploy/NAME``, ``pod/NAME`` or ``statefulset.apps/NAME`` names.

    Kinds are those of kubectl, in any case. Raises ConfigError for text that names no workload,
    ClusterError where there is no such object.
    """
    kind, slash, name = kind_slash_name.partition("/")
    short, _, group = kind.lower().partition(".")
    rows = {word: row for row in KINDS.values() if row.plural for word in (row.plural, *row.aliases)}
    row = rows.get(short)
    # "deployments.apps" and "deployments.v1.apps" are kubectl's long forms.
    if row is None or not name or "/" in name or (group and not _is_group(group, row.api_version)):
        raise ConfigError(
            "not a workload reference",
            where=shown(kind_slash_name if slash else f"{kind_slash_name}/?"),
            hint=f"use KIND/NAME with one of the kinds {', '.join(sorted(rows))}",
        )
    return cluster.get(path_of(row, namespace, name))


def _is_group(group: str, api_version: str) -> bool:
    """Whether `group` is ``apps`` or ``v1.apps`` for ``apps/v1``."""
    served, slash, version = api_version.partition("/")
    return bool(slash) and group in (served, f"{version}.{served}")
