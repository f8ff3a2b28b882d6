"""The types of a profile's values: what is accepted, what it means, and its JSON schema.

A type reads a value as it is meant: `"true"` and `"15020"`, which Helm's --set-string writes, are
true and 15020. Whether a text is empty decides nothing. Null is no value at any place, so that no type
is asked about it. Not here: which value has which type (a profile says that), files and lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from injector.classes import dataclass, replace
from injector.core import pod_fields
from injector.core.field_types import Type
from injector.core.kubernetes_fields import TYPES
from injector.core.pod_fields import FieldProblem
from injector.near import close_matches
from injector.pointer import join
from injector.printable import type_name

_LONGEST: Final = 64
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ValueType:
    """One type. `read` returns the value as it is meant and yields problems by pointers below the value.

    `expected` is what messages and the reference page call it. `text`: a number in its place is one that
    lost its quotes. `usual`: texts that are accepted before the expression is compiled.
    """

    expected: str
    read: Callable[[Any], tuple[Any, tuple[FieldProblem, ...]]]
    schema: Callable[[], Schema]
    text: bool = False
    usual: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """The values as they are meant, and what was noticed."""

    values: dict[str, Any]
    problems: tuple[FieldProblem, ...]


Types = dict[str, "ValueType | Types"]
"""The types of a profile's values; a map for each section."""


def check(tree: Mapping[str, Any], types: Types, *, printed: Callable[[Any], str] | None) -> Checked:
    """Check a tree of values.

    With `printed` a number in the place of a text is taken as that function prints it, and noticed (the
    values of a control plane); without, it is refused (our own file). Keys without a type stay as they are.
    """
    reader = _Reader(printed)
    return Checked(reader.section(tree, types, (), ""), tuple(reader.problems))


def tree_schema(types: Types) -> dict[str, Any]:
    """The JSON schema of a tree of values; null unsets, and a key without a type may be anything."""
    properties = {
        key: tree_schema(of) if isinstance(of, dict) else {"anyOf": [{"type": "null"}, dict(of.schema())]}
        for key, of in types.items()
    }
    return {"type": ["object", "null"], "properties": properties}


def by_path(types: Mapping[str, ValueType]) -> Types:
    """The tree of types that are listed by dotted path."""
    top: Types = {}
    for path, of in types.items():
        *sections, last = path.split(".")
        at = top
        for part in sections:
            below = at.setdefault(part, {})
            assert isinstance(below, dict), f"{path} is below another value"
            at = below
        at[last] = of
    return top


@dataclass(slots=True)
class _Reader:
    """Walks a tree of values next to the tree of their types."""

    printed: Callable[[Any], str] | None
    problems: list[FieldProblem] = field(default_factory=list)

    def section(
        self, tree: Mapping[str, Any], types: Types, path: tuple[str, ...], pointer: str
    ) -> dict[str, Any]:
        out = dict(tree)
        for key, value in tree.items():
            of, at = types.get(key), join(pointer, key)
            if value is None:
                continue
            if of is None:
                self.problems += _unknown(key, types, path, at)
            elif isinstance(of, ValueType):
                out[key], noticed = _read(of, value, self.printed)
                self.problems += [_below(problem, at) for problem in noticed]
            elif isinstance(value, Mapping):
                out[key] = self.section(value, of, (*path, key), at)
            else:
                self.problems.append(FieldProblem(at, f"a map is expected, not {type_name(value)}"))
        return out


def _unknown(key: object, types: Types, path: tuple[str, ...], pointer: str) -> Iterator[FieldProblem]:
    near = close_matches(str(key)[:_LONGEST], types, n=1, cutoff=0.8)
    if near:
        hint = f"did you mean {'.'.join((*path, near[0]))}?"
        yield FieldProblem(pointer, "unknown value; it has no effect", hint, refused=False)


def _read(
    of: ValueType, value: Any, printed: Callable[[Any], str] | None
) -> tuple[Any, tuple[FieldProblem, ...]]:
    if not of.text or isinstance(value, str) or not isinstance(value, bool | int | float):
        return of.read(value)
    if printed is None:
        message = f"{of.expected} is expected, not {type_name(value)}"
        return value, (FieldProblem("", message, "put it in quotes, so that it is read as it is written"),)
    text, problems = of.read(printed(value))
    noticed = FieldProblem("", f"{type_name(value)} is read as text", "put it in quotes", refused=False)
    return text, problems or (noticed,)


def _below(problem: FieldProblem, pointer: str) -> FieldProblem:
    return FieldProblem(pointer + problem.pointer, problem.message, problem.hint, problem.refused)


# --- types --------------------------------------------------------------------------------------


def value_type(take: Callable[[Any], Any], expected: str, schema: Schema, *, text: bool = False) -> ValueType:
    """A type whose function returns the value as it is meant, or raises ValueError with a hint or nothing."""

    def read(value: Any) -> tuple[Any, tuple[FieldProblem, ...]]:
        try:
            return take(value), ()
        except ValueError as error:
            hint = str(error)
            what = "" if hint or isinstance(value, str) else f", not {type_name(value)}"
            return value, (FieldProblem("", f"{expected} is expected{what}", hint),)

    return ValueType(expected, read, lambda: schema, text)


