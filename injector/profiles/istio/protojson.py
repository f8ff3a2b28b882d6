"""Types of the mesh API's messages: reading trees as upstream's reader does, and proto JSON text.

Here: the vocabulary in which proxyconfig.py and meshconfig.py write their tables of fields.
Not here: any field, default or rule of a message, and no YAML.

A value is kept in its canonical form, which is the proto JSON form: camelCase names, enums by
name, durations as ``"1.500s"``, 64-bit integers as text. Every `read` raises ValueError with the
path and the expectation; what was found is named by its kind only, since it may be free text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from injector.durations import nanoseconds

Tree = dict[str, Any]

_INTEGER_TEXT = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_NUMBER_TEXT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
# What Go's JSON writer escapes beyond what JSON demands.
_ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


class Type(Protocol):
    """How the values of one field are read and written."""

    def read(self, raw: object, path: str) -> Any:
        """The canonical form of `raw`, which is not None."""

    def empty(self) -> Any:
        """What a null inside a list or map stands for."""

    def shape(self, value: Any) -> Any:
        """`value` without what proto JSON leaves out, messages in declaration order."""

    def is_zero(self, value: Any) -> bool:
        """Whether proto JSON leaves the value out."""


@dataclass(frozen=True, slots=True)
class TextType:
    """A string."""

    def read(self, raw: object, path: str) -> str:
        if not isinstance(raw, str):
            raise _unexpected(path, "text", raw)
        return raw

    def empty(self) -> str:
        return ""

    def shape(self, value: Any) -> Any:
        return value

    def is_zero(self, value: Any) -> bool:
        return bool(value == "")


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean; the words "true" and "false" as text are none."""

    def read(self, raw: object, path: str) -> bool:
        if not isinstance(raw, bool):
            raise _unexpected(path, "true or false", raw)
        return raw

    def empty(self) -> bool:
        return False

    def shape(self, value: Any) -> Any:
        return value

    def is_zero(self, value: Any) -> bool:
        return value is False


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number from `low` to `high`; JSON digits as text are accepted, as upstream does."""

    low: int
    high: int
    as_text: bool = False

    def read(self, raw: object, path: str) -> int | str:
        number = _whole(raw)
        if number is None or not self.low <= number <= self.high:
            raise _unexpected(path, f"a whole number from {self.low} to {self.high}", raw)
        return str(number) if self.as_text else number

    def empty(self) -> int | str:
        return "0" if self.as_text else 0

    def shape(self, value: Any) -> Any:
        return value

    def is_zero(self, value: Any) -> bool:
        return value in (0, "0")


@dataclass(frozen=True, slots=True)
class Double:
    """A floating point number; the words NaN, Infinity and -Infinity stand for themselves."""

    def read(self, raw: object, path: str) -> int | float | str:
        if isinstance(raw, str) and raw in ("NaN", "Infinity", "-Infinity"):
            return raw
        number = _finite(raw)
        if number is None:
            raise _unexpected(path, "a number", raw)
        return int(number) if number.is_integer() and abs(number) < 2**53 else number

    def empty(self) -> int:
        return 0

    def shape(self, value: Any) -> Any:
        return value

    def is_zero(self, value: Any) -> bool:
        return bool(value == 0)


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of time: ``10s``, ``1h30m``, ``-0.5s``. An explicit zero is kept."""

    def read(self, raw: object, path: str) -> str:
        if isinstance(raw, str):
            duration = nanoseconds(raw)
            if duration is not None:
                return duration_text(duration)
        raise _unexpected(path, "a duration such as 10s, 1m30s or 500ms", raw)

    def empty(self) -> str:
        return "0s"

    def shape(self, value: Any) -> Any:
        return value

    def is_zero(self, value: Any) -> bool:
        return False


