"""What an overlay becomes where there is nothing to merge it into, and what is wrong with an overlay.

Not here: the merge itself (strategic_merge.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from injector.core.model import Manifest
from injector.core.tree.schema import ATOMIC, Schema
from injector.parts import NONE, Parts
from injector.pointer import join

PATCH: Final = "$patch"
TREE: Final = (dict, list)
NOTHING: Any = object()
"""No value, where null is one."""


class MergeError(ValueError):
    """A patch that cannot be merged; `pointer` says where."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.pointer = pointer

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.message}"

    def below(self, part: object) -> MergeError:
        """The same, seen from the map or list around."""
        return MergeError(self.message, join("", part) + self.pointer)


class Copies:
    """What the maps and lists of one overlay become where the base has nothing to merge them into.

    For an overlay that is merged more than once: they are looked at once, `parts` once for all overlays.
    None after the first directive, as what that means depends on the place.
    """

    __slots__ = ("_made", "_parts", "directives")

    def __init__(self, parts: Parts = NONE) -> None:
        self._made: dict[int, tuple[object, Any]] = {}
        self._parts = parts
        self.directives = False

    def of(self, value: Any, schema: Schema) -> Any:
        """The one of a value of the overlay under a schema, None where it is not known."""
        part = self._parts.of(id(value))
        made = self._made.get(id(value)) if part is None else part.copies.get(id(schema))
        # An alias of YAML puts one value in two places.
        return made[1] if made is not None and made[0] is schema else None

    def add(self, value: Any, schema: Schema, made: Any) -> None:
        """Note what a map or list becomes."""
        if self.directives:
            return
        part = self._parts.of(id(value))
        if part is None:
            self._made[id(value)] = schema, made
        else:
            self._parts.add_copy(part, schema, made)


def created(value: Any, schema: Schema, copies: Copies) -> Any:
    """What a map or list becomes where the base has nothing to merge it into: itself, if nothing is left out.

    As Kubernetes has it, a map or an element that says `$patch: replace` or `delete` goes as a whole.
    """
    made = copies.of(value, schema)
    if made is not None:
        return made
    if isinstance(value, list):
        made = _list(value, schema, copies)
    elif value.get(PATCH, "merge") != "merge":
        copies.directives = True
        return NOTHING
    else:
        made = _map(value, schema.fields, copies)
    copies.add(value, schema, made)
    return made


def _map(value: Manifest, schemas: Mapping[str, Schema], copies: Copies) -> Manifest:
    changes: dict[str, Any] | None = None
    for name, inner in value.items():
        if name.startswith("$"):
            copies.directives = True
            new = NOTHING
        elif inner is None:
            new = NOTHING
        elif isinstance(inner, TREE):
            try:
                new = created(inner, schemas.get(name, ATOMIC), copies)
            except MergeError as error:
                raise error.below(name) from None
            if new is inner:
                continue
        else:
            continue
        if changes is None:
            changes = {}
        changes[name] = new
    if changes is None:
        return value
    fields = {name: changes.get(name, inner) for name, inner in value.items()}
    return {name: inner for name, inner in fields.items() if inner is not NOTHING}


def _list(value: list[Any], schema: Schema, copies: Copies) -> list[Any]:
    out = value
    for i, item in enumerate(value):
        if isinstance(item, TREE):
            try:
                new = created(item, schema, copies)
            except MergeError as error:
                raise error.below(i) from None
            if new is not item:
                out = [*value] if out is value else out
                out[i] = new
    for i, item in enumerate(out) if schema.key else ():
        if item is not NOTHING:
            check_key(item, schema.key, i)
    return out if out is value else [item for item in out if item is not NOTHING]


def check_key(item: Any, key: str, index: int) -> None:
    """Raise MergeError for an element that a merge by `key` cannot find again."""
    if not isinstance(item, dict):
        raise MergeError(f"a map with the key {key!r} is expected", f"/{index}")
    if item.get(key) is None:
        raise MergeError(f"the list is merged by {key!r}, but this element has no {key!r}", f"/{index}")


def plain(value: Any) -> Any:
    """A new subtree without nulls and directives."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: plain(inner) for name, inner in value.items() if inner is not None and not name.startswith("$")
    }


def plain_copy(value: Any, schema: Schema, copies: Copies) -> Any:
    """The same where `copies` may know it."""
    made = copies.of(value, schema)
    return plain(value) if made is None else made