def pattern(
    expression: str,
    expected: str,
    *,
    accepts: Callable[[str], bool] | None = None,
    usual: Collection[str] = (),
) -> ValueType:
    """A text that matches a regular expression as a whole, and what no expression can say."""

    def take(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError
        if value not in usual and not (
            re.fullmatch(expression, value) and (accepts is None or accepts(value))
        ):
            raise ValueError
        return value

    made = value_type(take, expected, {"type": "string", "pattern": f"^(?:{expression})$"}, text=True)
    return replace(made, usual=usual)


def one_of(*words: str) -> ValueType:
    """One of some texts."""
    named = ", ".join(word or '""' for word in words)

    def take(value: Any) -> str:
        if isinstance(value, str) and value in words:
            return value
        near = close_matches(str(value)[:_LONGEST].lower(), [word for word in words if word], n=1)
        raise ValueError(f"did you mean {near[0]}?" if near and isinstance(value, str) else "")

    return value_type(take, f"one of {named}", {"enum": list(words)}, text=True)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    near = isinstance(value, str) and value.strip().lower() in ("true", "false")
    raise ValueError("write it in lower case and without blanks" if near else "")


BOOLEAN: Final = value_type(_boolean, "true or false", {"enum": [True, False, "true", "false"]})


def integer(low: int, high: int) -> ValueType:
    """A whole number from 0 or 1 to a bound, also as its digits."""
    expression = _digits(low, high)

    def take(value: Any) -> int:
        if type(value) is int and low <= value <= high:
            return value
        if type(value) is not str or not re.fullmatch(expression, value):
            raise ValueError
        return int(value)

    of_text = {"type": "string", "pattern": f"^(?:{expression})$"}
    schema = {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, of_text]}
    return value_type(take, f"a whole number from {low} to {high}", schema)


def _digits(low: int, high: int) -> str:
    """A regular expression for the numbers from `low`, which is 0 or 1, to `high`, without leading zeros."""
    text = str(high)
    ways = [f"[1-9][0-9]{{0,{len(text) - 2}}}"] if len(text) > 1 else []
    for place, digit in enumerate(text):
        least = 0 if place else 1
        if int(digit) > least:
            ways.append(f"{text[:place]}[{least}-{int(digit) - 1}][0-9]{{{len(text) - place - 1}}}")
    return "|".join([*(["0"] if low == 0 else []), *ways, text])


TEXT: Final = pattern(r"[^\x00-\x1f\x7f]*", "a text of one line", usual=("", "enabled"))
_NAME: Final = r"[^\s\x00-\x1f\x7f]+"
NAME: Final = pattern(f"(?:{_NAME})?", "a name without blanks", usual=("", "default"))


def _names(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("write it as a list: [NAME]" if isinstance(value, str) else "")
    if not all(isinstance(item, str) and re.fullmatch(_NAME, item) for item in value):
        raise ValueError("each item is the name as a text")
    return value


NAMES: Final = value_type(
    _names,
    "a list of names",
    {"type": "array", "items": {"type": "string", "pattern": f"^{_NAME}$"}},
)


def _free_map(value: Any) -> dict[str, Any]:
    scalars = (str, bool, int, float, type(None))
    if not isinstance(value, dict) or not all(isinstance(item, scalars) for item in value.values()):
        raise ValueError
    return value


SETTINGS: Final = value_type(
    _free_map,
    "a map of texts, numbers or booleans",
    {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
)


def pod_type(name: str, expected: str) -> ValueType:
    """A value that is a type of Kubernetes, such as a Lifecycle or a SeccompProfile."""

    def read(value: Any) -> tuple[Any, tuple[FieldProblem, ...]]:
        if not isinstance(value, dict):
            return value, (FieldProblem("", f"{expected} is expected, not {type_name(value)}"),)
        # An empty map is the absence of a value: nothing is missing in it.
        return value, tuple(pod_fields.problems(value, name)) if value else ()

    return ValueType(
        expected, read, lambda: {"anyOf": [{"type": "object", "maxProperties": 0}, pod_schema(name)]}
    )


def pod_schema(of: Type) -> dict[str, Any]:
    """The JSON schema of a type of Kubernetes. Null is the absence of a value, but for items of lists."""
    if isinstance(of, list):
        return {"type": "array", "items": _or_null(pod_schema(of[0]))}
    if isinstance(of, Mapping):
        if "enum" in of:
            return {"enum": list(of["enum"])}
        return {"type": "object", "additionalProperties": _or_null(pod_schema(of["*"]))}
    fields = TYPES.get(of)
    if fields is None:
        return dict(_SCALARS[of])
    required = [field.removesuffix("!") for field in fields if field.endswith("!")]
    properties = {
        field.removesuffix("!"): pod_schema(inner) if field.endswith("!") else _or_null(pod_schema(inner))
        for field, inner in fields.items()
    }
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    kinds = schema.get("type", [])
    return {**schema, "type": [*([kinds] if isinstance(kinds, str) else kinds), "null"]} if kinds else schema


_QUANTITY: Final = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[KMGTPE]i|[eE][-+]?[0-9]+|[numkMGTPE]?)"
_SCALARS: Final[Mapping[str, Schema]] = {
    "any": {},
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int32": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"type": "integer"},
    "quantity": {"type": ["string", "number"], "pattern": f"^(?:{_QUANTITY})$"},
    "port": {"type": ["string", "integer"]},
    "time": {"type": "string"},
}
RESOURCES: Final = pod_type("ResourceRequirements", "a map with requests and limits")
