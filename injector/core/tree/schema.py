"""How the fields of Kubernetes objects are compared and merged, as data: the keys of lists (`POD`).

Not here: the merge (strategic_merge.py), and what walks two trees (walk.py, compare.py, patches.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_NOTHING: Any = object()


@dataclass(frozen=True, slots=True)
class Schema:
    """How one field is merged. Without a key, and not a set, a list is atomic: replaced as a whole."""

    fields: Mapping[str, Schema] = field(default_factory=dict)
    key: str = ""
    is_set: bool = False

    def of(self, name: str) -> Schema:
        """The schema of a field; fields that no table names are atomic."""
        return self.fields.get(name, ATOMIC)


ATOMIC = Schema()
_CONTAINER: Mapping[str, Schema] = {
    "env": Schema(key="name"),
    "ports": Schema(key="containerPort"),
    "volumeMounts": Schema(key="mountPath"),
    "volumeDevices": Schema(key="devicePath"),
}
POD = Schema(
    {
        "metadata": Schema({"ownerReferences": Schema(key="uid"), "finalizers": Schema(is_set=True)}),
        "spec": Schema(
            {
                "containers": Schema(_CONTAINER, key="name"),
                "initContainers": Schema(_CONTAINER, key="name"),
                "ephemeralContainers": Schema(_CONTAINER, key="name"),
                "volumes": Schema(key="name"),
                "imagePullSecrets": Schema(key="name"),
                "schedulingGates": Schema(key="name"),
                "resourceClaims": Schema(key="name"),
                "hostAliases": Schema(key="ip"),
                "topologySpreadConstraints": Schema(key="topologyKey"),
            }
        ),
    }
)


def key_of(item: Any, key: str) -> Any:
    """An element's merge key, hashable."""
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str | int) else str(value)


def keyed(items: Any, key: str) -> dict[Any, Any] | None:
    """The elements of a list by merge key; None where it is no list of maps with distinct keys."""
    if not key or not isinstance(items, list):
        return None
    out = {key_of(i, key): i for i in items if isinstance(i, dict) and isinstance(i.get(key), str | int)}
    return out if len(out) == len(items) else None


def same(a: Any, b: Any) -> bool:
    """Equality of JSON values; unlike Python's, 1 is not True and 1 is not 1.0."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        if len(a) != len(b):
            return False
        for key, value in a.items():
            other = b.get(key, _NOTHING)
            # Most are texts, and need no call.
            texts = type(value) is str and type(other) is str
            if not (value == other if texts else same(value, other)):
                return False
        return True
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
