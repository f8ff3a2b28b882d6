"""The edits of a text: where each begins and ends, what is put there, and the text with all of them.

Not here: which edits a change needs (edit.py, block_edit.py, flow_edit.py).
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import Any, Final

from injector.classes import dataclass
from injector.yamltext.layout import Layout
from injector.yamltext.nodes import Node

SUBSTITUTE: Final = "what-goes-here-"
"""How a scalar begins that stands for a value in an outline."""


# Less text is read again sooner than left out.
_LARGE: Final = 80


class Obstacle(Enum):
    """Why a document cannot be edited in place; each value is the end of a sentence."""

    ALIAS = "an anchor that is used elsewhere is at the changed place"
    MERGE_KEY = "a merge key is at the changed place"
    EXPLICIT_KEY = "a key with a question mark is at the changed place"
    PROPERTY = "a replaced value has an anchor"
    COMMENT = "a comment is inside a flow map or list that changes"
    IMPLICIT_MAP = "a flow map without braces is at the changed place"
    LINE_BREAKS = "it has line breaks other than LF and CRLF"
    LAST_LINE = "its last line belongs to a block and has no line break"
    READ_BACK = "the edited text is not read back as the result"


class Uneditable(Exception):
    """Ends the editing of a document. Only `edit.edited` raises it to catch it."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.value)
        self.obstacle = obstacle


@dataclass(frozen=True, slots=True)
class Edit:
    """What is put between two places of a text.

    `outline` is the same with a short scalar for each large value; empty where there is none.
    """

    start: int
    end: int
    text: str
    outline: str = ""


@dataclass(slots=True)
class Draft:
    """A text whose lines all have a break, and its edits so far.

    `blocks` says whether strings of several lines may be written as blocks. `substituted` are the
    values that short scalars stand for in the outlines.
    """

    text: str
    layout: Layout
    line_break: str = "\n"
    blocks: bool = True
    edits: list[Edit] = field(default_factory=list)
    substituted: list[Any] = field(default_factory=list)

    def put(self, start: int, end: int, text: str, outline: str = "") -> None:
        """Replace what is between two places; the texts have LF."""
        if self.line_break != "\n":
            text = text.replace("\n", self.line_break)
            outline = outline.replace("\n", self.line_break)
        self.edits.append(Edit(start, end, text, outline))

    def leave(self, start: int, end: int, value: Any) -> None:
        """Leave what is between two places, a value behind its colon or dash, out of the outline."""
        if end - start > _LARGE:
            self.edits.append(Edit(start, end, self.text[start:end], f" {self.substitute(value)}"))

    def substitute(self, value: Any) -> str:
        """A short scalar for a value in an outline."""
        self.substituted.append(value)
        return f'"{SUBSTITUTE}{len(self.substituted) - 1}"'

    def line_start(self, place: int) -> int:
        """Where the line of a place begins."""
        return self.text.rfind("\n", 0, place) + 1

    def next_line(self, place: int) -> int:
        """Where the line after that of a place begins."""
        end = self.text.find("\n", place)
        return len(self.text) if end < 0 else end + 1

    def column(self, place: int) -> int:
        """The column of a place, from 0."""
        return place - self.line_start(place)

    def begins_line(self, place: int) -> bool:
        """Whether there is nothing but blanks before a place in its line."""
        return not self.text[self.line_start(place) : place].strip(" \t")

    def raw(self, node: Node) -> str:
        """The text of a node."""
        return self.text[node.start : node.end]

    def result(self, *, outline: bool = False) -> str:
        """The text with all edits, or its outline; those at one place in the order in which they came."""
        out: list[str] = []
        place = 0
        for edit in sorted(self.edits, key=_order):
            if edit.start < place:
                raise Uneditable(Obstacle.READ_BACK)
            out += self.text[place : edit.start], edit.outline if outline and edit.outline else edit.text
            place = edit.end
        out.append(self.text[place:])
        return "".join(out)


def _order(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end
