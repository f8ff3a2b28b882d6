"""The objects whose controllers made pods, each read once. Not here: which one it is (core.owner)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from injector.classes import dataclass
from injector.core import owner
from injector.core.kinds import TABLE, Kind, KindTable
from injector.core.model import Owner
from injector.errors import ClusterError
from injector.kube.client import Cluster
from injector.kube.lists import Object
from injector.kube.objects import path_of


def read_kinds(table: KindTable = TABLE) -> tuple[Kind, ...]:
    """The kinds of owners that are read."""
    return tuple(row for row in table.rows if row.plural and row.kind != "Pod")


@dataclass(slots=True)
class OwnerReader:
    """Reads owners of pods; `unread` are the refusals so far."""

    cluster: Cluster
    table: KindTable = TABLE
    unread: list[str] = field(default_factory=list)
    _read: dict[str, Object | None] = field(default_factory=dict)

    def of_pod(self, pod: Object) -> Object | None:
        """The workload of a pod, else its controller; None where neither exists or may be read."""
        meta = pod["metadata"]
        for of in _candidates(pod):
            row = self.table.owner(of.kind, of.api_version)
            if row is None or row not in read_kinds(self.table):
                continue
            if (item := self._object(path_of(row, str(meta["namespace"]), of.name))) is not None:
                # Not every version of the API server sets the kind of a single object.
                return {**item, "apiVersion": row.api_version, "kind": row.kind}
        return None

    def _object(self, path: str) -> Object | None:
        if path not in self._read:
            try:
                self._read[path] = self.cluster.get(path)
            except ClusterError as error:
                if error.status not in (403, 404):
                    raise
                if error.status == 403 and error.message not in self.unread:
                    self.unread.append(error.message)
                self._read[path] = None
        return self._read[path]


def controller(pod: Object) -> Object | None:
    """The owner reference of a pod's controller."""
    references = pod["metadata"].get("ownerReferences") or []
    return next((each for each in references if each.get("controller") is True), None)


def _candidates(pod: Object) -> Iterator[Owner]:
    yield owner.of_pod(pod["metadata"])
    if (reference := controller(pod)) is not None:
        yield Owner(*(str(reference.get(key) or "") for key in ("apiVersion", "kind", "name")))
