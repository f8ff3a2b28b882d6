"""The account of one admission: counted work, the same for the same pod wherever it is injected.

A unit is one item of a tree that is visited once, or 64 bytes of text as JSON writes it. Each stage
charges the size of what it walks before it starts, so that the sum grows as the pod does. What one template
may use by itself belongs to `templating.budget`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from injector.parts import NONE, KnownPart, Parts

CHARACTERS: Final = 64
"""Characters of text that count as one unit."""


# The most expensive pods below it take less than 0.5 s: docs/explanation/how-far-it-goes.md.
DEFAULT_LIMIT: Final = 400_000


# JSON writes other characters as escapes of six or twelve bytes.
_ESCAPED: Final = 12
# A smaller map or list is measured again: that is as fast, and takes no memory.
_REMEMBERED: Final = 4


def _units(text: Any) -> int:
    if not isinstance(text, str):
        return 0
    return (len(text) if text.isascii() else len(text) * _ESCAPED) // CHARACTERS


# Names of fields and other short keys that were met: no units are counted for these.
_NO_UNITS: Final[set[object]] = set()
_MOST_KEYS: Final = 4096


def _units_of_key(key: Any) -> int:
    units = _units(key)
    if type(key) is str and not units:
        if len(_NO_UNITS) >= _MOST_KEYS:
            # Keys that one pod has must not keep out those of all others.
            _NO_UNITS.clear()
        _NO_UNITS.add(key)
    return units


class TooExpensive(Exception):
    """An admission needs more counted work than its limit."""


class Work:
    """Counts work up to a limit. `look` is called at every charge; it may end the work by raising."""

    __slots__ = ("_look", "_measured", "_sizes", "limit", "spent")

    def __init__(self, limit: int, look: Callable[[], None] | None = None) -> None:
        self.limit = limit
        self.spent = 0
        self._look = look
        # By identity, which holds as long as the trees do.
        self._sizes: dict[int, int] = {}
        self._measured: list[Any] = []

    def charge(self, units: int) -> None:
        """Count work that is about to be done. Raises TooExpensive past the limit."""
        self.spent += units
        if self.spent > self.limit:
            raise TooExpensive
        if self._look is not None:
            self._look()

    @property
    def left(self) -> int:
        """Units that may still be charged."""
        return max(self.limit - self.spent, 0)

    def measure(self, tree: Any, times: int = 1, parts: Parts = NONE) -> int:
        """Charge `times` walks over a tree and return its size in units. What is measured may not change.

        Each of the `parts` is measured once for all accounts.
        """
        self._measured.append(tree)
        size = self._size((tree,), self.left, parts)
        self.charge(size * times)
        return size

    def _size(self, members: Any, left: int, parts: Parts) -> int:
        """The units of the members of a map or list; past `left` only some of them."""
        size = len(members)
        if type(members) is dict:
            if not _NO_UNITS.issuperset(members):
                size += sum(map(_units_of_key, members))
            members = members.values()
        for value in members:
            kind = type(value)
            if kind is str:
                if len(value) >= CHARACTERS or not value.isascii():
                    size += _units(value)
            elif (kind is dict or kind is list) and value:
                # A result shares most of what it has with the pod and the overlay.
                inner = self._sizes.get(id(value))
                if inner is None:
                    part = parts.of(id(value))
                    inner = self._size(value, left, parts) if part is None else self._of(part, left, parts)
                    if inner >= _REMEMBERED:
                        self._sizes[id(value)] = inner
                size += inner
                if size > left:
                    break
        return size

    def _of(self, part: KnownPart, left: int, parts: Parts) -> int:
        """The units of the members of a part."""
        if part.size is None:
            size = self._size(part.tree, left, parts)
            if size > left:
                return size
            part.size = size
        return part.size
