"""Choices: fields of which the API server accepts one."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.kubernetes_fields import TYPES
from injector.core.tree.schema import POD, POD_WITHOUT_CHOICES, Choice, Schema
from injector.core.tree.strategic_merge import merge

CONTAINER = POD.of("spec").of("containers")
ENV = CONTAINER.of("env")
# What else stands in the maps that hold the alternatives.
BESIDE = {
    "Probe": {"failureThreshold", "initialDelaySeconds", "periodSeconds", "successThreshold",
              "terminationGracePeriodSeconds", "timeoutSeconds"},
    "EnvVar": {"name"},
    "Volume": {"name"},
    "PodResourceClaim": {"name"},
}  # fmt: skip
PLACES = [
    ("Probe", CONTAINER.of("livenessProbe")),
    ("Probe", CONTAINER.of("readinessProbe")),
    ("Probe", CONTAINER.of("startupProbe")),
    ("LifecycleHandler", CONTAINER.of("lifecycle").of("postStart")),
    ("LifecycleHandler", CONTAINER.of("lifecycle").of("preStop")),
    ("EnvVar", ENV),
    ("EnvVarSource", ENV.of("valueFrom")),
    ("Volume", POD.of("spec").of("volumes")),
    ("PodResourceClaim", POD.of("spec").of("resourceClaims")),
]


@pytest.mark.parametrize(("name", "schema"), PLACES)
def test_the_alternatives_are_those_of_kubernetes(name: str, schema: Schema) -> None:
    fields = {field.removesuffix("!") for field in TYPES[name]}
    assert schema.choice is not None
    assert {field for field in fields if schema.choice.has(field)} == fields - BESIDE.get(name, set())


@pytest.mark.parametrize("part", ["containers", "initContainers", "ephemeralContainers"])
def test_every_list_of_containers_has_the_same_choices(part: str) -> None:
    assert POD.of("spec").of(part).fields == CONTAINER.fields


def in_container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "a", **fields}]}}


MERGES = [
    (
        {"livenessProbe": {"exec": {"command": ["x"]}, "periodSeconds": 3}},
        {"livenessProbe": {"httpGet": {"port": 1}}},
        {"livenessProbe": {"httpGet": {"port": 1}, "periodSeconds": 3}},
    ),
    (
        {"livenessProbe": {"httpGet": {"port": 1, "path": "/a"}}},
        {"livenessProbe": {"httpGet": {"path": "/b"}, "exec": None}},
        {"livenessProbe": {"httpGet": {"port": 1, "path": "/b"}}},
    ),
    (
        {"livenessProbe": {"exec": {"command": ["x"]}}},
        {"livenessProbe": {"httpGet": None, "periodSeconds": 5}},
        {"livenessProbe": {"exec": {"command": ["x"]}, "periodSeconds": 5}},
    ),
    (
        {"lifecycle": {"preStop": {"sleep": {"seconds": 1}}, "postStart": {"exec": {}}}},
        {"lifecycle": {"preStop": {"exec": {"command": ["y"]}}}},
        {"lifecycle": {"preStop": {"exec": {"command": ["y"]}}, "postStart": {"exec": {}}}},
    ),
    (
        {"env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                 {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                 {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("base", "overlay", "expected"), MERGES)
def test_the_alternative_of_the_overlay_replaces_that_of_the_base(
    base: dict[str, Any], overlay: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert merge(in_container(**base), in_container(**overlay)) == in_container(**expected)


def test_a_source_that_is_newer_than_the_table_replaces_another() -> None:
    base = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    overlay = {"spec": {"volumes": [{"name": "v", "newer": {}}]}}
    assert merge(base, overlay) == {"spec": {"volumes": [{"name": "v", "newer": {}}]}}


def test_kubernetes_own_merge_keeps_both() -> None:
    base, overlay = in_container(livenessProbe={"exec": {}}), in_container(livenessProbe={"httpGet": {}})
    merged = merge(base, overlay, POD_WITHOUT_CHOICES)
    assert merged == in_container(livenessProbe={"exec": {}, "httpGet": {}})


def test_two_alternatives_of_one_overlay_stay_for_the_check_of_the_result() -> None:
    schema = Schema(choice=Choice(frozenset({"a", "b", "c"})))
    assert merge({"c": 1}, {"a": 1, "b": 2}, schema) == {"a": 1, "b": 2}
