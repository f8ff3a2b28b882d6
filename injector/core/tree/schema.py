"""How the fields of Kubernetes objects are compared and merged, as data: keys of lists, and choices (`POD`).

Not here: the merge (strategic_merge.py), and what walks two trees (walk.py, compare.py, patches.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Final

from injector.classes import dataclass

_NOTHING: Any = object()
# As a union it would be made for each element that is looked at.
_KEYS: Final = (str, int)


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternatives in one map: fields of which the API server accepts one.

    With `all_but`, every field except those named is an alternative, also one that is newer than this table.
    """

    names: frozenset[str]
    all_but: bool = False

    def has(self, name: str) -> bool:
        """Whether a field is one of the alternatives."""
        return (name in self.names) is not self.all_but


@dataclass(frozen=True, slots=True)
class Schema:
    """How one field is merged. Without a key, and not a set, a list is atomic: replaced as a whole.

    `choice` is about the fields of a map, or of each element of a list.
    """

    fields: Mapping[str, Schema] = field(default_factory=dict)
    key: str = ""
    is_set: bool = False
    choice: Choice | None = None

    def of(self, name: str) -> Schema:
        """The schema of a field; fields that no table names are atomic."""
        return self.fields.get(name, ATOMIC)

    def replaced(self, base: Iterable[str], overlay: Mapping[str, Any]) -> frozenset[str]:
        """The fields of a base that are alternatives to what an overlay sets; null sets nothing."""
        if self.choice is None:
            return _NO_FIELDS
        has = self.choice.has
        if not any(has(name) and value is not None for name, value in overlay.items()):
            return _NO_FIELDS
        return frozenset(name for name in base if has(name) and overlay.get(name) is None)


_NO_FIELDS: Final[frozenset[str]] = frozenset()
ATOMIC = Schema()


def _choice(*names: str, fields: Mapping[str, Schema] | None = None, key: str = "") -> Schema:
    return Schema(fields or {}, key, choice=Choice(frozenset(names)))


PROBE_ACTIONS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
LIFECYCLE_ACTIONS: Final = ("exec", "httpGet", "tcpSocket", "sleep")
VARIABLE_SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_PROBE = _choice(*PROBE_ACTIONS)
_HANDLER = _choice(*LIFECYCLE_ACTIONS)
VOLUMES = Schema(key="name", choice=Choice(frozenset({"name"}), all_but=True))
_CONTAINER: Mapping[str, Schema] = {
    "env": _choice("value", "valueFrom", fields={"valueFrom": _choice(*VARIABLE_SOURCES)}, key="name"),
    "ports": Schema(key="containerPort"),
    "volumeMounts": Schema(key="mountPath"),
    "volumeDevices": Schema(key="devicePath"),
    "lifecycle": Schema({"postStart": _HANDLER, "preStop": _HANDLER}),
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
}
POD = Schema(
    {
        "metadata": Schema({"ownerReferences": Schema(key="uid"), "finalizers": Schema(is_set=True)}),
        "spec": Schema(
            {
                "containers": Schema(_CONTAINER, key="name"),
                "initContainers": Schema(_CONTAINER, key="name"),
                "ephemeralContainers": Schema(_CONTAINER, key="name"),
                "volumes": VOLUMES,
                "imagePullSecrets": Schema(key="name"),
                "schedulingGates": Schema(key="name"),
                "resourceClaims": _choice("resourceClaimName", "resourceClaimTemplateName", key="name"),
                "hostAliases": Schema(key="ip"),
                "topologySpreadConstraints": Schema(key="topologyKey"),
            }
        ),
    }
)


def without_choices(schema: Schema) -> Schema:
    """The same table as Kubernetes' own strategic merge has it: alternatives are ordinary fields."""
    fields = {name: without_choices(below) for name, below in schema.fields.items()}
    return Schema(fields, schema.key, schema.is_set)


POD_WITHOUT_CHOICES = without_choices(POD)


def key_of(item: Any, key: str) -> Any:
    """An element's merge key, hashable."""
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, _KEYS) else str(value)


def keyed(items: Any, key: str) -> dict[Any, Any] | None:
    """The elements of a list by merge key; None where it is no list of maps with distinct keys."""
    if not key or not isinstance(items, list):
        return None
    out: dict[Any, Any] = {}
    for item in items:
        value = item.get(key) if isinstance(item, dict) else None
        if not isinstance(value, _KEYS):
            return None
        out[value] = item
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
            # Most are the same object or texts, and need no call.
            if value is other:
                continue
            texts = type(value) is str and type(other) is str
            if not (value == other if texts else same(value, other)):
                return False
        return True
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