class Enum:
    """One of `names`, by name or number; a number without a name stays a number."""

    def __init__(self, **names: int) -> None:
        self.names = names
        self._by_number = {number: name for name, number in names.items()}

    def read(self, raw: object, path: str) -> str | int:
        if isinstance(raw, str) and raw in self.names:
            return raw
        number = None if isinstance(raw, str) else _whole(raw)
        if number is None or not -(2**31) <= number < 2**31:
            raise _unexpected(path, f"one of {', '.join(self.names)}", raw)
        return self._by_number.get(number, number)

    def empty(self) -> str | int:
        return self._by_number.get(0, 0)

    def shape(self, value: Any) -> Any:
        return value

    def is_zero(self, value: Any) -> bool:
        return bool(value == self.empty())


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A scalar whose zero value counts as given."""

    inner: Type

    def read(self, raw: object, path: str) -> Any:
        return self.inner.read(raw, path)

    def empty(self) -> Any:
        return self.inner.empty()

    def shape(self, value: Any) -> Any:
        return value

    def is_zero(self, value: Any) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; a null in it is the element's zero value."""

    inner: Type

    def read(self, raw: object, path: str) -> list[Any]:
        if not isinstance(raw, list):
            raise _unexpected(path, "a list", raw)
        return [
            self.inner.empty() if item is None else self.inner.read(item, f"{path}[{index}]")
            for index, item in enumerate(raw)
        ]

    def empty(self) -> list[Any]:
        return []

    def shape(self, value: Any) -> Any:
        return [self.inner.shape(item) for item in value]

    def is_zero(self, value: Any) -> bool:
        return not value


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from text; a null in it is the zero value. Written in the order of its keys."""

    inner: Type

    def read(self, raw: object, path: str) -> Tree:
        if not isinstance(raw, dict):
            raise _unexpected(path, "a map", raw)
        # The key stays out of the path: it is as free as the value.
        return {
            str(key): self.inner.empty() if item is None else self.inner.read(item, f"{path}[*]")
            for key, item in raw.items()
        }

    def empty(self) -> Tree:
        return {}

    def shape(self, value: Any) -> Any:
        return {key: self.inner.shape(value[key]) for key in sorted(value)}

    def is_zero(self, value: Any) -> bool:
        return not value


@dataclass(frozen=True, slots=True)
class Untyped:
    """Anything, kept as it is."""

    def read(self, raw: object, path: str) -> Any:
        return raw

    def empty(self) -> None:
        return None

    def shape(self, value: Any) -> Any:
        return value

    def is_zero(self, value: Any) -> bool:
        return value is None


class Message:
    """Fields by their proto names, in declaration order.

    `one_of` lists groups of fields of which the one declared last counts. An `open` message keeps
    unknown fields, the others drop them: both tolerate them.
    """

    def __init__(
        self,
        fields: Mapping[str, Type],
        *,
        one_of: tuple[tuple[str, ...], ...] = (),
        open: bool = False,
    ) -> None:
        self.fields = {camel_case(name): kind for name, kind in fields.items()}
        self.one_of = tuple(tuple(camel_case(name) for name in group) for group in one_of)
        self._open = open
        self._spellings = {camel_case(name): name for name in fields}
        self._known = {*self.fields, *self._spellings.values()}
        self._chosen = frozenset(name for group in self.one_of for name in group)

    def read(self, raw: object, path: str) -> Tree:
        if not isinstance(raw, dict):
            raise _unexpected(path, "a map of fields", raw)
        result: Tree = {}
        for name, kind in self.fields.items():
            # The camelCase spelling wins where both are given, even when it is null.
            value = raw.get(name) if name in raw else raw.get(self._spellings[name])
            if value is not None:
                self.settle(result, name)
                result[name] = kind.read(value, f"{path}.{name}")
        if self._open:
            result |= {key: raw[key] for key in raw if key not in self._known and raw[key] is not None}
        return result

    def settle(self, config: Tree, name: str) -> None:
        """Drop from `config` the fields that cannot stand beside field `name`."""
        for group in self.one_of:
            if name in group:
                for other in group:
                    config.pop(other, None)

    def empty(self) -> Tree:
        return {}

    def shape(self, value: Any) -> Any:
        result: Tree = {}
        for name, kind in self.fields.items():
            if name in value and (name in self._chosen or not kind.is_zero(value[name])):
                result[name] = kind.shape(value[name])
        if self._open:
            result |= {key: value[key] for key in value if key not in self.fields}
        return result

    def is_zero(self, value: Any) -> bool:
        return False


TEXT = TextType()
FLAG = Flag()
INT32 = Integer(-(2**31), 2**31 - 1)
UINT32 = Integer(0, 2**32 - 1)
INT64 = Integer(-(2**63), 2**63 - 1, as_text=True)
DOUBLE = Double()
DURATION = Duration()
UNTYPED = Untyped()


def camel_case(name: str) -> str:
    """The JSON name of a proto field: ``proxy_admin_port`` is ``proxyAdminPort``."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def duration_text(duration: int) -> str:
    """Proto JSON of a duration in nanoseconds: 0, 3, 6 or 9 decimals."""
    seconds, rest = divmod(abs(duration), 10**9)
    decimals = f".{rest:09d}".removesuffix("000").removesuffix("000") if rest else ""
    return f"{'-' if duration < 0 else ''}{seconds}{decimals}s"


def number_text(value: int | float) -> str:
    """JSON of a 64-bit float as Go prints it: exponents from 1e21 and below 1e-6."""
    number = float(value)
    exact = Decimal(repr(number)).normalize()
    return format(exact, "f" if number == 0 or 1e-6 <= abs(number) < 1e21 else "e")


def json_text(value: Any) -> str:
    """Compact JSON as upstream writes it: keys in their order, ``<``, ``>`` and ``&`` escaped."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(key)}:{json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, float):
        return number_text(value)
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPED)


def _unexpected(path: str, expected: str, raw: object) -> ValueError:
    words = ((bool, "boolean"), (int | float, "number"), (str, "text"), (list, "list"), (dict, "map"))
    kind = next((word for types, word in words if isinstance(raw, types)), "null")
    return ValueError(f"{path}: {expected} is expected, not this {kind}")


def _whole(raw: object) -> int | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, float):
        return int(raw) if raw.is_integer() else None
    if isinstance(raw, str):
        digits = raw.strip(" \t\r\n")
        # Longer text is out of every range; int() refuses very long text by itself.
        return int(digits) if _INTEGER_TEXT.fullmatch(digits) and len(digits) < 30 else None
    return raw if isinstance(raw, int) else None


def _finite(raw: object) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    if isinstance(raw, str) and not _NUMBER_TEXT.fullmatch(raw.strip(" \t\r\n")):
        return None
    try:
        number = float(raw)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
