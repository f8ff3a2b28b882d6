"""The containers and volumes that the profile injects: their names, and which pods have the proxy."""

from __future__ import annotations

from typing import Final

from injector.core.model import Manifest

PROXY: Final = "istio-proxy"
INIT: Final = "istio-init"
VALIDATION: Final = "istio-validation"
CORE_DUMP: Final = "enable-core-dump"
INJECTED: Final = frozenset({PROXY, INIT, VALIDATION, CORE_DUMP})
_GRPC_INIT: Final = "grpc-bootstrap-init"
_VOLUMES: Final = (
    *("workload-socket", "credential-socket", "workload-certs", "gke-workload-certificate"),
    *("istio-envoy", "istio-data", "istio-podinfo", "istio-token", "istiod-ca-cert", "istio-ca-crl"),
    *("istio-certs", "lightstep-certs", "custom-bootstrap-volume", "istio-xds"),
    "grpc-io-proxyless-bootstrap",
)
MADE: Final = {
    "initContainers": INJECTED | {_GRPC_INIT},
    "containers": frozenset({PROXY}),
    "volumes": frozenset(_VOLUMES),
}
"""What istiod's templates add, by list of a pod's spec, also where the configuration has others."""


# Variables of an agent that uses what Kubernetes mounts for the ServiceAccount.
_OF_ACCOUNT: Final = (("PILOT_CERT_PROVIDER", "kubernetes"), ("JWT_POLICY", "first-party-jwt"))


def uses_account_token(container: Manifest) -> bool:
    """Whether it is a proxy whose agent uses the ServiceAccount's default token, or the CA next to it."""
    variables = [(entry["name"], entry.get("value")) for entry in container.get("env") or []]
    return container["name"] == PROXY and any(each in variables for each in _OF_ACCOUNT)


def has_proxy(pod: Manifest, part: str) -> bool:
    """Whether one list of a pod's containers has the proxy."""
    return any(c.get("name") == PROXY for c in (pod.get("spec") or {}).get(part) or [])


def with_native_proxy(overlay: Manifest) -> Manifest:
    """An overlay whose proxy is an init container, as it is in the pod."""
    if not has_proxy(overlay, "containers"):
        return overlay
    spec = dict(overlay["spec"])
    proxies = [c for c in spec["containers"] if c["name"] == PROXY]
    spec["containers"] = [c for c in spec["containers"] if c["name"] != PROXY]
    spec["initContainers"] = [*(spec.get("initContainers") or []), *proxies]
    return {**overlay, "spec": spec}
