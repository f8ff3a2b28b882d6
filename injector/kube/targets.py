"""Workloads of a cluster as kubectl names them: KIND/NAME, KIND NAME..., KIND with a selector.

Not here: the kinds themselves (core.kinds), and the transport.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from injector.core.kinds import KINDS, Kind
from injector.errors import ClusterError, ConfigError
from injector.kube.client import Cluster
from injector.kube.lists import Object
from injector.kube.objects import path_of
from injector.printable import shown


@dataclass(frozen=True, slots=True)
class WorkloadReference:
    """One object of a kind; without a name all of them."""

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind.plural}/{self.name}" if self.name else self.kind.plural


def parsed(words: Sequence[str]) -> tuple[WorkloadReference, ...]:
    """The targets that words name: ``deploy/web sts/db``, ``deploy web api``, or ``deploy,sts``.

    Kinds are those of kubectl, in any case. Raises ConfigError for words that name no workload.
    """
    if any("/" in word for word in words):
        return tuple(map(_with_slash, words))
    kinds = [kind_of(word) for word in words[0].split(",")]
    return tuple(WorkloadReference(kind, name) for kind in kinds for name in words[1:] or ("",))


def kind_of(word: str) -> Kind:
    """The kind that kubectl calls so. Raises ConfigError."""
    short, _, group = word.lower().partition(".")
    rows = {name: row for row in KINDS.values() if row.plural for name in (row.plural, *row.aliases)}
    row = rows.get(short)
    # "deployments.apps" and "deployments.v1.apps" are kubectl's long forms.
    if row is None or (group and not _is_group(group, row.api_version)):
        near = get_close_matches(short, rows, n=1)
        every = ", ".join(row.aliases[-1] for row in KINDS.values() if row.plural)
        hint = f"did you mean {near[0]}?" if near and near[0] != short else f"use one of {every}"
        raise ConfigError("not a kind of workload", where=shown(word), hint=hint)
    return row


def fetched(
    cluster: Cluster, targets: Sequence[WorkloadReference], namespace: str, selector: str = ""
) -> Iterator[Object | ClusterError]:
    """Yield the objects of the targets, and an error for each one that is not there.

    Without a namespace those of all. Raises ClusterError where a list cannot be read.
    """
    for target in targets:
        if not target.name:
            yield from cluster.list(
                path_of(target.kind, namespace), {"labelSelector": selector} if selector else None
            )
            continue
        try:
            yield cluster.get(path_of(target.kind, namespace, target.name))
        except ClusterError as error:
            if error.status != 404:
                raise
            yield error


def _with_slash(word: str) -> WorkloadReference:
    kind, slash, name = word.partition("/")
    if not slash or not name or "/" in name:
        message = "KIND/NAME is expected" if slash else "KIND/NAME is expected, as in the other arguments"
        raise ConfigError(message, where=shown(word), hint="write deploy/web sts/db, or deploy web api")
    return WorkloadReference(kind_of(kind), name)


def _is_group(group: str, api_version: str) -> bool:
    """Whether `group` is ``apps`` or ``v1.apps`` for ``apps/v1``."""
    served, slash, version = api_version.partition("/")
    return bool(slash) and group in (served, f"{version}.{served}")
