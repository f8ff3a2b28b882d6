"""The conditions of the webhook, without an API server: what may be dropped, and how it is written.

That the expressions mean this is shown where CEL is evaluated: tests/apiserver/test_match_conditions.py.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.config.loading import load
from injector.core.catalogue import Catalogue
from injector.core.injection.near_misses import find_near_misses
from injector.core.injection.pipeline import inject
from injector.core.model import AnnotationKeys, Facts, Origin, Verdict
from injector.core.policy import Policy
from injector.core.profile import Profile
from injector.core.registration.match_conditions import check_reload, conditions, dropped
from injector.core.selectors import parse
from injector.errors import ConfigError

OURS = load(None)
SWITCH = OURS.policy.switch
KNOWN = OURS.profile.catalogue()
KEYS = st.sampled_from(
    [SWITCH, SWITCH, SWITCH, *sorted(KNOWN.annotations), *sorted(KNOWN.labels), "istio-injection", "app"]
) | st.text("istio.-/abcdjne", min_size=1, max_size=24)
WORDS = st.sampled_from(["true", "false", "false", "False ", "no", "", "x"])
MAPS = st.dictionaries(KEYS, WORDS, max_size=4)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "hostNetwork": st.booleans(),
        "os": st.fixed_dictionaries({"name": st.sampled_from(["linux", "windows"])}),
    },
)
PODS = st.builds(
    lambda labels, annotations, spec: {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {"containers": [{"name": "app"}], **spec},
    },
    MAPS,
    MAPS,
    SPECS,
)


@given(PODS, st.sampled_from(["shop", "kube-system"]))
def test_a_dropped_pod_would_get_no_patch_and_no_finding(pod: dict[str, Any], namespace: str) -> None:
    if dropped(pod, namespace, OURS.policy, OURS.profile):
        outcome = inject(pod, Facts(namespace, Origin.WEBHOOK), OURS)
        assert outcome.decision.verdict is Verdict.SKIP
        assert (outcome.patch, outcome.findings, outcome.error) == ((), (), None)


@given(MAPS, MAPS)
def test_near_misses_are_never_dropped(labels: dict[str, str], annotations: dict[str, str]) -> None:
    pod = {"metadata": {"labels": labels, "annotations": annotations}, "spec": {"hostNetwork": True}}
    if find_near_misses(pod, OURS.profile):
        assert not dropped(pod, "kube-system", OURS.policy, OURS.profile)


def test_names_are_stable() -> None:
    match_conditions = conditions(OURS.policy, OURS.profile)
    assert [condition.name for condition in match_conditions] == ["not-unsuited", "not-opted-out"]


def test_what_an_operator_may_change_makes_no_difference() -> None:
    labelled = (parse({"matchLabels": {"a": "b"}}),)
    changed = dataclasses.replace(OURS.policy, mode="disabled", never=labelled, always=labelled)
    assert conditions(changed, OURS.profile) == conditions(OURS.policy, OURS.profile)
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {}}
    assert not dropped(pod, "shop", changed, OURS.profile)


def test_a_profile_of_a_few_words_has_conditions_of_its_own_words() -> None:
    keys = AnnotationKeys(switch="logs.example.com/it's")
    bare = Profile("logs", keys, extra_catalogue=Catalogue())
    policy = dataclasses.replace(
        OURS.policy, switch=keys.switch, ignored_namespaces=frozenset(), operating_systems=frozenset()
    )
    unsuited, opted_out = conditions(policy, bare)
    assert "request.namespace" not in unsuited.expression
    assert "object.spec.os" not in unsuited.expression
    assert r"'logs.example.com/it\'s'" in opted_out.expression
    assert dropped({"metadata": {"annotations": {keys.switch: "false"}}}, "shop", policy, bare)


@pytest.mark.parametrize("count", [100, 101])
def test_more_keys_than_are_searched_are_never_dropped(count: int) -> None:
    pod = {"metadata": {"labels": {f"a{n}": "" for n in range(count)}}, "spec": {"hostNetwork": True}}
    assert dropped(pod, "shop", OURS.policy, OURS.profile) is (count == 100)


OPT_IN = dataclasses.replace(OURS, policy=dataclasses.replace(OURS.policy, mode="disabled"))


def test_a_policy_of_opting_in_has_one_condition() -> None:
    assert [condition.name for condition in conditions(OPT_IN.policy, OURS.profile)] == ["opted-in"]


@pytest.mark.parametrize(
    ("labels", "annotations", "sent"),
    [
        ({}, {}, False),
        ({"app": "web"}, {"team": "shop"}, False),
        ({SWITCH: "true"}, {}, True),
        ({}, {SWITCH: "true"}, True),
        ({SWITCH: "false"}, {}, False),
        ({SWITCH: "yes"}, {}, True),
        ({}, {"sidecar.istio.io/injct": "true"}, True),
    ],
)
def test_pods_that_do_not_opt_in_are_dropped(
    labels: dict[str, str], annotations: dict[str, str], sent: bool
) -> None:
    pod = {"metadata": {"labels": labels, "annotations": annotations}, "spec": {"containers": []}}
    assert dropped(pod, "shop", OPT_IN.policy, OURS.profile) is not sent


@given(PODS, st.sampled_from(["shop", "kube-system"]))
def test_a_pod_dropped_because_it_does_not_opt_in_would_get_nothing(
    pod: dict[str, Any], namespace: str
) -> None:
    if dropped(pod, namespace, OPT_IN.policy, OURS.profile):
        outcome = inject(pod, Facts(namespace, Origin.WEBHOOK), OPT_IN)
        assert outcome.decision.verdict is Verdict.SKIP
        assert (outcome.patch, outcome.findings, outcome.error) == ((), (), None)


ALWAYS = dataclasses.replace(OPT_IN.policy, always=(parse({"matchLabels": {"a": "b"}}),))
RENAMED = dataclasses.replace(OPT_IN.policy, switch="other.example.com/inject")


@pytest.mark.parametrize(
    ("fresh", "where"),
    [(OURS.policy, "policy"), (ALWAYS, "alwaysInjectSelector"), (RENAMED, "keys.switch")],
)
def test_a_policy_that_is_wider_than_the_registration_is_refused(fresh: Policy, where: str) -> None:
    with pytest.raises(ConfigError, match=f"registered only for pods with {SWITCH}") as caught:
        check_reload(OPT_IN.policy, fresh)
    assert caught.value.where == where
    assert "webhook-config" in caught.value.hint


def test_a_policy_within_the_registration_is_taken() -> None:
    check_reload(OPT_IN.policy, OPT_IN.policy)
    for started in (OURS.policy, ALWAYS):
        for fresh in (OURS.policy, ALWAYS, OPT_IN.policy):
            check_reload(started, fresh)
