"""What a pod makes the injector hold or write stays in proportion to the pod."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from injector.config.loading import load
from injector.core.finding_codes import FindingCode
from injector.core.findings import PER_CODE
from injector.core.injection.annotation_size import LIMIT
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Origin, Reason, Verdict
from injector.server import reviews
from tests import answering
from tests.factories import a_pod

CONFIG = load(None)
FACTS = Facts("shop", Origin.WEBHOOK)


@pytest.mark.parametrize("key", ["istio.io/", "sidecar.istio.io/", "x.istio.io/"])
@pytest.mark.parametrize("switch", ["true", "false"])
def test_a_long_key_is_not_compared_with_those_that_are_known(key: str, switch: str) -> None:
    size = 500_000
    pod = a_pod(labels={key + "a" * size: "x", "sidecar.istio.io/inject": switch})
    inject(a_pod(), FACTS, CONFIG)
    tracemalloc.start()
    try:
        inject(pod, FACTS, CONFIG)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The search for similar keys takes some 40 bytes for each character.
    assert peak < 10 * size


def test_text_that_json_escapes_counts_as_what_is_written() -> None:
    own = {"name": "istio-proxy", "image": "auto", "env": [{"name": "E", "value": "\U0001f600" * 700_000}]}
    outcome = inject(a_pod(own), FACTS, CONFIG)
    assert outcome.decision.reason in (Reason.TOO_EXPENSIVE, Reason.INVALID_ANNOTATION)
    assert outcome.patch == ()


def test_annotations_of_a_result_have_the_bound_of_the_api_server() -> None:
    own = {"name": "istio-proxy", "image": "auto", "env": [{"name": "E", "value": "x" * LIMIT}]}
    outcome = inject(a_pod(own), FACTS, CONFIG)
    assert outcome.decision.reason is Reason.INVALID_ANNOTATION
    assert str(LIMIT) in str(outcome.error)


def test_an_undo_without_room_is_left_out_and_reported() -> None:
    # What the author wrote fills the annotations; the way back has no room beside it.
    pod = a_pod(annotations={"example.com/x": "x" * (LIMIT - 3_000)})
    probe = {"httpGet": {"path": "/", "port": "http"}}
    pod["spec"]["containers"][0] |= {"ports": [{"name": "http", "containerPort": 80}]}
    pod["spec"]["containers"] += [
        {"name": f"c{i}", "ports": [{"name": "http", "containerPort": 80}], "livenessProbe": probe}
        for i in range(60)
    ]
    outcome = inject(pod, FACTS, CONFIG)
    assert outcome.decision.verdict is Verdict.INJECT
    assert [f.code for f in outcome.findings].count(FindingCode.UNDO_TOO_LARGE) == 1
    assert "sidecar-injector/undo" not in outcome.pod["metadata"]["annotations"]


@pytest.mark.parametrize("switch", ["true", "false"])
def test_findings_are_few_whatever_becomes_of_the_pod(switch: str) -> None:
    known = sorted(CONFIG.profile.catalogue().annotations)
    labels = dict.fromkeys(known, "x") | {"sidecar.istio.io/inject": switch}
    outcome = inject(a_pod(labels=labels), FACTS, CONFIG)
    codes = [finding.code for finding in outcome.findings]
    assert max(map(codes.count, codes)) <= PER_CODE + 1


def test_asking_for_a_template_that_does_not_exist_lets_no_pod_pass() -> None:
    pod = a_pod(annotations={"inject.istio.io/templates": "none-such"})
    request = {"uid": "u", "namespace": "shop", "object": pod}
    review = {"apiVersion": reviews.VERSIONS[0], "kind": "AdmissionReview", "request": request}
    answer = answering.answer(review, CONFIG, lambda _name: None, failure_mode="allow")
    assert answer.decision == "deny"
    assert json.dumps(answer.review).count("invalid-annotation") >= 1
