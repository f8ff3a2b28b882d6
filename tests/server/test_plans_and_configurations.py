"""Plans under all kinds of configurations, and what of a configuration decides by a text of a pod."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random

import pytest

from injector.core.model import Namespace
from tests.server.beside import Beside, MiB, body_of, config_of, unhurried
from tests.server.plan_places import (
    PLACES,
    USER_VOLUME,
    Manifest,
    N,
    asked,
    at,
    learn,
    owned,
    planning,
    renamed,
    review_with,
    rich,
)


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


HOLD = {"values": {"global": {"proxy": {"holdApplicationUntilProxyStarts": True}}}}

WITH_TEAM = {"key": "team", "operator": "Exists"}

OWN = "spec: {containers: [{name: own, image: '{{ Spec.containers[0].image }}'}]}"

CONFIGS: dict[str, tuple[Manifest, bool]] = {
    "defaults": ({}, True),
    "quirks": ({"compatibility": {"istioQuirks": True}}, False),
    "classic": ({"nativeSidecars": "disabled"}, True),
    "native": ({"nativeSidecars": "enabled"}, True),
    "CNI": ({"values": {"pilot": {"cni": {"enabled": True}}}}, True),
    "hold": (HOLD, True),
    "classic, hold": ({"nativeSidecars": "disabled", **HOLD}, True),
    "template of one's own": ({"templates": {"own": OWN}, "defaultTemplates": ["sidecar", "own"]}, False),
    "sidecar of one's own": ({"templates": {"sidecar": OWN}}, False),
    "own template that is not asked for": ({"templates": {"own": OWN}}, True),
    "alias": ({"aliases": {"mine": ["sidecar"]}, "defaultTemplates": ["mine"]}, True),
    "alias of one's own": (
        {"templates": {"own": OWN}, "aliases": {"mine": ["sidecar", "own"]}, "defaultTemplates": ["mine"]},
        False,
    ),
    "injectedAnnotations": ({"injectedAnnotations": {"checksum/config": "0a1b", "by": "us"}}, False),
    "injectedAnnotations of other keys": ({"injectedAnnotations": {"example.com/by": "us"}}, True),
    "neverInjectSelector": ({"neverInjectSelector": [{"matchLabels": {"team": "payments"}}]}, True),
    "never, app": ({"neverInjectSelector": [{"matchLabels": {"app": "payments"}}]}, True),
    "never, hash": ({"neverInjectSelector": [{"matchLabels": {"pod-template-hash": "abc"}}]}, True),
    "alwaysInjectSelector": (
        {"policy": "disabled", "alwaysInjectSelector": [{"matchExpressions": [WITH_TEAM]}]},
        True,
    ),
    "always, version": (
        {"policy": "disabled", "alwaysInjectSelector": [{"matchLabels": {"version": "v1"}}]},
        True,
    ),
    "rules by power": (
        {
            "annotations": [
                {"withhold": ["image", "user", "capabilities", "volumes", "trust-root", "control-plane"]},
            ]
        },
        True,
    ),
    "a denied annotation": ({"annotations": [{"deny": ["checksum/x*"]}]}, True),
    "placement": ({"placement": {"istio-proxy": {"before": "cart"}}, "nativeSidecars": "disabled"}, False),
    "placement, last": ({"placement": {"istio-proxy": "last"}, "nativeSidecars": "disabled"}, True),
    "podResources": ({"podResources": "add"}, True),
    "namespaceDefaults": ({"namespaceDefaults": ["sidecar.istio.io/proxyCPU", USER_VOLUME]}, True),
    "openshift": ({"platform": "openshift"}, True),
    "otel": (
        {"meshConfig": {"defaultConfig": {"tracing": {}}, "extensionProviders": [
            {"name": "otel", "opentelemetry": {"service": "otel.svc", "port": 4317,
             "serviceAttributeEnrichment": "OTEL_SEMANTIC_CONVENTIONS"}}]}},
        False,
    ),
    "datadog": (
        {"values": {"global": {"proxy": {"tracer": "datadog"}}},
         "meshConfig": {"defaultConfig": {"tracing": {"datadog": {"address": "agent:8126"}}}}},
        True,
    ),
    "lightstep": (
        {"values": {"global": {"proxy": {"tracer": "lightstep"}}},
         "meshConfig": {"defaultConfig": {"tracing": {"lightstep": {"address": "x:1", "accessToken": "t"}}}}},
        True,
    ),
    "mTLS volume": ({"values": {"global": {"mountMtlsCerts": True}}}, True),
    "TPROXY": ({"meshConfig": {"defaultConfig": {"interceptionMode": "TPROXY"}}}, True),
    "little work": ({"workLimit": 30_000}, True),
    "skipped RuntimeClass": ({"skipRuntimeClasses": ["gvisor"]}, True),
    "callers": ({"callers": [{"action": "deny", "usernames": ["nobody"]}]}, True),
}  # fmt: skip

ANNOTATIONS: tuple[dict[str, str], ...] = (
    {},
    {"sidecar.istio.io/rewriteAppHTTPProbers": "false"},
    {"proxy.istio.io/config": '{"holdApplicationUntilProxyStarts": true, "proxyMetadata": {"A": "q7"}}'},
    {
        "sidecar.istio.io/proxyImage": "example.com/proxy:2",
        "traffic.sidecar.istio.io/excludeInboundPorts": "80",
    },
    {"sidecar.istio.io/nativeSidecar": "false"},
)


@pytest.mark.parametrize("name", CONFIGS)
def test_under_each_configuration_pods_of_one_shape_get_the_bytes_of_the_ordinary_way(name: str) -> None:
    raw, planned = CONFIGS[name]
    random = Random(name)
    both = Beside(config_of({"policy": "enabled", **raw}), plans=8 * MiB)
    served = 0
    for added in ANNOTATIONS[: 2 * N]:
        base = rich()
        base["metadata"]["annotations"] |= added
        learn(both, base)
        for place in random.sample(sorted(PLACES), 9):
            put, of_kind, others = PLACES[place]
            text = random.choice(of_kind or others)
            served += asked(both, put(copy.deepcopy(base), copy.deepcopy(text)))
    assert (served > 4) == planned


@pytest.mark.parametrize(
    ("raw", "label", "chosen"),
    [
        ({"neverInjectSelector": [{"matchLabels": {"team": "payments"}}]}, "team", "payments"),
        ({"neverInjectSelector": [{"matchLabels": {"app": "payments"}}]}, "app", "payments"),
        (
            {"policy": "disabled", "alwaysInjectSelector": [{"matchLabels": {"version": "v1"}}]},
            "version",
            "v2",
        ),
    ],
)
def test_a_label_of_a_selector_decides(raw: Manifest, label: str, chosen: str) -> None:
    both = planning(raw=raw)
    assert asked(both, rich())
    assert not asked(both, at("metadata", "labels", label)(rich(), chosen))


def test_the_hash_of_a_replicaset_in_a_selector_decides() -> None:
    both = planning(raw={"neverInjectSelector": [{"matchLabels": {"pod-template-hash": "abc"}}]})
    assert not asked(both, owned(rich(), "cart", "abc"))


@pytest.mark.parametrize("label", ["app", "team", "pod-template-hash", "version"])
def test_a_label_that_a_proxyconfig_selects_by_decides(label: str) -> None:
    def proxy_config(value: str) -> Manifest:
        return {
            "apiVersion": "networking.istio.io/v1beta1",
            "kind": "ProxyConfig",
            "metadata": {"name": "some", "namespace": "shop"},
            "spec": {"selector": {"matchLabels": {label: value}}, "concurrency": 7},
        }

    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    both.world.objects = (proxy_config("abc"),)
    learn(both, rich())
    other = (
        owned(rich(), "cart", "abc")
        if label == "pod-template-hash"
        else at("metadata", "labels", label)(rich(), "abc")
    )
    assert not asked(both, other)
    assert asked(both, rich())


def test_a_pod_of_many_texts_is_not_served_past_the_work_limit() -> None:
    tiny = rich()
    del tiny["metadata"]["managedFields"]
    tiny["spec"] = {"containers": [{"name": "a", "image": "b", "args": ["x"]}]}
    both = planning(tiny, {"workLimit": 30_000})
    large = copy.deepcopy(tiny)
    large["spec"]["containers"][0]["args"] = ["x"] * 3500
    body = body_of(review_with(large))
    assert len(body) < 16_384, "it is a pod for the loop"
    reply = both.ask(body)
    assert reply.json["response"]["auditAnnotations"]["reason"] == "too-expensive"


def test_a_default_of_a_namespace_that_names_the_token_volume_counts_for_that_pod_alone() -> None:
    both = Beside(config_of({"policy": "enabled", "namespaceDefaults": [USER_VOLUME]}), plans=8 * MiB)
    both.world.namespaces["shop"] = Namespace(
        "shop", {}, {USER_VOLUME: '{"kube-api-access-zzzzz": {"emptyDir": {}}}'}
    )
    learn(both, rich())
    asked(both, renamed(rich(), "kube-api-access-abcde", "kube-api-access-zzzzz"))
