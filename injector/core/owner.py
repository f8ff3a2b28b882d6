"""Which workload a pod belongs to, from what its controllers wrote on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from injector.core import kinds
from injector.core.model import Owner


def of_pod(meta: Mapping[str, Any], *, quirks: bool = False) -> Owner:
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
        owner = _behind(owner, labels, quirks)
    return owner if owner.name else Owner(owner.api_version, owner.kind, name)


def _behind(owner: Owner, labels: Mapping[str, str], quirks: bool) -> Owner:
    """The owner of the pod's owner, where names and labels identify it; else the owner."""
    row = kinds.KINDS.get(owner.kind)
    for parent in row.parents if row else ():
        if name := parent.name(owner.name, labels, quirks=quirks):
            return Owner(parent.api_version or owner.api_version, parent.kind, name)
    return owner
