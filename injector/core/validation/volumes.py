"""Volumes, and where containers mount them. Not here: the choice of a volume's source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

from injector.core.model import Manifest
from injector.core.validation.names import is_dns_label
from injector.core.validation.places import (
    PodContainer,
    PodPlace,
    containers,
    counted,
    elements,
    fields,
    number,
    spec_of,
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


def problems(pod: Manifest, claims: Set[str] = frozenset()) -> Iterator[PodProblem]:
    """Problems of volumes and mounts; `claims` are volumes that the workload adds to its pods."""
    spec = spec_of(pod)
    counts = counted(elements(spec.value.get("volumes")), "name")
    for volume in spec.items("volumes"):
        yield from _of_volume(volume, counts[str(volume.value.get("name"))])
    known = counts.keys() | claims
    for container in containers(pod):
        yield from _of_mounts(container, known)
        yield from _of_devices(container, known)


def claims_of(holder: Any) -> frozenset[str]:
    """The names of the volumes that a StatefulSet makes of its claims."""
    listed = fields(fields(holder).get("spec")).get("volumeClaimTemplates")
    return frozenset(str(fields(claim.get("metadata")).get("name")) for claim in elements(listed))


def _of_volume(volume: PodPlace, count: int) -> Iterator[PodProblem]:
    name = volume.value.get("name")
    label = f"volume {shown(name)}"
    if count > 1:
        yield volume.problem(PodRule.UNIQUE_NAME, "name", f"two volumes have the name {shown(name)}")
    if not is_dns_label(name):
        text = f"the name of {label} needs up to 63 lower-case letters, digits and hyphens"
        yield volume.problem(PodRule.NAME, "name", text)
    for kind, field in _NEEDED.items():
        if isinstance(volume.value.get(kind), dict) and volume.value[kind].get(field) in (None, ""):
            yield volume.problem(PodRule.VOLUME, kind, f"{kind}.{field} of {label} is missing")
    for kind in ("configMap", "secret", "projected", "downwardAPI"):
        mode = number(volume.below(kind).value.get("defaultMode"))
        if mode is not None and mode not in _MODES:
            text = f"{kind}.defaultMode of {label} needs a number from 0 to 511 (0777)"
            yield volume.problem(PodRule.VOLUME, f"{kind}.defaultMode", text)
    for source in volume.below("projected").items("sources"):
        seconds = number(source.below("serviceAccountToken").value.get("expirationSeconds"))
        if seconds is not None and seconds < _SHORTEST_TOKEN:
            text = f"expirationSeconds of a token in {label} is below {_SHORTEST_TOKEN}"
            yield source.problem(PodRule.VOLUME, "serviceAccountToken.expirationSeconds", text)


def _of_mounts(container: PodContainer, known: Set[str]) -> Iterator[PodProblem]:
    counts = counted(elements(container.value.get("volumeMounts")), "mountPath")
    privileged = container.below("securityContext").value.get("privileged") is True
    for mount in container.items("volumeMounts"):
        name, path = mount.value.get("name"), mount.value.get("mountPath")
        if str(name) not in known:
            yield _without_volume(mount, "volumeMounts")
        if counts[str(path)] > 1:
            text = f"the mount of volume {shown(name)} has the mountPath of another"
            yield mount.problem(PodRule.MOUNT_PATH, "mountPath", text)
        for field in ("subPath", "subPathExpr"):
            if _leaves(mount.value.get(field)):
                text = f"{field} of the mount of volume {shown(name)} needs a relative path without '..'"
                yield mount.problem(PodRule.MOUNT_PATH, field, text)
        if mount.value.get("subPath") and mount.value.get("subPathExpr"):
            text = f"the mount of volume {shown(name)} has subPath and subPathExpr; only one is allowed"
            yield mount.problem(PodRule.CHOICE, "", text)
        if mount.value.get("mountPropagation") == "Bidirectional" and not privileged:
            text = f"the mount of volume {shown(name)} needs privileged, as its propagation is Bidirectional"
            yield mount.problem(PodRule.PRIVILEGE, "mountPropagation", text)


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
