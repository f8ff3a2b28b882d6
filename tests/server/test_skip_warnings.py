"""Skips as admission warnings: only unexpected ones, and only where the operator sets it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from injector.core.model import Reason, Verdict
from injector.server import answers
from tests.server.test_reviews import respond
from tests.server.test_serve import SETTINGS, Files, call, files, served
from tests.server.webhook_factories import a_config, a_pod, a_review

__all__ = ["files"]  # the fixture

SKIPPED = {
    "host-network": {"hostNetwork": True},
    "unsupported-os": {"os": {"name": "windows"}},
    "unsupported-nodes": {"nodeSelector": {"kubernetes.io/os": "windows"}},
}


def a_review_of(**spec: Any) -> dict[str, Any]:
    pod = a_pod()
    return a_review({**pod, "spec": {**pod["spec"], **spec}})


@pytest.mark.parametrize(("reason", "spec"), SKIPPED.items())
def test_an_unexpected_skip_is_a_warning_with_the_sentence_of_its_reason(
    reason: str, spec: dict[str, Any]
) -> None:
    config = a_config()
    config = replace(config, policy=replace(config.policy, operating_systems=frozenset({"linux"})))
    review = a_review_of(**spec)
    assert "warnings" not in respond(review, config)
    response = respond(review, config, skips="unexpected")
    text = f"{reason}: the pod is not injected. {Reason(reason).sentence}"
    assert response["warnings"] == [answers.cut(text)]
    assert (response["allowed"], response["auditAnnotations"]["reason"]) == (True, reason)
    assert "warnings" not in respond(review, config, skips="unexpected", warnings=False)


def test_a_skip_that_the_pod_requests_or_that_nobody_can_read_is_no_warning() -> None:
    expected = {
        Reason.OPTED_OUT_BY_LABEL,
        Reason.OPTED_OUT_BY_ANNOTATION,
        Reason.OFF_BY_DEFAULT,
        # Their callers are the kubelet, and whoever changes something else than a new pod.
        Reason.STATIC_POD,
        Reason.UNSUPPORTED_KIND,
        # The API server does not call the webhook for it.
        Reason.NOT_SELECTED,
    }
    skips = {reason for reason in Reason if reason.verdict is Verdict.SKIP}
    assert skips - answers.UNEXPECTED == expected
    for meta in ("labels", "annotations"):
        pod = a_pod(**{meta: {"sidecar-injector/inject": "false"}})
        assert "warnings" not in respond(a_review(pod), skips="unexpected")


def test_the_setting_is_that_of_the_configuration_file(files: Files) -> None:
    files.config.write_text(SETTINGS + "  skipWarnings: unexpected\n")
    with served(files) as running:
        webhook, _ = running.callers(running.wait_for("listening"))
        body = json.dumps(a_review_of(hostNetwork=True)).encode()
        response = json.loads(call(webhook, "POST", "/mutate", body)[1])["response"]
        assert response["warnings"][0].startswith("host-network: the pod is not injected. The pod uses")
