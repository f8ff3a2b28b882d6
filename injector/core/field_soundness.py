"""Whether a value has any problem with its fields; `pod_fields` says which.

Made into functions once for each type and field that is met: every admission asks, and a command meets few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from injector.core.field_types import FIELDS, Rules, Type, predicate_of
from injector.core.kubernetes_fields import TYPES
from injector.parts import NONE, KnownPart, Parts

_PartOf = Callable[[int], KnownPart | None]
_Check = Callable[[Any, _PartOf], bool]

_TEXT: Final = "string"
_PLAIN: Final[Mapping[type, str]] = {str: _TEXT, bool: "boolean"}
_NO_FIELDS: Final[frozenset[str]] = frozenset()


def is_sound(value: Any, of: str, rules: Rules = FIELDS, parts: Parts = NONE) -> bool:
    """Whether `problems` has nothing to say; this is several times as fast.

    Each of the `parts` is looked at once for each type.
    """
    return value is None or _checker(of, rules)(value, parts.of)


@cache
def _checker(of: str, rules: Rules) -> _Check:
    """A function that says whether a value of that type is sound; null is the absence of a value."""
    if of not in TYPES:
        is_of = predicate_of(of)
        return lambda value, _part_of: is_of(value)
    return _fields_of(rules.fields[of], rules, rules.required_of(of))


def _made(of: Type, rules: Rules) -> _Check:
    if isinstance(of, list):
        return _list_of(of[0], rules)
    return _map_of(of, rules) if isinstance(of, Mapping) else _checker(of, rules)


def _list_of(of: Type, rules: Rules) -> _Check:
    is_item, may_be_text = _made(of, rules), of == _TEXT

    def check(value: Any, part_of: _PartOf) -> bool:
        if not isinstance(value, list):
            return False
        for item in value:
            if not ((may_be_text and type(item) is str) or item is None or is_item(item, part_of)):
                return False
        return True

    return check


def _map_of(of: Mapping[str, Any], rules: Rules) -> _Check:
    if "enum" in of:
        allowed = frozenset(of["enum"])
        return lambda value, _part_of: isinstance(value, str) and (not rules.closed or value in allowed)
    is_item, may_be_text, directives = _made(of["*"], rules), of["*"] == _TEXT, rules.directives

    def check(value: Any, part_of: _PartOf) -> bool:
        if not isinstance(value, dict):
            return False
        for key, item in value.items():
            if may_be_text and type(key) is str and type(item) is str:
                continue
            sound = isinstance(key, str) and (item is None or is_item(item, part_of))
            if not sound and not (directives and str(key).startswith("$")):
                return False
        return True

    return check


def _fields_of(fields: Mapping[str, Type], rules: Rules, required: Sequence[str]) -> _Check:
    has_sound_fields = _sound_fields(fields, rules)

    # One call for each map of a pod: what most of them need is looked at here.
    def check(value: Any, part_of: _PartOf) -> bool:
        part = part_of(id(value))
        if part is not None and check in part.passed:
            return True
        if not isinstance(value, dict) or not has_sound_fields(value, part_of):
            return False
        for field in required:
            if value.get(field) is None:
                return False
        if part is not None:
            part.passed.add(check)
        return True

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


def _sound_fields(fields: Mapping[str, Type], rules: Rules) -> _Check:
    of = _FieldChecks(fields, rules)
    # Fields that need no call where the value has this type.
    plain = {
        kind: frozenset(field for field, type_ in fields.items() if type_ == name)
        for kind, name in _PLAIN.items()
    }.get
    unknown, directives = rules.unknown, rules.directives

    def check(value: Any, part_of: _PartOf) -> bool:
        for field, item in value.items():
            if field in plain(type(item), _NO_FIELDS):
                continue
            is_field = of[field]
            if is_field is None:
                if unknown and not (directives and str(field).startswith("$")):
                    return False
            elif item is not None and not is_field(item, part_of):
                return False
        return True

    return check
