"""Annotations by which Helm and kustomize follow an object through a pipeline.

They are not on the object in the cluster, so injection must not see them, and they must come out as they
were. Not here: what the tools do with them.
"""

from __future__ import annotations

from typing import Any, Final

from injector.classes import dataclass
from injector.core.model import Manifest

FILE_OF_HELM: Final = "postrenderer.helm.sh/postrender-filename"
"""The template that a document is from; Helm 4 sets it and removes it again."""
INTERNAL: Final = "internal.config.kubernetes.io/"
_NAMES: Final = frozenset(
    {
        FILE_OF_HELM,
        "config.kubernetes.io/path",
        "config.kubernetes.io/index",
        "config.kubernetes.io/id",
        "kustomize.config.k8s.io/id",
    }
)


def annotations_of(manifest: Manifest) -> dict[str, Any]:
    """The annotations of an object; empty where it has none."""
    metadata = manifest.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations if isinstance(annotations, dict) else {}


@dataclass(frozen=True, slots=True)
class Hidden:
    """An object without the annotations of its pipeline, and the way to put them back."""

    original: Manifest
    bare: Manifest

    @classmethod
    def of(cls, manifest: Manifest) -> Hidden:
        """Hide the annotations of the pipeline."""
        annotations = annotations_of(manifest)
        rest = {key: value for key, value in annotations.items() if not _is_internal(key)}
        if len(rest) == len(annotations):
            return cls(manifest, manifest)
        metadata = {**manifest["metadata"], "annotations": rest}
        if not rest:
            del metadata["annotations"]
        return cls(manifest, {**manifest, "metadata": metadata})

    def restored(self, new: Manifest) -> Manifest:
        """A changed object with them; the original where nothing is changed."""
        if new is self.bare:
            return self.original
        if self.bare is self.original:
            return new
        before, after = annotations_of(self.original), annotations_of(new)
        # In their order, so that only what injection changes differs.
        ordered_annotations = {
            key: after.get(key, value) for key, value in before.items() if _stays(key, after)
        }
        annotations = {**ordered_annotations, **after}
        old = self.original["metadata"]
        metadata = {**new.get("metadata", {}), "annotations": annotations}
        ordered = {key: metadata[key] for key in old if key in metadata}
        return {**new, "metadata": {**ordered, **metadata}}


def _stays(key: str, after: dict[str, Any]) -> bool:
    return key in after or _is_internal(key)


def _is_internal(key: Any) -> bool:
    return isinstance(key, str) and (key in _NAMES or key.startswith(INTERNAL))
