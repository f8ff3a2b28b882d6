"""Building the tree of one document from the events of a YAML parser.

PyYAML's own composer has other types, duplicate keys, merge keys, limits and positions. Not here:
the parser (events.py), types of plain scalars (scalar.py) and what callers see (read.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from injector.classes import dataclass
from injector.patterns import pattern
from injector.pointer import escape
from injector.printable import shown
from injector.yamltext.events import AnchorError, YamlError, error_at, events, is_merge
from injector.yamltext.scalar import STR_TAG, integral, key_text, resolve, resolve_tagged
from injector.yamltext.stream import Document

MARK: Final = "\ue000"
"""The character that makes `load_styled` leave a scalar as it is."""

# Deeper than any object of Kubernetes, and shallow enough for recursion over the tree.
MAX_DEPTH: Final = 200
# As many as Kubernetes' reader lets aliases add.
MAX_ALIASED_NODES: Final = 400_000
# So many characters, read or written, count as one more value.
_CHARACTERS: Final = 16

_SURROGATE = pattern("[\ud800-\udfff]")
# The key of a frame that waits for one, or that has just read a merge key.
_NO_KEY: Final = object()
_MERGE: Final = object()
# What an anchor stands for until its collection ends.
_UNFINISHED: Final = object()


@dataclass(frozen=True, slots=True)
class Marked:
    """A scalar with `MARK` in it; `plain` says that it stood there without quotes, block or tag."""

    text: str
    plain: bool


class Frame:
    """A collection that is being read, and afterwards the lines of its members."""

    __slots__ = ("anchor", "children", "is_list", "key", "lines", "value")

    def __init__(self, value: Any, anchor: str | None = None) -> None:
        self.value = value
        self.is_list = isinstance(value, list)
        self.anchor = anchor
        self.key: Any = 0 if self.is_list else _NO_KEY
        self.lines: dict[Any, int] = {}
        self.children: dict[Any, Frame] = {}


class Composer:
    """Builds the tree of one document, with a stack of its own instead of recursion."""

    def __init__(self, document: Document, *, styled: bool = False, anchors: bool = True) -> None:
        self.root = Frame([])
        self._document = document
        self._styled = styled
        self._allow_anchors = anchors
        self._stack = [self.root]
        self._anchors: dict[str, Any] = {}
        self._aliased = 0

    def compose(self, parsed: Iterable[Event] | None = None) -> Any:
        """Read the document; afterwards `root` is the list that holds it, with the lines.

        `parsed` are its events, where they are known.
        """
        for event in events(self._document) if parsed is None else parsed:
            if not self._allow_anchors and isinstance(event, NodeEvent) and event.anchor:
                raise AnchorError(
                    "an anchor or an alias, expected none",
                    source=self._document.source,
                    line=self._line(event),
                    column=1,
                    hint="write the value in full",
                )
            if isinstance(event, ScalarEvent):
                self._take_scalar(event)
            elif isinstance(event, MappingStartEvent):
                self._open(event, {})
            elif isinstance(event, SequenceStartEvent):
                self._open(event, [])
            elif isinstance(event, CollectionEndEvent):
                self._close(event)
            elif isinstance(event, AliasEvent):
                self._take_alias(event)
        return self.root.value[0] if self.root.value else None

    def _take_scalar(self, event: ScalarEvent) -> None:
        value = self._scalar(event)
        if event.anchor:
            self._anchors[event.anchor] = value
        frame = self._stack[-1]
        if frame.key is not _NO_KEY:
            self._put(frame, value, event)
        elif is_merge(event):
            frame.key = _MERGE
        else:
            self._set_key(frame, value, event)

    def _take_alias(self, event: AliasEvent) -> None:
        if event.anchor not in self._anchors:
            raise self._fail(event, "not valid YAML: an alias without an anchor before it")
        anchored = self._anchors[event.anchor]
        if anchored is _UNFINISHED:
            raise self._fail(event, "an anchor whose value contains itself")
        frame = self._stack[-1]
        if frame.key is _NO_KEY:
            self._count(anchored, len(self._stack), event)
            self._set_key(frame, anchored, event)
        else:
            self._put(frame, self._copy(anchored, len(self._stack), event), event)

    def _open(self, event: CollectionStartEvent, value: Any) -> None:
        parent = self._stack[-1]
        if parent.key is _NO_KEY:
            raise self._fail(event, "a map or list as a key, expected text")
        self._check_depth(len(self._stack), event)
        if parent.is_list:
            parent.lines[parent.key] = self._line(event)
        if event.anchor:
            self._anchors[event.anchor] = _UNFINISHED
        self._stack.append(Frame(value, event.anchor))

    def _close(self, event: Event) -> None:
        frame = self._stack.pop()
        if frame.anchor:
            self._anchors[frame.anchor] = frame.value
        parent = self._stack[-1]
        parent.children[parent.key] = frame
        self._put(parent, frame.value, event)

    def _set_key(self, frame: Frame, value: Any, event: Event) -> None:
        key = self._key(value, event)
        line = self._line(event)
        frame.key = key
        if key in frame.lines:
            raise self._fail(
                event,
                f"duplicate key {self._pointer()}, already on line {frame.lines[key]}",
                hint="remove one of them: only one of the values would be used",
            )
        frame.lines[key] = line

    def _put(self, frame: Frame, value: Any, event: Event) -> None:
        if isinstance(value, float):
            value = integral(value)
        if frame.is_list:
            frame.value.append(value)
            frame.lines.setdefault(frame.key, self._line(event))
            frame.key += 1
            return
        if frame.key is _MERGE:
            self._merge(frame.value, value, event)
        else:
            frame.value[frame.key] = value
        frame.key = _NO_KEY

    def _merge(self, target: dict[Any, Any], value: Any, event: Event) -> None:
        sources = value if isinstance(value, list) else [value]
        for source in reversed(sources):  # the first of several wins
            if not isinstance(source, dict):
                raise self._fail(event, "the value of a merge key, expected a map or a list of maps")
            target.update(source)

    def _scalar(self, event: ScalarEvent) -> Any:
        text: str = event.value
        tag = event.tag
        if self._styled and MARK in text:
            if tag not in (None, "!", STR_TAG):
                raise self._fail(event, "a tag on a value that is not known yet, expected none")
            return Marked(text, plain=tag is None and event.implicit[0])
        if tag is None and not event.implicit[0]:
            if not text.isascii() and _SURROGATE.search(text):  # only PyYAML's own parser lets them pass
                raise self._fail(event, "not valid YAML: an escape for half of a character")
            return text
        try:
            return resolve(text) if tag is None else resolve_tagged(tag, text)
        except ValueError as error:
            raise self._fail(event, str(error), hint="put text in quotes") from error

    def _key(self, value: Any, event: Event) -> str | Marked:
        if isinstance(value, (str, Marked)):
            return value
        if not isinstance(value, (bool, int, float)):
            raise self._fail(
                event, "null, a map or a list as a key, expected text", hint="put text in quotes"
            )
        try:
            return key_text(value)
        except ValueError as error:
            raise self._fail(event, str(error)) from error

    def _count(self, value: Any, depth: int, event: Event) -> None:
        """Count what an alias adds: a value, and the characters that writing it takes."""
        self._aliased += 1 + 2 * depth // _CHARACTERS
        text = value.text if isinstance(value, Marked) else value
        if isinstance(text, str):
            # In a block each line is indented.
            self._aliased += (len(text) + 2 * depth * text.count("\n")) // _CHARACTERS
        if self._aliased > MAX_ALIASED_NODES:
            raise self._fail(
                event,
                f"aliases that add more than {MAX_ALIASED_NODES} values,"
                f" where {_CHARACTERS} characters count as one",
                hint="use fewer aliases of large values",
            )

    def _copy(self, value: Any, depth: int, event: Event) -> Any:
        self._count(value, depth, event)
        if isinstance(value, dict):
            self._check_depth(depth, event)
            for key in value:
                self._count(key, depth, event)
            return {key: self._copy(member, depth + 1, event) for key, member in value.items()}
        if isinstance(value, list):
            self._check_depth(depth, event)
            return [self._copy(item, depth + 1, event) for item in value]
        return value

    def _check_depth(self, depth: int, event: Event) -> None:
        if depth > MAX_DEPTH:
            raise self._fail(event, f"more than {MAX_DEPTH} levels of maps and lists")

    def _line(self, event: Event) -> int:
        mark: Any = event.start_mark
        return self._document.line + int(mark.line)

    def _pointer(self) -> str:
        return "".join("/" + _token(frame.key) for frame in self._stack[1:])

    def _fail(self, event: Event, message: str, *, hint: str = "") -> YamlError:
        return error_at(self._document, event.start_mark, message, hint=hint)


def _token(key: Any) -> str:
    if key is _MERGE:
        return "<<"
    text = key.text if isinstance(key, Marked) else str(key)
    return escape(shown(text))
