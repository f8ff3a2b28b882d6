"""Random settings of a mesh: chart values, mesh configuration, and how the injectors are called.

Not here: what is injected into (workloads.py), and how the settings reach the two programs (doors.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import yaml

from injector.pointer import put

Tree = dict[str, Any]

VALUES: Final[Mapping[str, Sequence[Any]]] = {
    "global.hub": ("hub.example.com/mesh", "hub.example.com:5000/a/b"),
    "global.tag": ("1.2-distroless", "1.30.0", 1.1, 7),
    "global.variant": ("debug", "distroless"),
    "global.imagePullPolicy": ("Always", "Never"),
    "global.imagePullSecrets": (["s1", "mine"],),
    "global.istioNamespace": ("mesh-system",),
    "global.caAddress": ("ca.example.com:1",),
    "global.caName": ("GkeWorkloadCertificate",),
    "global.pilotCertProvider": ("custom",),
    "global.meshID": ("mesh1",),
    "global.network": ("net-v",),
    "global.multiCluster.clusterName": ("c1",),
    "global.mountMtlsCerts": (True,),
    "global.sds.token.aud": ("aud",),
    "global.sts.servicePort": (15463,),
    "global.logAsJson": (True,),
    "global.logging.level": ("default:debug",),
    "global.nativeNftables": (True,),
    "global.trustBundleName": ("roots",),
    "global.proxy.image": ("proxy-test", "hub.example.com/x:1"),
    "global.proxy.clusterDomain": ("cluster.example",),
    "global.proxy.logLevel": ("info", ""),
    "global.proxy.componentLogLevel": ("", "misc:debug"),
    "global.proxy.outlierLogPath": ("/dev/stdout",),
    "global.proxy.privileged": (True,),
    "global.proxy.seccompProfile": ({"type": "RuntimeDefault"},),
    "global.proxy.includeIPRanges": ("10.0.0.0/8",),
    "global.proxy.excludeIPRanges": ("1.0.0.0/8",),
    "global.proxy.includeInboundPorts": ("", "80"),
    "global.proxy.excludeInboundPorts": ("1,2",),
    "global.proxy.includeOutboundPorts": ("443",),
    "global.proxy.excludeOutboundPorts": ("22",),
    "global.proxy.statusPort": (15030,),
    "global.proxy.readinessInitialDelaySeconds": (3,),
    "global.proxy.readinessPeriodSeconds": (2,),
    "global.proxy.readinessFailureThreshold": (7,),
    "global.proxy.startupProbe.enabled": (False,),
    "global.proxy.startupProbe.failureThreshold": (60,),
    "global.proxy.resources": (
        {"limits": {"cpu": None}, "requests": {}},
        {"requests": {"cpu": "1500m", "memory": "64Mi"}},
    ),
    "global.proxy.lifecycle": ({"preStop": {"exec": {"command": ["/bin/true"]}}},),
    "global.proxy.holdApplicationUntilProxyStarts": (True,),
    "global.proxy.tracer": ("datadog", "zipkin"),
    "global.proxy.capNetBindService": (True, "true"),
    "global.proxy_init.image": ("init-test",),
    "global.proxy_init.forceApplyIptables": (True,),
    "gateways.securityContext": ({"runAsUser": 5},),
    "gateways.seccompProfile": ({"type": "RuntimeDefault"},),
    "pilot.cni.enabled": (True,),
    "pilot.cni.provider": ("multus",),
    "pilot.env.ENABLE_CLUSTER_TRUST_BUNDLE_API": (True,),
    "sidecarInjectorWebhook.rewriteAppHTTPProbe": (False,),
}
DEFAULT_CONFIG: Final[Sequence[Tree]] = yaml.safe_load("""
- interceptionMode: TPROXY
- statusPort: 15021
- holdApplicationUntilProxyStarts: true
- proxyMetadata: {M: "1"}
- concurrency: 0
- discoveryAddress: istiod.example.com:15012
- image: {imageType: distroless}
- {drainDuration: 7s, tracing: {}}
""")
_OTEL: Final = {"service": "otel", "port": 4317, "serviceAttributeEnrichment": "OTEL_SEMANTIC_CONVENTIONS"}
MESH_CONFIG: Final[Sequence[Tree]] = (
    {"enablePrometheusMerge": False},
    {"trustDomain": "td.example"},
    {"inboundTrafficPolicy": {"mode": "LOCALHOST"}},
    {"proxyListenPort": 15101},
    {"proxyInboundListenPort": 15106},
    {"accessLogFile": "/dev/stdout"},
    {"extensionProviders": [{"name": "otel", "opentelemetry": _OTEL}]},
)
# How ours gets them: as its own settings, or as the files that the control plane runs on.
OWN_SETTINGS, MESH_FILES = "own settings", "the mesh's files"


@dataclass(frozen=True)
class Settings:
    """What both programs are told.

    `values` and `mesh` are over the chart's; `quirks` is the switch of ours. `over` is merged into
    our configuration file alone, to prove that a difference is seen.
    """

    values: Tree = field(default_factory=dict)
    mesh: Tree = field(default_factory=dict)
    native: bool = True
    quirks: bool = True
    revision: str = "default"
    read_by_ours: str = OWN_SETTINGS
    over: Tree = field(default_factory=dict)


def draw_settings(random: Random, *, quirks: bool = True) -> Settings:
    """Settings, more often than not close to the defaults."""
    values: Tree = {}
    for path in random.sample(sorted(VALUES), random.choice([0, 0, 1, 2, 3, 5])):
        values = put(values, f"/{path.replace('.', '/')}", random.choice(VALUES[path]))
    mesh: Tree = {}
    if random.random() < 0.2:
        mesh["defaultConfig"] = random.choice(DEFAULT_CONFIG)
    if random.random() < 0.2:
        mesh |= random.choice(MESH_CONFIG)
    return Settings(
        values=values,
        mesh=mesh,
        native=random.random() < 0.6,
        revision="canary" if random.random() < 0.15 else "default",
        read_by_ours=random.choice([OWN_SETTINGS, MESH_FILES]),
        quirks=quirks,
    )
