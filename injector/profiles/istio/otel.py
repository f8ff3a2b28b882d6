"""The text of OTEL_RESOURCE_ATTRIBUTES.

Not here: under which name and where the variable stands in the proxy's environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_PREFIX = "resource.opentelemetry.io/"


def attributes(
    mesh: Mapping[str, Any], namespace: str, metadata: Mapping[str, Any], spec: Mapping[str, Any]
) -> str:
    """Namespace, version and instance id of the workload, as far as they are known.

    Empty unless an extension provider of the effective MeshConfig asks for semantic conventions.
    `metadata` and `spec` are the pod's, without what was injected before. Empty annotations and
    labels count as absent. Annotations are not escaped, as upstream has it.
    """
    if not wanted(mesh):
        return ""
    annotations = metadata.get("annotations") or {}
    labels = metadata.get("labels") or {}
    containers = spec.get("containers") or []
    first = containers[0].get("name", "") if containers else ""
    instance = f"{namespace}.$(POD_NAME).{first}" if containers else ""
    version = labels.get("app.kubernetes.io/version") or _only_version(containers)
    derived = {
        "service.namespace": namespace,
        "service.version": version,
        "service.instance.id": instance,
    }
    values = {name: annotations.get(_PREFIX + name) or value for name, value in derived.items()}
    return ",".join(f"{name}={value}" for name, value in values.items() if value)


def image_version(image: str) -> str:
    """Tag and digest of an image reference as `tag@digest`, or the one there is, or nothing."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2].rpartition(":")[2]
    return "@".join(part for part in (tag, digest) if part)


def wanted(mesh: Mapping[str, Any]) -> bool:
    """Whether an extension provider asks for the conventions."""
    return any(
        provider.get("opentelemetry", {}).get("serviceAttributeEnrichment") == "OTEL_SEMANTIC_CONVENTIONS"
        for provider in mesh.get("extensionProviders", [])
    )


def _only_version(containers: Sequence[Mapping[str, Any]]) -> str:
    return image_version(containers[0].get("image") or "") if len(containers) == 1 else ""
