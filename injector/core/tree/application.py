"""Applying a JSON patch (RFC 6902) to a tree, which stays as it is.

Strictly: what an operation needs has to be there. Only the operations that `patches.diff` makes: add,
replace and remove, none of them on the tree as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from injector.core.model import Operation
from injector.patterns import pattern
from injector.pointer import unescape

_INDEX: Final = pattern(r"0|[1-9][0-9]{0,9}", re.ASCII)
_NO_ESCAPE: Final = pattern("~(?![01])")


class PatchError(ValueError):
    """An operation of a patch that does not apply."""


def applied(tree: Any, operations: Iterable[Operation]) -> Any:
    """The tree after a patch; it shares what the patch does not touch. Raises PatchError."""
    copies = _Copies(tree)
    # Neighbours in a patch often have the same parent, which no operation inside it moves.
    above, place = "", None
    for operation in operations:
        parent, slash, last = operation.path.rpartition("/")
        if not slash or ("~" in last and _NO_ESCAPE.search(last)):
            raise PatchError("a pointer does not lead to a member")
        if place is None or parent != above:
            above, place = parent, copies.at(parent)
        _change(place, unescape(last) if "~" in last else last, operation)
    return copies.tree


class _Copies:
    """The copies of the maps and lists of one tree that a patch changes, made when it comes to them."""

    def __init__(self, tree: Any) -> None:
        self._made: dict[int, Any] = {}
        self.tree = self._copy(tree)

    def at(self, pointer: str) -> Any:
        """The copy of what is at a pointer."""
        if "~" in pointer and _NO_ESCAPE.search(pointer):
            raise PatchError("a pointer does not lead to a member")
        head, *steps = pointer.split("/")
        if head:
            raise PatchError("a pointer begins with a slash")
        place = self.tree
        for step in steps:
            key: Any = unescape(step) if "~" in step else step
            if type(place) is list:
                key = _index(key, len(place))
            elif type(place) is not dict or key not in place:
                raise PatchError("a parent is missing")
            inner = place[key]
            if id(inner) not in self._made:
                inner = place[key] = self._copy(inner)
            place = inner
        return place

    def _copy(self, value: Any) -> Any:
        copy = value.copy() if type(value) in (dict, list) else value
        # It is held, so that its identity is given to no other value.
        self._made[id(copy)] = copy
        return copy


def _index(step: str, count: int) -> int:
    index = int(step) if _INDEX.fullmatch(step) else count
    if index >= count:
        raise PatchError("an element is missing")
    return index


def _change(place: Any, last: str, operation: Operation) -> None:
    if type(place) is list:
        _change_list(place, last, operation)
    elif type(place) is not dict or (operation.op != "add" and last not in place):
        raise PatchError("a member is missing")
    elif operation.op == "remove":
        del place[last]
    else:
        place[last] = operation.value


def _change_list(place: list[Any], last: str, operation: Operation) -> None:
    if operation.op == "remove":
        del place[_index(last, len(place))]
    elif operation.op == "replace":
        place[_index(last, len(place))] = operation.value
    else:
        place.insert(len(place) if last == "-" else _index(last, len(place) + 1), operation.value)
