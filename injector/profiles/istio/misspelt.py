"""Keys of a message that no field has and that are nearly the same as one: they have no effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from injector.pointer import join
from injector.profiles.istio.messages import ListOf, MapOf, Message, Type
from injector.profiles.istio.protojson import camel_case

# Comparing takes time by the length, and an author can write a hundred thousand keys.
_LONGEST: Final = 64
_COMPARED: Final = 20


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A key that has no effect: its JSON pointer, and the field that was probably meant."""

    pointer: str
    meant: str


def misspelt(of: Type, raw: Any, pointer: str = "") -> Iterator[Misspelt]:
    """The keys in a tree that is to be read as a type."""
    if isinstance(of, ListOf) and isinstance(raw, list):
        for index, item in enumerate(raw):
            yield from misspelt(of.inner, item, join(pointer, index))
    elif isinstance(of, MapOf) and isinstance(raw, dict):
        for key, item in raw.items():
            yield from misspelt(of.inner, item, join(pointer, key))
    elif isinstance(of, Message) and isinstance(raw, dict):
        yield from _in_message(of, raw, pointer)


def _in_message(of: Message, raw: dict[Any, Any], pointer: str) -> Iterator[Misspelt]:
    """Own keys, and those of the fields; a key that ends in `+` appends to the field's list."""
    compared = 0
    for key, value in raw.items():
        name, at = str(key).removesuffix("+"), join(pointer, key)
        if name in of.known:
            yield from misspelt(of.fields[camel_case(name)], value, at)
        elif len(name) <= _LONGEST and compared < _COMPARED:
            compared += 1
            for meant in get_close_matches(camel_case(name), of.fields, n=1, cutoff=0.8):
                yield Misspelt(at, meant)
