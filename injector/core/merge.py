"""Kubernetes' strategic merge for pod templates, copy on write.

The rules that differ per field are data (`POD`): which lists are merged by a key, and by which.
What the merge does not touch is shared with the base, which is what makes `patch.diff` cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from injector.core.model import Manifest

PATCH = "$patch"
RETAIN = "$retainKeys"
ORDER = "$setElementOrder/"
DELETE = "$deleteFromPrimitiveList/"


class MergeError(ValueError):
    """A patch that cannot be merged; `pointer` says where."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer or '/'}: {message}")
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Schema:
    """How one field is merged. Without a key, and not a set, a list is atomic: replaced as a whole."""

    fields: Mapping[str, Schema] = field(default_factory=dict)
    key: str = ""
    is_set: bool = False

    def of(self, name: str) -> Schema:
        """The schema of a field; fields that no table names are atomic."""
        return self.fields.get(name, ATOMIC)


ATOMIC = Schema()
_CONTAINER: Mapping[str, Schema] = {
    "env": Schema(key="name"),
    "ports": Schema(key="containerPort"),
    "volumeMounts": Schema(key="mountPath"),
    "volumeDevices": Schema(key="devicePath"),
}
POD = Schema(
    {
        "metadata": Schema({"ownerReferences": Schema(key="uid"), "finalizers": Schema(is_set=True)}),
        "spec": Schema(
            {
                "containers": Schema(_CONTAINER, key="name"),
                "initContainers": Schema(_CONTAINER, key="name"),
                "ephemeralContainers": Schema(_CONTAINER, key="name"),
                "volumes": Schema(key="name"),
                "imagePullSecrets": Schema(key="name"),
                "schedulingGates": Schema(key="name"),
                "resourceClaims": Schema(key="name"),
                "hostAliases": Schema(key="ip"),
                "topologySpreadConstraints": Schema(key="topologyKey"),
            }
        ),
    }
)


def merge(base: Manifest, overlay: Manifest, schema: Schema = POD, pointer: str = "") -> Manifest:
    """The base with the overlay merged in; neither is changed.

    A null in the overlay deletes. Directives: $patch (merge, replace, delete), $retainKeys,
    $setElementOrder/<list>, $deleteFromPrimitiveList/<list>. Raises MergeError.
    """
    directive = overlay.get(PATCH, "merge")
    if directive == "replace":
        fresh: Manifest = _plain(overlay)
        return fresh
    if directive == "delete":
        return {}
    if directive != "merge":
        raise MergeError(pointer, f"{PATCH} is merge, replace or delete, not {directive!r}")
    changes: dict[str, Any] = {}
    gone: set[str] = _not_retained(base, overlay, pointer)
    for name, value in overlay.items():
        if name.startswith("$"):
            _directive(name, value, base, overlay, schema, pointer, changes)
        elif value is None:
            gone.add(name)
        else:
            changes[name] = _field(base, name, value, overlay, schema, pointer)
    return _with(base, changes, gone)


def _field(base: Manifest, name: str, value: Any, overlay: Manifest, schema: Schema, pointer: str) -> Any:
    at = f"{pointer}/{_escape(name)}"
    if isinstance(value, list):
        old = base.get(name)
        order = overlay.get(ORDER + name)
        return _merge_list(old if isinstance(old, list) else [], value, schema.of(name), at, order)
    old = base.get(name)
    if isinstance(value, dict):
        return merge(old, value, schema.of(name), at) if isinstance(old, dict) else _plain(value)
    return value


def _with(base: Manifest, changes: Mapping[str, Any], gone: Iterable[str]) -> Manifest:
    gone = [name for name in gone if name in base and name not in changes]
    real = {n: v for n, v in changes.items() if n not in base or not same(base[n], v)}
    if not gone and not real:
        return base
    out = {**base, **real}
    for name in gone:
        del out[name]
    return out


def _not_retained(base: Manifest, overlay: Manifest, pointer: str) -> set[str]:
    if RETAIN not in overlay:
        return set()
    retained = overlay[RETAIN]
    if not isinstance(retained, list):
        raise MergeError(pointer, f"{RETAIN} is a list of field names")
    return {name for name in base if name not in retained}


def _directive(
    name: str, value: Any, base: Manifest, overlay: Manifest, schema: Schema, pointer: str, changes: dict[str, Any]
) -> None:
    """Lists that only a directive speaks of; where the overlay holds the list too, `_field` does it."""
    if name.startswith(ORDER):
        target = name.removeprefix(ORDER)
        if target not in overlay and isinstance(base.get(target), list):
            changes[target] = _ordered(base[target], base[target], value, schema.of(target))
    elif name.startswith(DELETE):
        target = name.removeprefix(DELETE)
        kept = [item for item in base.get(target) or [] if item not in value]
        added = overlay.get(target) or []
        changes[target] = kept + [item for item in added if item not in kept]
    elif name not in (PATCH, RETAIN):
        raise MergeError(pointer, f"unknown directive {name!r}")


