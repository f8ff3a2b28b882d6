"""Kubernetes' strategic merge for pod templates, copy on write.

Which lists are merged by a key, and which fields are alternatives, is data (schema.py).
What the merge does not touch is shared with the base, which is what makes `patches.diff` cheap.
Not here: what an overlay becomes where the base has nothing (created.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from injector.core.model import Manifest
from injector.core.tree.created import (
    NOTHING,
    PATCH,
    TREE,
    Copies,
    MergeError,
    check_key,
    created,
    plain,
    plain_copy,
)
from injector.core.tree.schema import ATOMIC, POD, Schema, key_of, same
from injector.printable import shown

RETAIN: Final = "$retainKeys"
ORDER: Final = "$setElementOrder/"
DELETE: Final = "$deleteFromPrimitiveList/"
_LISTS: Final = (ORDER, DELETE)


def merge(base: Manifest, overlay: Manifest, schema: Schema = POD, copies: Copies | None = None) -> Manifest:
    """The base with the overlay merged in; neither is changed, and both share with the result what stays.

    A null in the overlay deletes, and an alternative in the overlay replaces those of the base. Directives:
    $patch (merge, replace, delete), $retainKeys, $setElementOrder/<list>, $deleteFromPrimitiveList/<list>.
    `copies` of the same overlay make a second merge cheap. Raises MergeError.
    """
    return _merge(base, overlay, schema, copies or Copies())


def with_annotations(
    pod: Manifest, annotations: Mapping[str, str | None], labels: Mapping[str, str] | None = None
) -> Manifest:
    """A pod with these annotations and labels merged in; null removes an annotation."""
    meta = pod.get("metadata")
    old = meta.get("annotations") if type(meta) is dict else None
    if labels or type(meta) is not dict or type(old) is not dict or not _is_flat(annotations):
        both = {"annotations": dict(annotations), **({"labels": dict(labels)} if labels else {})}
        return merge(pod, {"metadata": both})
    # The same in one step, as most annotations are written to pods that have some.
    new = _with(old, annotations, [name for name, value in annotations.items() if value is None])
    return pod if new is old else {**pod, "metadata": {**meta, "annotations": new}}


def _merge(base: Manifest, overlay: Manifest, schema: Schema, copies: Copies) -> Manifest:
    if schema is ATOMIC and _is_flat(overlay):
        return _with(base, overlay, [name for name, value in overlay.items() if value is None])
    directive = overlay.get(PATCH, "merge")
    if directive == "replace":
        fresh: Manifest = plain(overlay)
        return base if same(base, fresh) else fresh
    if directive == "delete":
        return {}
    if directive != "merge":
        raise MergeError(f"{PATCH} must be one of merge, replace and delete")
    old = _retained(base, overlay)
    if alternatives := schema.replaced(old, overlay):
        old = {name: value for name, value in old.items() if name not in alternatives}
    changes: dict[str, Any] = {}
    gone = [] if old is base else [name for name in base if name not in old]
    for name in _field_names(overlay):
        try:
            value = _field(old, name, overlay, schema.of(name), copies)
        except MergeError as error:
            raise error.below(name) from None
        if value is NOTHING:
            gone.append(name)
        else:
            changes[name] = value
    return _with(base, changes, gone)


def _is_flat(overlay: Mapping[str, Any]) -> bool:
    """Whether an overlay has scalars only, as labels and annotations have."""
    return not any(isinstance(value, TREE) or name.startswith("$") for name, value in overlay.items())


def _retained(base: Manifest, overlay: Manifest) -> Manifest:
    if RETAIN not in overlay:
        return base
    retained = overlay[RETAIN]
    if not isinstance(retained, list):
        raise MergeError(f"{RETAIN} must be a list of field names")
    retained = {name for name in retained if isinstance(name, str)}
    for name, value in overlay.items():
        if value is not None and not name.startswith("$") and name not in retained:
            raise MergeError(f"{RETAIN} does not list {name}, which is in the same map")
    return {name: value for name, value in base.items() if name in retained}


def _field_names(overlay: Manifest) -> Iterable[str]:
    """The fields that an overlay sets, deletes, or has a directive for."""
    names = {}
    for name in overlay:
        if not name.startswith("$"):
            names[name] = True
        elif name.startswith(_LISTS):
            names[name.partition("/")[2]] = True
        elif name not in (PATCH, RETAIN):
            raise MergeError(f"unknown directive {shown(name)!r}")
    return names


def _field(base: Manifest, name: str, overlay: Manifest, schema: Schema, copies: Copies) -> Any:
    old = base.get(name, NOTHING)
    value = overlay.get(name, NOTHING)
    if value is None:
        return NOTHING
    if isinstance(old, list) and DELETE + name in overlay:
        deleted = _list(overlay[DELETE + name], DELETE + name)
        old = _without(old, deleted)
    if value is NOTHING:
        merged = old
    elif isinstance(old, list) and isinstance(value, list):
        merged = _merge_list(old, value, schema, copies)
    elif isinstance(old, dict) and isinstance(value, dict):
        merged = _merge(old, value, schema, copies)
    else:
        merged = created(value, schema, copies) if isinstance(value, TREE) else value
        # Whoever changes a list of a result changes no overlay.
        merged = [*merged] if isinstance(merged, list) else merged
    if isinstance(merged, list) and ORDER + name in overlay:
        order = _order(overlay[ORDER + name], value, schema)
        return _ordered(merged, old if isinstance(old, list) else [], order, schema)
    return merged


def _without(items: list[Any], deleted: list[Any]) -> list[Any]:
    """The items that are not among those to delete; the directive is for lists of scalars."""
    gone = {item for item in deleted if not isinstance(item, dict | list)}
    return [item for item in items if isinstance(item, dict | list) or item not in gone]


def _with(base: Manifest, changes: Mapping[str, Any], gone: Iterable[str]) -> Manifest:
    gone = {name for name in gone if name in base}
    real = {
        name: value
        for name, value in changes.items()
        if value is not None and not (name in base and _unchanged(base[name], value))
    }
    if not gone and not real:
        return base
    out = {**base, **real}
    for name in gone:
        del out[name]
    return out


def _unchanged(old: Any, new: Any) -> bool:
    # A merge of maps gives the old one where nothing changes, so that no level is compared twice.
    return new is old if isinstance(old, dict) and isinstance(new, dict) else same(old, new)


def _list(value: Any, directive: str) -> list[Any]:
    if not isinstance(value, list):
        raise MergeError(f"{directive} must be a list")
    return value


def _order(raw: Any, patch: Any, schema: Schema) -> list[Any]:
    """The keys of a $setElementOrder. What the patch adds must stand in it, in the patch's own order."""
    order = _list(raw, ORDER + "*")
    if schema.key:
        if not all(isinstance(item, dict) and schema.key in item for item in order):
            raise MergeError(f"{ORDER}* must be a list of maps with the key {schema.key!r}")
        order = [key_of(item, schema.key) for item in order]
    elif any(isinstance(item, dict | list) for item in order):
        raise MergeError(f"{ORDER}* of a list without a merge key must be a list of scalars")
    places = iter(order)
    for item in patch if isinstance(patch, list) and order else ():
        if isinstance(item, dict) and PATCH in item:
            continue
        key = key_of(item, schema.key) if schema.key else item
        if key not in places:  # consumes up to the key
            raise MergeError(f"{ORDER}* does not match the order or the elements of the list")
    return order


