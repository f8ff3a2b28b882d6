"""A copy in memory of one list of objects, kept up to date by list and watch.

Here: what happens when the watch ends, the version is too old, or the API server does not answer. Not
here: the requests (async_client.py), and what the objects are for.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from injector.classes import dataclass
from injector.errors import ClusterError
from injector.kube.async_client import AsyncCluster
from injector.kube.lists import Object

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
# 0.5 s doubled six times is more than the longest delay.
_MOST_DOUBLINGS = 6


def _unchanged(item: Object) -> Object:
    return item


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock of an informer, and a random number from 0 to 1 for its pauses."""

    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random


class Informer:
    """The objects under one path, as the API server sent them last.

    `run` keeps them up to date until it is cancelled. All else may be read at any time from the same
    event loop, and the objects must not be changed.

    `synced` is set after the first complete list. `generation` grows with each change of an object, after
    which `changed` is called. `stale_since` is the time since which the API server does not answer, None
    while it does; the objects stay. `last_error` says why.

    `keep` reduces an object to what is needed of it: that saves memory, and a heartbeat is no change.
    A kind that the cluster does not serve is an empty list, and is requested again and again. Every
    cluster serves the core kinds, so a 404 for them is an error.
    """

    def __init__(
        self,
        cluster: AsyncCluster,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        keep: Callable[[Object], Any] = _unchanged,
        changed: Callable[[], None] = lambda: None,
        timing: Timing = Timing(),
    ) -> None:
        self.synced = asyncio.Event()
        self.generation = 0
        self.stale_since: float | None = None
        self.last_error: ClusterError | None = None
        self._cluster, self._path, self._params = cluster, path, params
        self._changed = changed
        self._keep, self._timing = keep, timing
        self._objects: dict[tuple[str, str], Any] = {}
        self._doublings = 0

    def get(self, *name: str) -> Any:
        """What is left of an object, None without one.

        ``get(name)`` where the kind has no namespace, else ``get(namespace, name)``.
        """
        namespace, last = ("", *name) if len(name) == 1 else name
        return self._objects.get((namespace, last))

    def items(self) -> list[Any]:
        """Return all objects, in no particular order."""
        return list(self._objects.values())

    async def run(self) -> None:
        """List, then watch from there; list again after an error. Never returns."""
        while True:
            try:
                version = await self._list()
                while True:
                    version = await self._watch(version)
                    await self._pause()
            except ClusterError as error:
                self._note_error(error)
            except Exception as error:
                # A defect here must not stop the webhook.
                message = f"watching failed unexpectedly: {type(error).__name__}"
                self._note_error(ClusterError(message, where=self._path))
            await self._pause()

    async def _list(self) -> str:
        listing = await self._cluster.listing(self._path, self._params, self._entry)
        self._replace(dict(listing.items))
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

    def _entry(self, item: Object) -> tuple[tuple[str, str], Any]:
        return _key(item), self._keep(item)

    def _replace(self, objects: dict[tuple[str, str], Any]) -> None:
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

    def _note_error(self, error: ClusterError) -> None:
        if error.status == 410:
            return  # the version is too old, which is normal; a new list follows
        if error.status == 404 and not self._path.startswith("/api/"):
            self._replace({})
        elif self.stale_since is None:
            self.stale_since = self._timing.clock()
        self.last_error = error

    async def _pause(self) -> None:
        """Wait half a second, twice as long after each failure, at most half a minute."""
        delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**self._doublings)
        self._doublings = min(self._doublings + 1, _MOST_DOUBLINGS)
        await asyncio.sleep(delay * (0.5 + self._timing.jitter() / 2))


def _key(item: Object) -> tuple[str, str]:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
