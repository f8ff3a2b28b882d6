"""The members of a value under a schema, for what walks trees side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from injector.core.tree.schema import Schema, keyed


def members(value: Any, schema: Schema) -> Mapping[Any, tuple[Any, Schema]] | None:
    """The fields of a map by name, or the elements of a keyed list by key, each with its schema.

    None for what has no members that a name finds again: scalars and lists without a key.
    """
    if isinstance(value, dict):
        return {name: (inner, schema.of(str(name))) for name, inner in value.items()}
    elements = keyed(value, schema.key)
    return None if elements is None else {key: (element, schema) for key, element in elements.items()}
