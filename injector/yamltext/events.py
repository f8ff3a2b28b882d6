"""The events of a YAML parser for one document, and what is no YAML.

The parser is libyaml, or PyYAML's own, eight times slower, where that is missing. Not here: the tree
that the events make (compose.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from yaml.error import MarkedYAMLError
from yaml.events import (
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    ScalarEvent,
    StreamEndEvent,
)

from injector.errors import ManifestError
from injector.light_import import CALLED, stand_ins
from injector.patterns import pattern
from injector.yamltext.json_read import json_events
from injector.yamltext.scalar import MERGE_TAG
from injector.yamltext.stream import Document

# No object is nested so deeply, and parsers take quadratic time for one that is.
_MAX_NESTING: Final = 500
# Taken from PyYAML by the binding of libyaml, which would load all of its own parser.
_ERRORS: Final = {
    f"yaml.{module}": {f"{module.capitalize()}Error": CALLED}
    for module in (
        *("reader", "scanner", "parser", "composer", "constructor"),
        *("emitter", "serializer", "representer"),
    )
}
_SECOND_VALUE: Final = "did not find expected <document start>"
_READABLE_CONTROLS: Final = frozenset({0x09, 0x0A, 0x0D, 0x85})
_UNREADABLE_ASCII = pattern("[^\t\n\r\x20-\x7e]")


class YamlError(ManifestError):
    """A text that is no YAML, or YAML that is no JSON-shaped tree.

    `line` counts from 1 in the source, `column` from 1 in that line.
    """

    def __init__(self, message: str, *, source: str, line: int, column: int, hint: str = "") -> None:
        super().__init__(message, where=f"{source}:{line}", hint=hint)
        self.line = line
        self.column = column


class AnchorError(YamlError):
    """An anchor or an alias in a text that may have none."""


def events(document: Document) -> Iterator[Event]:
    """Give the events of the only document in a text."""
    if document.is_json:
        yield from json_events(document.text)
        return
    _refuse_unreadable(document)
    loader = _loader()(document.text)
    try:
        yield from _read(document, loader)
    except MarkedYAMLError as error:
        raise _syntaxerror_at(document, error) from error
    except (ValueError, OverflowError) as error:  # only PyYAML's own parser: an escape beyond Unicode
        raise YamlError(
            "not valid YAML: invalid character", source=document.source, line=document.line, column=1
        ) from error
    finally:
        loader.dispose()


@cache
def _loader() -> Any:
    # Plain block YAML and JSON are read without it, and loading it takes longer than reading them.
    try:
        import yaml.nodes  # taken from the package as well
        import yaml.tokens  # noqa: F401

        with stand_ins(_ERRORS):
            from yaml._yaml import CParser
    except ImportError:
        from yaml import SafeLoader

        return SafeLoader
    return CParser


def _read(document: Document, loader: Any) -> Iterator[Event]:
    begun = False
    depth = 0
    while not isinstance(event := loader.get_event(), StreamEndEvent):
        if isinstance(event, ScalarEvent):
            pass  # most of them
        elif isinstance(event, DocumentStartEvent):
            if begun:
                raise error_at(document, event.start_mark, "a second document, expected one only")
            begun = True
        elif isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > _MAX_NESTING:
                raise error_at(document, event.start_mark, f"more than {_MAX_NESTING} levels")
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        yield event


def _refuse_unreadable(document: Document) -> None:
    text = document.text
    place = _unreadable_ascii(text) if text.isascii() else _unreadable(text)
    if place is not None:
        before = text[:place]
        raise YamlError(
            f"not valid YAML: character U+{ord(text[place]):04X} at column {_column(before)}",
            source=document.source,
            line=document.line + before.count("\n"),
            column=_column(before),
            hint="write it as an escape in double quotes, or save the file as UTF-8 text",
        )


def _unreadable_ascii(text: str) -> int | None:
    match = _UNREADABLE_ASCII.search(text)
    return match.start() if match else None


def _unreadable(text: str) -> int | None:
    """Without an expression: compiling one for all of Unicode takes longer than reading a usual text."""
    return min((text.index(each) for each in set(text) if not _is_readable(each)), default=None)


def _is_readable(character: str) -> bool:
    code = ord(character)
    if code < 0xA0:
        return 0x20 <= code < 0x7F or code in _READABLE_CONTROLS
    return code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF


def _column(before: str) -> int:
    return len(before) - before.rfind("\n")


def _syntaxerror_at(document: Document, error: MarkedYAMLError) -> YamlError:
    mark = error.problem_mark or error.context_mark
    context = f", {error.context}" if error.context else ""
    if context and error.context_mark:
        context += f" that begins on line {document.line + error.context_mark.line}"
    hint = "check indentation (spaces, no tabs), quotes and brackets in the lines above"
    if error.problem == _SECOND_VALUE and document.text.lstrip().startswith("{"):
        hint = "check quotes and brackets; behind YAML, each JSON object needs a line --- before it"
    problem = "a tab, expected spaces" if _is_tab(document, mark) else error.problem
    return error_at(document, mark, f"not valid YAML: {problem}{context}", hint=hint)


def _is_tab(document: Document, mark: Any) -> bool:
    """Whether a tab is at a place."""
    if mark is None:
        return False
    line, column = int(mark.line), int(mark.column)
    lines = document.text.split("\n", line + 1)
    return len(lines) > line and lines[line][column : column + 1] == "\t"


def error_at(document: Document, mark: Any, message: str, *, hint: str = "") -> YamlError:
    """An error at a place of the document; without one at its first line."""
    line, column = (mark.line, mark.column + 1) if mark else (0, 1)
    line = min(line, document.text.count("\n"))  # the end of a last line without a break
    return YamlError(
        f"{message} (column {column})",
        source=document.source,
        line=document.line + line,
        column=column,
        hint=hint,
    )


def is_merge(event: ScalarEvent) -> bool:
    """Whether a key is a merge key."""
    return event.value == "<<" and (event.tag == MERGE_TAG or (event.tag is None and event.implicit[0]))
