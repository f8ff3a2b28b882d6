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
from injector.printable import shown

_SHORTEST_TOKEN: Final = 600
"""Seconds."""
_MODES: Final = range(0o1000)
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
        # A place is made only for one with a problem.
        for rule, field, text in _of_volume(volume, counts[str(volume.get("name"))]):
            yield parts.spec.item("volumes", index, volume).problem(rule, field, text)
        if "projected" in volume:
            yield from _of_tokens(parts.spec.item("volumes", index, volume))
    known = counts.keys() | claims
    for container in parts.containers:
        yield from _of_mounts(container, known)
        if container.value.get("volumeDevices"):
            yield from _of_devices(container, known)


def claims_of(holder: Any) -> frozenset[str]:
    """The names of the volumes that a StatefulSet makes of its claims."""
    listed = fields(fields(holder).get("spec")).get("volumeClaimTemplates")
    return frozenset(str(fields(claim.get("metadata")).get("name")) for claim in elements(listed))


def _of_volume(volume: Manifest, count: int) -> Iterator[_Fault]:
    name = volume.get("name")
    if count > 1:
        yield PodRule.UNIQUE_NAME, "name", f"two volumes have the name {shown(name)}"
    if not is_dns_label(name):
        text = f"the name of volume {shown(name)} needs up to 63 lower-case letters, digits and hyphens"
        yield PodRule.NAME, "name", text
    for kind, field in _NEEDED.items():
        if kind in volume and isinstance(volume[kind], dict) and volume[kind].get(field) in (None, ""):
            yield PodRule.VOLUME, kind, f"{kind}.{field} of volume {shown(name)} is missing"
    for kind in _WITH_MODE:
        mode = number(fields(volume[kind]).get("defaultMode")) if kind in volume else None
        if mode is not None and mode not in _MODES:
            text = f"{kind}.defaultMode of volume {shown(name)} needs a number from 0 to 511 (0777)"
            yield PodRule.VOLUME, f"{kind}.defaultMode", text


def _of_tokens(volume: PodPlace) -> Iterator[PodProblem]:
    for source in volume.below("projected").items("sources"):
        seconds = number(source.below("serviceAccountToken").value.get("expirationSeconds"))
        if seconds is not None and seconds < _SHORTEST_TOKEN:
            label = f"volume {shown(volume.value.get('name'))}"
            text = f"expirationSeconds of a token in {label} is below {_SHORTEST_TOKEN}"
            yield source.problem(PodRule.VOLUME, "serviceAccountToken.expirationSeconds", text)


def _of_mounts(container: PodContainer, known: Set[str]) -> Iterator[PodProblem]:
    mounts = elements(container.value.get("volumeMounts"))
    counts = counted(mounts, "mountPath")
    privileged = fields(container.value.get("securityContext")).get("privileged") is True
    for index, mount in enumerate(mounts):
        if str(mount.get("name")) not in known:
            yield _without_volume(container.item("volumeMounts", index, mount), "volumeMounts")
        count = counts[str(mount.get("mountPath"))]
        if count <= 1 and mount.keys() <= _PLAIN_MOUNT:
            continue
        for rule, field, text in _of_mount(mount, count, privileged):
            yield container.item("volumeMounts", index, mount).problem(rule, field, text)


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
        if names[str(name)]:
            text = f"volume {shown(name)} is in volumeMounts and in volumeDevices"
            yield device.problem(PodRule.MOUNT_PATH, "name", text)
        if paths[str(device.value.get("devicePath"))]:
            text = f"devicePath of volume {shown(name)} is a mountPath, too"
            yield device.problem(PodRule.MOUNT_PATH, "devicePath", text)


def _without_volume(mount: PodPlace, field: str) -> PodProblem:
    text = f"{field} has volume {shown(mount.value.get('name'))}, which the pod does not have"
    return mount.problem(PodRule.MOUNT_VOLUME, "name", text, Consequence.REFUSED_UNLESS_ADDED)


def _leaves(path: Any) -> bool:
    return isinstance(path, str) and (path.startswith("/") or ".." in path.split("/"))
