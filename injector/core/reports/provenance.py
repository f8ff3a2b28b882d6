"""The rules that decided about a pod, and which layer set each injected value.

Nothing is tracked while rendering. The pod is built again with one layer after the other left
out, and a value belongs to the lowest layer from which on it is what it is now. The same with
single annotations, values and settings left out names the one that did it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from injector.core import names
from injector.core.injection.patched import without_patched
from injector.core.injection.pipeline import assemble, inject
from injector.core.model import Facts, Manifest, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.tree.schema import POD, Schema, same
from injector.core.tree.walk import members
from injector.errors import InjectorError
from injector.pointer import join, split

WORDS: Final = {Verdict.INJECT: "injected", Verdict.SKIP: "skipped", Verdict.DENY: "refused"}
PROFILE: Final = "profile"
"""The lowest layer: what the profile sets without any settings."""
_TITLES: Final = {"containers": "container", "initContainers": "init container", "volumes": "volume"}
# Past this many single settings the layer alone is named.
SINGLES = 60


@dataclass(frozen=True, slots=True)
class ValueOrigin:
    """One injected value: where it stands, what it is, which layer set it, and which setting of it.

    A pointer names the elements of keyed lists by their key.
    """

    pointer: str
    value: Any
    layer: str
    detail: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """The container (or the part of the pod) that it is in, and the path there."""
        parts = split(self.pointer)
        if parts[:1] == ["spec"] and len(parts) > 2 and parts[1] in _TITLES:
            return f"{_TITLES[parts[1]]} {parts[2]}", ".".join(parts[3:]) or "(whole)"
        if parts[:1] == ["metadata"] and len(parts) > 2:
            return parts[1], ".".join(parts[2:])
        return "pod", ".".join(parts)


@dataclass(frozen=True, slots=True)
class Explanation:
    """An outcome and the origin of everything that it added or changed."""

    outcome: Outcome
    origins: tuple[ValueOrigin, ...] = ()


@dataclass(frozen=True, slots=True)
class _Input:
    pod: Manifest
    facts: Facts
    config: Config


_Leaves = Mapping[tuple[str, ...], tuple[str, Any]]


def explain(pod: Manifest, facts: Facts, config: Config, holder: Manifest | None = None) -> Explanation:
    """The outcome for a pod template, with the origin of every injected value."""
    outcome = inject(pod, facts, config, holder)
    if outcome.decision.verdict is not Verdict.INJECT:
        return Explanation(outcome)
    # Another default of the namespace does not count, and might be refused here.
    config = replace(config, namespace_defaults=tuple(sorted(outcome.defaults)))
    run = assemble(pod, facts, config)
    whole = _Input(run.original, facts, config)
    final = _leaves(run.pod)
    before = _leaves(run.original)
    bookkeeping = {join("/metadata/annotations", key) for key in config.profile.bookkeeping_annotations}
    injected = {
        key: leaf
        for key, leaf in final.items()
        if key[0] not in bookkeeping and (key not in before or not same(before[key][1], leaf[1]))
    }
    steps = _layers(whole, without_patched(run))
    built = [(name, _built(step)) for name, step in steps]
    singles = {name: _built(step) for name, step in _singles(whole)}
    return Explanation(outcome, tuple(_origins(injected, built, singles)))


def _origins(
    injected: _Leaves,
    built: list[tuple[str, _Leaves | None]],
    singles: Mapping[tuple[str, str], _Leaves | None],
) -> Iterator[ValueOrigin]:
    for key, (pointer, value) in injected.items():
        layer = built[0][0]
        for (lower_name, lower), (name, _) in zip(built[-2::-1], built[:0:-1], strict=True):
            if not _has(lower, key, value):
                layer = name
                break
            layer = lower_name
        details = [d for (of, d), leaves in singles.items() if of == layer and not _has(leaves, key, value)]
        yield ValueOrigin(pointer, value, layer, ", ".join(details))


def _has(leaves: _Leaves | None, key: tuple[str, ...], value: Any) -> bool:
    return leaves is not None and key in leaves and same(leaves[key][1], value)


def _layers(whole: _Input, added: Manifest) -> list[tuple[str, _Input]]:
    """The layers from the lowest on, each with all below it; `added` has the injected containers."""
    profile = whole.config.profile
    steps = [("user's own container", whole)]
    below = replace(whole, pod=_without_containers(whole.pod, added))
    steps.append(("pod annotation", below))
    below = replace(below, pod=_without_annotations(below.pod, _readable(whole)))
    if whole.config.namespace_defaults:
        steps.append((_namespace_layer(whole), below))
        below = replace(below, config=replace(below.config, namespace_defaults=()))
    steps.append(("request path", below))
    below = replace(below, facts=replace(below.facts, overrides={}))
    steps.append(("object in the cluster", below))
    below = replace(below, facts=replace(below.facts, objects=()))
    steps.append((profile.settings_layer, below))
    below = replace(below, config=profile.without_settings(below.config))
    steps.append(("values", below))
    defaults = replace(below.config, values=profile.values)
    steps.append((PROFILE, replace(below, config=profile.without_settings(defaults))))
    return steps[::-1]


def _singles(whole: _Input) -> Iterator[tuple[tuple[str, str], _Input]]:
    profile = whole.config.profile
    for key in _annotations_of_interest(whole):
        yield ("pod annotation", key), replace(whole, pod=_without_annotations(whole.pod, {key}))
    for key in whole.config.namespace_defaults:
        left = tuple(each for each in whole.config.namespace_defaults if each != key)
        without = replace(whole.config, namespace_defaults=left)
        yield (_namespace_layer(whole), f"annotation {key}"), replace(whole, config=without)
    paths = list(_different(whole.config.values, profile.values, ()))
    for path in paths if len(paths) <= SINGLES else ():
        values = _reset(whole.config.values, profile.values, path)
        yield ("values", ".".join(path)), replace(whole, config=replace(whole.config, values=values))
    for path_text, config in list(profile.single_settings(whole.config))[:SINGLES]:
        yield (profile.settings_layer, path_text), replace(whole, config=config)


def _readable(whole: _Input) -> frozenset[str]:
    """The annotations on the pod that a template can read."""
    profile = whole.config.profile
    annotations = (whole.pod.get("metadata") or {}).get("annotations") or {}
    return frozenset(annotations) - profile.bookkeeping_annotations - {profile.keys.templates}


def _annotations_of_interest(whole: _Input) -> list[str]:
    """The annotations that the profile lists, and others where any of these has an effect.

    Templates may read keys that the profile does not list, by their prefix for instance.
    """
    known, readable = whole.config.profile.catalogue(), _readable(whole)
    listed, others = sorted(readable & known.annotations), readable - known.annotations
    if others and _have_effect(whole, others):
        listed += sorted(others, key=lambda key: (not known.owns(key), key))
    return listed[:SINGLES]


def _have_effect(whole: _Input, annotations: frozenset[str]) -> bool:
    """Whether more than these annotations themselves is missing without them."""
    themselves = {join("/metadata/annotations", key) for key in annotations}
    with_them = _built(whole) or {}
    rest = {key: leaf for key, leaf in with_them.items() if key[0] not in themselves}
    return rest != _built(replace(whole, pod=_without_annotations(whole.pod, annotations)))


def _namespace_layer(whole: _Input) -> str:
    known = whole.facts.namespace_object
    return f"namespace {known.name if known else ''}"


def _built(inputs: _Input) -> _Leaves | None:
    """The leaves of the pod that such an input gives; None where it gives none."""
    try:
        return _leaves(assemble(inputs.pod, inputs.facts, inputs.config).pod)
    except InjectorError:
        return None


def _leaves(pod: Manifest) -> _Leaves:
    out: dict[tuple[str, ...], tuple[str, Any]] = {}
    _collect(pod, POD, "", out)
    return out


def _collect(value: Any, schema: Schema, pointer: str, out: dict[tuple[str, ...], tuple[str, Any]]) -> None:
    parts = members(value, schema)
    if parts is not None and value != {}:
        for name, (inner, below) in parts.items():
            _collect(inner, below, join(pointer, name), out)
    elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        # Other arguments may move these: a flag is identified by itself, its value by the flag.
        for i, item in enumerate(value):
            before = "" if item.startswith("-") or not i else value[i - 1]
            out[(pointer, before, item)] = (f"{pointer}/{i}", item)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _collect(item, schema, f"{pointer}/{i}", out)
    else:
        out[(pointer,)] = (pointer, value)


def _without_containers(pod: Manifest, added: Manifest) -> Manifest:
    ours = {c["name"] for part in names.CONTAINER_LISTS for c in (added.get("spec") or {}).get(part) or []}
    spec = dict(pod.get("spec") or {})
    for part in names.CONTAINER_LISTS:
        if spec.get(part):
            spec[part] = [c for c in spec[part] if c["name"] not in ours]
    return {**pod, "spec": spec}


def _without_annotations(pod: Manifest, keys: frozenset[str] | set[str]) -> Manifest:
    meta = pod.get("metadata") or {}
    left = {k: v for k, v in (meta.get("annotations") or {}).items() if k not in keys}
    return {**pod, "metadata": {**meta, "annotations": left}}


def _different(values: Any, defaults: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths of the leaves that are not as in the defaults."""
    if isinstance(values, dict) and isinstance(defaults, dict) and (values or defaults):
        for key in {**defaults, **values}:
            yield from _different(values.get(key, _NOTHING), defaults.get(key, _NOTHING), (*path, key))
    elif not same(values, defaults):
        yield path


_NOTHING: Any = object()


def _reset(values: Manifest, defaults: Manifest, path: tuple[str, ...]) -> Manifest:
    head, *rest = path
    out = dict(values)
    if rest:
        out[head] = _reset(values.get(head) or {}, defaults.get(head) or {}, tuple(rest))
    elif head in defaults:
        out[head] = defaults[head]
    else:
        out.pop(head, None)
    return out
