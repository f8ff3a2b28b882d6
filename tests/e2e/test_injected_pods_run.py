"""Pods of webhook and command line run: forms of sidecar, Jobs, probes, init containers, an opt-out.

The same objects (forms.py) go into two namespaces: as they are into one that is labelled, and rendered
from istiod's own ConfigMaps into one that is not. Both are STRICT: what comes past a proxy in plain text
is refused, the kubelet's own probes too if they were not rewritten. At the end the rendered ones are
uninjected, and run without the mesh.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest
import yaml

from tests.beds.mesh import applications as a
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.injector import REPO, STATUS, Injector, annotations_of
from tests.beds.mesh.wire import Flow, watched
from tests.beds.node.bed import Cluster
from tests.beds.plugin import NewNamespace
from tests.e2e import forms
from tests.e2e.forms import SERVERS, app_of

Object = dict[str, Any]
FROM_ISTIOD = ["--meshConfigMapName=istio", "--injectConfigMapName=istio-sidecar-injector"]
WEBHOOK, RENDERED = "webhook", "kube-inject"
# What a server answers about its caller where no proxy adds the identity.
NOBODY = {"": 1}
# The webhook gets a probe with its defaults, a manifest has none: so that they are taken out again by
# uninject, kube-inject writes down that it was the rewriting that brought them.
UNDO = "/annotations/sidecar-injector/undo"
PROBE = "/spec/containers/app/readinessProbe"
BROUGHT = {
    **dict.fromkeys(["native", "held", "broken", "tunnelled"], f"{PROBE}/httpGet/scheme"),
    "probed": f"{PROBE}/grpc/service",
}
# Drawn for each Job and ReplicaSet.
DRAWN = ("pod-template-hash", "controller-uid", "batch.kubernetes.io/controller-uid")


class Shops(NamedTuple):
    """The namespaces of webhook and command line and one without injection, manifests and their results."""

    by_way: Mapping[str, str]
    outside: str
    manifests: list[Object]
    files: list[Object]


@pytest.fixture(scope="module")
def shops(mesh: Mesh, injected_namespace: str, plain_namespace: str, new_namespace: NewNamespace) -> Shops:
    """All of forms.py by both ways, and the server that opts out where nothing injects it."""
    by_way, outside = {WEBHOOK: injected_namespace, RENDERED: plain_namespace}, new_namespace({})
    mesh.cluster.load([a.traffic_image()])
    manifests = [*forms.servers(plain_namespace), *forms.jobs(plain_namespace)]
    files = _injector(mesh.cluster, manifests, "kube-inject", *FROM_ISTIOD, "-f", "-")
    mesh.apply(*forms.servers(injected_namespace), *_without_jobs(files), forms.aside(outside))
    for namespace in by_way.values():
        _wait_available(mesh.cluster, namespace, *(f"deploy/{name}" for name in forms.SOUND))
    _wait_available(mesh.cluster, outside, "deploy/aside")
    # The Jobs call once and at once, so they are made when the servers are ready.
    mesh.apply(*forms.jobs(injected_namespace), *_jobs(files))
    return Shops(by_way, outside, manifests, files)


@pytest.fixture(params=[WEBHOOK, RENDERED])
def shop(shops: Shops, request: pytest.FixtureRequest) -> str:
    """The namespace of one of the ways: what holds for the pods of one holds for those of the other."""
    return shops.by_way[request.param]


@pytest.mark.parametrize("name", [*SERVERS, "probed", "tunnelled"])
def test_a_pod_is_injected_and_ready(mesh: Mesh, shop: str, name: str) -> None:
    pod = _pod(mesh, shop, name)
    place = "initContainers" if name in ("native", "probed") else "containers"
    assert "istio-proxy" in json.loads(annotations_of(pod)[STATUS])[place]
    assert _condition(pod, "Ready") == "True"


def test_the_injector_logged_the_decisions(injector: Injector, shops: Shops) -> None:
    # Where the machine is so busy that the webhook was started again, its first lines are gone.
    decisions = [line for line in injector.logs() if "decision" in line]
    asked = [line for line in decisions if line.get("namespace") == shops.by_way[WEBHOOK]]
    assert not [line for line in decisions if line.get("namespace") == shops.by_way[RENDERED]]
    assert {line["decision"] for line in asked} - {"unchanged"} == {"inject"}
    assert any(line["pod"].startswith("errand-") for line in asked), asked
    assert not any(line["pod"].startswith("aside-") for line in asked), asked


@pytest.mark.parametrize("name", SERVERS)
def test_a_proxy_stands_in_front_of_each_server(mesh: Mesh, shop: str, name: str) -> None:
    answer = _ask(mesh, shop, "probed", name)
    assert answer["callers"] == {f"spiffe://cluster.local/ns/{shop}/sa/default": 1}, answer
    lines = mesh.access_log(
        shop, f"deploy/{name}", lambda entries: any(_is_inbound(line) for line in entries)
    )
    assert {line["downstream_tls"] for line in lines if _is_inbound(line)} == {"TLSv1.3"}


def test_a_client_without_a_proxy_is_refused_by_all_of_them(mesh: Mesh, shop: str, shops: Shops) -> None:
    for name in SERVERS:
        answer = _ask(mesh, shops.outside, "aside", f"{name}.{shop}")
        assert answer["errors"] == {"reset": 1}, (name, answer)
    assert _ask(mesh, shops.outside, "aside", f"aside.{shop}")["failed"] == 0


def test_a_held_application_starts_after_its_proxy_is_ready(mesh: Mesh, shop: str) -> None:
    ready = _said(mesh, shop, "held", "istio-proxy", "Envoy proxy is ready")
    assert ready < _said(mesh, shop, "held", "app", "serves")


def test_without_it_a_classic_application_does_not_wait(mesh: Mesh, shops: Shops, shop: str) -> None:
    # Without a control plane its proxy never becomes ready: an application that waited would not start.
    alone = {"proxy.istio.io/config": json.dumps({"discoveryAddress": "istiod.nowhere.svc:15012"})}
    pod = a.pod("alone", shop, a.container(["pause"]), annotations={**forms.CLASSIC, **alone})
    made = [pod]
    if shop == shops.by_way[RENDERED]:
        made = _injector(mesh.cluster, [pod], "kube-inject", *FROM_ISTIOD, "-f", "-")
    mesh.apply(*made)
    try:
        mesh.wait(lambda: _running(_status(_pod(mesh, shop, "alone"), "app")), "the application to start")
        assert not _status(_pod(mesh, shop, "alone"), "istio-proxy")["ready"]
    finally:
        mesh.delete(*made)


def test_a_native_sidecar_is_ready_before_the_application_starts(mesh: Mesh, shop: str) -> None:
    ready = _said(mesh, shop, "native", "istio-proxy", "Envoy proxy is ready")
    assert ready < _said(mesh, shop, "native", "app", "serves")


def test_a_job_with_a_native_sidecar_completes(mesh: Mesh, shop: str) -> None:
    _wait_complete(mesh.cluster, shop, "errand")
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


def test_a_pod_that_opts_out_stays_as_it_was(mesh: Mesh, shop: str, shops: Shops) -> None:
    pod, uninjected = _pod(mesh, shop, "aside"), _pod(mesh, shops.outside, "aside")
    assert _differences(_as_made(pod), _as_made(uninjected)) == {}
    assert _condition(pod, "Ready") == "True"


def test_network_probes_go_through_the_agent(mesh: Mesh, shop: str) -> None:
    app = app_of(_pod(mesh, shop, "probed")["spec"])
    for probe, path in (("startupProbe", "startupz"), ("readinessProbe", "readyz")):
        assert app[probe]["httpGet"]["port"] == 15020
        assert app[probe]["httpGet"]["path"] == f"/app-health/app/{path}"
    http = app_of(_pod(mesh, shop, "native")["spec"])["readinessProbe"]["httpGet"]
    assert (http["port"], http["path"]) == (15020, "/app-health/app/readyz")


def test_an_exec_probe_is_left_as_it_is(mesh: Mesh, shop: str) -> None:
    probe = app_of(_pod(mesh, shop, "classic")["spec"])["readinessProbe"]
    assert probe["exec"] == forms.EXEC["exec"]
    assert "httpGet" not in probe
    assert app_of(_pod(mesh, shop, "probed")["spec"])["livenessProbe"]["exec"] == forms.EXEC["exec"]
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


def test_a_tcp_probe_of_a_port_without_a_server_fails(mesh: Mesh, shop: str) -> None:
    mesh.wait(lambda: _failures(mesh, shop, "broken", "Startup probe failed"), "the TCP probe to fail")
    assert not _status(_pod(mesh, shop, "broken"), "app")["started"]


def test_without_rewriting_the_proxy_refuses_the_kubelet(mesh: Mesh, shop: str) -> None:
    mesh.wait(lambda: _failures(mesh, shop, "bare-probe", "Readiness probe failed"), "the probe to fail")
    pod = _pod(mesh, shop, "bare-probe")
    assert app_of(pod["spec"])["readinessProbe"]["httpGet"]["port"] == 8080
    assert _status(pod, "istio-proxy")["ready"]
    assert not _status(pod, "app")["ready"]


@pytest.mark.parametrize("name", [*forms.SOUND, "broken", "bare-probe", *forms.JOBS])
def test_webhook_and_command_line_make_the_same_pods(mesh: Mesh, shops: Shops, name: str) -> None:
    webhook, rendered = (_as_made(_pod(mesh, namespace, name)) for namespace in shops.by_way.values())
    undo = {UNDO: (None, json.dumps([[BROUGHT[name]]]))} if name in BROUGHT else {}
    assert _differences(webhook, rendered) == undo


@pytest.mark.parametrize("name", SERVERS)
def test_pods_of_webhook_and_command_line_use_mutual_tls_with_each_other(
    mesh: Mesh, shops: Shops, name: str
) -> None:
    one, other = shops.by_way.values()
    for here, there in ((one, other), (other, one)):
        answer, flows = _watched_answer(mesh, here, there, name)
        assert answer["callers"] == {f"spiffe://cluster.local/ns/{here}/sa/default": 1}, answer
        assert {flow["request"]["kind"] for flow in flows} == {"tls"}, flows


def test_uninjected_manifests_are_the_original_ones(mesh: Mesh, shops: Shops) -> None:
    assert shops.files != shops.manifests
    assert _injector(mesh.cluster, shops.files, "uninject", "-f", "-") == shops.manifests


def test_uninjected_pods_run_without_the_mesh(mesh: Mesh, shops: Shops) -> None:
    webhook, rendered = shops.by_way.values()
    files = _injector(mesh.cluster, shops.files, "uninject", "-f", "-")
    mesh.apply(*_without_jobs(files))
    for name in [*forms.SOUND, "bare-probe"]:
        mesh.wait(partial(_is_plain, mesh, rendered, name), f"{name} to run without a sidecar")
    for name in SERVERS:
        answer, flows = _watched_answer(mesh, webhook, rendered, name)
        assert (answer["failed"], answer["callers"]) == (0, NOBODY), answer
        assert "GET / HTTP/1.1" in {flow["request"].get("first") for flow in flows}, flows
        assert _ask(mesh, rendered, "native", f"{name}.{webhook}")["errors"] == {"reset": 1}
    # The pods of a Job cannot be changed.
    mesh.delete(*_jobs(files))
    mesh.wait(
        lambda: not any(mesh.pods(rendered, f"app={name}") for name in forms.JOBS), "the Jobs' pods to go"
    )
    mesh.apply(*_jobs(files))
    for name in forms.JOBS:
        _wait_complete(mesh.cluster, rendered, name)
        answer = _printed(mesh, rendered, name, "ask-native")
        assert (answer["failed"], answer["callers"]) == (0, NOBODY), answer


def _injector(cluster: Cluster, manifests: list[Object], *command: str) -> list[Object]:
    """Run a command of the product on manifests; it finds the cluster as kubectl does."""
    done = subprocess.run(
        [sys.executable, "-m", "injector.cli.main", *command],
        input=yaml.safe_dump_all(manifests, sort_keys=False),
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
        cwd=REPO,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return [made for made in yaml.safe_load_all(done.stdout) if made]


def _jobs(objects: list[Object]) -> list[Object]:
    return [made for made in objects if made["kind"] == "Job"]


def _without_jobs(objects: list[Object]) -> list[Object]:
    return [made for made in objects if made["kind"] != "Job"]


def _watched_answer(mesh: Mesh, here: str, there: str, name: str) -> tuple[Object, list[Flow]]:
    """Ask a server of the other namespace; return the answer and what went over the wire of its pod."""

    def ask() -> Object:
        return _ask(mesh, here, "native", f"{name}.{there}")

    mesh.wait(lambda: not ask()["failed"], f"{name}.{there} to answer {here}")
    server = _pod(mesh, there, name)["metadata"]["name"]
    with watched(mesh.cluster, (there, server), port=a.PORTS["http"], interface="eth0") as flows:
        answer = ask()
    return answer, flows


def _is_plain(mesh: Mesh, namespace: str, app: str) -> bool:
    """Whether there is one pod of it, Ready, with nothing of the mesh."""
    pods = mesh.pods(namespace, f"app={app}")
    return len(pods) == 1 and _condition(pods[0], "Ready") == "True" and _has_nothing_added(pods[0])


def _has_nothing_added(pod: Object) -> bool:
    spec = pod["spec"]
    names = [one["name"] for one in [*spec.get("initContainers", ()), *spec["containers"]]]
    return names[-1] == "app" and names[:-1] in ([], ["tunnel"]) and STATUS not in annotations_of(pod)


def _ask(mesh: Mesh, namespace: str, sender: str, server: str) -> Object:
    return a.ask(mesh.cluster, namespace, f"deploy/{sender}", "get", f"http://{server}/")


def _switch(mesh: Mesh, namespace: str, name: str, to: str) -> None:
    url = f"http://localhost:{a.PORTS['http']}/ready/{to}"
    assert a.ask(mesh.cluster, namespace, f"deploy/{name}", "get", url)["failed"] == 0


def _wait_available(cluster: Cluster, namespace: str, *names: str) -> None:
    cluster.kubectl("wait", "-n", namespace, *names, "--for=condition=Available", "--timeout=200s")


def _wait_complete(cluster: Cluster, namespace: str, job: str) -> None:
    cluster.kubectl("wait", "-n", namespace, f"job/{job}", "--for=condition=Complete", "--timeout=200s")


def _pod(mesh: Mesh, namespace: str, app: str) -> Object:
    (pod,) = mesh.pods(namespace, f"app={app}")
    return pod


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
    printed: Object = json.loads(mesh.cluster.kubectl("logs", "-n", namespace, name, "-c", container))
    return printed


def _said(mesh: Mesh, namespace: str, name: str, container: str, words: str) -> str:
    """Return when a container said these words first; such times compare as text, to the nanosecond."""
    log = mesh.cluster.kubectl("logs", "-n", namespace, f"deploy/{name}", "-c", container, "--timestamps")
    first = next(line.split()[0] for line in log.splitlines() if words in line)
    # The zeros at the end of the fraction are left out, and text of one length is what compares.
    return first.rstrip("Z").ljust(len("2026-01-01T00:00:00.000000000"), "0")


def _failures(mesh: Mesh, namespace: str, app: str, words: str) -> list[str]:
    """Return the kubelet's complaints about a pod that begin so."""
    name = _pod(mesh, namespace, app)["metadata"]["name"]
    selected = f"--field-selector=involvedObject.name={name},reason=Unhealthy"
    events = json.loads(mesh.cluster.kubectl("get", "events", "-n", namespace, selected, "-o", "json"))
    return [one["message"] for one in events["items"] if one["message"].startswith(words)]


