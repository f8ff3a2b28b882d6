"""JSON patches (RFC 6902) from what was changed.

`diff` walks only what is not the same object, and matches the elements of a list by its merge
key, so that a pod with 2000 variables costs what was added to it. The operations apply under the
strict RFC and under the API server's engine (evanphx/json-patch v4): parents are created with
what they hold, nothing is removed or replaced that is not there, and no `test` is ever sent.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable
from typing import Any

from injector.core.model import Operation
from injector.core.tree.schema import POD, Schema, key_of, keyed, same
from injector.pointer import join

_NOTHING: Any = object()


def diff(before: Any, after: Any, schema: Schema = POD, pointer: str = "") -> tuple[Operation, ...]:
    """The operations that turn one JSON tree into another."""
    out: list[Operation] = []
    _diff(before, after, schema, pointer, out)
    return tuple(out)


def _diff(before: Any, after: Any, schema: Schema, pointer: str, out: list[Operation]) -> None:
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        _diff_map(before, after, schema, pointer, out)
    elif isinstance(before, list) and isinstance(after, list):
        _diff_list(before, after, schema, pointer, out)
    elif not same(before, after):
        out.append(Operation("replace", pointer, after))


def _diff_map(
    before: dict[str, Any], after: dict[str, Any], schema: Schema, pointer: str, out: list[Operation]
) -> None:
    out.extend(Operation("remove", join(pointer, name)) for name in before if name not in after)
    for name, value in after.items():
        old = before.get(name, _NOTHING)
        if old is value:
            continue
        if old is _NOTHING:
            out.append(Operation("add", join(pointer, name), value))
        else:
            _diff(old, value, schema.of(name), join(pointer, name), out)


def _diff_list(
    before: list[Any], after: list[Any], schema: Schema, pointer: str, out: list[Operation]
) -> None:
    old, new = keyed(before, schema.key), keyed(after, schema.key)
    if old is None or new is None:
        _diff_ends(before, after, schema, pointer, out)
        return
    keep = _keys_in_order(list(old), list(new))
    if len(keep) < len(before):
        for i in reversed(range(len(before))):
            if key_of(before[i], schema.key) not in keep:
                out.append(Operation("remove", f"{pointer}/{i}"))
    for i, (key, item) in enumerate(new.items()):
        if key not in keep:
            out.append(Operation("add", f"{pointer}/{i}", item))
        elif old[key] is not item:
            _diff(old[key], item, schema, f"{pointer}/{i}", out)


def _diff_ends(
    before: list[Any], after: list[Any], schema: Schema, pointer: str, out: list[Operation]
) -> None:
    """Lists without keys: what both have at the start and at the end stays, the middle is exchanged."""
    start = 0
    while start < min(len(before), len(after)) and same(before[start], after[start]):
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and same(before[-1 - end], after[-1 - end]):
        end += 1
    gone, come = len(before) - start - end, len(after) - start - end
    common = min(gone, come)
    for i in range(start, start + common):
        _diff(before[i], after[i], schema, f"{pointer}/{i}", out)
    for i in reversed(range(start + common, start + gone)):
        out.append(Operation("remove", f"{pointer}/{i}"))
    for i in range(start + common, start + come):
        out.append(Operation("add", f"{pointer}/{i}", after[i]))


def _keys_in_order(old: list[Hashable], new: list[Hashable]) -> frozenset[Hashable]:
    """The most keys that stand in the same order in both: a longest increasing subsequence."""
    place = {key: i for i, key in enumerate(old)}
    common = [key for key in new if key in place]
    if common == old:
        # Most lists have only got more elements.
        return frozenset(common)
    tails: list[int] = []  # tails[n]: the smallest place that ends a run of n + 1
    ends: list[int] = []  # index into `common` of that end
    before: list[int] = []
    for i, key in enumerate(common):
        n = bisect_left(tails, place[key])
        before.append(ends[n - 1] if n else -1)
        if n == len(tails):
            tails.append(place[key])
            ends.append(i)
        else:
            tails[n] = place[key]
            ends[n] = i
    out = []
    i = ends[-1] if ends else -1
    while i >= 0:
        out.append(common[i])
        i = before[i]
    return frozenset(out)
