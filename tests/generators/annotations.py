"""Values for the annotations and labels of pods: those that are in order, and odd ones.

Odd is what one of the two programs could take for something else: refused, ignored, or read in
another way. A document gets one odd value at most, so that a refusal tells which one it was.
Every annotation of the catalogue that injection reads has its entry. Not here: the rest of a pod.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

import yaml

Values = tuple[Sequence[str], Sequence[str]]

_SIDECAR: Final = "sidecar.istio.io/"
_TRAFFIC: Final = "traffic.sidecar.istio.io/"
_STATUS: Final = "readiness.status.sidecar.istio.io/"
_BOOLEANS: Final = (("true", "false"), ("1", "F", "T", "yes", "", " true", "TRUE"))
_PORTS: Final = (
    ("", "443", "80,8080", "1, 2 ,15020"),
    (" 80 , 90 ", "80,,90", "70000", "-1", "a", "80;90", "0"),
)
_CIDRS: Final = (
    ("", "10.0.0.0/8", "10.1.0.0/16,fd00::/8"),
    ("10.0.0.0", "10.0.0.0/33", " 10.0.0.0/8", "10.0.0.1/8", "010.0.0.0/8", "::ffff:1.2.3.4/96", "x"),
)
_INTERFACES: Final = (("eth0", "net1,net2"), ("", "a, b", "eth0,", "1eth", "abcdefghijklmnopq", "e/0"))
_NUMBERS: Final = (("0", "5", "9"), ("-1", "+3", " 4", "", "4294967296", "1.5", "007"))
_STAR: Final = ("*",)

ANNOTATIONS: Final[Mapping[str, Values]] = {
    f"{_SIDECAR}inject": (("true", "false"), ("yes", "", "True", "on")),
    "inject.istio.io/templates": (
        ("sidecar", "gateway", "grpc-agent", "gateway,grpc-agent", "sidecar, sidecar"),
        ("", "nope", "sidecar,", " sidecar ", "Sidecar"),
    ),
    "proxy.istio.io/overrides": (
        (json.dumps({"containers": [{"name": "istio-proxy", "image": "auto", "tty": True}]}),),
        ("{}", "", "[]", '{"containers":[]}', "not JSON"),
    ),
    f"{_SIDECAR}status": (
        (json.dumps({"initContainers": ["istio-init"], "containers": ["istio-proxy"], "volumes": None}),),
        ("", "{}", "injected", '{"containers": "x"}'),
    ),
    "istio.io/rev": (("default", "canary"), ("",)),
    f"{_SIDECAR}nativeSidecar": (("true", "false"), ("maybe", "", "1", "TRUE")),
    f"{_SIDECAR}proxyImage": (("hub.example.com/proxy:1",), ("noslash", "", "a/b c")),
    f"{_SIDECAR}proxyImageType": (("debug", "distroless", "default"), ("", "x y")),
    f"{_SIDECAR}proxyCPU": (("100m", "1", "0.25", "4000m"), ("", "1x", " 1", "1e3", "-1", "0")),
    f"{_SIDECAR}proxyMemory": (("1Gi", "1024Mi", "1500Ki"), ("", "1GB", "128974848", "1e6", "0.5Gi")),
    f"{_SIDECAR}proxyCPULimit": (("2", "2500m"), ("", "two", "0.1u")),
    f"{_SIDECAR}proxyMemoryLimit": (("2Gi", "1000Ki"), ("", "1 Gi", "1Mib")),
    f"{_SIDECAR}logLevel": (("debug", "info"), ("", "loud", "WARNING")),
    f"{_SIDECAR}componentLogLevel": (("misc:error", "misc:error,rbac:debug"), ("", "misc", ":")),
    f"{_SIDECAR}agentLogLevel": (("all:debug", "default:info"), ("", "debug", "a:b:c")),
    f"{_SIDECAR}bootstrapOverride": (("bootstrap",), ("", "Not.A_Name")),
    f"{_SIDECAR}userVolume": (
        (
            '{"own":{"emptyDir":{}},"a":{"configMap":{"name":"x"}}}',
            '{"own":{"emptyDir":{"medium":"Memory"}}}',
        ),
        ("", "{}", "[]", "{", '{"a": 1}', "null"),
    ),
    f"{_SIDECAR}userVolumeMount": (
        ('{"own":{"mountPath":"/own","readOnly":true},"a":{"mountPath":"/a"}}',),
        ("", "{}", "[]", "nope", '{"a": "b"}'),
    ),
    f"{_SIDECAR}capNetBindService": _BOOLEANS,
    "apm.datadoghq.com/env": (('{"DD_ENV":"prod","DD_SERVICE":"shop"}',), ("", "{}", "[]", "x", '{"A":1}')),
    f"{_SIDECAR}rewriteAppHTTPProbers": _BOOLEANS,
    "status.sidecar.istio.io/port": (("15020", "15022", "0"), (" 15023 ", "", "x", "-1", "65536", "015020")),
    f"{_STATUS}initialDelaySeconds": _NUMBERS,
    f"{_STATUS}periodSeconds": _NUMBERS,
    f"{_STATUS}failureThreshold": _NUMBERS,
    f"{_STATUS}applicationPorts": (("80", "80,8080"), ("", "x")),
    f"{_SIDECAR}interceptionMode": (("REDIRECT", "TPROXY", "NONE"), ("", "redirect", "OFF")),
    f"{_TRAFFIC}includeOutboundIPRanges": ((*_CIDRS[0], *_STAR), _CIDRS[1]),
    f"{_TRAFFIC}excludeOutboundIPRanges": (_CIDRS[0], (*_CIDRS[1], *_STAR)),
    f"{_TRAFFIC}includeInboundPorts": ((*_PORTS[0], *_STAR), _PORTS[1]),
    f"{_TRAFFIC}excludeInboundPorts": (_PORTS[0], (*_PORTS[1], *_STAR)),
    f"{_TRAFFIC}includeOutboundPorts": (_PORTS[0], (*_PORTS[1], *_STAR)),
    f"{_TRAFFIC}excludeOutboundPorts": (_PORTS[0], (*_PORTS[1], *_STAR)),
    f"{_TRAFFIC}excludeInterfaces": _INTERFACES,
    f"{_TRAFFIC}kubevirtInterfaces": _INTERFACES,
    "istio.io/reroute-virtual-interfaces": _INTERFACES,
    "k8s.v1.cni.cncf.io/networks": (("a, b", '[{"name": "x"}]'), ("", "[]", "[", " [x]")),
    "prometheus.istio.io/merge-metrics": _BOOLEANS,
    "prometheus.istio.io/scrape-targets": (
        ("8080:/m", "8080,9100:/x", " 8080:/a , 9100 "),
        ("", ":/bad", "8080:", "8080:m", "x:/m", ",", "8080:/a:b"),
    ),
    "prometheus.istio.io/secure-port": (("15091",), ("", "x", "0")),
    "prometheus.io/scrape": (("true", "false"), ("yes", "0", "")),
    "prometheus.io/port": (("8080", "15020", "9090"), ("", "metrics", "0")),
    "prometheus.io/path": (("/m", "/metrics"), ("", "m", "/a?b=<c>&d")),
    "resource.opentelemetry.io/service.namespace": (("shop",), ("",)),
    "resource.opentelemetry.io/service.version": (("9", "v1.2"), ("", "a=b,c")),
    "resource.opentelemetry.io/service.instance.id": (("one",), ("",)),
    "kubectl.kubernetes.io/default-container": (("app", "web"), ("", "nobody")),
    "kubectl.kubernetes.io/default-logs-container": (("app", "web"), ("", "nobody")),
    f"{_SIDECAR}discoveryAddress": (("istiod.example.com:15012",), ("", "x")),
    f"{_SIDECAR}statsInclusionPrefixes": (("cluster.outbound",), ("",)),
    f"{_SIDECAR}statsInclusionSuffixes": (("upstream_rq_total",), ("",)),
    f"{_SIDECAR}statsInclusionRegexps": (("a.*b",), ("",)),
    f"{_SIDECAR}statsHistogramBuckets": (('{"istio":[1,5,10]}',), ("", "x")),
    f"{_SIDECAR}statsHistogramBins": (('{"istio":10}',), ("", "x")),
    f"{_SIDECAR}statsFlushInterval": (("10s",), ("", "ten")),
    f"{_SIDECAR}statsEvictionInterval": (("10s",), ("", "ten")),
    f"{_SIDECAR}statsCompression": (("gzip",), ("", "zip")),
    f"{_SIDECAR}extraStatTags": (("x,y",), ("",)),
    # Not in the catalogue: what is nobody's.
    "example.com/note": (("plain", "a: b", '"quoted" {{ .x }}', "line\nbreak"), ()),
}
# Seldom, as they decide so much that the others would not be seen.
SELDOM: Final = frozenset(
    {f"{_SIDECAR}inject", f"{_SIDECAR}status", "proxy.istio.io/overrides", "inject.istio.io/templates"}
)

# Other spellings that count. One key in two spellings has no place here: which of them wins is
# upstream's chance (register, Q12).
_SPELLINGS: Final[Mapping[str, Sequence[str]]] = {
    "prometheus.io/scrape": ("prometheus.io.scrape", "prometheus-io/scrape"),
    "prometheus.io/port": ("prometheus.io.port", "prometheus-io/port"),
    "prometheus.io/path": ("prometheus.io.path", "prometheus-io/path"),
}

PROXY_CONFIG: Final = "proxy.istio.io/config"
PROXY_CONFIG_FIELDS: Final[Mapping[str, Sequence[Any]]] = {
    "concurrency": (0, 2),
    "holdApplicationUntilProxyStarts": (True, False),
    "interceptionMode": ("TPROXY", "REDIRECT"),
    "discoveryAddress": ("istiod.example.com:15012",),
    "statusPort": (15020, 15025),
    "drainDuration": ("10s", "1m30s"),
    "proxyMetadata": (
        {"A": "b", "ISTIO_META_DNS_CAPTURE": "true"},
        {"ISTIO_META_ENABLE_HBONE": "true"},
        {"Q": 'say "x"', "EMPTY": ""},
    ),
    "image": ({"imageType": "debug"}, {"imageType": "distroless"}),
    "tracing": ({}, {"zipkin": {"address": "zipkin:9411"}, "sampling": 10}),
    "terminationDrainDuration": ("5s", "7s"),
    "proxyStatsMatcher": ({"inclusionPrefixes": ["a"]}, {"inclusionRegexps": ["cluster\\..*ssl"]}),
    "proxyAdminPort": (15000, 15002),
    "extraStatTags": (["x"],),
    "meshId": ("m",),
    "gatewayTopology": ({"numTrustedProxies": 2},),
    "runtimeValues": ({"a": "b"},),
    "caCertificatesPem": (["x"],),
    "proxyHeaders": ({"server": {"disabled": True}},),
    "privateKeyProvider": ({"cryptomb": {"pollDelay": "2ms"}},),
    "envoyAccessLogService": ({"address": "logs:1"},),
}
_ODD_PROXY_CONFIG: Final = (
    *("", "{}", "[]", "concurrency: two", "unknownField: 1", "drainDuration: soon", "statusPort: -1"),
    *("a: b: c", "concurrency: null", "discoveryAddress: nowhere", "proxyMetadata: {A: 1}"),
    *("drainDuration: 0s",),
)

_NAMES: Final = (("shop", "hello"), ("", "n" * 63))
LABELS: Final[Mapping[str, Values]] = {
    "app": _NAMES,
    "version": (("v1", "v2"), ("",)),
    "app.kubernetes.io/name": _NAMES,
    "app.kubernetes.io/version": (("1.2",), ("",)),
    "service.istio.io/canonical-name": (("canonical",), ("",)),
    "service.istio.io/canonical-revision": (("r9",), ("",)),
    "service.istio.io/workload-name": (("workload",), ("",)),
    "security.istio.io/tlsMode": (("disabled", "istio"), ("",)),
    "topology.istio.io/network": (("net-a",), ("",)),
    "networking.istio.io/tunnel": (("none", "http"), ("",)),
    "sidecar.istio.io/inject": (("true", "false"), ("", "yes")),
    "istio.io/rev": (("default",), ("",)),
    "pod-template-hash": (("abc12",), ("",)),
    "rollouts-pod-template-hash": (("abc12",), ()),
    "deploymentconfig": (("shop",), ()),
}


def draw_annotations(random: Random, *, odd: bool) -> dict[str, str]:
    """Annotations of one pod; with `odd` one of them has an odd value."""
    chosen = random.sample(sorted(ANNOTATIONS), random.randint(0, 10))
    keys = [key for key in chosen if key not in SELDOM or random.random() < 0.3]
    out = {key: random.choice(ANNOTATIONS[key][0]) for key in keys}
    if random.random() < 0.15:
        out[PROXY_CONFIG] = _proxy_config(random)
    if odd:
        strange = {key: values for key, (_, values) in ANNOTATIONS.items() if values}
        strange[PROXY_CONFIG] = _ODD_PROXY_CONFIG
        key = random.choice(sorted(strange))
        out[key] = random.choice(strange[key])
    for key, others in _SPELLINGS.items():
        if key in out and random.random() < 0.2:
            out[random.choice(others)] = out.pop(key)
    return out


def draw_labels(random: Random, *, odd: bool) -> dict[str, str]:
    """Labels of one pod; with `odd` one of them has an odd value."""
    keys = random.sample(sorted(LABELS), random.randint(0, 3))
    out = {key: random.choice(LABELS[key][0]) for key in keys}
    if random.random() < 0.5:
        out["app"] = random.choice(LABELS["app"][0])
    if odd:
        key = random.choice(sorted(key for key, (_, strange) in LABELS.items() if strange))
        out[key] = random.choice(LABELS[key][1])
    return out


def _proxy_config(random: Random) -> str:
    keys = random.sample(sorted(PROXY_CONFIG_FIELDS), random.randint(0, 8))
    fields = {key: random.choice(PROXY_CONFIG_FIELDS[key]) for key in keys}
    return json.dumps(fields) if random.random() < 0.5 else yaml.safe_dump(fields)
