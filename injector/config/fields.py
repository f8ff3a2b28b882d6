"""What a setting may look like, and how a tree of settings becomes a dataclass.

A setting is declared once, as a field of a dataclass made by `setting`: its default, its shape and
its sentence. `read` checks a tree against such a class and collects every problem, so that all
mistakes of a file are reported at once. Not here: which settings there are (`schema`).

Not a validation library: importing one takes a third of the time that `kube-inject` may take for one
manifest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, field, fields
from typing import Any, Generic, TypeVar

from injector import durations
from injector.classes import dataclass
from injector.errors import ConfigError
from injector.near import close_matches
from injector.patterns import pattern
from injector.pointer import join, split
from injector.printable import shown, type_name, visible

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """A problem of the value at a JSON pointer, and what to do about it."""

    pointer: str
    message: str
    hint: str = ""


class Reading:
    """The problems found so far."""

    def __init__(self) -> None:
        self.problems: list[SettingProblem] = []

    def add(self, pointer: str, message: str, hint: str = "") -> None:
        """Add a problem; reading continues."""
        self.problems.append(SettingProblem(pointer, message, hint))


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """What is expected, in words, and a function that returns the value or raises ValueError.

    `schema` is what JSON Schema (draft-07) can say of it; empty: anything.
    """

    expected: str
    take: Callable[[Any, str, Reading], T]
    schema: Mapping[str, Any] = field(default_factory=dict, kw_only=True)


def setting(default: Any, shape: Shape[Any], sentence: str) -> Any:
    """Declare a setting; a callable default is called for each reading."""
    metadata: dict[str, Any] = {"shape": shape, "sentence": sentence}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def read(cls: type[T], raw: Any, pointer: str, reading: Reading) -> T:
    """Make a `cls` of a tree. A value with a problem is added to `reading` and replaced by its default."""
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        reading.add(pointer, f"a map is expected, not {type_name(raw)}")
        return cls()
    known = {key_of(f): f for f in fields(cls)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in raw.items():
        at = join(pointer, key)
        if key not in known:
            reading.add(at, f"unknown key {quoted(key)}", nearest(key, cls))
        elif value is not None:
            member = known[key]
            _take(member, value, at, reading, values)
    return cls(**values)


def _take(member: Field[Any], value: Any, at: str, reading: Reading, values: dict[str, Any]) -> None:
    shape: Shape[Any] = member.metadata["shape"]
    try:
        values[member.name] = shape.take(value, at, reading)
    except ValueError as error:
        reading.add(at, str(error) or f"{shape.expected} is expected, not {type_name(value)}")


def key_of(member: Field[Any]) -> str:
    """The key of a field as people write it: ``native_sidecars`` is ``nativeSidecars``."""
    head, *rest = member.name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def declared(cls: type[Any], prefix: str = "") -> Iterator[tuple[str, Shape[Any], Any, str]]:
    """Every setting of a class and of its sections: dotted path, shape, default, sentence."""
    for member in fields(cls):
        path = prefix + key_of(member)
        shape = member.metadata["shape"]
        if isinstance(shape, SectionShape):
            yield from declared(shape.of, path + ".")
            continue
        yield path, shape, _default(member), member.metadata["sentence"]


def schema_of(cls: type[Any]) -> dict[str, Any]:
    """The JSON schema of a class of settings; null is left to `read`."""
    return {
        "type": "object",
        "properties": {
            key_of(member): {**member.metadata["shape"].schema, "description": member.metadata["sentence"]}
            for member in fields(cls)
        },
        "additionalProperties": False,
    }


def _default(member: Field[Any]) -> Any:
    factory = member.default_factory
    return member.default if factory is MISSING else factory()


def nearest(key: str, cls: type[Any]) -> str:
    """A hint that names the known key that was probably meant: of the same map, else of another one."""
    siblings = [key_of(f) for f in fields(cls)]
    near = close_matches(key, siblings, n=1, cutoff=0.6)
    if not near:
        paths = [path for path, *_ in declared(cls)]
        near = [path for path in paths if close_matches(key, [path.rpartition(".")[2]], n=1, cutoff=0.8)][:1]
    if near:
        return f"did you mean {near[0]}?"
    return "known keys: " + ", ".join(sorted(siblings))


def quoted(key: str) -> str:
    """A key in quotes: it may be of any length."""
    return f'"{shown(key)}"'


# --- shapes -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SectionShape(Shape[Any]):
    """A map with settings of its own."""

    of: type[Any]


def section(cls: type[T]) -> SectionShape:
    """A map that becomes a `cls`."""
    return SectionShape(
        "a map", lambda raw, at, reading: read(cls, raw, at, reading), cls, schema=schema_of(cls)
    )


def _plain(expected: str, type_: type, word: str) -> Shape[Any]:
    def take(raw: Any, _at: str, _reading: Reading) -> Any:
        if type(raw) is not type_:
            raise ValueError
        return raw

    return Shape(expected, take, schema={"type": word})


FLAG: Shape[bool] = _plain("true or false", bool, "boolean")
TREE: Shape[dict[str, Any]] = _plain("a map", dict, "object")


def _text(raw: Any, _at: str, _reading: Reading) -> str:
    if not isinstance(raw, str):
        hint = "; put it in quotes" if isinstance(raw, int | float) else ""
        raise ValueError(f"a string is expected, not {type_name(raw)}{hint}")
    return raw


TEXT: Shape[str] = Shape("a string", _text, schema={"type": "string"})


_SWITCH_WORDS = {True: "on", False: "off"}
_YES, _NO = ("on", "yes", "true"), ("off", "no", "false")


def choice(*words: str) -> Shape[str]:
    """One of some words."""
    expected = "one of " + ", ".join(word or '""' for word in words)

    def take(raw: Any, _at: str, _reading: Reading) -> str:
        # YAML, as Kubernetes reads it, takes a plain on, yes, off or no for true or false.
        word = _SWITCH_WORDS.get(raw, raw) if isinstance(raw, bool) else raw
        if isinstance(word, str) and word in words:
            return word
        near = _meant(word, [each for each in words if each]) if isinstance(word, str) else ""
        raise ValueError(f"{expected} is expected" + (f"; did you mean {near}?" if near else ""))

    switches = [switch for switch, word in _SWITCH_WORDS.items() if word in words]
    return Shape(expected, take, schema={"enum": [*words, *switches]})


def _meant(raw: str, words: list[str]) -> str:
    """The word that another one probably stands for, empty where there is none."""
    text = raw.lower()
    for synonyms, word in ((_YES, "enabled"), (_NO, "disabled")):
        if text in synonyms and word in words:
            return word
    return next(iter(close_matches(text, words, n=1)), "")


def number(low: int, high: int, unit: str = "") -> Shape[int]:
    """A whole number within bounds."""
    expected = f"a whole number from {low} to {high}" + (f" ({unit})" if unit else "")

    def take(raw: Any, _at: str, _reading: Reading) -> int:
        if type(raw) is not int or not low <= raw <= high:
            raise ValueError(f"{expected} is expected")
        return raw

    return Shape(expected, take, schema={"type": "integer", "minimum": low, "maximum": high})


_DURATION = pattern(r"(?:[0-9]{1,9}(?:h|m|s))+", re.ASCII)


def seconds(text: str) -> int:
    """The seconds of a duration that `duration` has accepted."""
    return (durations.nanoseconds(text) or 0) // 10**9


def duration(low: str, high: str) -> Shape[str]:
    """A duration as Kubernetes writes it, within bounds."""

    def fits(text: str) -> bool:
        known = _DURATION.fullmatch(text) and durations.nanoseconds(text) is not None
        return bool(known) and seconds(low) <= seconds(text) <= seconds(high)

    return checked(TEXT, fits, f'a duration from "{low}" to "{high}" such as "1h30m"')


def listed(item: Shape[T], what: str) -> Shape[tuple[T, ...]]:
    """A list; every item of one shape."""

    def take(raw: Any, at: str, reading: Reading) -> tuple[T, ...]:
        if not isinstance(raw, list):
            raise ValueError
        return tuple(_each(item, enumerate(raw), at, reading).values())

    return Shape(f"a list of {what}", take, schema={"type": "array", "items": item.schema})


def mapped(item: Shape[T], what: str) -> Shape[dict[str, T]]:
    """A map; every value of one shape."""

    def take(raw: Any, at: str, reading: Reading) -> dict[str, T]:
        if not isinstance(raw, dict):
            raise ValueError
        return _each(item, raw.items(), at, reading)

    return Shape(f"a map of {what}", take, schema={"type": "object", "additionalProperties": item.schema})


def _each(item: Shape[T], pairs: Any, at: str, reading: Reading) -> dict[Any, T]:
    out: dict[Any, T] = {}
    for key, value in pairs:
        here = join(at, key)
        try:
            out[key] = item.take(value, here, reading)
        except ValueError as error:
            reading.add(here, str(error) or f"{item.expected} is expected, not {type_name(value)}")
    return out


NAMES: Shape[tuple[str, ...]] = listed(TEXT, "names")
TREES: Shape[tuple[Any, ...]] = listed(Shape("anything", lambda raw, _at, _reading: raw), "label selectors")
STRINGS: Shape[dict[str, str]] = mapped(TEXT, "strings")


def checked(shape: Shape[T], test: Callable[[T], bool], expected: str) -> Shape[T]:
    """A shape with one more condition."""

    def take(raw: Any, at: str, reading: Reading) -> T:
        value = shape.take(raw, at, reading)
        if not test(value):
            raise ValueError(f"{expected} is expected")
        return value

    return Shape(expected, take, schema=shape.schema)


def combined(problems: Sequence[SettingProblem], lines: Mapping[str, int], source: str) -> ConfigError:
    """One error for all problems; `lines` by pointer."""
    first = problems[0]
    if len(problems) == 1:
        return ConfigError(with_path(first), where=f"{source}:{lines[first.pointer]}", hint=first.hint)
    head = f"{len(problems)} settings are invalid:"
    placed = [(f"{source}:{lines[p.pointer]}", with_path(p), p.hint) for p in problems]
    return several(head, source, placed)


def several(head: str, where: str, problems: Sequence[tuple[str, str, str]]) -> ConfigError:
    """One error for problems, each with its place, message and hint."""
    rows = [f"{place}: {message}" + (f" ({hint})" if hint else "") for place, message, hint in problems]
    parts = [ConfigError(message, where=place, hint=hint) for place, message, hint in problems]
    return ConfigError(head, where=where, rows=[visible(row) for row in rows], parts=parts)


def with_path(problem: SettingProblem) -> str:
    """The message of a problem, after the path of its key."""
    parts = split(problem.pointer)
    path = ".".join(shown(part) for part in parts)
    return f"{path}: {problem.message}" if path else problem.message
