"""Paths below the variables of templates. Not here: which of them a template reads (`reads`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Path = tuple[str, ...]
"""A variable and the keys below it."""


def at(tree: Any, path: Path) -> list[Any]:
    """What a template can read at a path: a list of that value, an empty one where nothing is there."""
    for key in path:
        if not isinstance(tree, Mapping):
            # A member of a text, a number or a list.
            break
        if key not in tree:
            return []
        tree = tree[key]
    return [tree]
