"""What an injection depends on beside the manifest: namespaces and other objects, from files or a cluster.

Not here: what is done with them.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from injector import durations
from injector.classes import dataclass, replace
from injector.cli import manifests
from injector.core.facts import native_support
from injector.core.model import Facts, Manifest, Namespace
from injector.core.workload import Workload
from injector.errors import ClusterError, ConfigError

if TYPE_CHECKING:
    from injector.config.control_plane import ReadKey
    from injector.core.profile import Profile
    from injector.kube.client import Cluster


@dataclass(frozen=True, slots=True)
class World:
    """What is known of the cluster; by default nothing. `lookup` is the namespace of objects without one."""

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

    def with_native(self, native_sidecars: bool | None) -> World:
        """The same; what is known of native sidecars stays, else it is this."""
        return replace(self, native_sidecars=native_sidecars) if self.native_sidecars is None else self


def from_objects(names: Sequence[str], lookup: str) -> World:
    """The namespaces and objects in files. Raises ManifestError."""
    return of(manifests.objects(names), lookup) if names else World(lookup=lookup)


def from_cluster(cluster: Cluster, profile: Profile, lookup: str) -> World:
    """The namespaces and objects of a cluster. Raises ClusterError."""
    objects = cluster.list("/api/v1/namespaces") + cluster.list("/api/v1/nodes")
    for path in profile.watched():
        try:
            objects += cluster.list(path)
        except ClusterError as error:
            # A kind that the cluster does not serve has no objects.
            if error.status != 404:
                raise
    return of(objects, lookup)


def around(cluster: Cluster, profile: Profile, namespace: str) -> tuple[World, tuple[str, ...]]:
    """One namespace and the objects it depends on, as far as they may be read, and what was refused.

    Raises ClusterError where the cluster cannot be reached at all.
    """
    objects: list[Manifest] = []
    refused: list[str] = []
    # Only where a cluster is asked.
    from urllib.parse import quote

    for path in (f"/api/v1/namespaces/{quote(namespace, safe='')}", "/api/v1/nodes", *profile.watched()):
        try:
            objects += [cluster.get(path)] if path.endswith(f"/{namespace}") else cluster.list(path)
        except ClusterError as error:
            if error.status in (0, 401):
                raise
            if error.status != 404:
                refused.append(error.message)
    return of(objects, namespace), tuple(refused)


def combined(first: World, then: World) -> World:
    """Two worlds; where both know a namespace the second one's counts."""
    return replace(
        then,
        namespaces={**first.namespaces, **then.namespaces},
        objects=first.objects + then.objects,
        native_sidecars=first.native_sidecars if then.native_sidecars is None else then.native_sidecars,
    )


def of(objects: Sequence[Manifest], lookup: str) -> World:
    """Namespaces and other objects that were read already."""
    kinds = {"Namespace": [], "Node": [], "": []}  # type: dict[str, list[Manifest]]
    for item in objects:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The flags of commands that read a cluster: which one, as which user, and how long to wait."""

    kubeconfig: str | None = None
    kube_context: str | None = None
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    request_timeout: str | None = None

    @property
    def named(self) -> str:
        """The first flag that only a cluster has a meaning for, empty without one."""
        flags = {
            "--kubeconfig": self.kubeconfig,
            "--context": self.kube_context,
            "--as": self.as_user,
            "--as-group": self.as_groups,
            "--request-timeout": self.request_timeout,
        }
        return next((flag for flag, value in flags.items() if value), "")

    def headers(self) -> list[tuple[str, str]]:
        """The headers with which the API server takes the request for another user's. Raises ConfigError."""
        if self.as_groups and not self.as_user:
            raise ConfigError("this flag requires --as", where="--as-group", hint="add --as USER")
        users = [("Impersonate-User", self.as_user)] if self.as_user else []
        return users + [("Impersonate-Group", group) for group in self.as_groups]

    def seconds(self) -> float | None:
        """The time limit; infinite for 0, None where there is no flag. Raises ConfigError."""
        text = self.request_timeout
        if text is None:
            return None
        limit = float(text) if text.isascii() and text.isdecimal() else durations.seconds(text)
        if limit is None or limit < 0:
            hint = "such as 5s or 1m, or a number of seconds"
            raise ConfigError("a time is expected", where="--request-timeout", hint=hint)
        return limit or math.inf


@contextlib.contextmanager
def connected(access: Access) -> Iterator[Cluster]:
    """The cluster to read from. Raises ClusterError, ConfigError for flags that do not fit together."""
    headers, seconds = access.headers(), access.seconds()
    # Commands without a cluster start faster without the client, or are installed without it.
    from injector.kube.client import connect

    with connect(access.kubeconfig, access.kube_context) as cluster:
        cluster.limit(seconds)
        cluster.act_as(headers)
        yield cluster


def reader(cluster: Cluster) -> ReadKey:
    """The function that reads ConfigMaps of a cluster."""
    # As in `connected`.
    from injector.kube.configmaps import configmap_key

    return partial(configmap_key, cluster)
