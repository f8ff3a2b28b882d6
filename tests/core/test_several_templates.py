"""Kinds with several pod templates, and objects that hold other objects."""

from __future__ import annotations

from typing import Any

import pytest

from injector import yamltext
from injector.core import documents, workload
from injector.errors import ManifestError

SPEC: dict[str, Any] = {"containers": [{"name": "app", "image": "i"}]}
POD: dict[str, Any] = {"metadata": {"labels": {"app": "shop"}}, "spec": SPEC}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": POD}}


def a_job_set(*names: str) -> dict[str, Any]:
    jobs = [{"name": name, "template": {"spec": {"template": POD}}} for name in names]
    meta = {"name": "train", "namespace": "ml"}
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": meta,
        "spec": {"replicatedJobs": jobs},
    }  # fmt: skip


def test_each_template_of_a_job_set_has_a_label_of_its_own_and_is_put_back_alone() -> None:
    job_set = a_job_set("driver", "worker")
    driver, worker = workload.locate_all(job_set)
    assert (driver.label, worker.label) == (
        "JobSet ml/train (replicatedJobs driver)",
        "JobSet ml/train (replicatedJobs worker)",
    )
    changed = worker.with_template({"metadata": {}, "spec": {"x": 1}})
    jobs = changed["spec"]["replicatedJobs"]
    assert [job["template"]["spec"]["template"]["spec"] for job in jobs] == [SPEC, {"x": 1}]
    assert job_set == a_job_set("driver", "worker")


def test_with_quirks_kinds_that_upstream_passes_are_passed() -> None:
    for manifest in (a_job_set("driver"), {"apiVersion": "v1", "kind": "PodTemplate", "template": POD}):
        assert len(workload.locate_all(manifest)) == 1
        assert workload.locate_all(manifest, quirks=True) == ()


def test_a_pod_template_has_its_template_at_the_top() -> None:
    item = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "t"}, "template": POD}
    (located,) = workload.locate_all(item)
    assert located.template == POD
    assert located.with_template({"spec": {}})["template"] == {"spec": {}}


@pytest.mark.parametrize(
    ("jobs", "where"),
    [
        ([None], "/spec/replicatedJobs/0"),
        ([{"name": "a"}], "/spec/replicatedJobs/0/template"),
        ([{"template": {"spec": []}}], "/spec/replicatedJobs/0/template/spec"),
        ([{"template": {"spec": {"template": {"spec": {"containers": 1}}}}}],
         "/spec/replicatedJobs/0/template/spec/template/spec/containers"),
    ],
)  # fmt: skip
def test_a_job_without_a_template_is_an_error_with_its_place(jobs: list[Any], where: str) -> None:
    with pytest.raises(ManifestError) as error:
        workload.locate_all({**a_job_set(), "spec": {"replicatedJobs": jobs}})
    assert error.value.where == where


@pytest.mark.parametrize("spec", [{}, {"replicatedJobs": None}, {"replicatedJobs": []}])
def test_a_job_set_without_jobs_has_no_template(spec: dict[str, Any]) -> None:
    assert workload.locate_all({**a_job_set(), "spec": spec}) == ()


MEMBERS: list[tuple[dict[str, Any], str]] = [
    ({"apiVersion": "v1", "kind": "List", "items": []}, "items"),
    ({"apiVersion": "v1", "kind": "List"}, "items"),
    ({"apiVersion": "example.com/v1", "kind": "List"}, ""),
    ({"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [{}]}, "items"),
    ({"apiVersion": "flux.weave.works/v1", "kind": "DeploymentList", "items": []}, "items"),
    ({"apiVersion": "v1", "kind": "PodList", "items": ["a"]}, ""),
    ({"apiVersion": "v1", "kind": "PodList"}, ""),
    ({"apiVersion": "example.com/v1", "kind": "AllowList", "items": [{}]}, ""),
    ({"apiVersion": "template.openshift.io/v1", "kind": "Template", "objects": []}, "objects"),
    ({"apiVersion": "v1", "kind": "Template", "objects": []}, "objects"),
    ({"apiVersion": "template.openshift.io/v1", "kind": "Template"}, ""),
    ({"apiVersion": "example.com/v1", "kind": "Template", "objects": []}, ""),
    (DEPLOYMENT, ""),
]


@pytest.mark.parametrize(("manifest", "field"), MEMBERS)
def test_lists_of_workloads_and_templates_of_openshift_hold_objects(
    manifest: dict[str, Any], field: str
) -> None:
    assert workload.members(manifest) == field


@pytest.mark.parametrize(
    ("holder", "field"),
    [
        ({"apiVersion": "apps/v1", "kind": "DeploymentList"}, "items"),
        ({"apiVersion": "v1", "kind": "List"}, "items"),
        ({"apiVersion": "template.openshift.io/v1", "kind": "Template"}, "objects"),
    ],
)
def test_each_object_is_changed_at_its_pointer(holder: dict[str, Any], field: str) -> None:
    seen = []

    def change(_document: yamltext.Document, item: dict[str, Any], pointer: str) -> dict[str, Any]:
        seen.append((pointer, item["kind"]))
        return {**item, "changed": True}

    tree = {**holder, field: [DEPLOYMENT, {"kind": "Service"}]}
    new = documents.each(yamltext.Document(""), tree, change)
    assert seen == [(f"/{field}/0", "Deployment"), (f"/{field}/1", "Service")]
    assert new[field] == [{**DEPLOYMENT, "changed": True}, {"kind": "Service", "changed": True}]


def test_an_item_without_a_kind_is_of_the_kind_of_its_list_and_is_written_without_one() -> None:
    item = {"metadata": {"name": "web"}, "spec": {"template": POD}}
    tree = {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [item]}

    def change(_document: yamltext.Document, manifest: dict[str, Any], _pointer: str) -> dict[str, Any]:
        assert workload.locate(manifest) is not None
        assert (manifest["apiVersion"], manifest["kind"]) == ("apps/v1", "Deployment")
        return {**manifest, "changed": True}

    assert documents.each(yamltext.Document(""), tree, change)["items"] == [{**item, "changed": True}]
    assert documents.each(yamltext.Document(""), tree, lambda _d, m, _p: m) is tree
