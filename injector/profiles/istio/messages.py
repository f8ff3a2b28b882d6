"""Types of the mesh API's messages: reading trees as upstream's reader does.

Here: the vocabulary in which proxyconfig.py and meshconfig.py write their tables of fields.
Not here: any field, default or rule of a message, no YAML, and the text (protojson.py).

A value is kept in its canonical form, which is the proto JSON form: camelCase names, enums by
name, durations as ``"1.500s"``, 64-bit integers as text. Every `read` raises ValueError with the
path and the expectation; the value is described by its kind only, since it may be free text.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from injector.classes import dataclass
from injector.durations import nanoseconds
from injector.patterns import pattern
from injector.printable import shown
from injector.profiles.istio.protojson import camel_case, duration_text

Tree = dict[str, Any]

_INTEGER_TEXT = pattern(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_NUMBER_TEXT = pattern(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)


class Type(ABC):
    """How the values of one field are read and written. `keeps_zero`: an explicit zero value is written."""

    __slots__ = ()
    keeps_zero: ClassVar[bool] = False

    @abstractmethod
    def read(self, raw: object, path: str) -> Any:
        """The canonical form of `raw`, which is not None. ValueError for what the type does not accept."""

    @abstractmethod
    def empty(self) -> Any:
        """What a null inside a list or map stands for, which is also the zero value."""

    def shape(self, value: Any) -> Any:
        """`value` without what proto JSON leaves out, messages in declaration order."""
        return value

    def is_zero(self, value: Any) -> bool:
        """Whether proto JSON leaves the value out."""
        return not self.keeps_zero and bool(value == self.empty())


@dataclass(frozen=True, slots=True)
class TextType(Type):
    """A string."""

    def read(self, raw: object, path: str) -> str:
        """The text, unchanged."""
        if not isinstance(raw, str):
            raise _unexpected(path, "text", raw)
        return raw

    def empty(self) -> str:
        """The empty text."""
        return ""


@dataclass(frozen=True, slots=True)
class Flag(Type):
    """A boolean; the words "true" and "false" as text are none."""

    def read(self, raw: object, path: str) -> bool:
        """The boolean, unchanged."""
        if not isinstance(raw, bool):
            raise _unexpected(path, "true or false", raw)
        return raw

    def empty(self) -> bool:
        """False."""
        return False


@dataclass(frozen=True, slots=True)
class Integer(Type):
    """A whole number from `low` to `high`; JSON digits as text are accepted, as upstream does."""

    low: int
    high: int
    as_text: bool = False

    def read(self, raw: object, path: str) -> int | str:
        """The number, as text where the type has 64 bits."""
        number = _whole(raw)
        if number is None or not self.low <= number <= self.high:
            raise _unexpected(path, f"a whole number from {self.low} to {self.high}", raw)
        return str(number) if self.as_text else number

    def empty(self) -> int | str:
        """0, in the form that `read` gives."""
        return "0" if self.as_text else 0


@dataclass(frozen=True, slots=True)
class Double(Type):
    """A floating point number; the words NaN, Infinity and -Infinity stand for themselves."""

    def read(self, raw: object, path: str) -> int | float | str:
        """An integer where the number is one and a double holds it exactly."""
        if isinstance(raw, str) and raw in ("NaN", "Infinity", "-Infinity"):
            return raw
        number = _finite(raw)
        if number is None:
            raise _unexpected(path, "a number", raw)
        return int(number) if number.is_integer() and abs(number) < 2**53 else number

    def empty(self) -> int:
        """0."""
        return 0


@dataclass(frozen=True, slots=True)
class Duration(Type):
    """A span of time: ``10s``, ``1h30m``, ``-0.5s``. An explicit zero is kept."""

    keeps_zero: ClassVar[bool] = True

    def read(self, raw: object, path: str) -> str:
        """Seconds with 0, 3, 6 or 9 decimals."""
        duration = nanoseconds(raw) if isinstance(raw, str) else None
        if duration is None:
            raise _unexpected(path, "a duration such as 10s, 1m30s or 500ms", raw)
        return duration_text(duration)

    def empty(self) -> str:
        """No time."""
        return "0s"


class Enum(Type):
    """One of `names`, by name or number; a number without a name stays a number."""

    def __init__(self, **names: int) -> None:
        self.names = names
        self._by_number = {number: name for name, number in names.items()}

    def read(self, raw: object, path: str) -> str | int:
        """The name, or a number that has none."""
        if isinstance(raw, str) and raw in self.names:
            return raw
        number = None if isinstance(raw, str) else _whole(raw)
        if number is None or not -(2**31) <= number < 2**31:
            raise _unexpected(path, f"one of {', '.join(self.names)}", raw)
        return self._by_number.get(number, number)

    def empty(self) -> str | int:
        """The name of 0."""
        return self._by_number.get(0, 0)


@dataclass(frozen=True, slots=True)
class Wrapped(Type):
    """A scalar whose zero value counts as set."""

    inner: Type
    keeps_zero: ClassVar[bool] = True

    def read(self, raw: object, path: str) -> Any:
        """As the scalar reads it."""
        return self.inner.read(raw, path)

    def empty(self) -> Any:
        """The scalar's zero value."""
        return self.inner.empty()


