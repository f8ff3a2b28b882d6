"""The way back: `uninject` takes out what an injection put in.

Three sources, in this order: what the status lists is removed; what the profile can read back
from its own traces is restored (`Profile.restore`); and what neither tells stands in the undo
annotation, which `record` writes as the difference between that and the pod as it was. So the law
``uninject(inject(p)) == p`` holds by construction, and the annotation stays small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from injector.core import fieldtypes, names, status
from injector.core.merge import POD, Schema, key_of, keyed, same
from injector.core.model import Manifest
from injector.core.patch import escape
from injector.core.workload import check_pod
from injector.errors import ManifestError
from injector.yamltext import load_json

if TYPE_CHECKING:
    from injector.core.profile import Profile

# An object's annotations may hold 256 KiB in all.
LIMIT = 32 * 1024
_SHARED_NAMES = ("metadata", "labels", "annotations")
_SHARED = frozenset({"/metadata", "/metadata/labels", "/metadata/annotations"})


@dataclass(frozen=True, slots=True)
class Uninjected:
    """A pod template without its injection, and what had to be assumed or could not be restored."""

    pod: Manifest
    notes: tuple[str, ...] = ()


def uninject(pod: Manifest, profile: Profile) -> Uninjected | None:
    """The pod as it was before the injection that its status tells of; None where none does.

    Raises ValueError where the overrides annotation cannot be read.
    """
    found = status.read(pod, profile.keys)
    if found is None:
        return None
    text = status.annotations_of(pod).get(profile.keys.undo)
    derived = derive(pod, found, profile)
    if text is None:
        return derived
    restored, lost = _apply(derived.pod, text)
    try:
        check_pod(restored)
        _check_types(restored, pod)
    except ManifestError:
        # Anybody may have written the annotation.
        return Uninjected(
            derived.pod, (*derived.notes, "the undo annotation gives no valid pod and was not used")
        )
    return Uninjected(restored, lost)


def derive(pod: Manifest, found: status.Status, profile: Profile) -> Uninjected:
    """The pod without what its status lists, restored as far as traces in the pod itself tell."""
    restored, notes = profile.restore(pod, found)
    spec = dict(restored.get("spec") or {})
    stored = overrides(pod, profile)
    for part in ("initContainers", "containers", "volumes", "imagePullSecrets"):
        gone = set(found.names(part))
        users = {c["name"]: c for c in stored.get(part, ())}
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
    kept = {k: v for k, v in (meta.get("annotations") or {}).items() if k not in profile.books}
    for field, left_over in (("annotations", kept), ("labels", meta.get("labels"))):
        if left_over:
            meta[field] = left_over
        else:
            meta.pop(field, None)
    if meta:
        out["metadata"] = meta
    else:
        out.pop("metadata", None)
    return Uninjected(out, notes)


def _check_types(restored: Manifest, pod: Manifest) -> None:
    """Raise ManifestError where fields have types that Kubernetes does not want, and had none in the pod."""
    if not fieldtypes.is_spec(restored.get("spec")) and fieldtypes.is_spec(pod.get("spec")):
        raise ManifestError("a field of another type is expected", where="/spec")


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
    if typed and not fieldtypes.is_spec(out):
        raise ValueError("a field of a container has another type than Kubernetes wants")
    return out


def record(pod: Manifest, original: Manifest, profile: Profile) -> str | None:
    """What the undo annotation has to hold, None for nothing. Raises OverflowError past LIMIT bytes."""
    found = status.read(pod, profile.keys)
    if found is None:
        return None
    entries: list[list[Any]] = []
    _delta(derive(pod, found, profile).pod, original, POD, "", entries)
    if not entries:
        return None
    text = status.compact(entries, sort_keys=True)
    size = len(text.encode(errors="surrogatepass"))
    if size > LIMIT:
        raise OverflowError(f"{size} bytes")
    return text


def _delta(have: Any, want: Any, schema: Schema, pointer: str, out: list[list[Any]]) -> None:
    """Entries [pointer] (remove), [pointer, value] (set) and [pointer, null, [keys]] (order).

    A pointer names the elements of keyed lists by their key, so that it still fits after somebody
    else has added elements. Order with no keys removes what is empty by then. What others may add
    to, keyed lists, labels and annotations, is taken apart and put together element by element.
    Maps are walked in the order of their keys, so that the order in which fields came does not show.
    """
    if same(have, want):
        return
    if isinstance(have, dict) and isinstance(want, dict):
        _pairs(_sorted(have), _sorted(want), {k: schema.of(str(k)) for k in {**have, **want}}, pointer, out)
        return
    old, new = keyed(have, schema.key), keyed(want, schema.key)
    if old is None or new is None:
        if _is_empty(want):
            children = _sorted(have) if isinstance(have, dict) else old or ()
            out.extend([f"{pointer}/{escape(str(key))}"] for key in children)
        out.append([pointer, want])
        return
    _pairs(old, new, dict.fromkeys([*old, *new], schema), pointer, out)
    after = [k for k in old if k in new] + [k for k in new if k not in old]
    if after != list(new):
        out.append([pointer, None, list(new)])


def _pairs(
    old: Mapping[Any, Any],
    new: Mapping[Any, Any],
    schemas: Mapping[Any, Schema],
    pointer: str,
    out: list[list[Any]],
) -> None:
    for key in old:
        if key not in new:
            _gone(old[key], schemas[key], f"{pointer}/{escape(str(key))}", out)
    for key, value in new.items():
        at = f"{pointer}/{escape(str(key))}"
        if key in old:
            _delta(old[key], value, schemas[key], at, out)
        else:
            _come(value, schemas[key], at, out)


def _gone(have: Any, schema: Schema, pointer: str, out: list[list[Any]]) -> None:
    parts = _shared(have, schema, pointer)
    for key, value in parts.items():
        _gone(value, schema.of(str(key)), f"{pointer}/{escape(str(key))}", out)
    out.append([pointer, None, []] if parts else [pointer])


def _come(want: Any, schema: Schema, pointer: str, out: list[list[Any]]) -> None:
    parts = _shared(want, schema, pointer)
    for key, value in parts.items():
        _come(value, schema.of(str(key)), f"{pointer}/{escape(str(key))}", out)
    if not parts:
        out.append([pointer, want])


def _shared(value: Any, schema: Schema, pointer: str) -> Mapping[Any, Any]:
    """The parts of what others may add to; nothing for what is ours or the user's alone."""
    if isinstance(value, dict):
        return _sorted(value) if pointer in _SHARED else {}
    return keyed(value, schema.key) or {}


