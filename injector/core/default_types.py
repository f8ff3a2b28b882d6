"""The types of a profile without a table of its own: those of its defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from injector.core.value_types import BOOLEAN, Types, ValueType, pattern, value_type

_ANYTHING: Final = ValueType("anything", lambda value: (value, ()), dict)
_LINES: Final = pattern(r"[\s\S]*", "a text")


_NUMBER: Final = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?"


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not re.fullmatch(_NUMBER, value):
        raise ValueError
    return float(value) if "." in value else int(value)


NUMBER: Final = value_type(
    _number, "a number", {"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^(?:{_NUMBER})$"}]}
)


def _list(value: Any) -> Any:
    if not isinstance(value, list):
        raise ValueError
    return value


def _map(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError
    return value


LIST: Final = value_type(_list, "a list", {"type": "array"})
MAP: Final = value_type(_map, "a map", {"type": "object"})


def types_of(defaults: Mapping[str, Any]) -> Types:
    """The types that the defaults of a profile have. A null may become anything."""
    return {
        key: types_of(value) if isinstance(value, Mapping) and value else _type_of(value)
        for key, value in defaults.items()
    }


def _type_of(default: Any) -> ValueType:
    by_type = {bool: BOOLEAN, int: NUMBER, float: NUMBER, str: _LINES, list: LIST, dict: MAP}
    return by_type.get(type(default), _ANYTHING)
