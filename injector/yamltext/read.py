"""What callers ask of a YAML text: its tree, its kind, the line of a value.

Here: everything that takes a text and gives something else than documents. Not here: how a tree
is built (compose.py), cutting streams (stream.py), writing (write.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from yaml.events import (
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from injector.pointer import unescape
from injector.yamltext.compose import MAX_DEPTH, Composer, Frame
from injector.yamltext.events import YamlError, events, is_merge
from injector.yamltext.json_read import alike
from injector.yamltext.lines import LARGEST, TextLines, read_lines
from injector.yamltext.stream import Document


def load(document: Document) -> Any:
    """Read a document as Kubernetes would; None where nothing is in it.

    YamlError for what is no YAML, duplicate keys, keys and numbers that JSON does not know, more
    than one document, more than `MAX_DEPTH` levels or `MAX_ALIASED_NODES` values from aliases; of a
    text from an alias its characters count as well.
    Merge keys follow Kubernetes' reader: of two values for a key the later one stays, wherever
    the merge stands. An alias gives a copy.
    """
    if lines := lines_of(document):
        return lines.tree()
    # Without the parser, which takes longer to load than such a text to read.
    tree = alike(document.text)
    return composed(document) if tree is None or _is_deep(tree) else tree


def lines_of(document: Document) -> TextLines | None:
    """A document as lines, None where it is left to the parser; those of the last one are still there."""
    return None if document.is_json or len(document.text) > LARGEST else _lines_of(document)


@lru_cache(maxsize=1)
def _lines_of(document: Document) -> TextLines | None:
    return read_lines(document.text)


def composed(document: Document) -> Any:
    """The tree that the parser's events make; errors as `load`."""
    return Composer(document).compose(parsed(document))


def parsed(document: Document) -> Iterable[Event]:
    """The events of a document; those of the one that was read last are still there."""
    if len(document.text) > LARGEST:
        return events(document)
    try:
        return _parsed(document)
    except YamlError:  # whoever reads on to the error may find another one before it
        return events(document)


@lru_cache(maxsize=1)
def _parsed(document: Document) -> tuple[Event, ...]:
    return tuple(events(document))


def load_text(text: str, source: str) -> Any:
    """Read a text of one document, a configuration file for instance; errors as `load`."""
    return load(Document(text, source=source))


def load_untrusted(text: str, source: str) -> Any:
    """Read a text that the author of a pod wrote, such as an annotation; errors as `load`.

    AnchorError for an anchor or an alias: a short text with them can hold a large value.
    """
    return Composer(Document(text, source=source), anchors=False).compose()


def load_json(text: str, *, distinct: bool = False) -> Any:
    """Read JSON that anybody may have written, such as that of an annotation.

    ValueError for what is none, for numbers that JSON does not know or a double cannot hold, and
    for more than `MAX_DEPTH` levels: what is read here is walked by recursion later. With `distinct`
    for a key that stands twice in a map as well; else the last one holds.
    """
    try:
        tree = (_DISTINCT_JSON if distinct else _JSON).decode(text)
    except RecursionError:
        raise ValueError("too many levels") from None
    if _is_deep(tree):
        raise ValueError("too many levels")
    return tree


def _is_deep(tree: Any) -> bool:
    """Whether a tree has more than `MAX_DEPTH` levels."""
    level = [tree] if isinstance(tree, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("duplicate key")
    return out


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("too large a number")
    return number


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number")


# Made once: `json.loads` makes one for each text.
_JSON: Final = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)
_DISTINCT_JSON: Final = json.JSONDecoder(
    parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_distinct
)


def load_styled(text: str, source: str) -> Any:
    """Read as `load_text`, but give scalars (keys too) that contain `MARK` as `Marked`."""
    return Composer(Document(text, source=source), styled=True).compose()


def locate(document: Document, pointer: str) -> int:
    """Find the line in the source of what a JSON pointer points to, or of its nearest parent.

    The line of a member is the line of its key. YamlError where `load` raises it.
    """
    names = [unescape(token) for token in pointer.split("/")[1:]]
    if lines := lines_of(document):
        return document.line + lines.row_of(names)
    place: Frame | None = _frames(document)
    line = document.line
    for name in ["0", *names]:
        if place is None:
            break
        key = int(name) if place.is_list and name.isdecimal() else name
        if key not in place.lines:
            break
        line = place.lines[key]
        place = place.children.get(key)
    return line


@lru_cache(maxsize=1)
def _frames(document: Document) -> Frame:
    """The lines of the document that was asked about last: a report names many places of one."""
    composer = Composer(document)
    composer.compose(parsed(document))
    return composer.root


def kind_of(document: Document) -> tuple[str, str] | None:
    """Read only apiVersion (empty if missing) and kind; None where there is no kind.

    YamlError where the document is no YAML. What else `load` refuses is not looked at, so that a
    document of another kind can pass. Where a tag or a merge key may change the two fields, the whole
    tree is read, and YamlError is raised as `load` does.
    """
    if lines := lines_of(document):
        return _kind(lines.top("kind"), lines.top("apiVersion") or "")
    top = list(_top_level(document))
    fields = load(document) if None in top else dict(zip(top[::2], top[1::2], strict=True))
    return _kind(fields.get("kind"), fields.get("apiVersion", ""))


def _kind(kind: Any, version: Any) -> tuple[str, str] | None:
    return (version if isinstance(version, str) else "", kind) if kind and isinstance(kind, str) else None


def _top_level(document: Document) -> Iterator[str | None]:
    """Give the keys and values of the outermost mapping in turn, collections as empty text.

    None stands for a scalar whose text is not its value: a merge key, or one with a tag.
    """
    anchors: dict[str, str | None] = {}
    in_mapping = False
    depth = 0
    for event in parsed(document):
        if isinstance(event, ScalarEvent) and event.anchor:
            anchors[event.anchor] = _text_of(event)
        if depth == 0 and isinstance(event, MappingStartEvent):
            in_mapping = True
        elif depth == 1 and in_mapping and isinstance(event, NodeEvent):
            yield _text_of(event) if isinstance(event, ScalarEvent) else anchors.get(event.anchor or "", "")
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1


def _text_of(event: ScalarEvent) -> str | None:
    return None if event.tag is not None or is_merge(event) else str(event.value)
