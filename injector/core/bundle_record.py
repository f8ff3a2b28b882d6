"""The annotation of a workload that records the bundle that it was rendered with.

It is in the workload's own metadata: in the pod template it would restart the pods. So a bare Pod has none.
"""

from __future__ import annotations

from injector.core.model import Manifest


def with_record(manifest: Manifest, key: str, digest: str) -> Manifest:
    """The workload with the record; the same object where it has it already, or is a Pod."""
    metadata = manifest.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if manifest.get("kind") == "Pod" or annotations.get(key) == digest:
        return manifest
    return {**manifest, "metadata": {**metadata, "annotations": {**annotations, key: digest}}}


def without_record(manifest: Manifest, key: str) -> Manifest:
    """The workload without the record; the same object where it has none, or is a Pod."""
    metadata = manifest.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if manifest.get("kind") == "Pod" or key not in annotations:
        return manifest
    left = {name: value for name, value in annotations.items() if name != key}
    metadata = {name: value for name, value in metadata.items() if name != "annotations" or left}
    return {**manifest, "metadata": {**metadata, "annotations": left} if left else metadata}
