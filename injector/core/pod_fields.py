"""The types of a pod's fields, as the API server reads them.

It answers a patch with a field of another type with its own HTTP 500, which names no annotation.
Not here: what a volume may be and where it may be mounted, and what the stages take for granted
(workload.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from injector.classes import dataclass
from injector.core.field_forms import FORMS
from injector.core.field_soundness import is_sound
from injector.core.field_types import FIELDS, TYPES_ALONE, WORDS, Rules, Type, is_of
from injector.core.kubernetes_fields import KUBERNETES, TYPES
from injector.near import close_matches
from injector.pointer import join
from injector.printable import type_name

# The fields of a pod's spec that injection changes.
_SPEC: Final = ("containers", "initContainers", "volumes", "imagePullSecrets")
# Longer keys are near to no field; comparing takes time by the length.
_LONGEST: Final = 64
_COMPARED: Final = 20


def is_spec(value: Any) -> bool:
    """Whether the containers, volumes and pull secrets of a pod's spec have Kubernetes' types."""
    if isinstance(value, dict):
        value = {field: item for field, item in value.items() if field in _SPEC}
    return is_sound(value, "PodSpec", TYPES_ALONE)


def are_volumes(value: Any) -> bool:
    """Whether a value maps names to volumes whose fields have Kubernetes' types."""
    return _fit_all(value, "Volume")


def are_mounts(value: Any) -> bool:
    """Whether a value maps names to mounts whose fields have Kubernetes' types."""
    return _fit_all(value, "VolumeMount")


def _fit_all(value: Any, of: str) -> bool:
    return isinstance(value, dict) and all(
        item is not None and is_sound(item, of, TYPES_ALONE) for item in value.values()
    )


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with a field or a value; `pointer` starts at what was looked at.

    `refused` is False for what is only noticed: a field that this version of Kubernetes does not have and its
    API server drops, an unknown value near to a known one, a number that is taken as text. `unknown` says
    that it is a field that is not in the table.
    """

    pointer: str
    message: str
    hint: str = ""
    refused: bool = True
    unknown: bool = False


def problems(value: Any, of: Type, pointer: str = "", rules: Rules = FIELDS) -> Iterator[FieldProblem]:
    """What is wrong with the fields of a value of a type of the table, in the order of the value.

    A missing field that is required, a type, a text that is not allowed, a field that is not in the
    table: near a known one it is taken for a mistake, else for a field of another version. Comparing
    takes time, so that only the first unknown fields are compared.
    """
    return _Walk(rules).of(value, of, pointer)


@dataclass(slots=True)
class _Walk:
    """One search for problems. `compared` counts the unknown fields that were compared with known ones."""

    rules: Rules
    compared: int = 0

    def of(self, value: Any, of: Type, pointer: str) -> Iterator[FieldProblem]:
        if value is None:
            return
        if isinstance(of, list):
            yield from self._of_list(value, of[0], pointer)
        elif isinstance(of, Mapping) and "enum" in of:
            if self.rules.closed or not isinstance(value, str):
                yield from _of_enum(value, of["enum"], pointer)
        elif isinstance(of, Mapping):
            yield from self._of_map(value, of, pointer)
        elif of in TYPES:
            yield from self._of_type(value, of, pointer)
        elif not is_of(value, of):
            yield _expected(of, value, pointer)

    def _of_list(self, value: Any, of: Type, pointer: str) -> Iterator[FieldProblem]:
        if not isinstance(value, list):
            yield _not_a("a list", value, pointer)
            return
        for index, item in enumerate(value):
            yield from self.of(item, of, join(pointer, index))

    def _of_map(self, value: Any, of: Mapping[str, Any], pointer: str) -> Iterator[FieldProblem]:
        if not isinstance(value, dict):
            yield _not_a("a map", value, pointer)
            return
        for key, item in value.items():
            if self._is_directive(key):
                continue
            at = join(pointer, key)
            if not isinstance(key, str):
                yield FieldProblem(at, "a string is expected as the key", "put it in quotes")
            yield from self.of(item, of["*"], at)

    def _of_type(self, value: Any, of: str, pointer: str) -> Iterator[FieldProblem]:
        if not isinstance(value, dict):
            yield _not_a("a map", value, pointer)
            return
        fields = self.rules.fields[of]
        for key, item in value.items():
            if key in fields:
                yield from self.of(item, fields[key], join(pointer, key))
            elif self.rules.unknown and not self._is_directive(key):
                yield self._unknown(key, fields, join(pointer, key))
        for field in self.rules.required_of(of):
            if value.get(field) is None:
                yield FieldProblem(pointer, f"{field} is missing", f"add {field}")

    def _is_directive(self, key: object) -> bool:
        return self.rules.directives and str(key).startswith("$")

    def _unknown(self, key: object, fields: Mapping[str, Type], pointer: str) -> FieldProblem:
        self.compared += 1
        near = _nearest(key, fields) if self.compared <= _COMPARED else ""
        if near:
            return FieldProblem(pointer, "unknown field", f"did you mean {near}?", unknown=True)
        message = f"the field is not in Kubernetes {KUBERNETES}; the API server of that version drops it"
        return FieldProblem(pointer, message, refused=False, unknown=True)


def _of_enum(value: Any, allowed: Sequence[str], pointer: str) -> Iterator[FieldProblem]:
    if value in allowed:
        return
    near = close_matches(str(value)[:_LONGEST].lower(), [word.lower() for word in allowed], n=1)
    hint = next((f"did you mean {word}?" for word in allowed if near == [word.lower()]), "")
    yield FieldProblem(pointer, f"one of {', '.join(allowed)} is expected", hint)


def _nearest(key: object, fields: Mapping[str, Type]) -> str:
    return next(iter(close_matches(str(key)[:_LONGEST], fields, n=1, cutoff=0.75)), "")


def _expected(word: str, value: Any, pointer: str) -> FieldProblem:
    form = FORMS.get(word)
    if form is None:
        return _not_a(WORDS[word], value, pointer)
    if not is_of(value, form.base):
        return _not_a(form.words, value, pointer, as_text=form.base == "string")
    return FieldProblem(pointer, f"{form.words} is expected")


def _not_a(what: str, value: Any, pointer: str, *, as_text: bool = False) -> FieldProblem:
    quotes = (as_text or what == WORDS["string"]) and isinstance(value, bool | int | float)
    message = f"{what} is expected, not {type_name(value)}"
    return FieldProblem(pointer, message, "put it in quotes" if quotes else "")
