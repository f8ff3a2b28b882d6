"""YAML read loosely: maps as pairs, in which a key may come twice, and scalars as text.

For texts that are no manifest, such as a template with all its branches.
"""

from __future__ import annotations

from typing import Any

from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from injector.yamltext.events import events
from injector.yamltext.stream import Document


class Pairs(list[tuple[Any, Any]]):
    """A map: its keys with their values, in their order."""


def load_pairs(text: str) -> Any:
    """Pairs, lists and texts; an alias is an empty text. Raises YamlError."""
    root: list[Any] = []
    stack: list[list[Any]] = [root]
    maps: list[bool] = [False]
    for event in events(Document(text, source="")):
        if isinstance(event, ScalarEvent | AliasEvent):
            stack[-1].append(event.value if isinstance(event, ScalarEvent) else "")
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            stack.append([])
            maps.append(isinstance(event, MappingStartEvent))
        elif isinstance(event, CollectionEndEvent):
            items = stack.pop()
            is_map = maps.pop()
            stack[-1].append(Pairs(zip(items[::2], items[1::2], strict=True)) if is_map else items)
    return root[0] if root else None
