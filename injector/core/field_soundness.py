"""Whether a value has any problem with its fields; `pod_fields` says which.

Made into functions once for each type and field that is met: every admission asks, and a command meets few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from injector.core.field_types import FIELDS, Rules, Type, predicate_of
from injector.core.kubernetes_fields import TYPES
from injector.parts import NONE, Parts

_Check = Callable[[Any, Parts], bool]

_TEXT: Final = "string"


def is_sound(value: Any, of: str, rules: Rules = FIELDS, parts: Parts = NONE) -> bool:
    """Whether `problems` has nothing to say; this is several times as fast.

    Each of the `parts` is looked at once for each type.
    """
    return value is None or _checker(of, rules)(value, parts)


@cache
def _checker(of: str, rules: Rules) -> _Check:
    """A function that says whether a value of that type is sound; null is the absence of a value."""
    if of not in TYPES:
        is_of = predicate_of(of)
        return lambda value, _parts: is_of(value)
    return _fields_of(rules.fields[of], rules, rules.required_of(of))


def _made(of: Type, rules: Rules) -> _Check:
    if isinstance(of, list):
        return _list_of(of[0], rules)
    return _map_of(of, rules) if isinstance(of, Mapping) else _checker(of, rules)


def _list_of(of: Type, rules: Rules) -> _Check:
    is_item, may_be_text = _made(of, rules), of == _TEXT

    def check(value: Any, parts: Parts) -> bool:
        if not isinstance(value, list):
            return False
        for item in value:
            if not ((may_be_text and type(item) is str) or item is None or is_item(item, parts)):
                return False
        return True

    return check


def _map_of(of: Mapping[str, Any], rules: Rules) -> _Check:
    if "enum" in of:
        allowed = frozenset(of["enum"])
        return lambda value, _parts: isinstance(value, str) and (not rules.closed or value in allowed)
    is_item, may_be_text, directives = _made(of["*"], rules), of["*"] == _TEXT, rules.directives

    def check(value: Any, parts: Parts) -> bool:
        if not isinstance(value, dict):
            return False
        for key, item in value.items():
            if may_be_text and type(key) is str and type(item) is str:
                continue
            sound = isinstance(key, str) and (item is None or is_item(item, parts))
            if not sound and not (directives and str(key).startswith("$")):
                return False
        return True

    return check


def _fields_of(fields: Mapping[str, Type], rules: Rules, required: Sequence[str]) -> _Check:
    has_sound_fields = _sound_fields(fields, rules, required)

    def check(value: Any, parts: Parts) -> bool:
        part = parts.of(id(value))
        if part is not None and check in part.passed:
            return True
        sound = isinstance(value, dict) and has_sound_fields(value, parts)
        if sound and part is not None:
            part.passed.add(check)
        return sound

    return check


class _FieldChecks(dict[Any, _Check | None]):
    """The check of each field, made when it is first asked for; None for an unknown one."""

    def __init__(self, fields: Mapping[str, Type], rules: Rules) -> None:
        super().__init__()
        self._fields, self._rules = fields, rules

    def __missing__(self, field: Any) -> _Check | None:
        if field not in self._fields:
            return None
        self[field] = check = _made(self._fields[field], self._rules)
        return check


def _sound_fields(fields: Mapping[str, Type], rules: Rules, required: Sequence[str]) -> _Check:
    of = _FieldChecks(fields, rules)
    texts = frozenset(field for field, type_ in fields.items() if type_ == _TEXT)
    unknown, directives = rules.unknown, rules.directives

    def check(value: Any, parts: Parts) -> bool:
        for field, item in value.items():
            # Most are texts, and need no call.
            if type(item) is str and field in texts:
                continue
            is_field = of[field]
            if is_field is None:
                if unknown and not (directives and str(field).startswith("$")):
                    return False
            elif item is not None and not is_field(item, parts):
                return False
        for field in required:  # noqa: SIM110 (a generator takes twice as long)
            if value.get(field) is None:
                return False
        return True

    return check
