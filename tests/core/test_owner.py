"""Which workload a pod belongs to (istio-injection 2.13.1)."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Origin, Owner
from injector.core.owner import of_pod
from injector.profiles.istio.context import owner_reference as reference
from tests.core.generic import a_config


def a_meta(kind: str, name: str, version: str = "apps/v1", **more: Any) -> dict[str, Any]:
    """Metadata of a pod that a controller has made."""
    owner = {"apiVersion": version, "kind": kind, "name": name, "controller": True}
    return {"name": "x", "generateName": f"{name}-", "ownerReferences": [owner], **more}


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"name": "web"}, Owner("v1", "Pod", "web")),
        ({}, Owner("v1", "Pod", "")),
        (a_meta("StatefulSet", "db"), Owner("apps/v1", "StatefulSet", "db")),
        (a_meta("ReplicaSet", "web-5d8"), Owner("apps/v1", "ReplicaSet", "web-5d8")),
        (
            a_meta("ReplicaSet", "web-5d8", labels={"pod-template-hash": "5d8"}),
            Owner("apps/v1", "Deployment", "web"),
        ),
        (
            a_meta("ReplicaSet", "web-5d8", labels={"pod-template-hash": "other"}),
            Owner("apps/v1", "ReplicaSet", "web-5d8"),
        ),
        (
            a_meta("ReplicaSet", "web-5d8", labels={"pod-template-hash": ""}),
            Owner("apps/v1", "ReplicaSet", "web-5d8"),
        ),
        (
            a_meta("ReplicaSet", "web-77c", labels={"rollouts-pod-template-hash": "77c"}),
            Owner("v1alpha1", "Rollout", "web"),
        ),
        (
            a_meta("ReplicationController", "web-1", "v1", labels={"deploymentconfig": "web"}),
            Owner("v1", "DeploymentConfig", "web"),
        ),
        (a_meta("ReplicationController", "web-1", "v1"), Owner("v1", "ReplicationController", "web-1")),
        (a_meta("Job", "sum-29012345", "batch/v1"), Owner("batch/v1", "CronJob", "sum")),
        (a_meta("Job", "sum-99999999", "batch/v1"), Owner("batch/v1", "CronJob", "sum")),
        # A date, another number, seconds.
        (a_meta("Job", "sum-20261130", "batch/v1"), Owner("batch/v1", "Job", "sum-20261130")),
        (a_meta("Job", "sum-290123456", "batch/v1"), Owner("batch/v1", "Job", "sum-290123456")),
        (a_meta("Job", "sum-2901234567", "batch/v1"), Owner("batch/v1", "Job", "sum-2901234567")),
        (a_meta("Job", "sum-2901234", "batch/v1"), Owner("batch/v1", "Job", "sum-2901234")),
        (a_meta("Job", "sum", "batch/v1"), Owner("batch/v1", "Job", "sum")),
        # The controller counts, not any owner, and only for a generated name.
        (
            {"name": "x", "generateName": "x-", "ownerReferences": [{"kind": "Node", "name": "n"}]},
            Owner("v1", "Pod", "x"),
        ),
        ({**a_meta("StatefulSet", "db"), "generateName": ""}, Owner("v1", "Pod", "x")),
        (a_meta("StatefulSet", ""), Owner("apps/v1", "StatefulSet", "x")),
    ],
)
def test_the_owner_is_found_from_references_names_and_labels(meta: dict[str, Any], expected: Owner) -> None:
    assert of_pod(meta) == expected


@pytest.mark.parametrize("name", ["sum-29012345", "sum-20261130", "sum-290123456", "sum-2901234567"])
def test_with_quirks_on_every_job_with_eight_to_ten_digits_belongs_to_a_cronjob(name: str) -> None:
    assert of_pod(a_meta("Job", name, "batch/v1"), quirks=True) == Owner("batch/v1", "CronJob", "sum")


@pytest.mark.parametrize(
    ("owner", "namespace", "expected"),
    [
        (
            Owner("apps/v1", "Deployment", "web"),
            "shop",
            "kubernetes://apis/apps/v1/namespaces/shop/deployments/web",
        ),
        (Owner("v1", "Pod", "web"), "", "kubernetes://apis/v1/namespaces/default/pods/web"),
        (Owner("", "Pod", "web"), "shop", ""),
        (Owner("v1", "Pod", ""), "shop", ""),
    ],
)
def test_an_owner_is_named_as_the_control_plane_names_it(owner: Owner, namespace: str, expected: str) -> None:
    assert reference(owner, namespace) == expected


def test_a_template_gets_the_same_owner_from_webhook_and_command_line() -> None:
    template = {"spec": {"containers": [{"name": "app", "image": "shop:1"}]}}
    config = a_config(text="{metadata: {annotations: {of: '{{ Owner.kind }}/{{ Owner.name }}'}}}")
    made = {
        "generateName": "shop-5d9-",
        "labels": {"pod-template-hash": "5d9"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shop-5d9", "controller": True}
        ],
    }
    file = inject(template, Facts(owner=Owner("apps/v1", "Deployment", "shop")), config)
    webhook = inject({**template, "metadata": made}, Facts(origin=Origin.WEBHOOK), config)
    assert file.pod["metadata"]["annotations"]["of"] == "Deployment/shop"
    assert webhook.pod["metadata"]["annotations"]["of"] == "Deployment/shop"
