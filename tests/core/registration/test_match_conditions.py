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
from injector.core.profile import Profile
from injector.core.registration.match_conditions import conditions, dropped
from injector.core.selectors import parse

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
    changed = dataclasses.replace(
        OURS.policy, mode="disabled", never=(parse({"matchLabels": {"a": "b"}}),), always=()
    )
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
