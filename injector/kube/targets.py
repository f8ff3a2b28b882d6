"""Workloads of a cluster as kubectl names them: KIND/NAME, KIND NAME..., KIND with a selector.

Not here: the kinds themselves (core.kinds), and the transport.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from injector.classes import dataclass
from injector.core.kinds import KINDS, TABLE, Kind, KindTable
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


def parsed(words: Sequence[str], table: KindTable = TABLE) -> tuple[WorkloadReference, ...]:
    """The targets that words name: ``deploy/web sts/db``, ``deploy web api``, or ``deploy,sts``.

    Kinds are those of kubectl, in any case. Raises ConfigError for words that name no workload.
    """
    if any("/" in word for word in words):
        return tuple(_with_slash(word, table) for word in words)
    kinds = [kind_of(word, table) for word in words[0].split(",")]
    return tuple(WorkloadReference(kind, name) for kind in kinds for name in words[1:] or ("",))


def have_names(words: Sequence[str]) -> bool:
    """Whether words name objects, and not only kinds."""
    return len(words) > 1 or "/" in words[0]


def kind_of(word: str, table: KindTable = TABLE) -> Kind:
    """The kind that kubectl calls so, also in its long forms. Raises ConfigError."""
    row = table.called(word)
    if row is not None:
        return row
    short = word.lower().partition(".")[0]
    if named := table.without_template(short):
        raise ConfigError(named.without, where=shown(word), hint="explain one of its pods: pod/NAME")
    # A slip is seldom in the first letter, and a service is none of a kservice.
    names = [name for row in table.rows if row.plural for name in row.names(group=False)]
    near = difflib.get_close_matches(short, [name for name in names if name[:1] == short[:1]], n=1)
    every = ", ".join(row.aliases[-1] for row in KINDS.values() if row.plural)
    hint = f"use one of {every}, or of those that 'injector kinds' lists"
    if near and near[0] != short:
        hint = f"did you mean {near[0]}?"
    raise ConfigError("not a kind of workload", where=shown(word), hint=hint)


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


def _with_slash(word: str, table: KindTable) -> WorkloadReference:
    kind, slash, name = word.partition("/")
    if not slash or not name or "/" in name:
        message = "KIND/NAME is expected" if slash else "KIND/NAME is expected, as in the other arguments"
        raise ConfigError(message, where=shown(word), hint="write deploy/web sts/db, or deploy web api")
    return WorkloadReference(kind_of(kind, table), name)
