"""ProxyConfig: what is read, how it merges, what is refused and what PROXY_CONFIG says.

Expected texts and refusals were observed from upstream's kube-inject (1.31-dev), given these
configurations as annotation, or as mesh configuration with an annotation over it.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.profiles.istio.proxyconfig import (
    DEFAULTS,
    PROXY_CONFIG,
    merge,
    read,
    text,
    without_zero,
)
from injector.profiles.istio.proxyconfig_rules import is_address, validate

ALL_FIELDS = {
    "configPath": "a",
    "binaryPath": "b",
    "serviceCluster": "c",
    "drainDuration": "1s",
    "discoveryAddress": "d:1",
    "discoveryRefreshDelay": "1s",
    "zipkinAddress": "z:1",
    "statsdUdpAddress": "a:1",
    "envoyMetricsServiceAddress": "a:1",
    "proxyAdminPort": 1,
    "availabilityZone": "z",
    "customConfigFile": "c",
    "statNameLength": 1,
    "concurrency": 1,
    "proxyBootstrapTemplatePath": "p",
    "interceptionMode": "TPROXY",
    "tracing": {},
    "sds": {},
    "envoyAccessLogService": {},
    "envoyMetricsService": {},
    "proxyMetadata": {"a": "b"},
    "runtimeValues": {"a": "b"},
    "statusPort": 1,
    "extraStatTags": ["a"],
    "gatewayTopology": {},
    "terminationDrainDuration": "1s",
    "meshId": "m",
    "readinessProbe": {},
    "proxyStatsMatcher": {},
    "holdApplicationUntilProxyStarts": True,
    "caCertificatesPem": ["a"],
    "image": {},
    "privateKeyProvider": {"qat": {"pollDelay": "1s"}},
    "proxyHeaders": {},
    "fileFlushInterval": "1s",
    "fileFlushMinSizeKb": 1,
    "statsCompression": True,
    "connectionSettings": {},
}


def written(raw: object, mesh: object = None) -> str:
    base = merge(DEFAULTS, read(mesh, "mesh"))
    return text(merge(base, read(raw, "annotation")))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, "{}"),
        ({}, "{}"),
        ({"concurrency": 3}, '{"concurrency":3}'),
        ({"concurrency": 0}, '{"concurrency":0}'),
        ({"concurrency": None}, "{}"),
        ({"concurrency": "-5"}, '{"concurrency":-5}'),
        ({"concurrency": "5 "}, '{"concurrency":5}'),
        ({"concurrency": 15001.0}, '{"concurrency":15001}'),
        ({"interceptionMode": "REDIRECT"}, "{}"),
        ({"interceptionMode": 1}, '{"interceptionMode":"TPROXY"}'),
        ({"interceptionMode": 1.0}, '{"interceptionMode":"TPROXY"}'),
        ({"interceptionMode": 7}, '{"interceptionMode":7}'),
        ({"interceptionMode": -1}, '{"interceptionMode":-1}'),
        ({"controlPlaneAuthPolicy": "NONE"}, "{}"),
        ({"controlPlaneAuthPolicy": 1}, "{}"),
        ({"drainDuration": "45.000s"}, "{}"),
        ({"drainDuration": "1m"}, '{"drainDuration":"60s"}'),
        ({"drainDuration": "1h30m"}, '{"drainDuration":"5400s"}'),
        ({"drainDuration": "1.5m"}, '{"drainDuration":"90s"}'),
        ({"drainDuration": "10.s"}, '{"drainDuration":"10s"}'),
        ({"drainDuration": "+4s"}, '{"drainDuration":"4s"}'),
        ({"terminationDrainDuration": "5000ms"}, "{}"),
        ({"terminationDrainDuration": "0s"}, '{"terminationDrainDuration":"0s"}'),
        ({"terminationDrainDuration": "-0.5s"}, '{"terminationDrainDuration":"-0.500s"}'),
        ({"terminationDrainDuration": "0.0001s"}, '{"terminationDrainDuration":"0.000100s"}'),
        ({"terminationDrainDuration": "0.1234567891s"}, '{"terminationDrainDuration":"0.123456789s"}'),
        ({"tracing": {}}, '{"tracing":{}}'),
        ({"tracing": None}, "{}"),
        ({"tracing": {"zipkin": None, "sampling": None}}, '{"tracing":{}}'),
        ({"tracing": {"sampling": 0}}, '{"tracing":{}}'),
        ({"tracing": {"sampling": "10"}}, '{"tracing":{"sampling":10}}'),
        ({"tracing": {"sampling": 10.5}}, '{"tracing":{"sampling":10.5}}'),
        ({"tracing": {"sampling": 1e20}}, '{"tracing":{"sampling":100000000000000000000}}'),
        ({"tracing": {"sampling": 1e21}}, '{"tracing":{"sampling":1e+21}}'),
        ({"tracing": {"sampling": 1e-6}}, '{"tracing":{"sampling":0.000001}}'),
        ({"tracing": {"sampling": 1e-7}}, '{"tracing":{"sampling":1e-7}}'),
        ({"tracing": {"sampling": "NaN"}}, '{"tracing":{"sampling":"NaN"}}'),
        ({"tracing": {"maxPathTagLength": 0}}, '{"tracing":{}}'),
        ({"tracing": {"enableIstioTags": False}}, '{"tracing":{"enableIstioTags":false}}'),
        ({"tracing": {"customTags": {"b": None, "a": {}}}}, '{"tracing":{"customTags":{"a":{},"b":{}}}}'),
        ({"tracing": {"zipkin": {"address": "a:1"}, "stackdriver": {}}}, '{"tracing":{"stackdriver":{}}}'),
        (
            {"tracing": {"stackdriver": {"debug": True, "maxNumberOfAttributes": 5}}},
            '{"tracing":{"stackdriver":{"debug":true,"maxNumberOfAttributes":"5"}}}',
        ),
        (
            {"tracing": {"openCensusAgent": {"context": [None, 3, 99]}}},
            '{"tracing":{"openCensusAgent":{"context":["UNSPECIFIED","CLOUD_TRACE_CONTEXT",99]}}}',
        ),
        ({"proxyMetadata": {}}, "{}"),
        ({"proxyMetadata": {"b": "1", "a": "2"}}, '{"proxyMetadata":{"a":"2","b":"1"}}'),
        ({"proxyMetadata": {"b": None, "c": ""}}, '{"proxyMetadata":{"b":"","c":""}}'),
        ({"extraStatTags": []}, "{}"),
        ({"extraStatTags": [None, "b", "a"]}, '{"extraStatTags":["","b","a"]}'),
        ({"holdApplicationUntilProxyStarts": False}, '{"holdApplicationUntilProxyStarts":false}'),
        ({"image": {"unknown": 1}}, '{"image":{}}'),
        ({"unknown": {"a": 1}}, "{}"),
        ({"config_path": "/x"}, '{"configPath":"/x"}'),
        ({"configPath": "/x", "config_path": "/y"}, '{"configPath":"/x"}'),
        ({"proxyMetadata": None, "proxy_metadata": {"c": "d"}}, "{}"),
        ({"STATUSPORT": 4}, "{}"),
        ({"tracingServiceName": 0}, '{"tracingServiceName":"APP_LABEL_AND_NAMESPACE"}'),
        (
            {"serviceCluster": "foo", "tracingServiceName": "CANONICAL_NAME_ONLY"},
            '{"tracingServiceName":"CANONICAL_NAME_ONLY"}',
        ),
        ({"sds": {"k8s_sa_jwt_path": "/x"}}, '{"sds":{"k8sSaJwtPath":"/x"}}'),
        (
            {"proxyHeaders": {"x_forwarded_host": {"enabled": True}}},
            '{"proxyHeaders":{"xForwardedHost":{"enabled":true}}}',
        ),
        (
            {"readinessProbe": {"httpGet": {"httpHeaders": [None, {"name": "x"}]}}},
            '{"readinessProbe":{"httpGet":{"httpHeaders":[{},{"name":"x"}]}}}',
        ),
        (
            {"readinessProbe": {"httpGet": {"port": 1}, "tcpSocket": {"port": 2}}},
            '{"readinessProbe":{"tcpSocket":{"port":2}}}',
        ),
    ],
)
def test_text_is_what_upstream_writes(raw: object, expected: str) -> None:
    assert written(raw) == expected


def test_text_escapes_as_upstream_does() -> None:
    value = '<>&\u2028\u2029\u00e9\u0001\u007f\u0085\U0001f600\n\t\r\b\f"\\/\u0000\ufeff\ue000\uffff'
    expected = (
        r'{"proxyMetadata":{"\u003c\u2028":"\u003c\u003e\u0026\u2028\u2029é\u0001'
        "\u007f\u0085\U0001f600"
        r"\n\t\r\b\f\"\\/\u0000"
        '\ufeff\ue000\uffff"}}'
    )
    assert written({"proxyMetadata": {"<\u2028": value}}) == expected


def test_text_has_the_fields_in_declaration_order() -> None:
    shuffled = dict(sorted(ALL_FIELDS.items()))
    assert written(shuffled) == json.dumps(ALL_FIELDS, separators=(",", ":"))


def test_text_of_the_defaults_is_empty() -> None:
    assert text(DEFAULTS) == "{}"


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ([], "here"),
        ("text", "here"),
        ({"concurrency": "x"}, "here.concurrency"),
        ({"concurrency": 1.5}, "here.concurrency"),
        ({"concurrency": True}, "here.concurrency"),
        ({"concurrency": 2**31}, "here.concurrency"),
        ({"concurrency": -(2**31) - 1}, "here.concurrency"),
        ({"concurrency": "1e3"}, "here.concurrency"),
        ({"concurrency": "05"}, "here.concurrency"),
        ({"concurrency": {"value": 3}}, "here.concurrency"),
        ({"fileFlushMinSizeKb": -1}, "here.fileFlushMinSizeKb"),
        ({"fileFlushMinSizeKb": 2**32}, "here.fileFlushMinSizeKb"),
        ({"interceptionMode": "tproxy"}, "here.interceptionMode"),
        ({"interceptionMode": "1"}, "here.interceptionMode"),
        ({"interceptionMode": 99999999999}, "here.interceptionMode"),
        ({"drainDuration": 45}, "here.drainDuration"),
        ({"drainDuration": "45"}, "here.drainDuration"),
        ({"drainDuration": "1d"}, "here.drainDuration"),
        ({"drainDuration": " 5s"}, "here.drainDuration"),
        ({"drainDuration": "1e1s"}, "here.drainDuration"),
        ({"drainDuration": ""}, "here.drainDuration"),
        ({"drainDuration": "-"}, "here.drainDuration"),
        ({"drainDuration": "2562047h47m16.854775808s"}, "here.drainDuration"),
        ({"tracing": {"sampling": "x"}}, "here.tracing.sampling"),
        ({"tracing": {"sampling": True}}, "here.tracing.sampling"),
        ({"tracing": {"sampling": float("inf")}}, "here.tracing.sampling"),
        ({"tracing": {"sampling": 10**400}}, "here.tracing.sampling"),
        ({"tracing": {"stackdriver": {"maxNumberOfAttributes": 2**63}}}, "here.tracing.stackdriver"),
        ({"proxyMetadata": {"KEY": 1, "OTHER": "secret"}}, "here.proxyMetadata[KEY]: text"),
        ({"proxyMetadata": []}, "here.proxyMetadata"),
        ({"extraStatTags": "a"}, "here.extraStatTags"),
        ({"extraStatTags": ["a", 1]}, "here.extraStatTags[1]"),
        ({"holdApplicationUntilProxyStarts": "true"}, "here.holdApplicationUntilProxyStarts"),
        ({"holdApplicationUntilProxyStarts": 1}, "here.holdApplicationUntilProxyStarts"),
        ({"image": "distroless"}, "here.image"),
        ({"image": {"imageType": 3}}, "here.image.imageType"),
        ({"readiness_probe": {"http_get": {"port": "x"}}}, "here.readinessProbe.httpGet.port"),
    ],
)
def test_a_wrong_type_is_refused_with_its_path(raw: object, path: str) -> None:
    with pytest.raises(ValueError, match=r"expected") as caught:
        read(raw, "here")
    assert str(caught.value).startswith(path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("mesh", "overlay", "expected"),
    [
        ({"tracing": {"sampling": 5}}, {"tracing": {}}, '{"tracing":{}}'),
        ({"tracing": {"sampling": 5}}, {"tracing": None}, '{"tracing":{"sampling":5}}'),
        (
            {"proxyMetadata": {"a": "1", "b": "2"}},
            {"proxyMetadata": {"b": "x", "c": "z"}},
            {"a": "1", "b": "x", "c": "z"},
        ),
        ({"proxyMetadata": {"a": "1", "b": "2"}}, {"proxyMetadata": {}}, {"a": "1", "b": "2"}),
        ({"proxyMetadata": {"a": "1", "b": "2"}}, {"proxyMetadata": {"a": None}}, {"a": "", "b": "2"}),
        ({"runtimeValues": {"a": "x"}}, {"runtimeValues": {}}, "{}"),
        ({"extraStatTags": ["a", "b"]}, {"extraStatTags": ["c"]}, '{"extraStatTags":["c"]}'),
        ({"extraStatTags": ["a", "b"]}, {"extraStatTags": []}, "{}"),
        ({"interceptionMode": "TPROXY"}, {"interceptionMode": "REDIRECT"}, "{}"),
        ({"interceptionMode": "TPROXY"}, {"interceptionMode": None}, '{"interceptionMode":"TPROXY"}'),
        ({"concurrency": 3}, {"concurrency": 0}, '{"concurrency":0}'),
        ({"image": {"imageType": "debug"}}, {"image": {}}, '{"image":{}}'),
        ({"tracingServiceName": 1}, {"serviceCluster": "bar"}, '{"serviceCluster":"bar"}'),
        ({"tracingServiceName": 1}, {"serviceCluster": "istio-proxy"}, "{}"),
        ({"tracingServiceName": 1}, {"serviceCluster": None}, '{"tracingServiceName":"CANONICAL_NAME_ONLY"}'),
        ({"drainDuration": "10s"}, {"drainDuration": "45s"}, "{}"),
        ({"meshId": "m"}, {"meshId": ""}, "{}"),
        (
            {"readinessProbe": {"httpGet": {"port": 3}, "periodSeconds": 4}},
            {"readinessProbe": {"tcpSocket": {"port": 4}}},
            '{"readinessProbe":{"tcpSocket":{"port":4}}}',
        ),
    ],
)
def test_an_annotation_over_the_mesh_gives_what_upstream_gives(
    mesh: object, overlay: object, expected: object
) -> None:
    if isinstance(expected, dict):
        expected = json.dumps({"proxyMetadata": expected}, separators=(",", ":"))
    assert written(overlay, mesh) == expected


HEADERS = {
    "forwardedClientCert": "SANITIZE",
    "setCurrentClientCertDetails": {"dns": True},
    "requestId": {"disabled": True},
    "server": {"value": "x"},
    "attemptCount": {"disabled": True},
    "envoyDebugHeaders": {"disabled": True},
    "metadataExchangeHeaders": {"mode": "IN_MESH"},
    "preserveHttp1HeaderCase": True,
    "xForwardedHost": {"enabled": True},
    "xForwardedPort": {"enabled": True},
}
INHERITED = {
    name: HEADERS[name]
    for name in ("forwardedClientCert", "requestId", "server", "attemptCount", "envoyDebugHeaders")
}


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        (None, HEADERS),
        ({}, INHERITED),
        ({"server": {}}, INHERITED | {"server": {}}),
        ({"server": None}, INHERITED),
        ({"requestId": {}}, INHERITED | {"requestId": {}}),
        ({"forwardedClientCert": "UNDEFINED"}, INHERITED),
        ({"preserveHttp1HeaderCase": False}, INHERITED | {"preserveHttp1HeaderCase": False}),
        ({"xForwardedHost": {}}, INHERITED | {"xForwardedHost": {}}),
    ],
)
def test_proxy_headers_merge_one_by_one_where_upstream_inherits_them(overlay: object, expected: Any) -> None:
    base = read({"proxyHeaders": HEADERS}, "mesh")
    assert merge(base, read({"proxyHeaders": overlay}, "annotation"))["proxyHeaders"] == expected


def test_merging_changes_neither_side() -> None:
    base = {"proxyMetadata": {"a": "1"}, "proxyHeaders": dict(HEADERS)}
    overlay = {"proxyMetadata": {"b": "2"}, "proxyHeaders": {"server": {}}, "tracingServiceName": 1}
    before = copy.deepcopy((base, overlay))
    merge(base, overlay)
    assert (base, overlay) == before


def test_what_passes_through_proto_json_cannot_undo_the_mesh() -> None:
    base = {"interceptionMode": "TPROXY", "statusPort": 15030, "concurrency": 3, "extraStatTags": ["a"]}
    overlay = read(
        {"interceptionMode": "REDIRECT", "statusPort": 0, "concurrency": 0, "extraStatTags": []}, "x"
    )
    assert merge(base, without_zero(overlay)) == base | {"concurrency": 0}


@pytest.mark.parametrize(
    "raw",
    [
        {"drainDuration": "3600s", "terminationDrainDuration": "1.5s"},
        {"terminationDrainDuration": "-1s"},
        {"zipkinAddress": "foo"},
        {"statsdUdpAddress": ""},
        {"statsdUdpAddress": "foo:1"},
        {"statNameLength": -5},
        {"concurrency": -1},
        {"envoyMetricsService": {}},
        {"envoyAccessLogService": {"address": "foo:1", "tlsSettings": {"mode": "MUTUAL"}}},
        {"tracing": {"zipkin": {"address": "$(HOST_IP):9411"}, "sampling": 101}},
        {"tracing": {"zipkin": {"address": "$(HOST_IP).x:1"}}},
        {"tracing": {"zipkin": {"address": "[$(HOST_IP)]:1"}}},
        {"tracing": {"datadog": {"address": "$(HOST_IP):8126"}}},
        {"tracing": {"lightstep": {"address": "b:1", "accessToken": "t"}}},
        {"tracing": {"openCensusAgent": {"address": "x"}}},
        {"tracing": {"tlsSettings": {"mode": "SIMPLE", "clientCertificate": "a"}}},
        {"tracing": {"tlsSettings": {"mode": "MUTUAL", "clientCertificate": "a", "privateKey": "b"}}},
        {"tracing": {"tlsSettings": {"mode": "MUTUAL", "credentialName": "x"}}},
        {
            "tracing": {
                "tlsSettings": {"mode": "ISTIO_MUTUAL", "credentialName": "x", "clientCertificate": "a"}
            }
        },
        {"tracing": {"tlsSettings": {"mode": "SIMPLE", "insecureSkipVerify": False, "caCertificates": "a"}}},
        {"tracing": {"tlsSettings": {"mode": "SIMPLE", "insecureSkipVerify": True, "caCrl": "a"}}},
        {"readinessProbe": {"tcpSocket": {"port": 99999}, "periodSeconds": -1}},
        {"privateKeyProvider": {"cryptomb": {"pollDelay": "-1s"}}},
        {"serviceCluster": "", "tracingServiceName": 0},
        {"connectionSettings": {"httpIdleTimeout": "0s", "listenerPerConnectionBufferLimitBytes": 0}},
        {"connectionSettings": {"http2InitialStreamWindowSize": 65535, "httpMaxConcurrentStreams": 1}},
    ],
)
def test_what_upstream_accepts_is_valid(raw: object) -> None:
    assert validate(merge(DEFAULTS, read(raw, "x"))) == []


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        ({"statusPort": 0}, ["statusPort"]),
        ({"statusPort": 70000}, ["statusPort"]),
        ({"proxyAdminPort": -1}, ["proxyAdminPort"]),
        ({"controlPlaneAuthPolicy": "INHERIT"}, ["controlPlaneAuthPolicy"]),
        ({"controlPlaneAuthPolicy": 5}, ["controlPlaneAuthPolicy"]),
        ({"configPath": "", "binaryPath": ""}, ["configPath", "binaryPath"]),
        ({"serviceCluster": ""}, ["serviceCluster"]),
        ({"drainDuration": "0s"}, ["drainDuration"]),
        ({"drainDuration": "-1s"}, ["drainDuration"]),
        ({"drainDuration": "1.5s"}, ["drainDuration"]),
        ({"drainDuration": "5µs"}, ["drainDuration"]),
        ({"discoveryAddress": ""}, ["discoveryAddress"]),
        ({"statsdUdpAddress": "$(HOST_IP):9125"}, ["statsdUdpAddress"]),
        ({"envoyMetricsServiceAddress": "foo"}, ["envoyMetricsServiceAddress"]),
        ({"envoyMetricsService": {"address": "foo"}}, ["envoyMetricsService.address"]),
        ({"envoyAccessLogService": {"address": "$(HOST_IP):1"}}, ["envoyAccessLogService.address"]),
        ({"tracing": {"zipkin": {}}}, ["tracing.zipkin.address"]),
        ({"tracing": {"zipkin": {"address": "$(HOST_IP)"}}}, ["tracing.zipkin.address"]),
        ({"tracing": {"zipkin": {"address": "$(POD_IP):1"}}}, ["tracing.zipkin.address"]),
        ({"tracing": {"zipkin": {"address": "$(HOST_IP)$(HOST_IP).a:1"}}}, ["tracing.zipkin.address"]),
        ({"tracing": {"datadog": {"address": "foo:0"}}}, ["tracing.datadog.address"]),
        ({"tracing": {"lightstep": {}}}, ["tracing.lightstep.address", "tracing.lightstep.accessToken"]),
        (
            {"tracing": {"lightstep": {"address": "$(HOST_IP):1", "accessToken": "x"}}},
            ["tracing.lightstep.address"],
        ),
        (
            {"tracing": {"tlsSettings": {"mode": "MUTUAL"}}},
            ["tracing.tlsSettings.clientCertificate", "tracing.tlsSettings.privateKey"],
        ),
        (
            {"tracing": {"tlsSettings": {"mode": "SIMPLE", "credentialName": "x", "caCrl": "y"}}},
            ["tracing.tlsSettings.credentialName"],
        ),
        (
            {
                "tracing": {
                    "tlsSettings": {"mode": "SIMPLE", "credentialName": "x", "insecureSkipVerify": True}
                }
            },
            ["tracing.tlsSettings.insecureSkipVerify"],
        ),
        (
            {
                "tracing": {
                    "tlsSettings": {
                        "mode": "MUTUAL",
                        "credentialName": "x",
                        "insecureSkipVerify": True,
                        "subjectAltNames": ["a"],
                    }
                }
            },
            ["tracing.tlsSettings.insecureSkipVerify"],
        ),
        ({"privateKeyProvider": {}}, ["privateKeyProvider"]),
        ({"privateKeyProvider": {"cryptomb": {}}}, ["privateKeyProvider.cryptomb.pollDelay"]),
        ({"privateKeyProvider": {"qat": {"pollDelay": "0s"}}}, ["privateKeyProvider.qat.pollDelay"]),
        ({"connectionSettings": {"httpIdleTimeout": "-1s"}}, ["connectionSettings.httpIdleTimeout"]),
        (
            {"connectionSettings": {"httpMaxConcurrentStreams": 0}},
            ["connectionSettings.httpMaxConcurrentStreams"],
        ),
        (
            {"connectionSettings": {"http2InitialStreamWindowSize": 65534, "listenerConnectionLimit": 0}},
            ["connectionSettings.http2InitialStreamWindowSize", "connectionSettings.listenerConnectionLimit"],
        ),
        (
            {"connectionSettings": {"clusterPerConnectionBufferLimitBytes": -1}},
            ["connectionSettings.clusterPerConnectionBufferLimitBytes"],
        ),
    ],
)
def test_what_upstream_refuses_is_named_by_its_field(raw: object, fields: list[str]) -> None:
    wrong = validate(merge(DEFAULTS, read(raw, "x")))
    assert [message.partition(":")[0] for message in wrong] == fields


LONG = ".".join(["a" * 63] * 4)


@pytest.mark.parametrize(
    ("address", "accepted"),
    [
        ("foo:15012", True),
        ("FOO.bar:1", True),
        ("foo.:1", True),
        ("foo.12.:1", True),
        ("a--b:1", True),
        ("0x1:1", True),
        ("foo.1e5:1", True),
        ("1.foo:1", True),
        ("1.2.3.4:1", True),
        ("[::1]:15012", True),
        ("[fe80::1%eth0]:1", True),
        ("[foo]:1", True),
        ("foo:+5", True),
        ("foo:007", True),
        ("foo:65535", True),
        (f"{LONG}:1", True),
        (f"{LONG}.:1", False),
        ("", False),
        ("foo", False),
        ("foo:", False),
        (":1", False),
        ("foo:0", False),
        ("foo:65536", False),
        ("foo:-1", False),
        ("foo: 5", False),
        ("foo:1_0", False),
        ("foo:99999999999999999999", False),
        (" foo:1", False),
        ("a_b:1", False),
        ("a..b:1", False),
        (".:1", False),
        ("-a:1", False),
        ("a-:1", False),
        ("é:1", False),
        ("*.foo:1", False),
        ("foo.1:1", False),
        ("1:1", False),
        ("1.2.3.400:1", False),
        ("010.1.1.1:1", False),
        (f"{'a' * 64}:1", False),
        ("::1:15012", False),
        ("[::1]", False),
        ("[::1:1", False),
        ("[::1%]:1", False),
        ("[1.2.3.4%a]:1", False),
        ("[[a]]:1", False),
        ("[a]b:1", False),
        ("unix:///x", False),
    ],
)
def test_an_address_is_what_upstream_takes_for_one(address: str, accepted: bool) -> None:
    assert is_address(address) is accepted


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
TEXT_MAPS = st.dictionaries(TEXTS, TEXTS, max_size=3)
HEADER_TREES = st.fixed_dictionaries(
    {},
    optional={
        "forwardedClientCert": st.sampled_from(["UNDEFINED", "SANITIZE", "SANITIZE_SET"]),
        "server": st.sampled_from([{}, {"value": "x"}, {"disabled": False}]),
        "preserveHttp1HeaderCase": st.booleans(),
        "xForwardedHost": st.sampled_from([{}, {"enabled": True}]),
    },
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "configPath": TEXTS,
        "statusPort": st.integers(-5, 5),
        "concurrency": st.integers(-5, 5),
        "interceptionMode": st.sampled_from(["REDIRECT", "TPROXY", "NONE"]),
        "drainDuration": st.integers(-(2**63), 2**63 - 1).map(lambda n: f"{n}ns"),
        "tracing": st.fixed_dictionaries(
            {},
            optional={
                "sampling": st.floats(allow_nan=False, allow_infinity=False),
                "customTags": st.just({}),
            },
        ),
        "proxyMetadata": TEXT_MAPS,
        "runtimeValues": TEXT_MAPS,
        "extraStatTags": st.lists(TEXTS, max_size=2),
        "holdApplicationUntilProxyStarts": st.booleans(),
        "proxyHeaders": HEADER_TREES,
        "serviceCluster": TEXTS,
        "tracingServiceName": st.integers(0, 2),
    },
).map(lambda raw: read(raw, "x"))


@given(CONFIGS)
def test_reading_a_canonical_config_changes_nothing(config: dict[str, Any]) -> None:
    assert read(config, "x") == config


@given(CONFIGS)
def test_the_text_read_back_over_the_defaults_is_the_config(config: dict[str, Any]) -> None:
    effective = without_zero(merge(DEFAULTS, config))
    back = merge(DEFAULTS, read(json.loads(text(effective)), "x"))
    zeros = {name for name in DEFAULTS if name not in effective}
    assert {name: back[name] for name in back if name not in zeros} == effective


@given(CONFIGS, CONFIGS, CONFIGS)
def test_layers_may_be_merged_in_any_grouping(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    assert merge(merge(first, second), third) == merge(first, merge(second, third))


@given(CONFIGS)
def test_merging_a_config_with_nothing_or_itself_gives_itself(config: dict[str, Any]) -> None:
    assert merge(config, {}) == merge({}, config) == merge(config, config) == config


@given(CONFIGS)
def test_dropping_zeros_twice_drops_nothing_more(config: dict[str, Any]) -> None:
    once = without_zero(config)
    assert without_zero(once) == once
    assert list(once) == [name for name in PROXY_CONFIG.fields if name in once]
