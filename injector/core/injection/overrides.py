"""The user's own version of a container that the templates define too: its fields win.

Not here: uninjecting, which puts these containers back (`uninjection`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from injector.core import names, quantities, status
from injector.core.injection import uninjection
from injector.core.injection.api_defaults import filled_in
from injector.core.injection.near_misses import AUTO
from injector.core.injection.patched import patched
from injector.core.model import Manifest
from injector.core.tree.schema import POD, Schema, same
from injector.core.tree.strategic_merge import map_items, merge

if TYPE_CHECKING:
    from injector.core.profile import Injection


def reapply(run: Injection) -> None:
    """Merge the user's version of every container that the templates also define over the result.

    Where the pod was not injected before, what was merged is kept in the overrides annotation. That
    is not necessary for containers to which the templates only add: the undo annotation has what they add.
    """
    profile = run.config.profile
    earlier = run.earlier if run.config.quirks else None
    stored = uninjection.overrides(run.received if run.config.quirks else run.stripped, profile)
    spec = run.stripped.get("spec") or {}
    versions: dict[str, list[Manifest]] = {}
    only_patched = {} if run.config.quirks else patched(run)
    for part in names.CONTAINER_LISTS[::-1]:
        listed = set(earlier.names(part)) if earlier else set()
        search = [*stored.get(part, ()), *(spec.get("containers") or [])]
        search += (spec.get("initContainers") or []) if part == "initContainers" else []
        first = {c["name"]: c for c in reversed(search)}
        merged = {c["name"]: c for c in (run.pod.get("spec") or {}).get(part) or []}
        # A template may name one container more than once.
        for ours in {c["name"]: c for c in (run.overlay.get("spec") or {}).get(part) or []}.values():
            theirs = first.get(ours["name"])
            if theirs is None or ours["name"] in listed:
                continue
            if not run.config.quirks:
                theirs = filled_in(theirs, ours)
            if theirs.get("image") == AUTO:
                theirs = {k: v for k, v in theirs.items() if k != "image"}
            if ours["name"] not in only_patched.get(part, ()):
                versions.setdefault(part, []).append(theirs)
            # As for the API server, null and empty say nothing here; in a patch they would delete.
            schema = None if run.config.quirks else POD.of("spec").of(part)
            last = _without_zeros(theirs, schema)
            if not run.config.quirks:
                last = _changes(last, theirs, merged.get(ours["name"]) or {})
            run.pod = merge(run.pod, {"spec": {part: [last]}}, run.schema)
            if not run.config.quirks:
                run.pod = _with_injected_first(run.pod, part, ours)
    # Upstream checks only that a status exists, readable or not.
    marked = profile.keys.status in status.annotations_of(run.received)
    if versions and not (run.config.quirks and marked):
        ordered = {
            part: [canonical(c) for c in versions[part]]
            for part in ("containers", "initContainers")
            if part in versions
        }
        run.annotate({profile.keys.overrides: status.compact(ordered, sort_keys=True)})


def _with_injected_first(pod: Manifest, part: str, ours: Manifest) -> Manifest:
    """The pod with the template's variables of a container before the user's (Q47)."""
    places = {entry["name"]: place for place, entry in enumerate(ours.get("env") or [])}

    def place(entry: Manifest) -> int:
        # Kubernetes replaces $(NAME) only by what stands before it, and the user's order is meant.
        refers = "$(" in str(entry.get("value"))
        return places.get(entry["name"], len(places)) if not refers or entry in ours["env"] else len(places)

    def ordered(container: Manifest) -> Manifest:
        env = container.get("env")
        if container["name"] != ours["name"] or not env:
            return container
        ordered_env = sorted(env, key=place)
        return container if ordered_env == env else {**container, "env": ordered_env}

    return map_items(pod, ("spec", part), ordered) if places else pod


def _changes(last: Manifest, theirs: Manifest, merged: Manifest) -> Manifest:
    """Those fields of `last`, the user's version without zeros, that are not in the result as they are.

    Two ports of one number are two to Kubernetes and one to a merge, so that what is the same is not
    merged again.
    """
    return {
        key: value
        for key, value in last.items()
        if key == "name" or not any(same(each, merged.get(key)) for each in (value, theirs[key]))
    }


# Kubernetes' typed container always prints these, and leaves zero values of other optional fields out.
_PRINTED_WHEN_EMPTY = frozenset(
    [
        "emptyDir",
        "securityContext",
        "exec",
        "httpGet",
        "tcpSocket",
        "grpc",
        "lifecycle",
        "preStop",
        "postStart",
        "readOnlyRootFilesystem",
        "privileged",
        "allowPrivilegeEscalation",
        "runAsUser",
        "runAsGroup",
        "runAsNonRoot",
        "optional",
        "terminationGracePeriodSeconds",
        "port",
        "containerPort",
        "name",
        "mountPath",
        "service",
    ]
)


def canonical(container: Manifest) -> Manifest:
    """A container as Kubernetes' own types would print it: no nulls and zero values, `resources` always."""
    out: Manifest = _without_zeros(container)
    amounts = out.get("resources") or {}
    out["resources"] = {k: _amounts(v) if k in ("limits", "requests") else v for k, v in amounts.items()}
    return out


def _amounts(amounts: Manifest) -> Manifest:
    try:
        return {name: quantities.canonical(amount) for name, amount in amounts.items()}
    except ValueError:
        # The API server rejects it; here the text stays as it is.
        return amounts


def _without_zeros(value: Any, schema: Schema | None = None) -> Any:
    """What a value says; with a schema, lists that a merge replaces as a whole stay as they are."""
    if isinstance(value, list):
        whole = schema is not None and not schema.key
        return value if whole else [_without_zeros(item, schema) for item in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, inner in value.items():
        if schema is not None and key.startswith("$"):
            # A pod is not a patch: a directive of a merge has no meaning in it.
            continue
        inner = _without_zeros(inner, schema and schema.of(key))
        if key == "grpc" and isinstance(inner, dict):
            inner.setdefault("service", None)
        zero = inner is None or inner is False or inner in ("", 0) or inner in ({}, [])
        if not zero or (key in _PRINTED_WHEN_EMPTY and inner is not None):
            out[key] = inner
    return out
