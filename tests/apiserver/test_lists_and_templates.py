"""Typed lists and PodTemplates: what kube-inject takes apart, kubectl and the API server take as well."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.beds.apiserver.bed import ApiServer
from tests.command import run

POD: dict[str, Any] = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "a", "image": "example.invalid/a:1"}]},
}
SELECTED = {"selector": {"matchLabels": {"app": "a"}}, "template": POD}


def a_list(namespace: str, **of_item: str) -> dict[str, Any]:
    items = [{**of_item, "metadata": {"name": "web", "namespace": namespace}, "spec": SELECTED}]
    return {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": items}


def injected(manifest: dict[str, Any]) -> dict[str, Any]:
    done = run("kube-inject", "-f", "-", stdin=json.dumps(manifest))
    assert (done.status, done.err.splitlines()[-1]) == (0, "1 workload: 1 injected")
    out: dict[str, Any] = json.loads(done.out)
    return out


def dry_run(bed: ApiServer, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that the API server would make."""
    text = bed.kubectl("create", "--dry-run=server", "-o", "yaml", "-f", "-", manifest=manifest)
    tree = yaml.safe_load(text)
    return list(tree["items"]) if tree["kind"] == "List" else [tree]


def test_a_list_of_one_kind_is_accepted_with_its_items_injected(bed: ApiServer, namespace: str) -> None:
    for of_item in ({"apiVersion": "apps/v1", "kind": "Deployment"}, {}):
        (made,) = dry_run(bed, injected(a_list(namespace, **of_item)))
        assert made["kind"] == "Deployment"
        assert "istio-proxy" in json.dumps(made["spec"]["template"]["spec"])


def test_a_pod_template_is_accepted_with_its_template_injected(bed: ApiServer, namespace: str) -> None:
    meta = {"name": "web", "namespace": namespace}
    (made,) = dry_run(
        bed, injected({"apiVersion": "v1", "kind": "PodTemplate", "metadata": meta, "template": POD})
    )
    assert "istio-proxy" in json.dumps(made["template"]["spec"])
