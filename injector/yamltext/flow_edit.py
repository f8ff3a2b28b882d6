"""Edits of flow maps and lists, which includes JSON: members between braces, elements between brackets.

What has its members on lines of their own gets new ones on lines of their own. Not here: blocks
(block_edit.py), and what is to change (edit.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from injector.classes import dataclass
from injector.patterns import pattern
from injector.yamltext import write
from injector.yamltext.draft import Draft, Obstacle, Uneditable
from injector.yamltext.json_write import dump_json
from injector.yamltext.nodes import Node, NodeShape

_COMMENT = pattern(r"(?:^|[ \t\n])#")


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

    def change_map(self, node: Node, removed: Sequence[int], members: dict[str, Any]) -> None:
        """Take members out of a map, and put others behind its last one."""
        pad = self._pad(node)
        texts = [self._style.key(name) + self._style.value(value, pad) for name, value in members.items()]
        self._change(node, removed, [(len(node.values), texts)] if texts else [], pad)

    def change_list(
        self, node: Node, removed: Sequence[int], added: Sequence[tuple[int, Sequence[Any]]]
    ) -> None:
        """Take elements out of a list, and put others before those of an index, or behind the last one."""
        pad = self._pad(node)
        texts = [(index, [self._style.value(each, pad) for each in items]) for index, items in added]
        self._change(node, removed, texts, pad)

    def replace(self, node: Node, value: Any) -> None:
        """Put another value in the place of a value. Raises Uneditable."""
        if node.own_anchor and node.tag is not None:
            raise Uneditable(Obstacle.PROPERTY)
        start = node.first if node.tag is not None else node.start
        self._refuse_comments(start, node.end)
        pad = _indentation(self._draft, node.start) if self._style.step else None
        text = self._style.value(value, pad)
        if start == node.end and self._draft.text[start - 1 : start] == ":":
            text = " " + text
        self._draft.put(start, node.end, text)

    def _change(
        self, node: Node, removed: Sequence[int], added: Sequence[tuple[int, list[str]]], pad: str | None
    ) -> None:
        firsts = [each.first for each in node.keys or node.values]
        ends = [each.end for each in node.values]
        surviving = [i for i in range(len(ends)) if i not in set(removed)]
        if not surviving:
            joined = self._comma(pad).join(text for _, texts in added for text in texts)
            self._fill(node, joined, firsts, ends, pad)
            return
        for index in removed:
            if index < surviving[0]:
                self._cut(firsts[index], firsts[index + 1])
            else:
                self._cut(ends[index - 1], ends[index])
        for index, texts in added:
            if index > surviving[0]:
                place, text = ends[index - 1], "".join(self._comma(pad) + text for text in texts)
            else:
                place, text = firsts[surviving[0]], "".join(text + self._comma(pad) for text in texts)
            self._draft.put(place, place, text)

    def _fill(self, node: Node, joined: str, firsts: list[int], ends: list[int], pad: str | None) -> None:
        """Put members into a map or list of which none of the others is left."""
        if firsts:
            self._refuse_comments(firsts[0], ends[-1])
            self._draft.put(firsts[0], ends[-1], joined)
        elif pad is None:
            self._draft.put(node.start + 1, node.start + 1, joined)
        else:
            text = f"\n{pad}{joined}\n{pad.removesuffix(self._style.step)}"
            self._draft.put(node.start + 1, node.end - 1, text)

    def _comma(self, pad: str | None) -> str:
        return "," + (f"\n{pad}" if pad is not None else self._style.comma[1:])

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
