"""The workload kinds: everything that the program knows about each of them.

A new kind is a row here. Not here: what a reader does with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Parent:
    """How the controller of a pod shows which object made the controller itself.

    `api_version` is empty where it is that of the controller. One of the other fields is set.
    """

    kind: str
    api_version: str = ""
    # The pod's label whose value the controller appends to the parent's name.
    hash_label: str = ""
    # The pod's label whose value is the parent's name.
    name_label: str = ""
    # A regular expression for what the controller's name has after the parent's name, and one for
    # what upstream takes for it.
    suffix: str = ""
    suffix_quirk: str = ""

    def name(self, controller: str, labels: Mapping[str, str], *, quirks: bool = False) -> str:
        """The parent's name; empty where the controller has no such parent."""
        if self.name_label:
            return labels.get(self.name_label) or ""
        if self.suffix:
            suffix = self.suffix_quirk if quirks else self.suffix
            match = re.fullmatch(f"(.+)(?:{suffix})", controller)
            return match[1] if match else ""
        end = "-" + (labels.get(self.hash_label) or "")
        return controller.removesuffix(end) if end != "-" and controller.endswith(end) else ""


@dataclass(frozen=True, slots=True)
class Rolling:
    """The fields of a kind's spec and status that a rolling restart reads."""

    # Of the spec, and what holds where it says nothing.
    strategy: str
    # Of the status: pods of the new template, those of them that serve, and pods of both templates.
    updated: str
    available: str
    total: str = ""
    max_unavailable: int | str = 1
    max_surge: int | str = 0
    rounds_up: bool = True
    # The status names a current and an update revision, and counts anew once they are the same.
    revisions: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One workload kind: an object that is a pod, or has a template of one."""

    kind: str
    # What the API server serves, and all API groups whose manifests are read.
    api_version: str
    groups: frozenset[str]
    # The resource, empty where none is read from a cluster, and the other names that kubectl takes.
    plural: str = ""
    aliases: tuple[str, ...] = ()
    # JSON pointer of the pod template; * is each element of a list.
    template: str = "/spec/template"
    # JSON pointer of the number of pods that it asks for: 1 where a spec, 0 where a status does not say.
    replicas: str = ""
    # Fields of the status that count the pods that it made; none where other objects make them.
    made: tuple[str, ...] = ()
    runs_to_completion: bool = False
    rolling: Rolling | None = None
    parents: tuple[Parent, ...] = ()
    # Whether upstream injects into it; with quirks, other kinds are passed.
    upstream: bool = True

    @property
    def api_path(self) -> str:
        """The path of the API that serves it."""
        return f"/{'apis' if '/' in self.api_version else 'api'}/{self.api_version}"


_APPS = frozenset({"apps", "extensions"})
_BATCH = frozenset({"batch"})
_CORE = frozenset({""})

_TABLE = (
    Kind("Pod", "v1", _CORE, "pods", ("pod", "po"), template=""),
    Kind(
        "ReplicationController",
        "v1",
        _CORE,
        "replicationcontrollers",
        ("replicationcontroller", "rc"),
        replicas="/spec/replicas",
        made=("replicas",),
        parents=(Parent("DeploymentConfig", name_label="deploymentconfig"),),
    ),
    Kind(
        "Deployment",
        "apps/v1",
        _APPS,
        "deployments",
        ("deployment", "deploy"),
        replicas="/spec/replicas",
        rolling=Rolling(
            strategy="strategy",
            updated="updatedReplicas",
            available="availableReplicas",
            total="replicas",
            max_unavailable="25%",
            max_surge="25%",
            rounds_up=False,
        ),
    ),
    Kind(
        "ReplicaSet",
        "apps/v1",
        _APPS,
        "replicasets",
        ("replicaset", "rs"),
        replicas="/spec/replicas",
        made=("replicas",),
        parents=(
            Parent("Deployment", hash_label="pod-template-hash"),
            # Upstream's API version, without its group.
            Parent("Rollout", "v1alpha1", hash_label="rollouts-pod-template-hash"),
        ),
    ),
    Kind(
        "DaemonSet",
        "apps/v1",
        _APPS,
        "daemonsets",
        ("daemonset", "ds"),
        replicas="/status/desiredNumberScheduled",
        made=("currentNumberScheduled",),
        rolling=Rolling("updateStrategy", "updatedNumberScheduled", "numberAvailable"),
    ),
    Kind(
        "StatefulSet",
        "apps/v1",
        _APPS,
        "statefulsets",
        ("statefulset", "sts"),
        replicas="/spec/replicas",
        made=("replicas",),
        rolling=Rolling("updateStrategy", "updatedReplicas", "readyReplicas", revisions=True),
    ),
    Kind(
        "Job",
        "batch/v1",
        _BATCH,
        "jobs",
        ("job",),
        replicas="/spec/parallelism",
        made=("active", "succeeded", "failed"),
        runs_to_completion=True,
        # A CronJob appends the minutes since 1970, which have been more than 24 million since there are
        # CronJobs. Names of one's own rather end in a date, such as 20261130, or in other numbers.
        parents=(
            Parent("CronJob", "batch/v1", suffix=r"-(?:2[4-9]|[3-9]\d)\d{6}", suffix_quirk=r"-\d{8,10}"),
        ),
    ),
    Kind(
        "CronJob",
        "batch/v1",
        _BATCH,
        "cronjobs",
        ("cronjob", "cj"),
        template="/spec/jobTemplate/spec/template",
        runs_to_completion=True,
    ),
    # OpenShift served it as a core kind before it had a group.
    Kind("DeploymentConfig", "apps.openshift.io/v1", frozenset({"apps.openshift.io", ""})),
    Kind("PodTemplate", "v1", _CORE, template="/template", upstream=False),
    Kind(
        "JobSet",
        "jobset.x-k8s.io/v1alpha2",
        frozenset({"jobset.x-k8s.io"}),
        template="/spec/replicatedJobs/*/template/spec/template",
        runs_to_completion=True,
        upstream=False,
    ),
)

KINDS: Final[dict[str, Kind]] = {row.kind: row for row in _TABLE}


LISTS: Final = frozenset({"List", *(f"{kind}List" for kind in KINDS)})
"""The kinds of lists of workloads: of any objects, and of one kind each."""


def of(manifest: Mapping[str, Any]) -> Kind | None:
    """The row of an object's kind, None where the table has none."""
    kind = manifest.get("kind")
    return KINDS.get(kind) if isinstance(kind, str) else None


def restartable() -> tuple[Kind, ...]:
    """The kinds that a rolling restart knows. Their pods do not end by themselves."""
    return tuple(row for row in KINDS.values() if row.rolling)


def child(parent: str) -> Kind | None:
    """The kind whose objects a parent makes, so that they make its pods; None where it makes them itself."""
    return next((row for row in KINDS.values() if any(p.kind == parent for p in row.parents)), None)


def wanted(manifest: Mapping[str, Any]) -> int:
    """How many pods an object asks for now; 0 where its kind does not say."""
    row, spec = of(manifest), manifest.get("spec") or {}
    if row is None or not row.replicas or spec.get("suspend"):
        return 0
    _, half, field = row.replicas.split("/")
    count = (manifest.get(half) or {}).get(field)
    return int(half == "spec") if count is None else int(count)
