"""Kubernetes' strategic merge for pod templates, copy on write.

Which lists are merged by a key, and which fields are alternatives, is data (schema.py).
What the merge does not touch is shared with the base, which is what makes `patches.diff` cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from injector.core.model import Manifest
from injector.core.tree.schema import POD, Schema, key_of, same
from injector.pointer import join
from injector.printable import shown

PATCH = "$patch"
RETAIN = "$retainKeys"
ORDER = "$setElementOrder/"
DELETE = "$deleteFromPrimitiveList/"
_NOTHING: Any = object()


class MergeError(ValueError):
    """A patch that cannot be merged; `pointer` says where."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer or '/'}: {message}")
        self.pointer = pointer


def merge(base: Manifest, overlay: Manifest, schema: Schema = POD, pointer: str = "") -> Manifest:
    """The base with the overlay merged in; neither is changed.

    A null in the overlay deletes, and an alternative in the overlay replaces those of the base. Directives:
    $patch (merge, replace, delete), $retainKeys, $setElementOrder/<list>, $deleteFromPrimitiveList/<list>.
    Raises MergeError.
    """
    directive = overlay.get(PATCH, "merge")
    if directive == "replace":
        fresh: Manifest = plain(overlay)
        return base if same(base, fresh) else fresh
    if directive == "delete":
        return {}
    if directive != "merge":
        raise MergeError(pointer, f"{PATCH} must be one of merge, replace and delete")
    old = _retained(base, overlay, pointer)
    if alternatives := schema.replaced(old, overlay):
        old = {name: value for name, value in old.items() if name not in alternatives}
    changes: dict[str, Any] = {}
    gone = {name for name in base if name not in old}
    for name in _field_names(overlay, pointer):
        value = _field(old, name, overlay, schema.of(name), join(pointer, name))
        if value is _NOTHING:
            gone.add(name)
        else:
            changes[name] = value
    return _with(base, changes, gone)


def _retained(base: Manifest, overlay: Manifest, pointer: str) -> Manifest:
    if RETAIN not in overlay:
        return base
    retained = overlay[RETAIN]
    if not isinstance(retained, list):
        raise MergeError(pointer, f"{RETAIN} must be a list of field names")
    retained = {name for name in retained if isinstance(name, str)}
    for name, value in overlay.items():
        if value is not None and not name.startswith("$") and name not in retained:
            raise MergeError(pointer, f"{RETAIN} does not list {name}, which is in the same map")
    return {name: value for name, value in base.items() if name in retained}


def _field_names(overlay: Manifest, pointer: str) -> Iterable[str]:
    """The fields that an overlay sets, deletes, or has a directive for."""
    names = {}
    for name in overlay:
        if name.startswith((ORDER, DELETE)):
            names[name.partition("/")[2]] = True
        elif not name.startswith("$"):
            names[name] = True
        elif name not in (PATCH, RETAIN):
            raise MergeError(pointer, f"unknown directive {shown(name)!r}")
    return names


def _field(base: Manifest, name: str, overlay: Manifest, schema: Schema, at: str) -> Any:
    old = base.get(name, _NOTHING)
    value = overlay.get(name, _NOTHING)
    if value is None:
        return _NOTHING
    if isinstance(old, list) and DELETE + name in overlay:
        deleted = _list(overlay[DELETE + name], DELETE + name, at)
        old = _without(old, deleted)
    if value is _NOTHING:
        merged = old
    elif isinstance(old, list) and isinstance(value, list):
        merged = _merge_list(old, value, schema, at)
    elif isinstance(old, dict) and isinstance(value, dict):
        merged = merge(old, value, schema, at)
    else:
        merged = _created(value, schema, at)
    if ORDER + name in overlay and isinstance(merged, list):
        order = _order(overlay[ORDER + name], value, schema, at)
        return _ordered(merged, old if isinstance(old, list) else [], order, schema)
    return merged


def _without(items: list[Any], deleted: list[Any]) -> list[Any]:
    """The items that are not among those to delete; the directive is for lists of scalars."""
    gone = {item for item in deleted if not isinstance(item, dict | list)}
    return [item for item in items if isinstance(item, dict | list) or item not in gone]


def _with(base: Manifest, changes: Mapping[str, Any], gone: Iterable[str]) -> Manifest:
    gone = [name for name in gone if name in base]
    real = {n: v for n, v in changes.items() if n not in base or not _unchanged(base[n], v)}
    if not gone and not real:
        return base
    out = {**base, **real}
    for name in gone:
        del out[name]
    return out


def _unchanged(old: Any, new: Any) -> bool:
    # A merge of maps gives the old one where nothing changes, so that no level is compared twice.
    return new is old if isinstance(old, dict) and isinstance(new, dict) else same(old, new)


def _list(value: Any, directive: str, pointer: str) -> list[Any]:
    if not isinstance(value, list):
        raise MergeError(pointer, f"{directive} must be a list")
    return value


