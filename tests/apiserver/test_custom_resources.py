"""Workload kinds of other operators against a real API server that serves their definitions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.auditing import CONFIG
from tests.apiserver.test_commands import injector
from tests.apiserver.webhook_serving import until
from tests.beds.apiserver.bed import ApiServer
from tests.command import run

OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
OWN = "kinds:\n- apiVersion: ships.example/v1\n  kind: Fleet\n  templates: [/spec/captain, /spec/crew/*]\n"
SPEC = {"containers": [{"name": "app", "image": "example.com/app:1"}]}
POD = {"metadata": {"labels": {"app": "web"}}, "spec": SPEC}


def a_definition(group: str, version: str, kind: str, plural: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A minimal definition: what the controllers of these kinds need besides is of no interest here."""
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [served],
        },
    }


DEFINITIONS = [
    a_definition("argoproj.io", "v1alpha1", "Rollout", "rollouts", OPEN),
    a_definition("apps.kruise.io", "v1beta1", "StatefulSet", "statefulsets", OPEN),
    a_definition(
        "ships.example",
        "v1",
        "Fleet",
        "fleets",
        {"type": "object", "properties": {"spec": OPEN}},
    ),
]


@pytest.fixture(scope="module")
def shop(bed: ApiServer) -> Iterator[str]:
    """A namespace in a cluster that serves the kinds; its pods would be injected."""
    names = [f"crd/{each['metadata']['name']}" for each in DEFINITIONS]
    bed.kubectl("create", "-f", "-", manifest={"apiVersion": "v1", "kind": "List", "items": DEFINITIONS})
    try:
        bed.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
        with bed.namespace({"istio-injection": "enabled"}) as name:
            for item in objects(name):
                bed.kubectl("create", "-f", "-", manifest=item)
            yield name
    finally:
        bed.kubectl("delete", *names)


def objects(namespace: str) -> Iterator[dict[str, Any]]:
    def item(api_version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        meta = {"name": name, "namespace": namespace}
        return {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec}

    yield item("argoproj.io/v1alpha1", "Rollout", "web", {"template": POD})
    yield item("apps.kruise.io/v1beta1", "StatefulSet", "db", {"template": POD})
    yield item("ships.example/v1", "Fleet", "big", {"captain": POD, "crew": [POD, POD]})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(CONFIG % "1.30.0" + OWN)
    return path


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("rollout/web", ["web"]),
        ("ro web", ["web"]),
        ("rollouts.argoproj.io", ["web"]),
        ("asts/db", ["db"]),
        ("statefulsets.apps.kruise.io/db", ["db"]),
        ("fleet/big", ["big (captain)", "big (crew 0)", "big (crew 1)"]),
        ("fleets,ro", ["big (captain)", "big (crew 0)", "big (crew 1)", "web"]),
    ],
)
def test_a_custom_resource_is_explained_by_the_names_of_kubectl(
    bed: ApiServer, shop: str, config: Path, words: str, names: list[str]
) -> None:
    ran = injector(bed, "explain", *words.split(), "-n", shop, "--config", str(config), "-o", "json")
    assert ran.status == 0, ran.err
    workloads = json.loads(ran.out)["workloads"]
    assert [each["reason"] for each in workloads] == ["on-by-default"] * len(names)
    table = injector(bed, "explain", *words.split(), "-n", shop, "--config", str(config), "-o", "wide").out
    assert all(f"{shop}/{name}" in table for name in names)


def test_a_kind_that_neither_table_nor_configuration_has_is_an_error(bed: ApiServer, shop: str) -> None:
    ran = injector(bed, "explain", "fleet/big", "-n", shop)
    assert (ran.status, ran.out) == (2, "")
    assert "error: fleet: not a kind of workload" in ran.err


def test_a_kind_that_the_cluster_does_not_serve_is_an_error(bed: ApiServer, shop: str) -> None:
    ran = injector(bed, "explain", "cloneset/web", "-n", shop)
    assert (ran.status, ran.out) == (1, "")
    assert "clonesets" in ran.err


@pytest.fixture
def rollout_pod(bed: ApiServer, shop: str) -> str:
    """A pod as the controller of Rollouts has it made: by a ReplicaSet of the Rollout."""
    rollout = json.loads(bed.kubectl("get", "rollouts.argoproj.io/web", "-n", shop, "-o", "json"))
    owner = {key: rollout[key] for key in ("apiVersion", "kind")}
    owner |= {"name": "web", "uid": rollout["metadata"]["uid"], "controller": True}
    labels = {"app": "web", "rollouts-pod-template-hash": "77c4d"}
    replica_set = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web-77c4d", "namespace": shop, "ownerReferences": [owner]},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": SPEC},
        },
    }
    bed.kubectl("create", "-f", "-", manifest=replica_set)

    def made() -> str | None:
        listed = json.loads(bed.kubectl("get", "pods", "-n", shop, "-l", "app=web", "-o", "json"))["items"]
        return str(listed[0]["metadata"]["name"]) if listed else None

    return until("a pod of the ReplicaSet", made)


def test_audit_attributes_pods_to_a_rollout_and_leaves_its_restart_to_argo(
    bed: ApiServer, shop: str, config: Path, rollout_pod: str
) -> None:
    ran = injector(bed, "audit", "ro/web", "-n", shop, "--config", str(config), "-o", "json")
    assert ran.status == 1, ran.err
    (pod,) = json.loads(ran.out)["pods"]
    assert (pod["name"], pod["owner"]["kind"], pod["owner"]["name"]) == (rollout_pod, "Rollout", "web")
    restart = injector(bed, "audit", "ro/web", "-n", shop, "--config", str(config), "--restart")
    assert f"restart manually: Rollout {shop}/web: restart it with the tool of its operator" in restart.out
    live = injector(bed, "explain", "ro/web", "-n", shop, "--config", str(config), "--live")
    assert rollout_pod in live.out


def test_definitions_of_the_cluster_are_read(bed: ApiServer, shop: str) -> None:
    text = bed.kubectl("get", "crd", "fleets.ships.example", "rollouts.argoproj.io", "-o", "yaml")
    ran = run("kinds", "--crd", "-", stdin=text)
    assert "Rollout of argoproj.io/v1alpha1 is known: /spec/template" in ran.err
    assert "Fleet of ships.example/v1: no pod template in its schema" in ran.err
    assert yaml.safe_load(text)["kind"] == "List"
