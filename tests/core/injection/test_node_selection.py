"""Pods that are skipped because of the nodes or the RuntimeClass that they require."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from injector.core.finding_codes import FindingCode
from injector.core.injection.decisions import decide
from injector.core.injection.node_selection import excludes
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Reason
from injector.core.policy import Policy
from tests.core.generic import CONFIG, KEYS

OS, OLD = "kubernetes.io/os", "beta.kubernetes.io/os"
SELECTOR, AFFINITY = "spec.nodeSelector", "spec.affinity.nodeAffinity"


def an_affinity(*terms: Any) -> dict[str, Any]:
    required = {"nodeSelectorTerms": [*terms]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


def a_term(*expressions: tuple[str, str, list[str]]) -> dict[str, Any]:
    return {"matchExpressions": [{"key": k, "operator": o, "values": v} for k, o, v in expressions]}


WINDOWS = a_term((OS, "In", ["windows"]))
NOT_LINUX = a_term((OLD, "NotIn", ["linux", "darwin"]))
LINUX = a_term((OS, "In", ["linux"]))
PREFERRED = {
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": WINDOWS}],
}
ELSEWHERE = a_term(("zone", "In", ["a"]))


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, ""),
        ({"nodeSelector": None, "affinity": None}, ""),
        ({"nodeSelector": {OS: "linux", "disk": "windows"}}, ""),
        ({"nodeSelector": {OS: "windows"}}, f"{SELECTOR} {OS}"),
        ({"nodeSelector": {OLD: "windows"}}, f"{SELECTOR} {OLD}"),
        ({"nodeSelector": {OS: "linux", OLD: "windows"}}, f"{SELECTOR} {OLD}"),
        (an_affinity(WINDOWS), AFFINITY),
        (an_affinity(NOT_LINUX), AFFINITY),
        (an_affinity(WINDOWS, NOT_LINUX), AFFINITY),
        (an_affinity(a_term(("zone", "In", ["a"]), (OS, "In", ["windows"]))), AFFINITY),
        (an_affinity(a_term((OS, "In", ["linux", "windows"]), (OS, "NotIn", ["linux"]))), AFFINITY),
        # One term is enough for a node.
        (an_affinity(WINDOWS, LINUX), ""),
        (an_affinity(WINDOWS, ELSEWHERE), ""),
        (
            an_affinity(
                WINDOWS, {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}
            ),
            "",
        ),
        # A term without expressions matches no node.
        (an_affinity(WINDOWS, {}), AFFINITY),
        (an_affinity({}), ""),
        (an_affinity(), ""),
        (an_affinity(a_term((OS, "In", ["linux", "windows"]))), ""),
        (an_affinity(a_term((OS, "NotIn", ["windows"]))), ""),
        (an_affinity(a_term((OS, "Exists", []))), ""),
        ({"nodeSelector": {OS: "linux"}, **an_affinity(WINDOWS)}, AFFINITY),
        # What is only preferred excludes nothing.
        (
            {
                "affinity": {
                    "nodeAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {"weight": 1, "preference": WINDOWS}
                        ]
                    }
                }
            },
            "",
        ),
        # Wrong types are the API server's to refuse.
        ({"nodeSelector": [OS], "affinity": {"nodeAffinity": "x"}}, ""),
        ({"nodeSelector": {OS: ["windows"]}}, ""),
        (
            an_affinity(
                "x", {"matchExpressions": "x"}, {"matchExpressions": ["x", {"key": OS, "values": "linux"}]}
            ),
            "",
        ),
    ],
)
def test_a_pod_is_excluded_where_no_node_of_the_system_may_run_it(spec: dict[str, Any], field: str) -> None:
    assert excludes(spec, {"linux"}) == field


def test_one_of_several_systems_is_enough() -> None:
    both = {"linux", "windows"}
    assert not excludes(an_affinity(NOT_LINUX), both)
    assert not excludes({"nodeSelector": {OS: "windows"}}, both)
    assert excludes(an_affinity(a_term((OS, "NotIn", [*both]))), both) == AFFINITY


def a_pod(value: str = "", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {KEYS.switch: value} if value else {}}, "spec": spec}


def a_policy(**changes: Any) -> Policy:
    rules: dict[str, Any] = {
        "operating_systems": frozenset({"linux"}),
        "skip_runtime_classes": frozenset({"gvisor"}),
    }
    return Policy("enabled", KEYS.switch, KEYS.status, **(rules | changes))


PINNED: dict[str, Any] = {"nodeSelector": {OS: "windows"}}
SANDBOXED: dict[str, Any] = {"runtimeClassName": "gvisor"}


@pytest.mark.parametrize(
    ("spec", "reason", "rule", "seen"),
    [
        (PINNED, Reason.UNSUPPORTED_NODES, "node-selection", f"{SELECTOR} {OS} excludes linux"),
        (SANDBOXED, Reason.RUNTIME_CLASS, "runtime-class", "spec.runtimeClassName gvisor"),
        ({**PINNED, **SANDBOXED}, Reason.UNSUPPORTED_NODES, "node-selection", None),
    ],
)
@pytest.mark.parametrize("value", ["", "true"])
def test_such_a_pod_is_skipped_even_if_it_requests_injection(
    spec: dict[str, Any], reason: Reason, rule: str, seen: str | None, value: str
) -> None:
    decision = decide(a_pod(value, **spec), Facts(), a_policy())
    (step,) = [step for step in decision.trace if step.decisive]
    assert (decision.reason, step.rule, step.verdict) == (reason, rule, "skip")
    assert seen in (None, step.seen)


def test_a_pod_that_the_policy_skips_keeps_that_reason() -> None:
    pod = a_pod("false", **PINNED, **SANDBOXED)
    assert decide(pod, Facts(), a_policy()).reason is Reason.OPTED_OUT_BY_LABEL


@pytest.mark.parametrize("name", [None, "", "kata", "gvisor2", ["gvisor"]])
def test_another_runtime_class_is_no_objection(name: Any) -> None:
    decision = decide(a_pod(runtimeClassName=name), Facts(), a_policy())
    assert decision.reason is Reason.ON_BY_DEFAULT
    assert [step.verdict for step in decision.trace if step.rule == "runtime-class"] == ["no objection"]


def test_without_the_rules_such_pods_are_injected() -> None:
    bare = a_policy(operating_systems=frozenset(), skip_runtime_classes=frozenset())
    decision = decide(a_pod(**PINNED, **SANDBOXED), Facts(), bare)
    assert decision.reason is Reason.ON_BY_DEFAULT
    assert {"node-selection", "runtime-class"}.isdisjoint(step.rule for step in decision.trace)


@pytest.mark.parametrize("spec", [PINNED, SANDBOXED])
@pytest.mark.parametrize(("value", "reported"), [("", False), ("true", True), ("false", False)])
def test_a_request_for_injection_that_is_not_met_is_a_finding(
    spec: dict[str, Any], value: str, reported: bool
) -> None:
    outcome = inject(a_pod(value, **spec), Facts(), replace(CONFIG, policy=a_policy()))
    findings = [f for f in outcome.findings if f.code is FindingCode.OPT_IN_IGNORED]
    assert len(findings) == reported
    for finding in findings:
        assert finding.message == f"label {KEYS.switch} has no effect: {outcome.decision.reason.sentence}"