def _is_inbound(line: Object) -> bool:
    return (line["upstream_cluster"], line["path"]) == (f"inbound|{a.PORTS['http']}||", "/")


def _as_made(pod: Object) -> Object:
    """Return what a pod was made of, without what is another for each pod: its namespace and drawn names."""
    marks = {key: dict(pod["metadata"].get(key) or {}) for key in ("labels", "annotations")}
    for label in DRAWN:
        marks["labels"].pop(label, None)
    text = json.dumps({**marks, "spec": pod["spec"]})
    text = text.replace(pod["metadata"]["namespace"], "NAMESPACE")
    text = re.sub(r"kube-api-access-\w+", "kube-api-access", text)
    manifest: Object = json.loads(text)
    return manifest


def _differences(one: Any, other: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """Return what differs by its path; lists of named things are compared by name."""
    if isinstance(one, list) and isinstance(other, list) and _named(one) and _named(other):
        one, other = ({item["name"]: item for item in items} for items in (one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        keys = one.keys() | other.keys()
        parts = [_differences(one.get(key), other.get(key), f"{path}/{key}") for key in sorted(keys)]
        return {where: pair for part in parts for where, pair in part.items()}
    return {} if one == other else {path: (one, other)}


def _named(items: list[Any]) -> bool:
    return all(isinstance(item, dict) and "name" in item for item in items)
