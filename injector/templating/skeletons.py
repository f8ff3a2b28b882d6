"""Parsed skeletons: trees whose scalars with marks are filled with the values of one rendering.

A map or list that comes out as it did the last time is the same object again. Most values of a pod
follow from the configuration: so most of an overlay is shared, and what is known of it (`parts`) holds.

Not here: how a skeleton's text is rendered, and how many of them are kept (`render`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from injector import yamltext
from injector.parts import Parts, trees_in
from injector.templating.budget import TREE, Place, Refused, RenderBudget
from injector.templating.operations import MARK, MARK_END
from injector.templating.values import json_of, text_of

SPLIT: Final = re.compile(f"{MARK}([0-9]+){MARK_END}")
_LONGEST: Final = 1024
"""Longer texts of a pod are not kept for the next one."""


class Filler(Protocol):
    """What stands in a parsed skeleton in place of a value that is not known yet."""

    def fill(self, run: RenderBudget, parts: Parts) -> Any:
        """The value in one rendering; parts that are met again are added to `parts`."""

    def trees(self) -> Iterator[Any]:
        """What it may have added."""


class Placeholder:
    """A value that is alone in a plain scalar: it keeps its type."""

    __slots__ = ("_filled", "_units", "_value", "index")

    def __init__(self, index: int) -> None:
        self.index = index
        self._value: Any = None
        self._filled: Any = None
        self._units = 0

    def fill(self, run: RenderBudget, parts: Parts) -> Any:
        """A copy of the value; the last one again for the same map or list."""
        value = run.values[self.index]
        if type(value) is str:
            run.charge(len(value))
            return value
        # Equal as well: whoever gave it may have changed it in place.
        if value is not self._value or not isinstance(value, TREE) or value != self._filled:
            return self._first(value, run, parts)
        run.charge(self._units)
        if parts.of(id(self._filled)) is None:
            parts.add(self._filled)
        return self._filled

    def _first(self, value: Any, run: RenderBudget, parts: Parts) -> Any:
        before = run.work
        filled = _placed(run, self.index, lambda value, label: json_of(value, run, label))
        if isinstance(value, TREE):
            parts.drop(self._filled)
            units = run.work - before
            kept = units <= _LONGEST
            self._value, self._filled, self._units = (value, filled, units) if kept else (None, None, 0)
        return filled

    def trees(self) -> Iterator[Any]:
        """The last copy of a map or list."""
        yield self._filled


class RenderedText:
    """A text with values in it: literal parts and indexes."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | int, ...]) -> None:
        self.parts = parts

    def fill(self, run: RenderBudget, _parts: Parts) -> str:
        """The text."""
        texts = [part if isinstance(part, str) else _placed(run, part, text_of) for part in self.parts]
        run.room(sum(map(len, texts)), str)
        return "".join(texts)

    def trees(self) -> Iterator[Any]:
        """None: a text is no part."""
        return iter(())

    @property
    def index(self) -> int:
        """Of the first of its values."""
        return next(part for part in self.parts if isinstance(part, int))


