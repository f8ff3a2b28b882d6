"""Sample pods are admitted before a configuration is used."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from injector.config.current import Current
from injector.config.loading import Input, Text, load_input
from injector.config.samples import SAMPLES
from injector.core.model import Facts, Origin
from injector.core.profile import Config
from injector.server import answers, reviews
from injector.serving.warming import WarmSource, warm
from injector.telemetry import Metrics
from injector.templating.render import Templates
from tests.factories import a_review


def a_config(tag: str = "a") -> Config:
    return load_input(Input(Text(f"values: {{global: {{tag: {tag}}}}}\n", "test")))


def admit(config: Config) -> answers.Answer:
    pod = {"apiVersion": "v1", "kind": "Pod", **SAMPLES[0]}
    request = reviews.parse(json.dumps(a_review(pod)).encode(), path="/inject")
    facts = Facts(namespace="sample", origin=Origin.WEBHOOK, native_sidecars=True)
    return answers.answer(request, config, facts)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The templates whose YAML is parsed while the test runs."""
    names: list[str] = []
    parse: Callable[..., Any] = Templates._parse

    def noted(self: Templates, skeleton: str, name: str, context: Any) -> Any:
        names.append(name)
        return parse(self, skeleton, name, context)

    monkeypatch.setattr(Templates, "_parse", noted)
    return names


def test_the_first_admission_parses_only_where_the_configuration_is_not_warm(parsed: list[str]) -> None:
    cold, warmed = a_config(), a_config()
    warm(warmed)
    parsed.clear()
    assert admit(warmed).decision == "inject"
    assert parsed == []
    admit(cold)
    assert parsed == ["sidecar"]


def test_where_the_policy_skips_the_samples_they_are_injected_all_the_same(parsed: list[str]) -> None:
    warm(load_input(Input(Text("policy: disabled\n", "test"))))
    assert "sidecar" in parsed


class Texts:
    """A source that returns what it is set to."""

    server = None
    step = ""

    def __init__(self, config: Config) -> None:
        self.config = config

    def read(self) -> Config:
        return self.config


def test_a_new_configuration_is_warm_before_it_is_used(parsed: list[str]) -> None:
    first, second = a_config("a"), a_config("b")
    source, used = Texts(first), list[Config]()

    def take(config: Config) -> None:
        parsed.clear()
        if config is second:
            admit(config)
        used.append(config)

    async def main() -> None:
        current = Current(
            WarmSource(source, first), first, Metrics(), seconds=1, in_thread=asyncio.to_thread, taken=take
        )
        source.config = second
        await current.refresh()

    asyncio.run(main())
    assert (used, parsed) == ([first, second], [])


def test_a_configuration_that_is_read_again_admits_nothing(parsed: list[str]) -> None:
    first = a_config()
    source = WarmSource(Texts(first), first)
    source.read()
    assert parsed == []
