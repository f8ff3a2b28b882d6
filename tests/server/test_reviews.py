"""AdmissionReview in, AdmissionReview out, without HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from injector.core import model
from injector.core.finding_codes import FindingCode, Level
from injector.core.model import AdmissionRequest, Decision, Finding, Namespace, Reason
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.errors import ReviewError
from injector.server import answers, reviews
from tests import answering
from tests.server.webhook_factories import Broken, a_body, a_config, a_pod, a_review, patched


def respond(
    review: dict[str, Any] | AdmissionRequest, config: Config | None = None, **kwargs: Any
) -> dict[str, Any]:
    answer = answering.answer(review, config or a_config(), lambda name: Namespace(name), **kwargs)
    response: dict[str, Any] = answer.review["response"]
    return response


MALFORMED = {
    "empty": (b"", 400, "empty"),
    "not valid JSON": (b"{", 400, "not valid JSON"),
    "text": (b"hello", 400, "not valid JSON"),
    "no UTF-8": (b'{"a": "\xff"}', 400, "not valid JSON"),
    "NaN": (b'{"a": NaN}', 400, "not valid JSON"),
    "a number past all doubles": (b'{"a": 1e999}', 400, "not valid JSON"),
    "10,000 lists": (b"[" * 10_000, 400, "too deep"),
    "10,000 closed lists": (b"[" * 10_000 + b"]" * 10_000, 400, "too deep"),
    "10,000 maps": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "too deep"),
    "a list": (b"[]", 400, "the body is a list"),
    "a number": (b"1", 400, "the body is a number"),
    "null": (b"null", 400, "the body is missing"),
    "another kind": (json.dumps({**a_review(), "kind": "Pod"}).encode(), 400, "not an AdmissionReview"),
    "no kind": (b"{}", 400, "not an AdmissionReview"),
    "another version": (a_body(version="v2"), 400, "not an AdmissionReview"),
    "a version that is a list": (
        json.dumps({**a_review(), "apiVersion": []}).encode(),
        400,
        "not an AdmissionReview",
    ),
    "no request": (json.dumps({**a_review(), "request": None}).encode(), 400, "request is missing"),
    "a request that is text": (
        json.dumps({**a_review(), "request": "x"}).encode(),
        400,
        "request is a string",
    ),
    "no uid": (a_body(uid=""), 400, "request.uid"),
    "a uid that is a number": (a_body(uid=5), 400, "request.uid"),
    "a namespace that is a map": (a_body(namespace={}), 400, "request.namespace"),
    "an operation that is a list": (a_body(operation=[]), 400, "request.operation"),
    "no object": (a_body(object=None), 400, "request.object is missing"),
    "an object that is a list": (a_body([]), 400, "request.object is a list"),
    "an object of another kind": (a_body({**a_pod(), "kind": "Deployment"}), 400, "not a v1 Pod"),
    "an object whose kind is a list": (a_body({**a_pod(), "kind": []}), 400, "not a v1 Pod"),
    "an object of another group": (
        a_body({**a_pod(), "apiVersion": "metrics.k8s.io/v1"}),
        400,
        "not a v1 Pod",
    ),
    "a request of another kind": (a_body(kind={"group": "apps", "kind": "Deployment"}), 400, "not a v1 Pod"),
    "a request kind that is text": (a_body(kind="Pod"), 400, "request.kind is a string"),
    "no kind anywhere": (a_body({"spec": {}}, kind=None), 400, "not a v1 Pod"),
}


@pytest.mark.parametrize(("body", "status", "words"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_review_of_a_pod_is_refused_with_a_reason(body: bytes, status: int, words: str) -> None:
    with pytest.raises(ReviewError) as caught:
        reviews.parse(body)
    assert caught.value.status == status
    assert words in str(caught.value)


def test_a_body_past_the_limit_is_too_large_and_one_at_the_limit_is_not() -> None:
    body = a_body()
    assert reviews.parse(body, body_limit=len(body)) == reviews.request_of(a_review())
    with pytest.raises(ReviewError) as caught:
        reviews.parse(body, body_limit=len(body) - 1)
    assert caught.value.status == 413


@pytest.mark.parametrize("innermost", [{}, {"a": 1}, [1]])
def test_the_nesting_limit_counts_maps_and_lists(innermost: Any) -> None:
    # review > request > object > x > innermost
    body = a_body({**a_pod(), "spec": {}, "metadata": {}, "x": innermost})
    assert reviews.parse(body, nesting_limit=4).pod["x"] == innermost
    with pytest.raises(ReviewError, match="at most 3 levels"):
        reviews.parse(body, nesting_limit=3)


def test_text_is_read_as_bytes_are() -> None:
    assert reviews.parse(a_body().decode()) == reviews.parse(a_body())


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_an_injected_pod_gets_a_patch_that_applies_and_the_answer_echoes_version_and_uid(
    version: str,
) -> None:
    review = a_review(version=version)
    answer = answering.answer(review, a_config())
    assert answer.review["apiVersion"] == f"admission.k8s.io/{version}"
    assert answer.review["kind"] == "AdmissionReview"
    response = answer.review["response"]
    assert (response["uid"], response["allowed"]) == (review["request"]["uid"], True)
    assert response["patchType"] == "JSONPatch"
    assert "status" not in response
    after = patched(review, response)
    containers = {c["name"]: c for c in after["spec"]["containers"]}
    assert set(containers) == {"web", "shipper"}
    assert containers["shipper"]["env"] == [{"name": "NAMESPACE", "value": "shop"}]
    assert (answer.decision, answer.defect) == ("inject", "")


def test_audit_annotations_have_the_decision_under_keys_that_the_api_server_accepts() -> None:
    annotations = respond(a_review(), a_config(revision="canary"))["auditAnnotations"]
    assert annotations == {
        "decision": "inject",
        "reason": "on-by-default",
        "profile": "log-shipper",
        "revision": "canary",
        "digest": "0123456789abcdef",
    }
    assert respond(a_review(), audit=False).get("auditAnnotations") is None


def test_a_skipped_pod_is_allowed_with_neither_patch_nor_patch_type() -> None:
    response = respond(a_review(a_pod(labels={"sidecar-injector/inject": "false"})))
    assert response["allowed"] is True
    assert not {"patch", "patchType", "status"} & set(response)
    assert response["auditAnnotations"]["reason"] == "opted-out-by-label"


def test_a_pod_that_is_injected_already_gets_no_patch() -> None:
    review = a_review()
    again = a_review(patched(review, respond(review)))
    response = respond(again)
    assert response["auditAnnotations"]["decision"] == "unchanged"
    assert not {"patch", "patchType"} & set(response)


@pytest.mark.parametrize(
    "request_fields",
    [
        {"operation": "UPDATE"},
        {"operation": "DELETE", "object": None},
        {"operation": "CONNECT", "object": {"kind": "PodExecOptions"}},
        {"subResource": "ephemeralcontainers", "operation": "UPDATE"},
        {
            "subResource": "eviction",
            "kind": {"group": "policy", "kind": "Eviction"},
            "object": {"kind": "Eviction"},
        },
    ],
)
def test_what_creates_no_pod_is_allowed_unchanged(request_fields: dict[str, Any]) -> None:
    response = respond(reviews.parse(a_body(**request_fields)))
    assert response["allowed"] is True
    assert "patch" not in response
    assert response["auditAnnotations"]["reason"] == "unsupported-kind"


def test_the_namespace_of_the_request_wins_over_a_missing_one_and_differing_ones_are_denied() -> None:
    response = respond(a_review(a_pod(namespace="other")))
    assert response["allowed"] is False
    assert response["status"]["code"] == 400
    assert response["status"]["reason"] == "BadRequest"
    assert response["status"]["message"].startswith("namespace-mismatch: ")
    assert respond(a_review(a_pod(namespace="shop")))["allowed"] is True


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spec": None}, "/spec"),
        ({"spec": []}, "/spec: a map is expected, not a list"),
        ({"metadata": "x"}, "/metadata: a map is expected"),
        ({"spec": {"containers": {}}}, "/spec/containers: a list is expected"),
    ],
)
def test_a_pod_of_another_shape_is_denied_with_its_place(change: dict[str, Any], words: str) -> None:
    for mode in ("deny", "allow"):
        response = respond(a_review({**a_pod(), **change}), failure_mode=mode)
        assert response["allowed"] is False
        assert response["status"]["message"].startswith("invalid-pod: ")
        assert words in response["status"]["message"]


def test_a_template_that_fails_denies_unless_the_failure_mode_lets_pods_pass() -> None:
    review = a_review(a_pod(annotations={"sidecar-injector/templates": "fails"}))
    denied = respond(review)
    assert denied["allowed"] is False
    assert "template-failed" in denied["status"]["message"]
    assert "fails.yaml.j2:1" in denied["status"]["message"]
    passed = respond(review, failure_mode="allow")
    assert passed["allowed"] is True
    assert not {"patch", "patchType", "status"} & set(passed)
    assert passed["auditAnnotations"]["decision"] == "allow"
    assert passed["warnings"][0].startswith("template-failed: the pod is not injected.")


def test_a_defect_of_the_injector_is_a_denial_or_a_warning_but_never_an_exception() -> None:
    config = a_config(Broken)
    pod = a_pod(annotations={"note": "the-secret"})
    answer = answering.answer(a_review(pod), config, lambda _name: None)
    response = answer.review["response"]
    assert (response["allowed"], response["status"]["code"]) == (False, 500)
    assert response["status"]["message"].startswith("internal-error: ")
    assert answer.defect.startswith("KeyError at webhook_factories.py:")
    assert "the-secret" not in answer.defect + json.dumps(answer.review)
    passed = respond(a_review(pod), config, failure_mode="allow")
    assert (passed["allowed"], passed["auditAnnotations"]["reason"]) == (True, "internal-error")
    assert len(passed["warnings"]) == 1


def test_a_seam_that_fails_is_an_internal_error() -> None:
    answer = answers.failed(reviews.request_of(a_review()), a_config(), OSError("the cache is gone"))
    assert answer.outcome.decision.reason is Reason.INTERNAL_ERROR
    assert answer.review["response"]["allowed"] is False


def test_facts_say_webhook_the_namespace_and_what_the_path_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    # Facts do not show in an answer, so the core is listened to.
    seen: list[model.Facts] = []

    def listening(pod: Any, facts: model.Facts, *_: Any, **__: Any) -> Outcome:
        seen.append(facts)
        return Outcome(Decision(Reason.OFF_BY_DEFAULT), pod)

    monkeypatch.setattr(answers, "inject", listening)
    request = reviews.request_of(a_review(), path="/inject/a/b")
    respond(request, native_sidecars=False, objects=({"kind": "Thing"},))
    respond(a_review(namespace=None))
    assert seen == [
        model.Facts(
            "shop",
            model.Origin.WEBHOOK,
            Namespace("shop"),
            None,
            False,
            ({"kind": "Thing"},),
            {"PATH": "/inject/a/b"},
        ),
        model.Facts("", model.Origin.WEBHOOK),
    ]


def test_managed_fields_stay_out_of_the_patch() -> None:
    fields = [{"manager": "kubectl", "fieldsV1": {"f:metadata": {}}}]
    review = a_review(a_pod(managedFields=fields))
    after = patched(review, respond(review))
    assert after["metadata"]["managedFields"] == fields


def an_outcome(*messages: str, level: Level = Level.WARNING) -> Outcome:
    findings = tuple(Finding(FindingCode.STATUS_PORT, level, message) for message in messages)
    return Outcome(Decision(Reason.ON_BY_DEFAULT), {}, findings=findings)


def test_only_findings_that_need_a_person_become_warnings() -> None:
    assert answers.warnings_of(an_outcome("do it"), False) == ["status-port: do it"]
    assert answers.warnings_of(an_outcome("nice to know", level=Level.NOTE), False) == []


def test_warnings_can_be_switched_off() -> None:
    review = a_review(a_pod(labels={"sidecar-injector/inject": "True"}))
    assert respond(review)["warnings"] == [
        answers.cut(
            'switch-value: label sidecar-injector/inject is neither "true" nor "false" and has no effect; '
            'did you mean "true"?'
        )
    ]
    assert "warnings" not in respond(review, warnings=False)


@given(st.lists(st.text(max_size=400), max_size=30))
@example([f"number {i} " + "long " * 40 for i in range(30)])
def test_warnings_are_short_distinct_printable_and_bounded(messages: list[str]) -> None:
    texts = answers.warnings_of(an_outcome(*messages), False)
    assert len(set(texts)) == len(texts)
    assert sum(map(len, texts)) <= answers.WARNINGS_LENGTH
    for text in texts:
        assert len(text) <= answers.WARNING_LENGTH
        assert text.isprintable()
        text.encode("utf-8")


def test_a_long_text_is_cut_at_a_word() -> None:
    assert answers.cut("one two three", 13) == "one two three"
    assert answers.cut("one two three", 12) == "one two…"
    assert answers.cut("x" * 20, 10) == "x" * 9 + "…"


SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1).map(
    lambda t: f"s3cr3t{t}s3cr3t"
)


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["note", "sidecar-injector/overrides", "sidecar-injector/status"]), SECRETS
    ),
    st.lists(SECRETS, max_size=3),
    st.sampled_from([None, "true", "false", "True", "fails", "nothing-there"]),
    st.booleans(),
    st.sampled_from(["deny", "allow"]),
)
def test_no_answer_repeats_annotation_or_env_values_outside_the_patch(
    annotations: dict[str, str], env: list[str], switch: str | None, broken: bool, mode: str
) -> None:
    extra = (
        {} if switch is None else {"sidecar-injector/inject": switch, "sidecar-injector/templates": switch}
    )
    pod = a_pod(annotations={**annotations, **extra})
    pod["spec"]["containers"][0]["env"] = [{"name": f"E{i}", "value": value} for i, value in enumerate(env)]
    response = respond(reviews.parse(a_body(pod)), a_config(Broken) if broken else None, failure_mode=mode)
    said = {key: value for key, value in response.items() if key != "patch"}
    assert "s3cr3t" not in json.dumps(said)
