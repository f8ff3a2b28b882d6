"""Where the values of plain block YAML are in its text: nodes that are made when somebody looks into them.

An edit looks into few. Not here: how the lines are read (lines.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from injector.yamltext.layout import Layout, layout_of_distances
from injector.yamltext.lines import TEXTS, Block, Lines, literal
from injector.yamltext.nodes import Node, NodeShape


class BlockNode(Node):
    """A map or list in block style. `keys`, `values` and `end` are made when they are asked for."""

    __slots__ = ("_block", "_places")

    def __init__(self, places: Places, block: Block) -> None:
        self._places = places
        self._block = block
        self.shape = NodeShape.LIST if block.is_list else NodeShape.MAP
        self.first = self.start = places.begin[block.rows[0]] + block.column
        self.flow = False
        self.anchor = self.tag = None

    def __getattr__(self, name: str) -> Any:
        if name not in ("keys", "values", "end"):
            raise AttributeError(name)
        self.keys = []
        self.values = []
        for row in self._block.rows:
            self._places.add_member(self, self._block, row)
        self.end = self.values[-1].end
        return getattr(self, name)


class Places:
    """The places of the lines of a text."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._texts = lines.text.split("\n")
        self.begin = list(accumulate((len(text) + 1 for text in self._texts), initial=0))

    @property
    def root(self) -> Node:
        """The node of the whole document."""
        return BlockNode(self, self._lines.root)

    @property
    def layout(self) -> Layout:
        """The layout of the document, as `layout_of` has it."""
        return layout_of_distances(self._distances())

    def _distances(self) -> Iterator[tuple[str, int]]:
        """What each kind of distance is at each place, in the order in which `layout_of` has them."""
        stack = [self._lines.root]
        while stack:
            block = stack.pop()
            for row in block.rows:
                inner = self._lines.inner.get(~row if block.is_list else row)
                if inner is None:
                    continue
                name = "behind" if block.is_list else "before" if inner.is_list else "step"
                yield name, inner.column - block.column
                stack.append(inner)

    def add_member(self, node: Node, block: Block, row: int) -> None:
        """Add what begins in a row of a map or list."""
        _, dash, key, gap, written, _ = self._lines.rows[row]
        place = self.begin[row] + block.column
        if block.is_list:
            inner = self._lines.inner.get(~row)
            start = place + len(dash)
        else:
            inner = self._lines.inner.get(row)
            node.keys.append(Node(NodeShape.SCALAR, place, place + len(key)))
            start = place + len(key) + 1 + (len(gap) if written else 0)
        node.values.append(BlockNode(self, inner) if inner else self._value(start, written, row, block))

    def _value(self, start: int, written: str, row: int, block: Block) -> Node:
        """The node of a value that begins behind a colon or a dash."""
        end = start + len(written)
        if written[:1] == "|":
            _, last = literal(self._texts, row, written, block.column)
            end = self.begin[last - 1] + len(self._texts[last - 1].rstrip(" "))
        if written[:1] not in ("[", "{"):
            return Node(NodeShape.SCALAR, start, end)
        shape = NodeShape.LIST if written[0] == "[" else NodeShape.MAP
        node = Node(shape, start, end, flow=True)
        if written[0] == "[":
            for text in TEXTS.finditer(written):
                node.values.append(Node(NodeShape.SCALAR, start + text.start(), start + text.end()))
        return node
