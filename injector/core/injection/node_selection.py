"""Whether the nodes that a pod may run on exclude operating systems, by their label.

Not here: `spec.os`, and taints, which say nothing about a system.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from injector.core.model import Manifest
from injector.pointer import get

_LABELS: Final = ("kubernetes.io/os", "beta.kubernetes.io/os")
_TERMS: Final = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms"


def excludes(spec: Mapping[str, Any], systems: Collection[str]) -> str:
    """The field that lets no node with one of these systems run the pod; empty where nodes are left."""
    selector = spec.get("nodeSelector")
    for label in _LABELS:
        wanted = selector.get(label) if isinstance(selector, dict) else None
        if isinstance(wanted, str) and wanted not in systems:
            return f"spec.nodeSelector {label}"
    terms = [
        term for term in _maps(get(spec, _TERMS)) if term.get("matchExpressions") or term.get("matchFields")
    ]
    left = {system for term in terms for system in systems if _may_be(system, term)}
    # Without a term there is no rule; a term without expressions matches no node at all.
    return "" if left or not terms else "spec.affinity.nodeAffinity"


def _may_be(system: str, term: Manifest) -> bool:
    """Whether a node with this system may match all expressions of a term."""
    for expression in _maps(term.get("matchExpressions")):
        values = expression.get("values")
        if expression.get("key") not in _LABELS or not isinstance(values, list):
            continue
        operator = expression.get("operator")
        if (operator == "In" and system not in values) or (operator == "NotIn" and system in values):
            return False
    return True


def _maps(items: Any) -> Iterator[Manifest]:
    return (item for item in items or [] if isinstance(item, dict)) if isinstance(items, list) else iter(())
