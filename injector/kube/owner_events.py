"""Events that a command writes on owners of pods: one for each owner and reason, whose count grows.

Not here: those of the webhook, which are written in the background (events.py), and their words.
"""

from __future__ import annotations

import hashlib

from injector.errors import ClusterError
from injector.kube.client import Cluster
from injector.kube.events import MESSAGE_LENGTH, EventOwner, Notice, event_of, events_path, time_of_now

# The rest of a name of 253 characters is for the digest.
_LONGEST_OWNER = 200


def record(cluster: Cluster, notice: Notice) -> None:
    """Write an Event, or count up the one of an earlier run. Raises ClusterError."""
    path, name = events_path(notice.owner.namespace), name_of(notice.owner, notice.reason)
    event = event_of(notice, 1)
    event["metadata"] = {"name": name, "namespace": notice.owner.namespace}
    try:
        cluster.create(path, event)
    except ClusterError as error:
        if error.status != 409:
            raise
        before = cluster.get(f"{path}/{name}")
        change = {"count": int(before.get("count") or 0) + 1, "lastTimestamp": time_of_now()}
        cluster.patch(f"{path}/{name}", {**change, "message": notice.message[:MESSAGE_LENGTH]})


def name_of(owner: EventOwner, reason: str) -> str:
    """The name of an owner's Event: the same in each run, another for another object of the same name."""
    digest = hashlib.sha256(f"{owner.uid} {reason}".encode()).hexdigest()[:16]
    return f"{owner.name[:_LONGEST_OWNER].rstrip('.-')}.{digest}"
