"""The short form of `make fuzz`: some generated reviews in this process and over a socket.

And that its checks see what they are there for, as a check that sees nothing passes everything.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.fuzz import oracles
from tests.fuzz.design import Meant, is_cut, losses
from tests.fuzz.patching import DoesNotApply, applied
from tests.fuzz.rounds import Case, Rounds
from tests.generators import values
from tests.generators.pods import draw_pod, manifests

SEED = "short"
REVIEWS = 600
POD = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "app", "args": ["a", "b"], "env": [{"name": "A", "value": "x"}]}]},
}


@pytest.fixture(autouse=True)
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a review takes is for `make fuzz` to look at: here the machine may be busy."""
    monkeypatch.setattr("tests.fuzz.rounds.SECONDS", float("inf"))


@pytest.fixture(scope="module")
def rounds() -> Rounds:
    return Rounds(SEED)


def test_generated_reviews_are_answered_as_they_have_to_be(rounds: Rounds) -> None:
    tally = rounds.run(range(REVIEWS))
    assert [(f.number, f.setup, f.faults) for f in tally.failures] == []
    injected = tally.words["on-by-default"] + tally.words["opted-in-by-label"]
    assert injected > REVIEWS / 5, "few injections show little"
    assert tally.words["refused 400"] > REVIEWS / 20
    assert sum(setup.aside.recorded for setup in rounds.setups) > REVIEWS / 20
    assert cache_hits(rounds) > REVIEWS / 20
    assert {kind.partition(" to ")[2] for kind in tally.kinds} == {setup.name for setup in rounds.setups}


def cache_hits(rounds: Rounds) -> int:
    """How many answers of the webhooks with caches came from these."""
    lines = [line for setup in rounds.setups for line in setup.caching.metrics.text().decode().splitlines()]
    hits = [
        line for line in lines if line.startswith("injector_cache_request_total") and 'result="hit"' in line
    ]
    return int(sum(float(line.rpartition(" ")[2]) for line in hits))


def test_a_number_draws_the_same_review_again(rounds: Rounds) -> None:
    other = Rounds(SEED)
    assert [rounds.draw(n).body for n in (3, 1)] == [other.draw(n).body for n in (3, 1)]
    assert rounds.draw(1).body != rounds.draw(3).body


def test_every_annotation_of_every_profile_is_drawn(rounds: Rounds) -> None:
    random, shipped = Random(SEED), manifests()
    for setup in {setup.config.profile.name: setup for setup in rounds.setups}.values():
        seen: set[str] = set()
        for _ in range(1500):
            meta = draw_pod(random, shipped, setup.keys, lambda pod: pod).get("metadata")
            annotations = meta.get("annotations") if isinstance(meta, dict) else None
            seen |= set(annotations) if isinstance(annotations, dict) else set()
        assert set(setup.keys) <= seen


def an_answer(**changed: Any) -> dict[str, Any]:
    response = {"uid": "1", "allowed": True, **changed}
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response}


REVIEW = {"apiVersion": "admission.k8s.io/v1", "request": {"uid": "1"}}
DENIED = {"code": 400, "message": "no"}


