"""Pods of a labelled namespace are injected by us and run: each form, Jobs, probes, init containers, opt-out.

The namespace is STRICT: what comes past a proxy in plain text is refused, the kubelet's own probes too
if they were not rewritten. Two pods are wrong on purpose, to show that probes can fail.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from cluster.bed import Cluster
from mesh import applications as a
from mesh.bed import Mesh
from mesh.injector import STATUS, Injector, annotations_of

Object = dict[str, Any]
CLASSIC = {"sidecar.istio.io/nativeSidecar": "false"}
HELD = {**CLASSIC, "proxy.istio.io/config": json.dumps({"holdApplicationUntilProxyStarts": True})}
OPT_OUT = {"sidecar.istio.io/inject": "false"}
EXEC = {"exec": {"command": [a.PROGRAM, "exec-ok", "/tmp/ready"]}}
SERVERS = ["native", "classic", "held"]
# What a server says about who asked where no proxy tells it, once.
NOBODY = {"": 1}


@pytest.fixture(scope="module")
def shop(mesh: Mesh, injected_namespace: str, plain_namespace: str) -> str:
    """A namespace with servers in each form of sidecar, and Jobs that ask them."""
    namespace = injected_namespace
    mesh.cluster.load([a.traffic_image()])
    mesh.apply(
        _strict(namespace),
        *(a.service(name, namespace) for name in ["aside", "native", "classic", "held"]),
        a.server("aside", namespace, labels=OPT_OUT),
        a.server("aside", plain_namespace, labels=OPT_OUT),
        a.server("native", namespace),
        a.server("classic", namespace, probe=EXEC, annotations=CLASSIC),
        a.server("held", namespace, annotations=HELD),
        _probed(namespace),
        _broken(namespace),
        a.server("bare-probe", namespace, annotations={"sidecar.istio.io/rewriteAppHTTPProbers": "false"}),
    )
    good = [f"deploy/{name}" for name in ["aside", "probed", *SERVERS]]
    _wait_available(mesh.cluster, namespace, *good)
    _wait_available(mesh.cluster, plain_namespace, "deploy/aside")
    # The Jobs ask at once and only once, so they come when there is somebody to answer.
    mesh.apply(
        a.job("errand", namespace, _get("aside"), initContainers=[_asks("native")]),
        a.job(
            *("errand-classic", namespace, _get("aside")),
            initContainers=[_asks("aside"), _asks("native")],
            annotations=CLASSIC,
        ),
    )
    return namespace


@pytest.mark.parametrize("name", [*SERVERS, "probed"])
def test_a_pod_is_injected_and_ready(mesh: Mesh, shop: str, name: str) -> None:
    pod = _pod(mesh, shop, name)
    place = "initContainers" if name in ("native", "probed") else "containers"
    assert "istio-proxy" in json.loads(annotations_of(pod)[STATUS])[place]
    assert _condition(pod, "Ready") == "True"


def test_it_was_our_webhook_that_was_asked(injector: Injector, shop: str) -> None:
    # Where the machine is so busy that the webhook was started again, its first lines are gone.
    asked = [line for line in injector.logs() if line.get("namespace") == shop and "decision" in line]
    assert {line["decision"] for line in asked} == {"inject"}
    assert any(line["pod"].startswith("errand-") for line in asked), asked
    assert not any(line["pod"].startswith("aside-") for line in asked), asked


@pytest.mark.parametrize("name", SERVERS)
def test_a_proxy_stands_in_front_of_each_server(mesh: Mesh, shop: str, name: str) -> None:
    answer = _ask(mesh, shop, "probed", name)
    assert answer["callers"] == {f"spiffe://cluster.local/ns/{shop}/sa/default": 1}, answer
    lines = mesh.access_log(shop, f"deploy/{name}", lambda found: any(_is_inbound(line) for line in found))
    assert {line["downstream_tls"] for line in lines if _is_inbound(line)} == {"TLSv1.3"}


def test_who_has_no_proxy_is_refused_by_all_of_them(mesh: Mesh, shop: str, plain_namespace: str) -> None:
    for name in SERVERS:
        answer = _ask(mesh, plain_namespace, "aside", f"{name}.{shop}")
        assert answer["errors"] == {"reset": 1}, (name, answer)
    assert _ask(mesh, plain_namespace, "aside", f"aside.{shop}")["failed"] == 0


def test_a_held_application_starts_after_its_proxy_is_ready(mesh: Mesh, shop: str) -> None:
    ready = _said(mesh, shop, "held", "istio-proxy", "Envoy proxy is ready")
    assert ready < _said(mesh, shop, "held", "app", "serves")


def test_without_it_a_classic_application_does_not_wait(mesh: Mesh, shop: str) -> None:
    ready = _said(mesh, shop, "classic", "istio-proxy", "Envoy proxy is ready")
    assert ready > _said(mesh, shop, "classic", "app", "serves")


def test_a_native_sidecar_is_ready_before_the_application_starts(mesh: Mesh, shop: str) -> None:
    ready = _said(mesh, shop, "native", "istio-proxy", "Envoy proxy is ready")
    assert ready < _said(mesh, shop, "native", "app", "serves")


def test_a_job_with_a_native_sidecar_completes(mesh: Mesh, shop: str) -> None:
    mesh.cluster.run_kubectl("wait", "-n", shop, "job/errand", "--for=condition=Complete", "--timeout=120s")
    pod = _pod(mesh, shop, "errand")
    assert STATUS in annotations_of(pod)
    assert pod["status"]["phase"] == "Succeeded"
    assert _printed(mesh, shop, "errand", "app")["failed"] == 0


def test_a_job_with_a_classic_sidecar_does_its_work_but_does_not_end(mesh: Mesh, shop: str) -> None:
    mesh.wait(lambda: _ended(mesh, shop, "errand-classic", "app"), "the classic Job's application to end")
    mesh.wait(lambda: _running(_status(_pod(mesh, shop, "errand-classic"), "istio-proxy")), "its sidecar")
    assert not mesh.cluster.get("job", "errand-classic", shop)["status"].get("succeeded")


def test_the_init_container_of_a_native_pod_is_in_the_mesh(mesh: Mesh, shop: str) -> None:
    mesh.wait(lambda: _ended(mesh, shop, "errand", "ask-native"), "the init container")
    answer = _printed(mesh, shop, "errand", "ask-native")
    assert answer["callers"] == {f"spiffe://cluster.local/ns/{shop}/sa/default": 1}, answer


def test_the_init_container_of_a_classic_pod_has_a_network_without_the_mesh(mesh: Mesh, shop: str) -> None:
    mesh.wait(lambda: _ended(mesh, shop, "errand-classic", "ask-native"), "the init containers")
    plain = _printed(mesh, shop, "errand-classic", "ask-aside")
    assert (plain["failed"], plain["callers"]) == (0, NOBODY)
    assert _printed(mesh, shop, "errand-classic", "ask-native")["errors"] == {"reset": 1}


def test_a_pod_that_opts_out_stays_as_it_was(mesh: Mesh, shop: str, plain_namespace: str) -> None:
    pod, uninjected = _pod(mesh, shop, "aside"), _pod(mesh, plain_namespace, "aside")
    assert _as_made(pod) == _as_made(uninjected)
    assert _condition(pod, "Ready") == "True"


def test_network_probes_go_through_the_agent(mesh: Mesh, shop: str) -> None:
    app = _container(_pod(mesh, shop, "probed"))
    for probe, path in (("startupProbe", "startupz"), ("readinessProbe", "readyz")):
        assert app[probe]["httpGet"]["port"] == 15020
        assert app[probe]["httpGet"]["path"] == f"/app-health/app/{path}"
    http = _container(_pod(mesh, shop, "native"))["readinessProbe"]["httpGet"]
    assert (http["port"], http["path"]) == (15020, "/app-health/app/readyz")


def test_an_exec_probe_is_left_as_it_is(mesh: Mesh, shop: str) -> None:
    probe = _container(_pod(mesh, shop, "classic"))["readinessProbe"]
    assert probe["exec"] == EXEC["exec"]
    assert "httpGet" not in probe
    assert _container(_pod(mesh, shop, "probed"))["livenessProbe"]["exec"] == EXEC["exec"]
    assert _status(_pod(mesh, shop, "probed"), "app")["restartCount"] == 0


@pytest.mark.parametrize(("name", "kind"), [("native", "HTTP"), ("probed", "gRPC")])
def test_a_probe_fails_when_the_application_says_so(mesh: Mesh, shop: str, name: str, kind: str) -> None:
    # The application's HTTP and gRPC health follow the same switch; it is turned from within the pod.
    _switch(mesh, shop, name, "off")
    try:
        mesh.wait(lambda: not _ready(mesh, shop, name), f"the {kind} probe to fail")
        assert _status(_pod(mesh, shop, name), "istio-proxy")["ready"]
    finally:
        _switch(mesh, shop, name, "on")
        mesh.wait(lambda: _ready(mesh, shop, name), f"the {kind} probe to succeed again")


def test_a_tcp_probe_of_a_port_that_nobody_serves_fails(mesh: Mesh, shop: str) -> None:
    mesh.wait(lambda: _failures(mesh, shop, "broken", "Startup probe failed"), "the TCP probe to fail")
    assert not _status(_pod(mesh, shop, "broken"), "app")["started"]


def test_without_rewriting_the_proxy_refuses_the_kubelet(mesh: Mesh, shop: str) -> None:
    mesh.wait(lambda: _failures(mesh, shop, "bare-probe", "Readiness probe failed"), "the probe to fail")
    pod = _pod(mesh, shop, "bare-probe")
    assert _container(pod)["readinessProbe"]["httpGet"]["port"] == 8080
    assert _status(pod, "istio-proxy")["ready"]
    assert not _status(pod, "app")["ready"]


def _strict(namespace: str) -> Object:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {"mtls": {"mode": "STRICT"}},
    }


def _probed(namespace: str) -> Object:
    """Return a server with a probe of each kind but HTTP."""
    made = a.server("probed", namespace, probe={"grpc": {"port": a.PORTS["grpc"]}})
    app = _container(made["spec"]["template"])
    app["startupProbe"] = {"tcpSocket": {"port": a.PORTS["tcp"]}, "periodSeconds": 1}
    app["livenessProbe"] = {**EXEC, "periodSeconds": 2, "timeoutSeconds": 5}
    return made


def _broken(namespace: str) -> Object:
    """Return a server whose probe asks a port on which it does not listen."""
    made = a.server("broken", namespace)
    probe = {"tcpSocket": {"port": 9999}, "periodSeconds": 1, "failureThreshold": 600}
    _container(made["spec"]["template"])["startupProbe"] = probe
    return made


def _asks(name: str) -> Object:
    return a.container(_get(name), f"ask-{name}")


def _get(name: str) -> list[str]:
    return ["get", f"http://{name}/", "--allow-errors"]


def _ask(mesh: Mesh, namespace: str, sender: str, server: str) -> Object:
    return a.ask(mesh.cluster, namespace, f"deploy/{sender}", "get", f"http://{server}/")


def _switch(mesh: Mesh, namespace: str, name: str, to: str) -> None:
    url = f"http://localhost:{a.PORTS['http']}/ready/{to}"
    assert a.ask(mesh.cluster, namespace, f"deploy/{name}", "get", url)["failed"] == 0


def _wait_available(cluster: Cluster, namespace: str, *names: str) -> None:
    cluster.run_kubectl("wait", "-n", namespace, *names, "--for=condition=Available", "--timeout=150s")


def _pod(mesh: Mesh, namespace: str, app: str) -> Object:
    (pod,) = mesh.pods(namespace, f"app={app}")
    return pod


def _container(pod: Object, name: str = "app") -> Object:
    found: Object = next(one for one in pod["spec"]["containers"] if one["name"] == name)
    return found


def _status(pod: Object, container: str) -> Object:
    """Return the status of a container, empty while there is none."""
    status = pod["status"]
    listed = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return next((one for one in listed if one["name"] == container), {})


def _running(status: Object) -> bool:
    return "running" in status.get("state", {})


def _ended(mesh: Mesh, namespace: str, app: str, container: str) -> bool:
    return "terminated" in _status(_pod(mesh, namespace, app), container).get("state", {})


def _ready(mesh: Mesh, namespace: str, app: str) -> bool:
    return _condition(_pod(mesh, namespace, app), "Ready") == "True"


def _condition(pod: Object, kind: str) -> str:
    return str(next(one["status"] for one in pod["status"]["conditions"] if one["type"] == kind))


def _printed(mesh: Mesh, namespace: str, app: str, container: str) -> Object:
    """Return what a command of the traffic program printed in a container that ran it."""
    name = _pod(mesh, namespace, app)["metadata"]["name"]
    found: Object = json.loads(mesh.cluster.run_kubectl("logs", "-n", namespace, name, "-c", container))
    return found


def _said(mesh: Mesh, namespace: str, name: str, container: str, words: str) -> str:
    """Return when a container said these words first; such times compare as text, to the nanosecond."""
    log = mesh.cluster.run_kubectl("logs", "-n", namespace, f"deploy/{name}", "-c", container, "--timestamps")
    first = next(line.split()[0] for line in log.splitlines() if words in line)
    # The zeros at the end of the fraction are left out, and text of one length is what compares.
    return first.rstrip("Z").ljust(len("2026-01-01T00:00:00.000000000"), "0")


def _failures(mesh: Mesh, namespace: str, app: str, words: str) -> list[str]:
    """Return the kubelet's complaints about a pod that begin so."""
    name = _pod(mesh, namespace, app)["metadata"]["name"]
    selected = f"--field-selector=involvedObject.name={name},reason=Unhealthy"
    events = json.loads(mesh.cluster.run_kubectl("get", "events", "-n", namespace, selected, "-o", "json"))
    return [one["message"] for one in events["items"] if one["message"].startswith(words)]


def _is_inbound(line: Object) -> bool:
    return line["upstream_cluster"] == f"inbound|{a.PORTS['http']}||" and line["path"] == "/"


def _as_made(pod: Object) -> Object:
    """Return what a pod was made of; the name of the token's volume is drawn by lot."""
    marks = {key: pod["metadata"].get(key) for key in ("labels", "annotations")}
    text = json.dumps({**marks, "spec": pod["spec"]}, sort_keys=True)
    found: Object = json.loads(re.sub(r"kube-api-access-\w+", "kube-api-access", text))
    return found
