"""What stands around a manifest: namespaces and other objects, from files or from a cluster.

Not here: what is done with them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from injector.cli import manifests
from injector.core.model import Facts, Manifest, Namespace
from injector.core.workload import Workload
from injector.errors import ClusterError

if TYPE_CHECKING:
    from injector.config.control_plane import ReadKey
    from injector.core.profile import Profile
    from injector.kube.client import Cluster


@dataclass(frozen=True, slots=True)
class World:
    """What is known; by default nothing. `lookup` is the namespace of objects that name none."""

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    objects: tuple[Manifest, ...] = ()
    native_sidecars: bool | None = None
    lookup: str = ""

    def facts(self, workload: Workload) -> Facts:
        """The facts around a workload that came as a file."""
        return Facts(
            namespace=workload.namespace,
            namespace_object=self.namespaces.get(workload.namespace or self.lookup),
            owner=workload.owner,
            native_sidecars=self.native_sidecars,
            objects=self.objects,
        )


def from_objects(names: Sequence[str], lookup: str) -> World:
    """The world that files describe. Raises ManifestError."""
    return _sorted(manifests.objects(names), lookup) if names else World(lookup=lookup)


def from_cluster(cluster: Cluster, profile: Profile, lookup: str) -> World:
    """The world as a cluster tells it. Raises ClusterError."""
    found = cluster.list("/api/v1/namespaces") + cluster.list("/api/v1/nodes")
    for path in profile.watched():
        try:
            found += cluster.list(path)
        except ClusterError as error:
            # A kind that the cluster does not serve has no objects.
            if error.status != 404:
                raise
    return _sorted(found, lookup)


def around(cluster: Cluster, profile: Profile, namespace: str) -> tuple[World, tuple[str, ...]]:
    """The world around one namespace as far as it may be read, and what was refused.

    Raises ClusterError where the cluster cannot be asked at all.
    """
    found: list[Manifest] = []
    refused: list[str] = []
    for path in (f"/api/v1/namespaces/{quote(namespace, safe='')}", "/api/v1/nodes", *profile.watched()):
        try:
            found += [cluster.get(path)] if path.endswith(f"/{namespace}") else cluster.list(path)
        except ClusterError as error:
            if error.status in (0, 401):
                raise
            if error.status != 404:
                refused.append(error.message)
    return _sorted(found, namespace), tuple(refused)


def together(first: World, then: World) -> World:
    """Two worlds; where both know a namespace the second one's counts."""
    return replace(
        then,
        namespaces={**first.namespaces, **then.namespaces},
        objects=first.objects + then.objects,
        native_sidecars=first.native_sidecars if then.native_sidecars is None else then.native_sidecars,
    )


def _sorted(found: Sequence[Manifest], lookup: str) -> World:
    # kube-inject needs it where objects are known only.
    from injector.core.facts import native_support

    kinds = {"Namespace": [], "Node": [], "": []}  # type: dict[str, list[Manifest]]
    for item in found:
        kinds[str(item.get("kind")) if item.get("kind") in kinds else ""].append(item)
    return World(
        {space.name: space for space in map(_namespace, kinds["Namespace"])},
        tuple(kinds[""]),
        native_support(kinds["Node"]) if kinds["Node"] else None,
        lookup,
    )


def _namespace(item: Manifest) -> Namespace:
    meta = item.get("metadata") or {}
    return Namespace(str(meta.get("name") or ""), meta.get("labels") or {}, meta.get("annotations") or {})


@contextlib.contextmanager
def connected(kubeconfig: str | None, context: str | None) -> Iterator[Cluster]:
    """The cluster of a kubeconfig. Raises ClusterError."""
    from injector.kube.client import connect

    with connect(kubeconfig, context) as cluster:
        yield cluster


def reader(cluster: Cluster) -> ReadKey:
    """What reads ConfigMaps of a cluster."""
    from injector.kube.configmaps import configmap_key

    return partial(configmap_key, cluster)
