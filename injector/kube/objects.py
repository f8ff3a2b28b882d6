"""The paths of objects. Not here: their names in kubectl (targets.py), and the transport."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from injector.core.kinds import Kind
from injector.kube.client import Cluster
from injector.kube.lists import Object

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
