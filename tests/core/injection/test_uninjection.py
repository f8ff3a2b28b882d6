"""The way back: an injected pod becomes what it was, whatever was in it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given

from injector.core.injection import uninjection
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import recover
from injector.core.injection.undo_entries import LIMIT
from injector.core.model import Facts, Reason, Verdict
from injector.core.tree.schema import same
from tests.core.generic import CONFIG, KEYS, PROFILE, a_config, injected, outcome
from tests.generators.strategies import containers, pods

APP = {"name": "app", "image": "app:1"}


def back(pod: dict[str, Any]) -> dict[str, Any]:
    recovered = recover(pod, Facts(), CONFIG)
    assert recovered is not None
    assert recovered.notes == ()
    return recovered.pod


def a_pod(*listed: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [APP, *listed], **spec}}


def assert_round(pod: dict[str, Any]) -> dict[str, Any]:
    """inject and back gives the pod; inject of the result gives the result; returns it."""
    original = copy.deepcopy(pod)
    once = injected(pod)
    assert same(back(once), original)
    assert same(pod, original)
    again = outcome(once)
    assert again.patch == ()
    assert same(again.pod, once)
    return once


@given(pods())
def test_uninjecting_an_injected_pod_gives_the_pod(pod: dict[str, Any]) -> None:
    assert_round(pod)


@given(containers("proxy"), containers("setup"), pods())
def test_uninjecting_gives_the_pod_also_where_the_user_defines_injected_containers(
    proxy: dict[str, Any], setup: dict[str, Any], pod: dict[str, Any]
) -> None:
    spec = pod["spec"]
    spec["containers"] = [*spec["containers"], proxy]
    spec["initContainers"] = [setup, *(spec.get("initContainers") or [])]
    assert_round(pod)


NOTHING: list[Any] = [None, []]
MESH: list[Any] = ["on", "off", "", None]
PODS: list[dict[str, Any]] = [
    a_pod(),
    {"spec": {"containers": [APP]}},
    {"metadata": {}, "spec": {"containers": [APP]}},
    {"metadata": None, "spec": {"containers": [APP]}},
    {"metadata": {"labels": None, "annotations": None}, "spec": {"containers": [APP]}},
    {"metadata": {"labels": {}, "annotations": {}}, "spec": {"containers": [APP]}},
    {"metadata": {"annotations": {"a": None, "": "x", "b/c~d": "e"}}, "spec": {"containers": [APP]}},
    {"spec": {}},
    {"spec": {"containers": []}},
    {"spec": {"containers": None}},
    # Lists that the injection adds to, null and empty.
    *(
        a_pod(**{part: value})
        for part in ("initContainers", "volumes", "imagePullSecrets")
        for value in NOTHING
    ),
    a_pod(securityContext=None),
    a_pod(securityContext={}),
    a_pod(securityContext={"fsGroup": 1, "sysctls": []}),
    a_pod(securityContext={"fsGroup": 1337}),
    # Volumes and pull secrets with the injected names, before and after others.
    a_pod(volumes=[{"name": "a"}, {"name": "ours", "csi": {"driver": "d"}}, {"name": "b"}]),
    a_pod(volumes=[{"name": "data", "emptyDir": {"medium": "Memory"}}, {"name": "ours"}]),
    a_pod(imagePullSecrets=[{"name": "pull"}, {"name": "other"}]),
    # Labels and annotations that the injection sets too, with its value, another one, and null.
    *({"metadata": {"labels": {"mesh": value}}, "spec": {"containers": [APP]}} for value in MESH),
    {"metadata": {"annotations": {"mesh.example/port": "15000"}}, "spec": {"containers": [APP]}},
    {"metadata": {"annotations": {"mesh.example/port": "1"}}, "spec": {"containers": [APP]}},
    # Containers of the injected names, in their list and in the other.
    a_pod({"name": "proxy", "image": "auto", "env": None, "args": []}),
    a_pod(
        {
            "name": "proxy",
            "image": "auto",
            "env": [{"name": "MODE", "value": "mine"}, {"name": "X", "value": "1"}],
        }
    ),
    a_pod(
        {
            "name": "proxy",
            "resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}},
            "unknownField": {"a": None},
        }
    ),
    a_pod(
        {"name": "proxy", "volumeMounts": [{"name": "mine", "mountPath": "/ours"}]},
        volumes=[{"name": "mine"}],
    ),
    {
        "spec": {
            "containers": [{"name": "proxy"}, APP],
            "initContainers": [{"name": "x"}, {"name": "setup", "tty": False}],
        }
    },
    # Foreign values of the bookkeeping annotations.
    {"metadata": {"annotations": {KEYS.undo: "mine"}}, "spec": {"containers": [APP]}},
    {
        "metadata": {"annotations": {KEYS.overrides: '{"containers":[{"name":"proxy","tty":true}]}'}},
        "spec": {"containers": [APP]},
    },
    {"metadata": {"annotations": {KEYS.status: "not ours"}}, "spec": {"containers": [APP]}},
    # Lists without distinct keys, and fields of a newer Kubernetes.
    a_pod(
        {
            "name": "b",
            "ports": [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}],
        }
    ),
    a_pod(newField=[{"a": None}, [], {}, "é\ud800"], **{"$odd": {"$patch": "delete"}}),
    {
        "metadata": {"labels": {"app": "debug"}},
        "spec": {"containers": [APP, {"name": "debugger"}], "volumes": [{"name": "dumps"}]},
    },
]


@pytest.mark.parametrize("pod", PODS)
def test_overwritten_values_are_restored(pod: dict[str, Any]) -> None:
    assert_round(pod)


@pytest.mark.parametrize("pod", PODS)
def test_uninjecting_leaves_no_trace_and_does_not_change_its_input(pod: dict[str, Any]) -> None:
    once = injected(pod)
    before = copy.deepcopy(once)
    assert recover(back(once), Facts(), CONFIG) is None
    assert same(once, before)


@pytest.mark.parametrize(
    "pod", [a_pod(initContainers=[{"name": "proxy", "restartPolicy": "Always"}]), a_pod({"name": "setup"})]
)
def test_a_container_of_an_injected_name_in_the_other_list_is_refused(pod: dict[str, Any]) -> None:
    # Kubernetes requires each name once among init containers and containers together.
    refused = inject(pod, Facts(), CONFIG)
    assert refused.decision.reason is Reason.INVALID_POD
    assert refused.patch == ()


def test_the_order_of_the_users_elements_comes_back() -> None:
    volumes = [{"name": name} for name in ("z", "data", "a", "ours", "m")]
    pod = a_pod({"name": "proxy"}, {"name": "last"}, volumes=volumes)
    assert [v["name"] for v in back(injected(pod))["spec"]["volumes"]] == ["z", "data", "a", "ours", "m"]
    assert [c["name"] for c in back(injected(pod))["spec"]["containers"]] == ["app", "proxy", "last"]


def test_the_users_version_keeps_zeros_in_lists_of_unknown_fields() -> None:
    newer = [{"on": False, "count": 0}]
    proxy = {"name": "proxy", "newerThanUs": newer, "lifecycle": {"newer": {"steps": newer}}}
    after = assert_round(a_pod(proxy))
    restored = next(c for c in after["spec"]["containers"] if c["name"] == "proxy")
    assert (restored["newerThanUs"], restored["lifecycle"]["newer"]["steps"]) == (newer, newer)


@pytest.mark.parametrize("directive", ["delete", "replace", "nonsense"])
def test_a_users_container_does_not_direct_the_merge(directive: str) -> None:
    after = assert_round(a_pod({"name": "proxy", "tty": True, "$patch": directive}))
    proxy = next(c for c in after["spec"]["containers"] if c["name"] == "proxy")
    assert (proxy["$patch"], proxy["tty"], proxy["image"]) == (directive, True, "proxy:1")


def test_a_template_may_mention_a_container_more_than_once() -> None:
    twice = """
