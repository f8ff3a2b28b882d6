"""Condition (a) of the cache of answers: templates give the same for the same pod, whenever they run."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from injector.errors import ConfigError
from injector.profiles.istio import templatefns
from injector.templating.filters import FILTERS
from injector.templating.functions import FUNCTIONS
from injector.templating.predicates import TESTS
from tests.server.beside import a_review, body_of, config_of, unhurried
from tests.server.replica_reviews import (
    beside,
)


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


CHANGING = {
    "random",
    "secrets",
    "uuid",
    "time",
    "datetime",
    "os",
    "socket",
    "platform",
    "threading",
    "asyncio",
}


def test_condition_a_nothing_in_templates_gives_another_result_for_equal_arguments() -> None:
    config = config_of({})
    env = config.templates._library.env
    assert set(env.tests) == set(TESTS)
    assert set(env.globals) == set(FUNCTIONS) | set(config.profile.functions)
    assert set(FILTERS) <= set(env.filters)
    functions = [*env.filters.values(), *env.tests.values(), *env.globals.values()]
    modules = {inspect.getmodule(function) for function in functions} | {
        # Lambdas and wrapped functions stand in these.
        *map(inspect.getmodule, (FILTERS["map"], FUNCTIONS["range"], TESTS["defined"], templatefns.omit))
    }
    sources = {Path(module.__file__ or "") for module in modules if module and module.__name__ != "builtins"}
    assert len(sources) > 3
    for source in sources:
        assert "injector" in source.parts, source
        for node in ast.walk(ast.parse(source.read_text())):
            names = {a.name for a in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
            assert CHANGING.isdisjoint({name.partition(".")[0] for name in names}), source
    words = {*env.filters, *env.tests, *env.globals}
    assert words.isdisjoint(
        {"now", "uuid", "uuidv4", "random", "shuffle", "env", "lookup", "lipsum", "date", "pprint"}
    )


@pytest.mark.parametrize(
    "text", ["{{ m }}", "{{ range }}", "{{ namespace() }}", "{{ [m] | tojson }}", "{{ loop }}"]
)
def test_condition_a_no_template_writes_the_address_of_an_object(text: str) -> None:
    own = (
        "{% macro m() %}x{% endmacro %}\n{% for i in [1] %}\nmetadata: {labels: {own: '"
        + text
        + "'}}\n{% endfor %}"
    )
    raw = {"templates": {"own": own}, "defaultTemplates": ["own"]}
    try:
        both = beside(raw)
    except ConfigError:
        # Refused when it is loaded.
        return
    reply = both.ask(body_of(a_review()))
    assert b"0x" not in reply.body
    assert reply.json["response"]["allowed"] is False