def _merge_list(base: list[Any], patch: list[Any], schema: Schema, pointer: str, order: Any) -> list[Any]:
    if schema.is_set:
        return base + [item for item in patch if item not in base]
    if not schema.key:
        return [_plain(item) if isinstance(item, dict) else item for item in patch]
    plain, deleted, replace = _sorted_out(patch, schema.key, pointer)
    if replace:
        return [_plain(item) for item in plain]
    merged = [item for item in base if key_of(item, schema.key) not in deleted]
    places = {key_of(item, schema.key): i for i, item in reversed(list(enumerate(merged)))}
    for item in plain:
        key = key_of(item, schema.key)
        if key in places:
            i = places[key]
            merged[i] = merge(merged[i], item, schema, f"{pointer}/{_escape(str(key))}")
        else:
            places[key] = len(merged)
            merged.append(_plain(item))
    keys = order if isinstance(order, list) else [item[schema.key] for item in plain]
    return _ordered(merged, base, keys, schema)


def _sorted_out(patch: list[Any], key: str, pointer: str) -> tuple[list[Manifest], set[Any], bool]:
    plain: list[Manifest] = []
    deleted: set[Any] = set()
    replace = False
    for i, item in enumerate(patch):
        if not isinstance(item, dict):
            raise MergeError(f"{pointer}/{i}", f"a map with the key {key!r} is expected")
        directive = item.get(PATCH)
        if directive == "replace" and key not in item:
            replace = True
            continue
        if item.get(key) is None:
            raise MergeError(f"{pointer}/{i}", f"the list is merged by {key!r}, and this element has none")
        if directive == "delete":
            deleted.add(key_of(item, key))
        else:
            plain.append(item)
    return plain, deleted, replace


def _ordered(merged: list[Any], base: list[Any], order: Sequence[Any], schema: Schema) -> list[Any]:
    """The order that Kubernetes gives a merged list.

    What the patch speaks of stands in patch order, the rest in the base's. Between the two an
    element of the base comes first only where it stood before the patch's next one in the base.
    """

    def key(item: Any) -> Any:
        return key_of(item, schema.key) if schema.key else item

    rank = {k: i for i, k in reversed(list(enumerate(order)))}
    old = {key(item): i for i, item in reversed(list(enumerate(base)))}
    spoken = sorted((item for item in merged if key(item) in rank), key=lambda item: rank[key(item)])
    rest = [item for item in merged if key(item) not in rank]
    out: list[Any] = []
    s = r = 0
    while s < len(spoken) and r < len(rest):
        place = old.get(key(spoken[s]))
        if place is not None and old.get(key(rest[r]), place) < place:
            out.append(rest[r])
            r += 1
        else:
            out.append(spoken[s])
            s += 1
    return out + spoken[s:] + rest[r:]


def key_of(item: Any, key: str) -> Any:
    """An element's merge key, hashable."""
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str | int) else str(value)


def keyed(items: Any, key: str) -> dict[Any, Any] | None:
    """The elements of a list by merge key; None where it is no list of maps with distinct keys."""
    if not key or not isinstance(items, list):
        return None
    out = {key_of(i, key): i for i in items if isinstance(i, dict) and isinstance(i.get(key), str | int)}
    return out if len(out) == len(items) else None


def same(a: Any, b: Any) -> bool:
    """Equality of JSON values; unlike Python's, 1 is not True and 1 is not 1.0."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(k in b and same(v, b[k]) for k, v in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def _plain(value: Any) -> Any:
    """A new subtree as it is written: nulls and directives in it say nothing."""
    if not isinstance(value, dict):
        return value
    out = {}
    for name, inner in value.items():
        if inner is None or name.startswith("$"):
            continue
        out[name] = [_plain(i) for i in inner] if isinstance(inner, list) else _plain(inner)
    return out


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def map_items(tree: Manifest, path: Sequence[str], change: Callable[[Manifest], Manifest]) -> Manifest:
    """The tree with every element of a list changed; shares what stays the same."""
    head, *rest = path
    old = tree.get(head)
    if old is None:
        return tree
    if rest:
        new: Any = map_items(old, rest, change)
    else:
        new = [change(item) for item in old]
        if all(a is b for a, b in zip(old, new, strict=True)):
            new = old
    return tree if new is old else {**tree, head: new}
