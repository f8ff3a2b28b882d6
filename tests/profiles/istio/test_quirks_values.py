"""With quirks on, most values of a wrong type are read as they are; a pod is injected or refused."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from injector.config.loading import Input, Text, load_input
from injector.config.upstream import typed_problems
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Reason
from injector.core.value_types import Types
from injector.errors import RenderError
from injector.profiles.istio.value_table import TYPES_BY_SECTION
from tests.cases.reading import BASE
from tests.factories import a_pod

WRONG = ("text", 7, True, [1], {"a": 1}, {"limits": "x"}, {"limits": {"cpu": [1]}})
CONFIG = load_input(
    Input(Text(yaml.safe_dump({**BASE, "compatibility": {"istioQuirks": True}}), "injector.yaml"), ".")
)


def paths(types: Types, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys of the table, sections among them."""
    for key, of in types.items():
        yield (*above, key)
        if isinstance(of, dict):
            yield from paths(of, (*above, key))


def with_value(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    values: dict[str, Any] = copy.deepcopy(CONFIG.values)
    holder = values
    for step in path[:-1]:
        holder = holder.setdefault(step, {})
    holder[path[-1]] = value
    return values


@pytest.mark.parametrize("path", list(paths(TYPES_BY_SECTION)), ids=".".join)
def test_a_value_of_a_wrong_type_is_injected_or_refused(path: tuple[str, ...]) -> None:
    for value in WRONG:
        values = with_value(path, value)
        if typed_problems(values):
            # Refused where the values are read.
            continue
        outcome = inject(a_pod(), Facts(namespace="shop"), replace(CONFIG, values=values))
        assert outcome.decision.reason is not Reason.INTERNAL_ERROR
        assert (outcome.error is None) == bool(outcome.patch)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("readinessFailureThreshold", [1]),
        ("readinessInitialDelaySeconds", "soon"),
        ("resources", "text"),
        ("resources", {"limits": {"cpu": [1]}}),
        ("resources", {"limits": {"cpu": "lots"}}),
    ],
)
def test_the_refusal_names_the_value(name: str, value: Any) -> None:
    config = replace(CONFIG, values=with_value(("global", "proxy", name), value))
    outcome = inject(a_pod(), Facts(namespace="shop"), config)
    assert outcome.decision.reason is Reason.TEMPLATE_FAILED
    assert isinstance(outcome.error, RenderError)
    assert outcome.error.where == f"values.global.proxy.{name}"
    assert "is expected" in outcome.error.message
