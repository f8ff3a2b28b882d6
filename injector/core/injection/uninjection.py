"""Uninjection: the pod as it was before an injection.

Three sources, in this order: what the status lists is removed; what the profile can derive from the
injected pod is restored (`Profile.restore`); the rest is in the undo annotation, which `record`
writes as the difference between that and the pod as it was. So the law
``uninject(inject(p)) == p`` holds by construction, and the annotation stays small.

Status and undo annotation are untrusted: what they may take out or change is bounded by a `Reach`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from injector.core import names, pod_fields, status
from injector.core.injection.undo_entries import LIMIT, Reach, apply, is_empty
from injector.core.model import Manifest
from injector.core.status import Uninjected
from injector.core.tree.schema import POD, Schema, keyed, same
from injector.core.tree.walk import members
from injector.core.workload import check_pod
from injector.errors import ManifestError
from injector.pointer import join
from injector.yamltext import load_json

if TYPE_CHECKING:
    from injector.core.profile import Profile

_SHARED = frozenset({"/metadata", "/metadata/labels", "/metadata/annotations"})
_NOTHING: Any = object()


def uninject(pod: Manifest, profile: Profile, reach: Reach) -> Uninjected | None:
    """The pod as it was before the injection that its status describes; None without a status.

    Raises ValueError where the overrides annotation cannot be read.
    """
    listed = status.read(pod, profile.keys)
    if listed is None:
        return None
    earlier = listed.only(reach.names)
    derived = derive(pod, earlier, profile)
    text = status.annotations_of(pod).get(profile.keys.undo)
    complete = bool(earlier.digest) and not earlier.undo_incomplete
    if text is None:
        # This program leaves the annotation out only where all that it restores is certain.
        return Uninjected(derived.pod, earlier) if complete else derived
    entries = _entries(text)
    if isinstance(entries, str):
        return Uninjected(derived.pod, earlier, (*derived.notes, entries))
    made = {part: frozenset(earlier.names(part)) for part in status.LISTS}
    made |= dict.fromkeys(names.CONTAINER_LISTS, made["containers"] | made["initContainers"])
    restored, notes = apply(derived.pod, entries, Reach(made, reach.fields))
    try:
        check_pod(restored)
    except ManifestError:
        note = "the undo annotation was not used: the result is not a valid pod"
        return Uninjected(derived.pod, earlier, (*derived.notes, note))
    return Uninjected(restored, earlier, notes if complete else (*derived.notes, *notes))


def undone_fields(pod: Manifest, profile: Profile) -> frozenset[str]:
    """Fields of the spec, other than lists of the status, that the undo annotation would change."""
    entries = _entries(status.annotations_of(pod).get(profile.keys.undo) or "[]")
    pointers = (entry[0] for entry in entries if isinstance(entry, list) and entry)
    fields = (p.split("/")[2] for p in pointers if isinstance(p, str) and p.startswith("/spec/"))
    return frozenset(field for field in fields if field not in status.LISTS)


def _entries(text: str) -> list[Any] | str:
    """The entries of an undo annotation, or a note that says why there are none."""
    if len(text.encode(errors="surrogatepass")) > LIMIT:
        return f"the undo annotation was not used: it is longer than {LIMIT} bytes"
    try:
        entries = load_json(text)
    except ValueError:
        return "the undo annotation is not valid JSON; its content is lost"
    return entries if isinstance(entries, list) else []


def _users(pod: Manifest, earlier: status.Status, profile: Profile, part: str) -> list[Manifest]:
    """The user's own versions of containers that the earlier injection wrote over, in one list."""
    made = {*earlier.init_containers, *earlier.containers}
    return [c for c in overrides(pod, profile).get(part, ()) if c["name"] in made]


def derive(pod: Manifest, earlier: status.Status, profile: Profile) -> Uninjected:
    """The pod without what its status lists, with the values that can be derived from the pod itself."""
    restored, notes = profile.restore(pod, earlier)
    spec = dict(restored.get("spec") or {})
    for part in status.LISTS:
        gone = set(earlier.names(part))
        users = {c["name"]: c for c in _users(pod, earlier, profile, part)}
        if not spec.get(part) or not (gone or users):
            continue
        left = [
            users.get(i.get("name"), i)
            for i in spec[part]
            if i.get("name") not in gone or i.get("name") in users
        ]
        have = {i.get("name") for i in left}
        left += [c for name, c in users.items() if name not in have]
        spec[part] = left
        if not left and part != "containers":
            del spec[part]
    out = {**restored, "spec": spec}
    meta = dict(out.get("metadata") or {})
    annotations = {
        k: v for k, v in (meta.get("annotations") or {}).items() if k not in profile.bookkeeping_annotations
    }
    for field, left_over in (("annotations", annotations), ("labels", meta.get("labels"))):
        if left_over:
            meta[field] = left_over
        else:
            meta.pop(field, None)
    if meta:
        out["metadata"] = meta
    else:
        out.pop("metadata", None)
    return Uninjected(out, earlier, notes)


def mounts(pod: Manifest, volumes: frozenset[str]) -> list[str]:
    """The names of the containers that mount one of these volumes."""
    spec = pod.get("spec") or {}
    containers = [c for part in names.CONTAINER_LISTS for c in spec.get(part) or []]
    return [str(c.get("name")) for c in containers if _mounts(c, volumes)]


