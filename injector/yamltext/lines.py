"""Plain block YAML, read line by line: most manifests are nothing else, and it takes a quarter of the time.

Each line is a key, an element, both, a comment or blank; values are plain or quoted on the same line,
literal blocks, or flow maps and lists of scalars. A text with anything else is left to the parser
(events.py), also one that may be an error: whatever is read here is read the same there. Not here: where
the values are (line_nodes.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from injector.patterns import pattern
from injector.yamltext.scalar import NUMBER_START, WORDS, integral, resolve

LARGEST: Final = 1_000_000
"""What is known of a longer text takes too much room to stay."""
_DEEPEST: Final = 100

# Possessive, so that a line takes linear time.
_QUOTED: Final = r'"[^"\\\n]*+(?:\\["\\/bfnrt][^"\\\n]*+)*+"'
_PLAIN: Final = (
    r"(?:[^-?:,\[\]{}#&*!|>'\"%@` \n]|-(?=[^ \n]))[^:#\n]*+(?:(?::++(?=[^ \n])|(?<=[^ ])#)[^:#\n]*+)*+"
)
_SINGLE: Final = r"'[^'\n]*+(?:''[^'\n]*+)*+'"
_WORD: Final = r"[A-Za-z0-9_./][A-Za-z0-9_./-]*+"
_ITEM: Final = rf" *+(?:{_QUOTED}|{_WORD}) *+"
_PAIR: Final = rf" *+[A-Za-z_][A-Za-z0-9_./-]{{0,250}}+: {_ITEM}"
_FLOW: Final = rf"\{{(?:{_PAIR}(?:,{_PAIR})*+)?+\}}|\[(?:{_ITEM}(?:,{_ITEM})*+)?+\]"
_KEY: Final = r'[A-Za-z_][A-Za-z0-9_./-]{0,250}+|"[A-Za-z0-9_./-]{1,250}+"'
_ROW: Final = pattern(
    rf"( *)(- ++)?(?:({_KEY}):( ++|(?![^\n])))?({_PLAIN}|{_QUOTED}|{_SINGLE}|\|-?|{_FLOW})?"
    r"(?:\n|\Z| *+(?:(?<![^ \n])#[^\n]*+)?(?:\n|\Z))|([^\n]++)(?:\n|\Z)"
)
_NO_TEXT: Final = NUMBER_START | frozenset("\"'[{|")
"""What begins with one of these is not the text that is written, or must be looked at."""
FLOW_MEMBER: Final = pattern(rf"(?:({_WORD}): ++)?({_QUOTED}|{_WORD})")
"""A member of a flow map with its key, or an element of a flow list."""
_UNUSUAL: Final = pattern(
    "[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)

Row: TypeAlias = tuple[str, str, str, str, str, str]
"""A line: indentation, dash with the blanks behind it, key, blanks behind the colon, value; or what else."""


class BlockRows:
    """A map or list in block style: its column, and the rows in which its members begin."""

    __slots__ = ("column", "is_list", "rows")

    def __init__(self, column: int, is_list: bool, rows: list[int]) -> None:
        self.column = column
        self.is_list = is_list
        self.rows = rows


class TextLines:
    """A text that is a map of plain block YAML."""

    __slots__ = ("_tree", "inner", "root", "rows", "text")

    def __init__(self, text: str, rows: list[Row]) -> None:
        """Raises Unclear for a text that is left to the parser."""
        reader = _LineReader(text, rows)
        reader.read()
        if not reader.tree:
            raise Unclear
        self.text = text
        self.rows = rows
        self.root = reader.root
        self.inner = reader.inner
        self._tree: dict[str, Any] | None = reader.tree

    def tree(self) -> dict[str, Any]:
        """The tree; each caller gets its own."""
        tree, self._tree = self._tree, None
        if tree is None:
            reader = _LineReader(self.text, self.rows)
            reader.read()
            return reader.tree
        return tree

    def top(self, name: str) -> str | None:
        """The text of a scalar of the root, empty for another value; None where there is no such key."""
        row = self._row_of_key(self.root, name)
        return None if row is None else self._text_of(row, self.rows[row][4])

    def row_of(self, names: Iterable[str]) -> int:
        """The row of what a path of keys and numbers leads to, or of its nearest parent."""
        block: BlockRows | None = self.root
        row = self.root.rows[0]
        for name in names:
            if block is None:
                break
            if block.is_list:
                number = int(name) if name.isdecimal() else len(block.rows)
                at = block.rows[number] if number < len(block.rows) else None
            else:
                at = self._row_of_key(block, name)
            if at is None:
                break
            row = at
            block = self.inner.get(~row if block.is_list else row)
        return row

    def _row_of_key(self, block: BlockRows, name: str) -> int | None:
        return next((row for row in block.rows if self.rows[row][2].strip('"') == name), None)

    def _text_of(self, row: int, written: str) -> str:
        """What a scalar says; of another value nothing."""
        if written[:1] == "|":
            text, _ = literal(self.text.split("\n"), row, written, 0)
            return text
        if written[:1] in ("'", '"'):
            return _unquoted(written)
        return "" if written[:1] in ("[", "{") else written


class Unclear(Exception):
    """Ends the reading of a text that is left to the parser."""


def read_lines(text: str) -> TextLines | None:
    """Read a text; None for one that is not of this kind, or that may be an error."""
    if len(text) > LARGEST or not _is_usual(text):
        return None
    try:
        return TextLines(text, _ROW.findall(text))
    except Unclear:
        return None


def _is_usual(text: str) -> bool:
    """Whether a text has no characters that end a line for some readers, or that none prints."""
    if text.isascii():
        return text.replace("\n", "").isprintable()
    return not _UNUSUAL.search(text)


class _LineReader:
    """Reads one text; `block` and `members` are the map or list that a line goes on with."""

    def __init__(self, text: str, rows: list[Row]) -> None:
        self.root = BlockRows(0, False, [])
        self.tree: dict[str, Any] = {}
        # The blocks that are the value of the key of a row, and those that are the element of row `~number`.
        self.inner: dict[int, BlockRows] = {}
        self._text = text
        self._lines: list[str] = []
        self._rows = rows
        self._numbered = iter(enumerate(rows))
        self._block = self.root
        self._members: Any = self.tree
        self._outer: list[tuple[BlockRows, Any]] = []

    def read(self) -> None:
        """Fill the tree and the blocks. Raises Unclear."""
        block, members = self._block, self._members
        # The key whose value may be on the next lines.
        open_key = ""
        for row, line in self._numbered:
            indent, dash, key, _, written, _ = line
            if not key:
                open_key = self._take_other(row, line, open_key)
                block, members = self._block, self._members
                continue
            if dash:
                block, members = self._begin_element(row, len(indent), dash, open_key)
            elif open_key or block.is_list or len(indent) != block.column:
                block, members = self._move(len(indent), dash, open_key)
            open_key = ""
            name = key if key[0] != '"' else key[1:-1]
            if name in members or (name in WORDS and name is key):
                raise Unclear
            block.rows.append(row)
            if not written:
                members[name] = None
                open_key = name
            elif written[0] == '"' and "\\" not in written:
                members[name] = written[1:-1]
            elif written[0] in _NO_TEXT or written[-1] == " ":
                members[name] = self._value(written, row)
            else:
                members[name] = WORDS.get(written, written)

    def _move(self, at: int, dash: str, open_key: str) -> tuple[BlockRows, Any]:
        """Go to the map or list of a line in this column: the value of the open key, or one around it."""
        block = self._block
        if open_key and (at > block.column or (dash and at == block.column)):
            members: Any = [] if dash else {}
            self._members[open_key] = members
            self._outer.append((block, self._members))
            return self._begin(block.rows[-1], BlockRows(at, dash != "", []), members)
        while at < block.column or (at == block.column and block.is_list and not dash):
            if not self._outer:
                raise Unclear
            block, self._members = self._outer.pop()
        if at != block.column or block.is_list != (dash != ""):
            raise Unclear
        self._block = block
        return block, self._members

    def _begin_element(self, row: int, at: int, dash: str, open_key: str) -> tuple[BlockRows, Any]:
        """Begin a map that is an element of the list of this column."""
        column = at + len(dash)
        block, elements = self._outer[-1] if self._outer else (self._block, self._members)
        # Most elements follow one that is a map of the same column.
        if open_key or not block.is_list or block.column != at or self._block.column != column:
            block, elements = self._move(at, dash, open_key)
            self._outer.append((block, elements))
        block.rows.append(row)
        members: dict[str, Any] = {}
        elements.append(members)
        return self._begin(~row, BlockRows(column, False, []), members)

    def _begin(self, place: int, block: BlockRows, members: Any) -> tuple[BlockRows, Any]:
        if len(self._outer) > _DEEPEST:
            raise Unclear
        self.inner[place] = self._block = block
        self._members = members
        return block, members

    def _take_other(self, row: int, line: Row, open_key: str) -> str:
        """Take a line without a key; returns the key that is still open."""
        indent, dash, _, _, written, other = line
        if not dash:
            if written or other:
                raise Unclear
            return open_key
        if not written:
            raise Unclear
        block, elements = self._move(len(indent), dash, open_key)
        block.rows.append(row)
        elements.append(self._value(written, row))
        return ""

    def _value(self, written: str, row: int) -> Any:
        """The value of what stands behind a colon or a dash."""
        if written[-1] == " ":
            written = written.rstrip(" ")
            indent, dash, key, gap, _, other = self._rows[row]
            self._rows[row] = (indent, dash, key, gap, written, other)
        if written[0] == "|":
            return self._literal(written, row)
        return _flow(written) if written[0] in "[{" else _scalar(written)

    def _literal(self, written: str, row: int) -> str:
        """The text of a literal block, whose lines are taken."""
        if not self._lines:
            self._lines = self._text.split("\n")
        text, end = literal(self._lines, row, written, self._block.column)
        for _ in range(row + 1, end):
            next(self._numbered)
        return text


def literal(lines: Sequence[str], row: int, header: str, column: int) -> tuple[str, int]:
    """The text of a literal block, and the row behind its last line that is not blank.

    `column` is that of the map or list which the block is in. Raises Unclear.
    """
    first = lines[row + 1] if row + 1 < len(lines) else ""
    pad = len(first) - len(first.lstrip(" "))
    end = row + 1
    for number in range(row + 1, len(lines)):
        line = lines[number]
        if not line.strip(" "):
            if len(line) > pad:
                raise Unclear
        elif line[:pad].strip(" "):
            break
        else:
            end = number + 1
    if pad <= column or pad == len(first) or end == len(lines):
        raise Unclear
    text = "\n".join([line[pad:] for line in lines[row + 1 : end]])
    return text + ("" if header == "|-" else "\n"), end


def _flow(written: str) -> Any:
    """The value of a flow map or list without any others inside."""
    members = FLOW_MEMBER.findall(written)
    if written[0] == "[":
        return [_scalar(item) for _, item in members]
    tree = {key: _scalar(item) for key, item in members}
    if len(tree) < len(members) or not tree.keys().isdisjoint(WORDS):
        raise Unclear
    return tree


def _scalar(written: str) -> Any:
    if written[0] in "\"'":
        return _unquoted(written)
    try:
        value = resolve(written)
    except ValueError:
        raise Unclear from None
    return integral(value) if isinstance(value, float) else value


def _unquoted(written: str) -> str:
    if written[0] == "'":
        return written[1:-1].replace("''", "'")
    text: str = json.loads(written) if "\\" in written else written[1:-1]
    return text
