"""Which templates read what differs between replicas: decided by what stands in them, whatever they do."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from injector.config.loading import Input, Text, load_input
from injector.core.plans import unread
from injector.core.profile import Config

LABEL = "metadata: {labels: {own: '{{ %s }}'}}\n"


def config_of(own: str, **more: Any) -> Config:
    raw = {"policy": "enabled", "templates": {"own": own, **more.pop("parts", {})}, **more}
    return load_input(Input(Text(yaml.safe_dump(raw), "config"), "."))


def pod(**annotations: str) -> dict[str, Any]:
    return {"metadata": {"annotations": annotations}, "spec": {"containers": []}}


@pytest.mark.parametrize(
    ("text", "free"),
    [
        (LABEL % "ObjectMeta.labels.app", True),
        (LABEL % "Spec.serviceAccountName", True),
        (LABEL % "Spec['hostname']", True),
        (LABEL % "Spec.get('hostname', '')", True),
        (LABEL % "Spec.volumes | length", False),
        (LABEL % "Spec['volumes'] | length", False),
        (LABEL % "Spec.get('volumes') | length", False),
        (LABEL % "Spec.get('vol' ~ 'umes') | length", False),
        (LABEL % "Spec.get('hostname', Spec.volumes)", False),
        (LABEL % "Spec.containers[0].name", False),
        (LABEL % "Spec.initContainers | length", False),
        (LABEL % "Spec.ephemeralContainers | length", False),
        (LABEL % "Spec | length", False),
        (LABEL % "ObjectMeta.managedFields | length", False),
        (LABEL % "ObjectMeta.items() | list | length", False),
        ("{% for key in Spec %}{% endfor %}" + LABEL % "1", False),
        ("{% set s = Spec %}" + LABEL % "s.volumes", False),
        ("{% if false %}{{ Spec.volumes }}{% endif %}" + LABEL % "1", False),
        ("{% macro m() %}{{ Spec.volumes | length }}{% endmacro %}" + LABEL % "1", False),
        ("{% include '_part' %}", False),
    ],
)
def test_a_template_of_ones_own_is_judged_by_the_paths_that_it_can_read(text: str, free: bool) -> None:
    config = config_of(text, parts={"_part": LABEL % "Spec.volumes | length"}, defaultTemplates=["own"])
    assert unread.replicas_are_alike(pod(), config) == free


READER = LABEL % "Spec.volumes | length"


def test_a_template_that_the_pod_does_not_get_does_not_count() -> None:
    config = config_of(READER)
    assert unread.replicas_are_alike(pod(), config)
    assert not unread.replicas_are_alike(pod(**{"inject.istio.io/templates": "sidecar"}), config)


def test_an_alias_counts_as_what_it_stands_for() -> None:
    config = config_of(READER, aliases={"mine": ["sidecar", "own"]}, defaultTemplates=["mine"])
    assert not unread.replicas_are_alike(pod(), config)


def test_a_shipped_template_is_known_and_one_of_its_name_is_not() -> None:
    assert unread.is_known("sidecar", config_of(READER))
    replaced = config_of(READER, parts={"sidecar": READER})
    assert not unread.is_known("sidecar", replaced)
    assert not unread.replicas_are_alike(pod(), replaced)


def test_nothing_is_known_with_quirks() -> None:
    config = config_of(READER, compatibility={"istioQuirks": True})
    assert not unread.is_known("sidecar", config)
