"""Keys of a message that no field has and that are nearly the same as one: they have no effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from injector.classes import dataclass
from injector.near import close_matches
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


def misspelt(of: Type, raw: Any) -> Iterator[Misspelt]:
    """The keys in a tree that is to be read as a type; only the first unknown ones are compared."""
    for pointer, name, fields in islice(_unknown(of, raw, ""), _COMPARED):
        for meant in close_matches(camel_case(name), fields, n=1, cutoff=0.8):
            yield Misspelt(pointer, meant)


def _unknown(of: Type, raw: Any, pointer: str) -> Iterator[tuple[str, str, Mapping[str, Type]]]:
    """Pointer, name, and the fields of the message; a key that ends in `+` appends to the field's list."""
    if isinstance(of, ListOf) and isinstance(raw, list):
        for index, item in enumerate(raw):
            yield from _unknown(of.inner, item, join(pointer, index))
    elif isinstance(of, MapOf) and isinstance(raw, dict):
        for key, item in raw.items():
            yield from _unknown(of.inner, item, join(pointer, key))
    elif isinstance(of, Message) and isinstance(raw, dict):
        for key, item in raw.items():
            name, at = str(key).removesuffix("+"), join(pointer, key)
            if name in of.known:
                yield from _unknown(of.fields[camel_case(name)], item, at)
            elif len(name) <= _LONGEST:
                yield at, name, of.fields
