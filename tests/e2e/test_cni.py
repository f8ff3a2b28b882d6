"""With Istio's CNI plugin, injected pods need no rights: PodSecurity restricted lets them pass.

And nothing runs beside the mesh by accident: where the plugin did not do its work, the pod stops.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.beds.mesh import applications as a
from tests.beds.mesh import wire
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.injector import REPO, Injector
from tests.beds.mesh.manifests import NAMESPACE
from tests.beds.node.bed import Cluster

ENFORCED = {"istio-injection": "enabled", "pod-security.kubernetes.io/enforce": "restricted"}
VALIDATION = "istio-validation"
CLASSIC = {"sidecar.istio.io/nativeSidecar": "false"}
NOT_CAPTURED = {"traffic.sidecar.istio.io/excludeOutboundPorts": str(a.PORTS["http"])}


@pytest.fixture(scope="module")
def plugin(mesh: Mesh, injector: Injector) -> Iterator[None]:
    """Istio's CNI plugin on the node, and an injector that counts on it."""
    with contextlib.ExitStack() as stack:
        stack.callback(
            mesh.wait, lambda: not _init_containers(injector) & {VALIDATION}, "the usual init container"
        )
        stack.callback(mesh.remove_cni)
        mesh.install_cni()
        stack.enter_context(mesh.configured(cni=True, seccomp_profile="RuntimeDefault"))
        _await_injector(mesh, injector, seccomp=True)
        yield


@pytest.fixture(scope="module")
def restricted(mesh: Mesh, plugin: None, new_namespace: Callable[[dict[str, str]], str]) -> str:
    """A namespace that enforces PodSecurity restricted, with a server and clients."""
    del plugin  # captures their traffic
    cluster = mesh.cluster
    cluster.load([a.traffic_image()])
    namespace = new_namespace(ENFORCED)
    workloads = [
        a.server("server", namespace),
        a.client("client", namespace),
        a.client("classic", namespace, annotations=CLASSIC),
        a.client("bypass", namespace, annotations=NOT_CAPTURED),
    ]
    mesh.apply(a.service("server", namespace), *map(_confined, workloads))
    cluster.kubectl(
        *("wait", "-n", namespace, "deploy", "--all", "--for=condition=Available", "--timeout=200s")
    )
    return namespace


@pytest.mark.parametrize("sender", ["client", "classic"])
def test_pods_without_rights_pass_restricted_and_use_mutual_tls(
    mesh: Mesh, restricted: str, sender: str
) -> None:
    pod = _pod(mesh, restricted, sender)
    names = [one["name"] for one in pod["spec"]["initContainers"]]
    assert VALIDATION in names
    assert "istio-init" not in names
    _await_answer(mesh, restricted, sender)
    server = _pod(mesh, restricted, "server")["metadata"]["name"]
    with wire.watched(mesh.cluster, (restricted, server), port=a.PORTS["http"], interface="eth0") as flows:
        answer = _ask(mesh.cluster, restricted, sender)
    assert answer["callers"] == {f"spiffe://cluster.local/ns/{restricted}/sa/default": 1}
    assert {flow["request"]["kind"] for flow in flows} == {"tls"}


def test_the_plugin_obeys_the_annotations_of_a_pod(mesh: Mesh, restricted: str) -> None:
    server = _pod(mesh, restricted, "server")
    target = f"http://{server['status']['podIP']}:{a.PORTS['http']}/"
    # What its own proxy has in its hands goes over `lo`.
    seen = {}
    for sender in ("client", "bypass"):
        name = _pod(mesh, restricted, sender)["metadata"]["name"]
        with wire.watched(mesh.cluster, (restricted, name), interface="lo") as flows:
            answer = a.ask(mesh.cluster, restricted, name, "get", target)
        assert answer["statuses"] == {"200": 1}
        seen[sender] = any(flow["server"] == "127.0.0.1:15001" for flow in flows)
    assert seen == {"client": True, "bypass": False}


def test_without_a_seccomp_profile_the_api_server_refuses_and_check_says_what_is_missing(
    mesh: Mesh, injector: Injector, restricted: str, tmp_path: Path
) -> None:
    assert "pod-security" not in _check(mesh.cluster, tmp_path)
    with mesh.configured(seccomp_profile=""):
        _await_injector(mesh, injector, seccomp=False)
        mesh.apply(_confined(a.client("late", restricted)))
        mesh.wait(
            lambda: _causes(injector, "deploy/late", restricted) == ["pod-security"],
            "explain to say that PodSecurity refuses the pod",
        )
        findings = _check(mesh.cluster, tmp_path)
        events = mesh.cluster.kubectl("get", "events", "-n", restricted, "-o", "json")
    refusals = [one["message"] for one in json.loads(events)["items"] if one["reason"] == "FailedCreate"]
    assert refusals
    for word in ("violates PodSecurity", "seccompProfile", VALIDATION, "istio-proxy"):
        assert all(word in refusal for refusal in refusals), refusals
    assert not mesh.pods(restricted, "app=late")
    finding = findings["pod-security"]
    assert finding["level"] == "error"
    assert restricted in finding["message"]
    assert finding["hint"] == "set values.global.proxy.seccompProfile to {type: RuntimeDefault}"
    # With the profile back, the very same workload comes up.
    _await_injector(mesh, injector, seccomp=True)
    mesh.cluster.kubectl("rollout", "restart", "deploy/late", "-n", restricted)
    mesh.cluster.kubectl("rollout", "status", "deploy/late", "-n", restricted, "--timeout=200s")


