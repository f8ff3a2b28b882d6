"""Injecting again keeps what others have set on injected objects: defaults, other webhooks, people."""

from __future__ import annotations

from typing import Any

from injector.core import names
from injector.core.injection import uninjection
from injector.core.model import Manifest
from injector.core.status import LISTS, Status
from injector.core.tree.schema import POD, Schema, key_of, keyed
from injector.core.tree.strategic_merge import merge
from injector.pointer import join

_MISSING: Any = object()


def keep_foreign_fields(
    fresh: Manifest, existing: Manifest, base: Manifest, earlier: Status
) -> tuple[Manifest, list[str]]:
    """The fresh result with other people's fields of the existing pod, and the pointers of these.

    `base` is the existing pod without the injection. A field of the existing pod that is neither in
    the fresh result nor in the base was set by others if it is inside an injected object; elsewhere an
    earlier injection set it.
    """
    extras: list[str] = []
    spec = base.get("spec") or {}
    made = {part: frozenset(earlier.names(part)) for part in LISTS}
    theirs = {part: [i for i in spec.get(part) or [] if i.get("name") not in made[part]] for part in LISTS}
    # Both exist in the base, so that keys an earlier injection added to them are not taken for others'.
    meta = {"labels": {}, "annotations": {}, **(base.get("metadata") or {})}
    existing = _aligned(existing, fresh, earlier)
    combined = _walk(fresh, existing, {**base, "metadata": meta, "spec": {**spec, **theirs}}, POD, "", extras)
    return _without_dangling_mounts(combined, earlier), extras


def _aligned(existing: Manifest, fresh: Manifest, earlier: Status) -> Manifest:
    """The existing pod with the injected containers in the lists where they belong now.

    A proxy that becomes native keeps the fields that others have set.
    """
    spec = dict(existing.get("spec") or {})
    for part, other in (names.CONTAINER_LISTS, names.CONTAINER_LISTS[::-1]):
        wanted = {c["name"] for c in (fresh.get("spec") or {}).get(part) or []}
        moving = wanted & frozenset(earlier.names(other))
        moved = [c for c in spec.get(other) or [] if c["name"] in moving]
        if moved:
            spec[other] = [c for c in spec[other] if c["name"] not in moving]
            spec[part] = [*(spec.get(part) or []), *moved]
    return {**existing, "spec": spec}


def _walk(fresh: Any, existing: Any, base: Any, schema: Schema, pointer: str, extras: list[str]) -> Any:
    if isinstance(fresh, dict) and isinstance(existing, dict):
        return _walk_fields(fresh, existing, base, schema, pointer, extras)
    new, old = keyed(fresh, schema.key), keyed(existing, schema.key)
    if new is None or old is None:
        if (
            base is _MISSING
            and isinstance(fresh, list)
            and isinstance(existing, list)
            and len(fresh) == len(existing)
        ):
            # Kubernetes fills in defaults inside the elements of atomic lists too.
            pairs = enumerate(zip(fresh, existing, strict=True))
            return [_walk(a, b, _MISSING, schema, f"{pointer}/{i}", extras) for i, (a, b) in pairs]
        return fresh
    below = keyed(base, schema.key) if isinstance(base, list) else None
    out = []
    for key, item in new.items():
        under = _MISSING if below is None else below.get(key, _MISSING)
        at = join(pointer, key)
        out.append(_walk(item, old[key], under, schema, at, extras) if key in old else item)
    added = [item for key, item in old.items() if key not in new] if base is _MISSING else []
    extras.extend(join(pointer, key_of(item, schema.key)) for item in added)
    if not added:
        return out
    # The order in which a strategic merge of the fresh list over the existing one leaves it.
    keys: list[list[Manifest]] = [
        [{schema.key: key_of(i, schema.key)} for i in items] for items in (existing, out)
    ]
    merged = merge({"x": keys[0]}, {"x": keys[1]}, Schema({"x": Schema(key=schema.key)}))["x"]
    values = {**old, **{key_of(item, schema.key): item for item in out}}
    return [values[item[schema.key]] for item in merged]


def _walk_fields(
    fresh: Any, existing: Any, base: Any, schema: Schema, pointer: str, extras: list[str]
) -> Manifest:
    out = {}
    for name, value in fresh.items():
        if name in existing:
            under = base.get(name, _MISSING) if isinstance(base, dict) else _MISSING
            out[name] = _walk(value, existing[name], under, schema.of(name), join(pointer, name), extras)
        else:
            out[name] = value
    if base is _MISSING:
        alternatives = schema.replaced(existing, fresh)
        for name in existing:
            if name not in fresh and name not in alternatives:
                extras.append(join(pointer, name))
                out[name] = existing[name]
    return out


def _without_dangling_mounts(pod: Manifest, earlier: Status) -> Manifest:
    """The pod without mounts of volumes that were injected and are no longer."""
    have = {v["name"] for v in (pod.get("spec") or {}).get("volumes") or []}
    return uninjection.without_mounts(pod, frozenset(earlier.volumes) - have)
