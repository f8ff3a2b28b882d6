"""The types of the fields of containers and volumes, as the API server reads them.

It rejects a patch with a field of another type with HTTP 500, whose message names no annotation.
Here: types alone, of the fields that Kubernetes knows; others it drops. Not here: what a volume may
be and where it may be mounted, and what the stages take for granted (workload.py).
"""

from __future__ import annotations

import re
from typing import Any, Final

from injector.core.injection.field_tables import MOUNT, SPEC, VOLUME
from injector.core.quantities import canonical

INT32: Final = range(-(2**31), 2**31)
_INT64: Final = range(-(2**63), 2**63)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})"
)


def is_spec(value: Any) -> bool:
    """Whether the containers, volumes and pull secrets of a pod's spec have Kubernetes' types."""
    return _fits(value, SPEC)


def are_volumes(value: Any) -> bool:
    """Whether a value maps names to volumes whose fields have Kubernetes' types."""
    return _fit_all(value, VOLUME)


def are_mounts(value: Any) -> bool:
    """Whether a value maps names to mounts whose fields have Kubernetes' types."""
    return _fit_all(value, MOUNT)


def _fit_all(value: Any, shape: Any) -> bool:
    return isinstance(value, dict) and all(item is not None and _fits(item, shape) for item in value.values())


def _fits(value: Any, shape: Any) -> bool:
    """Whether every field that the shape knows has its type; null is the absence of a value."""
    if value is None:
        return True
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(item, shape[0]) for item in value)
    if not isinstance(shape, dict):
        return _is(value, shape)
    if not isinstance(value, dict):
        return False
    of_all = shape.get("*")
    known = ((inner, of_all or shape.get(key)) for key, inner in value.items())
    return all(_fits(inner, expected) for inner, expected in known if expected is not None)


def _is(value: Any, word: str) -> bool:
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
