"""Where the values of a document are in its text: a node for each, made from the events of a parser.

Not here: the tree (compose.py) and what is done at these places (edit.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from injector.patterns import pattern

# What may be between two tokens: blanks, line breaks and comments.
GAP: Final = pattern(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*")
_GAP: Final = GAP.pattern
_PROPERTIES = pattern(rf"(?:(?:&[^\s,\[\]{{}}]+|![^\s,\[\]{{}}]*)(?:{_GAP}|\Z))*")
_BLOCK_HEADER = pattern(r"[|>][0-9+-]*")
_BLANK_END = pattern(r"[ \t\r\n]*\Z")


class NodeShape(Enum):
    """What a node is."""

    SCALAR = "scalar"
    MAP = "map"
    LIST = "list"
    ALIAS = "alias"


class Node:
    """A value in a text, from `start` to `end`; its anchor and its tag are outside of both.

    A collection has `values`, a map has as many `keys`. `first` is where the anchor or the tag begins.
    """

    __slots__ = ("anchor", "end", "first", "flow", "keys", "shape", "start", "tag", "values")

    def __init__(self, shape: NodeShape, start: int, end: int, *, flow: bool = False) -> None:
        self.shape = shape
        self.first = self.start = start
        self.end = end
        self.flow = flow
        self.anchor: str | None = None
        self.tag: str | None = None
        self.keys: list[Node] = []
        self.values: list[Node] = []

    @property
    def own_anchor(self) -> str | None:
        """Its anchor; an alias has none, it names that of another value."""
        return None if self.shape is NodeShape.ALIAS else self.anchor


def root_of(events: Iterable[Event], text: str) -> Node | None:
    """The node of the value in a document, None where there is none."""
    top: list[Node] = []
    stack: list[list[Node]] = [top]
    open_: list[Node] = []
    for event in events:
        if isinstance(event, ScalarEvent):
            stack[-1].append(_scalar(event, text))
        elif isinstance(event, CollectionStartEvent):
            shape = NodeShape.MAP if isinstance(event, MappingStartEvent) else NodeShape.LIST
            open_.append(_node(shape, event, text))
            stack.append([])
        elif isinstance(event, AliasEvent):
            stack[-1].append(_node(NodeShape.ALIAS, event, text))
        elif isinstance(event, CollectionEndEvent):
            stack[-2].append(_closed(open_.pop(), stack.pop(), event))
    return top[0] if top else None


def _node(shape: NodeShape, event: Any, text: str) -> Node:
    node = Node(shape, event.start_mark.index, event.end_mark.index)
    node.flow = bool(getattr(event, "flow_style", False))
    node.anchor = event.anchor
    node.tag = getattr(event, "tag", None)
    if node.tag is not None or node.own_anchor:
        node.start = _behind_properties(text, node.first)
    return node


def _scalar(event: Any, text: str) -> Node:
    node = _node(NodeShape.SCALAR, event, text)
    if event.style in ("|", ">"):
        node.end = _block_end(text, node.start, node.end)
    elif node.start > node.end:  # nothing but an anchor or a tag
        node.start = node.end
    return node


def _closed(node: Node, inner: list[Node], event: Any) -> Node:
    if node.shape is NodeShape.MAP:
        node.keys, node.values = inner[::2], inner[1::2]
    else:
        node.values = inner
    if node.flow:
        node.end = event.end_mark.index
    else:
        node.end = node.values[-1].end if inner else node.start
    return node


def _behind_properties(text: str, start: int) -> int:
    match = _PROPERTIES.match(text, start)
    return match.end() if match else start


def _block_end(text: str, start: int, end: int) -> int:
    """The end of the last line of a block, without its line break, as far as it belongs to the value."""
    header = _BLOCK_HEADER.match(text, start)
    if header and "+" in header.group():
        for ending in ("\r\n", "\n"):
            if text.endswith(ending, start, end):
                return end - len(ending)
        return end
    blank = _BLANK_END.search(text[start:end])
    return start + blank.start() if blank else end