def _sorted(fields: Manifest) -> Manifest:
    return dict(sorted(fields.items()))


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, dict | list) and not value)


def _apply(pod: Manifest, text: str) -> tuple[Manifest, tuple[str, ...]]:
    try:
        entries = load_json(text)
    except ValueError:
        return pod, ("the undo annotation is no JSON: what it held is lost",)
    lost = []
    tree: Any = pod
    for entry in entries if isinstance(entries, list) else []:
        try:
            pointer, *change = entry
            parts = [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]
            tree = _edit(tree, parts, POD, change)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError):
            place = (
                entry[0] if isinstance(entry, list) and entry and isinstance(entry[0], str) else "an entry"
            )
            lost.append(f"{place[:64]} could not be restored: its place is gone")
    return tree, tuple(lost)


def _edit(tree: Any, parts: Sequence[str], schema: Schema, change: Sequence[Any]) -> Any:
    """The tree with one entry applied; KeyError where its place is not there any more."""
    part, rest = parts[0], parts[1:]
    if isinstance(tree, list):
        places = {str(key_of(item, schema.key)): i for i, item in enumerate(tree)}
        out = list(tree)
        if rest:
            out[places[part]] = _edit(tree[places[part]], rest, schema, change)
        elif not change:
            del out[places[part]]
        elif part in places:
            out[places[part]] = change[0]
        else:
            out.append(change[0])
        return out
    return _edit_field(tree, part, rest, schema.of(part), change)


def _edit_field(
    tree: Manifest, part: str, rest: Sequence[str], schema: Schema, change: Sequence[Any]
) -> Manifest:
    fields = dict(tree)
    if rest:
        fields[part] = _edit(_place(tree, part, schema, change), rest, schema, change)
    elif not change:
        del fields[part]
    elif len(change) == 1:
        # Where only emptiness is to be restored, what others have added since stays.
        if not (_is_empty(change[0]) and tree.get(part) and (schema.key or isinstance(tree[part], dict))):
            fields[part] = change[0]
    elif change[1]:
        fields[part] = _ordered(tree[part], schema, change[1])
    elif _is_empty(tree.get(part)):
        fields.pop(part, None)
    return fields


def _place(tree: Manifest, part: str, schema: Schema, change: Sequence[Any]) -> Any:
    """What an entry goes into; made where others may have taken the last of it away."""
    if len(change) == 1 and tree.get(part) is None and (schema.key or part in _SHARED_NAMES):
        return [] if schema.key else {}
    return tree[part]


def _ordered(items: list[Any], schema: Schema, keys: Sequence[Any]) -> list[Any]:
    rank = {str(key): i for i, key in enumerate(keys)}
    return sorted(items, key=lambda item: rank.get(str(key_of(item, schema.key)), len(rank)))
