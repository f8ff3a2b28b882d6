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
from injector.parts import NONE, Parts

_Check = Callable[[Any, Parts], bool]


def is_sound(value: Any, of: str, rules: Rules = FIELDS, parts: Parts = NONE) -> bool:
    """Whether `problems` has nothing to say; this is several times as fast.

    Each of the `parts` is looked at once for each type.
    """
    return value is None or _checker(of, rules)(value, parts)


@cache
def _checker(of: str, rules: Rules) -> _Check:
    """A function that says whether a value of that type is sound; null is the absence of a value."""
    return _made(of, rules)


def _made(of: Type, rules: Rules) -> _Check:
    if isinstance(of, list):
        return _list_of(_made(of[0], rules))
    if isinstance(of, Mapping):
        return _map_of(of, rules)
    if of not in TYPES:
        return _word(of)
    return _fields_of({f: _made(t, rules) for f, t in rules.fields[of].items()}, rules, rules.required_of(of))


def _list_of(is_item: _Check) -> _Check:
    def check(value: Any, parts: Parts) -> bool:
        if not isinstance(value, list):
            return False
        for item in value:  # noqa: SIM110 (a generator takes twice as long)
            if item is not None and not is_item(item, parts):
                return False
        return True

    return check


def _map_of(of: Mapping[str, Any], rules: Rules) -> _Check:
    if "enum" in of:
        allowed = frozenset(of["enum"])
        return lambda value, _parts: isinstance(value, str) and (not rules.closed or value in allowed)
    is_item, directives = _made(of["*"], rules), rules.directives

    def check(value: Any, parts: Parts) -> bool:
        if not isinstance(value, dict):
            return False
        for key, item in value.items():
            sound = isinstance(key, str) and (item is None or is_item(item, parts))
            if not sound and not (directives and str(key).startswith("$")):
                return False
        return True

    return check


def _fields_of(checks: Mapping[str, _Check], rules: Rules, required: Sequence[str]) -> _Check:
    of, unknown, directives = checks.get, rules.unknown, rules.directives

    def check(value: Any, parts: Parts) -> bool:
        if not isinstance(value, dict):
            return False
        part = parts.of(id(value))
        if part is not None and check in part.passed:
            return True
        for field, item in value.items():
            is_field = of(field)
            if is_field is None:
                if unknown and not (directives and str(field).startswith("$")):
                    return False
            elif item is not None and not is_field(item, parts):
                return False
        for field in required:
            if value.get(field) is None:
                return False
        if part is not None:
            part.passed.add(check)
        return True

    return check


def _word(word: str) -> _Check:
    form = FORMS.get(word)
    if form is not None:
        is_base, holds = _word(form.base), form.holds
        return lambda value, parts: is_base(value, parts) and bool(holds(value))
    if word in ("string", "boolean"):
        kind = str if word == "string" else bool
        return lambda value, _parts: isinstance(value, kind)
    return lambda value, _parts: is_of(value, word)