def _merge_list(base: list[Any], patch: list[Any], schema: Schema, copies: Copies) -> list[Any]:
    if schema.is_set:
        union = list(dict.fromkeys([*base, *patch]))
        return _ordered(union, base, patch, schema)
    if not schema.key:
        return [plain_copy(item, schema, copies) for item in patch]
    to_merge, deleted, replace = _sorted_out(patch, schema.key)
    if replace:
        return [plain_copy(item, schema, copies) for item in to_merge]
    left = [item for item in base if key_of(item, schema.key) not in deleted]
    merged = list(left)
    places = {key_of(item, schema.key): i for i, item in reversed(list(enumerate(merged)))}
    are_distinct = len(places) == len(left)
    for item in to_merge:
        key = key_of(item, schema.key)
        if key in places:
            i = places[key]
            try:
                merged[i] = _merge(merged[i], item, schema, copies)
            except MergeError as error:
                raise error.below(key) from None
        else:
            places[key] = len(merged)
            merged.append(plain_copy(item, schema, copies))
    if are_distinct and len(merged) == len(left) + len(to_merge):
        # All elements of the patch are new: these come first.
        return [*merged[len(left) :], *left]
    return _ordered(merged, left, [key_of(item, schema.key) for item in to_merge], schema)


def _sorted_out(patch: list[Any], key: str) -> tuple[list[Manifest], set[Any], bool]:
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
        check_key(item, key, i)
        if directive == "delete":
            deleted.add(key_of(item, key))
        elif directive == "merge":
            plain.append(item)
        else:
            raise MergeError(f"{PATCH} must be one of merge, replace and delete", f"/{i}")
    return plain, deleted, replace


def _ordered(merged: list[Any], base: list[Any], order: Sequence[Any], schema: Schema) -> list[Any]:
    """The order that Kubernetes gives a merged list.

    Elements that the patch names stand in patch order, the rest in the base's. Between the two an
    element of the base comes first only where it stood before the patch's next one in the base.
    """

    def key(item: Any) -> Any:
        return key_of(item, schema.key) if schema.key else item

    rank = _places(order)
    old = _places(map(key, base))
    keyed = [(key(item), item) for item in merged]
    named = sorted((pair for pair in keyed if pair[0] in rank), key=lambda pair: rank[pair[0]])
    # Of elements with one key (ports 53/TCP and 53/UDP) the later ones move up to the first.
    rest = sorted(
        (pair for pair in keyed if pair[0] not in rank), key=lambda pair: old.get(pair[0], len(old))
    )
    out: list[Any] = []
    s = r = 0
    while s < len(named) and r < len(rest):
        place = old.get(named[s][0])
        if place is not None and old.get(rest[r][0], place) < place:
            out.append(rest[r][1])
            r += 1
        else:
            out.append(named[s][1])
            s += 1
    return [*out, *(item for _, item in named[s:]), *(item for _, item in rest[r:])]


def _places(keys: Iterable[Any]) -> dict[Any, int]:
    """The first place of each key."""
    places: dict[Any, int] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, place)
    return places


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
