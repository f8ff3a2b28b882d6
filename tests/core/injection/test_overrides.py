"""What an author sets on a container that templates set too."""

from __future__ import annotations

from typing import Any

import pytest

from injector.config.loading import load
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import recover
from injector.core.model import Facts

FACTS = Facts("shop")
PORTS = [
    [{"containerPort": 8080, "hostPort": 80}, {"containerPort": 8080, "hostPort": 81}],
    [
        {"containerPort": 8080, "hostIP": "10.0.0.1"},
        {"containerPort": 8080, "hostIP": "10.0.0.2", "name": "b"},
    ],
    [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}],
    [{"containerPort": 80, "name": "h"}, {"containerPort": 80, "name": "p", "fieldNewerThanUs": {}}],
]


@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("template", ["grpc-simple", "grpc-agent"])
def test_two_ports_of_one_number_stay_two(template: str, ports: list[Any]) -> None:
    """Kubernetes takes them, and a strategic merge takes them for one."""
    config = load(None)
    annotations = {"inject.istio.io/templates": template}
    pod = {
        "metadata": {"annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": "app:1", "ports": ports}]},
    }
    after = inject(pod, FACTS, config).pod
    app = next(c for c in after["spec"]["containers"] if c["name"] == "app")
    assert app["ports"] == ports
    undone = recover(after, FACTS, config)
    assert undone is not None
    assert undone.pod == pod


def test_a_port_of_zero_in_an_own_injected_container_stays() -> None:
    """The record of the author's version is read again, and a port without a number is none."""
    own = {"name": "istio-init", "image": "own:1", "ports": [{"containerPort": 0, "name": "http"}]}
    pod = {
        "metadata": {"annotations": {"sidecar.istio.io/nativeSidecar": "false"}},
        "spec": {"initContainers": [own], "containers": [{"name": "app", "image": "app:1"}]},
    }
    config = load(None)
    after = inject(pod, FACTS, config)
    assert after.error is None
    undone = recover(after.pod, FACTS, config)
    assert undone is not None
    assert undone.pod == pod
