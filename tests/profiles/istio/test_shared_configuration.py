"""What is made once for a configuration: no pod shows whether another one came before it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from injector.config.loading import Input, Text, load_input
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Origin
from injector.core.profile import Config
from injector.work import Work
from tests.factories import a_pod

FACTS = Facts("shop", origin=Origin.WEBHOOK)
PROBE = {"httpGet": {"path": "/", "port": 80}}
PODS: dict[str, Manifest] = {
    "plain": a_pod(),
    "labels": a_pod(labels={"app": "cart", "version": "v1"}),
    "probe": a_pod(
        {"name": "app", "image": "app:1", "livenessProbe": PROBE, "lifecycle": {"preStop": PROBE}}
    ),
    "resources": a_pod(annotations={"sidecar.istio.io/proxyCPU": "150m"}),
    "ports": a_pod(annotations={"traffic.sidecar.istio.io/excludeOutboundPorts": "9000"}),
    "config": a_pod(annotations={"proxy.istio.io/config": "concurrency: 3\nproxyMetadata: {A: b}\n"}),
    "volumes": a_pod(annotations={"sidecar.istio.io/userVolume": '{"mine": {"emptyDir": {}}}'}),
    "status port": a_pod(annotations={"status.sidecar.istio.io/port": " 15020 "}),
    "more resources": a_pod(annotations={"sidecar.istio.io/proxyCPU": "250m"}),
    "other port": a_pod(annotations={"traffic.sidecar.istio.io/excludeOutboundPorts": "9001"}),
    "status port and port": a_pod(
        annotations={
            "status.sidecar.istio.io/port": " 15020 ",
            "traffic.sidecar.istio.io/excludeInboundPorts": "9002",
        }
    ),
    "metrics": a_pod(annotations={"prometheus.io/port": "8080", "prometheus_io_scrape": "true"}),
    "refused": a_pod(annotations={"sidecar.istio.io/proxyCPU": "many"}),
    "own proxy": a_pod({"name": "istio-proxy", "image": "auto", "resources": {"limits": {"cpu": "1"}}}),
    "own volume": a_pod(spec={"volumes": [{"name": "istio-envoy", "hostPath": {"path": "/x"}}]}),
}


@cache
def loaded(text: str) -> Config:
    return load_input(Input(Text(text, "config"), "."))


def new(text: str) -> Config:
    """The configuration with none of its caches filled."""
    config = loaded(text)
    return replace(config, templates=config.templates.isolated_copy())


def answer(pod: Manifest, config: Config) -> tuple[Any, ...]:
    work = Work(10**6)
    outcome = inject(deepcopy(pod), FACTS, config, work=work)
    return outcome.pod, outcome.patch, outcome.findings, str(outcome.error), outcome.problems, work.spent


@pytest.mark.parametrize("text", ["{}", "compatibility: {istioQuirks: true}", "nativeSidecars: disabled"])
def test_the_answer_for_a_pod_does_not_depend_on_those_before_it(text: str) -> None:
    alone = {name: answer(pod, new(text)) for name, pod in PODS.items()}
    assert len({repr(each) for each in alone.values()}) == len(PODS)
    config = new(text)
    for name in (*PODS, *reversed(PODS), *(name for name in PODS for _ in range(2))):
        assert answer(PODS[name], config) == alone[name]


def test_nothing_changes_what_pods_share() -> None:
    config = new("{}")
    for pod in PODS.values():
        answer(pod, config)
    shared = [part.tree for part in config.templates.parts.all()]
    assert len(shared) > 20
    before = deepcopy(shared)
    for pod in PODS.values():
        answer(pod, config)
    assert shared == before