spec:
  containers:
  - {name: proxy, image: "proxy:1"}
  - {name: proxy, args: [run]}
"""
    config = a_config(text=twice)
    pod = a_pod({"name": "proxy", "tty": True})
    once = injected(pod, config)
    proxies = [c for c in once["spec"]["containers"] if c["name"] == "proxy"]
    assert proxies == [{"name": "proxy", "tty": True, "image": "proxy:1", "args": ["run"]}]
    assert json.loads(once["metadata"]["annotations"][KEYS.status])["containers"] == ["proxy"]
    assert outcome(once, config).patch == ()
    assert same(back(once), pod)


def test_a_pod_that_was_not_injected_cannot_be_uninjected() -> None:
    assert recover(a_pod(), Facts(), CONFIG) is None
    assert recover({"metadata": {"annotations": {KEYS.status: "[]"}}}, Facts(), CONFIG) is None


def test_a_pod_that_needs_no_record_carries_none() -> None:
    plain = a_config(text="spec: {containers: [{name: proxy}], volumes: [{name: ours}]}")
    annotations = injected({"metadata": {"annotations": {"a": "b"}}, "spec": {"containers": [APP]}}, plain)
    assert set(annotations["metadata"]["annotations"]) == {"a", KEYS.status}


def test_without_a_record_what_the_status_lists_is_taken_out() -> None:
    once = injected(a_pod(volumes=[{"name": "mine"}]))
    del once["metadata"]["annotations"][KEYS.undo]
    recovered = recover(once, Facts(), CONFIG)
    assert recovered is not None
    assert [c["name"] for c in recovered.pod["spec"]["containers"]] == ["app"]
    assert [v["name"] for v in recovered.pod["spec"]["volumes"]] == ["mine"]
    assert {"initContainers", "imagePullSecrets"}.isdisjoint(recovered.pod["spec"])


def test_without_a_record_the_users_own_containers_come_from_the_overrides() -> None:
    mine = {"name": "proxy", "tty": True, "resources": {}}
    once = injected({"spec": {"containers": [mine, APP]}})
    del once["metadata"]["annotations"][KEYS.undo]
    recovered = recover(once, Facts(), CONFIG)
    assert recovered is not None
    assert sorted(c["name"] for c in recovered.pod["spec"]["containers"]) == ["app", "proxy"]
    assert mine in recovered.pod["spec"]["containers"]


# ---- what others did since ---------------------------------------------------------------------------


def test_foreign_additions_to_the_users_part_stay_and_those_to_injected_parts_go() -> None:
    pod = a_pod(volumes=[{"name": "data", "secret": {}}])
    once = injected(pod)
    for container in once["spec"]["containers"]:
        container["env"] = [*container.get("env", []), {"name": "OTHER", "value": "1"}]
    once["spec"]["volumes"] = [{"name": "theirs"}, *once["spec"]["volumes"]]
    once["metadata"]["labels"]["theirs"] = "1"
    uninjected = back(once)
    assert uninjected["spec"]["containers"] == [{**APP, "env": [{"name": "OTHER", "value": "1"}]}]
    assert uninjected["spec"]["volumes"] == [{"name": "theirs"}, {"name": "data", "secret": {}}]
    assert uninjected["metadata"]["labels"] == {"app": "shop", "theirs": "1"}


@pytest.mark.parametrize("empty", [None, {}, "absent"])
@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_foreign_additions_where_the_user_had_nothing_stay(where: str, empty: Any) -> None:
    meta = {} if empty == "absent" else {where: empty}
    once = injected({"metadata": meta, "spec": {"containers": [APP]}})
    once["metadata"][where] = {**once["metadata"][where], "theirs": "1"}
    assert back(once)["metadata"] == {where: {"theirs": "1"}}


@pytest.mark.parametrize("part", ["volumes", "imagePullSecrets", "initContainers"])
@pytest.mark.parametrize("own", [None, [], [{"name": "mine"}], [{"name": "ours"}], [{"name": "setup"}]])
def test_a_list_element_of_others_stays_beside_the_users(part: str, own: list[dict[str, Any]] | None) -> None:
    once = injected(a_pod(**{part: own}))
    once["spec"][part] = [*once["spec"][part], {"name": "theirs"}]
    assert sorted(i["name"] for i in back(once)["spec"][part]) == sorted(
        ["theirs", *(i["name"] for i in own or [])]
    )


def test_the_order_of_fields_does_not_show_in_the_record_and_that_of_elements_does() -> None:
    volumes = [{"name": "ours", "z": 1, "a": 2}, {"name": "data", "y": 1}]
    one = {"metadata": {"labels": {"mesh": "a", "app": "b"}, "annotations": {"b": "1", "a": None}}}
    other = {"metadata": {"annotations": {"a": None, "b": "1"}, "labels": {"app": "b", "mesh": "a"}}}
    texts = {
        injected({**half, "spec": {"containers": [APP], "volumes": volumes}})["metadata"]["annotations"][
            KEYS.undo
        ]
        for half in (one, other)
    }
    assert len(texts) == 1
    turned = a_pod(volumes=volumes[::-1])
    assert back(injected(turned)) == turned


def test_a_place_that_is_gone_is_named() -> None:
    once = injected(a_pod({"name": "proxy", "tty": True}, securityContext={"fsGroup": 5}))
    del once["spec"]["securityContext"]
    recovered = recover(once, Facts(), CONFIG)
    assert recovered is not None
    assert recovered.notes == (
        "/spec/securityContext/fsGroup could not be restored: its parent does not exist",
    )


# ---- untrusted annotations -------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("", "not valid JSON"),
        ("nonsense", "not valid JSON"),
        ("[" * 100_000, "longer than 32768 bytes"),
        ("[" * 10_000, "not valid JSON"),
        ('[5, null, "x", {}, [], [7], [[]]]', "an entry of the undo annotation is invalid"),
        ('[["/spec/nowhere/x", 1]]', "/spec/nowhere/x was not restored"),
        ('[["/spec/containers/nobody"]]', "/spec/containers/nobody was not restored"),
        ('[["/spec/containers/app/image/x", 1]]', "could not be restored"),
        ('[["/spec/containers/proxy", {"name": "proxy"}]]', None),
        ('[["/spec/containers/app"]]', "/spec/containers/app was not restored"),
        ('[["/spec/containers/app", {"name": "app"}]]', "/spec/containers/app was not restored"),
        ('[["/spec/containers/evil", {"name": "evil"}]]', "/spec/containers/evil was not restored"),
        ('[["/spec/containers/proxy", {"name": "evil"}]]', "/spec/containers/proxy was not restored"),
        ('[["/spec/containers"]]', "/spec/containers could not be restored"),
        ('[["/spec/containers", [{"name": "evil"}]]]', "/spec/containers was not restored"),
        ('[["/spec/hostNetwork", true]]', "/spec/hostNetwork was not restored"),
        ('[["/spec/os", {"name": "windows"}]]', "/spec/os was not restored"),
        ('[["/spec/dnsPolicy", "None"]]', "/spec/dnsPolicy was not restored"),
        ('[["/spec", {"containers": []}]]', "/spec was not restored"),
        ('[["/metadata/finalizers", ["a/b"]]]', "/metadata/finalizers was not restored"),
        ('[["/metadata", {"finalizers": ["a/b"]}]]', "/metadata was not restored"),
        ('[["/spec/containers/app", null, 5]]', "/spec/containers/app was not restored"),
        ('[["/spec/containers", null, 5]]', "could not be restored"),
        (f'[["/{"x" * 500}/y", 1]]', "was not restored"),
        ('[["", 5]]', " was not restored"),
        ('[["", null]]', " was not restored"),
        ('[["", null, ["a"]]]', " was not restored"),
        ('[["/spec/containers", 5]]', "/spec/containers was not restored"),
        ('[["/spec/containers/app/env", {"a": 1}]]', "the result is not a valid pod"),
        ('[["/spec/containers", [{"image": "x"}]]]', "/spec/containers was not restored"),
        ("{}", None),
        ("5", None),
    ],
)
def test_a_bogus_record_never_breaks_anything(text: str, note: str | None) -> None:
    pod = {
        "metadata": {"annotations": {KEYS.status: '{"containers":["proxy"]}', KEYS.undo: text}},
        "spec": {"containers": [APP, {"name": "proxy"}]},
    }
    recovered = recover(pod, Facts(), CONFIG)
    assert recovered is not None
    notes = " ".join(recovered.notes)
    assert (note or "") in notes
    assert "x" * 65 not in notes
    if note is not None:
        assert recovered.pod["spec"]["containers"] == [APP]
    assert outcome(pod).decision.verdict is Verdict.INJECT


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        "",
        '{"containers":5}',
        '{"containers":[5]}',
        '{"containers":[{"image":"x"}]}',
        '{"initContainers":[{"name":5}]}',
        '{"containers":[{"name":"proxy","env":{}}]}',
        "[" * 100_000,
    ],
)
def test_overrides_that_are_no_containers_are_refused(text: str) -> None:
    pod = {"metadata": {"annotations": {KEYS.overrides: text}}}
    with pytest.raises(ValueError, match=r"expected|missing"):
        uninjection.overrides(pod, PROFILE)


def test_overrides_are_lists_of_containers_by_list() -> None:
    text = json.dumps({"containers": [{"name": "a"}], "initContainers": None, "other": 5})
    pod = {"metadata": {"annotations": {KEYS.overrides: text}}}
    assert uninjection.overrides(pod, PROFILE) == {"containers": [{"name": "a"}], "initContainers": []}
    assert uninjection.overrides({}, PROFILE) == {}


def test_a_record_that_would_be_too_large_is_left_out_and_reported() -> None:
    pod = a_pod(securityContext={"fsGroup": 1, "x": "é" * LIMIT}, volumes=None)
    small = outcome(pod)
    assert small.findings == ()
    large = outcome(a_pod(volumes=[{"name": "ours", "note": "é" * LIMIT}]))
    assert [f.code for f in large.findings] == ["volume-taken", "undo-too-large"]
    assert KEYS.undo not in large.pod["metadata"]["annotations"]
    assert len(injected(pod)["metadata"]["annotations"][KEYS.undo]) < 200


def test_the_record_holds_only_what_cannot_be_derived() -> None:
    text = injected(a_pod(securityContext={"fsGroup": 5}))["metadata"]["annotations"][KEYS.undo]
    pointers = {entry[0]: entry[1:] for entry in json.loads(text)}
    assert pointers == {
        "/metadata/labels/mesh": [],
        "/metadata/annotations/mesh.example~1port": [],
        "/metadata/annotations": [None, []],
        "/spec/securityContext/fsGroup": [5],
    }


def test_there_is_no_record_for_a_pod_without_a_status() -> None:
    assert uninjection.record(a_pod(), {}, PROFILE) is None
