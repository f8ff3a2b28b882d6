"""The bound on the annotations of a pod, which is the API server's own.

Here: their size. Not here: what stands in them.
"""

from __future__ import annotations

from typing import Final

from injector.core.model import Manifest
from injector.errors import ManifestError

LIMIT: Final = 256 * 1024
"""In bytes of UTF-8, keys and values together."""


def excess(pod: Manifest, more: int = 0) -> ManifestError | None:
    """The error for a pod whose annotations are too large in all with some bytes more; None for any other."""
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    size = more + sum(_bytes(key) + _bytes(value) for key, value in annotations.items())
    if size <= LIMIT:
        return None
    return ManifestError(
        f"annotations have {size} bytes in total (keys and values); the API server accepts at most {LIMIT}",
        where="/metadata/annotations",
        hint="move large values to a ConfigMap or a volume",
    )


def _bytes(text: str | None) -> int:
    # Half a character is three bytes, as the API server replaces it.
    return len((text or "").encode("utf-8", "surrogatepass"))
