"""What the webhook knows of its cluster: namespaces, nodes where needed, objects of the profile.

Not here: how a list is kept up to date (`injector.kube.watching`), and the use of the copies.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Final

from injector.core.facts import native_support
from injector.core.model import Manifest, Namespace
from injector.core.profile import Config
from injector.kube.async_client import AsyncCluster
from injector.kube.objects import NAMESPACES, NODES
from injector.kube.watching import Informer

# The longest value of a label.
_LABEL: Final = 63


class ClusterFacts:
    """Copies of the lists that the configuration needs; empty without a cluster.

    A list that was needed once stays watched.
    """

    def __init__(self, cluster: AsyncCluster | None) -> None:
        self._cluster = cluster
        self._group: asyncio.TaskGroup | None = None
        self._informers: dict[str, Informer] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._native: tuple[int, bool | None] = (-1, None)
        self._objects: tuple[tuple[int, ...], tuple[Manifest, ...]] = ((), ())

    def need(self, config: Config) -> None:
        """Watch the lists that this configuration needs."""
        if self._cluster is None:
            return
        nodes = (NODES,) if config.native_sidecars == "auto" else ()
        for path in (NAMESPACES, *nodes, *config.profile.watched()):
            if path not in self._informers:
                keep = _REDUCED.get(path, _object)
                self._informers[path] = Informer(self._cluster, path, keep=keep)
                if self._group is not None:
                    self._watch(self._group, path)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to watch the lists that are needed, now and later."""
        self._group = group
        for path in self._informers:
            self._watch(group, path)

    def _watch(self, group: asyncio.TaskGroup, path: str) -> None:
        self._tasks.append(group.create_task(self._informers[path].run()))

    def stop(self) -> None:
        """Watch nothing more."""
        for task in self._tasks:
            task.cancel()

    def synced(self, path: str) -> bool:
        """Whether all objects of a list are known."""
        return path in self._informers and self._informers[path].synced.is_set()

    def not_ready(self) -> dict[str, str]:
        """The lists that were never read completely, and why."""
        return {
            path: informer.last_error.advice if informer.last_error else "not read yet"
            for path, informer in self._informers.items()
            if not informer.synced.is_set()
        }

    def warnings(self) -> dict[str, str]:
        """The lists that may be out of date, and why."""
        stale = {path: each for path, each in self._informers.items() if each.stale_since is not None}
        return {
            path: f"may be out of date: {each.last_error.advice}"
            for path, each in stale.items()
            if each.synced.is_set() and each.last_error is not None
        }

    def namespace_of(self, name: str) -> Namespace | None:
        """A Namespace object, None where unknown."""
        informer = self._informers.get(NAMESPACES)
        return None if informer is None else informer.get(name)

    def native_sidecars(self, node_name: str) -> bool | None:
        """Whether the kubelets support native sidecars, None while the Nodes are unknown."""
        if not self.synced(NODES):
            return None
        informer = self._informers[NODES]
        own = informer.get(node_name) if node_name else None
        if own is not None:
            return native_support([own], node_name)
        if self._native[0] != informer.generation:
            self._native = (informer.generation, native_support(informer.items()))
        return self._native[1]

    def objects(self) -> tuple[Manifest, ...]:
        """All objects of the lists that the profile needs."""
        informers = [m for path, m in self._informers.items() if path not in _REDUCED]
        key = tuple(m.generation for m in informers)
        if self._objects[0] != key:
            self._objects = (key, tuple(item for m in informers for item in m.items()))
        return self._objects[1]


def _namespace(item: Manifest) -> Namespace:
    meta = item["metadata"]
    name = meta["name"]
    return Namespace(name, _shared(meta.get("labels"), name), _shared(meta.get("annotations"), name))


def _shared(texts: Mapping[str, str] | None, name: str) -> Mapping[str, str]:
    """The same, with one copy of a text: keys are mostly the same in all namespaces, values often.

    The name is a label, too, and in no other namespace.
    """
    return {
        sys.intern(key): name if value == name else _interned(value) for key, value in (texts or {}).items()
    }


def _interned(value: str) -> str:
    """A value that others may have too, as those of labels; a longer one is hardly ever the same."""
    return sys.intern(value) if len(value) <= _LABEL else value


def _node(item: Manifest) -> Manifest:
    info = (item.get("status") or {}).get("nodeInfo") or {}
    return {
        "metadata": {"name": item["metadata"]["name"]},
        "status": {"nodeInfo": {"kubeletVersion": info.get("kubeletVersion")}},
    }


def _object(item: Manifest) -> Manifest:
    meta = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return {**item, "metadata": meta}


_REDUCED: Final = {NAMESPACES: _namespace, NODES: _node}
