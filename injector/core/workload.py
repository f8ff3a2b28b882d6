"""Where the pod template sits in the kinds that have one, and whether it is shaped as one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from injector.classes import dataclass
from injector.core import kinds, template_shape
from injector.core.kinds import KindTable
from injector.core.model import Manifest, Owner
from injector.errors import ManifestError
from injector.pointer import drop, escape, expanded, get, join, put, split
from injector.printable import shown, type_name

CRONJOB_METADATA_QUIRK = "/spec/jobTemplate/metadata"


@dataclass(frozen=True, slots=True)
class Workload:
    """An object that holds a pod template: the object and the two pointers to the template's halves.

    `part` names the template where the kind has several.
    """

    manifest: Manifest
    metadata: str
    spec: str
    part: str = ""
    # The API version by which its pods are attributed to it, where that is not its own.
    owner_version: str = ""

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.manifest["kind"])

    @property
    def name(self) -> str:
        """The object's name, or what it is to be generated from."""
        meta = self.manifest.get("metadata") or {}
        return str(meta.get("name") or meta.get("generateName") or "")

    @property
    def namespace(self) -> str:
        """The object's namespace, empty where it names none."""
        return str((self.manifest.get("metadata") or {}).get("namespace") or "")

    @property
    def label(self) -> str:
        """The object's name for messages."""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name or "?"
        return f"{self.kind} {name[:128]}{self.part}"

    @property
    def owner(self) -> Owner | None:
        """The object as the owner of its pods; None for a Pod, whose owner is in its own metadata."""
        if self.kind == "Pod":
            return None
        version = self.owner_version or str(self.manifest.get("apiVersion") or "")
        return Owner(version, self.kind, self.name)

    @property
    def template(self) -> Manifest:
        """The pod template: the two halves in one dict, shared with the object."""
        out: Manifest = {}
        metadata, spec = get(self.manifest, self.metadata), get(self.manifest, self.spec)
        if metadata is not None:
            out["metadata"] = metadata
        if spec is not None:
            out["spec"] = spec
        return out

    def with_template(self, template: Manifest) -> Manifest:
        """The object with another pod template; the original is left alone."""
        manifest = self.manifest
        for half, pointer in (("metadata", self.metadata), ("spec", self.spec)):
            if half in template:
                manifest = put(manifest, pointer, template[half])
            elif get(manifest, pointer) is not None:
                manifest = drop(manifest, pointer)
        return manifest


def locate(manifest: Manifest, *, quirks: bool = False, table: KindTable = kinds.TABLE) -> Workload | None:
    """The first pod template of an object, None where the kind has none; errors as `locate_all`."""
    return next(iter(locate_all(manifest, quirks=quirks, table=table)), None)


def locate_all(
    manifest: Manifest, *, quirks: bool = False, table: KindTable = kinds.TABLE
) -> tuple[Workload, ...]:
    """The pod templates of an object, none where the kind has none.

    With quirks on the kind alone decides, whatever its group (Q3), and the metadata of a CronJob's
    pods is looked for one level too high (Q2). Raises ManifestError where the template is missing.
    """
    kind = manifest.get("kind")
    row = table.upstream(kind) if quirks else table.row(kind, manifest.get("apiVersion"))
    if row is None or not row.templates:
        return ()
    if len(row.templates) == 1 and "*" not in row.template and not row.reference and not row.partial:
        return (_located(manifest, row, row.template, quirks),)
    present = [
        (pattern, at)
        for pattern in row.templates
        for at in expanded(manifest, pattern)
        if "*" in pattern or _is_there(manifest, row, at)
    ]
    if not present and not ("*" in row.template or row.without or _refers(manifest, row)):
        return (_located(manifest, row, row.template, quirks),)
    several = len(row.templates) > 1 or "*" in row.template
    return tuple(
        _located(manifest, row, at, quirks, _part(manifest, pattern, at) if several else "")
        for pattern, at in present
    )


def _is_there(manifest: Manifest, row: kinds.Kind, at: str) -> bool:
    """Whether an object has a template that it may lack."""
    template = get(manifest, at)
    if not row.partial or not isinstance(template, dict):
        return template is not None
    spec = template.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else spec
    if not isinstance(containers, list):
        # Of another type it is an error.
        return containers is not None
    return bool(containers) and all(isinstance(each, dict) and each.get("name") for each in containers)


