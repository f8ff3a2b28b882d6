"""Findings from objects of a cluster alone; the whole way is in tests/apiserver/test_check_cluster.py."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from injector.config.loading import load
from injector.core.model import ServiceRef
from injector.core.registration.checks import Survey, check_registration
from injector.core.registration.configuration import Options, configurations, own_entries
from injector.core.registration.entries import registered
from injector.core.registration.failure_modes import contradictions
from injector.core.registration.match_conditions import conditions
from injector.core.selectors import Selector, parse, satisfying_labels

OURS = load(None)
NAME = "namespace.sidecar-injector.istio.io"
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "log-shipper" / "injector.yaml"
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
CONDITIONS = [c.as_manifest() for c in conditions(OURS.policy, OURS.profile)]


def configuration(name: str = "ours", *, ours: bool = True, **changes: Any) -> dict[str, Any]:
    label = {"app.kubernetes.io/name": "sidecar-injector"} if ours else {}
    entry = {
        "name": NAME,
        "rules": [RULE],
        "clientConfig": {"service": {"namespace": "mesh", "name": "injector"}},
        "namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}},
        **changes,
    }
    return {"metadata": {"name": name, "labels": label}, "webhooks": [entry]}


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"istio-injection": "enabled", **labels}}}


def codes(*items: dict[str, Any], **more: Any) -> list[str]:
    spaces = {n["metadata"]["name"]: n for n in more.pop("namespaces", [namespace("shop")])}
    survey = Survey(tuple(registered(items)), spaces, **more)
    findings = check_registration(survey, OURS, [OURS.policy.entries])
    return [each.code for each in findings if each.code not in ("pod-security", "selectors-differ")]


def test_excluded_namespaces_are_not_a_difference_of_selectors() -> None:
    outside = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["mesh"]}
    other = {"key": "team", "operator": "NotIn", "values": ["mesh"]}

    def selectors_differ(*more: dict[str, Any]) -> bool:
        item = configuration()
        item["webhooks"] = [
            {
                **item["webhooks"][0],
                "name": entry.name,
                "namespaceSelector": {
                    "matchExpressions": [*entry.namespaces.as_manifest()["matchExpressions"], *more]
                },
                "objectSelector": entry.objects.as_manifest(),
            }
            for entry in OURS.policy.entries
        ]
        survey = Survey(tuple(registered([item])), {"shop": namespace("shop")})
        findings = check_registration(survey, OURS, [OURS.policy.entries])
        return "selectors-differ" in [each.code for each in findings]

    assert [selectors_differ(), selectors_differ(outside), selectors_differ(other)] == [False, False, True]


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ([{}], {}),
        ([{"matchLabels": {"a": "b"}}], {"a": "b"}),
        ([{"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}], {}),
        ([{"matchExpressions": [{"key": "a", "operator": "Exists"}]}], {"a": "any-other-value"}),
        (
            [
                {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]},
                {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]},
            ],
            {"a": "c"},
        ),
        ([{"matchLabels": {"a": "b"}}, {"matchLabels": {"a": "c"}}], None),
        (
            [
                {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
                {"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]},
            ],
            None,
        ),
    ],
)
def test_labels_that_satisfy_selectors_at_once_are_found_if_there_are_any(
    selectors: list[dict[str, Any]], expected: dict[str, str] | None
) -> None:
    parsed = [parse(each) for each in selectors]
    labels = satisfying_labels(*parsed)
    assert labels == expected
    assert labels is None or all(each.matches(labels) for each in parsed)


def test_a_correct_registration_has_no_findings() -> None:
    assert codes(configuration()) == []
    assert codes() == ["webhook-absent"]
    assert codes(configuration(ours=False)) == ["webhook-absent"]


@pytest.mark.parametrize(
    "rule",
    [
        {**RULE, "operations": ["UPDATE"]},
        {**RULE, "apiGroups": ["apps"]},
        {**RULE, "resources": ["pods/ephemeralcontainers"]},
    ],
)
def test_a_webhook_that_is_not_called_for_new_pods_has_no_finding(rule: dict[str, Any]) -> None:
    assert codes(configuration(), configuration("theirs", ours=False, rules=[rule])) == []


def test_what_cannot_be_read_as_a_selector_is_left_out() -> None:
    broken = configuration("theirs", ours=False, namespaceSelector={"matchExpressions": [{"key": ""}]})
    assert codes(configuration(), broken) == []


def test_the_injectors_own_pods_are_a_deadlock_only_with_failure_policy_fail() -> None:
    own = {"metadata": {"namespace": "shop", "name": "injector-1"}, "spec": {}}
    assert codes(configuration(), own=(own,)) == ["deadlock"]
    assert codes(configuration(failurePolicy="Ignore"), own=(own,)) == ["own-namespace"]
    elsewhere = {"metadata": {"namespace": "mesh", "name": "injector-1"}, "spec": {}}
    assert codes(configuration(), own=(elsewhere,)) == []


def test_pods_that_the_cluster_needs_wait_for_no_profile() -> None:
    shipper = load(str(EXAMPLE))
    assert not shipper.policy.ignored_namespaces
    spaces = {n["metadata"]["name"]: n for n in map(namespace, ("shop", "kube-system", "kube-node-lease"))}

    def deadlocks(*items: dict[str, Any]) -> list[str]:
        findings = check_registration(
            Survey(tuple(registered(items)), spaces), shipper, [own_entries(shipper, "mesh")]
        )
        return [each.message for each in findings if each.code == "deadlock"]

    everywhere = configuration(namespaceSelector={})
    assert [text.split()[2] for text in deadlocks(everywhere)] == ["kube-node-lease", "kube-system"]
    assert deadlocks(configuration(namespaceSelector={}, failurePolicy="Ignore")) == []
    assert deadlocks(*configurations(shipper, Options({"service": {"namespace": "mesh"}}))) == []


def test_conditions_help_only_where_they_are_those_of_the_policy() -> None:
    own = {
        "metadata": {"namespace": "shop", "annotations": {OURS.policy.switch: "false"}},
        "spec": {},
    }
    other = [{"name": "not-opted-out", "expression": "true"}]
    assert codes(configuration(matchConditions=CONDITIONS), own=(own,)) == []
    assert codes(configuration(matchConditions=other), own=(own,)) == ["conditions-differ", "deadlock"]


def test_a_service_is_looked_at_once_for_all_entries() -> None:
    named = ServiceRef("mesh", "injector")
    service = {"spec": {"ports": [{"port": 443}]}}
    ready: tuple[Any, ...] = ({"endpoints": [{"conditions": {}}]},)
    unready: tuple[Any, ...] = ({"endpoints": [{"conditions": {"ready": False}}]}, {"endpoints": None})
    assert codes(configuration(), services={named: service}, slices={named: ready}) == []
    assert codes(configuration(), services={named: service}, slices={named: unready}) == ["no-endpoints"]
    assert codes(configuration(), services={named: None}) == ["service-missing"]
    # What could not be read is not judged.
    assert codes(configuration(), services={named: service}) == []


def test_an_empty_selector_matches_everything_and_is_satisfied_by_nothing_at_all() -> None:
    assert satisfying_labels(Selector()) == {}


def test_a_registration_for_pods_that_opt_in_is_too_narrow_for_other_policies() -> None:
    opt_in = dataclasses.replace(OURS, policy=dataclasses.replace(OURS.policy, mode="disabled"))
    narrow = [c.as_manifest() for c in conditions(opt_in.policy, OURS.profile)]
    assert codes(configuration(matchConditions=narrow)) == ["registration-narrow"]
    assert codes(configuration(matchConditions=CONDITIONS)) == []
    survey = Survey(tuple(registered([configuration(matchConditions=narrow)])), {})
    findings = check_registration(survey, opt_in, [OURS.policy.entries])
    assert "registration-narrow" not in [each.code for each in findings]


@pytest.mark.parametrize(
    ("policy", "mode", "hints"),
    [
        ({"failurePolicy": "Fail"}, "deny", []),
        ({"failurePolicy": "Ignore"}, "allow", []),
        ({"failurePolicy": "Ignore"}, "deny", ["set server.failureMode to allow, or failurePolicy to Fail"]),
        ({"failurePolicy": "Fail"}, "allow", ["remove server.failureMode, or set failurePolicy to Ignore"]),
        # What the API server takes for Fail.
        ({}, "allow", ["remove server.failureMode, or set failurePolicy to Ignore"]),
    ],
)
def test_failure_policy_and_failure_mode_contradict_each_other(
    policy: dict[str, str], mode: str, hints: list[str]
) -> None:
    findings = list(contradictions(registered([configuration(**policy)]), mode))
    assert [(each.code.value, each.hint) for each in findings] == [("failure-modes", hint) for hint in hints]
    assert all(each.where == "MutatingWebhookConfiguration ours, webhook " + NAME for each in findings)