@dataclass(frozen=True, slots=True)
class ListOf(Type):
    """A list; a null in it is the element's zero value."""

    inner: Type

    def read(self, raw: object, path: str) -> list[Any]:
        """The elements in their order."""
        if not isinstance(raw, list):
            raise _unexpected(path, "a list", raw)
        return [
            self.inner.empty() if item is None else self.inner.read(item, f"{path}[{index}]")
            for index, item in enumerate(raw)
        ]

    def empty(self) -> list[Any]:
        """A list without elements."""
        return []

    def shape(self, value: Any) -> Any:
        """The shapes of the elements."""
        return [self.inner.shape(item) for item in value]


@dataclass(frozen=True, slots=True)
class MapOf(Type):
    """A map from text; a null in it is the zero value. Written in the order of its keys."""

    inner: Type

    def read(self, raw: object, path: str) -> Tree:
        """The values by their keys as text."""
        if not isinstance(raw, dict):
            raise _unexpected(path, "a map", raw)
        return {
            str(key): self.inner.empty() if item is None else self.inner.read(item, f"{path}[{shown(key)}]")
            for key, item in raw.items()
        }

    def empty(self) -> Tree:
        """A map without keys."""
        return {}

    def shape(self, value: Any) -> Any:
        """The shapes of the values, sorted by key."""
        return {key: self.inner.shape(value[key]) for key in sorted(value)}


@dataclass(frozen=True, slots=True)
class Untyped(Type):
    """Anything, kept as it is."""

    def read(self, raw: object, _path: str) -> Any:
        """Any value, unchanged."""
        return raw

    def empty(self) -> None:
        """Null stays null."""


class Message(Type):
    """Fields by their proto names, in declaration order.

    `one_of` lists groups of fields of which the one declared last counts. An `open` message keeps
    unknown fields, the others drop them: both tolerate them.
    """

    keeps_zero: ClassVar[bool] = True

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
        self.known = {*self.fields, *self._spellings.values()}
        self._chosen = frozenset(name for group in self.one_of for name in group)

    def read(self, raw: object, path: str) -> Tree:
        """The fields that are set, by their camelCase names."""
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
            result |= {key: raw[key] for key in raw if key not in self.known and raw[key] is not None}
        return result

    def settle(self, config: Tree, name: str) -> None:
        """Drop from `config` the fields that cannot stand beside field `name`."""
        for group in self.one_of:
            if name in group:
                for other in group:
                    config.pop(other, None)

    def empty(self) -> Tree:
        """A message without fields."""
        return {}

    def shape(self, value: Any) -> Any:
        """The fields that are not zero, in declaration order; of a group also a zero one."""
        result: Tree = {}
        for name, kind in self.fields.items():
            if name in value and (name in self._chosen or not kind.is_zero(value[name])):
                result[name] = kind.shape(value[name])
        if self._open:
            result |= {key: value[key] for key in value if key not in self.fields}
        return result


TEXT = TextType()
FLAG = Flag()
INT32 = Integer(-(2**31), 2**31 - 1)
UINT32 = Integer(0, 2**32 - 1)
INT64 = Integer(-(2**63), 2**63 - 1, as_text=True)
DOUBLE = Double()
DURATION = Duration()
UNTYPED = Untyped()


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
