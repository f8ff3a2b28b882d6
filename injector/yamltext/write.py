"""Tree to YAML text that every reader reads back as the same tree.

Strings are written plain unless Kubernetes, YAML 1.1 (PyYAML) or YAML 1.2 reads them as something
else. libyaml's emitter checks types for one reader only, folds lines and escapes emoji. Here: layout
and quoting, of whole texts and of parts that go into another text. Not here: what is ambiguous (scalar.py).
"""

from __future__ import annotations

import marshal
import re
import sys
from functools import lru_cache
from typing import Any, Final

from injector.errors import ManifestError
from injector.patterns import pattern
from injector.yamltext.compose import MAX_DEPTH
from injector.yamltext.layout import PLAIN, Layout
from injector.yamltext.scalar import integral, is_ambiguous

# A parser looks for the colon of a key within 1024 characters.
_LONGEST_KEY: Final = 1000
_SHORT: Final = 64
_MOST_WRITTEN: Final = 4096
_SMALL: Final = 6
_LONGEST_KEPT: Final = 1000
_MOST_KEPT: Final = 512
_PRINTABLE: Final = "\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_ONE_LINE = pattern(f"[{_PRINTABLE}]*")
_BLOCK_ASCII = pattern("[\t\n\x20-\x7e]*")
# Compiling those of all characters takes longer than writing most texts.
_BLOCK = pattern(f"[\t\n{_PRINTABLE}]*")
_INDICATORS: Final = frozenset("?:,[]{}#&*!|>'\"%@` ")
_FLOW_SYNTAX = pattern(r"[,\[\]{}]|[:?](?:\Z|[,\[\]{}])|\A[-:?]")
_ESCAPED_ASCII = pattern(r'[^\x20-\x7e]|["\\]')
_ESCAPED = pattern(f'[^{_PRINTABLE}]|["\\\\]')
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def dump(tree: Any, *, sort_keys: bool = False) -> str:
    r"""Write a tree as block YAML: two blanks per level, lists not indented under their key.

    Strings of several lines become literal blocks; a line is never folded; only what does not
    print is escaped. Keys keep their order unless `sort_keys`. The text ends with ``\n``.
    ManifestError for what could not be read back (infinity, an integer that no float can hold,
    half a character, more than `MAX_DEPTH` levels), TypeError for what is not JSON-shaped.
    """
    writer = _Writer(PLAIN, sort_keys)
    if isinstance(tree, dict) and tree:
        writer.mapping(tree, 0, "", 1)
    elif isinstance(tree, list) and tree:
        writer.sequence(tree, 0, "", 1)
    else:
        writer.out.append(_scalar(tree, 0) + "\n")
    return "".join(writer.out)


def member(value: Any, indent: int, layout: Layout, *, blocks: bool = True) -> str:
    r"""Write what stands behind the colon of a key in column `indent`, to the end of the last line.

    Without `blocks`, strings of several lines are written on one.
    """
    writer = _Writer(layout, blocks=blocks)
    writer.member(value, indent, 1)
    return "".join(writer.out)


def item(value: Any, indent: int, layout: Layout, *, blocks: bool = True) -> str:
    """Write an element of a list with its dash in column `indent`, without the blanks before it."""
    writer = _Writer(layout, blocks=blocks)
    writer.sequence([value], indent, "", 1)
    return "".join(writer.out)


def key(text: str) -> str:
    """Write a key of a block. ManifestError for one that is too long to stand before a colon."""
    written = _WRITTEN[text]
    if len(written) > _LONGEST_KEY:
        raise ManifestError("a key of more than 1000 characters")
    return written


