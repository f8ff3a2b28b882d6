"""Parsed skeletons: trees whose scalars with marks are filled with the values of one rendering.

A map or list of which no value is another than in the last rendering is the same object again. Most
values follow from the configuration: so most of an overlay is shared, and what is known of it (`parts`)
holds.

Not here: how a skeleton's text is rendered, and how many of them are kept (`render`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from injector import yamltext
from injector.parts import Parts, trees_in
from injector.patterns import pattern
from injector.templating.budget import TREE, Place, Refused, RenderBudget
from injector.templating.operations import MARK, MARK_END
from injector.templating.values import json_of, text_of

SPLIT: Final = pattern(f"{MARK}([0-9]+){MARK_END}")
_LARGEST: Final = 1 << 16
"""What takes more units is not kept for the next rendering."""
_NEVER: Final = object()


class _Filling:
    """One rendering: its account, and which of its values are others than those of the last one."""

    __slots__ = ("changed", "copies", "parts", "run", "values")

    def __init__(self, run: RenderBudget, parts: Parts, last: _Filling | None) -> None:
        self.run = run
        self.parts = parts
        # What is not kept for the next rendering stays `_NEVER`.
        self.values: list[Any] = [_NEVER] * len(run.values)
        self.copies: list[Any] = [None] * len(run.values)
        old = last.values if last is not None and len(last.values) == len(run.values) else self.values
        copies = last.copies if last is not None else self.copies
        self.changed = {
            index
            for index, value in enumerate(run.values)
            if not (value is old[index] or (type(value) is str and value == old[index]))
            # Whoever gave a map or list may have changed it in place.
            or (isinstance(value, TREE) and value != copies[index])
        }
        for index in range(len(run.values)):
            if index not in self.changed:
                self.values[index], self.copies[index] = old[index], copies[index]
            elif index < len(copies):
                parts.drop(copies[index])

    def keep(self, index: int, value: Any, filled: Any, units: int) -> None:
        """Note what a value became, unless it is too large to be kept for the next rendering."""
        if units <= _LARGEST:
            self.values[index] = value
            self.copies[index] = filled if isinstance(value, TREE) else None


class Placeholder:
    """A value that is alone in a plain scalar: it keeps its type."""

    __slots__ = ("_units", "index")

    def __init__(self, index: int) -> None:
        self.index = index
        self._units = 0

    @property
    def indexes(self) -> frozenset[int]:
        """The index of its value."""
        return frozenset({self.index})

    def fill(self, to: _Filling) -> Any:
        """A copy of the value, that of the last rendering where it is the same."""
        run, index = to.run, self.index
        value = run.values[index]
        if type(value) is str:
            run.charge(len(value))
            to.keep(index, value, None, len(value))
            return value
        filled = to.copies[index]
        if filled is not None:
            run.charge(self._units)
            if to.parts.of(id(filled)) is None:
                to.parts.add(filled)
            return filled
        before = run.work
        filled = _placed(run, index, lambda value, label: json_of(value, run, label))
        self._units = run.work - before
        to.keep(index, value, filled, self._units)
        return filled


class RenderedText:
    """A text with values in it: literal parts and indexes."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | int, ...]) -> None:
        self.parts = parts

    @property
    def indexes(self) -> frozenset[int]:
        """The indexes of its values."""
        return frozenset(part for part in self.parts if isinstance(part, int))

    @property
    def index(self) -> int:
        """Of the first of its values."""
        return next(part for part in self.parts if isinstance(part, int))

    def fill(self, to: _Filling) -> str:
        """The text."""
        run = to.run
        texts = [part if isinstance(part, str) else _placed(run, part, text_of) for part in self.parts]
        size = sum(map(len, texts))
        run.room(size, str)
        for index in self.parts:
            if isinstance(index, int):
                to.keep(index, run.values[index], None, size)
        return "".join(texts)


