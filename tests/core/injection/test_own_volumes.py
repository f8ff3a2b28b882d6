"""A volume of the pod that has the name of an injected one, under a profile without rules of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from injector.core.injection.pipeline import inject
from injector.core.model import Facts
from tests.core.generic import CONFIG, outcome
from tests.core.injection.test_uninjection import back

APP = {"name": "app", "image": "app:1"}
CLAIM = {"name": "ours", "persistentVolumeClaim": {"claimName": "c"}}


def a_pod(*volumes: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [APP], "volumes": list(volumes)}}


def volume(pod: dict[str, Any], name: str) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = pod["spec"]["volumes"]
    (only,) = [each for each in volumes if each["name"] == name]
    return only


def test_the_source_of_the_pod_is_used_and_reported() -> None:
    result = outcome(a_pod(CLAIM))
    assert volume(result.pod, "ours") == CLAIM
    assert [finding.code for finding in result.findings] == ["volume-taken"]
    assert back(result.pod) == a_pod(CLAIM)


@pytest.mark.parametrize("own", [{"name": "ours"}, {"name": "ours", "emptyDir": None}])
def test_a_volume_without_a_source_gets_that_of_the_template(own: dict[str, Any]) -> None:
    result = outcome(a_pod(own))
    assert volume(result.pod, "ours").keys() == {"name", "projected"}
    assert result.findings == ()


def test_with_quirks_on_both_sources_are_merged() -> None:
    result = inject(a_pod(CLAIM), Facts(), replace(CONFIG, quirks=True))
    assert volume(result.pod, "ours").keys() == {"name", "projected", "persistentVolumeClaim"}


def test_an_alternative_that_another_webhook_set_gives_way_to_the_injected_one() -> None:
    result = outcome({"metadata": {}, "spec": {"containers": [APP]}})
    pod = result.pod
    injected = volume(pod, "ours")
    pod["spec"]["volumes"][pod["spec"]["volumes"].index(injected)] = {"name": "ours", "emptyDir": {}}
    again = inject(pod, Facts(), CONFIG)
    assert volume(again.pod, "ours") == injected