def _refers(manifest: Manifest, row: kinds.Kind) -> bool:
    return bool(row.reference) and get(manifest, row.reference) is not None


def _part(manifest: Manifest, pattern: str, at: str) -> str:
    """Which of the templates of a kind with several is at a pointer."""
    parts, fields = split(at), split(pattern)
    if "*" not in fields:
        words = [part for part in parts if part not in ("spec", "template", "metadata")]
        return f" ({shown(words[-1])})" if words else ""
    star = fields.index("*")
    element = get(manifest, "/".join(["", *map(escape, parts[: star + 1])]))
    name = parts[star]
    if name.isdecimal() and isinstance(element, dict):
        meta = element.get("metadata")
        names = (element.get("name"), element.get("groupName"), isinstance(meta, dict) and meta.get("name"))
        name = next((str(each) for each in names if each), name)
    return f" ({shown(parts[star - 1])} {shown(name)})"


def _located(manifest: Manifest, row: kinds.Kind, template: str, quirks: bool, part: str = "") -> Workload:
    metadata, spec = f"{template}/metadata", f"{template}/spec"
    if quirks and row.kind == "CronJob":
        metadata = CRONJOB_METADATA_QUIRK
    _check_path(manifest, spec)
    workload = Workload(manifest, metadata, spec, part, row.owner_version)
    check_shape(workload)
    return workload


def template_of(manifest: Manifest) -> Manifest:
    """The first pod template of a workload as it stands there, unchecked; empty where it has none."""
    return next(iter(templates_of(manifest)), {})


def templates_of(manifest: Manifest, table: KindTable = kinds.TABLE) -> tuple[Manifest, ...]:
    """The pod templates of a workload as they stand there, unchecked."""
    row = table.of(manifest)
    pointers = [at for pattern in (row.templates if row else ()) for at in expanded(manifest, pattern)]
    return tuple(template for at in pointers if isinstance(template := get(manifest, at), dict))


def group_of(manifest: Manifest) -> str:
    """The API group of an object, empty for the core group."""
    return kinds.group_of(manifest.get("apiVersion"))


def is_list(manifest: Manifest) -> bool:
    """Whether the object is a list of objects, as kubectl takes them apart."""
    return members(manifest) == "items"


def members(manifest: Manifest) -> str:
    """The field in which a list or a Template has its objects; empty for any other object."""
    kind, group = str(manifest.get("kind") or ""), group_of(manifest)
    if kind == "List" and group == "":
        return "items"
    if kind == kinds.TEMPLATE[0] and group in kinds.TEMPLATE[1]:
        return "objects" if isinstance(manifest.get("objects"), list) else ""
    items = manifest.get("items")
    typed = kind.endswith("List") and kinds.TABLE.knows(kind[:-4]) and isinstance(items, list)
    return "items" if typed and all(isinstance(item, dict) for item in items or ()) else ""


def _check_path(manifest: Manifest, spec: str) -> None:
    tree: Any = manifest
    path = ""
    for part, following in pairwise([*split(spec), ""]):
        tree = tree[int(part)] if isinstance(tree, list) else tree.get(part)
        path = join(path, part)
        if isinstance(tree, list) and following.isdecimal():
            continue
        if tree is None:
            raise ManifestError(
                f"the pod template of the {manifest['kind']} is missing; a map is expected here", where=path
            )
        if not isinstance(tree, dict):
            raise ManifestError(f"a map is expected, not {type_name(tree)}", where=path)


def check_shape(workload: Workload) -> None:
    """Raise ManifestError at the first place where a pod template has another type than Kubernetes wants.

    The metadata of the object around it is looked at as well.
    """
    template_shape.check_metadata(workload.manifest.get("metadata"), "/metadata")
    spec = get(workload.manifest, workload.spec)
    if workload.metadata != "/metadata":
        template_shape.check_metadata(get(workload.manifest, workload.metadata), workload.metadata)
    template_shape.check_spec(spec, workload.spec)
    template_shape.check_names(spec or {}, workload.spec)


def check_pod(pod: Manifest) -> None:
    """The same for a pod template by itself."""
    template_shape.check_template(pod)
    check_names(pod)


def check_names(pod: Manifest) -> None:
    """Raise ManifestError where a pod template has two containers, volumes or mounts of one name or path."""
    template_shape.check_names(pod.get("spec") or {}, "/spec")
