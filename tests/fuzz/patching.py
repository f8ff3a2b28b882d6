"""JSON patches as the API server's engine reads them, and stricter where the RFC is.

The rules of RFC 6902 and of evanphx/json-patch v4 written down a second time, so that the product
is not held to the library that it uses itself: a missing or null parent, a field or element that is
not there, a `test`, a pointer with a bad escape, and a patch of the whole document are all refused.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_INDEX: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")
_FIELDS: Final = {
    "add": {"op", "path", "value"},
    "replace": {"op", "path", "value"},
    "remove": {"op", "path"},
}


class DoesNotApply(Exception):
    """Says which operation cannot be applied, and why."""


def applied(document: Any, operations: Any) -> Any:
    """A copy of the document with the operations applied in order. Raises DoesNotApply."""
    tree = json.loads(json.dumps(document))
    if not isinstance(operations, list) or not operations:
        raise DoesNotApply("a patch is a list of at least one operation")
    for number, operation in enumerate(operations):
        if not isinstance(operation, dict) or operation.keys() != _FIELDS.get(str(operation.get("op"))):
            raise DoesNotApply(f"operation {number} has other fields than its kind asks for")
        try:
            _apply(tree, operation)
        except DoesNotApply as why:
            raise DoesNotApply(f"{operation['op']} {operation['path']}: {why}") from None
    return tree


def _apply(tree: Any, operation: dict[str, Any]) -> None:
    steps = _steps(operation["path"])
    holder = tree
    for step in steps[:-1]:
        holder = holder[_there(holder, step)]
        if not isinstance(holder, dict | list):
            raise DoesNotApply(f"{step} is nothing that holds anything")
    last, kind = steps[-1], operation["op"]
    # A copy, as what travels is text: two operations never share a value.
    value = json.loads(json.dumps(operation.get("value")))
    if kind != "add":
        place = _there(holder, last)
        if kind == "remove":
            del holder[place]
        else:
            holder[place] = value
    elif isinstance(holder, dict):
        holder[last] = value
    else:
        holder.insert(len(holder) if last == "-" else _index(last, len(holder)), value)


def _steps(path: Any) -> list[str]:
    if not isinstance(path, str) or not path.startswith("/") or _BAD_ESCAPE.search(path):
        raise DoesNotApply("the path is no pointer below the document")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _there(holder: Any, step: str) -> Any:
    """The key of an existing place."""
    if isinstance(holder, list):
        return _index(step, len(holder) - 1)
    if step not in holder:
        raise DoesNotApply(f"{step} is not there")
    return step


def _index(step: str, most: int) -> int:
    if not _INDEX.fullmatch(step) or int(step) > most:
        raise DoesNotApply(f"{step} is no element of the list")
    return int(step)
