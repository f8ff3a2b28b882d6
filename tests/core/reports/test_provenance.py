"""Which layer set each injected value: every layer once, through the istio profile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from injector.config.loading import Input, Text, load_input
from injector.core.injection.pipeline import assemble
from injector.core.model import Facts, Verdict
from injector.core.reports import provenance
from injector.core.reports.leaves import repeats_key
from injector.core.reports.provenance import Explainer, ValueOrigin, explain, without_keys
from tests.core.generic import PROFILE, a_config

PROXY = "/spec/initContainers/istio-proxy"
CONFIG = load_input(
    Input(
        Text(
            yaml.safe_dump(
                {
                    "values": {"global": {"proxy": {"logLevel": "debug"}, "tag": "1.30"}},
                    "meshConfig": {
                        "trustDomain": "example.org",
                        "defaultConfig": {"proxyMetadata": {"FROM_MESH": "1"}},
                    },
                }
            ),
            "config",
        ),
        ".",
    )
)
POD: dict[str, Any] = {
    "metadata": {
        "labels": {"app": "shop"},
        "annotations": {
            "sidecar.istio.io/componentLogLevel": "misc:info",
            "traffic.sidecar.istio.io/excludeOutboundPorts": "22",
        },
    },
    "spec": {
        "containers": [
            {"name": "shop", "image": "shop:1"},
            {"name": "istio-proxy", "image": "auto", "resources": {"limits": {"cpu": "3"}}},
        ]
    },
}
FACTS = Facts(
    namespace="shop",
    overrides={"ISTIO_META_CLUSTER_ID": "c9"},
    objects=(
        {
            "kind": "ProxyConfig",
            "metadata": {"name": "all", "namespace": "shop"},
            "spec": {"environmentVariables": {"FROM_OBJECT": "1"}},
        },
    ),
)


@pytest.fixture(scope="module")
def origins() -> dict[str, ValueOrigin]:
    return {o.pointer: o for o in explain(POD, FACTS, CONFIG).origins}


@pytest.mark.parametrize(
    ("pointer", "value", "layer", "detail"),
    [
        (f"{PROXY}/args/0", "proxy", "profile", ""),
        (f"{PROXY}/args/4", "--proxyLogLevel=debug", "values", "global.proxy.logLevel"),
        (f"{PROXY}/image", "registry.istio.io/testing/proxyv2:1.30", "values", "global.tag"),
        (f"{PROXY}/env/TRUST_DOMAIN/value", "example.org", "mesh configuration", "trustDomain"),
        (f"{PROXY}/env/FROM_MESH/value", "1", "mesh configuration", "defaultConfig.proxyMetadata.FROM_MESH"),
        (f"{PROXY}/env/FROM_OBJECT/value", "1", "object in the cluster", ""),
        (f"{PROXY}/env/ISTIO_META_CLUSTER_ID/value", "c9", "request path", ""),
        (
            f"{PROXY}/args/5",
            "--proxyComponentLogLevel=misc:info",
            "pod annotation",
            "sidecar.istio.io/componentLogLevel",
        ),
        (f"{PROXY}/resources/limits/cpu", "3", "user's own container", ""),
        (f"{PROXY}/resources/limits/memory", "1Gi", "profile", ""),
    ],
)
def test_a_value_belongs_to_the_layer_that_set_it_last(
    origins: dict[str, ValueOrigin], pointer: str, value: str, layer: str, detail: str
) -> None:
    assert origins[pointer] == ValueOrigin(pointer, value, layer, detail)


def test_an_argument_that_others_push_along_keeps_its_layer(origins: dict[str, ValueOrigin]) -> None:
    by_value = {
        o.value: o for p, o in origins.items() if p.startswith("/spec/initContainers/istio-init/args/")
    }
    assert (by_value["-o"].layer, by_value["22"].layer) == ("pod annotation", "pod annotation")
    assert by_value["--log_output_level=default:info"].layer == "profile"


def test_only_what_the_injection_changed_has_an_origin(origins: dict[str, ValueOrigin]) -> None:
    assert "/spec/containers/shop/image" not in origins
    assert not [p for p in origins if "sidecar.istio.io~1status" in p or "sidecar-injector~1undo" in p]


def test_a_skipped_pod_has_a_trace_and_no_origins() -> None:
    pod = {**POD, "spec": {**POD["spec"], "hostNetwork": True}}
    explanation = explain(pod, FACTS, CONFIG)
    assert explanation.outcome.decision.verdict is Verdict.SKIP
    assert explanation.outcome.decision.trace
    assert explanation.origins == ()


SECRETS = """
{% set prefix = "secrets.example.com/agent-inject-secret-" %}
{% set folder = ObjectMeta.annotations["secrets.example.com/folder"] | default("/run/secrets") %}
spec:
  containers:
  - name: agent
    image: {{ Values.image }}
    env:
    {% for key, value in ObjectMeta.annotations.items() if key.startswith(prefix) %}
    - {name: {{ key.removeprefix(prefix) }}, value: {{ value }}}
    {% endfor %}
  {% for container in Spec.containers %}
  - name: {{ container.name }}
    env: [{name: SECRETS, value: /secrets}]
    volumeMounts: [{name: secrets, mountPath: {{ folder }}}]
    tty: {{ Values.tty }}
  {% endfor %}
  volumes: [{name: secrets, emptyDir: {}}]