class _Tree:
    """A map or list with marks somewhere below. What it was the last time is kept."""

    __slots__ = ("_last", "_units", "indexes")

    def __init__(self, below: Iterable[Any]) -> None:
        marked = (each.indexes for each in below if isinstance(each, _FILLERS))
        self.indexes: frozenset[int] = frozenset().union(*marked)
        self._last: Any = None
        self._units = 0

    def fill(self, to: _Filling) -> Any:
        """The one of this rendering: that of the last one where no value below it is another."""
        parts, last = to.parts, self._last
        if last is not None:
            if self.indexes.isdisjoint(to.changed):
                to.run.charge(self._units)
                self.add_to(parts)
                return last
            parts.drop(last)
            self._last = None
        before = to.run.work
        filled = self.made(to)
        self._units = to.run.work - before
        if self._units <= _LARGEST:
            self._last = filled
        return filled

    def add_to(self, parts: Parts) -> None:
        """Add what it gave, and all below; nothing where that is done."""
        if self._last is not None and parts.of(id(self._last)) is None:
            parts.add(self._last)
            for inner in self.below():
                if isinstance(inner, _Tree):
                    inner.add_to(parts)

    def made(self, to: _Filling) -> Any:
        """A new one."""
        raise NotImplementedError

    def below(self) -> Iterator[Any]:
        """Its members, and what stands for them."""
        raise NotImplementedError

    @property
    def last(self) -> Any:
        """What it was the last time; None where that was not kept."""
        return self._last


class Map(_Tree):
    """A map with marks somewhere below; what has none is shared by all renderings."""

    __slots__ = ("entries",)

    def __init__(self, entries: tuple[tuple[Any, Any, bool], ...]) -> None:
        super().__init__(each for key, value, _ in entries for each in (key, value))
        self.entries = entries
        """Key or `RenderedText`, value or filler, and whether the value is a filler."""

    def made(self, to: _Filling) -> dict[str, Any]:
        """A new map."""
        filled: dict[str, Any] = {}
        for key, value, is_filler in self.entries:
            name = key.fill(to) if isinstance(key, RenderedText) else key
            if name in filled:
                raise Refused("a map has two keys with the same text", place=self._place(to.run, key))
            filled[name] = value.fill(to) if is_filler else value
        return filled

    def below(self) -> Iterator[Any]:
        """The values and fillers."""
        return (value for _, value, _ in self.entries)

    def _place(self, run: RenderBudget, key: object) -> Place:
        keys = [key, *(other for other, _, _ in self.entries)]
        return run.places[next(each.index for each in keys if isinstance(each, RenderedText))][:2]


class Items(_Tree):
    """A list with marks somewhere below."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[tuple[Any, bool], ...]) -> None:
        super().__init__(item for item, _ in items)
        self.items = items

    def made(self, to: _Filling) -> list[Any]:
        """A new list."""
        return [item.fill(to) if is_filler else item for item, is_filler in self.items]

    def below(self) -> Iterator[Any]:
        """The items and fillers."""
        return (item for item, _ in self.items)


_FILLERS: Final = (Placeholder, RenderedText, _Tree)


class Skeleton:
    """A parsed skeleton. Not for use by two threads at once."""

    __slots__ = ("_last", "_tree")

    def __init__(self, text: str, name: str) -> None:
        self._tree = _to_filler(yamltext.load_styled(text, name))
        self._last: _Filling | None = None

    def keep(self, parts: Parts) -> None:
        """Add to `parts` what is the same in every rendering."""
        for tree in _static_in(self._tree):
            parts.add(tree)

    def forget(self, parts: Parts) -> None:
        """Take from `parts` what this skeleton added."""
        self._drop_copies(parts)
        for tree in (*_static_in(self._tree), *_last_in(self._tree)):
            parts.drop(tree)

    def fill(self, run: RenderBudget, parts: Parts) -> Any:
        """The tree of one rendering; what is met again, as it is, is added to `parts`."""
        if not isinstance(self._tree, _FILLERS):
            return self._tree
        filling = self._last = _Filling(run, parts, self._last)
        try:
            return self._tree.fill(filling)
        except Exception:
            # Nothing is known for the next rendering.
            self._drop_copies(parts)
            raise

    def _drop_copies(self, parts: Parts) -> None:
        for copy in self._last.copies if self._last else ():
            parts.drop(copy)
        self._last = None


def _static_in(tree: Any) -> Iterator[Any]:
    if isinstance(tree, _Tree):
        for inner in tree.below():
            yield from _static_in(inner)
    else:
        yield from trees_in(tree)


def _last_in(tree: Any) -> Iterator[Any]:
    if isinstance(tree, _Tree):
        yield tree.last
        for inner in tree.below():
            yield from _last_in(inner)


def _placed(run: RenderBudget, index: int, make: Callable[[object, str], Any]) -> Any:
    """Make something of a value; what is refused is refused at the place of its expression."""
    template, line, label = run.places[index]
    try:
        return make(run.values[index], label)
    except Refused as exc:
        exc.place = exc.place or (template, line)
        raise


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
