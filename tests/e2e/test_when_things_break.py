"""What a user sees when things break: events, conditions and `explain --live`; calls go on meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.beds.mesh import applications as a
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.injector import WEBHOOK, Injector
from tests.beds.mesh.steady import SERVER, Steady
from tests.beds.node.bed import Cluster

Object = dict[str, Any]
MISSING_IMAGE = "sidecar.test/is-not-there:1"


@pytest.fixture(scope="module")
def shop(mesh: Mesh, injected_namespace: str) -> str:
    """A namespace in which a server is called all the time."""
    mesh.cluster.load([a.traffic_image()])
    mesh.apply(*Steady(mesh, injected_namespace).objects())
    _wait_for_rollouts(mesh.cluster, injected_namespace, SERVER, "steady-caller")
    return injected_namespace


@pytest.fixture(autouse=True)
def calls_go_on(mesh: Mesh, shop: str) -> Iterator[None]:
    """Whatever a test of this file breaks, no call between the pods that were there fails."""
    with Steady(mesh, shop).unbroken():
        yield


@pytest.fixture
def broken_webhook(injector: Injector) -> Iterator[Injector]:
    """The webhook, whole again after the test."""
    yield injector
    injector.configure(failure_policy="Fail")


def test_a_sidecar_whose_image_is_missing_holds_a_rollout(mesh: Mesh, injector: Injector, shop: str) -> None:
    before = _names(mesh, shop, SERVER)
    mesh.apply(a.server(SERVER, shop, annotations={"sidecar.istio.io/proxyImage": MISSING_IMAGE}))
    try:
        live = _explained(mesh, injector, f"deploy/{SERVER}", shop, "image-missing")
        assert live["state"] == "not ready"
        (cause,) = live["causes"]
        assert cause["injected"]
        assert MISSING_IMAGE in cause["evidence"][0]["seen"]
        (new,) = _names(mesh, shop, SERVER) - before
        _wait_for_event(mesh, shop, new, "Failed", MISSING_IMAGE)
        assert _conditions(mesh.cluster.get("pod", new, shop))["Ready"] == "False"
        assert before <= _names(mesh, shop, SERVER)
    finally:
        mesh.cluster.kubectl("rollout", "undo", f"deploy/{SERVER}", "-n", shop)
        _wait_for_rollouts(mesh.cluster, shop, SERVER)


def test_a_sidecar_that_cannot_start_keeps_the_pod_from_being_ready(
    mesh: Mesh, injector: Injector, shop: str
) -> None:
    # Without its trust root the proxy ends at once, again and again.
    pod = injector.render(a.pod("rootless", shop, a.container(["pause"])))
    pod["metadata"]["labels"]["sidecar.istio.io/inject"] = "false"
    volume = next(volume for volume in pod["spec"]["volumes"] if volume["name"] == "istiod-ca-cert")
    del volume["configMap"]
    volume["emptyDir"] = {}
    mesh.apply(pod)
    live = _explained(mesh, injector, "pod/rootless", shop, "trust-root-missing")
    assert live["state"] == "not ready"
    _wait_for_event(mesh, shop, "rootless", "BackOff", "istio-proxy")
    stored = mesh.cluster.get("pod", "rootless", shop)
    conditions = _conditions(stored)
    assert conditions["Ready"] == conditions["Initialized"] == "False"
    assert conditions["PodScheduled"] == "True"
    (application,) = stored["status"]["containerStatuses"]
    assert application["state"]["waiting"]["reason"] == "PodInitializing"
    mesh.delete(pod)


def test_while_the_webhook_is_down_policy_fail_refuses_pods(
    mesh: Mesh, broken_webhook: Injector, shop: str
) -> None:
    broken_webhook.stop()
    mesh.apply(a.client("strict", shop))
    live = _explained(mesh, broken_webhook, "deploy/strict", shop, "webhook-unreachable")
    assert live["state"] == "pods are missing"
    assert _names(mesh, shop, "strict") == set()
    (replicas,) = _items(mesh, "replicasets", shop, "app=strict")
    _wait_for_event(mesh, shop, replicas["metadata"]["name"], "FailedCreate", "failed calling webhook")
    assert _conditions(mesh.cluster.get("deployment", "strict", shop))["ReplicaFailure"] == "True"

    broken_webhook.start()
    _wait_for_rollouts(mesh.cluster, shop, "strict")
    (pod,) = mesh.pods(shop, "app=strict")
    assert broken_webhook.explain(f"pod/{pod['metadata']['name']}", shop)["state"] == "healthy"


def test_while_the_webhook_is_down_policy_ignore_lets_pods_pass_without_a_sidecar(
    mesh: Mesh, broken_webhook: Injector, shop: str
) -> None:
    broken_webhook.configure(failure_policy="Ignore")
    broken_webhook.stop()
    mesh.apply(a.pod("lenient", shop, a.container(["pause"])))
    _wait_for_ready(mesh, shop, "lenient")
    _assert_not_injected(mesh, broken_webhook, shop, "lenient", "webhook-ignored")

    broken_webhook.start()
    mesh.apply(a.pod("lenient-again", shop, a.container(["pause"])))
    _wait_for_ready(mesh, shop, "lenient-again")
    assert broken_webhook.explain("pod/lenient-again", shop)["state"] == "healthy"


def test_in_a_namespace_without_the_label_no_webhook_is_called_and_a_later_label_does_not_help(
    mesh: Mesh, injector: Injector, plain_namespace: str
) -> None:
    mesh.apply(a.pod("early", plain_namespace, a.container(["pause"])))
    _wait_for_ready(mesh, plain_namespace, "early")
    _assert_not_injected(mesh, injector, plain_namespace, "early", "webhook-selectors")

    mesh.cluster.kubectl("label", "namespace", plain_namespace, "istio-injection=enabled")
    _assert_not_injected(mesh, injector, plain_namespace, "early", "label-younger")


def test_without_a_webhook_configuration_no_pod_is_injected(
    mesh: Mesh, broken_webhook: Injector, shop: str
) -> None:
    mesh.cluster.kubectl("delete", "mutatingwebhookconfiguration", WEBHOOK)
    # The API server stops calling a moment later.
    mesh.wait(lambda: "istio-proxy" not in json.dumps(broken_webhook.sample()), "pods to pass")
    mesh.apply(a.pod("unasked", shop, a.container(["pause"])))
    _wait_for_ready(mesh, shop, "unasked")
    _assert_not_injected(mesh, broken_webhook, shop, "unasked", "webhook-absent")

    broken_webhook.configure()
    _assert_not_injected(mesh, broken_webhook, shop, "unasked", "webhook-younger")


def _explained(mesh: Mesh, injector: Injector, target: str, namespace: str, cause: str) -> Object:
    """Return what is explained as soon as the verdict is that cause."""
    live: Object = {}

    def is_explained() -> bool:
        live.update(injector.explain(target, namespace))
        return _verdict(live) == cause

    try:
        mesh.wait(is_explained, f"explain to say {cause} of {target}")
    finally:
        print(json.dumps(live, indent=1))
    return live


def _assert_not_injected(mesh: Mesh, injector: Injector, namespace: str, pod: str, cause: str) -> None:
    """A pod that runs well, without a sidecar, and whose missing sidecar is explained."""
    stored = mesh.cluster.get("pod", pod, namespace)
    assert [container["name"] for container in stored["spec"]["containers"]] == ["app"]
    assert not stored["spec"].get("initContainers")
    assert _conditions(stored)["Ready"] == "True"
    live = injector.explain(f"pod/{pod}", namespace)
    assert (live["state"], _verdict(live)) == ("ready, not injected", cause)


def _verdict(live: Object) -> str:
    return live["causes"][0]["id"] if live["causes"] else ""


def _conditions(item: Object) -> dict[str, str]:
    return {entry["type"]: entry["status"] for entry in item["status"].get("conditions", ())}


def _wait_for_event(mesh: Mesh, namespace: str, name: str, reason: str, text: str) -> None:
    def is_there() -> bool:
        return any(
            event["involvedObject"]["name"] == name and event["reason"] == reason and text in event["message"]
            for event in _items(mesh, "events", namespace)
        )

    mesh.wait(is_there, f"an event {reason} of {name} about {text}")


def _items(mesh: Mesh, kind: str, namespace: str, selector: str = "") -> list[Object]:
    command = ["get", kind, "-n", namespace, "-l", selector, "-o", "json"]
    items: list[Object] = json.loads(mesh.cluster.kubectl(*command))["items"]
    return items


def _names(mesh: Mesh, namespace: str, app: str) -> set[str]:
    return {pod["metadata"]["name"] for pod in mesh.pods(namespace, f"app={app}")}


def _wait_for_ready(mesh: Mesh, namespace: str, pod: str) -> None:
    mesh.cluster.kubectl("wait", "-n", namespace, f"pod/{pod}", "--for=condition=Ready", "--timeout=200s")


def _wait_for_rollouts(cluster: Cluster, namespace: str, *deployments: str) -> None:
    for name in deployments:
        cluster.kubectl("rollout", "status", f"deploy/{name}", "-n", namespace, "--timeout=200s")