def flow(value: Any) -> str:
    """Write a value on one line, as it may be inside flow maps and lists."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(name)}: {flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if not isinstance(value, str):
        return _scalar(value, 0)
    text = _WRITTEN[value]
    return f"'{text}'" if text == value and _FLOW_SYNTAX.search(text) else text


class _Writer:
    """Collects the text.

    `lead` is what the first line of a collection begins with: its indentation, or the dashes of
    the lists that begin on the same line.
    """

    def __init__(self, layout: Layout, sort_keys: bool = False, *, blocks: bool = True) -> None:
        self.out: list[str] = []
        self._step = layout.step
        self._before_dash = layout.before_dash
        self._behind_dash = layout.behind_dash
        self._dash = "-" + " " * (layout.behind_dash - 1)
        self._sort_keys = sort_keys
        self._blocks = blocks
        self._small_maps = _small_maps(
            (layout.step, layout.before_dash, layout.behind_dash, sort_keys, blocks)
        )

    def mapping(self, mapping: dict[Any, Any], indent: int, lead: str, depth: int) -> None:
        pad = " " * indent
        out = self.out
        for key in sorted(mapping) if self._sort_keys else mapping:
            written = _WRITTEN[key]
            if len(written) > _LONGEST_KEY:
                written = f"? {written}\n{pad}"
            value = mapping[key]
            if isinstance(value, str) and "\n" not in value:
                out.append(f"{lead}{written}: {_WRITTEN[value]}\n")
            else:
                out.append(f"{lead}{written}:")
                self.member(value, indent, depth)
            lead = pad

    def _small_mapping(self, mapping: dict[Any, Any], indent: int, lead: str, depth: int) -> None:
        """Write a map; small ones are kept, as the same come in each workload."""
        if len(mapping) > _SMALL:
            self.mapping(mapping, indent, lead, depth)
            return
        try:
            # Other than equality, it tells 1 from true and one order of keys from another.
            key = (marshal.dumps(mapping, 2), indent, lead, depth)
        except ValueError:
            self.mapping(mapping, indent, lead, depth)
            return
        text = self._small_maps.get(key)
        if text is None:
            begin = len(self.out)
            self.mapping(mapping, indent, lead, depth)
            text = "".join(self.out[begin:])
            if len(text) <= _LONGEST_KEPT:
                if len(self._small_maps) >= _MOST_KEPT:
                    self._small_maps.clear()
                self._small_maps[key] = text
            return
        self.out.append(text)

    def member(self, value: Any, indent: int, depth: int) -> None:
        if value and isinstance(value, dict):
            _check_depth(depth)
            inner = indent + self._step
            self.out.append("\n")
            self._small_mapping(value, inner, " " * inner, depth + 1)
        elif value and isinstance(value, list):
            _check_depth(depth)
            inner = indent + self._before_dash
            self.out.append("\n")
            self.sequence(value, inner, " " * inner, depth + 1)
        else:
            self.out.append(f" {self._scalar(value, indent, depth)}\n")

    def sequence(self, items: list[Any], indent: int, lead: str, depth: int) -> None:
        pad = " " * indent
        inner = indent + self._behind_dash
        for item in items:
            if isinstance(item, str) and "\n" not in item:
                self.out.append(f"{lead}{self._dash}{_WRITTEN[item]}\n")
            elif item and isinstance(item, dict):
                _check_depth(depth)
                self._small_mapping(item, inner, lead + self._dash, depth + 1)
            elif item and isinstance(item, list):
                _check_depth(depth)
                self.sequence(item, inner, lead + self._dash, depth + 1)
            else:
                self.out.append(f"{lead}{self._dash}{self._scalar(item, indent, depth)}\n")
            lead = pad

    def _scalar(self, value: Any, indent: int, depth: int) -> str:
        if isinstance(value, str):
            if self._blocks and "\n" in value and _fits_block(value):
                return _block(value, indent, self._step)
            return _WRITTEN[value]
        if isinstance(value, dict | list):
            _check_depth(depth)
        return _scalar(value, indent)


@lru_cache(maxsize=8)
def _small_maps(_style: tuple[int | bool, ...]) -> dict[tuple[bytes, int, str, int], str]:
    """The texts of small maps that were written in a style."""
    return {}


def _check_depth(depth: int) -> None:
    if depth == MAX_DEPTH:
        raise ManifestError(f"more than {MAX_DEPTH} levels of maps and lists")


def _scalar(value: Any, indent: int) -> str:
    if isinstance(value, str):
        if "\n" in value and _fits_block(value):
            return _block(value, indent, PLAIN.step)
        return _WRITTEN[value]
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, (dict, list)):  # only the empty ones come here
        return "{}" if isinstance(value, dict) else "[]"
    raise TypeError(f"{type(value).__name__} is not JSON-shaped")


def _number(number: int | float) -> str:
    if not -sys.float_info.max <= number <= sys.float_info.max:
        raise ManifestError("a number that JSON cannot hold")
    value = integral(number) if isinstance(number, float) else number
    if isinstance(value, int):
        return str(value)
    text = repr(value)  # PyYAML takes it for a number only with a dot
    return text if "." in text else text.replace("e", ".0e")


class _OneLineTexts(dict[str, str]):
    """Texts as they are written on one line; short ones are kept, as the same come in each workload."""

    def __missing__(self, text: Any) -> str:
        if not isinstance(text, str):
            raise TypeError(f"{type(text).__name__} as a key is not JSON-shaped")
        written = _one_line(text)
        if len(text) <= _SHORT:
            if len(self) >= _MOST_WRITTEN:
                self.clear()
            self[text] = written
        return written


def _one_line(text: str) -> str:
    printable = text.isprintable() if text.isascii() else _ONE_LINE.fullmatch(text)
    if not printable or is_ambiguous(text):
        return '"' + (_ESCAPED_ASCII if text.isascii() else _ESCAPED).sub(_escape, text) + '"'
    if _is_plain(text):
        return text
    return "'" + text.replace("'", "''") + "'"


_WRITTEN: Final = _OneLineTexts()


def _is_plain(text: str) -> bool:
    """Say whether nothing in a text (printable, not empty) is syntax where a block scalar stands."""
    return not (
        text[0] in _INDICATORS
        or text[-1] in " :"
        or text == "-"
        or text.startswith(("- ", "---", "..."))
        or ": " in text
        or " #" in text
    )


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if character in _ESCAPES:
        return _ESCAPES[character]
    if 0xD800 <= code <= 0xDFFF:
        raise ManifestError("a text with half of a character (a lone surrogate)")
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}"


def _fits_block(text: str) -> bool:
    """Say whether a literal block keeps a text, and keeps it for every reader."""
    block = _BLOCK_ASCII if text.isascii() else _BLOCK
    return bool(block.fullmatch(text)) and not text.isspace() and text[-1] not in " \t"


def _block(text: str, indent: int, step: int) -> str:
    """Write a literal block; the last line break is left to the caller."""
    hint = str(step) if text[0] in " \t\n" else ""
    chomping = "" if text.endswith("\n") else "-"
    if text.endswith("\n\n"):
        chomping = "+"
    pad = " " * (indent + step)
    lines = text.removesuffix("\n").split("\n")
    return f"|{hint}{chomping}\n" + "\n".join(pad + line if line else "" for line in lines)
