"""What differs between two pods, value by value, for people.

Not here: patches (`patches`), whose pointers count the elements of a list as it is being changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from injector.classes import dataclass
from injector.core.model import Manifest
from injector.core.tree.schema import POD, Schema, keyed, same
from injector.core.tree.walk import members
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
    old, new = members(before, schema), members(after, schema)
    if old is None or new is None or isinstance(before, dict) is not isinstance(after, dict):
        if not same(before, after):
            yield Difference(pointer, before, after)
        return
    for key, (_, below) in {**old, **new}.items():
        value, other = (side.get(key, (None,))[0] for side in (old, new))
        yield from _changes(value, other, below, join(pointer, key))
    if isinstance(before, list) and list(old) != list(new) and set(old) == set(new):
        yield Difference(pointer, "another order", "another order")


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
