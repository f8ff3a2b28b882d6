"""`injector audit --events`: one Event on each owner with a finding. Not here: how it is written."""

from __future__ import annotations

from dataclasses import field

from injector.classes import dataclass
from injector.cli.audit_pods import Audited, AuditScope, Pod, count
from injector.cli.audit_report import by_state
from injector.core.reports.audit import EVENT_REASONS, REPORTED
from injector.errors import ClusterError
from injector.kube.client import Cluster
from injector.kube.events import EventOwner, Notice
from injector.kube.owner_events import record
from injector.kube.owners import OwnerReader, controller
from injector.printable import first_of, visible

MOST = 500
"""How many Events one run writes: a wrong configuration makes every pod stale."""
_NAMES = 3


@dataclass(slots=True)
class Recorded:
    """How many Events were written, how many owners got none, and why some could not be written."""

    written: int = 0
    left: int = 0
    errors: list[ClusterError] = field(default_factory=list)


def write(cluster: Cluster, scope: AuditScope, audited: Audited) -> Recorded:
    """Write the Events. Raises ClusterError where the API server or the credentials fail."""
    result = Recorded()
    for pods in audited.groups.values():
        if result.written + len(result.errors) >= MOST:
            result.left += 1
            continue
        try:
            record(cluster, notice(pods, scope.owners))
            result.written += 1
        except ClusterError as error:
            if error.status in (0, 401):
                raise
            result.errors.append(error)
    return result


def notice(pods: list[Pod], owners: OwnerReader) -> Notice:
    """The Event of one owner; its reason is that of the most urgent state of its pods."""
    states = {pod.standing.state for pod in pods}
    worst = next(state for state in REPORTED if state in states)
    named = first_of([pod.name for pod in pods], _NAMES)
    message = f"{count(len(pods), 'pod')}: {by_state(pods)} ({named}). {worst.sentence}"
    return Notice(_owner(pods[0], owners), "Warning", EVENT_REASONS[worst], visible(message))


def _owner(pod: Pod, owners: OwnerReader) -> EventOwner:
    """The workload of a pod, else its controller, else the pod itself."""
    meta = pod.item["metadata"]
    if (workload := owners.of_pod(pod.item)) is not None:
        of = workload["metadata"]
        kind, version = str(workload["kind"]), str(workload["apiVersion"])
        return EventOwner(pod.namespace, version, kind, str(of["name"]), str(of["uid"]))
    reference = controller(pod.item) or {"apiVersion": "v1", "kind": "Pod", **meta}
    named = (str(reference.get(key) or "") for key in ("apiVersion", "kind", "name", "uid"))
    return EventOwner(pod.namespace, *named)
