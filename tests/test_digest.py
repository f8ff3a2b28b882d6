"""The digest in the status covers what the configuration contributes to a pod, and nothing else (ADR 19)."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.cli.world import from_objects
from injector.config.loading import Input, Overrides, Text, load_input
from injector.core import status
from injector.core.injection.pipeline import inject
from injector.core.model import Facts
from injector.core.profile import Config
from tests.cases import reading
from tests.test_cases import LAWFUL, Stage, case_of, core_runs, set_up

Tree = dict[str, Any]

POD: Tree = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "containers": [
            {"name": "app", "image": "app:1", "readinessProbe": {"httpGet": {"path": "/", "port": 80}}}
        ]
    },
}
FACTS = Facts(namespace="shop")
NO_SELECTOR = {"matchLabels": {"no": "such"}}
UNRELATED: dict[str, Tree] = {
    "an unknown key": {"values": {"global": {"unrelated": "x"}}},
    "a key of gateways": {"values": {"gateways": {"x": 1, "securityContext": {"runAsUser": 5}}}},
    "a key of the control plane": {"values": {"pilot": {"traceSampling": 50}}},
    "namespaces that are injected": {
        "values": {"sidecarInjectorWebhook": {"enableNamespacesByDefault": True}}
    },
    "a key of the mesh": {"meshConfig": {"accessLogFile": "/dev/stdout"}},
    "a tracing provider": {"meshConfig": {"extensionProviders": [{"name": "z", "zipkin": {"service": "z"}}]}},
    "a template that no pod uses": {"templates": {"unused": "spec: {hostAliases: {{ Values.global.tag }}}"}},
    "an alias": {"aliases": {"more": ["sidecar", "gateway"]}},
    "a selector": {"neverInjectSelector": [NO_SELECTOR]},
    "a rule about annotations": {
        "annotations": [{"namespaceSelector": NO_SELECTOR, "deny": ["sidecar.istio.io/*"]}]
    },
    "the same native sidecars": {"nativeSidecars": "enabled"},
    "a limit of work": {"workLimit": 30_000_000},
}
RELATED: dict[str, Tree] = {
    "an image": {"values": {"global": {"tag": "1.99.0"}}},
    "a key that only a template reads": {"values": {"global": {"mountMtlsCerts": True}}},
    "a key that no branch of this pod reads": {
        "values": {"global": {"proxy": {"startupProbe": {"failureThreshold": 5}}}}
    },
    "a ProxyConfig field": {"meshConfig": {"defaultConfig": {"concurrency": 3}}},
    "a key of the mesh": {"meshConfig": {"trustDomain": "example.org"}},
    "ordinary sidecars": {"nativeSidecars": "disabled"},
    "the template": {"templates": {"sidecar": "spec: {containers: [{name: istio-proxy, image: x}]}"}},
    "an annotation for every pod": {"injectedAnnotations": {"example.com/by": "us"}},
}


def config_of(raw: Tree) -> Config:
    return load_input(Input(Text(yaml.safe_dump(raw), "config"), "."))


def digest(pod: Tree, config: Config, facts: Facts = FACTS) -> str:
    listed = inject(pod, facts, config).added
    assert listed is not None
    return listed.digest


@pytest.mark.parametrize("what", UNRELATED)
def test_a_part_of_the_configuration_that_contributes_nothing_changes_no_byte(what: str) -> None:
    plain = inject(POD, FACTS, config_of({})).pod
    changed = config_of(UNRELATED[what])
    assert json.dumps(inject(POD, FACTS, changed).pod) == json.dumps(plain)
    assert inject(plain, FACTS, changed).patch == ()


@pytest.mark.parametrize("what", RELATED)
def test_a_part_of_the_configuration_that_can_contribute_changes_the_digest(what: str) -> None:
    assert digest(POD, config_of(RELATED[what])) != digest(POD, config_of({}))


@cache
def built(raw: str, inject_settings: str) -> Config:
    """The configuration of a case; many cases have the same one."""
    settings = Text(inject_settings, "inject.yaml") if inject_settings else None
    return load_input(Input(Text(raw, "config"), ".", Overrides(inject=settings)))


@pytest.mark.parametrize("name", [name for name in LAWFUL if not case_of(name).quirks])
def test_no_golden_result_changes_with_unrelated_configuration(name: str, tmp_path: Path) -> None:
    case = case_of(name)
    set_up(case, tmp_path)
    around = from_objects([str(tmp_path / "objects.yaml")], "")
    more = {
        "values": {"global": {"unrelated": 1}, "gateways": {"x": 1}, "pilot": {"traceSampling": 50}},
        "templates": {"unused": "spec: {}"},
        "aliases": {"no-pod": ["unused"]},
        "neverInjectSelector": [*(case.config.get("neverInjectSelector") or []), NO_SELECTOR],
        "annotations": [*(case.config.get("annotations") or []), {"deny": ["no.such.domain/*"]}],
    }
    texts = [yaml.safe_dump(raw) for raw in (case.config, reading.over(case.config, more))]
    inject_settings = yaml.safe_dump(case.inject) if case.inject else ""
    runs = (core_runs(case, Stage(built(text, inject_settings), around)) for text in texts)
    for before, after in zip(*runs, strict=True):
        plain, changed = inject(*before), inject(*after)
        assert json.dumps(changed.pod) == json.dumps(plain.pod)
        assert changed.decision.reason is plain.decision.reason


@pytest.mark.parametrize("spec", [
    {"hostAliases": [{"ip": "10.0.0.1"}], "securityContext": {"runAsUser": 5}},
    {"initContainers": [{"name": "own", "image": "own:1", "restartPolicy": "Always"}]},
    {"containers": [{"name": "another", "image": "another:1", "ports": [{"containerPort": 1}]}]},
])  # fmt: skip
def test_the_digest_is_not_derived_from_the_pod(spec: Tree) -> None:
    config = config_of({})
    labels = {"app": "other", "version": "v2"}
    assert digest({"metadata": {"labels": labels}, "spec": {**POD["spec"], **spec}}, config) == digest(
        POD, config
    )


def test_the_digest_covers_the_annotations_of_the_catalogue_and_no_other() -> None:
    config = config_of({})

    def with_annotation(key: str, value: str) -> Tree:
        return {**POD, "metadata": {**POD["metadata"], "annotations": {key: value}}}

    assert digest(with_annotation("example.com/team", "a"), config) == digest(POD, config)
    assert digest(with_annotation("sidecar.istio.io/logLevel", "debug"), config) != digest(POD, config)


def test_what_a_second_webhook_adds_between_two_calls_stays() -> None:
    config = config_of({})
    once = inject(POD, FACTS, config).pod
    seen = copy.deepcopy(once)
    seen["spec"]["containers"].append({"name": "agent", "image": "agent:1"})
    seen["spec"]["volumes"].append({"name": "socket", "emptyDir": {}})
    (proxy,) = (c for c in seen["spec"]["initContainers"] if c["name"] == "istio-proxy")
    proxy["ports"].append({"containerPort": 9999, "name": "agent"})
    proxy["volumeMounts"].append({"name": "socket", "mountPath": "/socket"})
    again = inject(seen, FACTS, config)
    # The application's containers are named in a variable of the proxy; nothing else is ours to change.
    assert [(o.op, o.value) for o in again.patch] == [("replace", "app,agent")]
    (after,) = (c for c in again.pod["spec"]["initContainers"] if c["name"] == "istio-proxy")
    assert {"containerPort": 9999, "name": "agent"} in after["ports"]
    assert {"name": "socket", "mountPath": "/socket"} in after["volumeMounts"]
    assert [c["name"] for c in again.pod["spec"]["containers"]] == ["app", "agent"]
    assert "socket" in [v["name"] for v in again.pod["spec"]["volumes"]]
    assert again.findings == inject(POD, FACTS, config).findings


def test_a_status_with_a_digest_of_another_form_is_replaced_without_a_loss() -> None:
    config = config_of({})
    once = inject(POD, FACTS, config).pod
    keys = config.profile.keys
    older = copy.deepcopy(once)
    text = older["metadata"]["annotations"][keys.status]
    older["metadata"]["annotations"][keys.status] = text.replace(digest(POD, config), "95d7a881a94cc89b")
    assert older != once
    assert inject(older, FACTS, config).pod == once
    assert status.read(older, keys) is not None
