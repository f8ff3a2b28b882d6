"""A document after a change, with every byte as it was outside of what changes.

The change is that from one tree to another. It is made at the places that the parser names, and what
comes out is read back. Not here: how lines (block_edit.py) and flow maps and lists (flow_edit.py) are edited.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from injector.classes import dataclass, replace
from injector.patterns import pattern
from injector.yamltext import block_edit
from injector.yamltext.alignment import is_named, same, stretches
from injector.yamltext.block_edit import Slot
from injector.yamltext.draft import SUBSTITUTE, Draft, Obstacle, Uneditable
from injector.yamltext.events import YamlError
from injector.yamltext.flow_edit import FlowEditor, check_brackets, style_of
from injector.yamltext.layout import Layout, layout_of
from injector.yamltext.line_nodes import BlockNode, LinePlaces
from injector.yamltext.lines import read_lines
from injector.yamltext.nodes import Node, NodeShape, root_of
from injector.yamltext.read import composed, lines_of, parsed
from injector.yamltext.stream import Document

_OTHER_BREAKS = pattern("\r(?!\n)|[\x85\u2028\u2029]")
# A block to whose value a line break behind it belongs.
_OPEN_BLOCK = pattern(r"[|>](?![0-9]?-)")


def edited(document: Document, before: Any, after: Any) -> str | Obstacle:
    """The text of a document whose tree was `before`, with the tree `after`; or why it cannot be edited."""
    try:
        return _Editor(document, before).text(after)
    except Uneditable as error:
        return error.obstacle


@dataclass(frozen=True, slots=True)
class _Spans:
    """The node of a document, its layout, and the anchors that aliases name."""

    root: Node
    layout: Layout
    aliased: frozenset[str]


def _places_of(document: Document) -> _Spans:
    """Where everything is in a document. Raises Uneditable."""
    if lines := lines_of(document):
        places = LinePlaces(lines)
        return _Spans(places.root, places.layout, frozenset())
    if _OTHER_BREAKS.search(document.text):
        raise Uneditable(Obstacle.LINE_BREAKS)
    root = root_of(parsed(document), document.text)
    if root is None:
        raise Uneditable(Obstacle.READ_BACK)
    return _Spans(root, layout_of(root, document.text), _aliases(root))


class _Editor:
    """Finds the edits that a change of the tree needs."""

    def __init__(self, document: Document, before: Any) -> None:
        places = _places_of(document)
        self._document = document
        self._before = before
        self._root = root = places.root
        self._aliased = places.aliased
        self._is_flow = root.flow
        ends = document.text.endswith("\n")
        line_break = "\r\n" if document.raw.partition("\n")[0].endswith("\r") else "\n"
        text = document.text if ends else document.text + line_break
        self._draft = Draft(text, places.layout, line_break, blocks=ends)
        self._flow = FlowEditor(self._draft, style_of(self._draft, root))
        self._added_break = "" if ends else line_break

    def text(self, after: Any) -> str:
        """The text with the tree `after`, which is read back. Raises Uneditable."""
        self._change(self._root, self._before, after, None)
        text = self._finished(self._draft.result())
        values = self._draft.substituted
        if not values or self._is_flow or self._added_break or SUBSTITUTE in text:
            outline, values = text, []
        else:
            outline = self._finished(self._draft.result(outline=True))
        read = self._read(outline)
        if not (_fits(read, after, values) if values else same(read, after)):
            raise Uneditable(Obstacle.READ_BACK)
        return text

    def _read(self, text: str) -> Any:
        """The tree of a text in the place of the document. Raises Uneditable."""
        lines = read_lines(text)
        if lines:
            return lines.tree()
        try:
            return composed(replace(self._document, text=text))
        except YamlError:
            raise Uneditable(Obstacle.READ_BACK) from None

    def _finished(self, text: str) -> str:
        return text.removesuffix(self._added_break) if self._added_break else text

    def _change(self, node: Node, before: Any, after: Any, slot: Slot | None) -> None:
        """Edit a value; without a slot it is in a flow map or list, or it is the whole document."""
        # An alias is replaced by the value; what it names stays.
        if node.own_anchor in self._aliased:
            if same(before, after):
                return
            raise Uneditable(Obstacle.ALIAS)
        in_place = bool(after) and not (slot and node.flow and not node.values)
        if in_place and node.shape is NodeShape.MAP and isinstance(before, dict) and isinstance(after, dict):
            self._change_map(node, before, after)
        elif (
            in_place and node.shape is NodeShape.LIST and isinstance(before, list) and isinstance(after, list)
        ):
            self._change_list(node, before, after, slot)
        elif same(before, after):
            return
        elif slot:
            block_edit.replace(self._draft, slot, node, after)
        else:
            self._flow.replace(node, after)

    def _change_map(self, node: Node, before: dict[str, Any], after: dict[str, Any]) -> None:
        names = self._names(node, before)
        removed = [i for i, name in enumerate(names) if name is not None and name not in after]
        for index, name in enumerate(names):
            if name is not None and name in after:
                self._change_member(node, index, before[name], after[name])
        added = {name: value for name, value in after.items() if name not in before}
        if node.flow and (added or removed):
            check_brackets(self._draft, node)
            self._flow.change_map(node, removed, added)
            return
        for index in removed:
            key, value = node.keys[index], node.values[index]
            block_edit.member_slot(self._draft, node, key)
            following = node.keys[index + 1].first if index + 1 < len(names) else None
            block_edit.remove(self._draft, key.first, value, following)
        if added:
            block_edit.add_members(self._draft, node, added, self._place_of_members(node))

    def _change_member(self, node: Node, index: int, before: Any, after: Any) -> None:
        value = node.values[index]
        if before is after:
            if isinstance(value, BlockNode):
                self._draft.leave(node.keys[index].end + 1, value.end, before)
            return
        slot = None if node.flow else block_edit.member_slot(self._draft, node, node.keys[index])
        self._change(value, before, after, slot)

    def _change_list(
        self, node: Node, before: Sequence[Any], after: Sequence[Any], slot: Slot | None
    ) -> None:
        parts = stretches(before, after)
        places = [] if node.flow else block_edit.dashes(self._draft, node)
        indent = self._draft.column(node.start)
        removed: list[int] = []
        added: list[tuple[int, Sequence[Any]]] = []
        for belong, old, old_end, new, new_end in parts:
            pairs = min(old_end - old, new_end - new)
            for i in range(pairs):
                a, b = before[old + i], after[new + i]
                if not belong and not _may_replace(a, b):
                    pairs = i
                    break
                value = node.values[old + i]
                if a is b and isinstance(value, BlockNode):
                    self._draft.leave(value.start - 1, value.end, a)
                elif a is not b:
                    inner = None if node.flow else Slot(places[old + i] + 1, indent, in_list=True)
                    self._change(value, a, b, inner)
            removed += range(old + pairs, old_end)
            if new + pairs < new_end:
                added.append((old + pairs, after[new + pairs : new_end]))
        if not node.flow:
            least = self._draft.next_line(slot.behind) if slot else 0
            self._edit_block_list(node, places, least, removed, added)
        elif removed or added:
            self._flow.change_list(node, removed, added)

    def _edit_block_list(
        self,
        node: Node,
        places: Sequence[int],
        least: int,
        removed: Sequence[int],
        added: Sequence[tuple[int, Sequence[Any]]],
    ) -> None:
        draft = self._draft
        indent = draft.column(node.start)
        for index in removed:
            following = places[index + 1] if index + 1 < len(places) else None
            block_edit.remove(draft, places[index], node.values[index], following)
        for index, items in added:
            if index:
                if self._ends_open(node.values[index - 1]):
                    raise Uneditable(Obstacle.LAST_LINE)
                place = draft.next_line(node.values[index - 1].end)
                block_edit.add_items(draft, place, indent, items)
            elif draft.begins_line(places[0]):
                place = block_edit.above_comments(draft, places[0], least)
                block_edit.add_items(draft, place, indent, items)
            else:
                block_edit.add_items(draft, places[0], indent, items, inline=True)

    def _names(self, node: Node, before: dict[str, Any]) -> list[str | None]:
        """The names of a map's keys; None for a merge key. Raises Uneditable where they are not known."""
        texts = [self._draft.raw(key) for key in node.keys]
        if "<<" not in texts and len(texts) == len(before):
            return list(before)
        names = [None if text == "<<" else text.strip("'\"") for text in texts]
        if any(name is not None and name not in before for name in names):
            raise Uneditable(Obstacle.MERGE_KEY)
        return names

    def _place_of_members(self, node: Node) -> int:
        """Where new members of a block map go: behind the last one, or before one that ends the text."""
        draft, last = self._draft, node.keys[-1].first
        if not self._ends_open(node):
            return draft.next_line(node.end)
        if not draft.begins_line(last):
            raise Uneditable(Obstacle.LAST_LINE)
        return draft.line_start(last)

    def _ends_open(self, node: Node) -> bool:
        """Whether a block ends the text without a line break: what is put behind it would give it one."""
        if not self._added_break or node.end < len(self._document.text):
            return False
        while node.values:
            node = node.values[-1]
        return bool(_OPEN_BLOCK.match(self._draft.text, node.start))


def _aliases(root: Node) -> frozenset[str]:
    """The anchors that aliases name."""
    names: set[str] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if node.shape is NodeShape.ALIAS and node.anchor:
            names.add(node.anchor)
        stack += node.keys
        stack += node.values
    return frozenset(names)


def _may_replace(before: Any, after: Any) -> bool:
    """Whether one element of a list can be the other one, changed."""
    if isinstance(before, dict) and isinstance(after, dict):
        return not (is_named(before) or is_named(after))
    return not (isinstance(before, dict) or isinstance(after, dict))


def _fits(read: Any, after: Any, values: Sequence[Any]) -> bool:
    """Whether what was read from an outline is a tree, where short scalars stand for some of its values."""
    if isinstance(read, dict):
        return (
            isinstance(after, dict)
            and read.keys() == after.keys()
            and all(_fits(value, after[key], values) for key, value in read.items())
        )
    if isinstance(read, list):
        return (
            isinstance(after, list)
            and len(read) == len(after)
            and all(_fits(a, b, values) for a, b in zip(read, after, strict=True))
        )
    if isinstance(read, str) and read.startswith(SUBSTITUTE):
        return values[int(read.removeprefix(SUBSTITUTE))] is after
    return same(read, after)
