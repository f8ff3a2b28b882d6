"""What an injection adds to a pod that passes PodSecurity, and the sample for it.

Not here: the controls (validation.pod_security), and which namespace enforces what.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from injector.classes import replace
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Origin
from injector.core.policy import Policy
from injector.core.profile import Config
from injector.core.validation.pod_security import Violation, violations

_RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What a container needs to pass by itself."""

# Nothing stands on the pod's own securityContext: an injected container would inherit it.
_SAMPLE: Final[Manifest] = {
    "metadata": {"name": "sample", "namespace": "sample"},
    "spec": {"containers": [{"name": "app", "image": "sample", "securityContext": _RESTRICTED}]},
}


def of_injection(config: Config) -> tuple[Violation, ...] | None:
    """What a configuration adds to a pod that passes `restricted`; None where it cannot be rendered."""
    keys = config.profile.keys
    always = replace(config, policy=Policy("enabled", keys.switch, keys.status))
    outcome = inject(_SAMPLE, Facts(namespace="sample", origin=Origin.WEBHOOK), always)
    return None if outcome.error else tuple(violations(outcome.pod))


def sample(labels: Mapping[str, str]) -> Manifest:
    """A pod that passes by itself, to be sent as a dry run."""
    meta = {"generateName": "injector-check-", "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": _SAMPLE["spec"]}
