"""Pods and configurations with parts left out. What has nothing to leave out is given back as it is.

Not here: what is concluded from them (provenance.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from injector.classes import dataclass, replace
from injector.core import names
from injector.core.model import Facts, Manifest
from injector.core.profile import Config
from injector.core.tree.schema import same

SINGLES: Final = 60
"""Past this many single settings the layer alone is named."""
VALUES: Final = "values"
"""The layer of the operator's values."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an injection depends on."""

    pod: Manifest
    facts: Facts
    config: Config


@dataclass(frozen=True, slots=True)
class Variants:
    """A configuration with parts left out, as the explanations of all pods need it.

    `singles` are the configurations without one setting, by the layer and the name of the setting.
    """

    config: Config
    without_settings: Config
    profile_alone: Config
    singles: Mapping[str, list[tuple[str, Config]]]

    @classmethod
    def of(cls, config: Config) -> Variants:
        """The variants of a configuration."""
        profile = config.profile
        defaults = replace(config, values=profile.values)
        paths = list(_different(config.values, profile.values, ()))
        values = [
            (".".join(path), replace(config, values=_reset(config.values, profile.values, path)))
            for path in (paths if len(paths) <= SINGLES else ())
        ]
        settings = list(profile.single_settings(config))[:SINGLES]
        return cls(
            config,
            profile.without_settings(config),
            profile.without_settings(defaults),
            {VALUES: values, profile.settings_layer: settings},
        )


def without_containers(pod: Manifest, added: Manifest) -> Manifest:
    """The pod without its own versions of injected containers."""
    ours = {c["name"] for part in names.CONTAINER_LISTS for c in (added.get("spec") or {}).get(part) or []}
    spec = pod.get("spec") or {}
    left = {
        part: [c for c in spec[part] if c["name"] not in ours]
        for part in names.CONTAINER_LISTS
        if any(c["name"] in ours for c in spec.get(part) or [])
    }
    return {**pod, "spec": {**spec, **left}} if left else pod


def without_annotations(pod: Manifest, keys: frozenset[str] | set[str]) -> Manifest:
    """The pod without these annotations."""
    meta = pod.get("metadata") or {}
    annotations = meta.get("annotations") or {}
    if keys.isdisjoint(annotations):
        return pod
    left = {k: v for k, v in annotations.items() if k not in keys}
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
