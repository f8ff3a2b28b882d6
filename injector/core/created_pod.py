"""The pod that the controller of a workload would create, as far as an admission can see it.

Hashes, uids and ordinals are made up, and always the same. Not here: where the template is (`workload`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from injector.classes import dataclass
from injector.core import kinds
from injector.core.model import Manifest
from injector.core.workload import Workload

_HASH: Final = "5d8f7b9c6d"
_UID: Final = "00000000-0000-4000-8000-000000000000"
# A CronJob appends the minutes since 1970.
_MINUTES: Final = "29000000"
# No StatefulSet has so many pods, so that none of this name exists.
_ORDINAL: Final = "99999"
_NODE: Final = "node"
# What each controller adds to the labels of its pods.
_LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "Deployment": {"pod-template-hash": _HASH},
    "ReplicaSet": {},
    "DaemonSet": {"controller-revision-hash": _HASH, "pod-template-generation": "1"},
    "StatefulSet": {
        "controller-revision-hash": "{name}-" + _HASH,
        "statefulset.kubernetes.io/pod-name": "{name}-" + _ORDINAL,
        "apps.kubernetes.io/pod-index": _ORDINAL,
    },
    "Job": {
        "batch.kubernetes.io/controller-uid": _UID,
        "batch.kubernetes.io/job-name": "{controller}",
        "controller-uid": _UID,
        "job-name": "{controller}",
    },
    "DeploymentConfig": {"deployment": "{controller}", "deploymentconfig": "{name}"},
}
_NEVER: Final = frozenset({"PodTemplate"})
# The taints that pods of a DaemonSet tolerate.
_TOLERATED: Final = {
    "not-ready": "NoExecute",
    "unreachable": "NoExecute",
    "disk-pressure": "NoSchedule",
    "memory-pressure": "NoSchedule",
    "pid-pressure": "NoSchedule",
    "unschedulable": "NoSchedule",
}
# What only the API server writes.
_OF_THE_SERVER: Final = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
     "deletionTimestamp", "deletionGracePeriodSeconds"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Controller:
    """The object that creates the pods, and the labels that it adds."""

    api_version: str
    kind: str
    name: str
    labels: Mapping[str, str]


def makes_pods(located: Workload) -> bool:
    """Whether a controller creates pods of the template."""
    return located.kind not in _NEVER


def created_pod(located: Workload, template: Manifest, namespace: str) -> Manifest:
    """The pod of a workload, made of this template, which may be another one than its own."""
    spec = dict(template.get("spec") or {})
    own = {key: value for key, value in (template.get("metadata") or {}).items() if key not in _OF_THE_SERVER}
    if located.kind == "Pod":
        return _pod({**own, "namespace": namespace}, spec)
    controller = _controller(located)
    reference = {
        "apiVersion": controller.api_version,
        "kind": controller.kind,
        "name": controller.name,
        "uid": _UID,
        "controller": True,
    }
    metadata = {
        **{key: value for key, value in own.items() if key not in ("name", "generateName")},
        "namespace": namespace,
        "generateName": f"{controller.name}-",
        "labels": {**(own.get("labels") or {}), **controller.labels},
        "ownerReferences": [reference],
    }
    if located.kind == "StatefulSet":
        metadata["name"] = f"{located.name}-{_ORDINAL}"
        spec = _of_a_stateful_set(spec, located, metadata["name"])
    if located.kind == "DaemonSet":
        spec = _of_a_daemon_set(spec)
    if controller.kind == "Job":
        metadata["finalizers"] = [*(own.get("finalizers") or ()), "batch.kubernetes.io/job-tracking"]
    return _pod(metadata, spec)


def _pod(metadata: Manifest, spec: Manifest) -> Manifest:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _controller(located: Workload) -> _Controller:
    """The workload itself, or the object that it makes for its pods."""
    child, name = kinds.child(located.kind), located.name
    api_version, kind = str(located.manifest.get("apiVersion") or ""), located.kind
    added: dict[str, str] = {}
    controller = name
    if child is not None:
        api_version, kind = child.api_version, child.kind
        parent = next(each for each in child.parents if each.kind == located.kind)
        controller = f"{name}-{_HASH if parent.hash_label else _MINUTES if parent.suffix else '1'}"
        if parent.hash_label:
            added[parent.hash_label] = _HASH
    patterns = {**_LABELS.get(kind, {}), **_LABELS.get(located.kind, {})}
    added |= {key: value.format(name=name, controller=controller) for key, value in patterns.items()}
    return _Controller(api_version, kind, controller, added)


def _of_a_stateful_set(spec: Manifest, located: Workload, pod: str) -> Manifest:
    """The spec with host name, subdomain, and the volumes of the claims."""
    own = located.manifest.get("spec") or {}
    claims = [
        str((claim.get("metadata") or {}).get("name")) for claim in own.get("volumeClaimTemplates") or ()
    ]
    volumes = [volume for volume in spec.get("volumes") or () if volume["name"] not in claims]
    claimed = [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{pod}"}} for name in claims]
    out = {**spec, "hostname": pod}
    if own.get("serviceName"):
        out["subdomain"] = own["serviceName"]
    if claimed:
        out["volumes"] = [*volumes, *claimed]
    return out


def _of_a_daemon_set(spec: Manifest) -> Manifest:
    """The spec bound to a node, with the taints that it tolerates."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [_NODE]}]}
    affinity = dict(spec.get("affinity") or {})
    nodes = dict(affinity.get("nodeAffinity") or {})
    nodes["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [term]}
    tolerations: list[Any] = [
        {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": effect}
        for taint, effect in _TOLERATED.items()
    ]
    return {
        **spec,
        "affinity": {**affinity, "nodeAffinity": nodes},
        "tolerations": [*(spec.get("tolerations") or ()), *tolerations],
    }
