"""The entries of an undo annotation, applied to a pod: which places they may change, and how.

Every author of a pod can write the annotation, so an entry changes only what an injection can
have changed (`Reach`), and each list is indexed once however many entries go through it.

    [pointer]                    remove what stands there
    [pointer, value]             set it
    [pointer, null, [keys]]      the order of a list; without keys: remove what is empty

A pointer names the elements of keyed lists by their key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from injector.classes import dataclass
from injector.core.model import Manifest
from injector.core.status import LISTS, Status
from injector.core.tree.schema import POD, Schema, key_of
from injector.pointer import split
from injector.printable import shown

if TYPE_CHECKING:
    from injector.templating.outline import Outline

LIMIT: Final = 32 * 1024
"""Bytes of an undo annotation that are written and read; an object's annotations may hold 256 KiB."""

NEVER: Final = frozenset(
    (
        *("hostNetwork", "hostPID", "hostIPC", "os", "nodeName"),
        *("serviceAccountName", "serviceAccount", "priority"),
    )
)
"""Fields of a pod's spec that no undo changes, whatever templates write."""

_SHARED_NAMES: Final = ("metadata", "labels", "annotations")
_SPEC: Final = POD.of("spec")


@dataclass(frozen=True, slots=True)
class Reach:
    """What an injection can have added.

    `names` are elements by list of the pod's spec; `fields` are other fields of the spec.
    """

    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()

    def of(self, part: str) -> frozenset[str]:
        """The elements of one list."""
        return self.names.get(part, frozenset())

    @classmethod
    def known(cls, made: Mapping[str, frozenset[str]], outline: Outline) -> Reach:
        """What a profile makes under any configuration, and what templates can write."""
        names = {part: made.get(part, frozenset()) | outline.names.get(part, frozenset()) for part in LISTS}
        # Whatever the setting podResources is now, it may have been set.
        fields = {*outline.fields, "resources"}
        return cls(names, frozenset(fields - LISTS.keys() - NEVER))

    def with_overlay(self, overlay: Manifest) -> Reach:
        """With everything that templates wrote into a pod template of their own."""
        spec = overlay.get("spec") or {}
        made = {
            part: frozenset(str(item.get("name")) for item in spec.get(part) or []) | self.of(part)
            for part in LISTS
        }
        return Reach(made, self.fields | (spec.keys() - LISTS.keys() - NEVER))

    def without(self, names: Mapping[str, frozenset[str]]) -> Reach:
        """With fewer elements."""
        return Reach({part: self.of(part) - names.get(part, frozenset()) for part in LISTS}, self.fields)

    def covers(self, earlier: Status) -> bool:
        """Whether it holds every name that a status lists."""
        return all(self.of(part).issuperset(earlier.names(part)) for part in LISTS)

    def others(self, part: str, items: Iterable[Manifest]) -> Counter[Any]:
        """How often each name that is not held stands in a list of elements."""
        return Counter(item.get("name") for item in items if str(item.get("name")) not in self.of(part))

    def allows(self, parts: Sequence[str], change: Sequence[Any], others: Mapping[str, Counter[Any]]) -> bool:
        """Whether an undo may make this change at these parts of a pointer; `others` are those of the pod."""
        bare = not change or _only_emptiness(change)
        match parts:
            case ["metadata"] | ["spec"]:
                return bool(change) and _only_emptiness(change)
            case ["metadata", "labels" | "annotations"]:
                return bare
            case ["metadata", "labels" | "annotations", _]:
                return True
            case ["spec", part] if part in LISTS:
                return len(change) > 1 or bare or self._leaves_others(part, change[0], others[part])
            case ["spec", part, name] if part in LISTS:
                return name in self.of(part) and _is_element(change, name)
            case ["spec", part, _, *rest] if part in LISTS:
                return rest != ["name"]
            case ["spec", name, *_]:
                return name in self.fields and name not in NEVER
            case _:
                return False

    def _leaves_others(self, part: str, value: Any, others: Counter[Any]) -> bool:
        """Whether a value for a whole list has the same elements of others as the pod."""
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            return False
        return self.others(part, value) == others


def _only_emptiness(change: Sequence[Any]) -> bool:
    """Whether a change sets something empty, or removes what is empty."""
    return is_empty(change[0]) and (len(change) == 1 or not change[1])


def _is_element(change: Sequence[Any], name: str) -> bool:
    """Whether an element that is set has the name by which it is addressed."""
    return not change or (len(change) == 1 and isinstance(change[0], dict) and change[0].get("name") == name)


def is_empty(value: Any) -> bool:
    """Null, an empty map or an empty list."""
    return value is None or (isinstance(value, dict | list) and not value)


