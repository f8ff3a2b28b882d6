"""Re-injection: what others wrote on injected objects stays, while the configuration is the same."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.core.finding_codes import FindingCode
from injector.core.injection.recovery import recover
from injector.core.injection.reinjection import keep_foreign_fields
from injector.core.model import Facts
from injector.core.outcome import Outcome
from injector.core.status import Status
from injector.core.tree.schema import same
from tests.core.generic import ANOTHER, CONFIG, KEYS, a_config, injected, outcome
from tests.generators.strategies import pods

APP = {"name": "app", "image": "app:1"}
POD = {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [APP]}}
OTHER = {"name": "OTHER", "value": "1"}


def once(pod: dict[str, Any] = POD) -> dict[str, Any]:
    return copy.deepcopy(injected(pod))


def named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (only,) = [item for item in items if item["name"] == name]
    return only


def defaulted(pod: dict[str, Any]) -> dict[str, Any]:
    """What the API server fills in, in injected containers and in others, deep inside atomic lists too."""
    spec = pod["spec"]
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("imagePullPolicy", "IfNotPresent")
        for variable in container.get("env", []):
            if "valueFrom" in variable:
                variable["valueFrom"]["fieldRef"].setdefault("apiVersion", "v1")
    for volume in spec["volumes"]:
        if "projected" in volume:
            volume["projected"].setdefault("defaultMode", 420)
            volume["projected"]["sources"][0]["serviceAccountToken"].setdefault("expirationSeconds", 3600)
    return pod


def unchanged(pod: dict[str, Any], reinjected: Outcome) -> bool:
    # What the author's own manifest has is reported each time.
    own = {FindingCode.AUTO_IMAGE, FindingCode.VOLUME_TAKEN}
    own |= {problem.finding.code for problem in reinjected.problems}
    codes = {finding.code for finding in reinjected.findings} - own
    return reinjected.patch == () and same(reinjected.pod, pod) and not codes


def test_what_the_api_server_filled_in_needs_no_patch() -> None:
    pod = defaulted(once())
    assert unchanged(pod, outcome(pod))


@pytest.mark.parametrize("place", [0, 1, 99])
def test_a_variable_of_another_webhook_stays_in_its_place(place: int) -> None:
    pod = once()
    for container in [*pod["spec"]["containers"], *pod["spec"]["initContainers"]]:
        container["env"] = list(container.get("env", []))
        container["env"].insert(place, OTHER)
    reinjected = outcome(pod)
    if place == 99:
        assert unchanged(pod, reinjected)
    for container in [*reinjected.pod["spec"]["containers"], *reinjected.pod["spec"]["initContainers"]]:
        assert OTHER in container["env"]
    assert unchanged(reinjected.pod, outcome(reinjected.pod))


def test_foreign_fields_maps_and_elements_on_injected_objects_stay() -> None:
    pod = once()
    proxy = named(pod["spec"]["containers"], "proxy")
    proxy["resources"]["limits"]["memory"] = "1Gi"
    proxy["resources"]["requests"] = {"cpu": "1m"}
    proxy["securityContext"] = {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
    proxy["volumeMounts"].append({"name": "ours", "mountPath": "/theirs"})
    proxy["fieldNewerThanUs"] = [{"a": None}]
    proxy["$odd"] = {"$patch": "delete"}
    pod["spec"]["securityContext"]["runAsUser"] = 5
    named(pod["spec"]["volumes"], "ours")["projected"]["defaultMode"] = 256
    assert unchanged(pod, outcome(pod))


def test_foreign_changes_of_the_users_part_stay() -> None:
    pod = once()
    pod["spec"]["containers"].append({"name": "another-sidecar", "image": "s"})
    pod["spec"]["volumes"].insert(0, {"name": "theirs"})
    pod["spec"]["tolerations"] = [{"operator": "Exists"}]
    pod["metadata"]["labels"]["theirs"] = "1"
    pod["metadata"]["annotations"]["theirs"] = "1"
    pod["metadata"]["newField"] = {}
    reinjected = outcome(pod)
    for half in ("metadata", "spec"):
        for field, value in pod[half].items():
            if field not in ("volumes", "containers", "annotations"):
                assert reinjected.pod[half][field] == value
    assert reinjected.pod["metadata"]["annotations"]["theirs"] == "1"
    assert {"name": "theirs"} in reinjected.pod["spec"]["volumes"]
    assert {"name": "another-sidecar", "image": "s"} in reinjected.pod["spec"]["containers"]
    assert outcome(reinjected.pod).patch == ()


def test_the_users_version_of_an_injected_container_wins() -> None:
    mine = {"name": "proxy", "image": "mine:1", "env": [{"name": "MODE", "value": "lax"}]}
    pod = once({"spec": {"containers": [APP, mine]}})
    named(pod["spec"]["containers"], "proxy")["env"].append(OTHER)
    reinjected = outcome(pod)
    proxy = named(reinjected.pod["spec"]["containers"], "proxy")
    assert (proxy["image"], OTHER in proxy["env"]) == ("mine:1", True)
    assert named(proxy["env"], "MODE")["value"] == "lax"


def test_changed_injected_fields_are_restored() -> None:
    pod = once()
    proxy = named(pod["spec"]["containers"], "proxy")
    proxy["image"] = "evil"
    proxy["args"] = ["no"]
    named(pod["spec"]["volumes"], "ours")["projected"]["sources"] = []
    reinjected = outcome(pod)
    assert named(reinjected.pod["spec"]["containers"], "proxy") == named(
        once()["spec"]["containers"], "proxy"
    )
    assert named(reinjected.pod["spec"]["volumes"], "ours") == named(once()["spec"]["volumes"], "ours")


def test_removed_injected_parts_are_restored() -> None:
    pod = once()
    pod["spec"]["containers"] = [c for c in pod["spec"]["containers"] if c["name"] != "proxy"]
    del pod["spec"]["volumes"]
    del pod["metadata"]["labels"]["mesh"]
    reinjected = outcome(pod)
    assert named(reinjected.pod["spec"]["containers"], "proxy") == named(
        once()["spec"]["containers"], "proxy"
    )
    assert reinjected.pod["spec"]["volumes"] == once()["spec"]["volumes"]
    assert reinjected.pod["metadata"]["labels"]["mesh"] == "on"


def test_another_digest_rebuilds_injected_parts_and_names_what_was_dropped() -> None:
    pod = defaulted(once())
    named(pod["spec"]["containers"], "proxy")["env"].append(OTHER)
    reinjected = outcome(pod, ANOTHER)
    proxy = named(reinjected.pod["spec"]["containers"], "proxy")
    assert proxy == named(once()["spec"]["containers"], "proxy")
    (finding,) = reinjected.findings
    assert (finding.code, finding.actionable) == ("rebuilt", False)
    assert "/spec/containers/proxy/env/OTHER" in finding.message or " more" in finding.message
    assert finding.message.startswith(
        "the pod was injected with another configuration and is injected again; removed: /spec/"
    )
    app = named(reinjected.pod["spec"]["containers"], "app")
    assert app["terminationMessagePath"] == "/dev/termination-log"


def test_another_digest_without_foreign_parts_reports_nothing() -> None:
    assert outcome(once(), ANOTHER).findings == ()


def test_new_values_show_and_the_pod_before_is_still_known() -> None:
    pod = once()
    reinjected = outcome(pod, a_config("two", image="proxy:2"))
    assert named(reinjected.pod["spec"]["containers"], "proxy")["image"] == "proxy:2"
    undone = recover(reinjected.pod, Facts(), CONFIG)
    assert undone is not None
    assert undone.pod == POD


def test_a_volume_that_is_no_longer_injected_goes_with_its_foreign_mounts() -> None:
    debug = {"metadata": {"labels": {"app": "debug"}}, "spec": {"containers": [APP]}}
    pod = once(debug)
    mounts = [{"name": "dumps", "mountPath": "/dumps"}, {"name": "ours", "mountPath": "/x"}]
    named(pod["spec"]["containers"], "app")["volumeMounts"] = mounts
    named(pod["spec"]["containers"], "proxy")["volumeMounts"].append(mounts[0])
    # The label is not among the settings that the digest covers.
    pod["metadata"]["labels"]["app"] = "shop"
    reinjected = outcome(pod)
    assert [v["name"] for v in reinjected.pod["spec"]["volumes"]] == ["ours", "data"]
    assert [c["name"] for c in reinjected.pod["spec"]["containers"]] == ["proxy", "app"]
    assert named(reinjected.pod["spec"]["containers"], "app")["volumeMounts"] == mounts[1:]
    assert "/dumps" not in [
        m["mountPath"] for m in named(reinjected.pod["spec"]["containers"], "proxy")["volumeMounts"]
    ]


@pytest.mark.parametrize("part", ["volumes", "initContainers", "imagePullSecrets", "containers"])
def test_a_list_that_became_null_is_read_as_empty(part: str) -> None:
    pod = once()
    pod["spec"][part] = None
    assert outcome(pod).pod["spec"][part]


@given(pods(), st.booleans())
def test_injecting_an_injected_and_defaulted_pod_changes_nothing(pod: dict[str, Any], also_env: bool) -> None:
    again = copy.deepcopy(injected(pod))
    ours = [c for c in again["spec"]["containers"] if c["name"] == "proxy"]
    for container in ours:
        container["terminationMessagePath"] = "/dev/termination-log"
        if also_env:
            container["env"].append(OTHER)
    assert unchanged(again, outcome(again))


@given(pods())
def test_a_pod_that_was_injected_twice_goes_back_to_the_same_pod(pod: dict[str, Any]) -> None:
    twice = injected(injected(pod), ANOTHER)
    recovered = recover(twice, Facts(), CONFIG)
    assert recovered is not None
    assert same(recovered.pod, pod)


# ---- the function by itself ---------------------------------------------------------------------------

EARLIER = Status(containers=("proxy",), volumes=("ours", "old"))


def retained(fresh: dict[str, Any], existing: dict[str, Any], base: dict[str, Any]) -> tuple[Any, list[str]]:
    arguments = copy.deepcopy((fresh, existing, base))
    result = keep_foreign_fields(fresh, existing, base, EARLIER)
    assert (fresh, existing, base) == arguments
    return result


def test_only_foreign_parts_inside_injected_objects_are_kept() -> None:
    fresh = {"spec": {"containers": [{"name": "app", "a": 1}, {"name": "proxy", "b": {"c": 1}}]}}
    existing = {
        "spec": {
            "containers": [
                {"name": "app", "a": 1, "ours-from-before": 1},
                {"name": "proxy", "b": {"c": 2, "d": 3}, "x": 4},
            ],
            "field-of-ours-from-before": 1,
        }
    }
    base = {"spec": {"containers": [{"name": "app", "a": 1}]}}
    result, extras = retained(fresh, existing, base)
    assert result == {
        "spec": {"containers": [{"name": "app", "a": 1}, {"name": "proxy", "b": {"c": 1, "d": 3}, "x": 4}]}
    }
    assert sorted(extras) == ["/spec/containers/proxy/b/d", "/spec/containers/proxy/x"]


def test_elements_of_an_atomic_list_are_compared_by_place_where_there_are_as_many() -> None:
    def with_sources(*sources: Any) -> dict[str, Any]:
        return {"spec": {"volumes": [{"name": "ours", "projected": {"sources": list(sources)}}]}}

    result, extras = retained(with_sources({"a": 1}), with_sources({"a": 2, "b": 3}), {})
    assert result == with_sources({"a": 1, "b": 3})
    assert extras == ["/spec/volumes/ours/projected/sources/0/b"]
    assert retained(with_sources({"a": 1}), with_sources({"a": 1, "b": 2}, {"c": 3}), {}) == (
        with_sources({"a": 1}),
        [],
    )


def test_earlier_bookkeeping_annotations_and_labels_are_not_foreign() -> None:
    fresh = {"metadata": {"annotations": {"a": "1"}}, "spec": {}}
    existing = {
        "metadata": {"annotations": {"a": "0", KEYS.undo: "[]"}, "labels": {"mesh": "on"}},
        "spec": {},
    }
    assert retained(fresh, existing, {"spec": {}}) == (fresh, [])


def test_volumes_from_before_go_even_where_the_pod_had_none() -> None:
    fresh = {"spec": {"volumes": [{"name": "ours"}], "containers": [{"name": "app"}]}}
    existing = {
        "spec": {
            "volumes": [{"name": "old"}, {"name": "ours"}],
            "containers": [{"name": "app", "volumeMounts": [{"name": "old", "mountPath": "/x"}]}],
        }
    }
    base = {"spec": {"containers": existing["spec"]["containers"]}}
    with_mount = {"spec": {**fresh["spec"], "containers": existing["spec"]["containers"]}}
    result, extras = retained(with_mount, existing, base)
    assert result == {
        "spec": {"volumes": [{"name": "ours"}], "containers": [{"name": "app", "volumeMounts": []}]}
    }
    assert extras == []


def test_the_configuration_of_these_tests_gives_one_digest() -> None:
    assert injected(POD, CONFIG) == injected(POD, a_config("one"))
    assert injected(POD, CONFIG) != injected(POD, ANOTHER)
