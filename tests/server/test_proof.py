"""No patch is sent that does not give the pod it is for, or whose text does not hold it."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.model import Decision, Operation, Reason
from injector.core.outcome import Outcome
from injector.server import answers
from tests.server.test_reviews import respond
from tests.server.webhook_factories import a_review, patched


@pytest.mark.parametrize(
    "patch",
    [
        (Operation("add", "/metadata/annotations/x/y", 1),),  # the parent is missing
        (Operation("remove", "/spec/nothing"),),
        (Operation("add", "/metadata/labels/x", "y"),),  # applies, and gives another pod
    ],
)
def test_a_patch_that_does_not_give_the_pod_is_never_sent(
    patch: tuple[Operation, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The core has no known defect of this kind, so one is put in its place.
    def defective(pod: Any, _facts: Any, _config: Any, **_: Any) -> Outcome:
        return Outcome(Decision(Reason.ON_BY_DEFAULT), pod, patch)

    monkeypatch.setattr(answers, "inject", defective)
    response = respond(a_review())
    assert "patch" not in response
    assert response["auditAnnotations"]["reason"] == "internal-error"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("\U0001f600", True),
        ("\ud83d and \ude00", True),
        ("\ud83d\ude00", False),  # a reader makes one character of the two halves
        ({1: "x"}, False),
        ([("a",)], False),
        (float("nan"), False),
    ],
)
def test_a_patch_is_sent_where_its_text_holds_it_exactly(
    value: Any, sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def adding(pod: Any, _facts: Any, _config: Any, **_: Any) -> Outcome:
        after = {**pod, "spec": {**pod["spec"], "x": value}}
        return Outcome(Decision(Reason.ON_BY_DEFAULT), after, (Operation("add", "/spec/x", value),))

    monkeypatch.setattr(answers, "inject", adding)
    review = a_review()
    response = respond(review)
    assert ("patch" in response) is sent
    if sent:
        assert patched(review, response)["spec"]["x"] == value
    else:
        assert response["auditAnnotations"]["reason"] == "internal-error"
