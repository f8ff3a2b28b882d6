"""The annotations `userVolume` and `userVolumeMount` add, and never replace what a pod or a template has.

Types are the catalogue's to check.

With quirks on none of this is looked at; upstream puts both texts into its template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from injector.core import status
from injector.core.injection.assembly import overlay_of
from injector.core.model import Manifest
from injector.core.paths import normal_path, overlapping
from injector.errors import AnnotationError
from injector.printable import shown
from injector.yamltext import load_json

if TYPE_CHECKING:
    from injector.core.profile import Injection

VOLUMES: Final = "sidecar.istio.io/userVolume"
MOUNTS: Final = "sidecar.istio.io/userVolumeMount"


def problems(annotations: Mapping[str, str]) -> list[AnnotationError]:
    """What is wrong with either annotation by itself, the first of each."""
    out = []
    for key in (VOLUMES, MOUNTS):
        message = next(_problems_of(key, annotations[key]), "") if key in annotations else ""
        if message:
            out.append(_error(key, message))
    return out


def check(run: Injection) -> None:
    """Raise AnnotationError where a volume or mount is one that the pod or the templates have already.

    What the templates have is what they give for this pod without both annotations.
    """
    volumes, mounts = (_items(run.annotations.get(key)) for key in (VOLUMES, MOUNTS))
    if not volumes and not mounts:
        return
    meta = run.stripped.get("metadata") or {}
    annotations = {k: v for k, v in status.annotations_of(run.stripped).items() if k not in (VOLUMES, MOUNTS)}
    without = {**run.stripped, "metadata": {**meta, "annotations": annotations}}
    overlay = overlay_of(without, run.facts, run.config, run.work).get("spec") or {}
    ours = {v["name"] for v in overlay.get("volumes") or []}
    theirs = {v["name"] for v in (run.stripped.get("spec") or {}).get("volumes") or []}
    for name in volumes:
        if name in ours:
            raise _error(VOLUMES, f"the name {name} belongs to a volume of the injector")
        if name in theirs:
            raise _error(VOLUMES, f"the pod already has a volume {shown(name)}")
    paths = frozenset(
        normal_path(mount["mountPath"])
        for part in ("initContainers", "containers")
        for container in overlay.get(part) or []
        for mount in container.get("volumeMounts") or []
    )
    for name, mount in mounts.items():
        if name in ours:
            raise _error(MOUNTS, f"the name {name} belongs to a volume of the injector")
        hidden = overlapping(normal_path(mount["mountPath"]), paths)
        if hidden:
            raise _error(
                MOUNTS, f"a mountPath equals, contains or is inside {hidden}, which the injector mounts"
            )


def _items(text: str | None) -> dict[str, Manifest]:
    out: dict[str, Manifest] = load_json(text) if text is not None else {}
    return out


def _problems_of(key: str, text: str) -> Iterator[str]:
    try:
        items = load_json(text, distinct=True)
    except ValueError as error:
        yield str(error)
        return
    if not isinstance(items, dict):
        # The catalogue's own check reports it.
        return
    paths: set[str] = set()
    for fields in items.values():
        if not isinstance(fields, dict):
            return
        if "name" in fields:
            yield "remove the field name: the key of the map is the name"
        if key == VOLUMES and sum(value is not None for value in fields.values()) > 1:
            yield "a volume has more than one source"
        if key == MOUNTS:
            yield from _wrong_path(fields.get("mountPath"), paths)


def _wrong_path(path: Any, paths: set[str]) -> Iterator[str]:
    if not isinstance(path, str) or not path or ":" in path or "\0" in path:
        yield "mountPath: a path without colons is expected"
        return
    if normal_path(path) in paths:
        yield "two mounts have the same mountPath"
    paths.add(normal_path(path))


def _error(key: str, message: str) -> AnnotationError:
    hint = "use another name or path, or remove it"
    return AnnotationError(key, f"the value is not accepted: {message}", where=f"annotation {key}", hint=hint)
