"""Manifests made by `injector kube-inject` run as the webhook's pods do, and uninjected without the mesh.

The same objects go into two namespaces: as they are into one that is injected, and rendered from istiod's
own ConfigMaps into one that is not labelled.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from cluster.bed import Cluster
from mesh import applications as a
from mesh.bed import Mesh
from mesh.injector import STATUS, annotations_of
from mesh.wire import Flow, watched

Object = dict[str, Any]
REPO = Path(__file__).resolve().parents[2]
FROM_ISTIOD = ["--meshConfigMapName=istio", "--injectConfigMapName=istio-sidecar-injector"]
CLASSIC = {"sidecar.istio.io/nativeSidecar": "false"}
NAMES = ["native", "classic"]
# The webhook gets a probe with its defaults, a manifest has none: so that they are taken out again by
# uninject, kube-inject writes down that it was the rewriting that brought them.
UNDO = "/annotations/sidecar-injector/undo"
SCHEME = "/spec/containers/app/readinessProbe/httpGet/scheme"
# What a server says about who asked where no proxy tells it, once.
NOBODY = {"": 1}


class Shop(NamedTuple):
    """The two namespaces, the manifests that were rendered and what was made of them."""

    webhook: str
    rendered: str
    manifests: list[Object]
    files: list[Object]


@pytest.fixture(scope="module")
def shop(mesh: Mesh, injected_namespace: str, plain_namespace: str) -> Shop:
    """Two servers, each by both ways."""
    mesh.cluster.load([a.traffic_image()])
    manifests = _manifests(plain_namespace)
    mesh.apply(*_manifests(injected_namespace))
    files = _injector(mesh.cluster, manifests, "kube-inject", *FROM_ISTIOD, "-f", "-")
    mesh.apply(*files)
    for namespace in (injected_namespace, plain_namespace):
        _wait_available(mesh.cluster, namespace)
    return Shop(injected_namespace, plain_namespace, manifests, files)


@pytest.mark.parametrize("name", NAMES)
def test_the_pods_are_those_of_the_webhook(mesh: Mesh, shop: Shop, name: str) -> None:
    webhook = _as_made(_pod(mesh, shop.webhook, name))
    rendered = _as_made(_pod(mesh, shop.rendered, name))
    assert STATUS in rendered["annotations"]
    assert _differences(webhook, rendered) == {UNDO: (None, json.dumps([[SCHEME]]))}


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_talk_mutual_tls_with_each_other(mesh: Mesh, shop: Shop, name: str) -> None:
    for here, there in ((shop.webhook, shop.rendered), (shop.rendered, shop.webhook)):
        answer, flows = _watched_answer(mesh, here, there, name)
        assert answer["callers"] == {f"spiffe://cluster.local/ns/{here}/sa/default": 1}, answer
        assert {flow["request"]["kind"] for flow in flows} == {"tls"}, flows


def test_uninjected_manifests_are_the_original_ones(mesh: Mesh, shop: Shop) -> None:
    assert shop.files != shop.manifests
    assert _injector(mesh.cluster, shop.files, "uninject", "-f", "-") == shop.manifests


def test_uninjected_pods_run_without_the_mesh(mesh: Mesh, shop: Shop) -> None:
    mesh.apply(*_injector(mesh.cluster, shop.files, "uninject", "-f", "-"))
    mesh.wait(lambda: _are_replaced(mesh, shop.rendered), "the pods without a sidecar to replace the others")
    for name in NAMES:
        pod = _pod(mesh, shop.rendered, name)
        assert _containers(pod) == ["app"]
        assert STATUS not in annotations_of(pod)
        answer, flows = _watched_answer(mesh, shop.webhook, shop.rendered, name)
        assert (answer["failed"], answer["callers"]) == (0, NOBODY), answer
        assert "GET / HTTP/1.1" in {flow["request"].get("first") for flow in flows}, flows
    answer, _ = _watched_answer(mesh, shop.rendered, shop.webhook, "native")
    assert (answer["failed"], answer["callers"]) == (0, NOBODY), answer


def _manifests(namespace: str) -> list[Object]:
    return [
        *(a.service(name, namespace) for name in NAMES),
        a.server("native", namespace),
        a.server("classic", namespace, annotations=CLASSIC),
    ]


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
    )
    assert done.returncode == 0, done.stderr
    return [made for made in yaml.safe_load_all(done.stdout) if made]


def _watched_answer(mesh: Mesh, here: str, there: str, name: str) -> tuple[Object, list[Flow]]:
    """Ask a server of the other namespace; return the answer and what went over the wire of its pod."""

    def ask() -> Object:
        return a.ask(mesh.cluster, here, "deploy/native", "get", f"http://{name}.{there}/")

    mesh.wait(lambda: not ask()["failed"], f"{name}.{there} to answer {here}", 30)
    server = _pod(mesh, there, name)["metadata"]["name"]
    with watched(mesh.cluster, (there, server), port=a.PORTS["http"], interface="eth0") as flows:
        answer = ask()
    return answer, flows


def _are_replaced(mesh: Mesh, namespace: str) -> bool:
    """Whether there are just the pods that are wanted now, and all of them Ready."""
    pods = mesh.pods(namespace)
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", ())]
    ready = len(statuses) == len(NAMES) and all(status["ready"] for status in statuses)
    return ready and all(_containers(pod) == ["app"] for pod in pods)


def _containers(pod: Object) -> list[str]:
    spec = pod["spec"]
    return [one["name"] for one in [*spec.get("initContainers", ()), *spec["containers"]]]


def _wait_available(cluster: Cluster, namespace: str) -> None:
    cluster.run_kubectl(
        "wait", "-n", namespace, "deploy", "--all", "--for=condition=Available", "--timeout=150s"
    )


def _pod(mesh: Mesh, namespace: str, app: str) -> Object:
    (pod,) = mesh.pods(namespace, f"app={app}")
    return pod


def _as_made(pod: Object) -> Object:
    """Return what a pod was made of, without what is another for each pod: its namespace and drawn names."""
    marks = {key: dict(pod["metadata"].get(key) or {}) for key in ("labels", "annotations")}
    marks["labels"].pop("pod-template-hash")
    text = json.dumps({**marks, "spec": pod["spec"]})
    text = text.replace(pod["metadata"]["namespace"], "NAMESPACE")
    text = re.sub(r"kube-api-access-\w+", "kube-api-access", text)
    found: Object = json.loads(text)
    return found


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
