"""Random Kubernetes objects: all kinds that hold pods, lists of them, and some that hold none."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from tests.generators.pods import draw_template

Tree = dict[str, Any]

KINDS: Final = {
    "Pod": "v1",
    "ReplicationController": "v1",
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "List": "v1",
    "Service": "v1",
    "Rollout": "argoproj.io/v1alpha1",
}
_WEIGHTS: Final = {"Deployment": 5, "Pod": 3, "List": 1, "Service": 0.3, "Rollout": 0.3}


def draw_document(random: Random, name: str) -> Tree:
    """One object."""
    kind = random.choices(list(KINDS), [_WEIGHTS.get(kind, 1) for kind in KINDS])[0]
    if kind == "List":
        items = [_object(random, _plain_kind(random), f"{name}-{n}") for n in range(random.randint(0, 3))]
        return {"apiVersion": "v1", "kind": "List", "items": items}
    return _object(random, kind, name)


def _plain_kind(random: Random) -> str:
    return random.choice([kind for kind in KINDS if kind != "List"])


def _object(random: Random, kind: str, name: str) -> Tree:
    metadata: Tree = {"name": name}
    if random.random() < 0.4:
        metadata["namespace"] = random.choice(["shop", "kube-system"])
    head = {"apiVersion": KINDS[kind], "kind": kind, "metadata": metadata}
    if kind == "Service":
        return {**head, "spec": {"ports": [{"port": 80}], "selector": {"app": name}}}
    template = draw_template(random)
    if kind == "Pod":
        return {**head, "metadata": {**template["metadata"], **metadata}, "spec": template["spec"]}
    if kind == "CronJob":
        job: Tree = {"spec": {"template": template}}
        if random.random() < 0.3:
            job["metadata"] = {"labels": {"job": "label"}, "annotations": {"job": "annotation"}}
        return {**head, "spec": {"schedule": "0 0 * * *", "jobTemplate": job}}
    spec: Tree = {"template": template}
    if kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet") and random.random() < 0.7:
        spec["selector"] = {"matchLabels": {"app": name}}
    if kind in ("Deployment", "ReplicaSet", "StatefulSet") and random.random() < 0.3:
        spec["replicas"] = random.choice([0, 2])
    return {**head, "spec": spec}
