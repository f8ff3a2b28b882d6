"""The type of each value of the profile. Its default and its sentence are in templates/istio/profile.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from injector.classes import dataclass
from injector.core.value_types import (
    BOOLEAN,
    NAME,
    NAMES,
    RESOURCES,
    SETTINGS,
    TEXT,
    ValueType,
    by_path,
    integer,
    one_of,
    pattern,
    pod_type,
)
from injector.profiles.istio import syntax

_COUNT: Final = integer(0, 2**31 - 1)
_PORT_OR_NONE: Final = integer(0, 65535)
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LIST_OF_PORTS: Final = r"[ \t]*[0-9]{1,64}[ \t]*(?:,[ \t]*[0-9]{1,64}[ \t]*)*"
_PORTS: Final = pattern(
    f"(?:{_LIST_OF_PORTS})?", "a list of ports such as 80,443", accepts=syntax.is_port_list, usual=("",)
)
_PORTS_OR_STAR: Final = pattern(
    rf"\*|(?:{_LIST_OF_PORTS})?",
    "* or a list of ports such as 80,443",
    accepts=syntax.is_port_list_or_star,
    usual=("*",),
)
_PREFIX: Final = (
    rf"(?:{_OCTET}(?:\.{_OCTET}){{3}}/(?:3[0-2]|[12]?[0-9])|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/[0-9]{{1,3}})"
)
_LIST_OF_PREFIXES: Final = f"{_PREFIX}(?:,{_PREFIX})*"
_CIDRS: Final = pattern(
    f"(?:{_LIST_OF_PREFIXES})?",
    "a list of CIDRs such as 10.0.0.0/8",
    accepts=syntax.is_cidr_list,
    usual=("",),
)
_CIDRS_OR_STAR: Final = pattern(
    rf"\*|(?:{_LIST_OF_PREFIXES})?",
    "* or a list of CIDRs such as 10.0.0.0/8",
    accepts=syntax.is_cidr_list_or_star,
    usual=("*",),
)
_IMAGE_PART: Final = r"[A-Za-z0-9][A-Za-z0-9._/:@-]*"
_IMAGE: Final = pattern(f"(?:{_IMAGE_PART})?", "an image name or reference", usual=("proxyv2",))
_HUB: Final = pattern(_IMAGE_PART, "a registry and path such as registry.example.com/istio")
_TAG: Final = pattern(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "an image tag")
_VARIANT: Final = pattern(r"[A-Za-z0-9_.-]{0,128}", "a part of an image tag", usual=("",))
_DOMAIN: Final = pattern(
    r"(?:[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?(?:\.|$))*",
    "a DNS domain such as cluster.local",
    usual=("cluster.local",),
)
_NAMESPACE: Final = pattern(
    r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", "the name of a namespace", usual=("istio-system",)
)
_PULL_POLICY: Final = one_of("", "Always", "IfNotPresent", "Never")
_TRACER: Final = one_of("none", "datadog", "lightstep", "stackdriver", "zipkin")
_LEVEL: Final = one_of("", *syntax.ENVOY_LEVELS)
_SCOPE: Final = r"[A-Za-z0-9_.-]+"
_ENVOY: Final = "|".join(syntax.ENVOY_LEVELS)
_AGENT: Final = "|".join(syntax.AGENT_LEVELS)
_COMPONENT_LEVELS: Final = pattern(
    f"(?:{_SCOPE}:(?:{_ENVOY})(?:,{_SCOPE}:(?:{_ENVOY}))*)?",
    "levels by component such as upstream:debug",
    usual=("misc:error",),
)
_AGENT_LEVELS: Final = pattern(
    f"(?:(?:{_SCOPE}:)?(?:{_AGENT})(?:,(?:{_SCOPE}:)?(?:{_AGENT}))*)?",
    "log levels by scope such as default:info",
    usual=("default:info",),
)
_ADDRESS: Final = pattern(
    r"(?:[^\s/:]+:[0-9]{1,5}|\[[0-9a-fA-F:.]+\]:[0-9]{1,5})?",
    "an address such as ca.example.com:15012",
    usual=("",),
)
_SECCOMP: Final = pod_type("SeccompProfile", "a map with type")
_LIFECYCLE: Final = pod_type("Lifecycle", "a map with postStart and preStop")
_GKE: Final = "GkeWorkloadCertificate"
_TRUST_BUNDLES: Final = "ENABLE_CLUSTER_TRUST_BUNDLE_API"
_POD_SECURITY: Final = pod_type("PodSecurityContext", "a pod's securityContext")


TYPES: Final[Mapping[str, ValueType]] = {
    "global.hub": _HUB,
    "global.tag": _TAG,
    "global.variant": _VARIANT,
    "global.imagePullPolicy": _PULL_POLICY,
    "global.imagePullSecrets": NAMES,
    "global.istioNamespace": _NAMESPACE,
    "global.caAddress": _ADDRESS,
    "global.caName": NAME,
    "global.pilotCertProvider": NAME,
    "global.trustBundleName": NAME,
    "global.trustDomain": _DOMAIN,
    "global.meshID": NAME,
    "global.network": NAME,
    "global.multiCluster.clusterName": NAME,
    "global.mountMtlsCerts": BOOLEAN,
    "global.sds.token.aud": NAME,
    "global.sts.servicePort": _PORT_OR_NONE,
    "global.logAsJson": BOOLEAN,
    "global.logging.level": _AGENT_LEVELS,
    "global.nativeNftables": BOOLEAN,
    "global.proxy.image": _IMAGE,
    "global.proxy.autoInject": TEXT,
    "global.proxy.clusterDomain": _DOMAIN,
    "global.proxy.logLevel": _LEVEL,
    "global.proxy.componentLogLevel": _COMPONENT_LEVELS,
    "global.proxy.outlierLogPath": TEXT,
    "global.proxy.privileged": BOOLEAN,
    "global.proxy.seccompProfile": _SECCOMP,
    "global.proxy.capNetBindService": BOOLEAN,
    "global.proxy.includeIPRanges": _CIDRS_OR_STAR,
    "global.proxy.excludeIPRanges": _CIDRS,
    "global.proxy.includeInboundPorts": _PORTS_OR_STAR,
    "global.proxy.excludeInboundPorts": _PORTS,
    "global.proxy.includeOutboundPorts": _PORTS,
    "global.proxy.excludeOutboundPorts": _PORTS,
    "global.proxy.statusPort": _PORT_OR_NONE,
    "global.proxy.readinessInitialDelaySeconds": _COUNT,
    "global.proxy.readinessPeriodSeconds": _COUNT,
    "global.proxy.readinessFailureThreshold": _COUNT,
    "global.proxy.startupProbe.enabled": BOOLEAN,
    "global.proxy.startupProbe.failureThreshold": _COUNT,
    "global.proxy.resources": RESOURCES,
    "global.proxy.lifecycle": _LIFECYCLE,
    "global.proxy.holdApplicationUntilProxyStarts": BOOLEAN,
    "global.proxy.tracer": _TRACER,
    "global.proxy_init.image": _IMAGE,
    "global.proxy_init.forceApplyIptables": BOOLEAN,
    "pilot.cni.enabled": BOOLEAN,
    "pilot.cni.provider": NAME,
    "pilot.env": SETTINGS,
    "pilot.crlConfigMapName": NAME,
    "revision": NAME,
    "gateways.securityContext": _POD_SECURITY,
    "gateways.seccompProfile": _SECCOMP,
    "sidecarInjectorWebhook.rewriteAppHTTPProbe": BOOLEAN,
    "sidecarInjectorWebhook.enableNamespacesByDefault": BOOLEAN,
}
TYPES_BY_SECTION: Final = by_path(TYPES)


@dataclass(frozen=True, slots=True)
class NoEffect:
    """Why values of a key change no pod. `but` is true of those that do; values are as they are meant."""

    reason: str
    but: Callable[[Any], bool] | None = None


NO_EFFECT: Final[Mapping[str, NoEffect]] = {
    "gateways.seccompProfile": NoEffect("accepted and not used, as upstream"),
    "global.trustDomain": NoEffect("the mesh configuration always has one; use meshConfig.trustDomain"),
    "global.proxy.autoInject": NoEffect("only istiod's chart uses it; use policy"),
    "global.caName": NoEffect("only GkeWorkloadCertificate is used", lambda name: name == _GKE),
    "global.proxy.image": NoEffect("empty is proxyv2", bool),
    "global.proxy_init.image": NoEffect("empty is proxyv2", bool),
    "global.proxy.capNetBindService": NoEffect("false is the default", bool),
    "global.proxy.holdApplicationUntilProxyStarts": NoEffect("false is the default", bool),
    "pilot.cni.provider": NoEffect("only multus is used", lambda name: name == "multus"),
    "pilot.env": NoEffect(
        f"only {_TRUST_BUNDLES} is used, and not as a text", lambda env: env.get(_TRUST_BUNDLES) is True
    ),
}
"""The keys of which some values, or all, have the effect of the default."""

# Settings of the tracer are read by the tracer's name, and have no type.
READ: Final[Mapping[str, str]] = {
    **dict.fromkeys(TYPES, ""),
    **{path: why.reason for path, why in NO_EFFECT.items() if why.but is None},
    "global.tracer": "",
}
"""The values that the rules know, each with nothing, or with why no value of it has an effect."""
