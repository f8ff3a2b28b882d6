"""What the API server refuses about a pod template: pods that break each rule, and pods that it takes.

The rules are those of Kubernetes 1.37 (pkg/apis/core/validation). That a real API server agrees is
tested with one (tests/apiserver).
"""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.validation.places import pointer_of
from injector.core.validation.pod import problems
from injector.core.validation.problem import Consequence, PodRule

Tree = dict[str, Any]


def pod(container: Tree | None = None, **spec: Any) -> Tree:
    """A pod with one container of these fields and a volume, and further fields of the spec."""
    app = {"name": "app", "image": "app:1", **(container or {})}
    return {"spec": {"containers": [app], "volumes": [{"name": "data", "emptyDir": {}}], **spec}}


def init(**more: Any) -> Tree:
    return {"name": "setup", "image": "setup:1", **more}


def rules(tree: Tree) -> list[PodRule]:
    return sorted({problem.rule for problem in problems(tree)})


def resources(**kinds: Tree) -> Tree:
    return {"resources": kinds}


def context(**fields: Any) -> Tree:
    return {"securityContext": fields}


HTTP = {"httpGet": {"port": 80}}
KEY = {"name": "a", "key": "b"}
FIELD = {"fieldPath": "metadata.name"}
RUNS = {"exec": {"command": ["true"]}}
WRONG: list[tuple[PodRule, Tree]] = [
    (PodRule.CONTAINERS, {"spec": {"containers": []}}),
    (PodRule.NAME, pod({"name": "App"})),
    (PodRule.NAME, pod({"name": "a" * 64})),
    (PodRule.NAME, pod(volumes=[{"name": "my_volume"}])),
    (PodRule.UNIQUE_NAME, pod(initContainers=[init(name="app")])),
    (PodRule.UNIQUE_NAME, pod(volumes=[{"name": "data"}, {"name": "data"}])),
    (PodRule.IMAGE, pod({"image": ""})),
    (PodRule.IMAGE, pod({"image": " app:1"})),
    (PodRule.REQUEST_ABOVE_LIMIT, pod(resources(requests={"cpu": 1}, limits={"cpu": "500m"}))),
    (PodRule.REQUEST_ABOVE_LIMIT, pod(resources(requests={"memory": "2Gi"}, limits={"memory": "2G"}))),
    (PodRule.REQUEST_ABOVE_LIMIT, pod(resources(requests={"example.com/gpu": 1}))),
    (PodRule.REQUEST_ABOVE_LIMIT, pod(resources(requests={"a.b/c": 1}, limits={"a.b/c": 2}))),
    (PodRule.REQUEST_ABOVE_LIMIT, pod(resources={"requests": {"cpu": 2}, "limits": {"cpu": 1}})),
    (PodRule.RESOURCE, pod(resources(requests={"cpus": 1}))),
    (PodRule.RESOURCE, pod(resources(limits={"cpu": "-1"}))),
    (PodRule.RESOURCE, pod(resources(limits={"hugepages-2Mi": "4Mi"}))),
    (PodRule.RESOURCE, pod(resources={"limits": {"ephemeral-storage": "1Gi"}})),
    (PodRule.POD_REQUESTS, pod(resources(requests={"cpu": "200m"}), resources={"requests": {"cpu": "100m"}})),
    (PodRule.POD_REQUESTS, pod(resources(requests={"cpu": 2}), resources={"limits": {"cpu": 1}})),
    (PodRule.POD_LIMITS, pod(
        resources(limits={"cpu": 2}, requests={"cpu": 1}), resources={"limits": {"cpu": 1}})),
    (PodRule.MOUNT_VOLUME, pod({"volumeMounts": [{"name": "other", "mountPath": "/other"}]})),
    (PodRule.MOUNT_VOLUME, pod({"volumeDevices": [{"name": "other", "devicePath": "/dev/x"}]})),
    (PodRule.MOUNT_PATH, pod({"volumeMounts": [{"name": "data", "mountPath": "/a"}] * 2})),
    (PodRule.MOUNT_PATH, pod({"volumeMounts": [{"name": "data", "mountPath": "/a", "subPath": "../b"}]})),
    (PodRule.VOLUME, pod(volumes=[{"name": "data", "projected": {"sources": [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 599}}]}}])),
    (PodRule.PORT_NUMBER, pod({"ports": [{"containerPort": 0}]})),
    (PodRule.PORT_NUMBER, pod({"ports": [{"containerPort": 80, "hostPort": 65536}]})),
    (PodRule.PORT_NAME, pod({"ports": [{"containerPort": n, "name": "http"} for n in (80, 81)]})),
    (PodRule.PORT_NAME, pod({"ports": [{"containerPort": 80, "name": "a--b"}]})),
    (PodRule.PORT_NAME, pod({"ports": [{"containerPort": 80, "name": "8080"}]})),
    (PodRule.HOST_PORT, pod({"ports": [{"containerPort": n, "hostPort": 80} for n in (80, 81)]})),
    (PodRule.HOST_PORT, pod({"ports": [{"containerPort": 80, "hostPort": 81}]}, hostNetwork=True)),
    (PodRule.CHOICE, pod({"livenessProbe": {**HTTP, **RUNS}})),
    (PodRule.CHOICE, pod({"livenessProbe": {}})),
    (PodRule.CHOICE, pod({"lifecycle": {"preStop": {**RUNS, "sleep": {"seconds": 1}}}})),
    (PodRule.CHOICE, pod({"env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": FIELD}}]})),
    (PodRule.CHOICE, pod({"env": [{"name": "A", "valueFrom": {"fieldRef": FIELD, "secretKeyRef": KEY}}]})),
    (PodRule.CHOICE, pod({"env": [{"name": "A", "valueFrom": {}}]})),
    (PodRule.CHOICE, pod(volumes=[{"name": "data", "emptyDir": {}, "secret": {"secretName": "a"}}])),
    (PodRule.CHOICE, pod(volumes=[
        {"name": "data", "projected": {"sources": [{"secret": KEY, "configMap": KEY}]}}])),
    (PodRule.CHOICE, pod({"volumeMounts": [
        {"name": "data", "mountPath": "/a", "subPath": "b", "subPathExpr": "c"}]})),
    (PodRule.HANDLER, pod({"livenessProbe": {"exec": {}}})),
    (PodRule.HANDLER, pod({"livenessProbe": {"httpGet": {}}})),
    (PodRule.HANDLER, pod({"livenessProbe": {"grpc": {"port": 70000}}})),
    (PodRule.HANDLER, pod({"livenessProbe": {**HTTP, "successThreshold": 2}})),
    (PodRule.HANDLER, pod({"readinessProbe": {**HTTP, "periodSeconds": -1}})),
    (PodRule.HANDLER, pod({"readinessProbe": {**HTTP, "terminationGracePeriodSeconds": 5}})),
    (PodRule.HANDLER, pod({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}})),
    (PodRule.INIT_CONTAINER, pod(initContainers=[init(livenessProbe=HTTP)])),
    (PodRule.INIT_CONTAINER, pod(initContainers=[init(lifecycle={"preStop": RUNS})])),
    (PodRule.VARIABLE, pod({"env": [{"name": "A=B"}]})),
    (PodRule.VARIABLE, pod({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.name"}}}]})),
    (PodRule.FIELD, pod({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {}}}]})),
    (PodRule.FIELD, pod({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a"}}}]})),
    (PodRule.VARIABLE, pod({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"key": "a"}}}]})),
    (PodRule.VOLUME, pod(volumes=[{"name": "data", "configMap": {"name": ""}}])),
    (PodRule.VOLUME, pod(volumes=[{"name": "data", "secret": {"secretName": "a", "defaultMode": 512}}])),
    (PodRule.PROFILE, pod(context(seccompProfile={"type": "Localhost"}))),
    (PodRule.PROFILE, pod(context(seccompProfile={"type": "RuntimeDefault", "localhostProfile": "a"}))),
    (PodRule.FIELD, pod(securityContext={"appArmorProfile": {}})),
    (PodRule.PRIVILEGE, pod(context(privileged=True, allowPrivilegeEscalation=False))),
    (PodRule.PRIVILEGE, pod(
        context(capabilities={"add": ["CAP_SYS_ADMIN"]}, allowPrivilegeEscalation=False))),
    (PodRule.PRIVILEGE, pod({"volumeMounts": [
        {"name": "data", "mountPath": "/a", "mountPropagation": "Bidirectional"}]})),
    (PodRule.USER_ID, pod(context(runAsUser=-1))),
    (PodRule.USER_ID, pod(securityContext={"fsGroup": 2**31})),
    (PodRule.ROOT, pod(context(runAsUser=0, runAsNonRoot=True))),
    (PodRule.ROOT, pod(context(runAsNonRoot=True), securityContext={"runAsUser": 0})),
    (PodRule.SYSCTL, pod(securityContext={"sysctls": [{"name": "a", "value": "1"}] * 2})),
    (PodRule.LABEL, {"metadata": {"labels": {"a": "-b"}}, **pod()}),
    (PodRule.LABEL, {"metadata": {"labels": {"Example.com/a": "b"}}, **pod()}),
    (PodRule.ANNOTATION, {"metadata": {"annotations": {"a/b/c": ""}}, **pod()}),
]  # fmt: skip
RIGHT: list[Tree] = [
    pod(),
    pod(resources(requests={"cpu": 0.5, "memory": "1Gi"}, limits={"cpu": "500m", "example.com/gpu": 2})),
    pod(resources(limits={"hugepages-2Mi": "4Mi", "memory": "1Gi"})),
    pod(resources(requests={"cpu": "100m"}), resources={"requests": {"cpu": "100m"}, "limits": {"cpu": 1}}),
    pod({"volumeMounts": [{"name": "data", "mountPath": p, "subPath": "a/b"} for p in ("/a", "/b")]}),
    pod({"ports": [{"containerPort": 53, "hostPort": 53, "protocol": p} for p in ("TCP", "UDP")]}),
    pod({"ports": [{"containerPort": 80, "hostPort": 80, "hostIP": ip} for ip in ("10.0.0.1", "10.0.0.2")]}),
    pod({"ports": [{"containerPort": 80, "hostPort": 80}]}, initContainers=[
        init(ports=[{"containerPort": 80, "hostPort": 80}])]),
    pod({"livenessProbe": {"exec": None, "httpGet": {"port": "http"}}, "lifecycle": {"preStop": None}}),
    pod({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}, terminationGracePeriodSeconds=60),
    pod({"env": [
        {"name": "A", "value": "", "valueFrom": {"fieldRef": FIELD}}, {"name": "B", "valueFrom": None}]}),
    pod(volumes=[{"name": "none"}, {"name": "data", "secret": None, "emptyDir": {}}]),
    pod(initContainers=[init(restartPolicy="Always", livenessProbe=HTTP, lifecycle={"preStop": RUNS})]),
    pod(context(privileged=True), securityContext={"runAsUser": 0}),
    pod(context(capabilities={"add": ["SYS_ADMIN"]}, allowPrivilegeEscalation=False)),
    pod(context(runAsUser=1000, runAsNonRoot=True), securityContext={"runAsUser": 0}),
    pod(context(runAsNonRoot=False, runAsUser=0), securityContext={"runAsNonRoot": True}),
    {"metadata": {"labels": {"a": "", "b": "x" * 63, "c": None}}, **pod()},
    {"metadata": {"annotations": {"Example.com/A_b.c": "any text"}}, **pod()},
    pod(context(seccompProfile={"type": "Localhost", "localhostProfile": "a"}, appArmorProfile=None)),
    pod({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a.b/c']"}}},
                 {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "tree"), WRONG)
def test_each_rule_has_a_pod_that_breaks_it_alone(rule: PodRule, tree: Tree) -> None:
    assert rules(tree) == [rule]


def test_every_rule_is_in_the_table() -> None:
    assert {rule for rule, _ in WRONG} == set(PodRule)


@pytest.mark.parametrize("tree", RIGHT)
def test_a_pod_that_the_api_server_takes_has_no_problem(tree: Tree) -> None:
    assert list(problems(tree)) == []


def test_a_claim_of_the_workload_is_a_volume() -> None:
    tree = pod({"volumeMounts": [{"name": "claim", "mountPath": "/claim"}]})
    assert list(problems(tree, frozenset({"claim"}))) == []
    (problem,) = problems(tree)
    assert problem.consequence is Consequence.REFUSED_UNLESS_ADDED


def test_only_root_without_being_allowed_to_is_left_to_the_kubelet() -> None:
    consequences = {rule: {p.consequence for p in problems(tree)} for rule, tree in WRONG}
    assert {rule for rule, c in consequences.items() if Consequence.CANNOT_START in c} == {PodRule.ROOT}
    others = {rule for rule, c in consequences.items() if Consequence.REFUSED_UNLESS_ADDED in c}
    assert others == {PodRule.MOUNT_VOLUME}


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "text", [], {}, [1], {"name": 1}, [{}], [None]])
def test_a_value_of_any_type_is_no_crash(value: Any) -> None:
    lists = ("env", "ports", "volumeMounts", "volumeDevices")
    for field in (*lists, "resources", "securityContext", "lifecycle", "livenessProbe", "image", "name"):
        list(problems(pod({field: value})))
    for field in ("volumes", "resources", "securityContext", "initContainers", "hostNetwork"):
        list(problems(pod(**{field: value})))
    for deep in ({"preStop": value}, {"preStop": {"sleep": value}}, {"postStart": {"httpGet": value}}):
        list(problems(pod({"lifecycle": deep})))
    for field in lists:
        item = dict.fromkeys(("name", "mountPath", "devicePath", "containerPort", "hostPort", "value"), value)
        list(problems(pod({field: [item, item]})))
    list(problems(pod(volumes=[{"name": value, "projected": {"sources": [value]}}])))
    list(problems(pod(securityContext={"sysctls": [{"name": value}], "runAsUser": value})))
    list(problems({"metadata": {"labels": value}, "spec": {"containers": value}}))
    list(problems(pod(resources(requests={"cpu": value}, limits=value))))


