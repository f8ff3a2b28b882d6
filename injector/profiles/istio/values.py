"""Looking into the tree of values as the templates of the profile do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def dig(tree: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """What stands at a dotted path; the default where nothing does, or null."""
    value: Any = tree
    for part in path.split("."):
        # Nearly all are dicts, and to ask for a Mapping takes five times as long.
        if type(value) is not dict and not isinstance(value, Mapping):
            return default
        value = value.get(part)
    return default if value is None else value


def omit_nil(value: Any) -> Any:
    """Without nulls at any depth; a map or list that becomes empty because of it is null itself."""
    if isinstance(value, Mapping):
        members = {k: omit_nil(v) for k, v in value.items()}
        left = {k: v for k, v in members.items() if v is not None}
        return left if left or not value else None
    if isinstance(value, list):
        items = [v for v in map(omit_nil, value) if v is not None]
        return items if items or not value else None
    return value


def printed(value: Any) -> str:
    """A value as a Go template prints it: null is `<nil>`, booleans are lower case."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def leaf_paths(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all members that are no maps with members."""
    if isinstance(tree, dict) and tree:
        for key, inner in tree.items():
            yield from leaf_paths(inner, (*path, key))
    elif path:
        yield path


def without(tree: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    """A tree without the member at a path."""
    head, *rest = path
    if rest:
        return {**tree, head: without(tree[head], tuple(rest))}
    return {k: v for k, v in tree.items() if k != head}
