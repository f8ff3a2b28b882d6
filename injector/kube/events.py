"""Kubernetes Events about workloads whose pods were admitted: deduplicated, and limited in rate.

`offer` puts a notice into a bounded table and returns; one task writes. A repeated notice increases the
count of its Event. The owner is read first, as a caller could name any object; as that uses the rate
too, namespaces take turns. Not here: which admissions get an Event, and its words
(`injector.serving.events`).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from injector.classes import dataclass
from injector.core.kinds import KINDS, Kind
from injector.errors import ClusterError
from injector.kube.async_client import AsyncCluster
from injector.kube.lists import Object
from injector.kube.objects import path_of
from injector.pacing import TokenBucket
from injector.patterns import pattern

EVENTS: Final = "/api/v1/{}events"

COMPONENT: Final = "sidecar-injector"
MESSAGE_LENGTH: Final = 1000
# Notices that wait, Events that are remembered, and for how long one Event is counted up.
WAITING: Final = 256
REMEMBERED: Final = 1024
COUNTED_SECONDS: Final = 3600.0
# Different notices about one owner in that time: one workload must not use the whole rate.
PER_OWNER: Final = 10
BURST: Final = 20
PER_SECOND: Final = 1.0

_NAME = pattern(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)

WRITTEN, REPEATED, OWNER, RATE, FULL, FAILED = "written", "repeated", "owner", "rate", "queue", "failed"


def owners() -> tuple[Kind, ...]:
    """The kinds that Events are written on: those whose controllers make pods."""
    return tuple(row for row in KINDS.values() if row.made)


class EventOwner(NamedTuple):
    """The controller of a pod, as the pod names it."""

    namespace: str
    api_version: str
    kind: str
    name: str
    uid: str

    def path(self) -> str | None:
        """Its path; None for a kind that Events are not written on, or an invalid name."""
        row = KINDS.get(self.kind)
        if row is None or not row.made or row.api_version != self.api_version:
            return None
        if not _NAME.fullmatch(self.namespace) or not _NAME.fullmatch(self.name):
            return None
        return path_of(row, self.namespace, self.name)


class Notice(NamedTuple):
    """What an Event says. `type` is Normal or Warning, `reason` one word in CamelCase."""

    owner: EventOwner
    type: str
    reason: str
    message: str


@dataclass(slots=True)
class _Written:
    """An Event that exists."""

    name: str
    count: int
    at: float


@dataclass(slots=True)
class _Seen:
    """An owner that exists, and how many Events it got since a time."""

    since: float
    events: int = 0


class Events:
    """Writes Events in the background. `count` is called with the result for each notice.

    Namespaces share the table and the rate: one that offers more than its share loses its own notices,
    not those of others.
    """

    def __init__(
        self,
        cluster: AsyncCluster,
        count: Callable[[str], None] = lambda _result: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._count, self._clock = cluster, count, clock
        self._error, self._failed = "", 0.0
        # By namespace, in the order of their turns.
        self._waiting: OrderedDict[str, OrderedDict[Notice, int]] = OrderedDict()
        self._written: OrderedDict[Notice, _Written] = OrderedDict()
        self._owners: OrderedDict[EventOwner, _Seen] = OrderedDict()
        self._wake = asyncio.Event()
        self._rate = TokenBucket(PER_SECOND, float(BURST), clock)

    @property
    def last_error(self) -> str:
        """Why the last one could not be written; empty where it could, and after a while."""
        return self._error if self._clock() - self._failed < COUNTED_SECONDS else ""

    def offer(self, notice: Notice) -> None:
        """Take a notice, or drop it or one of a namespace that has more. Never waits."""
        own = self._waiting.get(notice.owner.namespace, OrderedDict())
        if notice not in own and sum(map(len, self._waiting.values())) >= WAITING:
            most = max(self._waiting.values(), key=len)
            if len(most) <= len(own) + 1:
                self._count(FULL)
                return
            _, times = most.popitem()
            self._count_each(FULL, times)
        own[notice] = own.get(notice, 0) + 1
        self._waiting[notice.owner.namespace] = own
        self._wake.set()

    async def run(self) -> None:
        """Write what is offered, one Event after the other. Never returns."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._pause()
                notice, times = self._next()
                try:
                    result = await self._write(notice, times)
                    self._error = ""
                except ClusterError as error:
                    self._error, self._failed, result = error.advice, self._clock(), FAILED
                except Exception as error:
                    # A defect here must not stop the webhook.
                    message = f"writing Events failed unexpectedly: {type(error).__name__}"
                    self._error, self._failed, result = message, self._clock(), FAILED
                self._count_each(result, times)

    def _next(self) -> tuple[Notice, int]:
        """The first notice of the namespace whose turn it is; its next turn comes after all others."""
        namespace, own = self._waiting.popitem(last=False)
        notice, times = own.popitem(last=False)
        if own:
            self._waiting[namespace] = own
        return notice, times

    def _count_each(self, result: str, times: int) -> None:
        for _ in range(times):
            self._count(result)

    async def _pause(self) -> None:
        """Wait until the rate allows one more Event."""
        if seconds := self._rate.wait():
            await asyncio.sleep(seconds)
        self._rate.take()

    async def _write(self, notice: Notice, times: int) -> str:
        before = self._written.get(notice)
        if before is not None and self._clock() - before.at < COUNTED_SECONDS:
            if await self._increase_count(notice, before, times):
                return REPEATED
            del self._written[notice]
        seen = await self._look_up(notice.owner)
        if seen is None:
            return OWNER
        if seen.events >= PER_OWNER:
            return RATE
        made = await self._cluster.create(events_path(notice.owner.namespace), event_of(notice, times))
        seen.events += 1
        name = str((made.get("metadata") or {}).get("name") or "")
        _remember(self._written, notice, _Written(name, times, self._clock()))
        return WRITTEN

    async def _increase_count(self, notice: Notice, before: _Written, times: int) -> bool:
        """Increase the count of an Event; False where it no longer exists."""
        change = {"count": before.count + times, "lastTimestamp": time_of_now()}
        try:
            await self._cluster.patch(f"{events_path(notice.owner.namespace)}/{before.name}", change)
        except ClusterError as error:
            if error.status == 404:
                return False
            raise
        before.count += times
        return True

    async def _look_up(self, owner: EventOwner) -> _Seen | None:
        """An owner, read again after a while; None where there is none of this uid."""
        seen = self._owners.get(owner)
        if seen is not None and self._clock() - seen.since < COUNTED_SECONDS:
            return seen
        path = owner.path()
        if path is None or not owner.uid:
            return None
        try:
            controller = await self._cluster.get(path)
        except ClusterError as error:
            if error.status == 404:
                return None
            raise
        if (controller.get("metadata") or {}).get("uid") != owner.uid:
            return None
        seen = _Seen(self._clock())
        _remember(self._owners, owner, seen)
        return seen


def _remember(table: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    """Add an entry; the oldest are forgotten."""
    table[key] = value
    table.move_to_end(key)
    while len(table) > REMEMBERED:
        table.popitem(last=False)


def events_path(namespace: str) -> str:
    """The path of the Events of a namespace."""
    return EVENTS.format(f"namespaces/{namespace}/")


def event_of(notice: Notice, times: int) -> Object:
    """An Event that happened now, so many times."""
    owner, now = notice.owner, time_of_now()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "sidecar-injector-", "namespace": owner.namespace},
        "involvedObject": {
            "apiVersion": owner.api_version,
            "kind": owner.kind,
            "namespace": owner.namespace,
            "name": owner.name,
            "uid": owner.uid,
        },
        "type": notice.type,
        "reason": notice.reason,
        "message": notice.message[:MESSAGE_LENGTH],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "count": times,
        "firstTimestamp": now,
        "lastTimestamp": now,
    }


def time_of_now() -> str:
    """The time of Events, in RFC 3339."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
