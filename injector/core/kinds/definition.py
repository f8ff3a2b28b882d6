"""Pod templates in the schema of a CustomResourceDefinition. Not here: what a user is shown of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from injector.classes import dataclass
from injector.errors import ManifestError
from injector.pointer import join

DEFINITION: Final = "CustomResourceDefinition"
_OPEN: Final = "x-kubernetes-preserve-unknown-fields"
_SCHEMAS: Final = 500_000
_DEEPEST: Final = 60


@dataclass(frozen=True, slots=True)
class Definition:
    """A kind that a CustomResourceDefinition declares, and what its schema says about pods.

    `templates`: JSON pointers of pod templates, * for each element. `pruned`: those whose labels and
    annotations the API server drops. `bare`: pod specs without metadata beside them. `unseen`: what may be
    pod templates, and whose fields the schema does not name.
    """

    api_version: str
    kind: str
    plural: str
    templates: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


def read(manifest: Mapping[str, Any]) -> Definition:
    """What a CustomResourceDefinition declares. Raises ManifestError where it has not the form of one."""
    spec = _map(manifest.get("spec"), "/spec")
    names = _map(spec.get("names"), "/spec/names")
    kind, plural, group = (
        str(value or "") for value in (names.get("kind"), names.get("plural"), spec.get("group"))
    )
    if not (kind and plural and group):
        raise ManifestError("group, names.kind and names.plural are expected", where="/spec")
    version, schema = _version(spec)
    seen = _PodSchemas()
    for pointer, node in _nodes(schema):
        seen.look(pointer, node)
    return Definition(
        f"{group}/{version}",
        kind,
        plural,
        tuple(seen.templates),
        tuple(seen.pruned),
        tuple(seen.bare),
        tuple(seen.unseen),
    )


def _version(spec: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The version that is stored, and its schema."""
    versions = [each for each in spec.get("versions") or () if isinstance(each, dict)]
    chosen = next((each for each in versions if each.get("storage")), versions[0] if versions else {})
    version = str(chosen.get("name") or spec.get("version") or "")
    # In v1beta1, one schema may be that of all versions.
    holder = chosen.get("schema") or spec.get("validation") or {}
    schema = holder.get("openAPIV3Schema") if isinstance(holder, dict) else None
    if not version or not isinstance(schema, dict):
        raise ManifestError(
            "a version with a schema is expected",
            where="/spec/versions",
            hint="without a schema, find the pod template in the documentation of the kind",
        )
    return version, schema


@dataclass(slots=True)
class _PodSchemas:
    templates: list[str] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def look(self, pointer: str, node: Mapping[str, Any]) -> None:
        """Note what a schema below the root is."""
        inner = _properties(node)
        if _is_pod_spec(inner.get("spec")):
            if "metadata" not in inner and not node.get(_OPEN):
                self.bare.append(pointer)
                return
            self.templates.append(pointer)
            metadata = inner.get("metadata")
            if isinstance(metadata, dict) and not (metadata.get(_OPEN) or _properties(metadata)):
                self.pruned.append(pointer)
        elif _may_be_template(pointer, node, inner):
            self.unseen.append(pointer)


def _is_pod_spec(node: Any) -> bool:
    """Whether a schema has containers with a name and an image."""
    containers = _properties(node).get("containers")
    element = containers.get("items") if isinstance(containers, dict) else None
    return {"name", "image"} <= _properties(element).keys()


def _may_be_template(pointer: str, node: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    """Whether a schema is open, and named as a pod template or a pod is."""
    name = pointer.rpartition("/")[2].lower()
    if not (name.endswith("template") or name.startswith("pod")):
        return False
    spec = inner.get("spec")
    return bool(node.get(_OPEN) and not inner) or (isinstance(spec, dict) and bool(spec.get(_OPEN)))


def _nodes(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The schemas below the root, in order, without those inside of a pod template and of the status."""
    waiting = [(join("", name), node) for name, node in _properties(schema).items() if name != "status"][::-1]
    for _ in range(_SCHEMAS):
        if not waiting:
            return
        pointer, node = waiting.pop()
        if not isinstance(node, dict) or pointer.count("/") > _DEEPEST:
            continue
        yield pointer, node
        inner = _properties(node)
        if _is_pod_spec(inner.get("spec")) or _is_pod_spec(node):
            continue
        below = [(join(pointer, name), each) for name, each in inner.items()]
        below += [(f"{pointer}/*", node[key]) for key in ("items", "additionalProperties") if key in node]
        waiting += reversed(below)


def _properties(node: Any) -> Mapping[str, Any]:
    properties = node.get("properties") if isinstance(node, dict) else None
    return properties if isinstance(properties, dict) else {}


def _map(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ManifestError("a map is expected", where=where)
    return value
