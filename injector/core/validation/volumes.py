"""Volumes, and where containers mount them. Not here: the choice of a volume's source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

from injector.core.model import Manifest
from injector.core.validation.names import is_dns_label
from injector.core.validation.places import (
    PodContainer,
    PodParts,
    PodPlace,
    counted,
    elements,
    fields,
    number,
)
from injector.core.validation.problem import Consequence, PodProblem, PodRule
from injector.parts import Parts
from injector.printable import shown

_SHORTEST_TOKEN: Final = 600
"""Seconds."""
_MODES: Final = range(0o1000)
_MODES_OR_NONE: Final = frozenset({None, *_MODES})
_NEEDED: Final[Mapping[str, str]] = {
    "configMap": "name",
    "secret": "secretName",
    "hostPath": "path",
    "persistentVolumeClaim": "claimName",
    "csi": "driver",
}
"""The field that a source cannot do without."""
_WITH_MODE: Final = ("configMap", "secret", "projected", "downwardAPI")
_PLAIN_MOUNT: Final = frozenset({"name", "mountPath", "readOnly"})
_Fault = tuple[PodRule, str, str]
"""A rule, a field, and what is wrong with it."""


def problems(parts: PodParts, claims: Set[str] = frozenset()) -> Iterator[PodProblem]:
    """Problems of volumes and mounts; `claims` are volumes that the workload adds to its pods."""
    listed = elements(parts.spec.value.get("volumes"))
    counts = counted(listed, "name")
    for index, volume in enumerate(listed):
        if (count := counts.get(str(volume.get("name")), 0)) > 1 or not _is_sound(volume, parts.known):
            yield from _of_volume(parts.spec.item("volumes", index, volume), count)
    known = frozenset(counts) | claims
    for container in parts.containers:
        yield from _of_mounts(container, known)
        if container.value.get("volumeDevices"):
            yield from _of_devices(container, known)


def _is_sound(volume: Manifest, known: Parts) -> bool:
    """Whether a volume has no problem by itself. A place is made only for one with a problem."""
    part = known.of(id(volume))
    if part is not None and _is_sound in part.passed:
        return True
    if not is_dns_label(volume.get("name")) or not _has_sound_source(volume):
        return False
    if part is not None:
        part.passed.add(_is_sound)
    return True


def _has_sound_source(volume: Manifest) -> bool:
    for kind, source in volume.items():
        if type(source) is not dict:
            continue
        if kind in _NEEDED and source.get(_NEEDED[kind]) in (None, ""):
            return False
        if kind in _WITH_MODE and number(source.get("defaultMode", 0)) not in _MODES_OR_NONE:
            return False
    return not ("projected" in volume and any(_short_tokens(volume)))


def claims_of(holder: Any) -> frozenset[str]:
    """The names of the volumes that a StatefulSet makes of its claims."""
    listed = fields(fields(holder).get("spec")).get("volumeClaimTemplates")
    return frozenset(str(fields(claim.get("metadata")).get("name")) for claim in elements(listed))


def _of_volume(volume: PodPlace, count: int) -> Iterator[PodProblem]:
    name = volume.value.get("name")
    if count > 1:
        yield volume.problem(PodRule.UNIQUE_NAME, "name", f"two volumes have the name {shown(name)}")
    if not is_dns_label(name):
        text = f"the name of volume {shown(name)} needs up to 63 lower-case letters, digits and hyphens"
        yield volume.problem(PodRule.NAME, "name", text)
    for field, text in _faults(volume.value):
        yield volume.problem(PodRule.VOLUME, field, text)
    for source in _short_tokens(volume.value):
        text = f"expirationSeconds of a token in volume {shown(name)} is below {_SHORTEST_TOKEN}"
        place = volume.below("projected").item("sources", *source)
        yield place.problem(PodRule.VOLUME, "serviceAccountToken.expirationSeconds", text)


def _faults(volume: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Fields of a source, each with what is wrong with it."""
    for kind, field in _NEEDED.items():
        if kind in volume and isinstance(volume[kind], dict) and volume[kind].get(field) in (None, ""):
            yield kind, f"{kind}.{field} of volume {shown(volume.get('name'))} is missing"
    for kind in _WITH_MODE:
        mode = number(fields(volume[kind]).get("defaultMode")) if kind in volume else None
        if mode is not None and mode not in _MODES:
            label = f"{kind}.defaultMode of volume {shown(volume.get('name'))}"
            yield f"{kind}.defaultMode", f"{label} needs a number from 0 to 511 (0777)"


