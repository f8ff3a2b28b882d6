"""The rules that decided about a pod, and which layer set each injected value.

Nothing is tracked while rendering. The pod is built again with one layer after the other left
out, and a value belongs to the lowest layer from which on it is what it is now. The same with
single annotations, values and settings left out names the one that did it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from injector.classes import dataclass, replace
from injector.core.injection.patched import without_patched
from injector.core.injection.pipeline import assemble, inject
from injector.core.model import Facts, Manifest, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.reports.leaves import Leaves, has, leaves_of, repeats_key
from injector.core.reports.left_out import (
    SINGLES,
    VALUES,
    Inputs,
    Variants,
    without_annotations,
    without_containers,
)
from injector.core.tree.schema import same
from injector.errors import InjectorError
from injector.pointer import join, split

WORDS: Final = {Verdict.INJECT: "injected", Verdict.SKIP: "skipped", Verdict.DENY: "refused"}
_TITLES: Final = {"containers": "container", "initContainers": "init container", "volumes": "volume"}
PROFILE: Final = "profile"
"""The layer of the profile's own values."""
ANNOTATION: Final = "pod annotation"


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


def without_keys(origins: Sequence[ValueOrigin]) -> list[ValueOrigin]:
    """The origins without those that repeat the key of an element, unless it has nothing else."""
    keys = {origin.pointer for origin in origins if repeats_key(origin.pointer, origin.value)}
    filled = {_parent(origin.pointer) for origin in origins if origin.pointer not in keys}
    for pointer in tuple(filled):
        while pointer := _parent(pointer):
            filled.add(pointer)
    return [
        origin for origin in origins if origin.pointer not in keys or _parent(origin.pointer) not in filled
    ]


def _parent(pointer: str) -> str:
    return pointer.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Explanation:
    """An outcome and the origin of everything that it added or changed."""

    outcome: Outcome
    origins: tuple[ValueOrigin, ...] = ()


