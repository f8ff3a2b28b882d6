"""Settings about pods that are checked against the profile: its annotations, its containers, quirks.

Not here: what each setting accepts by itself (`schema`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from injector.config.fields import quoted
from injector.config.schema import Settings
from injector.core import names, status
from injector.core.pod_fields import FieldProblem
from injector.core.profile import Config, Profile
from injector.near import close_matches
from injector.pointer import join

_WITHOUT_QUIRKS: Final = {
    "placement": "placement",
    "skipRuntimeClasses": "skip_runtime_classes",
    "namespaceDefaults": "namespace_defaults",
}


def problems(settings: Settings, config: Config) -> Iterator[FieldProblem]:
    """What is wrong with these settings under the profile of a configuration."""
    for key, attribute in _WITHOUT_QUIRKS.items():
        if config.quirks and getattr(settings, attribute):
            message = "it has no effect with compatibility.istioQuirks"
            yield FieldProblem(join("", key), message, "remove it, or turn the quirks off", refused=False)
    for number, key in enumerate(settings.namespace_defaults):
        yield from _default(f"/namespaceDefaults/{number}", key, config.profile)
    if settings.placement:
        yield from _misspelt_containers(settings, config)


def _default(pointer: str, key: str, profile: Profile) -> Iterator[FieldProblem]:
    known, keys = profile.catalogue(), profile.keys
    own = {keys.switch, keys.status, keys.overrides, keys.templates, keys.undo, keys.bundle}
    if key in own:
        message = f"{key} cannot be a default of a namespace: it is valid for a single pod only"
        yield FieldProblem(pointer, message, "remove it")
    elif key not in known.annotations:
        usable = sorted(known.annotations - own - known.on_pod_only)
        message = f"{quoted(key)} is not an annotation of the profile {profile.name}"
        yield FieldProblem(pointer, message, _nearest(key, usable) or "see the annotations of the profile")
    elif key in known.on_pod_only:
        message = f"{key} cannot be a default of a namespace: other programs read it from the pod"
        yield FieldProblem(pointer, message, "set it on the pods")


def _misspelt_containers(settings: Settings, config: Config) -> Iterator[FieldProblem]:
    """Names that no template writes, and that are nearly one that a template writes."""
    outline, made = config.templates.outline(status.LISTS).names, config.profile.made()
    known = {n for part in names.CONTAINER_LISTS for n in (*outline.get(part, ()), *made.get(part, ()))}
    for name in settings.placement:
        hint = "" if name in known else _nearest(name, known)
        if hint:
            message = "it has no effect: no template has this container"
            yield FieldProblem(join("/placement", name), message, hint, refused=False)


def _nearest(text: str, known: Collection[str]) -> str:
    near = close_matches(text, sorted(known), n=1)
    return f"did you mean {near[0]}?" if near else ""
