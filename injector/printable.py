r"""Text from anywhere as one line that shows what stands in it.

A name with a line break would write lines of its own into a report, and a mark that turns the
direction of text would hide what a line says. Here such characters become visible escapes; whoever
prints adds line breaks afterwards. Text of a pod is cut here too, where a message shows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from injector.patterns import pattern

# Of the characters that do not print Python knows most: control and format characters, line ends,
# blanks other than the space, halves of a pair, what has no meaning (yet). These print as nothing,
# or as a blank, all the same (Unicode's Default_Ignorable_Code_Point).
_BLANK = pattern(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# What CI systems obey in the output of a program: a line that begins with ::word::, which may be
# indented, and ##[word] or ##word[ anywhere.
_COMMAND = pattern(r"\A\s*:(?=:[A-Za-z-]+(?:\s.*)?::)|#(?=#[A-Za-z]*\[)", re.DOTALL)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    r"""The text with ``\n``, ``\x1b`` or ``\u202e`` for what does not print as itself.

    The first character of what a CI system takes for a command is escaped as well.
    """
    if "::" in text or "##" in text:
        text = _COMMAND.sub(lambda match: match.group()[:-1] + _escape(match.group()[-1]), text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _prints(c) else _escape(c) for c in text)


def shown(value: object, size: int = 64) -> str:
    """Text that may be of any length, short enough for a message."""
    text = str(value)
    return text if len(text) <= size else text[: size - 1] + "…"


def first_of(texts: Sequence[str], limit: int = 5) -> str:
    """The first texts of a list, and how many more there are."""
    more = len(texts) - limit
    return ", ".join(texts[:limit]) + (f" and {more} more" if more > 0 else "")


def type_name(value: object) -> str:
    """A JSON value's type in words, for messages."""
    words = {dict: "a map", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return words.get(type(value), "a number")


def json_text(value: Any) -> str:
    """A value as JSON for people and programs: letters as they are, what does not print escaped."""
    # Line breaks and blanks between the values are the writer's own, as those of texts are escaped.
    text = json.dumps(value, ensure_ascii=False, indent=2)
    # In JSON two of these characters stand in texts alone.
    text = re.sub(r"#(?=#[A-Za-z]*\[)", r"\\u0023", text)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(c if c == "\n" or _prints(c) else json.dumps(c)[1:-1] for c in text)


def _prints(character: str) -> bool:
    return character.isprintable() and not _BLANK.match(character)


def _escape(character: str) -> str:
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
