"""The types of a pod's fields, as the API server reads them.

It answers a patch with a field of another type with its own HTTP 500, which names no annotation.
Not here: what a volume may be and where it may be mounted, and what the stages take for granted
(workload.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final

from injector.core.kubernetes_fields import KUBERNETES, TYPES
from injector.core.quantities import canonical
from injector.pointer import join
from injector.printable import type_name

INT32: Final = range(-(2**31), 2**31)
_INT64: Final = range(-(2**63), 2**63)
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})"
)
# The fields of a pod's spec that injection changes.
_SPEC: Final = ("containers", "initContainers", "volumes", "imagePullSecrets")
WORDS: Final = {
    "string": "a string",
    "boolean": "true or false",
    "int32": "a whole number of 32 bits",
    "int64": "a whole number",
    "quantity": "a quantity such as 100m or 1Gi",
    "port": "a port's number or name",
    "time": "a time such as 2026-01-31T12:00:00Z",
}
# Longer keys are near to no field; comparing takes time by the length.
_LONGEST: Final = 64
_COMPARED: Final = 20

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


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with a field or a value; `pointer` starts at what was looked at.

    `refused` is False for what is only noticed: a field that this version of Kubernetes does not have and its
    API server drops, an unknown value near to a known one, a number that is taken as text.
    """

    pointer: str
    message: str
    hint: str = ""
    refused: bool = True


def problems(value: Any, of: Type, pointer: str = "") -> Iterator[FieldProblem]:
    """What is wrong with the fields of a value of a type of the table, in the order of the value.

    A missing field that is required, a type, a text that is not allowed, a field that is not in the
    table: near a known one it is taken for a mistake, else for a field of another version.
    """
    if value is None:
        return
    if isinstance(of, list):
        yield from _of_list(value, of[0], pointer)
    elif isinstance(of, Mapping) and "enum" in of:
        yield from _of_enum(value, of["enum"], pointer)
    elif isinstance(of, Mapping):
        if not isinstance(value, dict):
            yield _expected("a map", value, pointer)
            return
        for key, item in value.items():
            yield from problems(item, of["*"], join(pointer, key))
    elif of in TYPES:
        yield from _of_type(value, of, pointer)
    elif not _is(value, of):
        yield _expected(WORDS[of], value, pointer)


def _of_list(value: Any, of: Type, pointer: str) -> Iterator[FieldProblem]:
    if not isinstance(value, list):
        yield _expected("a list", value, pointer)
        return
    for index, item in enumerate(value):
        yield from problems(item, of, join(pointer, index))


def _of_enum(value: Any, allowed: Sequence[str], pointer: str) -> Iterator[FieldProblem]:
    if value in allowed:
        return
    near = get_close_matches(str(value).lower(), [word.lower() for word in allowed], n=1)
    hint = next((f"did you mean {word}?" for word in allowed if near == [word.lower()]), "")
    yield FieldProblem(pointer, f"one of {', '.join(allowed)} is expected", hint)


def _of_type(value: Any, of: str, pointer: str) -> Iterator[FieldProblem]:
    if not isinstance(value, dict):
        yield _expected("a map", value, pointer)
        return
    fields = _FIELDS[of]
    for key, item in value.items():
        if key in fields:
            yield from problems(item, fields[key], join(pointer, key))
        else:
            yield _unknown(key, fields, join(pointer, key))
    for field in TYPES[of]:
        if field.endswith("!") and value.get(field[:-1]) is None:
            yield FieldProblem(pointer, f"{field[:-1]} is missing", f"add {field[:-1]}")


def _unknown(key: object, fields: Mapping[str, Type], pointer: str) -> FieldProblem:
    near = _nearest(key, fields)
    if near:
        return FieldProblem(pointer, "unknown field", f"did you mean {near}?")
    message = f"the field is not in Kubernetes {KUBERNETES}; the API server of that version drops it"
    return FieldProblem(pointer, message, refused=False)


def _nearest(key: object, fields: Mapping[str, Type]) -> str:
    return next(iter(get_close_matches(str(key)[:_LONGEST], fields, n=1, cutoff=0.75)), "")


def misspelt(value: Any, of: Type, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Fields that are not in the table, with the field that each was probably meant to be.

    Comparing takes time, so that only the first of them are compared.
    """
    for at, key, fields in islice(_not_in_table(value, of, pointer), _COMPARED):
        near = _nearest(key, fields)
        if near:
            yield at, near


def _not_in_table(value: Any, of: Type, pointer: str) -> Iterator[tuple[str, object, Mapping[str, Type]]]:
    if isinstance(of, list):
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from _not_in_table(item, of[0], join(pointer, index))
    elif isinstance(of, Mapping) and "*" in of:
        for key, item in (value if isinstance(value, dict) else {}).items():
            yield from _not_in_table(item, of["*"], join(pointer, key))
    elif isinstance(value, dict) and isinstance(of, str):
        fields = _FIELDS.get(of, {})
        for key, item in value.items():
            at = join(pointer, key)
            if key in fields:
                yield from _not_in_table(item, fields[key], at)
            elif fields:
                yield at, key, fields


def _expected(what: str, value: Any, pointer: str) -> FieldProblem:
    return FieldProblem(pointer, f"{what} is expected, not {type_name(value)}", _hint(what, value))


def _hint(what: str, value: Any) -> str:
    return "put it in quotes" if what == WORDS["string"] and isinstance(value, bool | int | float) else ""
