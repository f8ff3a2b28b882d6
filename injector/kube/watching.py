"""A copy in memory of one kind of object, kept up to date by list and watch.

Here: what to do when the watch ends, the version is too old, the API server goes away. Not here:
the requests (client.py), nor what the objects are for: any path will do.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping

from injector.errors import ClusterError
from injector.kube.async_client import AsyncCluster
from injector.kube.lists import Object, Objects

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
# 0.5 s doubled six times is more than the longest delay.
_MOST_DOUBLINGS = 6


def _as_it_is(item: Object) -> Object:
    return item


class Informer:
    """The objects under one path, as the API server last told.

    `run` keeps it up to date until it is cancelled; all else may be read at any time from the same
    event loop, and the objects must not be changed.

    `synced` is set once there was one whole list. `generation` grows whenever what is kept changes.
    `stale_since` is the time (of `clock`) since which the API server does not answer, None while
    it does; what was known before stays. `last_error` says why.

    `changed` is called whenever that happens.

    `keep` reduces an object to what is needed, for memory, and so that a heartbeat is no change.
    A kind that the cluster does not serve is an empty list, looked for again and again; those of
    Kubernetes' core are served by all, so there a 404 is another's.
    """

    def __init__(
        self,
        cluster: AsyncCluster,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        keep: Callable[[Object], Object] = _as_it_is,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.synced = asyncio.Event()
        self.generation = 0
        self.stale_since: float | None = None
        self.last_error: ClusterError | None = None
        self._cluster, self._path, self._params = cluster, path, params
        self._changed = changed
        self._keep, self._clock, self._jitter = keep, clock, jitter
        self._objects: dict[tuple[str, str], Object] = {}
        self._doublings = 0

    def get(self, *name: str) -> Object | None:
        """Return an object: ``get(name)`` where the kind has no namespace, else ``get(namespace, name)``."""
        namespace, last = ("", *name) if len(name) == 1 else name
        return self._objects.get((namespace, last))

    def items(self) -> Objects:
        """Return all objects, in no order that means something."""
        return list(self._objects.values())

    async def run(self) -> None:
        """List, then watch from there; list again whenever the thread is lost. Never returns."""
        while True:
            try:
                version = await self._list()
                while True:
                    version = await self._watch(version)
                    await self._pause()
            except ClusterError as error:
                self._lost(error)
            except Exception as error:
                # A defect in keeping up is no reason to stop answering.
                message = f"watching failed unexpectedly: {type(error).__name__}"
                self._lost(ClusterError(message, where=self._path))
            await self._pause()

    async def _list(self) -> str:
        listing = await self._cluster.listing(self._path, self._params)
        self._replace(listing.items)
        return listing.resource_version

    async def _watch(self, version: str) -> str:
        """Apply events until the API server ends the watch; return the version to go on from."""
        events = self._cluster.watch(self._path, version, self._params)
        async with contextlib.aclosing(events):
            async for event in events:
                self._doublings = 0
                item = event["object"]
                version = str(item["metadata"]["resourceVersion"])
                if event["type"] != "BOOKMARK":
                    self._apply(event["type"], item)
        return version

    def _replace(self, items: Objects) -> None:
        objects = {_key(item): self._keep(item) for item in items}
        if objects != self._objects or not self.synced.is_set():
            self._objects = objects
            self.generation += 1
            self._changed()
        self.stale_since = self.last_error = None
        self.synced.set()

    def _apply(self, kind: str, item: Object) -> None:
        key = _key(item)
        before = self._objects.get(key)
        if kind == "DELETED":
            self._objects.pop(key, None)
        else:
            self._objects[key] = self._keep(item)
        if self._objects.get(key) != before:
            self.generation += 1
            self._changed()

    def _lost(self, error: ClusterError) -> None:
        if error.status == 410:
            return  # the version is too old, which happens; the list that follows tells all
        if error.status == 404 and not self._path.startswith("/api/"):
            self._replace([])
        elif self.stale_since is None:
            self.stale_since = self._clock()
        self.last_error = error

    async def _pause(self) -> None:
        """Wait half a second, twice as long each time nothing came of it, at most half a minute."""
        delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**self._doublings)
        self._doublings = min(self._doublings + 1, _MOST_DOUBLINGS)
        await asyncio.sleep(delay * (0.5 + self._jitter() / 2))


def _key(item: Object) -> tuple[str, str]:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
