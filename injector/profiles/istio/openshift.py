"""OpenShift gives every namespace a range of user ids; the proxy takes the last one."""

from __future__ import annotations

from injector.core.model import Manifest, Namespace
from injector.profiles.istio.containers import INIT, PROXY, VALIDATION

DEFAULT_ID = 1337
DEFAULT_IDS = (DEFAULT_ID, DEFAULT_ID)
UID_RANGE = "openshift.io/sa.scc.uid-range"
GROUPS = "openshift.io/sa.scc.supplemental-groups"
_OURS = frozenset({PROXY, INIT, VALIDATION})


def identity(namespace: Namespace | None, platform: str) -> tuple[int, int]:
    """The proxy's user and group id."""
    if platform != "openshift" or namespace is None:
        return DEFAULT_IDS
    ranges = namespace.annotations.get(UID_RANGE, "")
    groups = namespace.annotations.get(GROUPS) or ranges
    return _last(ranges), _last(groups.split(",")[0])


def users(namespace: Namespace) -> range | None:
    """The user ids of a namespace; None where it has no range."""
    block = namespace.annotations.get(UID_RANGE, "")
    try:
        if "/" in block:
            start, size = map(int, block.split("/"))
            return range(start, start + size)
        start, end = map(int, block.split("-"))
    except ValueError:
        return None
    return range(start, end + 1)


def _last(block: str) -> int:
    """The last id of `start/size` or `start-end`, the usual one where it is neither."""
    try:
        if "/" in block:
            start, size = map(int, block.split("/"))
            return start + size - 1
        _, end = map(int, block.split("-"))
    except ValueError:
        return DEFAULT_ID
    return end


def without_stamped_ids(pod: Manifest) -> Manifest:
    """The pod with the user's istio-proxy freed of ids that OpenShift's admission has stamped on it.

    It stamps the same user id on every container; one that equals the others' is not the user's.
    """
    spec = pod.get("spec") or {}
    others = [
        c["securityContext"]["runAsUser"]
        for part in ("initContainers", "containers")
        for c in spec.get(part) or []
        if c["name"] not in _OURS and (c.get("securityContext") or {}).get("runAsUser") is not None
    ]
    stamped = others[-1] if others else 0
    out = dict(spec)
    for part in ("containers", "initContainers"):
        if spec.get(part):
            out[part] = [_freed(c, stamped) if c["name"] == PROXY else c for c in spec[part]]
    return {**pod, "spec": out} if out != spec else pod


def _freed(container: Manifest, stamped: int) -> Manifest:
    context = container.get("securityContext")
    if not context or (context.get("runAsUser") or 0) != stamped:
        return container
    left = {k: v for k, v in context.items() if k not in ("runAsUser", "runAsGroup")}
    return {**container, "securityContext": left}
