"""JSON inside a stream: where a value ends, and the same events for it as a YAML parser gives.

Most JSON is YAML, but not all: escapes for characters outside of the first plane, long keys, and
characters that YAML does not allow. Not here: the tree that the events make (compose.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from yaml.events import (
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from injector.classes import dataclass
from injector.patterns import pattern

_BLANKS = pattern(r"[ \t\r\n]*")
_TOKEN = pattern(r'[ \t\r\n,:]*(?:([{}\[\]])|"([^"\\]*(?:\\.[^"\\]*)*)"|([^ \t\r\n,:{}\[\]"]+))')
# JSON that YAML reads alike: no character and no escape of which it has another opinion.
_ALIKE = pattern(r'[ \n]*\{(?:[ -\[\]-~\n]|\\["\\nt])*+')
# A key and its colon stand on one line in YAML, and the key is short.
_COLON_BELOW = pattern(r"\n *:")
_LONGEST_KEY: Final = 1_000
_LONGEST_NUMBER: Final = 15
_BRACKETS: Final[dict[str, Any]] = {
    "{": lambda mark, end: MappingStartEvent(None, None, True, mark, end, flow_style=True),
    "[": lambda mark, end: SequenceStartEvent(None, None, True, mark, end, flow_style=True),
    "}": MappingEndEvent,
    "]": SequenceEndEvent,
}


@dataclass(frozen=True, slots=True)
class _Mark:
    """A place in a text, all numbers from 0, as PyYAML's own marks have it."""

    index: int
    line: int
    column: int


def blanks(text: str, start: int = 0) -> int:
    """The end of the blanks and line breaks at a place."""
    match = _BLANKS.match(text, start)
    return match.end() if match else start


def value_end(text: str, start: int) -> int | None:
    """The end of the JSON value at a place, with the blanks behind it; None where there is none."""
    try:
        _, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return blanks(text, end)


def json_events(text: str) -> Iterator[Event]:
    """The events for a text that is one JSON value, as `value_end` says."""
    line = start_of_line = place = 0
    for token in _TOKEN.finditer(text):
        begin = token.start(token.lastindex or 0)
        breaks = text.count("\n", place, begin)
        if breaks:
            line += breaks
            start_of_line = text.rfind("\n", place, begin) + 1
        place = begin
        bracket, string, plain = token.groups()
        start = begin if string is None else begin - 1
        mark: Any = _Mark(start, line, start - start_of_line)
        end: Any = _Mark(token.end(), line, token.end() - start_of_line)
        if bracket:
            yield _BRACKETS[bracket](mark, end)
        elif plain:
            yield ScalarEvent(None, None, (True, False), plain, mark, end)
        else:
            value = json.loads(f'"{string}"') if "\\" in string else string
            yield ScalarEvent(None, None, (False, True), value, mark, end, style='"')


def alike(text: str) -> dict[str, Any] | None:
    """The map in a text that is the same in JSON and YAML; None where it may not be, or may be an error."""
    if not text.lstrip().startswith("{") or not _ALIKE.fullmatch(text) or _COLON_BELOW.search(text):
        return None
    try:
        tree: dict[str, Any] = _ALIKE_DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return tree


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs) or any(len(key) > _LONGEST_KEY for key in out):
        raise ValueError("keys")
    return out


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER or text == "-0":
        raise ValueError("a number")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("too large a number")
    return number


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number")


_DECODER: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_no_number)
_ALIKE_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_int=_whole, parse_float=_no_number, parse_constant=_no_number
)
