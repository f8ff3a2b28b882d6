"""Maps and lists that are met again, as they are, in one pod after the other: what is known of them.

Overlays share what templates give for every pod. Nothing changes a map or list in place, so that what
was worked out for one of them holds as long as it lives. Not here: which ones are met again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final


class KnownPart:
    """One of them. What is known: size in units of work, JSON text, the checks that it passed, and copies.

    A copy is kept by the identity of the schema that it is made under, with that schema.
    """

    __slots__ = ("copies", "passed", "size", "text", "tree")

    def __init__(self, tree: Any) -> None:
        # Kept here, so that no other value can have its identity.
        self.tree = tree
        self.size: int | None = None
        self.text: str | None = None
        self.passed: set[object] = set()
        self.copies: dict[int, tuple[object, Any]] = {}


class Parts:
    """Those of one set of templates, by identity."""

    __slots__ = ("_by_id", "of")

    def __init__(self) -> None:
        self._by_id: dict[int, KnownPart] = {}
        self.of = self._by_id.get
        """The part with an identity; None for any other value."""

    def __len__(self) -> int:
        return len(self._by_id)

    def all(self) -> Iterator[KnownPart]:
        """Each of them."""
        return iter(self._by_id.values())

    def add(self, tree: Any) -> None:
        """Take a map or list that will be met again."""
        self._by_id[id(tree)] = KnownPart(tree)

    def add_copy(self, part: KnownPart, schema: object, made: Any) -> None:
        """Take what one of them becomes under a schema: it is met again as well."""
        part.copies[id(schema)] = schema, made
        if type(made) in (dict, list) and id(made) not in self._by_id:
            self.add(made)

    def drop(self, tree: Any) -> None:
        """Forget one that will not, with its copies."""
        part = self._by_id.pop(id(tree), None)
        for _, copy in part.copies.values() if part is not None else ():
            if copy is not tree:
                self.drop(copy)


NONE: Final = Parts()
"""No parts."""


def trees_in(tree: Any) -> Iterator[Any]:
    """The maps and lists of a value, itself among them."""
    if isinstance(tree, dict | list):
        yield tree
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from trees_in(inner)
