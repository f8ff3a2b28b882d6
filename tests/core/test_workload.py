"""Where the pod template of every kind is, and what is said where it is none."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from injector.core.kinds import KINDS
from injector.core.model import Owner
from injector.core.workload import check_pod, group_of, is_list, locate
from injector.errors import ManifestError
from injector.pointer import drop, get, put
from injector.printable import type_name
from tests.generators.strategies import pods

LABELS = {"labels": {"app": "shop"}}
SPEC = {"containers": [{"name": "app", "image": "i"}]}


def a_workload(kind: str, api_version: str) -> dict[str, Any]:
    template: dict[str, Any] = {"metadata": LABELS, "spec": SPEC}
    meta = {"name": "shop", "namespace": "prod"}
    if kind == "Pod":
        return {"apiVersion": api_version, "kind": kind, "metadata": {**LABELS, **meta}, "spec": SPEC}
    spec: dict[str, Any] = {"template": template}
    if kind == "CronJob":
        spec = {"jobTemplate": {"metadata": {"labels": {"of": "job"}}, "spec": spec}}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec}


# kind, apiVersion, known with quirks off. The kind alone decides with quirks on (Q3).
GROUPS = [
    ("Pod", "v1", True),
    ("Pod", "example.com/v1", False),
    ("ReplicationController", "v1", True),
    ("ReplicationController", "apps/v1", False),
    *(
        (kind, version, known)
        for kind in ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet")
        for version, known in [
            ("apps/v1", True),
            ("apps/v1beta2", True),
            ("extensions/v1beta1", True),
            ("v1", False),
            ("apps.example/v1", False),
        ]
    ),
    ("Job", "batch/v1", True),
    ("Job", "batch.volcano.sh/v1alpha1", False),
    ("CronJob", "batch/v1", True),
    ("CronJob", "batch/v1beta1", True),
    ("CronJob", "v1", False),
    ("DeploymentConfig", "apps.openshift.io/v1", True),
    ("DeploymentConfig", "v1", True),
    ("DeploymentConfig", "apps/v1", False),
]


@pytest.mark.parametrize(("kind", "version", "known"), GROUPS)
def test_kind_and_group_together_identify_a_workload(kind: str, version: str, known: bool) -> None:
    manifest = a_workload(kind, version)
    assert (locate(manifest) is not None) is known
    assert locate(manifest, quirks=True) is not None


@pytest.mark.parametrize(("kind", "version"), [(kind, version) for kind, version, known in GROUPS if known])
def test_the_template_is_found_and_put_back(kind: str, version: str) -> None:
    manifest = a_workload(kind, version)
    before = copy.deepcopy(manifest)
    workload = locate(manifest)
    assert workload is not None
    assert workload.template["metadata"]["labels"] == LABELS["labels"]
    assert workload.template["spec"] is SPEC
    assert workload.with_template(workload.template) == manifest
    changed = workload.with_template({"metadata": {"x": 1}, "spec": {"y": 2}})
    assert (get(changed, workload.metadata), get(changed, workload.spec)) == ({"x": 1}, {"y": 2})
    assert (changed["kind"], manifest) == (kind, before)


def test_every_kind_is_in_the_table() -> None:
    elsewhere = {"PodTemplate"}  # test_several_templates.py
    assert {kind for kind, _, known in GROUPS if known} | elsewhere == set(KINDS)


@pytest.mark.parametrize(
    "manifest",
    [
        {"apiVersion": "example.com/v1", "kind": "Rollout", "spec": {"template": {"spec": SPEC}}},
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"apiVersion": "v1", "kind": "List", "items": []},
        {"apiVersion": "v1"},
        {"kind": ["Pod"]},
        {"kind": None},
        {},
    ],
)
def test_other_kinds_are_left_alone_in_both_modes(manifest: dict[str, Any]) -> None:
    assert locate(manifest) is None
    assert locate(manifest, quirks=True) is None


def test_with_quirks_a_cron_jobs_metadata_is_one_level_too_high() -> None:
    manifest = a_workload("CronJob", "batch/v1")
    off, on = locate(manifest), locate(manifest, quirks=True)
    assert off is not None
    assert on is not None
    assert off.template["metadata"] == LABELS
    assert on.template["metadata"] == {"labels": {"of": "job"}}
    changed = on.with_template({**on.template, "metadata": {"labels": {"new": "1"}}})
    assert changed["spec"]["jobTemplate"]["metadata"] == {"labels": {"new": "1"}}
    assert changed["spec"]["jobTemplate"]["spec"]["template"]["metadata"] == LABELS


def test_metadata_is_added_and_removed_with_the_template() -> None:
    bare = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": SPEC}}}
    workload = locate(bare)
    assert workload is not None
    assert workload.template == {"spec": SPEC}
    with_metadata = workload.with_template({"metadata": LABELS, "spec": SPEC})
    assert with_metadata["spec"]["template"] == {"metadata": LABELS, "spec": SPEC}
    again = locate(with_metadata)
    assert again is not None
    assert again.with_template({"spec": SPEC}) == bare
    assert (workload.name, workload.namespace) == ("", "")


@pytest.mark.parametrize(
    ("meta", "name", "namespace"),
    [
        ({"name": "a", "generateName": "b-", "namespace": "n"}, "a", "n"),
        ({"generateName": "b-"}, "b-", ""),
        ({"name": None, "namespace": None}, "", ""),
        (None, "", ""),
    ],
)
def test_a_workload_has_its_name_and_namespace(
    meta: dict[str, Any] | None, name: str, namespace: str
) -> None:
    workload = locate({**a_workload("Deployment", "apps/v1"), "metadata": meta})
    assert workload is not None
    assert (workload.name, workload.namespace) == (name, namespace)


def test_a_workload_owns_its_pods_and_a_pod_does_not() -> None:
    deployment, pod = locate(a_workload("Deployment", "apps/v1")), locate(a_workload("Pod", "v1"))
    assert deployment is not None
    assert pod is not None
    assert deployment.owner == Owner("apps/v1", "Deployment", "shop")
    assert pod.owner is None
    unversioned = locate({**a_workload("Job", "x"), "apiVersion": None}, quirks=True)
    assert unversioned is not None
    assert unversioned.owner == Owner("", "Job", "shop")


def pod_with(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec}


def container_with(**fields: Any) -> dict[str, Any]:
    return pod_with(containers=[{"name": "a"}, {"name": "b", **fields}])


IN_B = "/spec/containers/1"


@pytest.mark.parametrize(
    ("manifest", "pointer", "message"),
    [
        ({"kind": "Pod"}, "/spec", "the pod template of the Pod is missing; a map is expected here"),
        ({"kind": "Pod", "spec": None}, "/spec", "the pod template of the Pod is missing"),
        ({"kind": "Pod", "spec": []}, "/spec", "a map is expected, not a list"),
        ({"kind": "Pod", "spec": "x"}, "/spec", "a map is expected, not a string"),
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {}},
            "/spec/template",
            "template of the Deployment is missing; a map is expected here",
        ),
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": 5}}},
            "/spec/template/spec",
            "a map is expected, not a number",
        ),
        (
            {"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": None}}},
            "/spec/jobTemplate/spec",
            "template of the CronJob is missing; a map is expected here",
        ),
        (
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "spec": {"template": {"metadata": [], "spec": {}}},
            },
            "/spec/template/metadata",
            "a map is expected, not a list",
        ),
        ({**pod_with(), "metadata": "x"}, "/metadata", "a map is expected, not a string"),
        (
            {**a_workload("Deployment", "apps/v1"), "metadata": "x"},
            "/metadata",
            "a map is expected, not a string",
        ),
        (
            {**a_workload("Deployment", "apps/v1"), "metadata": {"labels": ["x"]}},
            "/metadata/labels",
            "a map of strings is expected, not a list",
        ),
        (
            {**pod_with(), "metadata": {"labels": {"a/b~c": True}}},
            "/metadata/labels/a~1b~0c",
            "not a boolean",
        ),
        (
            {**pod_with(), "metadata": {"annotations": {"a": 1}}},
            "/metadata/annotations/a",
            "(put it in quotes)",
        ),
        ({**pod_with(), "metadata": {"name": 5}}, "/metadata/name", "a string is expected, not a number"),
        (
            {**pod_with(), "metadata": {"namespace": {}}},
            "/metadata/namespace",
            "a string is expected, not a map",
        ),
        ({**pod_with(), "metadata": {"finalizers": [1]}}, "/metadata/finalizers/0", "a string is expected"),
        (
            {**pod_with(), "metadata": {"ownerReferences": {}}},
            "/metadata/ownerReferences",
            "a list is expected",
        ),
        (pod_with(containers={}), "/spec/containers", "a list is expected, not a map"),
        (pod_with(containers=[None]), "/spec/containers/0", "an element is expected, not null"),
        (pod_with(containers=["a"]), "/spec/containers/0", "a map is expected, not a string"),
        (pod_with(containers=[{}]), "/spec/containers/0", "name is missing"),
        (pod_with(initContainers=[{"name": None}]), "/spec/initContainers/0", "name is missing"),
        (
            pod_with(ephemeralContainers=[{"name": 1}]),
            "/spec/ephemeralContainers/0/name",
            "a string is expected",
        ),
        (pod_with(volumes=[{}]), "/spec/volumes/0", "name is missing"),
        (pod_with(volumes="x"), "/spec/volumes", "a list is expected"),
        (pod_with(hostNetwork="true"), "/spec/hostNetwork", "a boolean is expected, not a string"),
        (pod_with(hostNetwork=1), "/spec/hostNetwork", "a boolean is expected, not a number"),
        (pod_with(os="linux"), "/spec/os", "a map is expected, not a string"),
        (pod_with(securityContext=[]), "/spec/securityContext", "a map is expected, not a list"),
        (pod_with(imagePullSecrets=["x"]), "/spec/imagePullSecrets/0", "a map is expected"),
        (pod_with(imagePullSecrets=[{"name": {}}]), "/spec/imagePullSecrets/0/name", "a string is expected"),
        (container_with(image=True), f"{IN_B}/image", "a string is expected, not a boolean"),
        (container_with(args="x"), f"{IN_B}/args", "a list is expected, not a string"),
        (container_with(args=["x", 1.5]), f"{IN_B}/args/1", "a string is expected, not a number"),
        (container_with(command=[["x"]]), f"{IN_B}/command/0", "a string is expected, not a list"),
        (container_with(env={"A": "b"}), f"{IN_B}/env", "a list is expected, not a map"),
        (container_with(env=[{"value": "b"}]), f"{IN_B}/env/0", "name is missing"),
        (
            container_with(env=[{"name": "A", "value": 1}]),
            f"{IN_B}/env/0/value",
            "a string is expected, not a number",
        ),
        (
            container_with(env=[{"name": "A", "valueFrom": "x"}]),
            f"{IN_B}/env/0/valueFrom",
            "a map is expected",
        ),
        (container_with(ports=[80]), f"{IN_B}/ports/0", "a map is expected, not a number"),
        (
            container_with(ports=[{"containerPort": "80"}]),
            f"{IN_B}/ports/0/containerPort",
            "an integer is expected",
        ),
        (
            container_with(ports=[{"containerPort": True}]),
            f"{IN_B}/ports/0/containerPort",
            "an integer is expected",
        ),
        (container_with(volumeMounts=[{"name": "v"}]), f"{IN_B}/volumeMounts/0", "mountPath is missing"),
        (container_with(volumeDevices=[{"name": "v"}]), f"{IN_B}/volumeDevices/0", "devicePath is missing"),
        (container_with(resources="x"), f"{IN_B}/resources", "a map is expected"),
        (container_with(resources={"limits": []}), f"{IN_B}/resources/limits", "a map is expected"),
        (
            container_with(securityContext={"capabilities": []}),
            f"{IN_B}/securityContext/capabilities",
            "a map is",
        ),
        (container_with(livenessProbe="x"), f"{IN_B}/livenessProbe", "a map is expected"),
        (
            container_with(readinessProbe={"httpGet": 1}),
            f"{IN_B}/readinessProbe/httpGet",
            "a map is expected",
        ),
        (
            container_with(startupProbe={"httpGet": {"httpHeaders": {}}}),
            f"{IN_B}/startupProbe/httpGet/httpHeaders",
            "a list is expected",
        ),
        (container_with(lifecycle={"preStop": []}), f"{IN_B}/lifecycle/preStop", "a map is expected"),
    ],
)
def test_a_wrong_type_is_reported_with_its_pointer_and_what_was_expected(
    manifest: dict[str, Any], pointer: str, message: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        locate({"apiVersion": "v1", **manifest})
    assert (caught.value.where, message in caught.value.message) == (pointer, True)


def test_nulls_stand_for_nothing_wherever_a_map_or_list_is_expected() -> None:
    nulls = dict.fromkeys(["env", "args", "ports", "image", "resources", "livenessProbe", "lifecycle"])
    manifest = container_with(**nulls)
    manifest["metadata"] = {"labels": {"a": None}, "annotations": None, "name": None}
    assert locate(manifest) is not None
    assert locate(pod_with(**dict.fromkeys(["containers", "volumes", "os", "hostNetwork"]))) is not None


@given(pods())
def test_a_pod_by_itself_is_checked_as_in_its_workload(pod: dict[str, Any]) -> None:
    check_pod(pod)
    check_pod({})
    with pytest.raises(ManifestError):
        check_pod({**pod, "spec": 5})


@pytest.mark.parametrize(
    ("spec", "where", "other"),
    [
        ({"containers": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, "/spec/containers/2", "containers/0"),
        (
            {"initContainers": [{"name": "a"}], "containers": [{"name": "a"}]},
            "/spec/containers/0",
            "initContainers/0",
        ),
        ({"volumes": [{"name": "v"}, {"name": "v", "emptyDir": {}}]}, "/spec/volumes/1", "volumes/0"),
        (
            {
                "containers": [
                    {"name": "a", "volumeMounts": [{"name": n, "mountPath": "/same"} for n in ("v", "w")]}
                ]
            },
            "/spec/containers/0/volumeMounts/1",
            "volumeMounts/0",
        ),
    ],
)
def test_what_kubernetes_requires_once_is_refused_where_it_stands_twice(
    spec: dict[str, Any], where: str, other: str
) -> None:
    # A merge would keep one of them, and make a valid pod that was not intended.
    with pytest.raises(ManifestError, match=f"also used by .*{other}; ") as caught:
        check_pod({"spec": spec})
    assert caught.value.where == where
    with pytest.raises(ManifestError):
        locate(pod_with(**spec))


def test_containers_may_share_variables_ports_and_mounts_of_other_containers() -> None:
    one = {"env": [{"name": "A"}, {"name": "A"}], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    ports = [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]
    check_pod({"spec": {"containers": [{"name": "a", "ports": ports, **one}, {"name": "b", **one}]}})


@pytest.mark.parametrize(
    ("manifest", "group", "listed"),
    [
        ({"apiVersion": "v1", "kind": "List"}, "", True),
        ({"apiVersion": "meta.example/v1", "kind": "List"}, "meta.example", False),
        ({"apiVersion": "v1", "kind": "PodList"}, "", False),
        ({"apiVersion": "apps/v1", "kind": "Deployment"}, "apps", False),
        ({"kind": "List"}, "", True),
        ({"apiVersion": None}, "", False),
    ],
)
def test_the_group_is_before_the_slash_and_a_list_is_of_the_core(
    manifest: dict[str, Any], group: str, listed: bool
) -> None:
    assert (group_of(manifest), is_list(manifest)) == (group, listed)


def test_getting_putting_and_dropping_share_what_they_do_not_touch() -> None:
    tree = {"a": {"b": 1, "c": {}}, "d": {}}
    assert get(tree, "/a/b") == 1
    assert get(tree, "/a/b/x") is None
    assert get(tree, "/x/y") is None
    changed = put(tree, "/a/b", 2)
    assert changed == {"a": {"b": 2, "c": {}}, "d": {}}
    assert changed["d"] is tree["d"]
    assert put({}, "/a/b", 2) == {"a": {"b": 2}}
    assert put({"a": None}, "/a/b", 2) == {"a": {"b": 2}}
    assert drop(tree, "/a/b") == {"a": {"c": {}}, "d": {}}
    assert tree == {"a": {"b": 1, "c": {}}, "d": {}}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({}, "a map"),
        ([], "a list"),
        ("", "a string"),
        (True, "a boolean"),
        (None, "null"),
        (1, "a number"),
        (0.5, "a number"),
    ],
)
def test_types_are_named_in_words(value: Any, word: str) -> None:
    assert type_name(value) == word
