"""Which workload a pod belongs to, from what its controllers wrote on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from injector.core.model import Owner

_OF_CRONJOB = re.compile(r"(.+)-\d{8,10}$")


def of_pod(meta: Mapping[str, Any]) -> Owner:
    """The workload behind a pod, from its generated name, owner reference and labels."""
    name = str(meta.get("name") or "")
    owner = Owner("v1", "Pod", name)
    reference = next((r for r in meta.get("ownerReferences") or [] if r.get("controller") is True), None)
    if meta.get("generateName") and reference:
        labels = meta.get("labels") or {}
        owner = Owner(
            str(reference.get("apiVersion", "")),
            str(reference.get("kind", "")),
            str(reference.get("name", "")),
        )
        owner = _behind(owner, labels)
    return owner if owner.name else Owner(owner.api_version, owner.kind, name)


def _behind(owner: Owner, labels: Mapping[str, str]) -> Owner:
    """The object that made the one that made the pod, where names and labels tell."""
    if owner.kind == "ReplicaSet":
        for label, version, kind in (
            ("pod-template-hash", owner.api_version, "Deployment"),
            ("rollouts-pod-template-hash", "v1alpha1", "Rollout"),
        ):
            if labels.get(label) and owner.name.endswith("-" + labels[label]):
                return Owner(version, kind, owner.name.removesuffix("-" + labels[label]))
    if owner.kind == "ReplicationController" and labels.get("deploymentconfig"):
        return Owner(owner.api_version, "DeploymentConfig", labels["deploymentconfig"])
    if owner.kind == "Job":
        match = _OF_CRONJOB.fullmatch(owner.name)
        if match:
            return Owner("batch/v1", "CronJob", match[1])
    return owner
