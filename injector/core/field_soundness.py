"""Whether a value has any problem with its fields; `pod_fields` says which.

Made into functions once for each type: every admission asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from injector.core.field_types import FIELDS, Rules, Type, predicate_of
from injector.core.kubernetes_fields import TYPES

_TEXT: Final = "string"


def is_sound(value: Any, of: str, rules: Rules = FIELDS) -> bool:
    """Whether `problems` has nothing to say; this is several times as fast."""
    return value is None or _checker(of, rules)(value)


@cache
def _checker(of: str, rules: Rules) -> Callable[[Any], bool]:
    """A function that says whether a value of that type is sound; null is the absence of a value."""
    return _made(of, rules)


def _made(of: Type, rules: Rules) -> Callable[[Any], bool]:
    if isinstance(of, list):
        return _list_of(of[0], rules)
    if isinstance(of, Mapping):
        return _map_of(of, rules)
    if of not in TYPES:
        return predicate_of(of)
    return _fields_of(rules.fields[of], rules, rules.required_of(of))


def _list_of(of: Type, rules: Rules) -> Callable[[Any], bool]:
    is_item, may_be_text = _made(of, rules), of == _TEXT

    def check(value: Any) -> bool:
        if not isinstance(value, list):
            return False
        for item in value:  # noqa: SIM110 (a generator takes twice as long)
            if not ((may_be_text and type(item) is str) or item is None or is_item(item)):
                return False
        return True

    return check


def _map_of(of: Mapping[str, Any], rules: Rules) -> Callable[[Any], bool]:
    if "enum" in of:
        allowed = frozenset(of["enum"])
        return lambda value: isinstance(value, str) and (not rules.closed or value in allowed)
    is_item, may_be_text, directives = _made(of["*"], rules), of["*"] == _TEXT, rules.directives

    def check(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        for key, item in value.items():
            if may_be_text and type(key) is str and type(item) is str:
                continue
            sound = isinstance(key, str) and (item is None or is_item(item))
            if not sound and not (directives and str(key).startswith("$")):
                return False
        return True

    return check


def _fields_of(fields: Mapping[str, Type], rules: Rules, required: Sequence[str]) -> Callable[[Any], bool]:
    of = {field: _made(type_, rules) for field, type_ in fields.items()}.get
    texts = frozenset(field for field, type_ in fields.items() if type_ == _TEXT)
    unknown, directives = rules.unknown, rules.directives

    def check(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        for field, item in value.items():
            # Most are texts, and need no call.
            if type(item) is str and field in texts:
                continue
            is_field = of(field)
            if is_field is None:
                if unknown and not (directives and str(field).startswith("$")):
                    return False
            elif item is not None and not is_field(item):
                return False
        for field in required:  # noqa: SIM110 (a generator takes twice as long)
            if value.get(field) is None:
                return False
        return True

    return check
