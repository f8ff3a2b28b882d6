"""Whether a value has any problem with its fields; `pod_fields` says which.

Made into functions once for each type: every admission asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from injector.core.field_forms import FORMS
from injector.core.field_types import FIELDS, Rules, Type, is_of
from injector.core.kubernetes_fields import TYPES


def is_sound(value: Any, of: str, rules: Rules = FIELDS) -> bool:
    """Whether `problems` has nothing to say; this is several times as fast."""
    return value is None or _checker(of, rules)(value)


@cache
def _checker(of: str, rules: Rules) -> Callable[[Any], bool]:
    """A function that says whether a value of that type is sound; null is the absence of a value."""
    return _made(of, rules)


def _made(of: Type, rules: Rules) -> Callable[[Any], bool]:
    if isinstance(of, list):
        return _list_of(_made(of[0], rules))
    if isinstance(of, Mapping):
        return _map_of(of, rules)
    if of not in TYPES:
        return _word(of)
    return _fields_of({f: _made(t, rules) for f, t in rules.fields[of].items()}, rules, rules.required_of(of))


def _list_of(is_item: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if not isinstance(value, list):
            return False
        for item in value:  # noqa: SIM110 (a generator takes twice as long)
            if item is not None and not is_item(item):
                return False
        return True

    return check


def _map_of(of: Mapping[str, Any], rules: Rules) -> Callable[[Any], bool]:
    if "enum" in of:
        allowed = frozenset(of["enum"])
        return lambda value: isinstance(value, str) and (not rules.closed or value in allowed)
    is_item, directives = _made(of["*"], rules), rules.directives

    def check(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        for key, item in value.items():
            sound = isinstance(key, str) and (item is None or is_item(item))
            if not sound and not (directives and str(key).startswith("$")):
                return False
        return True

    return check


def _fields_of(
    checks: Mapping[str, Callable[[Any], bool]], rules: Rules, required: Sequence[str]
) -> Callable[[Any], bool]:
    of, unknown, directives = checks.get, rules.unknown, rules.directives

    def check(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        for field, item in value.items():
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


def _word(word: str) -> Callable[[Any], bool]:
    form = FORMS.get(word)
    if form is not None:
        is_base, holds = _word(form.base), form.holds
        return lambda value: is_base(value) and bool(holds(value))
    if word in ("string", "boolean"):
        kind = str if word == "string" else bool
        return lambda value: isinstance(value, kind)
    return lambda value: is_of(value, word)
