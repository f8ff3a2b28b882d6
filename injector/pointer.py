"""JSON pointers (RFC 6901): their parts, and what is at one of them.

Not here: pointers that name the elements of a keyed list by their key (`core.tree.compare`).
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """The value at a pointer through maps, None where there is none."""
    for part in split(pointer):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(part)
    return tree


def put(tree: Mapping[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """The tree with a value at a pointer through maps; shares what it does not touch."""
    head, _, rest = pointer[1:].partition("/")
    name = unescape(head)
    out = dict(tree)
    out[name] = put(tree.get(name) or {}, "/" + rest, value) if rest else value
    return out


def drop(tree: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    """The tree without the value at a pointer through maps; shares what it does not touch."""
    head, _, rest = pointer[1:].partition("/")
    name = unescape(head)
    out = dict(tree)
    if rest:
        out[name] = drop(tree[name], "/" + rest)
    else:
        del out[name]
    return out