def without_mounts(pod: Manifest, volumes: frozenset[str]) -> Manifest:
    """The pod without mounts of these volumes."""
    if not volumes:
        return pod
    spec = dict(pod.get("spec") or {})
    for part in names.CONTAINER_LISTS:
        if spec.get(part):
            spec[part] = [_without_mounts(c, volumes) for c in spec[part]]
    return {**pod, "spec": spec}


def _without_mounts(container: Manifest, volumes: frozenset[str]) -> Manifest:
    if not _mounts(container, volumes):
        return container
    left = [mount for mount in container["volumeMounts"] if mount.get("name") not in volumes]
    return {**container, "volumeMounts": left}


def _mounts(container: Manifest, volumes: frozenset[str]) -> bool:
    return any(mount.get("name") in volumes for mount in container.get("volumeMounts") or [])


def overrides(pod: Manifest, profile: Profile, *, typed: bool = False) -> dict[str, list[Manifest]]:
    """The user's own versions of containers that an injection wrote over, by list.

    Raises ValueError where the annotation is no JSON object of container lists; with `typed` also
    where a field has another type than Kubernetes wants.
    """
    text = status.annotations_of(pod).get(profile.keys.overrides)
    if text is None:
        return {}
    raw = status.as_object(text)
    if raw is None:
        raise ValueError("a JSON object is expected")
    out = {part: raw.get(part) or [] for part in names.CONTAINER_LISTS}
    try:
        check_pod({"spec": out})
    except ManifestError as error:
        raise ValueError(str(error)) from error
    if typed and not pod_fields.is_spec(out):
        raise ValueError("a field of a container has a type that Kubernetes does not accept")
    return out


def record(pod: Manifest, original: Manifest, profile: Profile) -> str | None:
    """What the undo annotation has to hold, None for nothing. Raises OverflowError past LIMIT bytes."""
    added = status.read(pod, profile.keys)
    if added is None:
        return None
    entries: list[list[Any]] = []
    _delta(derive(pod, added, profile).pod, original, POD, "", entries)
    if not entries:
        return None
    text = status.compact(entries, sort_keys=True)
    size = len(text.encode(errors="surrogatepass"))
    if size > LIMIT:
        raise OverflowError(f"{size} bytes")
    return text


def _delta(have: Any, want: Any, schema: Schema, pointer: str, out: list[list[Any]]) -> None:
    """Entries [pointer] (remove), [pointer, value] (set) and [pointer, null, [keys]] (order).

    A pointer names the elements of keyed lists by their key, so that it is still valid after
    others have added elements. Order with no keys removes what is empty by then. What others may add
    to, keyed lists, labels and annotations, is taken apart and put together element by element.
    Maps are walked in the order of their keys, so that the order in which fields came does not show.
    """
    if isinstance(have, dict) and isinstance(want, dict):
        _delta_of_map(have, want, schema, pointer, out)
        return
    old, new = keyed(have, schema.key), keyed(want, schema.key)
    if old is not None and new is not None:
        _delta_of_list(old, new, schema, pointer, out)
    elif not same(have, want):
        if is_empty(want):
            out.extend([join(pointer, key)] for key in _members(have, schema) or ())
        out.append([pointer, want])


def _delta_of_list(
    old: Mapping[Any, Any], new: Mapping[Any, Any], schema: Schema, pointer: str, out: list[list[Any]]
) -> None:
    for key, value in old.items():
        if key not in new:
            _gone(value, schema, join(pointer, key), out)
    for key, value in new.items():
        if key not in old:
            _come(value, schema, join(pointer, key), out)
        elif old[key] is not value:
            _delta(old[key], value, schema, join(pointer, key), out)
    after = [k for k in old if k in new] + [k for k in new if k not in old]
    if after != list(new):
        out.append([pointer, None, list(new)])


def _delta_of_map(have: Manifest, want: Manifest, schema: Schema, pointer: str, out: list[list[Any]]) -> None:
    for key in sorted(key for key in have if key not in want):
        _gone(have[key], schema.of(str(key)), join(pointer, key), out)
    # Most members are the same object, or equal texts.
    for key in sorted(key for key, value in want.items() if not _is_same(have.get(key, _NOTHING), value)):
        if key in have:
            _delta(have[key], want[key], schema.of(str(key)), join(pointer, key), out)
        else:
            _come(want[key], schema.of(str(key)), join(pointer, key), out)


def _is_same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is str and type(other) is str and one == other)


def _gone(have: Any, schema: Schema, pointer: str, out: list[list[Any]]) -> None:
    parts = _shared(have, schema, pointer)
    for key, (value, below) in parts.items():
        _gone(value, below, join(pointer, key), out)
    out.append([pointer, None, []] if parts else [pointer])


def _come(want: Any, schema: Schema, pointer: str, out: list[list[Any]]) -> None:
    parts = _shared(want, schema, pointer)
    for key, (value, below) in parts.items():
        _come(value, below, join(pointer, key), out)
    if not parts:
        out.append([pointer, want])


def _shared(value: Any, schema: Schema, pointer: str) -> Mapping[Any, tuple[Any, Schema]]:
    """The members of a value that others may add to; none for any other value."""
    if isinstance(value, dict) and pointer not in _SHARED:
        return {}
    return _members(value, schema) or {}


def _members(value: Any, schema: Schema) -> Mapping[Any, tuple[Any, Schema]] | None:
    """The members, those of a map in the order of their names."""
    parts = members(value, schema)
    return dict(sorted(parts.items())) if parts and isinstance(value, dict) else parts
