"""Trees as the YAML that different people write: block and flow, all quotes, comments in every place.

A text comes with its comments, which are numbered, so that a test can follow each of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

Tree = dict[str, Any]

# What no reader takes for anything but a string, and has nothing in it that is syntax anywhere.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.-]*[A-Za-z0-9_/]")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_REMARKS = ["why", "a: b", "- x", "it's", "{", '"']
_LITERAL = re.compile(r"[^\s#][ -~\n]*[!-~]\n?")


@dataclass(frozen=True)
class Habits:
    """How a person writes YAML; each share is how often something is done, from 0 to 1."""

    step: int = 2
    before_dash: int = 0
    behind_dash: int = 2
    quotes: str = ""
    comments: float = 0.0
    blank_lines: float = 0.0
    flow: float = 0.0
    flow_lines: bool = False
    blocks: bool = True
    anchors: float = 0.0
    aliases: float = 0.0
    tags: float = 0.0
    line_break: str = "\n"
    bom: bool = False
    head: str = ""
    tail: str = ""
    last_break: bool = True
    wide: bool = False


def draw_habits(random: Random) -> Habits:
    """The habits of somebody."""
    often = [0.0, 0.0, 0.2, 0.6]
    return Habits(
        step=random.choice([2, 4, 3]),
        before_dash=random.choice([0, 2, 4, 1]),
        behind_dash=random.choice([2, 4]),
        quotes=random.choice(["", "'", '"', "mixed"]),
        comments=random.choice(often),
        blank_lines=random.choice([0.0, 0.0, 0.2]),
        flow=random.choice([0.0, 0.0, 0.1, 0.4, 1.0]),
        flow_lines=random.random() < 0.3,
        blocks=random.random() < 0.8,
        anchors=random.choice([0.0, 0.0, 0.2]),
        aliases=random.choice([0.0, 0.0, 0.3]),
        tags=random.choice([0.0, 0.0, 0.1]),
        line_break=random.choice(["\n", "\n", "\r\n"]),
        bom=random.random() < 0.2,
        head=random.choice(
            ["", "", "---\n", "--- # the first\n", "%YAML 1.1\n---\n", "# above\n\n---\n# below\n"]
        ),
        tail=random.choice(["", "", "# the end\n", "...\n", "\n\n", "  # indented\n"]),
        last_break=random.random() < 0.8,
        wide=random.random() < 0.2,
    )


def written(tree: Tree, habits: Habits, random: Random) -> str:
    """A tree as the text of a person with these habits."""
    pen = _Pen(habits, random)
    if random.random() < habits.flow / 4:
        pen.out.append(pen.flow(tree, 0) + "\n")
    else:
        pen.mapping(tree, 0, "")
    text = habits.head + "".join(pen.out) + habits.tail
    if not habits.last_break:
        text = text.rstrip("\n")
    text = text.replace("\n", habits.line_break)
    return "\ufeff" + text if habits.bom else text


@dataclass
class _Pen:
    habits: Habits
    random: Random
    out: list[str] = field(default_factory=list)
    comments: int = 0
    names: dict[str, str] = field(default_factory=dict)

    def chance(self, share: float) -> bool:
        return share > 0 and self.random.random() < share

    def comment(self) -> str:
        self.comments += 1
        return f"# c{self.comments}: " + self.random.choice(_REMARKS)

    def trailing(self) -> str:
        if not self.chance(self.habits.comments):
            return "  " if self.habits.wide and self.chance(0.2) else ""
        return self.random.choice([" ", "   "]) + self.comment()

    def between(self, pad: str) -> None:
        if self.chance(self.habits.blank_lines):
            self.out.append("\n")
        if self.chance(self.habits.comments / 2):
            place = self.random.choice([pad, pad, pad, ""])
            self.out.append(f"{place}{self.comment()}\n")

    def mapping(self, tree: Tree, indent: int, lead: str) -> None:
        pad = " " * indent
        for index, (key, value) in enumerate(tree.items()):
            if index:
                self.between(pad)
            self.out.append(lead + self.key(key) + ":")
            lead = pad
            self.value(value, indent, indent + self.habits.step, indent + self.habits.before_dash)

    def sequence(self, items: list[Any], indent: int, lead: str) -> None:
        pad = " " * indent
        inner = indent + self.habits.behind_dash
        for index, item in enumerate(items):
            if index:
                self.between(pad)
            compact = item and isinstance(item, dict | list) and not self.chance(self.habits.flow)
            if compact and not self.chance(0.1):
                begin = f"{lead}-" + " " * (self.habits.behind_dash - 1)
                self.mapping(item, inner, begin) if isinstance(item, dict) else self.sequence(
                    item, inner, begin
                )
            else:
                self.out.append(f"{lead}-")
                self.value(item, indent, inner, inner)
            lead = pad

    def value(self, value: Any, indent: int, map_indent: int, list_indent: int) -> None:
        """What stands behind a colon or a dash, to the end of its last line."""
        if isinstance(value, dict | list) and value:
            name = self.alias(value)
            if name.startswith("*"):
                self.out.append(f" {name}{self.trailing()}\n")
            elif self.chance(self.habits.flow):
                self.out.append(f" {name}{self.flow(value, indent)}{self.trailing()}\n")
            else:
                self.out.append(f" {name}".rstrip() + f"{self.trailing()}\n")
                inner = map_indent if isinstance(value, dict) else list_indent
                self.between(" " * inner)
                if isinstance(value, dict):
                    self.mapping(value, inner, " " * inner)
                else:
                    self.sequence(value, inner, " " * inner)
            return
        text = self.scalar(value, indent)
        first, line, rest = text.partition("\n")
        blank = " " * self.random.choice([1, 1, 3]) if self.habits.wide else " "
        head = f"{blank}{first}" if first else ""
        # Behind quotes that end on another line, the comment is there.
        if line and "|" not in first[:8]:
            self.out.append(f"{head}\n{rest}{self.trailing()}\n")
        else:
            self.out.append(f"{head}{self.trailing()}{line}{rest}\n")

    def alias(self, value: Any) -> str:
        """An anchor for a value or an alias of an equal one, with a blank behind the anchor."""
        name = self.names.get(repr(value))
        if name and self.chance(self.habits.aliases):
            return f"*{name}"
        if not self.chance(self.habits.anchors):
            return ""
        name = f"a{len(self.names)}"
        self.names[repr(value)] = name
        return f"&{name} "

    def flow(self, value: Any, indent: int) -> str:
        if not isinstance(value, dict | list) or not value:
            return self.flow_scalar(value)
        parts = (
            [f"{self.flow_scalar(key)}: {self.flow(inner, indent + 2)}" for key, inner in value.items()]
            if isinstance(value, dict)
            else [self.flow(inner, indent + 2) for inner in value]
        )
        begin, end = "{}" if isinstance(value, dict) else "[]"
        comma = "," if self.chance(0.1) else ""
        if self.habits.flow_lines and self.chance(0.5):
            pad = "\n" + " " * (indent + 2)
            return begin + pad + f",{pad}".join(parts) + comma + "\n" + " " * (indent + 1) + end
        blank = self.random.choice(["", "", " "])
        return begin + blank + ", ".join(parts) + comma + blank + end

    def flow_scalar(self, value: Any) -> str:
        text = self.scalar(value, 0, block=False) if isinstance(value, str) else str(value).lower()
        return {"none": "null"}.get(text, text) if not isinstance(value, str) else text

    def key(self, key: str) -> str:
        if _PLAIN.fullmatch(key) and key.lower() not in _WORDS and not self.chance(0.03):
            return key
        return double_quoted(key)

    def scalar(self, value: Any, indent: int, *, block: bool = True) -> str:
        if value is None:
            return self.random.choice(["null", "~", ""]) if block else "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            return (
                repr(value)
                if not isinstance(value, dict | list)
                else ("{}" if isinstance(value, dict) else "[]")
            )
        tag = "!!str " if self.chance(self.habits.tags) else ""
        # A block at the end of the text would lose its last line break with the text's.
        ends = self.habits.last_break or not value.endswith("\n")
        if block and ends and self.habits.blocks and "\n" in value and _LITERAL.fullmatch(value):
            return tag + self.literal(value, indent)
        quotes = self.habits.quotes
        if quotes == "mixed":
            quotes = self.random.choice(["", "'", '"'])
        if not quotes and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return tag + value
        if quotes == "'" and value.isascii() and value.isprintable():
            return tag + "'" + value.replace("'", "''") + "'"
        return tag + double_quoted(value)

    def literal(self, value: str, indent: int) -> str:
        chomping = "" if value.endswith("\n") else "-"
        pad = " " * (indent + self.habits.step)
        lines = value.removesuffix("\n").split("\n")
        return f"|{chomping}\n" + "\n".join(pad + line if line else "" for line in lines)


def double_quoted(text: str) -> str:
    """A text in double quotes, of nothing but ASCII."""
    out = []
    for character in text:
        code = ord(character)
        if character in '"\\':
            out.append("\\" + character)
        elif 0x20 <= code < 0x7F:
            out.append(character)
        else:
            out.append(
                f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
            )
    return '"' + "".join(out) + '"'
