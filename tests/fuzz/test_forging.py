"""Forged annotations in generated pods, and that the checks of what they may do see what is wrong."""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from injector.core.injection.pipeline import inject
from injector.core.model import AnnotationKeys, Facts
from injector.work import Work
from tests.fuzz import authors
from tests.fuzz.authors import Elements
from tests.fuzz.bounds import bound, size
from tests.fuzz.rounds import Rounds
from tests.generators.forging import LISTS, NEVER, VOLUME
from tests.generators.pods import draw_pod, manifests

Pod = dict[str, Any]
SEED = "forged"
KEYS = AnnotationKeys(
    switch="s", status="a/status", overrides="a/overrides", templates="a/templates", undo="a/undo"
)
MADE = Elements({"containers": frozenset({"proxy"}), "volumes": frozenset({"ours"})})
POD: Pod = {
    "metadata": {"finalizers": ["a/b"]},
    "spec": {
        "priority": 1,
        "containers": [{"name": "app", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        "initContainers": [{"name": "first"}],
        "volumes": [{"name": "data"}],
        "imagePullSecrets": [{"name": "pull"}],
    },
}


@pytest.fixture(scope="module")
def rounds() -> Rounds:
    return Rounds(SEED)


def with_element(part: str, element: Pod, pod: Pod = POD) -> Pod:
    spec = pod["spec"]
    return {**pod, "spec": {**spec, part: [*spec.get(part, []), element]}}


def test_about_every_tenth_pod_is_forged(rounds: Rounds) -> None:
    kinds = [rounds.draw(number).kind for number in range(2000)]
    assert 140 <= sum(kind.endswith("forged") for kind in kinds) <= 260


def test_forged_annotations_are_of_every_kind(rounds: Rounds) -> None:
    """Each form of entry at each kind of place, and names of templates, of the pod and of nobody."""
    random, shipped, seen = Random(SEED), manifests(), Counter[str]()
    setup = next(setup for setup in rounds.setups if setup.name == "istio")
    keys = setup.config.profile.keys
    for _ in range(1500):
        pod = draw_pod(random, shipped, setup.keys, lambda pod: pod)
        setup.forger.forge(random, pod)
        written = pod["metadata"]["annotations"]
        seen.update(key for key in written if key in setup.keys)
        for text in (written.get(keys.undo), written.get(keys.overrides), written.get(keys.status)):
            seen.update(kinds_of(text))
    forms = {"no JSON", "remove", "set", "remove what is empty", "order", "no entry"}
    places = {
        *LISTS,
        *NEVER,
        "labels",
        "annotations",
        "finalizers",
        "securityContext",
        "root",
        "inside",
        "nonsense",
    }
    assert forms | places <= set(seen)
    assert {"names istio-proxy", "names app", "names forged", "long", "no list", "no object"} <= set(seen)
    assert {keys.status, keys.undo, keys.overrides, keys.templates, VOLUME} <= set(seen)


def kinds_of(text: str | None) -> set[str]:
    """Words for what stands in a forged annotation."""
    if text is None:
        return set()
    out = {"long"} if len(text) > 40_000 else set()
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        return {*out, "no JSON"}
    if isinstance(entries, dict):
        listed = [name for part in LISTS if isinstance(entries.get(part), list) for name in entries[part]]
        names = [item.get("name") if isinstance(item, dict) else item for item in listed]
        return {*out, "no list", *(f"names {name}" for name in names)}
    if not isinstance(entries, list):
        return {*out, "no object"}
    for entry in entries:
        out |= kinds_of_entry(entry)
    return out


def kinds_of_entry(entry: Any) -> set[str]:
    match entry:
        case [str(pointer)]:
            form = "remove"
        case [str(pointer), _]:
            form = "set"
        case [str(pointer), None, []]:
            form = "remove what is empty"
        case [str(pointer), None, _]:
            form = "order"
        case _:
            return {"no entry"}
    match pointer.split("/")[1:]:
        case []:
            place = "root"
        case ["spec", part, _, _, *_] if part in LISTS:
            place = "inside"
        case ["spec" | "metadata", field, *_] if field:
            place = field
        case _:
            place = "nonsense"
    return {form, place}


def test_forged_reviews_are_answered_as_they_have_to_be(rounds: Rounds) -> None:
    forged = [number for number in range(3000) if rounds.draw(number).kind == "whole, forged"][:120]
    tally = rounds.run(forged)
    # How long one takes is for `make fuzz` to look at: here the machine may be busy.
    faults = [
        (f.number, f.setup, fault) for f in tally.failures for fault in f.faults if "takes" not in fault
    ]
    assert faults == []
    assert tally.words["on-by-default"] > len(forged) / 10, "few injections show little"


@pytest.mark.parametrize("part", LISTS)
def test_an_element_that_comes_or_goes_is_seen(part: str) -> None:
    more = with_element(part, {"name": "x"})
    assert list(authors.element_faults(POD, POD, MADE)) == []
    assert list(authors.element_faults(POD, more, MADE)) == [f"new in {part}: ['x']"]
    assert list(authors.element_faults(more, POD, MADE)) == [f"gone from {part}: ['x']"]


def test_elements_of_templates_come_and_go_as_they_like() -> None:
    injected = with_element("volumes", {"name": "ours"}, with_element("initContainers", {"name": "proxy"}))
    assert list(authors.element_faults(POD, injected, MADE)) == []
    assert list(authors.element_faults(injected, POD, MADE)) == []


def test_a_volume_may_come_that_an_annotation_asks_for() -> None:
    asking = {**POD, "metadata": {"annotations": {VOLUME: '{"x": {"emptyDir": {}}}'}}}
    assert list(authors.element_faults(asking, with_element("volumes", {"name": "x"}, asking), MADE)) == []
    assert list(authors.element_faults(asking, with_element("volumes", {"name": "y"}, asking), MADE)) != []
    assert list(authors.element_faults(asking, with_element("containers", {"name": "x"}, asking), MADE)) != []


def test_what_upstream_trusts_counts_with_quirks_alone() -> None:
    written = {KEYS.overrides: '{"containers": [{"name": "x"}]}', KEYS.status: '{"containers": ["app"]}'}
    before = {**POD, "metadata": {"annotations": written}}
    after = copy.deepcopy(before)
    after["spec"]["containers"] = [{"name": "x"}]
    assert list(authors.element_faults(before, after, MADE, KEYS)) == []
    assert len(list(authors.element_faults(before, after, MADE))) == 2


@pytest.mark.parametrize(
    ("part", "element", "fault"),
    [
        ("initContainers", {"name": "app"}, "duplicate container"),
        ("containers", {"name": "app"}, "duplicate container"),
        ("volumes", {"name": "data"}, "duplicate volume"),
        (
            "containers",
            {"name": "x", "volumeMounts": [{"mountPath": "/a"}, {"mountPath": "/a"}]},
            "duplicate mount",
        ),
    ],
)
def test_what_stands_twice_in_a_result_is_seen(part: str, element: Pod, fault: str) -> None:
    after = with_element(part, element)
    assert list(authors.duplicate_faults(POD, POD)) == []
    assert list(authors.duplicate_faults(after, after)) == []
    [message] = authors.duplicate_faults(POD, after)
    assert message.startswith(fault)


@pytest.mark.parametrize("field", NEVER)
def test_a_field_that_nothing_changes_is_seen_when_it_changes(field: str) -> None:
    changed = {**POD, "spec": {**POD["spec"], field: "forged"}}
    assert list(authors.fixed_faults(POD, POD)) == []
    assert list(authors.fixed_faults(POD, changed)) == [f"changed: /spec/{field}"]


def test_a_changed_finalizer_is_seen() -> None:
    assert list(authors.fixed_faults(POD, {**POD, "metadata": {}})) == ["changed: /metadata/finalizers"]


@pytest.mark.parametrize(
    ("pointer", "explains"),
    [
        ("/spec/containers/app/tty", True),
        ("/spec/containers/app", True),
        ("/spec/containers/app/tty/below", True),
        ("/spec/containers/other/tty", False),
        ("/spec/containers/app/image", False),
        ("/metadata/labels/tty", False),
    ],
)
def test_an_undo_annotation_explains_what_it_names(pointer: str, explains: bool) -> None:
    pod = {"metadata": {"annotations": {KEYS.undo: json.dumps([[pointer]])}}}
    place = ("spec", "containers", "name=app", "tty")
    assert (authors.unexplained([place], pod, KEYS.undo) == []) is explains


@pytest.mark.parametrize(("number", "explains"), [(80, True), (443, False)])
def test_an_undo_annotation_names_a_port_by_its_number(number: int, explains: bool) -> None:
    pod = {
        "metadata": {"annotations": {KEYS.undo: json.dumps([[f"/spec/containers/app/ports/{number}"]])}},
        "spec": {"containers": [{"name": "app", "ports": [{"containerPort": 443}, {"containerPort": 80}]}]},
    }
    place = ("spec", "containers", "name=app", "ports", "1")
    assert (authors.unexplained([place], pod, KEYS.undo) == []) is explains


def test_a_pod_that_is_made_too_large_is_too_expensive_and_no_other_may_be(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.rounds.TOO_LARGE", 1.0)
    case = next(case for n in range(100) if (case := rounds.draw(n)).kind == "whole, too large")
    review = json.loads(case.body)
    review["request"]["object"]["metadata"] = {"labels": {"sidecar.istio.io/inject": "true"}}
    review["request"].update(operation="CREATE", namespace="shop", subResource="")
    asked = replace(case, setup=rounds.setups[0], path="/mutate")
    body = json.dumps(review).encode()
    faults, word, _ = rounds.judge(asked, body)
    assert (word, [fault for fault in faults if "takes" not in fault]) == ("too-expensive", [])
    faults, word, _ = rounds.judge(replace(asked, too_large=False), body)
    assert "too expensive, and not made too large" in faults


def test_the_bound_of_work_grows_as_the_pod_does() -> None:
    def pod(count: int) -> Pod:
        return {"spec": {"containers": [{"name": f"c{n}"} for n in range(count)]}}

    bounds = [bound(pod(count), KEYS, 1) for count in (100, 200, 300)]
    assert bounds[1] - bounds[0] == bounds[2] - bounds[1]
    assert size(pod(200)) - size(pod(100)) == size(pod(300)) - size(pod(200)) == 200


def test_more_work_than_a_pod_may_cost_is_seen(rounds: Rounds) -> None:
    """An admission of the shipped template costs a good part of its bound, so that a square would show."""
    setup = next(setup for setup in rounds.setups if setup.name == "istio")
    keys = setup.config.profile.keys
    for count in (1, 100):
        containers = [{"name": f"c{n}", "livenessProbe": {"httpGet": {"port": 80}}} for n in range(count)]
        pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}
        work = Work(10**9)
        inject(pod, Facts(namespace="shop"), setup.config, work=work)
        assert bound(pod, keys, 1) / 10 < work.spent <= bound(pod, keys, 1)
