"""A field of a pod has its type by the table of Kubernetes' OpenAPI."""

from __future__ import annotations

import pytest

from injector.core import field_types, pod_fields
from injector.core.field_types import Type
from injector.core.kubernetes_fields import TYPES


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"v": {"emptyDir": {"mode": 448}}}, True),
        ({"v": {"emptyDir": {"mode": "0700"}}}, False),
        ({"v": {"emptyDir": {"sizeLimit": "1Gi"}}}, True),
        ({"v": {"emptyDir": {"sizeLimit": "much"}}}, False),
        ({"v": {"configMap": {"items": [{"key": 1}]}}}, False),
        ({"v": {"not-in-kubernetes": 1}}, True),
    ],
)
def test_a_field_of_the_table_has_its_type(value: object, fits: bool) -> None:
    assert pod_fields.are_volumes(value) is fits


def problems_of(value: object, of: str) -> list[tuple[str, str, str]]:
    return [(p.pointer, p.message, p.hint) for p in pod_fields.problems(value, of)]


def test_a_container_that_kubernetes_takes_has_no_problem() -> None:
    container = {
        "name": "web",
        "image": "web:1",
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {"limits": {"cpu": 2, "memory": "1Gi"}},
        "readinessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 5},
        "securityContext": None,
    }
    assert list(pod_fields.problems(container, "Container")) == []


@pytest.mark.parametrize(
    ("value", "of", "pointer", "message", "hint"),
    [
        ({"name": "a", "imag": "b"}, "Container", "/imag", "unknown field", "did you mean image?"),
        ({"image": "b"}, "Container", "", "name is missing", "add name"),
        ({"name": 1}, "Container", "/name", "a string is expected, not a number", "put it in quotes"),
        ({"name": "a", "args": "x"}, "Container", "/args", "a list is expected, not a string", ""),
        ({"name": "a", "tty": "true"}, "Container", "/tty", "true or false is expected, not a string", ""),
        (
            {"name": "a", "imagePullPolicy": "always"},
            "Container",
            "/imagePullPolicy",
            "one of Always, IfNotPresent, Never is expected",
            "did you mean Always?",
        ),
        (
            {"name": "a", "resources": {"limits": {"cpu": "lots"}}},
            "Container",
            "/resources/limits/cpu",
            "a quantity such as 100m or 1Gi is expected, not a string",
            "",
        ),
        (
            {"name": "a", "ports": [{"containerPort": 2**31}]},
            "Container",
            "/ports/0/containerPort",
            "a whole number of 32 bits is expected, not a number",
            "",
        ),
        (
            {"labels": {"a/b": 1}},
            "ObjectMeta",
            "/labels/a~1b",
            "a string is expected, not a number",
            "put it in quotes",
        ),
        ([], "Volume", "", "a map is expected, not a list", ""),
    ],
)
def test_a_problem_says_where_and_what_is_expected(
    value: object, of: str, pointer: str, message: str, hint: str
) -> None:
    assert problems_of(value, of) == [(pointer, message, hint)]
    assert all(problem.refused for problem in pod_fields.problems(value, of))


def test_a_field_near_to_no_other_is_dropped_and_not_refused() -> None:
    [problem] = pod_fields.problems({"name": "a", "fromTheFuture": {"a": 1}}, "Container")
    assert problem.pointer == "/fromTheFuture"
    assert not problem.refused
    assert "not in Kubernetes 1." in problem.message


def test_every_word_of_the_table_is_known() -> None:
    words = {word for fields in TYPES.values() for of in fields.values() for word in words_of(of)}
    assert words - TYPES.keys() <= {*field_types.WORDS, "any"}


def words_of(of: object) -> set[str]:
    if isinstance(of, str):
        return {of}
    if isinstance(of, list):
        return words_of(of[0])
    assert isinstance(of, dict)
    return set() if "enum" in of else words_of(of["*"])


def meant(value: object, of: Type) -> list[tuple[str, str]]:
    """The unknown fields that are near to a known one, and what is said of each."""
    return [
        (each.pointer, each.hint) for each in pod_fields.problems(value, of) if each.unknown and each.hint
    ]


def test_fields_that_are_nearly_known_have_what_was_meant() -> None:
    volumes = [
        {"name": "a", "comfigMap": {"items": [{"pathh": "x"}]}},
        {"configMap": {"items": [{"pathh": "x"}]}},
    ]
    assert meant(volumes, ["Volume"]) == [
        ("/0/comfigMap", "did you mean configMap?"),
        ("/1/configMap/items/0/pathh", "did you mean path?"),
    ]


def test_only_the_first_unknown_fields_are_compared() -> None:
    many: dict[str, object] = {f"unlike-{number}": 1 for number in range(20)} | {"comfigMap": {}}
    assert meant(many, "Volume") == []
    del many["unlike-0"]
    assert meant(many, "Volume") == [("/comfigMap", "did you mean configMap?")]


def test_all_items_of_a_map_share_the_number_of_comparisons() -> None:
    volumes: dict[str, object] = {f"v{number}": {"unlike-all": 1} for number in range(20)}
    volumes["last"] = {"comfigMap": {}}
    assert meant(volumes, {"*": "Volume"}) == []
    del volumes["v0"]
    assert meant(volumes, {"*": "Volume"}) == [("/last/comfigMap", "did you mean configMap?")]
