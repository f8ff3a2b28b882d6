"""The annotations `userVolume` and `userVolumeMount`: their types, and that they add and never replace.

With quirks on none of this is looked at; upstream puts both texts into its template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from injector.core import status
from injector.core.injection import shape_of
from injector.core.model import Manifest
from injector.core.paths import normal_path, overlapping
from injector.errors import AnnotationError
from injector.yamltext import load_json

if TYPE_CHECKING:
    from injector.core.injection import Injection

VOLUMES: Final = "sidecar.istio.io/userVolume"
MOUNTS: Final = "sidecar.istio.io/userVolumeMount"
_INT32: Final = (-(2**31), 2**31 - 1)
_INT64: Final = (-(2**63), 2**63 - 1)
_SOURCE_MAPS: Final = (
    *(
        "awsElasticBlockStore",
        "azureDisk",
        "azureFile",
        "cephfs",
        "cinder",
        "configMap",
        "csi",
        "downwardAPI",
    ),
    *("emptyDir", "ephemeral", "fc", "flexVolume", "flocker", "gcePersistentDisk", "gitRepo", "glusterfs"),
    *("hostPath", "image", "iscsi", "nfs", "persistentVolumeClaim", "photonPersistentDisk", "portworxVolume"),
    *("projected", "quobyte", "rbd", "scaleIO", "secret", "storageos", "vsphereVolume"),
)
# Fields of volumes and mounts by their type; one name has one type wherever it stands.
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "a map": (
        *_SOURCE_MAPS,
        *("clusterTrustBundle", "serviceAccountToken", "podCertificate"),
        *("fieldRef", "resourceFieldRef", "nodePublishSecretRef", "secretRef", "labelSelector"),
        *("matchLabels", "volumeClaimTemplate", "volumeAttributes", "options"),
    ),
    "a list of maps": ("items", "sources", "matchExpressions"),
    "a list of strings": ("monitors", "targetWWNs", "wwids", "portals"),
    "a string": (
        *("name", "path", "secretName", "claimName", "driver", "fsType", "medium", "server", "audience"),
        *("key", "fieldPath", "resource", "containerName", "signerName", "type", "pullPolicy", "reference"),
        *("mountPath", "subPath", "subPathExpr", "mountPropagation", "recursiveReadOnly", "volumeID"),
        *("pdName", "keyType", "credentialBundlePath", "keyPath", "certificateChainPath"),
    ),
    "a boolean": ("readOnly", "optional"),
    "a whole number of 32 bits": ("defaultMode", "mode", "partition", "lun", "maxExpirationSeconds"),
    "a whole number": ("expirationSeconds",),
}
_TYPES: Final = {field: word for word, fields in _WORDS.items() for field in fields}
# Maps with keys of the author's own.
_FREE: Final = frozenset({"volumeAttributes", "options", "matchLabels", "volumeClaimTemplate"})


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
    meta = run.base.get("metadata") or {}
    kept = {k: v for k, v in status.annotations_of(run.base).items() if k not in (VOLUMES, MOUNTS)}
    without = {**run.base, "metadata": {**meta, "annotations": kept}}
    shape = shape_of(without, run.facts, run.config, run.work).get("spec") or {}
    ours = {v["name"] for v in shape.get("volumes") or []}
    theirs = {v["name"] for v in (run.base.get("spec") or {}).get("volumes") or []}
    for name in volumes:
        if name in ours:
            raise _error(VOLUMES, f"the name {name} belongs to a volume of the injector")
        if name in theirs:
            raise _error(VOLUMES, f"the pod has a volume {name[:64]} itself")
    paths = frozenset(
        normal_path(mount["mountPath"])
        for part in ("initContainers", "containers")
        for container in shape.get(part) or []
        for mount in container.get("volumeMounts") or []
    )
    for name, mount in mounts.items():
        if name in ours:
            raise _error(MOUNTS, f"the name {name} belongs to a volume of the injector")
        hidden = overlapping(normal_path(mount["mountPath"]), paths)
        if hidden:
            raise _error(
                MOUNTS, f"a mountPath is the same as, below or above {hidden}, where the injector mounts"
            )


def _items(text: str | None) -> dict[str, Manifest]:
    found: dict[str, Manifest] = load_json(text) if text is not None else {}
    return found


def _problems_of(key: str, text: str) -> Iterator[str]:
    try:
        items = load_json(text, distinct=True)
    except ValueError as error:
        yield str(error)
        return
    if not isinstance(items, dict):
        # The catalogue's own check tells it.
        return
    paths: set[str] = set()
    for fields in items.values():
        if not isinstance(fields, dict):
            return
        if "name" in fields:
            yield "name stands among the fields; the key before them is the name"
        yield from _wrong_types(fields, "")
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


def _wrong_types(fields: Mapping[str, Any], where: str) -> Iterator[str]:
    for field, value in fields.items():
        # The name of an image, in a volume of another kind.
        word = "" if field == "image" and where else _TYPES.get(field, "")
        if value is None or not word:
            continue
        at = f"{where}{field}"
        if not _fits(value, word):
            yield f"{at}: {word} is expected"
        elif word == "a map" and field not in _FREE:
            yield from _wrong_types(value, f"{at}.")
        elif word == "a list of maps":
            for item in value:
                yield from _wrong_types(item, f"{at}[].")


def _fits(value: Any, word: str) -> bool:
    if word.startswith("a whole number"):
        low, high = _INT32 if word.endswith("bits") else _INT64
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    if word.startswith("a list of "):
        inner = dict if word.endswith("maps") else str
        return isinstance(value, list) and all(isinstance(item, inner) for item in value)
    return isinstance(value, {"a map": dict, "a string": str, "a boolean": bool}[word])


def _error(key: str, message: str) -> AnnotationError:
    hint = "give it another name or path, or remove it"
    return AnnotationError(key, f"the value is not accepted: {message}", where=f"annotation {key}", hint=hint)
