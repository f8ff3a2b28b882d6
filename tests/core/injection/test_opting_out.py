"""A pod that declines in a namespace that no entry matches: its label is the reason (istio-injection 1.4)."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.injection.decisions import decide
from injector.core.model import Facts, Namespace, Origin, Reason
from injector.core.policy import Policy
from injector.profiles.istio import revisions
from tests.core.test_selectors import INJECTION, REV, SWITCH

SPACES: tuple[dict[str, str], ...] = (
    {},
    {INJECTION: "enabled"},
    {INJECTION: "disabled"},
    {REV: "default"},
    {REV: "other"},
)


def reason(namespace: dict[str, str], mode: str = "enabled", **meta: Any) -> Reason:
    policy = Policy(mode, SWITCH, "status", entries=revisions.of_revision(""))
    facts = Facts("shop", Origin.FILE, Namespace("shop", namespace))
    return decide({"metadata": meta, "spec": {}}, facts, policy).reason


@pytest.mark.parametrize("namespace", SPACES)
@pytest.mark.parametrize("mode", ["enabled", "disabled"])
def test_a_label_is_the_reason_in_every_namespace(namespace: dict[str, str], mode: str) -> None:
    assert reason(namespace, mode, labels={SWITCH: "false"}) is Reason.OPTED_OUT_BY_LABEL
    both = {"labels": {SWITCH: "false"}, "annotations": {SWITCH: "true"}}
    assert reason(namespace, mode, **both) is Reason.OPTED_OUT_BY_LABEL


def test_an_annotation_is_the_reason_where_the_webhook_is_called() -> None:
    reasons = [reason(namespace, annotations={SWITCH: "false"}) for namespace in SPACES]
    no, not_called = Reason.OPTED_OUT_BY_ANNOTATION, Reason.NOT_SELECTED
    assert reasons == [not_called, no, not_called, no, not_called]