def _order(raw: Any, patch: Any, schema: Schema, pointer: str) -> list[Any]:
    """The keys of a $setElementOrder. What the patch adds must stand in it, in the patch's own order."""
    order = _list(raw, ORDER + "*", pointer)
    if schema.key:
        if not all(isinstance(item, dict) and schema.key in item for item in order):
            raise MergeError(pointer, f"{ORDER}* must be a list of maps with the key {schema.key!r}")
        order = [key_of(item, schema.key) for item in order]
    elif any(isinstance(item, dict | list) for item in order):
        raise MergeError(pointer, f"{ORDER}* of a list without a merge key must be a list of scalars")
    places = iter(order)
    for item in patch if isinstance(patch, list) and order else ():
        if isinstance(item, dict) and PATCH in item:
            continue
        key = key_of(item, schema.key) if schema.key else item
        if key not in places:  # consumes up to the key
            raise MergeError(pointer, f"{ORDER}* does not match the order or the elements of the list")
    return order


def _merge_list(base: list[Any], patch: list[Any], schema: Schema, pointer: str) -> list[Any]:
    if schema.is_set:
        union = list(dict.fromkeys([*base, *patch]))
        return _ordered(union, base, patch, schema)
    if not schema.key:
        return [plain(item) for item in patch]
    to_merge, deleted, replace = _sorted_out(patch, schema.key, pointer)
    if replace:
        return [plain(item) for item in to_merge]
    left = [item for item in base if key_of(item, schema.key) not in deleted]
    merged = list(left)
    places = {key_of(item, schema.key): i for i, item in reversed(list(enumerate(merged)))}
    for item in to_merge:
        key = key_of(item, schema.key)
        if key in places:
            i = places[key]
            merged[i] = merge(merged[i], item, schema, join(pointer, key))
        else:
            places[key] = len(merged)
            merged.append(plain(item))
    return _ordered(merged, left, [key_of(item, schema.key) for item in to_merge], schema)


def _sorted_out(patch: list[Any], key: str, pointer: str) -> tuple[list[Manifest], set[Any], bool]:
    """The elements to merge, the keys to delete, and whether the list is replaced.

    As Kubernetes has it, `$patch: replace` on any element is about the list, and that element goes.
    """
    plain: list[Manifest] = []
    deleted: set[Any] = set()
    replace = False
    for i, item in enumerate(patch):
        directive = item.get(PATCH, "merge") if isinstance(item, dict) else "merge"
        if directive == "replace":
            replace = True
            continue
        _check_key(item, key, f"{pointer}/{i}")
        if directive == "delete":
            deleted.add(key_of(item, key))
        elif directive == "merge":
            plain.append(item)
        else:
            raise MergeError(f"{pointer}/{i}", f"{PATCH} must be one of merge, replace and delete")
    return plain, deleted, replace


def _check_key(item: Any, key: str, pointer: str) -> None:
    if not isinstance(item, dict):
        raise MergeError(pointer, f"a map with the key {key!r} is expected")
    if item.get(key) is None:
        raise MergeError(pointer, f"the list is merged by {key!r}, but this element has no {key!r}")


def _created(value: Any, schema: Schema, pointer: str) -> Any:
    """What a value becomes where the base has nothing to merge it into.

    As Kubernetes has it, a map or an element that says `$patch: replace` or `delete` goes as a whole.
    """
    if isinstance(value, dict):
        if value.get(PATCH, "merge") != "merge":
            return _NOTHING
        fields = {
            # Most are neither, and need no call.
            name: _created(inner, schema.of(name), join(pointer, name))
            if isinstance(inner, (dict, list))
            else inner
            for name, inner in value.items()
            if inner is not None and not name.startswith("$")
        }
        return {name: inner for name, inner in fields.items() if inner is not _NOTHING}
    if isinstance(value, list):
        made = [(i, _created(item, schema, f"{pointer}/{i}")) for i, item in enumerate(value)]
        made = [(i, item) for i, item in made if item is not _NOTHING]
        for i, item in made if schema.key else ():
            _check_key(item, schema.key, f"{pointer}/{i}")
        return [item for _, item in made]
    return value


def _ordered(merged: list[Any], base: list[Any], order: Sequence[Any], schema: Schema) -> list[Any]:
    """The order that Kubernetes gives a merged list.

    Elements that the patch names stand in patch order, the rest in the base's. Between the two an
    element of the base comes first only where it stood before the patch's next one in the base.
    """

    def key(item: Any) -> Any:
        return key_of(item, schema.key) if schema.key else item

    rank = {k: i for i, k in reversed(list(enumerate(order)))}
    old = {key(item): i for i, item in reversed(list(enumerate(base)))}
    named = sorted((item for item in merged if key(item) in rank), key=lambda item: rank[key(item)])
    # Of elements with one key (ports 53/TCP and 53/UDP) the later ones move up to the first.
    rest = sorted(
        (item for item in merged if key(item) not in rank), key=lambda item: old.get(key(item), len(old))
    )
    out: list[Any] = []
    s = r = 0
    while s < len(named) and r < len(rest):
        place = old.get(key(named[s]))
        if place is not None and old.get(key(rest[r]), place) < place:
            out.append(rest[r])
            r += 1
        else:
            out.append(named[s])
            s += 1
    return out + named[s:] + rest[r:]


def plain(value: Any) -> Any:
    """A new subtree without nulls and directives."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: plain(inner) for name, inner in value.items() if inner is not None and not name.startswith("$")
    }


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