@pytest.mark.parametrize(
    "answer",
    [
        an_answer(uid="2"),
        an_answer(allowed=1),
        an_answer(other=1),
        an_answer(status=DENIED),
        an_answer(allowed=False),
        an_answer(allowed=False, status={"code": 200, "message": "no"}),
        an_answer(allowed=False, status={"code": 400, "message": "a\nb"}),
        an_answer(allowed=False, status=DENIED, patch="W10=", patchType="JSONPatch"),
        an_answer(warnings=["x" * 121]),
        an_answer(warnings=["\x00"]),
        an_answer(warnings=["a", "a"]),
        an_answer(warnings=[f"{n:0119}" for n in range(10)]),
        an_answer(auditAnnotations={"a/b": "x"}),
        an_answer(auditAnnotations={"a": 1}),
        an_answer(auditAnnotations={"a": float("inf")}),
        {**an_answer(), "apiVersion": "admission.k8s.io/v1beta1"},
        {"kind": "AdmissionReview"},
    ],
)
def test_an_answer_that_the_api_server_would_not_take_is_seen(answer: dict[str, Any]) -> None:
    assert oracles.answer_faults(REVIEW, an_answer(warnings=["fine"], auditAnnotations={"a": "b"})) == []
    assert oracles.answer_faults(REVIEW, an_answer(allowed=False, status=DENIED)) == []
    assert oracles.answer_faults(REVIEW, answer) != []


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/metadata/annotations/x", "value": "parent is missing"},
        {"op": "add", "path": "/spec/containers/2", "value": {}},
        {"op": "add", "path": "/spec/containers/01", "value": {}},
        {"op": "add", "path": "/spec/containers/0/name/x", "value": "parent is a text"},
        {"op": "replace", "path": "/spec/volumes", "value": []},
        {"op": "remove", "path": "/spec/volumes"},
        {"op": "remove", "path": "/spec/containers/1"},
        {"op": "test", "path": "/spec", "value": {}},
        {"op": "add", "path": "", "value": {}},
        {"op": "add", "path": "/metadata/a~2b", "value": {}},
        {"op": "add", "path": "/metadata/x"},
        {"op": "move", "path": "/metadata/x", "from": "/spec"},
    ],
)
def test_a_patch_that_does_not_apply_is_seen(operation: dict[str, Any]) -> None:
    fine = {"op": "add", "path": "/spec/containers/1", "value": {"name": "b"}}
    after = applied(POD, [fine, {"op": "replace", "path": "/metadata/labels/app", "value": "x"}])
    assert (after["spec"]["containers"][1], after["metadata"]["labels"]) == ({"name": "b"}, {"app": "x"})
    with pytest.raises(DoesNotApply):
        applied(POD, [operation])
    patch = base64.b64encode(json.dumps([operation]).encode()).decode()
    assert oracles.patched(POD, {"patch": patch, "patchType": "JSONPatch"})[1] != []
    assert oracles.patched(POD, {"patch": patch})[1] != []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/metadata/labels/app", "other"),
        ("/metadata/labels", {}),
        ("/spec/containers/0/args", ["b", "a"]),
        ("/spec/containers/0/args", ["a"]),
        ("/spec/containers/0/env/0/value", "y"),
        ("/spec/containers/0/env", []),
        ("/spec/containers", []),
    ],
)
def test_a_field_that_is_lost_is_seen(path: str, value: Any) -> None:
    meant = Meant(frozenset({"proxy"}), frozenset({"status"}), frozenset())
    grown = applied(
        POD,
        [
            {"op": "add", "path": "/spec/containers/0", "value": {"name": "proxy"}},
            {"op": "add", "path": "/spec/containers/1/args/1", "value": "new"},
            {"op": "add", "path": "/metadata/labels/ours", "value": "yes"},
        ],
    )
    assert losses(POD, grown, meant, merged=False) == []
    after = applied(POD, [{"op": "replace", "path": path, "value": value}])
    assert losses(POD, after, meant, merged=False) != []


def test_of_a_proxy_in_both_lists_one_counts() -> None:
    proxy = {"name": "proxy", "env": [{"name": "A", "value": "x"}]}
    both = {"spec": {"containers": [{"name": "proxy"}], "initContainers": [proxy]}}
    after = {"spec": {"containers": [{"name": "app"}], "initContainers": [{"name": "proxy"}]}}
    meant = Meant(frozenset({"proxy"}), frozenset(), frozenset())
    assert losses(both, after, meant, merged=False) == []


@pytest.mark.parametrize(("name", "cut"), [("shop-", True), ("-", True), ("x" * 64, True), ("shop", False)])
def test_with_quirks_a_canonical_name_may_be_cut(name: str, cut: bool) -> None:
    pod = {"metadata": {"labels": {"service.istio.io/canonical-name": name, "app": name}}}
    assert is_cut(pod, ("metadata", "labels", "service.istio.io/canonical-name")) is cut
    assert not is_cut(pod, ("metadata", "labels", "app"))


def test_a_failing_review_is_made_small(rounds: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = {"request": {"object": {"metadata": {"x": "bad" * 32, "y": [1, 2]}, "spec": {}}}}
    small, garbage, case = {"request": {"object": {"metadata": {"x": "badb"}}}}, b'{"bad', rounds.draw(1)

    def judge(_case: Case, body: bytes) -> tuple[list[str], str, float]:
        return ["wrong"] if b'"bad' in body else [], "", 0.0

    monkeypatch.setattr(rounds, "judge", judge)
    for body, smallest in ((json.dumps(tree).encode(), small), (garbage, None)):
        monkeypatch.setattr(rounds, "draw", lambda _, body=body: replace(case, body=body))
        [failure] = rounds.run([1]).failures
        assert failure.body == garbage if smallest is None else json.loads(failure.body) == smallest


def test_values_are_of_every_kind() -> None:
    random = Random(SEED)
    drawn = [values.draw_value(random, "sidecar.istio.io/proxyCPU") for _ in range(3000)]
    assert {"100m", "", "{{ 7 * 7 }}"} <= set(drawn)
    assert max(map(len, drawn)) > 10_000
    assert any(text.count("[") > 200 for text in drawn)
