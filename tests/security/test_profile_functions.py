"""Functions of a profile are charged for what they get and what they give, as the language's own are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from injector.errors import RenderError
from injector.profiles.istio.templatefns import FUNCTIONS
from injector.templating.render import RenderLimits, Templates, TemplateSource

DOUBLED = """\
{% set ns = namespace(a="x") %}{% for i in range(26) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}
"""
DOUBLED_MAP = """\
{% set ns = namespace(a={"x": 1}) %}
{% for i in range(26) %}{% set ns.a = {"l": ns.a, "r": ns.a} %}{% endfor %}
"""


def render(text: str, functions: Any = FUNCTIONS, limits: RenderLimits | None = None, **data: Any) -> Any:
    templates = Templates({"t": TemplateSource("t", text, "t.yaml.j2")}, functions, limits or RenderLimits())
    return templates.render("t", data, "web")


@pytest.mark.parametrize("setup", [DOUBLED, DOUBLED_MAP], ids=["lists", "maps"])
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_function_gets_a_structure_that_doubles_26_times(name: str, setup: str) -> None:
    for call in (f"{name}(ns.a)", f'{name}("a", ns.a)', f"{name}(ns.a, ns.a)"):
        with pytest.raises(RenderError, match="builds or compares more than"):
            render(
                f"{setup}{{% set ignored = {call} %}}\nmetadata: {{}}\n", limits=RenderLimits(work=1_000_000)
            )


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_function_is_called_before_its_arguments_are_paid_for(name: str) -> None:
    called = []
    functions = {name: lambda *args: called.append(args)}
    text = f"{DOUBLED}{{% set ignored = {name}(ns.a) %}}\nmetadata: {{}}\n"
    with pytest.raises(RenderError, match="builds or compares more than"):
        render(text, functions, RenderLimits(work=1_000_000))
    assert called == []


def test_what_a_function_gives_is_bounded() -> None:
    shared: Any = "x"
    for _ in range(26):
        shared = [shared, shared]
    for result in (
        shared,
        {"a": shared},
        "x" * (RenderLimits().text + 1),
        list(range(RenderLimits().items + 1)),
    ):
        with pytest.raises(RenderError, match="the template builds"):
            render("{% set ignored = give() %}\nmetadata: {}\n", {"give": lambda value=result: value})


def test_a_small_result_many_times_is_charged_each_time() -> None:
    limits = RenderLimits(work=100_000)
    text = "{% for i in range(1000) %}{% set ignored = give() %}{% endfor %}\nmetadata: {}\n"
    with pytest.raises(RenderError, match="builds or compares more than"):
        render(text, {"give": lambda: ["x"] * 10}, limits)


def test_text_that_becomes_a_large_tree_is_refused_before_it_is_read() -> None:
    read = []
    text = "[" + ",".join(["{}"] * 600_000) + "]"
    functions = {"fromJSON": lambda json_text: read.append(json.loads(json_text))}
    with pytest.raises(RenderError, match="builds or compares more than"):
        render("{% set ignored = fromJSON(json_text) %}\nmetadata: {}\n", functions, json_text=text)
    assert read == []