"""
READS = {
    "secrets.example.com/agent-inject-secret-DB": "path/db",
    "secrets.example.com/agent-inject-secret-API": "path/api",
    "secrets.example.com/folder": "/secrets",
    "unrelated.example.org/note": "x",
}


@pytest.fixture(scope="module", params=[False, True], ids=["", "quirks"])
def of_secrets(request: pytest.FixtureRequest) -> dict[str, ValueOrigin]:
    profile = replace(PROFILE, values={"image": "agent:1", "tty": False})
    config = replace(a_config(text=SECRETS, tty=True), profile=profile, quirks=request.param)
    app = {"name": "app", "image": "app:1", "env": [{"name": "MINE", "value": "1"}]}
    pod = {"metadata": {"annotations": READS}, "spec": {"containers": [app]}}
    return {o.pointer: o for o in explain(pod, Facts(), config).origins}


@pytest.mark.parametrize(
    ("pointer", "layer", "detail"),
    [
        ("/env/SECRETS/value", "profile", ""),
        ("/volumeMounts/~1secrets/name", "pod annotation", "secrets.example.com/folder"),
        ("/tty", "values", "tty"),
    ],
)
def test_what_a_template_adds_to_a_container_of_the_pod_is_not_the_users(
    of_secrets: dict[str, ValueOrigin], pointer: str, layer: str, detail: str
) -> None:
    origin = of_secrets[f"/spec/containers/app{pointer}"]
    assert (origin.layer, origin.detail) == (layer, detail)
    assert "/spec/containers/app/env/MINE/value" not in of_secrets


@pytest.mark.parametrize("name", ["DB", "API"])
def test_an_annotation_that_a_template_reads_by_its_prefix_is_named(
    of_secrets: dict[str, ValueOrigin], name: str
) -> None:
    origin = of_secrets[f"/spec/containers/agent/env/{name}/value"]
    assert (origin.layer, origin.detail) == (
        "pod annotation",
        f"secrets.example.com/agent-inject-secret-{name}",
    )
    assert of_secrets["/spec/containers/agent/image"].layer == "values"


@pytest.mark.parametrize(
    ("pointer", "value", "expected"),
    [
        ("/spec/containers/web/name", "web", True),
        ("/spec/containers/web/env/A/name", "A", True),
        ("/spec/containers/web/env/name/name", "name", True),
        ("/spec/containers/web/env/name/value", "name", False),
        ("/spec/containers/web/ports/80/containerPort", 80, True),
        ("/spec/containers/web/ports/80/name", "80", False),
        ("/spec/containers/web/volumeMounts/~1run~1a/mountPath", "/run/a", True),
        # Two ports of one number are elements without a key.
        ("/spec/containers/web/ports/0/containerPort", 80, False),
        ("/metadata/labels/name", "labels", False),
        ("/spec/hostname", "spec", False),
    ],
)
def test_a_value_repeats_the_key_of_its_element(pointer: str, value: Any, expected: bool) -> None:
    assert repeats_key(pointer, value) is expected


def test_a_name_is_left_out_where_its_element_has_more(origins: dict[str, ValueOrigin]) -> None:
    shown = {o.pointer for o in without_keys(list(origins.values()))}
    assert f"{PROXY}/env/TRUST_DOMAIN/name" in origins
    assert f"{PROXY}/env/TRUST_DOMAIN/name" not in shown
    assert f"{PROXY}/env/TRUST_DOMAIN/value" in shown
    assert f"{PROXY}/name" not in shown
    only_named = ValueOrigin("/spec/volumes/data/name", "data", "profile")
    assert without_keys([only_named]) == [only_named]


def test_pods_that_share_an_explainer_are_explained_as_each_alone() -> None:
    bare: dict[str, Any] = {"spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    pods = [POD, bare, {**bare, "metadata": {"annotations": {"sidecar.istio.io/proxyCPU": "1"}}}, POD]
    explainer = Explainer(CONFIG)
    assert [explainer.explain(pod, FACTS) for pod in pods] == [explain(pod, FACTS, CONFIG) for pod in pods]


def test_a_pod_without_annotations_takes_no_rendering_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    bare: dict[str, Any] = {"spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    built: list[Any] = []

    # Counts the renderings, and renders.
    def counting(*inputs: Any) -> Any:
        built.append(inputs)
        return assemble(*inputs)

    monkeypatch.setattr(provenance, "assemble", counting)
    explain(bare, Facts(), load_input(Input(Text("", "config"), ".")))
    # The pod itself, and one each without the settings and without the values.
    assert len(built) == 3
