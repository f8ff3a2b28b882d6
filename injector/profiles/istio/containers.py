"""The containers that the profile injects: their names, and which pods have the proxy."""

from __future__ import annotations

from typing import Final

from injector.core.model import Manifest

PROXY: Final = "istio-proxy"
INIT: Final = "istio-init"
VALIDATION: Final = "istio-validation"
CORE_DUMP: Final = "enable-core-dump"
INJECTED: Final = frozenset({PROXY, INIT, VALIDATION, CORE_DUMP})


def has_proxy(pod: Manifest, part: str) -> bool:
    """Whether one list of a pod's containers has the proxy."""
    return any(c.get("name") == PROXY for c in (pod.get("spec") or {}).get(part) or [])
