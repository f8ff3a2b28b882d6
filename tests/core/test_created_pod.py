"""The pod that a controller would create, kind by kind (Kubernetes' documentation of each)."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core import owner, workload
from injector.core.created_pod import created_pod, makes_pods
from injector.core.model import Owner
from injector.core.workload import Workload

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "app", "image": "app:1"}]},
}


def located(kind: str, api_version: str, spec: dict[str, Any] | None = None) -> Workload:
    body = {"template": TEMPLATE, **(spec or {})}
    if kind == "CronJob":
        body = {"jobTemplate": {"spec": body}}
    meta = {"name": "web", "namespace": "shop"}
    (only,) = workload.locate_all({"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": body})
    return only


def of(kind: str, api_version: str, spec: dict[str, Any] | None = None) -> dict[str, Any]:
    each = located(kind, api_version, spec)
    return created_pod(each, each.template, "shop")


@pytest.mark.parametrize(
    ("kind", "api_version", "controller", "labels", "workload_owner"),
    [
        ("Deployment", "apps/v1", "ReplicaSet", {"pod-template-hash"}, Owner("apps/v1", "Deployment", "web")),
        ("ReplicaSet", "apps/v1", "ReplicaSet", set(), Owner("apps/v1", "ReplicaSet", "web")),
        (
            "ReplicationController",
            "v1",
            "ReplicationController",
            set(),
            Owner("v1", "ReplicationController", "web"),
        ),
        (
            "StatefulSet",
            "apps/v1",
            "StatefulSet",
            {
                "controller-revision-hash",
                "statefulset.kubernetes.io/pod-name",
                "apps.kubernetes.io/pod-index",
            },
            Owner("apps/v1", "StatefulSet", "web"),
        ),
        (
            "DaemonSet",
            "apps/v1",
            "DaemonSet",
            {"controller-revision-hash", "pod-template-generation"},
            Owner("apps/v1", "DaemonSet", "web"),
        ),
        (
            "Job",
            "batch/v1",
            "Job",
            {
                "controller-uid",
                "job-name",
                "batch.kubernetes.io/controller-uid",
                "batch.kubernetes.io/job-name",
            },
            Owner("batch/v1", "Job", "web"),
        ),
        (
            "CronJob",
            "batch/v1",
            "Job",
            {
                "controller-uid",
                "job-name",
                "batch.kubernetes.io/controller-uid",
                "batch.kubernetes.io/job-name",
            },
            Owner("batch/v1", "CronJob", "web"),
        ),
        (
            "DeploymentConfig",
            "apps.openshift.io/v1",
            "ReplicationController",
            {"deployment", "deploymentconfig"},
            Owner("v1", "DeploymentConfig", "web"),
        ),
    ],
)
def test_a_pod_has_the_owner_and_the_labels_of_its_controller(
    kind: str, api_version: str, controller: str, labels: set[str], workload_owner: Owner
) -> None:
    metadata = of(kind, api_version)["metadata"]
    (reference,) = metadata["ownerReferences"]
    assert (reference["kind"], reference["controller"]) == (controller, True)
    assert metadata["generateName"] == f"{reference['name']}-"
    assert metadata["labels"].keys() == {"app", *labels}
    assert metadata["namespace"] == "shop"
    # What an admission concludes from it.
    assert owner.of_pod(metadata) == workload_owner


def test_a_pod_of_a_stateful_set_has_its_name_and_claims() -> None:
    template = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "volumes": [{"name": "data", "emptyDir": {}}]}}
    claims = [{"metadata": {"name": "data"}}]
    pod = of(
        "StatefulSet", "apps/v1", {"serviceName": "db", "volumeClaimTemplates": claims, "template": template}
    )
    name = pod["metadata"]["name"]
    assert name.rpartition("-")[0] == "web"
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == (name, "db")
    assert pod["spec"]["volumes"] == [
        {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}"}}
    ]
    assert pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == name


def test_a_pod_of_a_daemon_set_is_bound_to_a_node() -> None:
    pod = of("DaemonSet", "apps/v1")
    terms = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert terms["nodeSelectorTerms"][0]["matchFields"][0]["key"] == "metadata.name"
    assert {"node.kubernetes.io/not-ready"} < {each["key"] for each in pod["spec"]["tolerations"]}


def test_a_pod_stays_itself_without_what_only_the_api_server_writes() -> None:
    metadata = {"name": "web", "labels": {"a": "b"}, "uid": "1", "resourceVersion": "2"}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": TEMPLATE["spec"],
        "status": {},
    }
    (each,) = workload.locate_all(manifest)
    assert created_pod(each, each.template, "shop") == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "labels": {"a": "b"}, "namespace": "shop"},
        "spec": TEMPLATE["spec"],
    }


def test_the_template_may_be_another_one_and_the_manifest_stays() -> None:
    each = located("Deployment", "apps/v1")
    before = repr(each.manifest)
    other = {"metadata": {"labels": {"app": "web", "more": "1"}}, "spec": {"containers": [{"name": "x"}]}}
    pod = created_pod(each, other, "elsewhere")
    assert pod["spec"]["containers"] == [{"name": "x"}]
    assert pod["metadata"]["labels"]["more"] == "1"
    assert repr(each.manifest) == before


def test_no_controller_makes_pods_of_a_pod_template() -> None:
    manifest = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": TEMPLATE}
    (each,) = workload.locate_all(manifest)
    assert not makes_pods(each)
    assert makes_pods(located("Job", "batch/v1"))