class _Again:
    """Keeps the last map or list that a filler gave, for when the next one is equal."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: Any = None

    def give(self, filled: Any, parts: Parts) -> Any:
        """The one that was filled, or the last one where both are alike."""
        last = self._last
        if last is not None and _alike(last, filled):
            if parts.of(id(last)) is None:
                parts.add(last)
            return last
        if last is not None:
            parts.drop(last)
        short = all(type(value) is not str or len(value) <= _LONGEST for value in _members(filled))
        self._last = filled if short else None
        return filled

    def trees(self) -> Iterator[Any]:
        """The last one."""
        yield self._last


class Map:
    """A map with marks somewhere below; what has none is shared by all renderings."""

    __slots__ = ("_again", "entries")

    def __init__(self, entries: tuple[tuple[Any, Any, bool], ...]) -> None:
        self.entries = entries
        """Key or `RenderedText`, value or filler, and whether the value is a filler."""
        self._again = _Again()

    def fill(self, run: RenderBudget, parts: Parts) -> dict[str, Any]:
        """The map."""
        filled: dict[str, Any] = {}
        for key, value, is_filler in self.entries:
            name = key.fill(run, parts) if isinstance(key, RenderedText) else key
            if name in filled:
                raise Refused("a map has two keys with the same text", place=self._place(run, key))
            filled[name] = value.fill(run, parts) if is_filler else value
        again: dict[str, Any] = self._again.give(filled, parts)
        return again

    def trees(self) -> Iterator[Any]:
        """What this one, those below and what has no marks may have added."""
        yield from self._again.trees()
        for _, value, is_filler in self.entries:
            yield from value.trees() if is_filler else trees_in(value)

    def _place(self, run: RenderBudget, key: object) -> Place:
        keys = [key, *(other for other, _, _ in self.entries)]
        return run.places[next(each.index for each in keys if isinstance(each, RenderedText))][:2]


class Items:
    """A list with marks somewhere below."""

    __slots__ = ("_again", "items")

    def __init__(self, items: tuple[tuple[Any, bool], ...]) -> None:
        self.items = items
        self._again = _Again()

    def fill(self, run: RenderBudget, parts: Parts) -> list[Any]:
        """The list."""
        filled = [item.fill(run, parts) if is_filler else item for item, is_filler in self.items]
        again: list[Any] = self._again.give(filled, parts)
        return again

    def trees(self) -> Iterator[Any]:
        """What this one, those below and what has no marks may have added."""
        yield from self._again.trees()
        for item, is_filler in self.items:
            yield from item.trees() if is_filler else trees_in(item)


_FILLERS: Final = (Placeholder, RenderedText, Map, Items)


class Skeleton:
    """A parsed skeleton. Not for use by two threads at once."""

    __slots__ = ("_tree",)

    def __init__(self, text: str, name: str) -> None:
        self._tree = _to_filler(yamltext.load_styled(text, name))

    def keep(self, parts: Parts) -> None:
        """Add to `parts` what is the same in every rendering."""
        for tree in self._static():
            parts.add(tree)

    def forget(self, parts: Parts) -> None:
        """Take from `parts` what this skeleton added."""
        for tree in (*self._static(), *(self._tree.trees() if isinstance(self._tree, _FILLERS) else ())):
            parts.drop(tree)

    def fill(self, run: RenderBudget, parts: Parts) -> Any:
        """The tree of one rendering."""
        tree = self._tree
        return tree.fill(run, parts) if isinstance(tree, _FILLERS) else tree

    def _static(self) -> Iterator[Any]:
        return _static_in(self._tree)


def _static_in(tree: Any) -> Iterator[Any]:
    if isinstance(tree, Map):
        for _, value, _ in tree.entries:
            yield from _static_in(value)
    elif isinstance(tree, Items):
        for item, _ in tree.items:
            yield from _static_in(item)
    else:
        yield from trees_in(tree)


def _placed(run: RenderBudget, index: int, make: Callable[[object, str], Any]) -> Any:
    """Make something of a value; what is refused is refused at the place of its expression."""
    template, line, label = run.places[index]
    try:
        return make(run.values[index], label)
    except Refused as exc:
        exc.place = exc.place or (template, line)
        raise


def _members(tree: Any) -> Any:
    return tree.values() if isinstance(tree, dict) else tree


def _alike(last: Any, filled: Any) -> bool:
    """Whether two maps or lists have the same members: the same objects, or equal texts."""
    if len(last) != len(filled) or (isinstance(last, dict) and list(last) != list(filled)):
        return False
    for old, new in zip(_members(last), _members(filled), strict=True):
        if old is not new and not (type(old) is str and type(new) is str and old == new):
            return False
    return True


def _to_filler(tree: Any) -> Any:
    """The filler of a parsed skeleton, or the tree itself where no mark is in it."""
    if isinstance(tree, yamltext.Marked):
        text = _text(tree)
        return Placeholder(text.index) if tree.plain and len(text.parts) == 1 else text
    if isinstance(tree, dict):
        entries = []
        for key, value in tree.items():
            filler = _to_filler(value)
            name = _text(key) if isinstance(key, yamltext.Marked) else key
            entries.append((name, filler, isinstance(filler, _FILLERS)))
        has_marks = any(is_filler or isinstance(key, RenderedText) for key, _, is_filler in entries)
        return Map(tuple(entries)) if has_marks else tree
    if isinstance(tree, list):
        items = [_to_filler(item) for item in tree]
        pairs = tuple((item, isinstance(item, _FILLERS)) for item in items)
        return Items(pairs) if any(is_filler for _, is_filler in pairs) else tree
    return tree


def _text(scalar: yamltext.Marked) -> RenderedText:
    # Odd members of the split are the indexes.
    parts = [int(part) if odd % 2 else part for odd, part in enumerate(SPLIT.split(scalar.text))]
    return RenderedText(tuple(part for part in parts if part != ""))