def test_a_pod_whose_redirection_is_missing_is_stopped_and_explain_names_it(
    mesh: Mesh, injector: Injector, restricted: str
) -> None:
    mesh.remove_cni()
    try:
        mesh.apply(a.pod("bare", restricted, a.container(["pause"])))
        mesh.wait(
            lambda: _causes(injector, "pod/bare", restricted)[:1] == ["redirection-missing"],
            "explain to name the missing redirection",
        )
        # It is started again and again: while it runs, and for a moment after it, its status has no end.
        ended = mesh.wait(lambda: _end_of_validation(mesh, restricted, "bare"), "the validation to end")
        assert ended["exitCode"] == 126
        # The application was not started, with the mesh or beside it.
        status = mesh.cluster.get("pod", "bare", restricted)["status"]
        assert all("waiting" in one["state"] for one in status["containerStatuses"])
        # Pods from before keep their redirection.
        answer = _ask(mesh.cluster, restricted, "client")
        assert answer["callers"] == {f"spiffe://cluster.local/ns/{restricted}/sa/default": 1}
    finally:
        mesh.delete(a.pod("bare", restricted, a.container(["pause"])))
        mesh.install_cni()
    mesh.apply(a.pod("cured", restricted, a.container(["pause"])))
    mesh.cluster.kubectl(*("wait", "-n", restricted, "pod/cured", "--for=condition=Ready", "--timeout=200s"))


def _confined(workload: dict[str, Any]) -> dict[str, Any]:
    """Give the profile to the containers instead of the pod, from which injected ones would inherit it."""
    spec = workload["spec"]["template"]["spec"]
    profile = spec["securityContext"].pop("seccompProfile")
    for container in spec["containers"]:
        container["securityContext"]["seccompProfile"] = profile
    return workload


def _init_containers(injector: Injector) -> set[str]:
    return {one["name"] for one in injector.sample()["spec"].get("initContainers", ())}


def _await_injector(mesh: Mesh, injector: Injector, *, seccomp: bool) -> None:
    """Wait until new pods are made for the plugin, with or without a seccomp profile."""

    def follows() -> bool:
        made = {one["name"]: one for one in injector.sample()["spec"].get("initContainers", ())}
        container = made.get(VALIDATION)
        return container is not None and ("seccompProfile" in container["securityContext"]) == seccomp

    mesh.wait(follows, "the injector to hear of the plugin")


def _check(cluster: Cluster, folder: Path) -> dict[str, dict[str, Any]]:
    """Return what `injector check --cluster` finds with istiod's own values, by its code."""
    data = cluster.get("configmap", "istio-sidecar-injector", NAMESPACE)["data"]
    config = folder / "injector.yaml"
    config.write_text(json.dumps({"profile": "istio", "values": json.loads(data["values"])}))
    command = [sys.executable, "-m", "injector.cli.main", "check", f"--config={config}", "--cluster"]
    command += [f"--kubeconfig={cluster.kubeconfig}", "-o", "json"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode in (0, 1), done.stderr
    return {one["code"]: one for one in json.loads(done.stdout)["results"]}


def _end_of_validation(mesh: Mesh, namespace: str, pod: str) -> dict[str, Any]:
    """Return how a pod's validation ended this time or the last, empty where its status has none now."""
    status = mesh.cluster.get("pod", pod, namespace)["status"]
    for one in status.get("initContainerStatuses", ()):
        if one["name"] == VALIDATION:
            end: dict[str, Any] = {**one.get("lastState", {}), **one["state"]}.get("terminated", {})
            return end
    return {}


def _causes(injector: Injector, target: str, namespace: str) -> list[str]:
    return [one["id"] for one in injector.explain(target, namespace)["causes"]]


def _pod(mesh: Mesh, namespace: str, name: str) -> dict[str, Any]:
    return mesh.pods(namespace, f"app={name}")[0]


def _ask(cluster: Cluster, namespace: str, sender: str) -> dict[str, Any]:
    return a.ask(cluster, namespace, f"deploy/{sender}", "get", "http://server/")


def _await_answer(mesh: Mesh, namespace: str, sender: str) -> None:
    mesh.wait(lambda: not _ask(mesh.cluster, namespace, sender)["failed"], "the server to answer")
