"""The workload kinds: everything that the program knows about each of them.

A new kind is a row: of Kubernetes in `kubernetes`, of another operator in `custom`, and without a pod
template in `without_template`. Not here: what a reader does with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from injector.core.kinds import custom, kubernetes, without_template
from injector.core.kinds.row import Kind, Parent, Rolling
from injector.core.kinds.table import TEMPLATE, KindTable, group_of, makes_no_pods

__all__ = [
    "KINDS",
    "TABLE",
    "TEMPLATE",
    "Kind",
    "KindTable",
    "Parent",
    "Rolling",
    "child",
    "group_of",
    "made_of",
    "makes_no_pods",
    "of",
    "restartable",
    "says_wanted",
    "wanted",
]

TABLE: Final = KindTable((*kubernetes.ROWS, *custom.ROWS, *without_template.ROWS))
"""All kinds that the program knows; a configuration may add others (`Config.kinds`)."""

KINDS: Final[dict[str, Kind]] = {row.kind: row for row in kubernetes.ROWS}
"""The kinds of Kubernetes itself, and OpenShift's, by name."""


def of(manifest: Mapping[str, Any]) -> Kind | None:
    """The row of an object's kind, None where the table has none."""
    return TABLE.of(manifest)


def restartable() -> tuple[Kind, ...]:
    """The kinds that a rolling restart knows. Their pods do not end by themselves."""
    return tuple(row for row in KINDS.values() if row.rolling)


def child(parent: str) -> Kind | None:
    """The kind whose objects a parent makes, so that they make its pods; None where it makes them itself."""
    return next((row for row in KINDS.values() if any(p.kind == parent for p in row.parents)), None)


def made_of(owner: Mapping[str, Any]) -> Kind | None:
    """The kind of the objects that an object makes, one step nearer to its pods; None where it makes them."""
    row = of(owner)
    return TABLE.called(row.makes) if row is not None and row.makes else child(str(owner.get("kind")))


def says_wanted(manifest: Mapping[str, Any]) -> bool:
    """Whether an object of its kind says how many pods it asks for, or asks for none at times."""
    row = of(manifest)
    return row is not None and (row.upstream or bool(row.replicas))


def wanted(manifest: Mapping[str, Any]) -> int:
    """How many pods an object asks for now; 0 where its kind does not say."""
    row, spec = of(manifest), manifest.get("spec") or {}
    if row is None or not row.replicas or spec.get("suspend"):
        return 0
    _, half, field = row.replicas.split("/")
    count = (manifest.get(half) or {}).get(field)
    return int(half == "spec") if count is None else int(count)