def _short_tokens(volume: Mapping[str, Any]) -> Iterator[tuple[int, Manifest]]:
    """The sources of a projected volume with a token that does not live long enough."""
    for index, source in enumerate(elements(fields(volume.get("projected")).get("sources"))):
        seconds = number(fields(source.get("serviceAccountToken")).get("expirationSeconds"))
        if seconds is not None and seconds < _SHORTEST_TOKEN:
            yield index, source


def _of_mounts(container: PodContainer, known: Set[str]) -> Iterator[PodProblem]:
    mounts = elements(container.value.get("volumeMounts"))
    if _are_plain(mounts, known):
        return
    counts = counted(mounts, "mountPath")
    privileged = fields(container.value.get("securityContext")).get("privileged") is True
    for index, mount in enumerate(mounts):
        if str(mount.get("name")) not in known:
            yield _without_volume(container.item("volumeMounts", index, mount), "volumeMounts")
        count = counts.get(str(mount.get("mountPath")), 0)
        if count <= 1 and _PLAIN_MOUNT.issuperset(mount):
            continue
        for rule, field, text in _of_mount(mount, count, privileged):
            yield container.item("volumeMounts", index, mount).problem(rule, field, text)


def _are_plain(mounts: list[Manifest], known: Set[str]) -> bool:
    """Whether mounts have no field that a rule is about, a volume each, and a path of their own."""
    paths = set()
    for mount in mounts:
        name, path = mount.get("name"), mount.get("mountPath")
        if type(name) is not str or type(path) is not str or name not in known:
            return False
        if not _PLAIN_MOUNT.issuperset(mount):
            return False
        paths.add(path)
    return len(paths) == len(mounts)


def _of_mount(mount: Manifest, count: int, privileged: bool) -> Iterator[_Fault]:
    if count > 1:
        text = f"the mount of volume {shown(mount.get('name'))} has the mountPath of another"
        yield PodRule.MOUNT_PATH, "mountPath", text
    label = f"the mount of volume {shown(mount.get('name'))}"
    for field in ("subPath", "subPathExpr"):
        if _leaves(mount.get(field)):
            yield PodRule.MOUNT_PATH, field, f"{field} of {label} needs a relative path without '..'"
    if mount.get("subPath") and mount.get("subPathExpr"):
        yield PodRule.CHOICE, "", f"{label} has subPath and subPathExpr; only one is allowed"
    if mount.get("mountPropagation") == "Bidirectional" and not privileged:
        text = f"{label} needs privileged, as its propagation is Bidirectional"
        yield PodRule.PRIVILEGE, "mountPropagation", text


def _of_devices(container: PodContainer, known: Set[str]) -> Iterator[PodProblem]:
    mounts = elements(container.value.get("volumeMounts"))
    names, paths = counted(mounts, "name"), counted(mounts, "mountPath")
    for device in container.items("volumeDevices"):
        name = device.value.get("name")
        if str(name) not in known:
            yield _without_volume(device, "volumeDevices")
        if str(name) in names:
            text = f"volume {shown(name)} is in volumeMounts and in volumeDevices"
            yield device.problem(PodRule.MOUNT_PATH, "name", text)
        if str(device.value.get("devicePath")) in paths:
            text = f"devicePath of volume {shown(name)} is a mountPath, too"
            yield device.problem(PodRule.MOUNT_PATH, "devicePath", text)


def _without_volume(mount: PodPlace, field: str) -> PodProblem:
    text = f"{field} has volume {shown(mount.value.get('name'))}, which the pod does not have"
    return mount.problem(PodRule.MOUNT_VOLUME, "name", text, Consequence.REFUSED_UNLESS_ADDED)


def _leaves(path: Any) -> bool:
    return isinstance(path, str) and (path.startswith("/") or ".." in path.split("/"))