class Explainer:
    """Explains pods under one configuration. What does not depend on the pod is prepared once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._variants: dict[tuple[str, ...], Variants] = {}

    def explain(self, pod: Manifest, facts: Facts, holder: Manifest | None = None) -> Explanation:
        """The outcome for a pod template, with the origin of every injected value."""
        return self.completed(inject(pod, facts, self._config, holder), pod, facts)

    def completed(self, outcome: Outcome, pod: Manifest, facts: Facts) -> Explanation:
        """An outcome for a pod template with the origin of every injected value."""
        if outcome.decision.verdict is not Verdict.INJECT:
            return Explanation(outcome)
        # Another default of the namespace does not count, and might be refused here.
        return Explanation(
            outcome, _explained(pod, facts, self._with_defaults(tuple(sorted(outcome.defaults))))
        )

    def _with_defaults(self, defaults: tuple[str, ...]) -> Variants:
        if defaults not in self._variants:
            config = replace(self._config, namespace_defaults=defaults)
            self._variants[defaults] = Variants.of(config)
        return self._variants[defaults]


def explain(pod: Manifest, facts: Facts, config: Config, holder: Manifest | None = None) -> Explanation:
    """The same for one pod template."""
    return Explainer(config).explain(pod, facts, holder)


def _explained(pod: Manifest, facts: Facts, variants: Variants) -> tuple[ValueOrigin, ...]:
    config = variants.config
    run = assemble(pod, facts, config)
    whole = Inputs(run.original, facts, config)
    final, before = leaves_of(run.pod), leaves_of(run.original)
    bookkeeping = {join("/metadata/annotations", key) for key in config.profile.bookkeeping_annotations}
    injected = {
        key: leaf
        for key, leaf in final.items()
        if key[0] not in bookkeeping and (key not in before or not same(before[key][1], leaf[1]))
    }
    built = _Built()
    if run.original is pod:
        built.add(whole, final)
    steps = _layers(whole, without_patched(run), variants)
    layers = _layers_of(injected, [(name, built.leaves(step)) for name, step in steps])
    singles = {
        name: [(detail, built.leaves(step)) for detail, step in _singles(name, whole, variants, built)]
        for name in dict.fromkeys(layers.values())
    }
    return tuple(
        ValueOrigin(
            pointer,
            value,
            layers[key],
            ", ".join(detail for detail, leaves in singles[layers[key]] if not has(leaves, key, value)),
        )
        for key, (pointer, value) in injected.items()
    )


def _layers_of(injected: Leaves, built: list[tuple[str, Leaves | None]]) -> Mapping[tuple[str, ...], str]:
    """The layer of each value: the lowest from which on it is what it is now."""
    out: dict[tuple[str, ...], str] = {}
    for key, (_, value) in injected.items():
        layer = built[0][0]
        for (lower_name, lower), (name, _) in zip(built[-2::-1], built[:0:-1], strict=True):
            if not has(lower, key, value):
                layer = name
                break
            layer = lower_name
        out[key] = layer
    return out


def _layers(whole: Inputs, added: Manifest, variants: Variants) -> list[tuple[str, Inputs]]:
    """The layers from the lowest on, each with all below it; `added` has the injected containers.

    A layer that the pod does not have shares its input with the one below.
    """
    steps = [("user's own container", whole)]
    below = replace(whole, pod=without_containers(whole.pod, added))
    steps.append((ANNOTATION, below))
    below = replace(below, pod=without_annotations(below.pod, _readable(whole)))
    config = whole.config
    if config.namespace_defaults:
        steps.append((_namespace_layer(whole), below))
        below = replace(below, config=replace(below.config, namespace_defaults=()))
        variants = replace(
            variants,
            without_settings=replace(variants.without_settings, namespace_defaults=()),
            profile_alone=replace(variants.profile_alone, namespace_defaults=()),
        )
    steps.append(("request path", below))
    if below.facts.overrides:
        below = replace(below, facts=replace(below.facts, overrides={}))
    steps.append(("object in the cluster", below))
    if below.facts.objects:
        below = replace(below, facts=replace(below.facts, objects=()))
    steps.append((config.profile.settings_layer, below))
    steps.append((VALUES, replace(below, config=variants.without_settings)))
    steps.append((PROFILE, replace(below, config=variants.profile_alone)))
    return steps[::-1]


def _singles(layer: str, whole: Inputs, variants: Variants, built: _Built) -> Iterator[tuple[str, Inputs]]:
    """The single settings of a layer by name, each with the input without it."""
    if layer == ANNOTATION:
        for key in _annotations_of_interest(whole, built):
            yield key, replace(whole, pod=without_annotations(whole.pod, {key}))
    elif layer == _namespace_layer(whole):
        for key in whole.config.namespace_defaults:
            left = tuple(each for each in whole.config.namespace_defaults if each != key)
            yield f"annotation {key}", replace(whole, config=replace(whole.config, namespace_defaults=left))
    for name, config in variants.singles.get(layer, ()):
        yield name, replace(whole, config=config)


class _Built:
    """The leaves of the pods that inputs give, each built once; None where an input gives none."""

    def __init__(self) -> None:
        # The inputs are held, as an identity is only that of an object that is still there.
        self._made: dict[tuple[int, int, int], tuple[Inputs, Leaves | None]] = {}

    def add(self, inputs: Inputs, leaves: Leaves | None) -> Leaves | None:
        """Take the leaves for an input."""
        self._made[_identity(inputs)] = (inputs, leaves)
        return leaves

    def leaves(self, inputs: Inputs) -> Leaves | None:
        """The leaves for an input."""
        made = self._made.get(_identity(inputs))
        if made is not None:
            return made[1]
        try:
            return self.add(inputs, leaves_of(assemble(inputs.pod, inputs.facts, inputs.config).pod))
        except InjectorError:
            return self.add(inputs, None)


def _identity(inputs: Inputs) -> tuple[int, int, int]:
    return id(inputs.pod), id(inputs.facts), id(inputs.config)


def _readable(whole: Inputs) -> frozenset[str]:
    """The annotations on the pod that a template can read."""
    profile = whole.config.profile
    annotations = (whole.pod.get("metadata") or {}).get("annotations") or {}
    return frozenset(annotations) - profile.bookkeeping_annotations - {profile.keys.templates}


def _annotations_of_interest(whole: Inputs, built: _Built) -> list[str]:
    """The annotations that the profile lists, and others where any of these has an effect.

    Templates may read keys that the profile does not list, by their prefix for instance.
    """
    known, readable = whole.config.profile.catalogue(), _readable(whole)
    listed, others = sorted(readable & known.annotations), readable - known.annotations
    if others and _have_effect(whole, others, built):
        listed += sorted(others, key=lambda key: (not known.owns(key), key))
    return listed[:SINGLES]


def _have_effect(whole: Inputs, annotations: frozenset[str], built: _Built) -> bool:
    """Whether more than these annotations themselves is missing without them."""
    themselves = {join("/metadata/annotations", key) for key in annotations}
    with_them = built.leaves(whole) or {}
    rest = {key: leaf for key, leaf in with_them.items() if key[0] not in themselves}
    return rest != built.leaves(replace(whole, pod=without_annotations(whole.pod, annotations)))


def _namespace_layer(whole: Inputs) -> str:
    known = whole.facts.namespace_object
    return f"namespace {known.name if known else ''}"
