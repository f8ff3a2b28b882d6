"""Which elements of a list are those of another list.

Elements that are the same object, have the same name, or are equal belong together. Not here: what is
done with them (edit.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

_NAMES: Final = ("name", "mountPath", "containerPort", "devicePath", "ip", "key", "path")
"""Fields that identify an element, where all elements have them and they are distinct."""

Stretch: TypeAlias = tuple[bool, int, int, int, int]
"""Whether two stretches of the lists belong together, and where each begins and ends."""


def same(a: Any, b: Any) -> bool:
    """Whether two trees are equal, with true and 1 apart; the order of keys does not count."""
    if a is b:
        return True
    if isinstance(a, dict):
        return (
            isinstance(b, dict)
            and a.keys() == b.keys()
            and all(same(value, b[key]) for key, value in a.items())
        )
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and not isinstance(b, dict | list) and bool(a == b)


def stretches(before: Sequence[Any], after: Sequence[Any]) -> list[Stretch]:
    """The two lists cut into stretches, in turn such as belong together and such as do not."""
    token = _tokens(before, after)
    old, new = [token(each) for each in before], [token(each) for each in after]
    least = min(len(old), len(new))
    head = next((i for i in range(least) if old[i] != new[i]), least)
    rest = least - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    old_end, new_end = len(old) - tail, len(new) - tail
    middle: list[Stretch] = [(False, head, old_end, head, new_end)]
    if head < old_end and head < new_end:
        middle = [
            (equal, head + a, head + b, head + c, head + d)
            for equal, a, b, c, d in _compared(old[head:old_end], new[head:new_end])
        ]
    parts = [(True, 0, head, 0, head), *middle, (True, old_end, len(old), new_end, len(new))]
    return [part for part in parts if part[1] < part[2] or part[3] < part[4]]


def _compared(old: list[Any], new: list[Any]) -> list[Stretch]:
    # Few lists need it.
    from difflib import SequenceMatcher

    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(tag == "equal", a, b, c, d) for tag, a, b, c, d in codes]


def is_named(element: Any) -> bool:
    """Whether an element has a name of its own."""
    return isinstance(element, dict) and any(name in element for name in _NAMES)


def _tokens(before: Sequence[Any], after: Sequence[Any]) -> Callable[[Any], Any]:
    """What stands for an element: its name, or all of it."""
    elements = [*before, *after]
    if all(isinstance(each, dict) for each in elements):
        for name in _NAMES:
            if all(isinstance(each.get(name), str | int) for each in elements) and all(
                len({each[name] for each in side}) == len(side) for side in (before, after)
            ):
                return lambda each: (name, each[name])
    return _whole


def _whole(element: Any) -> Any:
    if isinstance(element, dict | list):
        return json.dumps(element, sort_keys=True)
    return type(element), element
