"""Which parts of its variables a template can read, whichever branches it takes.

A path is a variable and the keys below it that stand in the template. Where a key is computed, or a
map goes into a function, a loop or another variable, the path ends there: all below it can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jinja2 import nodes

Path = tuple[str, ...]

_METHODS: Final = frozenset({"get", "items", "keys", "values"})


def paths_in(tree: nodes.Template) -> frozenset[Path]:
    """The paths that a template can read, without those of what it includes."""
    return frozenset(_paths(tree))


def _paths(node: nodes.Node) -> Iterator[Path]:
    path = _path(node)
    if path:
        yield path
    # The default of `get` is an expression of its own.
    below = node.iter_child_nodes() if path is None else getattr(node, "args", [])[1:]
    for child in below:
        yield from _paths(child)


def _path(node: nodes.Node) -> Path | None:
    """The path of an expression of a name and keys; empty for a name that is assigned, None for others."""
    match node:
        case nodes.Name(ctx="load"):
            return (node.name,)
        case nodes.Name():
            return ()
        case nodes.Getattr():
            return _longer(_path(node.node), node.attr)
        case nodes.Getitem(arg=nodes.Const(value=str() as key)):
            return _longer(_path(node.node), key)
        case nodes.Call(node=nodes.Getattr(attr="get") as method, args=[nodes.Const(value=str() as key), *_]):
            return _longer(_path(method.node), key)
        case _:
            return None


def _longer(path: Path | None, key: str) -> Path | None:
    return None if path is None else (*path, key)


def at(tree: Any, path: Path) -> list[Any]:
    """What a template can read at a path: a list of that value, an empty one where nothing is there."""
    for key in path:
        if not isinstance(tree, Mapping):
            # A method or an item of a text, a number or a list.
            break
        if key not in tree:
            return [tree] if key in _METHODS else []
        tree = tree[key]
    return [tree]
