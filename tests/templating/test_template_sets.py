"""Sets of templates: includes, cycles, and the variables that they read."""

from __future__ import annotations

from typing import Any

import pytest

from injector.errors import TemplateError
from injector.templating.render import Templates, TemplateSource
from tests.templating.rendering import POD, templates


def test_templates_are_compiled_when_they_are_used() -> None:
    one = templates("a: 1\n", broken="{{ | }}")
    assert one.render("main", {}, POD) == {"a": 1}
    with pytest.raises(TemplateError) as caught:
        one.compile_all()
    assert caught.value.where == "broken.yaml.j2:1"


def test_an_unknown_template_is_named_with_those_there_are() -> None:
    with pytest.raises(TemplateError) as caught:
        templates("a: 1", other="").render("nope", {}, POD)
    assert "'nope' not found" in caught.value.message
    assert caught.value.hint == "have main, other"


@pytest.mark.parametrize(
    ("main", "others", "chain"),
    [
        ("{% include 'main' %}", {}, "main -> main"),
        ("{% include 'b' %}", {"b": "\n{% include 'main' %}"}, "main -> b -> main"),
        (
            "{% include 'b' %}",
            {"b": "{% import 'c' as c %}", "c": "{% include 'b' %}"},
            "main -> b -> c -> b",
        ),
    ],
)
def test_templates_that_include_each_other_are_refused(main: str, others: dict[str, Any], chain: str) -> None:
    with pytest.raises(TemplateError, match=chain):
        templates(main, **others).compile("main")


def test_an_include_of_the_same_template_twice_is_no_cycle() -> None:
    one = templates("{% include 'x' %}{% include 'b' %}", b="b: {{ q }}\n{% include 'x' %}", x="# {{ q }}\n")
    assert one.render("main", {"q": 1}, POD) == {"b": 1}


def test_the_variables_of_a_template_are_those_it_and_its_includes_read() -> None:
    one = templates(
        "{% set y = pod.x %}{% for c in spec.l %}{{ loop.index }}{{ c }}{% endfor %}{% include 'inner' %}"
        "{{ range(2) }}{{ 'x' | replace('x', Values.z) }}",
        inner="{{ y }}{{ other.z }}{% macro m(a) %}{{ a }}{{ deep }}{% endmacro %}{{ m(1) }}",
    )
    assert one.variables("main") == {"pod", "spec", "Values", "other", "deep"}
    assert one.variables("inner") == {"y", "other", "deep"}


def test_a_variable_that_no_context_has_is_refused_where_the_names_are_known() -> None:
    sources = {"main": TemplateSource("main", "a: {{ Values.x }}\nb: {{ Valeus.x }}\n", "main.yaml.j2")}
    with pytest.raises(TemplateError) as caught:
        Templates(sources, names=["Values", "pod"]).compile("main")
    assert caught.value.where == "main.yaml.j2:2"
    assert "'Valeus'" in caught.value.message
    assert "'Values'" in caught.value.hint


def test_names_that_are_known_assigned_or_functions_pass() -> None:
    text = "{% set y = 1 %}\na: {{ y }}{{ x }}{{ f() }}{{ range(1) | length }}\n"
    one = Templates({"main": TemplateSource("main", text, "m")}, {"f": lambda: 3}, names=["x"])
    assert one.render("main", {"x": 2}, POD) == {"a": "1231"}