def test_a_place_is_found_by_name_wherever_the_container_is() -> None:
    wrong = {"name": "app", "image": "app:1", "ports": [{"containerPort": 0}]}
    (problem,) = problems({"spec": {"containers": [init(), wrong]}})
    assert pointer_of({"spec": {"containers": [init(), wrong]}}, problem.path) == (
        "/spec/containers/1/ports/0/containerPort"
    )
    assert pointer_of({"spec": {"initContainers": [wrong], "containers": [init()]}}, problem.path) == (
        "/spec/initContainers/0/ports/0/containerPort"
    )
    assert pointer_of({"spec": {"containers": [init()]}}, problem.path) == "/spec/containers"
    assert pointer_of({}, problem.path) == "/spec"


def test_an_init_container_that_runs_alone_counts_by_the_maximum() -> None:
    spec: Tree = {
        "resources": {"requests": {"cpu": "1"}},
        "initContainers": [
            init(restartPolicy="Always", **resources(requests={"cpu": "300m"})),
            init(name="alone", **resources(requests={"cpu": "700m"})),
        ],
    }
    assert rules(pod(resources(requests={"cpu": "700m"}), **spec)) == []
    more = pod(resources(requests={"cpu": "701m"}), **spec)
    assert rules(more) == [PodRule.POD_REQUESTS]
    spec["initContainers"][1] = init(name="alone", **resources(requests={"cpu": "701m"}))
    assert rules(pod(**spec)) == [PodRule.POD_REQUESTS]
