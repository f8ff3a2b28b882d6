"""Differences between two trees, as JSON pointers with both values, and the named ones among them.

A named difference is one that is known, understood and no fault; everything else fails the check.
Texts that hold JSON are compared as what they mean, and the pointer goes on into them. Not here:
where the trees come from.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from injector.core.quantities import parse
from injector.pointer import join

MISSING: Final = "(nothing)"
REFUSED: Final = "(refused)"
_SHOWN: Final = 200
# istioctl reads documents into Go types and writes those: fields that are not `omitempty` there come
# out even if nobody wrote them ...
_WRITTEN: Final[Mapping[str, Any]] = {
    "creationTimestamp": None,
    "metadata": {},
    "resources": {},
    "selector": None,
    "service": None,
    "serviceName": "",
    "strategy": {},
    "template": None,
    "updateStrategy": {},
}
# ... and zeros of the others get lost. Each by the end of its pointer.
_LOST: Final[Mapping[str, Any]] = {
    "failureThreshold": 0,
    "initialDelaySeconds": 0,
    "periodSeconds": 0,
    "timeoutSeconds": 0,
    "configMap/name": "",
    "value": "",
}

# Documents that one of the programs alone refuses: which one, what it says, the name of that.
_REFUSALS: Final = (
    (
        "istioctl",
        r"failed applying injection overlay: (strategic merge: invalid JSON|unmarshal patched pod)",
        "values that break upstream's template, being pasted as text (Q24)",
    ),
    (
        "istioctl",
        r"panic: interface conversion[\s\S]*inject\.parseStatus",
        "a status that upstream's reader dies of",
    ),
    ("ours", r"a JSON object is expected", "JSON of annotations that is no object (Q24)"),
    # Injecting once can make such a pod: a user's init container with the name of a gateway's proxy.
    (
        "ours",
        r"name is also used by \S+; it must be unique",
        "two containers of one name, as no API server takes",
    ),
)


@dataclass(frozen=True)
class Difference:
    """One place where the two answers differ."""

    pointer: str
    upstream: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: istioctl {shown(self.upstream)}, ours {shown(self.ours)}"


def differences(upstream: Any, ours: Any, named: Counter[str]) -> list[Difference]:
    """The differences that have no name; those that have one are counted in `named`."""
    unnamed = []
    for difference in _walk(upstream, ours, "", named):
        name = name_of(difference)
        if name:
            named[name] += 1
        else:
            unnamed.append(difference)
    return unnamed


def name_of(difference: Difference) -> str | None:
    """The name of a difference that is known and no fault."""
    pointer, upstream, ours = difference.pointer, difference.upstream, difference.ours
    if ours == MISSING and (_is_zero(pointer, upstream, _WRITTEN) or _is_status(pointer, upstream)):
        return "zeros that typed writing adds"
    if upstream == MISSING and _is_zero(pointer, ours, _LOST):
        return "zeros that typed writing drops"
    if re.search(r"/(limits|requests)/[^/]+$", pointer) and _is_one_quantity(upstream, ours):
        return "spelling of quantities"
    return None


def name_of_refusal(who: str, message: str) -> str | None:
    """The name of a refusal that is known and no fault; `who` alone refuses."""
    names = (name for refuser, words, name in _REFUSALS if refuser == who and re.search(words, message))
    return next(names, None)


def shown(value: Any) -> str:
    """A value in one line."""
    text = value if value in (MISSING, REFUSED) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _walk(upstream: Any, ours: Any, pointer: str, named: Counter[str]) -> Iterator[Difference]:
    if isinstance(upstream, dict) and isinstance(ours, dict):
        for key in sorted(upstream.keys() | ours.keys(), key=str):
            below = join(pointer, str(key))
            yield from _walk(upstream.get(key, MISSING), ours.get(key, MISSING), below, named)
    elif isinstance(upstream, list) and isinstance(ours, list):
        yield from _walk_list(upstream, ours, pointer, named)
    elif not _same(upstream, ours):
        trees = _json(upstream), _json(ours)
        if None in trees:
            yield Difference(pointer, upstream, ours)
        else:
            yield from _walk(trees[0], trees[1], f"{pointer}/", named)


def _walk_list(
    upstream: list[Any], ours: list[Any], pointer: str, named: Counter[str]
) -> Iterator[Difference]:
    """Items with names go by them, so that one that is missing does not hide the others; then by order."""
    if pointer.endswith("/env"):
        upstream = _without_newer(upstream, ours, named)
    theirs, own = _by_name(upstream), _by_name(ours)
    if theirs is None or own is None:
        theirs, own = dict(enumerate(upstream)), dict(enumerate(ours))
    for key in dict.fromkeys([*theirs, *own]):
        number = list(own if key in own else theirs).index(key)
        yield from _walk(theirs.get(key, MISSING), own.get(key, MISSING), f"{pointer}/{number}", named)
    orders = [key for key in theirs if key in own], [key for key in own if key in theirs]
    if orders[0] != orders[1]:
        yield Difference(pointer, *orders)


def _by_name(items: list[Any]) -> dict[Any, Any] | None:
    """Items by name; None where one has none or shares it."""
    named = {item["name"]: item for item in items if isinstance(item, dict) and "name" in item}
    return named if len(named) == len(items) else None


def _without_newer(upstream: list[Any], ours: list[Any], named: Counter[str]) -> list[Any]:
    """Variables without the one that the pinned istioctl's template has and our older profile has not."""

    def is_newer(item: Any) -> bool:
        return isinstance(item, dict) and item.get("name") == "GOMAXPROCS"

    if any(is_newer(item) for item in ours):
        return upstream
    older = [item for item in upstream if not is_newer(item)]
    if len(older) < len(upstream):
        named["the newer template's variable GOMAXPROCS"] += 1
    return older


def _json(value: Any) -> Any:
    """The map or list in a text; None where there is none."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return None
    try:
        tree = json.loads(value)
    except ValueError:
        return None
    return tree if isinstance(tree, dict | list) else None


def _is_one_quantity(upstream: Any, ours: Any) -> bool:
    try:
        return parse(str(upstream)) == parse(str(ours))
    except ValueError:
        return False


def _is_zero(pointer: str, value: Any, zeros: Mapping[str, Any]) -> bool:
    return any(pointer.endswith(f"/{end}") and _same(value, zero) for end, zero in zeros.items())


def _is_status(pointer: str, value: Any) -> bool:
    """Whether it is the status of an object that was never in a cluster."""
    return pointer.endswith("/status") and _is_nothing(value)


def _is_nothing(value: Any) -> bool:
    return all(map(_is_nothing, value.values())) if isinstance(value, dict) else not value


def _same(first: Any, second: Any) -> bool:
    """Equality that tells true from 1."""
    return type(first) is type(second) and first == second
