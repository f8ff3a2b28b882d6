"""Which members of a variable a template reads, as far as its text shows.

Where the text does not show which members are read (`Values[name]`, a loop, a variable that holds a map), all
members at that place count as read. Not here: what is done with the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, nodes

_ENVIRONMENT: Final = Environment(autoescape=False)


@dataclass(frozen=True, slots=True)
class Read:
    """The path of a member that is read, with all below it, and the line. Empty: the whole variable."""

    path: tuple[str, ...]
    line: int


def reads(text: str, variable: str) -> list[Read]:
    """The reads of a variable in a template that compiles."""
    tree = _ENVIRONMENT.parse(text)
    if any(name.name == variable and name.ctx != "load" for name in tree.find_all(nodes.Name)):
        return [Read((), 1)]
    return list(_reads(tree, variable))


def _reads(node: nodes.Node, variable: str) -> Iterator[Read]:
    if isinstance(node, nodes.Name) and node.name == variable:
        yield Read((), node.lineno)
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr | nodes.Getitem):
        # A method of the value, such as items().
        for child in (node.node.node, *node.args, *node.kwargs):
            yield from _reads(child, variable)
    elif isinstance(node, nodes.Getattr | nodes.Getitem):
        yield from _member(node, variable)
    else:
        for child in node.iter_child_nodes():
            yield from _reads(child, variable)


def _member(node: nodes.Getattr | nodes.Getitem, variable: str) -> Iterator[Read]:
    parts: list[str] = []
    at: nodes.Node = node
    while isinstance(at, nodes.Getattr | nodes.Getitem):
        if isinstance(at, nodes.Getattr):
            parts.append(at.attr)
        elif isinstance(at.arg, nodes.Const):
            parts.append(str(at.arg.value))
        else:
            parts.clear()
            yield from _reads(at.arg, variable)
        at = at.node
    if isinstance(at, nodes.Name) and at.name == variable:
        yield Read(tuple(reversed(parts)), node.lineno)
    else:
        yield from _reads(at, variable)
