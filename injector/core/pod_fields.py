"""The types of a pod's fields, as the API server reads them.

It answers a patch with a field of another type with its own HTTP 500, which names no annotation.
Not here: what a volume may be and where it may be mounted, and what the stages take for granted
(workload.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from injector.core.kubernetes_fields import TYPES
from injector.core.quantities import canonical

INT32: Final = range(-(2**31), 2**31)
_INT64: Final = range(-(2**63), 2**63)
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})"
)
# The fields of a pod's spec that injection changes.
_SPEC: Final = ("containers", "initContainers", "volumes", "imagePullSecrets")


Type = str | list[Any] | Mapping[str, Any]
_FIELDS: Final[Mapping[str, Mapping[str, Type]]] = {
    name: {field.removesuffix("!"): of for field, of in fields.items()} for name, fields in TYPES.items()
}


def is_spec(value: Any) -> bool:
    """Whether the containers, volumes and pull secrets of a pod's spec have Kubernetes' types."""
    if value is None:
        return True
    types = _FIELDS["PodSpec"]
    return isinstance(value, dict) and all(_fits(value.get(field), types[field]) for field in _SPEC)


def are_volumes(value: Any) -> bool:
    """Whether a value maps names to volumes whose fields have Kubernetes' types."""
    return _fit_all(value, "Volume")


def are_mounts(value: Any) -> bool:
    """Whether a value maps names to mounts whose fields have Kubernetes' types."""
    return _fit_all(value, "VolumeMount")


def _fit_all(value: Any, of: Type) -> bool:
    return isinstance(value, dict) and all(item is not None and _fits(item, of) for item in value.values())


def _fits(value: Any, of: Type) -> bool:
    """Whether every field that the table knows has its type; null is the absence of a value."""
    if value is None:
        return True
    if isinstance(of, list):
        return isinstance(value, list) and all(_fits(item, of[0]) for item in value)
    if isinstance(of, Mapping):
        if "enum" in of:
            return isinstance(value, str)
        return isinstance(value, dict) and all(_fits(item, of["*"]) for item in value.values())
    fields = _FIELDS.get(of)
    if fields is None:
        return _is(value, of)
    return isinstance(value, dict) and all(
        _fits(item, fields[field]) for field, item in value.items() if field in fields
    )


def _is(value: Any, word: str) -> bool:
    if word == "any":
        return True
    if word == "quantity":
        return _is_quantity(value)
    if word == "port":
        return isinstance(value, str) or _is(value, "int32")
    if word == "time":
        return isinstance(value, str) and _TIME.fullmatch(value) is not None
    if word in ("int32", "int64"):
        # A fraction of zero is a fraction to the API server.
        return type(value) is int and value in (INT32 if word == "int32" else _INT64)
    return type(value) is {"string": str, "boolean": bool}[word]


def _is_quantity(value: Any) -> bool:
    if not isinstance(value, str | int | float):
        return False
    try:
        canonical(value)
    except ValueError:
        return False
    return True
