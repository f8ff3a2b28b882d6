"""The texts of a pod that its shape leaves out, each with its place, its kind, and its mark.

Not here: which they are (shape.py), and how they are read from the text of a review (mask.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from injector.classes import dataclass
from injector.core import names
from injector.core.model import Manifest
from injector.core.plans.plan import UNREAD_MARK, mark
from injector.core.plans.shape import COMMANDS, HASH, OBJECTS, CopyRules, with_marks
from injector.core.plans.texts import TextKind

Place = tuple[Any, ...]

# Beside those of lists of containers, where a place begins with the name of its list.
_KINDS: Final[Mapping[Place, TextKind]] = {
    ("metadata", "labels"): TextKind.LABEL,
    ("metadata", "annotations"): TextKind.PLAIN,
    ("metadata", "uid"): TextKind.PLAIN,
    ("metadata", "name"): TextKind.OWNER,
    ("metadata", "ownerReferences", "uid"): TextKind.PLAIN,
    ("metadata", "ownerReferences", "name"): TextKind.OWNER,
    ("metadata", "managedFields", "time"): TextKind.TIME,
    ("spec", "serviceAccountName"): TextKind.OWNER,
    ("spec", "serviceAccount"): TextKind.OWNER,
    ("spec", "volumes", "name"): TextKind.TOKEN,
    **{("spec", "volumes", source, field): TextKind.OWNER for source, field in OBJECTS},
}
_KINDS_OF_CONTAINERS: Final[Mapping[Place, TextKind]] = {
    ("name",): TextKind.CONTAINER,
    ("image",): TextKind.IMAGE,
    ("env", "name"): TextKind.VARIABLE,
    ("env", "value"): TextKind.ASCII,
    ("volumeMounts", "name"): TextKind.TOKEN,
    **{(field,): TextKind.ASCII for field in COMMANDS},
    **{(probe, "httpGet", "path"): TextKind.PATH for probe in names.PROBES},
}


@dataclass(frozen=True, slots=True)
class Hole:
    """A text that a shape leaves out; `marked` is what stands in its place with marks."""

    kind: TextKind
    marked: str


def holes_of(pod: Manifest, rules: CopyRules) -> dict[Place, Hole]:
    """The holes of a pod by place: the keys and indices that lead to it. Raises NoShape."""
    _, marked = with_marks(pod, None, rules, mark)
    out: dict[Place, Hole] = {}
    for place, text in _differences(pod, marked, ()):
        if kind := _kind(place, text):
            out[place] = Hole(kind, text)
    return out


def _differences(one: Any, other: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """The places of texts that a pod with marks has otherwise, and those of times, which have none."""
    if type(one) is dict:
        for key in one.keys() & other.keys():
            yield from _differences(one[key], other[key], (*place, key))
    elif type(one) is list and other == [UNREAD_MARK] and place[-1] in COMMANDS:
        yield from (((*place, index), UNREAD_MARK) for index in range(len(one)))
    elif type(one) is list:
        for index, (value, twin) in enumerate(zip(one, other, strict=True)):
            yield from _differences(value, twin, (*place, index))
    elif type(one) is str and (one != other or place[-1] == "time"):
        yield place, other


def _kind(place: Place, marked: str) -> TextKind | None:
    """What a text in a place has to be; None where it has to stay as it is."""
    if place[:2] == ("metadata", "labels"):
        return TextKind.HASH if place[2] == HASH and marked != UNREAD_MARK else TextKind.LABEL
    if place[:2] == ("metadata", "annotations"):
        return TextKind.PLAIN
    if place == ("metadata", "generateName"):
        return TextKind.FOLLOWS
    keys = tuple(key for key in place if type(key) is str)
    if keys[:1] == ("spec",) and keys[1] in names.CONTAINER_LISTS:
        return _KINDS_OF_CONTAINERS.get(keys[2:])
    kind = _KINDS.get(keys)
    return TextKind.OWNED if kind is TextKind.OWNER and marked.count(mark(0)) and marked != mark(0) else kind
