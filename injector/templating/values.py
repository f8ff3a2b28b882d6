"""The values that templates compute with: JSON's, and what each is called, or becomes, outside.

A value that has no text or no JSON is refused here, in words of JSON. What a template may do with
a value belongs to `sandbox`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from jinja2.runtime import Macro, Undefined

from injector.classes import dataclass
from injector.templating.budget import LIST, NODE, SIZED, Refused, RenderBudget

NUMBER: Final = (int, float)


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a value that a template has named and may call."""

    owner: Any
    name: str


def kind(value: object) -> str:
    """What a value is, in the words of JSON."""
    words: list[tuple[type | tuple[type, ...], str]] = [
        (type(None), "null"),
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "a string"),
        ((list, tuple), "a list"),
        (dict, "a map"),
        (Undefined, "undefined"),
        (Macro, "a macro"),
        ((Method, Callable), "a function"),  # type: ignore[list-item]
    ]
    return next((word for types, word in words if isinstance(value, types)), "an internal object")


def defined(value: object) -> None:
    """Raise what an undefined value raises when it is used."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()


def text_of(value: object, label: str = "") -> str:
    """The text of a scalar: booleans and numbers as JSON writes them. Refused: null, lists, maps."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, NUMBER):
        return _number_text(value)
    defined(value)
    hints = {
        "null": "use | default(...), or output it alone as a plain value",
        "a list": "use `| join(...)` or `| tojson`, or output it alone as a plain value",
        "a map": "use `| tojson`, or output it alone as a plain value",
        "a macro": "call it: put () after it",
        "a function": "call it: put () after it",
    }
    what = kind(value)
    raise Refused(f"{_subject(label)} is {what}, which cannot be output as text", hints.get(what, ""))


def json_of(value: object, run: RenderBudget, label: str = "") -> Any:
    """A copy of a value that is shaped as JSON: tuples are lists. Refused: anything else."""
    if isinstance(value, str):
        run.charge(len(value))
        return value
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        _number_text(value)
        return value
    if isinstance(value, LIST):
        run.charge(len(value) * NODE)
        return [json_of(item, run, label) for item in value]
    if isinstance(value, dict):
        run.charge(len(value) * NODE)
        return {_key(key, label): json_of(item, run, label) for key, item in value.items()}
    defined(value)
    raise Refused(f"{_subject(label)} is or holds {kind(value)}", "only JSON values can be output")


def numeric(value: Any) -> Any:
    """The value itself, if it is a number. Else `%` and `*` would format and repeat texts."""
    defined(value)
    if not isinstance(value, NUMBER):
        raise Refused(f"a number is expected, not {kind(value)}")
    return value


def listed(value: Any, run: RenderBudget, verb: str = "list") -> Any:
    """The value, a step charged for each of its items. Refused: what is no list, map or string."""
    defined(value)
    if not isinstance(value, SIZED):
        raise Refused(f"cannot {verb} {kind(value)}", "a list, a map or a string is expected")
    run.step(len(value))
    return value


def _subject(label: str) -> str:
    return f"`{label}`" if label else "the value"


def _key(key: object, label: str) -> str:
    if not isinstance(key, str):
        raise Refused(f"{_subject(label)} has a key that is {kind(key)}", "keys must be strings")
    return key


def _number_text(value: int | float) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        raise Refused("a number is infinite, not a number, or too large") from None
