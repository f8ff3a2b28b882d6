"""Which parts of its variables a template can read, whichever branches it takes.

A path is a variable and the keys below it that stand in the template. Where a key is computed, or a
map goes into a function, a loop or another variable, the path ends there: all below it can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jinja2 import Environment, nodes

from injector.classes import dataclass
from injector.templating.paths import Path

_ENVIRONMENT: Final = Environment(autoescape=False)


@dataclass(frozen=True, slots=True)
class Read:
    """The path below a variable that is read, and the line. Empty: the whole variable."""

    path: Path
    line: int


def paths_in(tree: nodes.Template) -> frozenset[Path]:
    """The paths that a template can read, without those of what it includes."""
    return frozenset(read.path for read in _reads(tree))


def reads(text: str, variable: str) -> list[Read]:
    """The reads of a variable in a template that compiles."""
    tree = _ENVIRONMENT.parse(text)
    if any(name.name == variable and name.ctx != "load" for name in tree.find_all(nodes.Name)):
        return [Read((), 1)]
    return [Read(read.path[1:], read.line) for read in _reads(tree) if read.path[0] == variable]


def _reads(node: nodes.Node) -> Iterator[Read]:
    path = _path(node)
    if path:
        yield Read(path, node.lineno)
    for child in node.iter_child_nodes() if path is None else _arguments(node):
        yield from _reads(child)


def _arguments(node: nodes.Node) -> Iterator[nodes.Node]:
    """The arguments of methods in a path, such as the default of `get`: expressions of their own."""
    while isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Call):
        if isinstance(node, nodes.Call):
            yield from node.iter_child_nodes(exclude=("node",))
        node = node.node


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
        case nodes.Call(node=nodes.Getattr() as method):
            # Another method of the value, such as items().
            return _path(method.node)
        case _:
            return None


def _longer(path: Path | None, key: str) -> Path | None:
    return None if path is None else (*path, key)
