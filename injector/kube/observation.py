"""A living pod with all that tells how it is: owners, events, logs, namespace, webhook configurations.

Here: which objects are asked for, in which order, and what a refused one does to the rest. Not
here: what any of it means (core.diagnose).

A refusal by RBAC is noted with its verb and resource, and reading goes on without what it kept
back; only the object that was asked for has to be readable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import quote

from injector.core import kinds
from injector.core.diagnosis.containers import Log
from injector.core.diagnosis.diagnoses import PodObservation, ready
from injector.core.kinds import KINDS, Kind
from injector.core.registration.entries import CONFIGURATIONS
from injector.errors import ClusterError
from injector.kube.client import Cluster
from injector.kube.lists import Object
from injector.kube.objects import path_of

LINES: Final = 150
# The API server cuts the end off what is longer, so that this is far more than so many lines have.
BYTES: Final = 262144

Ours: TypeAlias = Callable[[Object], Iterable[str]]
"""The names of the injected containers of a pod."""
ReadLog: TypeAlias = Callable[[Cluster, Object, str, bool], str]
"""The last lines of a pod's container, or of its instance before. Raises ClusterError."""


def read_log(cluster: Cluster, pod: Object, container: str, previous: bool) -> str:
    """The end of a container's log, bounded in lines and bytes; empty where there is none yet."""
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{quote(meta['namespace'], safe='')}/pods/{quote(meta['name'], safe='')}/log"
    query = {"container": container, "tailLines": str(LINES), "limitBytes": str(BYTES)}
    try:
        return cluster.text(path, {**query, **({"previous": "true"} if previous else {})})
    except ClusterError as error:
        # The pod has no node (204), the container has not started, there was no instance before (400).
        if error.status in (204, 400):
            return ""
        raise


def observe(cluster: Cluster, asked: Object, ours: Ours, log: ReadLog = read_log) -> PodObservation:
    """What can be read about an object's newest pod, the first that is not ready. Raises ClusterError."""
    reading = _Reading(cluster, str(asked["metadata"]["namespace"]))
    owners, pods = reading.pods(asked)
    pod = _chosen(pods)
    involved = [*owners, *([pod] if pod else [])]
    events = [event for item in involved for event in reading.events(item)]
    namespace = reading.objects(f"/api/v1/namespaces/{quote(reading.namespace, safe='')}", one=True)
    webhooks = reading.objects(CONFIGURATIONS)
    logs = reading.logs(pod, ours(pod), log) if pod and not ready(pod) else ()
    return PodObservation(
        pod,
        tuple(owners),
        tuple(events),
        logs,
        None if webhooks is None else tuple(webhooks),
        namespace[0] if namespace else None,
        len(pods),
        tuple(dict.fromkeys(reading.unread)),
    )


@dataclass(slots=True)
class _Reading:
    """One look at a namespace, and what was refused on the way."""

    cluster: Cluster
    namespace: str
    unread: list[str] = field(default_factory=list)

    def objects(
        self, path: str, params: dict[str, str] | None = None, *, one: bool = False
    ) -> list[Object] | None:
        """The items of a list, or one object; None where they are kept from us or not there."""
        try:
            return [self.cluster.get(path)] if one else self.cluster.list(path, params)
        except ClusterError as error:
            self.refused(error)
            return None

    def refused(self, error: ClusterError) -> None:
        """Go on after an answer that concerns one resource; not without an API server or credentials."""
        if error.status in (0, 401):
            raise error
        self.unread.append(error.message)

    def pods(self, asked: Object) -> tuple[list[Object], list[Object]]:
        """The owners from the asked object down, and the pods of the last one."""
        kind = str(asked.get("kind"))
        if kind == "Pod":
            return [], [asked]
        pods, child, selector = KINDS["Pod"], kinds.child(kind), _query(asked)
        if child is None:
            return [asked], self.owned(pods, asked, selector) or []
        between = self.owned(child, asked, selector)
        if between is None and (asked.get("spec") or {}).get("selector"):
            # Without the ReplicaSets the selector alone tells, and the newest pod stands for its set.
            return [asked], self.owned(pods, None, selector) or []
        newest = max(between or [], key=_revision, default=None)
        if newest is None:
            return [asked], []
        return [asked, newest], self.owned(pods, newest, _query(newest)) or []

    def owned(self, kind: Kind, owner: Object | None, query: dict[str, str]) -> list[Object] | None:
        """The objects of a kind that an owner made; without an owner all that the query gives."""
        objects = self.objects(path_of(kind, self.namespace), query)
        if objects is None or owner is None:
            return objects
        uid = owner["metadata"].get("uid")
        return [
            item
            for item in objects
            if any(r.get("uid") == uid for r in item["metadata"].get("ownerReferences") or [])
        ]

    def events(self, item: Object) -> list[Object]:
        """The events about an object."""
        path = f"/api/v1/namespaces/{quote(self.namespace, safe='')}/events"
        return (
            self.objects(path, {"fieldSelector": f"involvedObject.uid={item['metadata'].get('uid')}"}) or []
        )

    def logs(self, pod: Object, containers: Iterable[str], log: ReadLog) -> tuple[Log, ...]:
        """The last lines of some containers, and of their instances before."""
        status = pod.get("status") or {}
        statuses = {
            s.get("name"): s
            for key in ("initContainerStatuses", "containerStatuses")
            for s in status.get(key) or []
        }
        out = []
        for name in containers:
            had_one = bool((statuses.get(name, {}).get("lastState") or {}).get("terminated"))
            for previous in (False, True) if had_one else (False,):
                if name not in statuses:
                    continue
                try:
                    text = log(self.cluster, pod, name, previous)
                except ClusterError as error:
                    self.refused(error)
                    continue
                if text:
                    out.append(Log(name, tuple(text.splitlines()), previous))
        return tuple(out)


def _chosen(pods: list[Object]) -> Object | None:
    """The first that is not ready, else the newest; one that is being deleted only where no other is."""
    staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")] or pods
    newest = sorted(staying, key=_made, reverse=True)
    return next((pod for pod in newest if not _well(pod)), newest[0] if newest else None)


def _well(pod: Object) -> bool:
    return ready(pod) or (pod.get("status") or {}).get("phase") == "Succeeded"


def _query(owner: Object) -> dict[str, str]:
    """The labels by which an owner knows its own, to read fewer objects; they are checked by uid."""
    selector = (owner.get("spec") or {}).get("selector") or {}
    # A ReplicationController has the labels themselves.
    labels = selector.get("matchLabels", {} if "matchExpressions" in selector else selector) or {}
    return {"labelSelector": ",".join(f"{k}={v}" for k, v in sorted(labels.items()))} if labels else {}


def _revision(item: Object) -> tuple[int, str]:
    number = (item["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", "")
    return int(number) if number.isdecimal() else 0, _made(item)


def _made(item: Object) -> str:
    return str(item["metadata"].get("creationTimestamp") or "")
