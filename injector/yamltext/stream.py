"""Cutting a stream of YAML and JSON into documents, so that joining them again gives the same text.

Here: where a document begins and ends. Not here: what is in it; a text that is neither is cut
as well, so that an unchanged document passes through whatever it contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from injector.classes import dataclass
from injector.patterns import pattern
from injector.yamltext.json_read import blanks, value_end

_BOM = "\ufeff"
_MARKER = pattern(r"^\ufeff?---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_MARKER_BYTES = pattern(rb"^(?:\xef\xbb\xbf)?---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_JSON_FIRST = pattern(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\{")
_BLOCK: Final = 1 << 20
_BLANKS: Final = ("", " ", "\t", "\r", "\n")
_SEPARATOR = pattern(r"\ufeff?(?:---(?:[ \t]+#[^\n]*|[ \t]*)\r?(?:\n|\Z))?")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a stream.

    `line` is the line, from 1, on which `text` begins in `source` (a file name, or ``-``).
    `separator` is what stood before the text: a byte order mark, a line of dashes with or
    without a comment, or nothing. `is_json` says that `text` is one JSON value.
    """

    text: str
    line: int = 1
    source: str = "-"
    index: int = 0
    separator: str = ""
    is_json: bool = False

    @property
    def raw(self) -> str:
        """The document as it stands in the stream."""
        return self.separator + self.text

    @property
    def has_separator(self) -> bool:
        """Whether a line of dashes begins the document."""
        return self.raw.startswith(("---", f"{_BOM}---"))


def split(text: str, source: str) -> list[Document]:
    """Cut a stream as kubectl does: a text that begins with ``{`` into its JSON values, others at ``---``.

    Joining `raw` of the documents gives `text` again, whatever `text` is. What follows the last
    JSON value is YAML. There, a line of ``---``, alone or followed by a blank, begins a document,
    also one without content. What follows the dashes on their line is content, as YAML says, unless
    it is a comment. Directives (``%YAML``) at the start of the stream stay with the document that
    they are for. ``...`` cuts nothing.
    """
    return list(_documents([text], source))


def split_bytes(data: bytes, source: str) -> Iterator[Document]:
    """Cut a stream as `split` does, and decode no more of it at a time than a block of some documents.

    UnicodeDecodeError, with the place in `data`, where the text is not UTF-8.
    """
    return _documents(_blocks(data), source)


def _documents(texts: Iterable[str], source: str) -> Iterator[Document]:
    line, index = 1, 0
    for text in texts:
        for separator, body, is_json in _pieces(text):
            line += separator.count("\n")
            yield Document(body, line, source, index, separator, is_json)
            line += body.count("\n")
            index += 1


def _blocks(data: bytes) -> Iterator[str]:
    """The text in blocks that end before a separator.

    The first separator of the stream may belong to directives, and JSON values end anywhere: there
    nothing is cut.
    """
    start = 0
    is_json = b"{" in data and _JSON_FIRST.match(data)
    first = None if is_json or b"---" not in data else _MARKER_BYTES.search(data)
    while start < len(data):
        past = max(start + _BLOCK, first.end()) if first else len(data)
        cut = _MARKER_BYTES.search(data, past) if past < len(data) else None
        end = cut.start() if cut else len(data)
        try:
            yield data[start:end].decode("utf-8")
        except UnicodeDecodeError as error:
            place = start + error.start
            raise UnicodeDecodeError("utf-8", data, place, place + 1, error.reason) from None
        start = end


def _pieces(text: str) -> Iterator[tuple[str, str, bool]]:
    """The separator and the text of each document, and whether the text is JSON."""
    bom = _BOM if text.startswith(_BOM) else ""
    start = len(bom)
    first = blanks(text, start)
    values = text.startswith("{", first)
    while values and first < len(text) and (end := value_end(text, first)):
        yield bom, text[start:end], True
        bom, start, first = "", end, end
    for piece in _yaml_pieces(text[start:] if start > len(bom) else text):
        match = _SEPARATOR.match(piece) if piece.startswith(("---", _BOM)) else None
        separator = match.group() if match else ""
        body = piece[len(separator) :]
        yield separator, body, _is_json(body)


def _is_json(text: str) -> bool:
    first = blanks(text)
    return text.startswith("{", first) and value_end(text, first) == len(text)


def _yaml_pieces(text: str) -> list[str]:
    cuts = _markers(text)
    if cuts and _only_directives(text[: cuts[0]]):
        del cuts[0]
    bounds = sorted({0, *cuts, len(text)})
    return [text[start:end] for start, end in pairwise(bounds)]


def _markers(text: str) -> list[int]:
    """Where lines of dashes begin."""
    if _BOM in text:
        return [match.start() for match in _MARKER.finditer(text)]
    places = [0] if _is_marker(text, 0) else []
    place = text.find("\n---")
    while place >= 0:
        if _is_marker(text, place + 1):
            places.append(place + 1)
        place = text.find("\n---", place + 1)
    return places


def _is_marker(text: str, place: int) -> bool:
    return text.startswith("---", place) and text[place + 3 : place + 4] in _BLANKS


def _only_directives(prologue: str) -> bool:
    lines = prologue.removeprefix(_BOM).split("\n")
    return any(line.startswith("%") for line in lines) and all(
        line.startswith("%") or line.strip()[:1] in ("", "#") for line in lines
    )
