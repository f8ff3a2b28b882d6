"""Where the values of plain block YAML are in its text: nodes that are made when somebody looks into them.

An edit looks into few. Not here: how the lines are read (lines.py).
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import Any

from injector.yamltext.layout import Layout, layout_of_counts
from injector.yamltext.lines import FLOW_MEMBER, BlockRows, TextLines, literal
from injector.yamltext.nodes import Node, NodeShape


class BlockNode(Node):
    """A map or list in block style. `keys`, `values` and `end` are made when they are asked for."""

    __slots__ = ("_block", "_places")

    def __init__(self, places: LinePlaces, block: BlockRows) -> None:
        self._places = places
        self._block = block
        self.shape = NodeShape.LIST if block.is_list else NodeShape.MAP
        self.first = self.start = places.begin(block.rows[0]) + block.column
        self.flow = False
        self.anchor = self.tag = None

    def __getattr__(self, name: str) -> Any:
        if name == "end":
            self.end = self._places.end_of(self._block)
        elif name in ("keys", "values"):
            self.keys = []
            self.values = []
            for row in self._block.rows:
                self._places.add_member(self, self._block, row)
        else:
            raise AttributeError(name)
        return getattr(self, name)


class LinePlaces:
    """The places of the lines of a text."""

    def __init__(self, lines: TextLines) -> None:
        self._lines = lines
        self._texts = lines.text.split("\n")
        # Without the line breaks before each line.
        self._lengths = list(accumulate(map(len, self._texts), initial=0))

    @property
    def root(self) -> Node:
        """The node of the whole document."""
        return BlockNode(self, self._lines.root)

    @property
    def layout(self) -> Layout:
        """The layout of the document, counted in the order of `layout_of`."""
        inner = self._lines.inner
        step, before, behind = Counter[int](), Counter[int](), Counter[int]()
        stack = [self._lines.root]
        while stack:
            block = stack.pop()
            for row in block.rows:
                child = inner.get(~row if block.is_list else row)
                if child is not None:
                    counter = behind if block.is_list else before if child.is_list else step
                    counter[child.column - block.column] += 1
                    stack.append(child)
        return layout_of_counts(step, before, behind)

    def begin(self, row: int) -> int:
        """Where a line begins."""
        return self._lengths[row] + row

    def add_member(self, node: Node, block: BlockRows, row: int) -> None:
        """Add what begins in a row of a map or list."""
        _, dash, key, gap, written, _ = self._lines.rows[row]
        place = self.begin(row) + block.column
        if block.is_list:
            inner = self._lines.inner.get(~row)
            start = place + len(dash)
        else:
            inner = self._lines.inner.get(row)
            node.keys.append(Node(NodeShape.SCALAR, place, place + len(key)))
            start = place + len(key) + 1 + (len(gap) if written else 0)
        node.values.append(BlockNode(self, inner) if inner else self._value(start, written, row, block))

    def end_of(self, block: BlockRows) -> int:
        """Where the last value in a map or list ends."""
        inner: BlockRows | None = block
        while inner:
            block = inner
            row = block.rows[-1]
            inner = self._lines.inner.get(~row if block.is_list else row)
        last = Node(NodeShape.MAP, 0, 0)
        self.add_member(last, block, row)
        return last.values[0].end

    def _value(self, start: int, written: str, row: int, block: BlockRows) -> Node:
        """The node of a value that begins behind a colon or a dash."""
        end = start + len(written)
        if written[:1] == "|":
            _, last = literal(self._texts, row, written, block.column)
            end = self.begin(last - 1) + len(self._texts[last - 1].rstrip(" "))
        if written[:1] not in ("[", "{"):
            return Node(NodeShape.SCALAR, start, end)
        node = Node(NodeShape.LIST if written[0] == "[" else NodeShape.MAP, start, end, flow=True)
        for member in FLOW_MEMBER.finditer(written):
            if member[1]:
                node.keys.append(Node(NodeShape.SCALAR, start + member.start(1), start + member.end(1)))
            node.values.append(Node(NodeShape.SCALAR, start + member.start(2), start + member.end(2)))
        return node
