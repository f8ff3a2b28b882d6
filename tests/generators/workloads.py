"""Random Kubernetes objects: all kinds that hold pods, lists of them, and some that hold none."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from injector.core.kinds import KINDS
from injector.pointer import put
from tests.generators.pods import draw_template

Tree = dict[str, Any]

# Kubernetes' own workload kinds, which istioctl knows; and kinds that neither program looks into.
_OWN: Final = {"PodTemplate"}  # istioctl passes it
VERSIONS: Final = {
    **{kind: row.api_version for kind, row in KINDS.items() if not ("." in row.api_version or kind in _OWN)},
    "List": "v1",
    "Service": "v1",
    "Rollout": "example.com/v1alpha1",
}
_WEIGHTS: Final = {"Deployment": 5, "Pod": 3, "List": 1, "Service": 0.3, "Rollout": 0.3}


def draw_document(random: Random, name: str) -> Tree:
    """One object."""
    kind = random.choices(list(VERSIONS), [_WEIGHTS.get(kind, 1) for kind in VERSIONS])[0]
    if kind == "List":
        items = [_object(random, _plain_kind(random), f"{name}-{n}") for n in range(random.randint(0, 3))]
        return {"apiVersion": "v1", "kind": "List", "items": items}
    return _object(random, kind, name)


def _plain_kind(random: Random) -> str:
    return random.choice([kind for kind in VERSIONS if kind != "List"])


def _object(random: Random, kind: str, name: str) -> Tree:
    metadata: Tree = {"name": name}
    if random.random() < 0.4:
        metadata["namespace"] = random.choice(["shop", "kube-system"])
    head = {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": metadata}
    if kind == "Service":
        return {**head, "spec": {"ports": [{"port": 80}], "selector": {"app": name}}}
    template = draw_template(random)
    if kind == "Pod":
        return {**head, "metadata": {**template["metadata"], **metadata}, "spec": template["spec"]}
    pointer = KINDS[kind].template if kind in KINDS else "/spec/template"
    spec: Tree = put({}, pointer, template)["spec"]
    if kind == "CronJob":
        spec["schedule"] = "0 0 * * *"
        if random.random() < 0.3:
            meta = {"labels": {"job": "label"}, "annotations": {"job": "annotation"}}
            spec["jobTemplate"]["metadata"] = meta
    if kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet") and random.random() < 0.7:
        spec["selector"] = {"matchLabels": {"app": name}}
    if kind in ("Deployment", "ReplicaSet", "StatefulSet") and random.random() < 0.3:
        spec["replicas"] = random.choice([0, 2])
    return {**head, "spec": spec}
