"""JSON pointers (RFC 6901): their parts, and what is at one of them.

Not here: pointers that name the elements of a keyed list by their key (`core.tree.compare`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def escape(part: str) -> str:
    """One part of a pointer as it is written in it."""
    return part.replace("~", "~0").replace("/", "~1")


def unescape(part: str) -> str:
    """One part of a pointer as it is written in the tree."""
    return part.replace("~1", "/").replace("~0", "~")


def join(pointer: str, part: object) -> str:
    """The pointer to a member of what is at `pointer`."""
    return f"{pointer}/{escape(str(part))}"


def split(pointer: str) -> list[str]:
    """The parts of a pointer as they are written in the tree."""
    return [unescape(part) for part in pointer.split("/")[1:]]


def get(tree: Any, pointer: str) -> Any:
    """The value at a pointer, None where there is none."""
    for part in split(pointer):
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list):
            tree = tree[int(part)] if part.isdecimal() and int(part) < len(tree) else None
        else:
            return None
    return tree


def put(tree: Mapping[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """The tree with a value at a pointer; shares what it does not touch.

    Maps that are missing on the way are made, elements of lists are not.
    """
    changed: dict[str, Any] = _put(tree, pointer, value)
    return changed


def _put(tree: Any, pointer: str, value: Any) -> Any:
    head, _, rest = pointer[1:].partition("/")
    if isinstance(tree, list):
        number = int(head)
        inner = _put(tree[number], "/" + rest, value) if rest else value
        return [*tree[:number], inner, *tree[number + 1 :]]
    name = unescape(head)
    return {**tree, name: _put(tree.get(name) or {}, "/" + rest, value) if rest else value}


def drop(tree: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    """The tree without a member of a map; shares what it does not touch."""
    outer, _, head = pointer.rpartition("/")
    inner = dict(get(tree, outer))
    del inner[unescape(head)]
    return put(tree, outer, inner) if outer else inner


def expanded(tree: Any, pattern: str) -> tuple[str, ...]:
    """The pointers of a pattern in which ``*`` is each element of a list or map; none where neither is."""
    head, star, rest = pattern.partition("/*")
    if not star:
        return (pattern,)
    elements = get(tree, head)
    if isinstance(elements, list):
        members: Iterable[tuple[object, Any]] = enumerate(elements)
    elif isinstance(elements, dict):
        members = elements.items()
    else:
        return ()
    return tuple(join(head, name) + end for name, element in members for end in expanded(element, rest))
