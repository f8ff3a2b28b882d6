"""values.schema.json: what helm refuses, and that it refuses nothing that the program takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from hack.chart_values import TAKES
from injector.config.fields import Reading, declared, read, schema_of
from injector.config.loading import Input, Text, load_input
from injector.config.schema import Settings
from injector.core.value_types import check
from injector.errors import ConfigError
from injector.profiles.istio.value_table import TYPES, TYPES_BY_SECTION
from tests.beds import helm
from tests.chart.chart_values import CASES

SCHEMA = json.loads((helm.CHART / "values.schema.json").read_text())
VALUES = jsonschema.Draft7Validator(SCHEMA)
CONFIG = jsonschema.Draft7Validator(schema_of(Settings))
CANDIDATES: tuple[Any, ...] = (
    *(True, 0, 1, 10, 200, -1, 10**12, 1.5, "", "x", ":8443", "1h", "on", "1.2", "a/b"),
    *([], ["a"], [1], [{}], {}, {"a": "b"}, {"a": {}}, {"a": ["b"]}, {"file": "x"}),
)


def trees() -> Iterator[dict[str, Any]]:
    """Every setting with each of the candidates, as a whole file."""
    for path, *_ in declared(Settings):
        for candidate in CANDIDATES:
            tree: Any = candidate
            for key in reversed(path.split(".")):
                tree = {key: tree}
            yield tree


def accepted(tree: dict[str, Any]) -> bool:
    reading = Reading()
    read(Settings, tree, "", reading)
    return not reading.problems


def test_it_is_draft_07() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_it_refuses_nothing_that_the_program_takes() -> None:
    refused = [tree for tree in trees() if accepted(tree) and not CONFIG.is_valid(tree)]
    assert refused == []


def test_it_refuses_most_of_what_the_program_refuses() -> None:
    # Patterns of texts and what hangs together are the program's alone.
    outside = [tree for tree in trees() if not accepted(tree)]
    let_through = [tree for tree in outside if CONFIG.is_valid(tree)]
    assert len(let_through) < len(outside) / 10
    assert all(isinstance(_leaf(tree), str | list | dict) for tree in let_through)


def _leaf(tree: Any) -> Any:
    while isinstance(tree, dict) and len(tree) == 1 and "file" not in tree:
        tree = next(iter(tree.values()))
    return tree


def test_the_shipped_values_and_all_cases_pass() -> None:
    for case in CASES.values():
        VALUES.validate(case.values)


@pytest.mark.parametrize("version", helm.VERSIONS)
@pytest.mark.parametrize(
    ("values", "place", "message"),
    [
        ({"replicas": "two"}, "/replicas", "want integer"),
        ({"webhook": {"failurePolicy": "Open"}}, "/webhook/failurePolicy", "'Fail', 'Ignore'"),
        ({"webhook": {"timeoutSeconds": 31}}, "/webhook/timeoutSeconds", "30"),
        ({"webhok": {}}, "", "'webhok' not allowed"),
        ({"config": {"polcy": "enabled"}}, "/config", "'polcy' not allowed"),
        ({"config": {"server": {"namespaces": "wach"}}}, "/config/server/namespaces", "'watch', 'off'"),
        ({"config": {"server": {"record": {"perSecond": 0}}}}, "/config/server/record/perSecond", "minimum"),
        (
            {"certificates": {"source": "self-signed"}},
            "/certificates/source",
            "'own', 'cert-manager', 'secret'",
        ),
        ({"image": {"digest": "latest"}}, "/image/digest", "pattern"),
        (
            {"podDisruptionBudget": {"maxUnavailable": "all"}},
            "/podDisruptionBudget/maxUnavailable",
            "pattern",
        ),
        ({"dnsPolicy": "Cluster"}, "/dnsPolicy", "'ClusterFirst', 'ClusterFirstWithHostNet'"),
        ({"readinessProbe": {"periodSeconds": "5s"}}, "/readinessProbe/periodSeconds", "want integer"),
        (
            {"metrics": {"serviceMonitor": {"scrapeTimeout": "ten"}}},
            "/metrics/serviceMonitor/scrapeTimeout",
            "pattern",
        ),
        (
            {"metrics": {"alerts": {"runbookBase": "docs/metrics.md"}}},
            "/metrics/alerts/runbookBase",
            "pattern",
        ),
    ],
)
def test_helm_refuses_a_wrong_value_and_says_where(
    version: str, values: dict[str, Any], place: str, message: str
) -> None:
    with pytest.raises(helm.HelmError) as error:
        helm.template(version, values)
    assert f"at '{place}" in str(error.value)
    assert message in str(error.value)


def test_a_parent_chart_may_share_values_and_switch_this_one_off() -> None:
    VALUES.validate({"global": {"anything": {"of": "others"}}, "enabled": False})


def test_every_value_is_used() -> None:
    templates = [p.read_text() for p in (helm.CHART / "templates").rglob("*") if p.is_file()]
    used = set(
        re.findall(r"[A-Za-z]+", " ".join(code for t in templates for code in re.findall(r"\{\{.*?\}\}", t)))
    )
    leaves = {path.rpartition(".")[2] for path in _paths(SCHEMA["properties"], "")}
    assert leaves - used == set()


def _paths(properties: dict[str, Any], path: str) -> Iterator[str]:
    for key, inner in properties.items():
        here = f"{path}.{key}".lstrip(".")
        if here in ("config", "enabled"):
            continue
        if inner.get("properties") and here not in TAKES:
            yield from _paths(inner["properties"], here)
        else:
            yield here


SAMPLES: list[Any] = [
    True,
    0,
    70000,
    1.5,
    "",
    "x y",
    "true",
    "15020",
    "abc",
    [],
    ["a"],
    [{"name": "a"}],
    {},
    {"a": []},
]


@pytest.mark.parametrize("path", TYPES)
def test_helm_refuses_the_values_that_the_program_refuses(path: str) -> None:
    for value in SAMPLES:
        tree: Any = value
        for key in reversed(path.split(".")):
            tree = {key: tree}
        config = {"values": tree}
        refused = any(problem.refused for problem in check(tree, TYPES_BY_SECTION, printed=None).problems)
        assert VALUES.is_valid({"config": config}) is not refused, value
        # With quirks neither refuses a value, and a profile of one's own has its own types.
        assert VALUES.is_valid({"config": {**config, "compatibility": {"istioQuirks": True}}})
        assert VALUES.is_valid({"config": {**config, "profile": "./own"}})
        assert loads(config) is not refused
    assert VALUES.is_valid({"config": {"values": {path.partition(".")[0]: None}}})


def loads(config: dict[str, Any]) -> bool:
    """Whether the program takes values, whatever their effect is."""
    try:
        load_input(Input(Text(json.dumps(config), "injector.yaml")))
    except ConfigError as error:
        return not str(error).startswith("injector.yaml:1: values.")
    return True
