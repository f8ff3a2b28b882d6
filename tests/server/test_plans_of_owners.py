"""Plans for pods of all kinds of owners, and for pods in which a copied text stands elsewhere as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.server.beside import unhurried
from tests.server.plan_places import (
    USER_VOLUME,
    Change,
    Manifest,
    asked,
    at,
    planning,
    renamed,
    rich,
)


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


def of_owner(api_version: str, kind: str, name: str, **labels: str) -> Change:
    def change(pod: Manifest) -> None:
        meta = pod["metadata"]
        meta["ownerReferences"][0] |= {"apiVersion": api_version, "kind": kind, "name": name}
        meta["generateName"] = name + "-"
        del (
            meta["labels"]["app"],
            meta["labels"]["app.kubernetes.io/name"],
            meta["labels"]["pod-template-hash"],
        )
        meta["labels"] |= labels

    return change


def stateful(name: str, number: int) -> Change:
    def change(pod: Manifest) -> None:
        of_owner("apps/v1", "StatefulSet", name)(pod)
        pod["metadata"]["name"] = f"{name}-{number}"
        pod["metadata"]["labels"] |= {
            "statefulset.kubernetes.io/pod-name": f"{name}-{number}",
            "apps.kubernetes.io/pod-index": str(number),
        }

    return change


def bare(name: str | None) -> Change:
    def change(pod: Manifest) -> None:
        del pod["metadata"]["ownerReferences"], pod["metadata"]["generateName"]
        del pod["metadata"]["labels"]["app"], pod["metadata"]["labels"]["app.kubernetes.io/name"]
        if name is not None:
            pod["metadata"]["name"] = name

    return change


LONG = "a" * 47

HASH, ROLLOUT, CONFIG = "pod-template-hash", "rollouts-pod-template-hash", "deploymentconfig"

OWNERS: dict[str, tuple[Change, Change, bool]] = {
    "StatefulSet": (stateful("db", 0), stateful("other", 17), True),
    "DaemonSet": (of_owner("apps/v1", "DaemonSet", "a"), of_owner("apps/v1", "DaemonSet", "b-c"), True),
    "another kind": (of_owner("x.io/v1", "Thing", "a"), of_owner("x.io/v1", "Thing", "b-c"), True),
    "two kinds": (of_owner("x.io/v1", "Thing", "a"), of_owner("x.io/v1", "Other", "a"), False),
    "two versions": (of_owner("x.io/v1", "Thing", "a"), of_owner("x.io/v2", "Thing", "a"), False),
    "long name": (of_owner("x.io/v1", "Thing", "a" * 46), of_owner("x.io/v1", "Thing", "a" * 60), False),
    "Job": (of_owner("batch/v1", "Job", "a"), of_owner("batch/v1", "Job", "a-29012345"), False),
    "Job of a CronJob": (
        of_owner("batch/v1", "Job", "a-29012345"),
        of_owner("batch/v1", "Job", "a-99012345"),
        False,
    ),
    "ReplicaSet": (
        of_owner("apps/v1", "ReplicaSet", "a-1", **{HASH: "1"}),
        of_owner("apps/v1", "ReplicaSet", "b-c-2", **{HASH: "2"}),
        True,
    ),
    "hash that is none": (
        of_owner("apps/v1", "ReplicaSet", "a-1", **{HASH: "2"}),
        of_owner("apps/v1", "ReplicaSet", "a-1", **{HASH: "1"}),
        False,
    ),
    "long ReplicaSet": (
        of_owner("apps/v1", "ReplicaSet", LONG + "-1", **{HASH: "2"}),
        of_owner("apps/v1", "ReplicaSet", LONG + "-1", **{HASH: "1"}),
        False,
    ),
    "odd hash": (
        of_owner("apps/v1", "ReplicaSet", "a-B.c", **{HASH: "x"}),
        of_owner("apps/v1", "ReplicaSet", "a-B.c", **{HASH: "B.c"}),
        False,
    ),
    "long hash": (
        of_owner("apps/v1", "ReplicaSet", "a-" + "0" * 17, **{HASH: "x"}),
        of_owner("apps/v1", "ReplicaSet", "a-" + "0" * 17, **{HASH: "0" * 17}),
        False,
    ),
    "Rollout": (
        of_owner("apps/v1", "ReplicaSet", "a-1", **{ROLLOUT: "1"}),
        of_owner("apps/v1", "ReplicaSet", "a-1", **{ROLLOUT: "2"}),
        False,
    ),
    "Rollout and Deployment": (
        of_owner("apps/v1", "ReplicaSet", "a-1", **{ROLLOUT: "1", HASH: "1"}),
        of_owner("apps/v1", "ReplicaSet", "a-2", **{ROLLOUT: "1", HASH: "2"}),
        True,
    ),
    "Rollout, not Deployment": (
        of_owner("apps/v1", "ReplicaSet", "a-1", **{ROLLOUT: "1", HASH: "x"}),
        of_owner("apps/v1", "ReplicaSet", "a-1", **{ROLLOUT: "1", HASH: "1"}),
        False,
    ),
    "ReplicationController": (
        of_owner("v1", "ReplicationController", "a-1", **{CONFIG: "a"}),
        of_owner("v1", "ReplicationController", "a-1", **{CONFIG: "b"}),
        False,
    ),
    "bare pod": (bare("a"), bare("b-c"), True),
    "pod without a name": (bare("a"), bare(None), False),
    "bare pod with a long name": (bare("a" * 46), bare("a" * 60), False),
    "not a controller": (
        lambda pod: pod["metadata"]["ownerReferences"][0].update(controller=False),
        lambda pod: pod["metadata"]["ownerReferences"][0].update(controller=False, name="other"),
        False,
    ),
    "two controllers": (
        lambda pod: pod["metadata"]["ownerReferences"].insert(
            0, {"kind": "Thing", "name": "a", "controller": True}
        ),
        lambda pod: pod["metadata"]["ownerReferences"].insert(
            0, {"kind": "Thing", "name": "b", "controller": True}
        ),
        False,
    ),
}


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("turned", [False, True])
def test_owners_share_a_plan_where_their_names_are_copied(owner: str, turned: bool) -> None:
    first, second, shared = OWNERS[owner]
    pods = [rich(), rich()]
    for pod, change in zip(pods, (second, first) if turned else (first, second), strict=True):
        change(pod)
    assert asked(planning(pods[0]), pods[1]) == shared


with_path = at("spec", "containers", 0, "livenessProbe", "httpGet", "path")

ELSEWHERE: dict[str, tuple[Change, Callable[[Manifest], Manifest]]] = {
    "annotation with a volume of the token's name": (
        lambda pod: pod["metadata"]["annotations"].update(
            {USER_VOLUME: '{"kube-api-access-zzzzz": {"emptyDir": {}}}'}
        ),
        lambda pod: renamed(pod, "kube-api-access-abcde", "kube-api-access-zzzzz"),
    ),
    "device with the token's name": (
        lambda pod: pod["spec"]["containers"][1].update(
            volumeDevices=[{"name": "kube-api-access-zzzzz", "devicePath": "/dev/x"}]
        ),
        lambda pod: renamed(pod, "kube-api-access-abcde", "kube-api-access-zzzzz"),
    ),
    "annotation that names a container": (
        lambda pod: pod["metadata"]["annotations"].update(
            {"kubectl.kubernetes.io/default-container": "cart"}
        ),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "annotation with a part of a name": (
        lambda pod: pod["metadata"]["annotations"].update({"x": "a cart and more"}),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "key that names a container": (
        lambda pod: pod["metadata"]["annotations"].update(
            {"container.apparmor.security.beta.kubernetes.io/cart": "unconfined"}
        ),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "mount of no volume": (
        lambda pod: pod["spec"]["containers"][0]["volumeMounts"].append(
            {"name": "kube-api-access-zzzzz", "mountPath": "/x"}
        ),
        lambda pod: renamed(pod, "kube-api-access-abcde", "kube-api-access-zzzzz"),
    ),
    "two token volumes": (
        lambda pod: pod["spec"]["volumes"].append({"name": "kube-api-access-zzzzz", "emptyDir": {}}),
        lambda pod: renamed(pod, "kube-api-access-abcde", "kube-api-access-yyyyy"),
    ),
    "ephemeral container": (
        lambda pod: pod["spec"].update(ephemeralContainers=[{"name": "cart2", "image": "x"}]),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "path of a probe that has a name": (
        lambda pod: at("spec", "containers", 0, "livenessProbe", "httpGet", "path")(
            pod, "/app-health/cart/livez"
        ),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "path of a handler that has a name": (
        lambda pod: pod["spec"]["containers"][0].update(
            lifecycle={"preStop": {"httpGet": {"path": "/app-lifecycle/cart/prestopz", "port": 15020}}}
        ),
        lambda pod: at("spec", "containers", 0, "name")(pod, "cart2"),
    ),
    "hostname": (
        lambda pod: pod["spec"].update(hostname="cart"),
        lambda pod: at("metadata", "labels", "app")(pod, "other"),
    ),
}


@pytest.mark.parametrize("where", ELSEWHERE)
@pytest.mark.parametrize("turned", [False, True])
def test_a_copied_text_that_stands_elsewhere_makes_no_other_answer(where: str, turned: bool) -> None:
    first, change = ELSEWHERE[where]
    pods = [rich(), rich()]
    for pod in pods:
        first(pod)
    pods[1] = change(pods[1])
    if turned:
        pods.reverse()
    asked(planning(pods[0]), pods[1])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a", "a-b"), ("a", "b")),
        (("a-b", "a"), ("a", "a-b")),
        (("a0", "a"), ("a", "a0")),
        (("b", "a"), ("a", "b")),
    ],
)
def test_containers_are_in_the_order_of_the_paths_made_of_them(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    pods = []
    for names in (first, second):
        pod = rich()
        for container, name in zip(pod["spec"]["containers"], names, strict=True):
            container["name"] = name
        pods.append(pod)
    asked(planning(pods[0]), pods[1])
    asked(planning(pods[1]), pods[0])
