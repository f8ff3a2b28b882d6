"""What a workload must know to join the mesh, and nothing else.

The control plane's address, the root that it is trusted by, how the workload's certificate is
obtained (token, its audience, CA address, provider), and under which identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from injector.classes import dataclass
from injector.core.model import Manifest
from injector.profiles.istio.values import dig

TOKEN_SECONDS = 43200
DEFAULT_ROOT = "istio-ca-root-cert"
DEFAULT_CRL = "istio-ca-crl"
DEFAULT_CLUSTER = "Kubernetes"


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How one pod joins. `token` and `trust_root` are volume sources as Kubernetes writes them."""

    provider: str
    ca_address: str
    discovery_address: str
    token: Manifest
    trust_root: Manifest
    crl: str
    gke: bool
    cluster: str
    network: str
    mesh_id: str
    trust_domain: str
    proxy_config: str

    def as_data(self) -> Manifest:
        """The same for templates."""
        return {
            "provider": self.provider,
            "caAddress": self.ca_address,
            "discoveryAddress": self.discovery_address,
            "token": self.token,
            "trustRoot": self.trust_root,
            "crl": self.crl,
            "gke": self.gke,
            "cluster": self.cluster,
            "network": self.network,
            "meshId": self.mesh_id,
            "trustDomain": self.trust_domain,
            "proxyConfig": self.proxy_config,
        }


def bootstrap_of(values: Manifest, mesh: Mapping[str, Any], proxy_config: Manifest, text: str) -> Bootstrap:
    """The bootstrap of a pod from values, mesh configuration and its effective ProxyConfig."""
    trust_domain = str(mesh.get("trustDomain") or dig(values, "global.trustDomain", ""))
    return Bootstrap(
        provider=str(dig(values, "global.pilotCertProvider", "")),
        ca_address=str(dig(values, "global.caAddress", "")) or control_plane(values),
        discovery_address=str(proxy_config.get("discoveryAddress", "")),
        token=token(values),
        trust_root=trust_root(values),
        crl=str(dig(values, "pilot.crlConfigMapName", "") or DEFAULT_CRL),
        gke=dig(values, "global.caName", "") == "GkeWorkloadCertificate",
        cluster=str(dig(values, "global.multiCluster.clusterName", "") or DEFAULT_CLUSTER),
        network=str(dig(values, "global.network", "")),
        mesh_id=str(dig(values, "global.meshID", "") or trust_domain),
        trust_domain=trust_domain,
        proxy_config=text,
    )


def control_plane(values: Manifest, revision: str = "") -> str:
    """The control plane's address in its own cluster, per revision."""
    name = revision or str(dig(values, "revision", ""))
    suffix = f"-{name}" if name and name != "default" else ""
    return f"istiod{suffix}.{dig(values, 'global.istioNamespace', 'istio-system')}.svc:15012"


def token(values: Manifest) -> Manifest:
    """A projected token that only the CA accepts, renewed by the kubelet."""
    source = {
        "path": "istio-token",
        "expirationSeconds": TOKEN_SECONDS,
        "audience": dig(values, "global.sds.token.aud", "istio-ca"),
    }
    return {"sources": [{"serviceAccountToken": source}]}


def trust_root(values: Manifest) -> Manifest:
    """The volume with the root certificate: a ConfigMap in every namespace, or a ClusterTrustBundle."""
    bundle = dig(values, "global.trustBundleName", "")
    if dig(values, "pilot.env.ENABLE_CLUSTER_TRUST_BUNDLE_API") is True:
        name = f"istio.io:istiod-ca:{bundle or 'root-cert'}"
        source = {"clusterTrustBundle": {"name": name, "path": "root-cert.pem"}}
        return {"name": "istiod-ca-cert", "projected": {"sources": [source]}}
    return {"name": "istiod-ca-cert", "configMap": {"name": bundle or DEFAULT_ROOT}}


def from_values(values: Manifest, revision: str) -> Manifest:
    """The mesh configuration that istiod's chart writes for such values.

    Source: `istioctl manifest generate` with each of these values set.
    """
    proxy: Manifest = {"discoveryAddress": control_plane(values, revision)}
    if dig(values, "global.meshID", ""):
        proxy["meshId"] = str(dig(values, "global.meshID"))
    if dig(values, "global.variant", ""):
        proxy["image"] = {"imageType": str(dig(values, "global.variant"))}
    tracing = _tracing(values)
    if tracing:
        proxy["tracing"] = tracing
    return {"rootNamespace": dig(values, "global.istioNamespace", "istio-system"), "defaultConfig": proxy}


def _tracing(values: Manifest) -> Manifest:
    tracer = str(dig(values, "global.proxy.tracer", "none"))
    settings = dig(values, f"global.tracer.{tracer}", {})
    if tracer == "datadog":
        return {"datadog": {"address": dig(settings, "address", "$(HOST_IP):8126")}}
    if tracer == "zipkin":
        namespace = dig(values, "global.istioNamespace", "istio-system")
        return {"zipkin": {"address": dig(settings, "address", "") or f"zipkin.{namespace}:9411"}}
    if tracer == "lightstep":
        return {"lightstep": {k: settings[k] for k in ("address", "accessToken") if dig(settings, k, "")}}
    if tracer == "stackdriver":
        counts = {
            k: dig(settings, k, 200)
            for k in ("maxNumberOfAnnotations", "maxNumberOfAttributes", "maxNumberOfMessageEvents")
        }
        return {"stackdriver": {"debug": bool(dig(settings, "debug", False)), **counts}}
    return {}
