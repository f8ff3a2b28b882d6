"""Findings about a result that the PodSecurity level of its namespace refuses.

Only `enforce` refuses pods; `audit` and `warn` do not. Exemptions of the cluster are not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from injector.core import pod_fields
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding, Manifest
from injector.core.profile import Injection
from injector.core.validation.pod_security import ENFORCE, LEVELS, Violation, violations
from injector.printable import shown

_VERSION: Final = f"{ENFORCE}-version"
_SINCE: Final[Mapping[tuple[str, str], int]] = {
    ("restricted", "allowPrivilegeEscalation"): 8,
    ("restricted", "seccompProfile"): 19,
    ("baseline", "seccompProfile"): 19,
    ("restricted", "capabilities"): 22,
    ("restricted", "runAsUser"): 23,
}
"""The minor version of Kubernetes that has a control first, where that is not the first of all."""
_FIELDS: Final[Mapping[str, str]] = {
    "hostNetwork": "hostNetwork",
    "hostPID": "hostPID",
    "hostIPC": "hostIPC",
    "hostPath": "volumes.hostPath",
    "volumes": "volumes",
    "hostPorts": "ports.hostPort",
    "hostProcess": "securityContext.windowsOptions.hostProcess",
}
"""The field of a control; each other one has its name, in a security context."""


def findings(run: Injection, after: Manifest) -> Iterator[Finding]:
    """What the level of the namespace refuses, where its labels are known."""
    labels = run.facts.namespace_object.labels if run.facts.namespace_object else {}
    level = labels.get(ENFORCE, "")
    # The controls read fields by their types.
    if level not in LEVELS or not _has_types(after):
        return
    own = {(v.control, v.container) for v in violations(run.received)} if _has_types(run.received) else set()
    for violation in violations(after):
        if LEVELS.index(violation.level) > LEVELS.index(level) or _is_later(violation, labels.get(_VERSION)):
            continue
        subject = f"container {shown(violation.container)}" if violation.container else "pod"
        field = _FIELDS.get(violation.control, f"securityContext.{violation.control}")
        by = "" if (violation.control, violation.container) in own else "; the injection sets it"
        text = f"{subject}: {field} does not pass PodSecurity {level} of the namespace{by}"
        yield Finding.of(FindingCode.NAMESPACE_SECURITY, text, hint=_hint(run, violation, by))


def _has_types(pod: Manifest) -> bool:
    return not any(problem.refused for problem in pod_fields.problems(pod.get("spec"), "PodSpec"))


def _is_later(violation: Violation, version: str | None) -> bool:
    """Whether the version that the namespace names does not have the control yet."""
    match = re.fullmatch(r"v1\.([0-9]{1,4})", version or "", re.ASCII)
    return match is not None and int(match[1]) < _SINCE.get((violation.level, violation.control), 0)


def _hint(run: Injection, violation: Violation, by: str) -> str:
    remedy = run.config.profile.remedy(violation.control, violation.container) if by else ""
    return remedy or "change the field, or the level of the namespace"
