"""The pods of a cluster with their states, and by owner. Not here: what is done with them (audit.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Final, TypeAlias

from injector.classes import dataclass
from injector.cli.world import World
from injector.core import owner
from injector.core.model import Facts, Manifest, Owner
from injector.core.profile import Config
from injector.core.reports import audit
from injector.kube.owners import OwnerReader, controller

Groups: TypeAlias = dict[tuple[str, Owner], list["Pod"]]
"""Pods with a finding, by namespace and owner."""


_IDENTITY: Final = ("name", "namespace", "uid", "generateName", "labels", "ownerReferences")


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod and its state; `item` is what identifies it."""

    namespace: str
    name: str
    labels: dict[str, str]
    owner: Owner
    standing: audit.Standing
    item: Manifest = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AuditScope:
    """The configuration and the objects of the cluster that states of pods depend on."""

    config: Config
    world: World
    overrides: Mapping[str, str]
    owners: OwnerReader

    def at(self, item: Manifest) -> Pod:
        """One pod and its state."""
        meta = item["metadata"]
        space = str(meta["namespace"])
        facts = Facts(
            namespace=space,
            namespace_object=self.world.namespaces.get(space),
            native_sidecars=self.world.native_sidecars,
            objects=self.world.objects,
            overrides=self.overrides,
        )
        standing = audit.standing(item, facts, self.config)
        if standing.state is audit.AuditState.UNWANTED:
            standing = self._by_manifest(item, facts) or standing
        identity = {key: meta[key] for key in _IDENTITY if key in meta}
        labels = meta.get("labels") or {}
        return Pod(space, str(meta["name"]), labels, owner.of_pod(meta), standing, {"metadata": identity})

    def _by_manifest(self, item: Manifest, facts: Facts) -> audit.Standing | None:
        """The state of a pod whose manifest has the sidecar; None where it cannot be seen."""
        if controller(item) is None:
            applied = audit.applied_with_sidecar(item, self.config)
            return (
                audit.standing_of_manifest({**item, "kind": "Pod"}, facts, self.config) if applied else None
            )
        manifest = self.owners.of_pod(item)
        return audit.standing_of_manifest(manifest, facts, self.config) if manifest else None


@dataclass(slots=True)
class Audited:
    """All running pods by their state, and those with a finding by owner."""

    counts: Counter[audit.AuditState] = field(default_factory=Counter)
    groups: Groups = field(default_factory=dict)

    @classmethod
    def of(cls, items: Iterable[Manifest], scope: AuditScope, accepted: Sequence[str] = ()) -> Audited:
        """The pods of lists that run; the states `accepted` are no finding."""
        counts, pods = Counter[audit.AuditState](), list[Pod]()
        for item in items:
            if audit.is_over(item):
                continue
            pod = scope.at(item)
            counts[pod.standing.state] += 1
            if pod.standing.state in audit.REPORTED and pod.standing.state.value not in accepted:
                pods.append(pod)
        groups: Groups = {}
        for pod in sorted(pods, key=lambda p: (p.namespace, p.owner.kind, p.owner.name, p.name)):
            groups.setdefault((pod.namespace, pod.owner), []).append(pod)
        return cls(counts, groups)

    @property
    def pods(self) -> list[Pod]:
        """The pods with a finding, in the order of their owners."""
        return [pod for group in self.groups.values() for pod in group]


def is_of(item: Manifest, names: Iterable[tuple[str, str]]) -> bool:
    """Whether a pod is one of some objects, by kind and name, or made for one of them."""
    meta, made_by = item["metadata"], controller(item) or {}
    of = owner.of_pod(meta)
    own = {(of.kind, of.name), (made_by.get("kind"), made_by.get("name")), ("Pod", meta["name"])}
    return not own.isdisjoint(names)


def label(namespace: str, of: Owner) -> str:
    """An owner's name for messages."""
    return f"{of.kind} {namespace}/{of.name}"


def count(number: int, what: str) -> str:
    """A number of things in words."""
    return f"{number} {what}" + ("" if number == 1 else "s")
