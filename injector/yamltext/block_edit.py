"""Edits of block maps and block lists: whole lines are put in and taken out, and values are replaced.

No comment is lost: those inside lines that are taken out stay, in the column of what they were in.
Not here: flow maps and lists (flow_edit.py), and what is to change (edit.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from injector.classes import dataclass
from injector.patterns import pattern
from injector.yamltext import write
from injector.yamltext.draft import Draft, Obstacle, Uneditable
from injector.yamltext.nodes import GAP, Node, NodeShape

_COLON = pattern(r"[ \t]*:")
_COMMENT = pattern(r"(?:^|(?<=[ \t\n]))#[^\r\n]*")
_HEADER_COMMENT = pattern(r"[|>][0-9+-]*[ \t]+(#[^\r\n]*)")


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a value in a block: behind the colon or the dash, in a map or list of this column."""

    behind: int
    indent: int
    in_list: bool = False


def member_slot(draft: Draft, owner: Node, key: Node) -> Slot:
    """The place of a member's value. Raises Uneditable for a key with a question mark."""
    colon = _COLON.match(draft.text, key.end)
    if colon is None:
        raise Uneditable(Obstacle.EXPLICIT_KEY)
    return Slot(colon.end(), draft.column(owner.start))


def dashes(draft: Draft, node: Node) -> list[int]:
    """Where the dash of each element is."""
    places = [node.start]
    for value in node.values[:-1]:
        gap = GAP.match(draft.text, value.end)
        place = gap.end() if gap else value.end
        if not draft.text.startswith("-", place):
            raise Uneditable(Obstacle.READ_BACK)
        places.append(place)
    return places


def add_members(draft: Draft, node: Node, members: dict[str, Any], place: int) -> None:
    """Put members of a map before a line."""
    indent = draft.column(node.start)
    pad = " " * indent
    text, outline = "", ""
    for name, value in members.items():
        line = f"{pad}{write.key(name)}:"
        written = write.member(value, indent, draft.layout, blocks=draft.blocks)
        text += line + written
        outline += line + (f" {draft.substitute(value)}\n" if "\n" in written[:-1] else written)
    draft.put(place, place, text, outline)


def add_items(draft: Draft, place: int, indent: int, items: Sequence[Any], *, inline: bool = False) -> None:
    """Put elements before a line, or with `inline` before a dash in the middle of one."""
    pad = " " * indent
    text = "".join(pad + write.item(each, indent, draft.layout, blocks=draft.blocks) for each in items)
    outline = "".join(f"{pad}- {draft.substitute(each)}\n" for each in items)
    if inline:
        text, outline = text[indent:] + pad, outline[indent:] + pad
    draft.put(place, place, text, outline)


def above_comments(draft: Draft, place: int, least: int) -> int:
    """The beginning of a line, or of the comments right above it, but not before `least`."""
    start = draft.line_start(place)
    while start > least:
        above = draft.line_start(start - 1)
        if above < least or not draft.text[above:start].lstrip(" \t").startswith("#"):
            break
        start = above
    return start


def remove(draft: Draft, start: int, node: Node, following: int | None) -> None:
    """Take out a member or an element that begins at `start`; `following` is where the next one begins."""
    end = draft.next_line(node.end)
    comments = [*_comments(draft, start, node, end)]
    if draft.begins_line(start):
        pad = " " * draft.column(start)
        draft.put(draft.line_start(start), end, "".join(f"{pad}{comment}\n" for comment in comments))
        return
    if comments:
        raise Uneditable(Obstacle.COMMENT)
    if following is not None and not draft.text[node.end : following].strip(" \t\r\n"):
        draft.put(start, following, "")
    else:
        draft.put(start, node.end, "")


def replace(draft: Draft, slot: Slot, node: Node, value: Any) -> None:
    """Put another value in the place of a value. Raises Uneditable."""
    if node.own_anchor and (node.tag is not None or node.shape is not NodeShape.SCALAR):
        raise Uneditable(Obstacle.PROPERTY)
    head, rest = _written(draft, slot, node, value)
    line_end = draft.next_line(node.end)
    in_one_line = draft.next_line(slot.behind) == line_end
    if in_one_line and node.start > slot.behind and head and not (slot.in_list and value and rest):
        start, head = node.first if node.tag is not None else node.start, head.lstrip(" ")
    elif node.own_anchor:
        raise Uneditable(Obstacle.PROPERTY)
    else:
        start = slot.behind
    if in_one_line:
        draft.put(start, node.end, head)
        if rest:
            draft.put(line_end, line_end, rest)
        return
    comments = [*_comments(draft, slot.behind, node, line_end)]
    first_line = draft.text[slot.behind : draft.next_line(slot.behind)]
    if comments and first_line.rstrip().endswith(comments[0]):
        head += "  " + comments.pop(0)
    pad = " " * slot.indent
    lines = "".join(f"{pad}{comment}\n" for comment in comments)
    is_block = head.lstrip(" ").startswith("|")
    draft.put(slot.behind, line_end, f"{head}\n" + (rest + lines if is_block else lines + rest))


def _written(draft: Draft, slot: Slot, node: Node, value: Any) -> tuple[str, str]:
    """A value as it is behind its colon or dash: the end of that line, and the lines below."""
    if slot.in_list:
        text = write.item(value, slot.indent, draft.layout, blocks=draft.blocks).removeprefix("-")
    else:
        text = write.member(value, slot.indent, draft.layout, blocks=draft.blocks)
    head, _, rest = text.partition("\n")
    if value is None and node.values:
        head = ""  # what was nothing before it became a map or a list
    return head, rest


def _comments(draft: Draft, start: int, node: Node, end: int) -> Iterator[str]:
    """The comments between two places around a node, in their order."""
    place = start
    for leaf in _leaves(node):
        for match in _COMMENT.finditer(draft.text, place, max(place, leaf.first)):
            yield match.group()
        header = _HEADER_COMMENT.match(draft.text, leaf.start, leaf.end)
        if header and "\n" in draft.raw(leaf):
            yield header[1]
        place = leaf.end
    for match in _COMMENT.finditer(draft.text, place, end):
        yield match.group()


def _leaves(node: Node) -> Iterator[Node]:
    if node.shape in (NodeShape.SCALAR, NodeShape.ALIAS):
        yield node
    elif node.shape is NodeShape.LIST:
        for value in node.values:
            yield from _leaves(value)
    else:
        for key, value in zip(node.keys, node.values, strict=True):
            yield key
            yield from _leaves(value)
