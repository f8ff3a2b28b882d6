"""Rules about the user who creates a pod: which one applies, and to which pods."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.caller_rule import CallerRule
from injector.core.injection.decisions import decide
from injector.core.model import Facts, Origin, Reason, UserInfo
from tests.core.injection.test_decisions import SWITCH, a_pod, policy, winner

ROBOT = UserInfo(
    "system:serviceaccount:ci:builder",
    ("system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"),
)
CONTROLLER = UserInfo("system:serviceaccount:kube-system:replicaset-controller", ("system:authenticated",))
ALICE = UserInfo("alice@example.com", ("ops", "system:authenticated"))
SKIP_CI = CallerRule("skip", usernames=("system:serviceaccount:ci:*",))
DENY_OPS = CallerRule("deny", groups=("ops",))
ONLY_CONTROLLERS = (
    CallerRule("allow", usernames=("system:serviceaccount:kube-system:*-controller",)),
    CallerRule("deny", usernames=("*",)),
)
SKIPPED, DENIED, INJECTED = Reason.CALLER_SKIPPED, Reason.CALLER_DENIED, Reason.ON_BY_DEFAULT

# rules, user -> reason
RULES: list[tuple[tuple[CallerRule, ...], UserInfo | None, Reason]] = [
    ((SKIP_CI,), ROBOT, SKIPPED),
    ((SKIP_CI,), CONTROLLER, INJECTED),
    ((SKIP_CI,), UserInfo("system:serviceaccount:ci"), INJECTED),
    ((SKIP_CI,), UserInfo("", ("system:serviceaccount:ci:builder",)), INJECTED),
    ((DENY_OPS,), ALICE, DENIED),
    ((DENY_OPS,), UserInfo("ops"), INJECTED),
    # One of both is enough.
    ((CallerRule("deny", ("bob",), ("ops",)),), ALICE, DENIED),
    ((CallerRule("deny", ("alice@*",), ("none",)),), ALICE, DENIED),
    # The first that matches applies.
    ((SKIP_CI, CallerRule("deny", ("*",))), ROBOT, SKIPPED),
    ((CallerRule("deny", ("*",)), SKIP_CI), ROBOT, DENIED),
    (ONLY_CONTROLLERS, CONTROLLER, INJECTED),
    (ONLY_CONTROLLERS, ALICE, DENIED),
    (ONLY_CONTROLLERS, UserInfo(""), DENIED),
    # No rule, or nobody known.
    ((), ROBOT, INJECTED),
    (ONLY_CONTROLLERS, None, INJECTED),
]


@pytest.mark.parametrize(("rules", "user", "reason"), RULES)
def test_the_first_rule_that_matches_the_user_applies(
    rules: tuple[CallerRule, ...], user: UserInfo | None, reason: Reason
) -> None:
    decision = decide(a_pod(), Facts(user=user), policy(callers=rules))
    assert decision.reason is reason
    assert winner(decision) == ("policy" if reason is INJECTED else "caller")


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (a_pod({SWITCH: "false"}), Reason.OPTED_OUT_BY_LABEL),
        (a_pod(hostNetwork=True), Reason.HOST_NETWORK),
        (a_pod({SWITCH: "true"}), DENIED),
        (a_pod({"always": "yes"}), DENIED),
    ],
)
def test_rules_are_about_pods_that_would_be_injected(pod: dict[str, Any], reason: Reason) -> None:
    facts = Facts(user=ALICE, origin=Origin.WEBHOOK)
    assert decide(pod, facts, policy(callers=(DENY_OPS,))).reason is reason


@pytest.mark.parametrize(
    ("user", "seen"),
    [
        (None, "caller unknown"),
        (ALICE, "rule 2 of callers"),
        (CONTROLLER, "no rule of callers matches"),
    ],
)
def test_the_trace_names_the_rule_and_never_the_user(user: UserInfo | None, seen: str) -> None:
    rules = (CallerRule("skip", ("nobody",)), CallerRule("allow", ("alice*",)))
    decision = decide(a_pod(), Facts(user=user), policy(callers=rules))
    assert [step.seen for step in decision.trace if step.rule == "caller"] == [seen]
    assert "alice" not in str(decision)


def test_without_rules_the_trace_says_nothing_of_callers() -> None:
    assert "caller" not in {step.rule for step in decide(a_pod(), Facts(user=ALICE), policy()).trace}
