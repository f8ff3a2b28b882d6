"""The user of a request: from the review to the answer, by webhook and `admit`, and never repeated."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from injector.cli.main import main
from injector.core.caller_rule import CallerRule
from injector.core.user_info import UserInfo
from injector.errors import ReviewError
from injector.server import reviews
from injector.telemetry import Metrics
from tests.server.test_app import a_state, an_app, lines, post  # noqa: F401 (lines is a fixture)
from tests.server.webhook_factories import a_body, a_config

NAME = "jane.doe@example.com"
USER = {"username": NAME, "uid": "1", "groups": ["interns", "system:authenticated"], "extra": {"a": ["b"]}}


@pytest.mark.parametrize(
    ("raw", "user"),
    [
        (USER, UserInfo(NAME, ("interns", "system:authenticated"))),
        ({"username": NAME}, UserInfo(NAME)),
        ({"username": None, "groups": None}, UserInfo("")),
        ({}, UserInfo("")),
        (None, None),
    ],
)
def test_the_user_is_the_one_of_the_review(raw: Any, user: UserInfo | None) -> None:
    assert reviews.parse(a_body(userInfo=raw)).user == user


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "request.userInfo is a list"),
        ("u", "request.userInfo is a string"),
        ({"username": 1}, "request.userInfo.username is a number"),
        ({"groups": "a"}, "request.userInfo.groups"),
        ({"groups": [None]}, "request.userInfo.groups"),
    ],
)
def test_a_user_of_another_form_is_refused(raw: Any, words: str) -> None:
    with pytest.raises(ReviewError) as caught:
        reviews.parse(a_body(userInfo=raw))
    assert (words in caught.value.message, caught.value.status) == (True, 400)


@pytest.mark.parametrize(
    ("action", "allowed", "reason"), [("skip", True, "caller-skipped"), ("deny", False, "caller-denied")]
)
def test_the_answer_has_the_reason_and_nothing_the_name(
    lines: io.StringIO,  # noqa: F811
    action: str,
    allowed: bool,
    reason: str,
) -> None:
    config = a_config()
    rule = CallerRule(action, groups=("interns",))
    config = replace(config, policy=replace(config.policy, callers=(rule,)))
    metrics = Metrics()
    app = an_app(a_state(current=lambda: config, metrics=metrics))
    response = post(app, a_body(userInfo=USER)).json["response"]
    assert (response["allowed"], response["auditAnnotations"]["reason"]) == (allowed, reason)
    assert "patch" not in response
    assert reason.encode() in metrics.text()
    for text in (json.dumps(response), metrics.text().decode(), lines.getvalue()):
        assert NAME not in text
        assert "interns" not in text
    other = post(app, a_body(userInfo={**USER, "groups": []})).json["response"]
    assert "patch" in other


def test_admit_reads_the_user_of_the_review(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "injector.yaml"
    file.write_text("callers: [{action: deny, usernames: ['jane.*']}]\n")
    for user, reason in ((USER, "caller-denied"), (None, "on-by-default")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(a_body(userInfo=user))))
        main(["admit", "--config", str(file), "-f", "-"])
        out, err = capsys.readouterr()
        assert f": {reason}." in err
        assert json.loads(out)["response"]["auditAnnotations"]["reason"] == reason
        assert NAME not in out + err
