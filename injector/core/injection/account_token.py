"""Injected containers that need the ServiceAccount's default token, in a pod that does not mount it.

Not here: tokens that a template projects itself; these do not depend on the pod's field.
"""

from __future__ import annotations

from typing import Any, Final

from injector.core import names
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding, Manifest
from injector.core.paths import normal_path
from injector.core.profile import Injection
from injector.printable import shown

FOLDER: Final = "/secrets/kubernetes.io/serviceaccount"
_FIELD: Final = "automountServiceAccountToken"


def check(run: Injection, after: Manifest) -> None:
    """Report injected containers of the result that need the token, where the pod turns its mount off."""
    spec = after.get("spec") or {}
    if spec.get(_FIELD) is not False:
        return
    overlay = run.overlay.get("spec") or {}
    injected = {c["name"] for part in names.CONTAINER_LISTS for c in overlay.get(part) or []}
    for part in names.CONTAINER_LISTS:
        for container in spec.get(part) or []:
            if container["name"] in injected and not _has_own(container) and _needs(run, container):
                name = shown(container["name"])
                text = f"container {name} reads the ServiceAccount's default token, which is not mounted"
                run.findings.add(Finding.of(FindingCode.ACCOUNT_TOKEN, text, f"/spec/{_FIELD}"))


def _needs(run: Injection, container: Manifest) -> bool:
    run.work.measure(container)
    return _names_folder(container) or run.config.profile.needs_account_token(container)


def _names_folder(tree: Any) -> bool:
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, str) and FOLDER in item:
            return True
        stack.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    return False


def _has_own(container: Manifest) -> bool:
    """Whether the container mounts a volume where the token would be."""
    mounts = container.get("volumeMounts") or []
    return any(normal_path(str(mount.get("mountPath"))).endswith(FOLDER) for mount in mounts)
