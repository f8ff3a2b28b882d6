"""What differs between two pods, value by value, for people.

Not here: patches (`diff`), whose pointers count the elements of a list as it is being changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from injector.core.model import Manifest
from injector.core.tree.merge import POD, Schema, keyed, same
from injector.pointer import join, split


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two pods differ; None where nothing stands.

    The pointer names the elements of keyed lists by their key.
    """

    pointer: str
    before: Any
    after: Any


def changes(before: Manifest, after: Manifest) -> tuple[Difference, ...]:
    """The places where two pods differ, as deep as both have something to compare."""
    return tuple(_changes(before, after, POD, ""))


def _changes(before: Any, after: Any, schema: Schema, pointer: str) -> Iterator[Difference]:
    if before is after:
        return
    old, new = keyed(before, schema.key), keyed(after, schema.key)
    if old is not None and new is not None:
        yield from _each(old, new, schema, pointer, of_list=True)
        if list(old) != list(new) and set(old) == set(new):
            yield Difference(pointer, "another order", "another order")
    elif isinstance(before, dict) and isinstance(after, dict):
        yield from _each(before, after, schema, pointer, of_list=False)
    elif not same(before, after):
        yield Difference(pointer, before, after)


def _each(
    old: dict[Any, Any], new: dict[Any, Any], schema: Schema, pointer: str, *, of_list: bool
) -> Iterator[Difference]:
    for key in {**old, **new}:
        below = schema if of_list else schema.of(key)
        yield from _changes(old.get(key), new.get(key), below, join(pointer, key))


def value_at(pod: Manifest, pointer: str) -> Any:
    """What stands at the pointer of a change, None where nothing does."""
    value: Any = pod
    schema = POD
    parts = split(pointer)
    for part in parts:
        items = keyed(value, schema.key)
        if items is not None:
            value = {str(key): item for key, item in items.items()}.get(part)
        elif isinstance(value, list):
            value = value[int(part)] if part.isdecimal() and int(part) < len(value) else None
        else:
            value, schema = (value.get(part), schema.of(part)) if isinstance(value, dict) else (None, schema)
    return value
