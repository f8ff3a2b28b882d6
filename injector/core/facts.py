"""Facts about a cluster from its objects: pure rules over dicts. Not here: reading the objects (kube)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from injector.core.model import Manifest
from injector.patterns import pattern

NATIVE_SINCE_MINOR = 33
_VERSION = pattern(r"v?[0-9]+\.([0-9]+)(?:[.+-].*)?", re.ASCII | re.DOTALL)


def native_support(nodes: Iterable[Manifest] | None, node_name: str = "") -> bool | None:
    """Whether pods may have native sidecars; None where the Nodes are not known.

    A pod that names a known node asks for its kubelet alone. Else all kubelets must be of minor
    version 33 or later; a version that cannot be read is not, and no node at all is no objection.
    """
    if nodes is None:
        return None
    listed = list(nodes)
    its_own = [node for node in listed if node_name and (node.get("metadata") or {}).get("name") == node_name]
    return all(_qualifies(node) for node in its_own or listed)


def _qualifies(node: Manifest) -> bool:
    info = (node.get("status") or {}).get("nodeInfo") or {}
    version = _VERSION.fullmatch(str(info.get("kubeletVersion") or ""))
    return version is not None and int(version[1]) >= NATIVE_SINCE_MINOR
