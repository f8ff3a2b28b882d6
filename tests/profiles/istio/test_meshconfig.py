"""MeshConfig: defaults, merging and refusals, as observed from upstream's kube-inject."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from injector.profiles.istio import proxyconfig
from injector.profiles.istio.meshconfig import DEFAULTS, effective, inbound_mode, merge, read, validate

BUILT_IN = DEFAULTS["extensionProviders"]
OTEL = {
    "name": "otel",
    "opentelemetry": {"service": "s", "port": 1, "serviceAttributeEnrichment": "OTEL_SEMANTIC_CONVENTIONS"},
}


def changed(overrides: object) -> dict[str, Any]:
    result = effective(overrides)
    assert set(DEFAULTS) <= set(result)
    return {name: value for name, value in result.items() if value != DEFAULTS.get(name)}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (None, {}),
        ({}, {}),
        (
            {"trustDomain": None, "proxyListenPort": None, "extensionProviders": None, "defaultConfig": None},
            {},
        ),
        ({"unknown": 3}, {"unknown": 3}),
        ({"accessLogFile": "/dev/stdout"}, {"accessLogFile": "/dev/stdout"}),
        ({"trust_domain": "x"}, {"trustDomain": "x"}),
        ({"trustDomain": "x", "trust_domain": "y"}, {"trustDomain": "x"}),
        ({"rootNamespace": ""}, {"rootNamespace": ""}),
        ({"proxyListenPort": "15"}, {"proxyListenPort": 15}),
        ({"proxyInboundListenPort": 0}, {"proxyInboundListenPort": 0}),
        ({"enable_prometheus_merge": False}, {"enablePrometheusMerge": False}),
        ({"enable_tracing": False}, {"enableTracing": False}),
        ({"inboundTrafficPolicy": {"mode": 1}}, {"inboundTrafficPolicy": {"mode": "LOCALHOST"}}),
        ({"outboundTrafficPolicy": {}}, {"outboundTrafficPolicy": {}}),
        ({"extensionProviders": []}, {}),
        ({"extensionProviders": [{"name": "prometheus", "prometheus": {}}]}, {}),
        (
            {"extensionProviders": [{"name": "stackdriver", "prometheus": {}}, OTEL]},
            {
                "extensionProviders": [
                    BUILT_IN[0],
                    {"name": "stackdriver", "prometheus": {}},
                    BUILT_IN[2],
                    OTEL,
                ]
            },
        ),
        (
            {
                "extensionProviders": [
                    {"name": "a", "zipkin": {"port": 1}},
                    {"name": "a", "zipkin": {"port": 2}},
                ]
            },
            {"extensionProviders": [*BUILT_IN, {"name": "a", "zipkin": {"port": 2}}]},
        ),
        ({"extensionProviders": [None]}, {"extensionProviders": [*BUILT_IN, {}]}),
        (
            {"extension_providers": [{"name": "otel", "opentelemetry": {"service_attribute_enrichment": 1}}]},
            {
                "extensionProviders": [
                    *BUILT_IN,
                    {
                        "name": "otel",
                        "opentelemetry": {"serviceAttributeEnrichment": "OTEL_SEMANTIC_CONVENTIONS"},
                    },
                ]
            },
        ),
        ({"trustDomainAliases": ["c", "a", "b", "a"]}, {"trustDomainAliases": ["a", "b", "c"]}),
        (
            {"defaultConfig": {"proxyMetadata": {"A": "b"}}},
            {"defaultConfig": {**proxyconfig.DEFAULTS, "proxyMetadata": {"A": "b"}}},
        ),
        (
            {"default_config": {"status_port": 15021}},
            {"defaultConfig": {**proxyconfig.DEFAULTS, "statusPort": 15021}},
        ),
    ],
)
def test_overrides_merge_over_the_defaults(overrides: object, expected: dict[str, Any]) -> None:
    assert changed(overrides) == expected


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"extensionProviders+": [OTEL]}, {"extensionProviders": [*BUILT_IN, OTEL]}),
        ({"extension_providers+": [OTEL]}, {"extensionProviders": [*BUILT_IN, OTEL]}),
        ({"defaultServiceExportTo+": ["."]}, {"defaultServiceExportTo": ["*", "."]}),
        (
            {"defaultServiceExportTo": ["a"], "defaultServiceExportTo+": ["b"]},
            {"defaultServiceExportTo": ["a", "b"]},
        ),
        ({"trustDomainAliases": ["c"], "trustDomainAliases+": ["a"]}, {"trustDomainAliases": ["a", "c"]}),
        ({"newList+": ["a"]}, {"newList": ["a"]}),
        ({"defaultServiceExportTo+": None}, {}),
        (
            {"defaultConfig": {"extraStatTags": ["a"], "extraStatTags+": ["b"], "meshId": "m"}},
            {"defaultConfig": {**proxyconfig.DEFAULTS, "extraStatTags": ["a", "b"], "meshId": "m"}},
        ),
        (
            {"default_config": {"extra_stat_tags+": ["b"]}},
            {"defaultConfig": {**proxyconfig.DEFAULTS, "extraStatTags": ["b"]}},
        ),
    ],
)
def test_a_key_that_ends_in_plus_appends(overrides: object, expected: dict[str, Any]) -> None:
    assert changed(overrides) == expected


def test_overrides_merge_over_a_document_below_them() -> None:
    below = {"root_namespace": "mesh", "defaultConfig": {"meshId": "m", "extraStatTags": ["a"]}}
    mesh = effective({"trustDomain": "x", "defaultConfig": {"extraStatTags+": ["b"]}}, below)
    assert (mesh["rootNamespace"], mesh["trustDomain"]) == ("mesh", "x")
    assert mesh["defaultConfig"] == {**proxyconfig.DEFAULTS, "meshId": "m", "extraStatTags": ["a", "b"]}


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        ([], "meshConfig"),
        ("a", "meshConfig"),
        ({"trustDomain": 3}, "meshConfig.trustDomain"),
        ({"proxyListenPort": "x"}, "meshConfig.proxyListenPort"),
        ({"enablePrometheusMerge": "false"}, "meshConfig.enablePrometheusMerge"),
        ({"inboundTrafficPolicy": {"mode": "foo"}}, "meshConfig.inboundTrafficPolicy.mode"),
        ({"extensionProviders": {"a": "b"}}, "meshConfig.extensionProviders"),
        ({"extensionProviders": ["a"]}, "meshConfig.extensionProviders[0]"),
        ({"extensionProviders": [{"name": 3}]}, "meshConfig.extensionProviders[0].name"),
        (
            {"extensionProviders": [{"opentelemetry": {"serviceAttributeEnrichment": "foo"}}]},
            "meshConfig.extensionProviders[0].opentelemetry.serviceAttributeEnrichment",
        ),
        ({"trustDomainAliases": "a"}, "meshConfig.trustDomainAliases"),
        ({"defaultConfig": []}, "meshConfig.defaultConfig"),
        ({"defaultConfig": {"statusPort": "x"}}, "meshConfig.defaultConfig.statusPort"),
        ({"trustDomain+": "a"}, "meshConfig.trustDomain+"),
        ({"defaultConfig": {"meshId+": "a"}}, "meshConfig.defaultConfig.meshId+"),
        ({"defaultConfig": {"extraStatTags+": "a"}}, "meshConfig.defaultConfig.extraStatTags"),
    ],
)
def test_a_wrong_type_is_refused_with_its_path(overrides: object, path: str) -> None:
    with pytest.raises(ValueError, match=r"expected") as caught:
        effective(overrides)
    assert str(caught.value).partition(": ")[0] == path


@pytest.mark.parametrize(
    ("overrides", "fields"),
    [
        ({}, []),
        ({"trustDomain": "a.b-c"}, []),
        ({"proxyInboundListenPort": 99999}, []),
        ({"proxyListenPort": 0}, ["proxyListenPort"]),
        ({"proxyListenPort": 99999}, ["proxyListenPort"]),
        ({"trustDomain": ""}, ["trustDomain"]),
        ({"trustDomain": "a b"}, ["trustDomain"]),
        ({"trustDomain": "a_b"}, ["trustDomain"]),
        ({"trustDomain": "*"}, ["trustDomain"]),
        ({"trustDomain": ".a"}, ["trustDomain"]),
        ({"trustDomainAliases": [""]}, ["trustDomainAliases"]),
        ({"defaultConfig": {"statusPort": 0}}, ["defaultConfig.statusPort"]),
        ({"defaultConfig": {"discoveryAddress": "foo"}}, ["defaultConfig.discoveryAddress"]),
    ],
)
def test_what_upstream_refuses_is_named_by_its_field(overrides: object, fields: list[str]) -> None:
    assert [message.partition(":")[0] for message in validate(effective(overrides))] == fields


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, "passthrough"),
        ({}, "passthrough"),
        ({"mode": 0}, "passthrough"),
        ({"mode": "LOCALHOST"}, "localhost"),
    ],
)
def test_the_inbound_mode_is_a_word_for_templates(policy: object, expected: str) -> None:
    assert inbound_mode(effective({"inboundTrafficPolicy": policy})) == expected


def test_merging_changes_neither_side_and_not_the_defaults() -> None:
    overlay = read(
        {
            "extensionProviders": [OTEL],
            "trustDomainAliases": ["b"],
            "defaultConfig": {"proxyMetadata": {"a": "b"}},
        },
        "x",
    )
    before = copy.deepcopy((DEFAULTS, overlay))
    merge(DEFAULTS, overlay)
    effective({"defaultServiceExportTo+": ["."], "defaultConfig": {"extraStatTags+": ["a"]}})
    assert (DEFAULTS, overlay) == before