def apply(pod: Manifest, entries: Sequence[Any], reach: Reach) -> tuple[Manifest, tuple[str, ...]]:
    """The pod with the entries applied, and a note for each that is not."""
    notes = []
    spec = pod.get("spec") or {}
    others = {part: reach.others(part, spec.get(part) or ()) for part in LISTS}
    tree = _Fields(pod, POD)
    for entry in entries:
        try:
            pointer, *change = entry
            parts = split(pointer)
        except (TypeError, ValueError, AttributeError):
            notes.append("an entry of the undo annotation is invalid")
            continue
        try:
            if not reach.allows(parts, change, others):
                notes.append(f"{shown(pointer)} was not restored: injection does not change this field")
                continue
            tree.edit(parts, change)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            notes.append(f"{shown(pointer)} could not be restored: its parent does not exist")
    return tree.close(), tuple(notes)


class _Fields:
    """A map that is being edited; what below it is edited is open too."""

    def __init__(self, fields: Manifest, schema: Schema) -> None:
        self._fields = dict(fields)
        self._schema = schema
        self._open: dict[str, _Fields | _Items] = {}
        self._settled: set[str] = set()

    def edit(self, parts: Sequence[str], change: Sequence[Any]) -> None:
        """Apply one entry. Raises KeyError where its place is not there any more."""
        part, rest = parts[0], parts[1:]
        if rest:
            self._below(part, change).edit(rest, change)
            return
        if len(change) > 1 and change[1]:
            self._below(part, change).order(change[1])
            return
        self._settle(part)
        if not change:
            if self._schema is _SPEC and part in LISTS and self._fields[part]:
                raise KeyError(part)
            del self._fields[part]
        elif len(change) == 1:
            self._set(part, change[0])
        elif is_empty(self._fields.get(part)):
            self._fields.pop(part, None)

    def order(self, _keys: Sequence[Any]) -> None:
        """Raise KeyError: the order of a map has no meaning."""
        raise KeyError

    def close(self) -> Manifest:
        """The map as it is now."""
        for part in list(self._open):
            self._settle(part)
        return self._fields

    def _set(self, part: str, value: Any) -> None:
        """Set a field; where only emptiness is to be restored, what others have added since stays."""
        current = self._fields.get(part)
        shared = self._schema.of(part).key or isinstance(current, dict)
        if not (is_empty(value) and current and shared):
            for alternative in self._schema.replaced(self._fields, {part: value}):
                del self._fields[alternative]
            self._fields[part] = value

    def _settle(self, part: str) -> None:
        opened = self._open.pop(part, None)
        if opened is not None:
            self._fields[part] = opened.close()
            self._settled.add(part)

    def _below(self, part: str, change: Sequence[Any]) -> _Fields | _Items:
        """What an entry goes into; made where others may have taken the last of it away."""
        if part not in self._open:
            if part in self._settled:
                # `record` writes the changes inside a field before the field itself.
                raise KeyError(part)
            schema = self._schema.of(part)
            value = self._fields.get(part)
            if value is None and len(change) == 1 and (schema.key or part in _SHARED_NAMES):
                value = [] if schema.key else {}
            elif value is None:
                raise KeyError(part)
            self._open[part] = _opened(value, schema)
        return self._open[part]


_GONE: Final[Any] = object()


class _Items:
    """A list that is being edited, its elements addressed by key; of equal keys the last one counts."""

    def __init__(self, items: Sequence[Any], schema: Schema) -> None:
        self._items = list(items)
        self._schema = schema
        self._places: dict[str, list[int]] = {}
        for place, item in enumerate(items):
            self._places.setdefault(str(key_of(item, schema.key)), []).append(place)
        self._open: dict[int, _Fields | _Items] = {}
        self._keys: Sequence[Any] = ()

    def edit(self, parts: Sequence[str], change: Sequence[Any]) -> None:
        """Apply one entry. Raises KeyError or IndexError where its place is not there any more."""
        part, rest = parts[0], parts[1:]
        places = self._places.setdefault(part, [])
        if rest:
            place = places[-1]
            if place not in self._open:
                self._open[place] = _opened(self._items[place], self._schema)
            self._open[place].edit(rest, change)
        elif not change:
            place = places.pop()
            self._open.pop(place, None)
            self._items[place] = _GONE
        elif places:
            self._open.pop(places[-1], None)
            self._items[places[-1]] = change[0]
        else:
            places.append(len(self._items))
            self._items.append(change[0])

    def order(self, keys: Sequence[Any]) -> None:
        """Take the order that the list has in the end; a list has one."""
        if self._keys:
            raise ValueError
        self._keys = [str(key) for key in keys]

    def close(self) -> list[Any]:
        """The list as it is now."""
        for place, opened in self._open.items():
            self._items[place] = opened.close()
        items = [item for item in self._items if item is not _GONE]
        if not self._keys:
            return items
        rank = {key: place for place, key in enumerate(self._keys)}
        return sorted(items, key=lambda item: rank.get(str(key_of(item, self._schema.key)), len(rank)))


def _opened(value: Any, schema: Schema) -> _Fields | _Items:
    """Raises TypeError for what has no parts."""
    if isinstance(value, list):
        return _Items(value, schema)
    if not isinstance(value, dict):
        raise TypeError
    return _Fields(value, schema)
