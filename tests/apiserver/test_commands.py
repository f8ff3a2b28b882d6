"""The command line asking a real API server: configuration, namespaces, and a workload by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from injector import yamltext
from tests.beds.apiserver.bed import ApiServer
from tests.command import Ran, run

MESH = "trustDomain: live.example\ndefaultConfig: {concurrency: 7}\n"
VALUES = {"global": {"hub": "hub.example.com/live", "tag": "1.30.1", "network": "n9"}}
INJECT = {"policy": "enabled", "templates": {"sidecar": "{{ .Values }}{{ end }}"}}


def injector(bed: ApiServer, *arguments: str, manifest: str = "") -> Ran:
    return run(*arguments, "--kubeconfig", bed.kubeconfig, stdin=manifest)


def deployment(name: str, namespace: str) -> dict[str, Any]:
    pod = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": name, "image": "x:1"}]}}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": pod}
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


@pytest.fixture
def mesh(bed: ApiServer, namespace: str) -> str:
    """A namespace with the ConfigMaps of a control plane."""
    maps = {
        "istio": {"mesh": MESH},
        "istio-sidecar-injector": {"values": json.dumps(VALUES), "config": json.dumps(INJECT)},
    }
    for name, data in maps.items():
        item = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace},
            "data": data,
        }
        bed.kubectl("create", "-f", "-", manifest=item)
    return namespace


def test_kube_inject_takes_all_of_it_from_the_cluster(bed: ApiServer, mesh: str) -> None:
    called = bed.make_namespace({"istio-injection": "enabled"})
    done = injector(
        bed,
        "kube-inject",
        "--from-cluster",
        "-i",
        mesh,
        "-f",
        "-",
        manifest=json.dumps(deployment("web", called)),
    )
    assert done.status == 0, done.err
    spec = yamltext.load(yamltext.split(done.out, "-")[-1])["spec"]["template"]["spec"]
    # No nodes are there, and no nodes are no objection to native sidecars.
    proxy = next(c for c in spec["initContainers"] if c["name"] == "istio-proxy")
    env = {e["name"]: e.get("value") for e in proxy["env"]}
    assert proxy["image"] == "hub.example.com/live/proxyv2:1.30.1"
    assert (env["TRUST_DOMAIN"], env["ISTIO_META_NETWORK"]) == ("live.example", "n9")
    assert json.loads(env["PROXY_CONFIG"])["concurrency"] == 7
    bed.kubectl("delete", "namespace", called, "--wait=false")


def test_kube_inject_leaves_out_what_the_webhook_would_not_get(
    bed: ApiServer, mesh: str, namespace: str
) -> None:
    source = json.dumps(deployment("web", namespace))
    done = injector(bed, "kube-inject", "--from-cluster", "-i", mesh, "-f", "-", manifest=source)
    assert done.status == 0, done.err
    assert done.out == source
    assert "not-selected" in done.err


def test_explain_asks_the_cluster_for_a_workload_by_name(bed: ApiServer, namespace: str) -> None:
    bed.kubectl("create", "-f", "-", manifest=deployment("shop", namespace))
    done = injector(bed, "explain", "deploy/shop", "-n", namespace, "-o", "json")
    assert done.status == 0, done.err
    assert '"not-selected"' in done.out

    bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
    done = injector(bed, "explain", "deploy/shop", "-n", namespace, "-o", "json")
    assert '"on-by-default"' in done.out
    assert "namespace.sidecar-injector.istio.io" in done.out


def test_what_is_not_there_is_named(bed: ApiServer, namespace: str) -> None:
    done = injector(bed, "explain", "deploy/nobody", "-n", namespace)
    assert done.status != 0
    assert done.out == ""
    assert "nobody" in done.err
    done = injector(bed, "kube-inject", "--from-cluster", "-i", namespace, "-f", "-", manifest="{}")
    assert done.status != 0
    assert "configmaps istio in namespace" in done.err
