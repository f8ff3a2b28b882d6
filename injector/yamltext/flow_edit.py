"""Edits of flow maps and lists, which includes JSON: members between braces, elements between brackets.

What has its members on lines of their own gets new ones on lines of their own. Not here: blocks
(block_edit.py), and what is to change (edit.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from injector.yamltext import write
from injector.yamltext.draft import Draft, Obstacle, Uneditable
from injector.yamltext.json_write import dump_json
from injector.yamltext.nodes import Node, NodeShape

_COMMENT = re.compile(r"(?:^|[ \t\n])#")


@dataclass(frozen=True, slots=True)
class FlowStyle:
    """How flow maps and lists of a document are written: as JSON or not, with which step and blanks."""

    is_json: bool
    step: str
    colon: str
    comma: str

    def value(self, value: Any, pad: str | None) -> str:
        """A value that begins on a line with this indentation; None where all is on one line."""
        if not self.is_json:
            return write.flow(value)
        if pad is None or not self.step:
            return dump_json(value, f'{{"a"{self.colon}1}}')
        text = dump_json(value, f'{{\n{self.step}"a"{self.colon}1}}')
        return text.replace("\n", f"\n{pad}")

    def key(self, name: str) -> str:
        """A key with its colon."""
        return (json.dumps(name, ensure_ascii=False) if self.is_json else write.flow(name)) + self.colon


def style_of(draft: Draft, root: Node) -> FlowStyle:
    """The style of a document's flow maps and lists, as its first map with a member shows it."""
    if not root.flow or not root.keys:
        return FlowStyle(False, "", ": ", ", ")
    key, value = root.keys[0], root.values[0]
    is_json = draft.text.startswith('"', key.start)
    step = _indentation(draft, key.first) if draft.begins_line(key.first) else ""
    step = step.removeprefix(_indentation(draft, root.start))
    between = draft.text[key.end : value.first]
    colon = between if is_json and between.strip() == ":" and "\n" not in between else ": "
    return FlowStyle(is_json, step, colon, "," if is_json and colon[-1] == ":" else ", ")


def _indentation(draft: Draft, place: int) -> str:
    """The blanks at the beginning of a line."""
    line = draft.text[draft.line_start(place) : place]
    return line[: len(line) - len(line.lstrip(" \t"))]


class FlowEditor:
    """Puts members and elements into flow maps and lists, and takes them out."""

    def __init__(self, draft: Draft, style: FlowStyle) -> None:
        self._draft = draft
        self._style = style

    def add_members(self, node: Node, members: dict[str, Any]) -> None:
        """Put members behind the last one of a map."""
        pad = self._pad(node)
        texts = [self._style.key(name) + self._style.value(value, pad) for name, value in members.items()]
        self._put(node, len(node.values), texts, pad)

    def add_items(self, node: Node, index: int, items: Sequence[Any]) -> None:
        """Put elements before that of an index, or behind the last one."""
        pad = self._pad(node)
        self._put(node, index, [self._style.value(each, pad) for each in items], pad)

    def remove(self, node: Node, indexes: Sequence[int]) -> None:
        """Take out members or elements."""
        firsts = [each.first for each in node.keys or node.values]
        surviving = [i for i in range(len(node.values)) if i not in set(indexes)]
        if not surviving:
            self._cut(firsts[0], node.values[-1].end)
            return
        for index in indexes:
            if index < surviving[0]:
                self._cut(firsts[index], firsts[index + 1])
            else:
                self._cut(node.values[index - 1].end, node.values[index].end)

    def replace(self, node: Node, value: Any) -> None:
        """Put another value in the place of a value. Raises Uneditable."""
        if node.anchor is not None or node.tag is not None:
            raise Uneditable(Obstacle.PROPERTY)
        self._refuse_comments(node.start, node.end)
        pad = _indentation(self._draft, node.start) if self._style.step else None
        text = self._style.value(value, pad)
        if node.start == node.end and self._draft.text[node.start - 1 : node.start] == ":":
            text = " " + text
        self._draft.put(node.start, node.end, text)

    def _put(self, node: Node, index: int, texts: list[str], pad: str | None) -> None:
        comma = "," + (f"\n{pad}" if pad is not None else self._style.comma[1:])
        joined = comma.join(texts)
        if not node.values:
            text, place = joined, node.start + 1
            if pad is not None:
                text = f"\n{pad}{joined}\n{pad.removesuffix(self._style.step)}"
                self._draft.put(place, node.end - 1, text)
                return
        elif index:
            place = node.values[index - 1].end
            text = comma + joined
        else:
            place = (node.keys or node.values)[0].first
            text = joined + comma
        self._draft.put(place, place, text)

    def _pad(self, node: Node) -> str | None:
        """The indentation of members that have lines of their own, None where they have not."""
        draft = self._draft
        if node.values:
            first = (node.keys or node.values)[0].first
            return _indentation(draft, first) if draft.begins_line(first) else None
        if not self._style.step or draft.raw(node)[1:-1].strip():
            return None
        return _indentation(draft, node.start) + self._style.step

    def _cut(self, start: int, end: int) -> None:
        self._refuse_comments(start, end)
        self._draft.put(start, end, "")

    def _refuse_comments(self, start: int, end: int) -> None:
        if not self._style.is_json and _COMMENT.search(self._draft.text, start, end):
            raise Uneditable(Obstacle.COMMENT)


def check_brackets(draft: Draft, node: Node) -> None:
    """Raise Uneditable for a flow map without braces, as in ``[a: b]``."""
    if not draft.text.startswith("{" if node.shape is NodeShape.MAP else "[", node.start):
        raise Uneditable(Obstacle.IMPLICIT_MAP)
