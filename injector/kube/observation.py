"""What can be read about a pod in a cluster: owners, events, logs, namespace, webhook configurations.

Here: which objects are read, in which order. Not here: what they mean (`injector.core.diagnosis`).

A refusal by RBAC is noted with its verb and resource, and reading goes on; only the requested object
itself must be readable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Final, TypeAlias
from urllib.parse import quote

from injector.classes import dataclass
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
# The API server cuts off the end of a longer log, so this is far more than these lines need.
BYTES: Final = 262144

InjectedNames: TypeAlias = Callable[[Object], Iterable[str]]
"""The names of the injected containers of a pod."""
ReadLog: TypeAlias = Callable[[Cluster, Object, str, bool], str]
"""The last lines of a pod's container, or of its previous instance. Raises ClusterError."""


def read_log(cluster: Cluster, pod: Object, container: str, previous: bool) -> str:
    """The end of a container's log, bounded in lines and bytes; empty where there is none yet."""
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{quote(meta['namespace'], safe='')}/pods/{quote(meta['name'], safe='')}/log"
    query = {"container": container, "tailLines": str(LINES), "limitBytes": str(BYTES)}
    try:
        return cluster.text(path, {**query, **({"previous": "true"} if previous else {})})
    except ClusterError as error:
        # The pod has no node (204), the container has not started or has no previous instance (400).
        if error.status in (204, 400):
            return ""
        raise


def observe(
    cluster: Cluster, workload: Object, injected: InjectedNames, log: ReadLog = read_log
) -> PodObservation:
    """What can be read about an object's newest pod, the first that is not ready. Raises ClusterError."""
    reading = _Reading(cluster, str(workload["metadata"]["namespace"]))
    owners, pods = reading.pods(workload)
    pod = _chosen(pods)
    involved = [*owners, *([pod] if pod else [])]
    events = [event for item in involved for event in reading.events(item)]
    namespace = reading.objects(f"/api/v1/namespaces/{quote(reading.namespace, safe='')}", one=True)
    webhooks = reading.objects(CONFIGURATIONS)
    logs = reading.logs(pod, injected(pod), log) if pod and not ready(pod) else ()
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
    """The reading of one namespace, and what was refused."""

    cluster: Cluster
    namespace: str
    unread: list[str] = field(default_factory=list)

    def objects(
        self, path: str, params: dict[str, str] | None = None, *, one: bool = False
    ) -> list[Object] | None:
        """The items of a list, or one object; None where they are refused or do not exist."""
        try:
            return [self.cluster.get(path)] if one else self.cluster.list(path, params)
        except ClusterError as error:
            self.refused(error)
            return None

    def refused(self, error: ClusterError) -> None:
        """Note a refusal of one resource. Raises it where the API server or the credentials fail."""
        if error.status in (0, 401):
            raise error
        self.unread.append(error.message)

    def pods(self, workload: Object) -> tuple[list[Object], list[Object]]:
        """The owners from the workload down, and the pods of the last one."""
        if str(workload.get("kind")) == "Pod":
            return [], [workload]
        pods, owners = KINDS["Pod"], [workload]
        while (child := kinds.made_of(owners[-1])) is not None:
            above, selector = owners[-1], _query(owners[-1])
            between = self.owned(child, above, selector)
            if between is None and (above.get("spec") or {}).get("selector"):
                # Without the ReplicaSets there is only the selector: its newest pod counts.
                return owners, self.owned(pods, None, selector) or []
            newest = max(between or [], key=_revision, default=None)
            if newest is None:
                return owners, []
            # Not every version of the API server sets the kind of the objects of a list.
            owners.append({**newest, "apiVersion": child.api_version, "kind": child.kind})
        return owners, self.owned(pods, owners[-1], _query(owners[-1])) or []

    def owned(self, kind: Kind, owner: Object | None, query: dict[str, str]) -> list[Object] | None:
        """The objects of a kind that belong to an owner; without an owner all of the query."""
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
        """The last lines of some containers, and of their previous instances."""
        status = pod.get("status") or {}
        statuses = {
            s.get("name"): s
            for key in ("initContainerStatuses", "containerStatuses")
            for s in status.get(key) or []
        }
        out = []
        for name in containers:
            has_previous = bool((statuses.get(name, {}).get("lastState") or {}).get("terminated"))
            for previous in (False, True) if has_previous else (False,):
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
    """The newest that is not ready, else the newest; one that is being deleted only without any other."""
    staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")] or pods
    newest = sorted(staying, key=_creation_time, reverse=True)
    return next((pod for pod in newest if not _succeeds(pod)), newest[0] if newest else None)


def _succeeds(pod: Object) -> bool:
    return ready(pod) or (pod.get("status") or {}).get("phase") == "Succeeded"


def _query(owner: Object) -> dict[str, str]:
    """The label selector of an owner, to read fewer objects; the uid decides which are its own."""
    selector = (owner.get("spec") or {}).get("selector") or {}
    # The selector of a ReplicationController is the labels themselves.
    labels = selector.get("matchLabels", {} if "matchExpressions" in selector else selector) or {}
    return {"labelSelector": ",".join(f"{k}={v}" for k, v in sorted(labels.items()))} if labels else {}


def _revision(item: Object) -> tuple[int, str]:
    number = (item["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", "")
    return int(number) if number.isdecimal() else 0, _creation_time(item)


def _creation_time(item: Object) -> str:
    return str(item["metadata"].get("creationTimestamp") or "")
