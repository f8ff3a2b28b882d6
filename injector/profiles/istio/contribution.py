"""What the configuration contributes to a pod of this profile, for the digest of the status annotation.

A key that context, capture, bootstrap, images or final steps read is in one of these tables, else two
configurations that give different pods have one digest. `tests/profiles/istio/test_contribution.py`
compares the tables with what is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from injector.core.contribution import Contribution
from injector.profiles.istio import meshconfig, otel
from injector.profiles.istio.settings import effective_of, settings_of

if TYPE_CHECKING:
    from injector.core.profile import Injection

_GLOBAL: Final = (
    *("hub", "tag", "variant", "proxy.image", "proxy_init.image"),
    *("istioNamespace", "caAddress", "caName", "pilotCertProvider", "trustBundleName", "trustDomain"),
    *("meshID", "network", "multiCluster.clusterName", "sds.token.aud", "sts.servicePort"),
    *("logAsJson", "logging.level", "nativeNftables", "proxy_init.forceApplyIptables"),
)
_PROXY: Final = (
    *("clusterDomain", "logLevel", "componentLogLevel", "outlierLogPath", "tracer"),
    *("privileged", "seccompProfile", "capNetBindService", "resources", "lifecycle"),
    *("holdApplicationUntilProxyStarts", "statusPort"),
    *("readinessInitialDelaySeconds", "readinessPeriodSeconds", "readinessFailureThreshold"),
    *("includeIPRanges", "excludeIPRanges", "includeInboundPorts", "excludeInboundPorts"),
    *("includeOutboundPorts", "excludeOutboundPorts"),
)
_OTHER: Final = (
    *("revision", "pilot.cni.enabled", "pilot.cni.provider", "pilot.crlConfigMapName"),
    *("pilot.env.ENABLE_CLUSTER_TRUST_BUNDLE_API", "sidecarInjectorWebhook.rewriteAppHTTPProbe"),
)
VALUES: Final = (*(f"global.{key}" for key in _GLOBAL), *(f"global.proxy.{key}" for key in _PROXY), *_OTHER)
MESH_CONFIG: Final = ("trustDomain", "proxyListenPort", "proxyInboundListenPort", "enablePrometheusMerge")
_RULES: Final = frozenset(
    tuple(f"{tree}.{key}".split("."))
    for tree, keys in (("Values", VALUES), ("MeshConfig", MESH_CONFIG))
    for key in keys
)


def of(run: Injection) -> Contribution:
    """What counts once the context of the pod is built."""
    settings, effective = settings_of(run.config), effective_of(run)
    mesh: Any = settings.mesh
    variables = {
        "Values": run.config.values,
        "MeshConfig": mesh,
        "Revision": run.config.revision,
        "NativeSidecars": run.native,
        "InboundTrafficPolicyMode": meshconfig.inbound_mode(mesh),
        "CompliancePolicy": settings.compliance,
    }
    # ProxyConfig objects select pods by labels: which of them counts for the pod is configuration too.
    of_pod = [effective.proxy, run.data["native"], otel.wanted(mesh), settings.platform]
    return Contribution(variables, _RULES, of_pod)
