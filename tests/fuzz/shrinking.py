"""Makes a failing review small: takes pieces of it away as long as the same fault is found.

Greedy and bounded in time. Bodies that are no JSON stay as they are.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from typing import Any


def shrink(body: bytes, fails: Callable[[bytes], bool], seconds: float = 20.0) -> bytes:
    """The smallest body for which `fails` still holds that was found in time."""
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not fails(json.dumps(tree).encode()):
        return body
    deadline = time.monotonic() + seconds
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(tree):
            if time.monotonic() > deadline:
                break
            if fails(json.dumps(smaller).encode()):
                tree, progress = smaller, True
                break
    return json.dumps(tree, indent=1).encode()


def _smaller(tree: Any) -> Iterator[Any]:
    """The tree without one of its pieces, the outer ones first, then with one of its texts halved."""
    ways = sorted(_ways(tree), key=len)
    for way in ways:
        yield _edited(tree, way, cut=False)
    for way in ways:
        text = _at(tree, way)
        if isinstance(text, str) and len(text) > 1:
            yield _edited(tree, way, cut=True)


def _ways(tree: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in steps:
        yield (*before, step)
        yield from _ways(value, (*before, step))


def _at(tree: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        tree = tree[step]
    return tree


def _edited(tree: Any, way: tuple[Any, ...], *, cut: bool) -> Any:
    smaller = copy.deepcopy(tree)
    holder = _at(smaller, way[:-1])
    if cut:
        holder[way[-1]] = holder[way[-1]][: len(holder[way[-1]]) // 2]
    else:
        del holder[way[-1]]
    return smaller
