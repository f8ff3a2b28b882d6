"""The language of templates: filters, tests, blocks, includes and functions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from injector.errors import AnnotationError
from injector.templating.compilation import compiling
from injector.templating.filters import FILTERS
from injector.templating.render import Templates, TemplateSource
from tests.templating.rendering import POD, failure, render, templates

POD_TREE = {
    "metadata": {"labels": {"app": "web"}, "items": ["i"], "values": "v"},
    "spec": {"containers": [{"name": "a", "ports": [80, 443]}, {"name": "b"}]},
}

EXPRESSIONS: list[tuple[str, object]] = [
    ("p.metadata.items", ["i"]),
    ("p.metadata.values", "v"),
    ("p['metadata']['labels'].app", "web"),
    ("p.metadata.labels.items()", [["app", "web"]]),
    ("p.metadata.labels.keys()", ["app"]),
    ("p.spec.containers[-1].name", "b"),
    ("p.metadata.labels.get('nope')", None),
    ("p.nope | default('d')", "d"),
    ("none | default('d')", "d"),
    ("'' | default('d')", ""),
    ("'' | d('d', true)", "d"),
    ("p.nope is defined", False),
    ("p.spec.containers | map(attribute='name') | join(',')", "a,b"),
    ("p.spec.containers | map(attribute='ports', default=[]) | list", [[80, 443], []]),
    ("p.spec.containers | selectattr('ports', 'defined') | list | length", 1),
    ("p.spec.containers | rejectattr('name', 'eq', 'a') | map(attribute='name') | first", "b"),
    ("[3, 1, 2] | sort", [1, 2, 3]),
    ("[3, 1, 2] | sort(reverse=true)", [3, 2, 1]),
    ("['b', 'A', 'a'] | sort", ["A", "a", "b"]),
    ("['b', 'A', 'a'] | unique", ["b", "A"]),
    ("[1, [2], [2], 1.5] | unique", [1, [2], 1.5]),
    ("{'b': 1, 'a': 2} | dictsort", [["a", 2], ["b", 1]]),
    ("{'b': 1, 'a': 2} | dictsort(by='value')", [["b", 1], ["a", 2]]),
    ("{'b': 1} | items", [["b", 1]]),
    ("[1, 2, 3] | select('odd')", [1, 3]),
    ("[0, 1, ''] | select", [1]),
    ("[1, 2, 3] | reject('in', [1])", [2, 3]),
    ("['a', 'b'] | map('upper')", ["A", "B"]),
    ("[1, 2] | sum", 3),
    ("[{'n': 1}, {'n': 2}] | sum(attribute='n')", 3),
    ("[2, 3, 1] | min", 1),
    ("[2, 3, 1] | max", 3),
    ("'abc' | reverse", "cba"),
    ("[1, 2] | reverse", [2, 1]),
    ("[1, 2] | last", 2),
    ("'12' | int", 12),
    ("'x' | int(7)", 7),
    ("'1.5' | float", 1.5),
    ("1.26 | round(1)", 1.3),
    ("1.21 | round(1, 'ceil')", 1.3),
    ("1.29 | round(1, 'floor')", 1.2),
    ("-2 | abs", 2),
    ("5 | string", "5"),
    ("' a ' | trim", "a"),
    ("'aXbX' | replace('X', 'yy')", "ayybyy"),
    ("'aXbX' | replace('X', '', 1)", "abX"),
    ("'a\\nb\\n\\nc' | indent(2)", "a\n  b\n\n  c"),
    ("'a\\nb' | indent('> ', first=true)", "> a\n> b"),
    ("'abc' | trunc(2)", "ab"),
    ("'abc' | trunc(-2)", "bc"),
    ("'ab c' | title", "Ab C"),
    ("'ab' | capitalize", "Ab"),
    ("'AB' | lower", "ab"),
    ("'a\"b' | quote", '"a\\"b"'),
    ("{'b': '<&é>', 'a': [1, true, none]} | tojson", '{"b":"<&é>","a":[1,true,null]}'),
    ("{'b': 1, 'a': 2} | tojson(sort=true)", '{"a":2,"b":1}'),
    ("{'a': [1]} | toyaml", "a:\n- 1"),
    ("'a,b'.split(',')", ["a", "b"]),
    ("'k=v'.partition('=')", ["k", "=", "v"]),
    ("'abc'[1:]", "bc"),
    ("[1, 2, 3][::2]", [1, 3]),
    ("'a' ~ 1 ~ true", "a1true"),
    ("1 < 2 < 3", True),
    ("'a' in ['a'] and 'b' not in 'cd'", True),
    ("(1, 2)", [1, 2]),
    ("range(3)", [0, 1, 2]),
    ("dict({'a': 1}, b=2)", {"a": 1, "b": 2}),
    ("7 // 2 + 7 % 4 - 2 ** 3 * 1", -2),
    ("'a' if false else 'b'", "b"),
    ("[1, 2].index(2)", 1),
]


@pytest.mark.parametrize(
    ("expression", "value"), EXPRESSIONS, ids=[expression for expression, _ in EXPRESSIONS]
)
def test_the_language_has_what_templates_of_manifests_need(expression: str, value: object) -> None:
    overlay = render("a: {{ " + expression + " }}\n", p=POD_TREE)
    assert overlay == {"a": json.loads(json.dumps(value))}


@pytest.mark.parametrize(
    ("test", "yes", "no"),
    [
        ("boolean", "true", "1"),
        ("true", "true", "1"),
        ("false", "false", "0"),
        ("integer", "1", "true"),
        ("float", "1.5", "1"),
        ("number", "1", "true"),
        ("string", "'a'", "1"),
        ("mapping", "{}", "[]"),
        ("sequence", "[]", "{}"),
        ("iterable", "{}", "1"),
        ("none", "none", "nope"),
        ("odd", "1", "2"),
        ("even", "2", "1"),
        ("divisibleby(3)", "6", "7"),
        ("in(['a'])", "'a'", "'b'"),
        ("eq(1)", "1", "2"),
        ("ne(1)", "2", "1"),
        ("lt(1)", "0", "1"),
        ("le(1)", "1", "2"),
        ("gt(1)", "2", "1"),
        ("ge(1)", "1", "0"),
        ("defined", "1", "nope"),
        ("undefined", "nope", "1"),
    ],
)
def test_a_test_distinguishes_values(test: str, yes: str, no: str) -> None:
    assert render(f"a: {{{{ {yes} is {test} }}}}\nb: {{{{ {no} is {test} }}}}\n") == {"a": True, "b": False}


def test_every_filter_and_test_is_tried_by_these_tables() -> None:
    text = " ".join(expression for expression, _ in EXPRESSIONS)
    aliases = {"count", "list", "select", "upper"}
    assert {name for name in FILTERS if f"| {name}" not in text} <= aliases


def test_lines_of_statements_leave_no_trace_and_branches_choose_structure() -> None:
    text = """spec:
  containers:
  {% for c in p.spec.containers %}
  - name: {{ c.name }}
    {% if c.ports is defined %}
    ports:
    {% for port in c.ports %}
    - containerPort: {{ port }}
      name: p{{ loop.index }}-{{ loop.length }}-{{ loop.cycle('x', 'y') }}
    {% endfor %}
    {% endif %}
  {% else %}
  - none
  {% endfor %}
"""
    assert render(text, p=POD_TREE) == {
        "spec": {
            "containers": [
                {
                    "name": "a",
                    "ports": [
                        {"containerPort": 80, "name": "p1-2-x"},
                        {"containerPort": 443, "name": "p2-2-y"},
                    ],
                },
                {"name": "b"},
            ]
        }
    }
    assert render(text, p={"spec": {"containers": []}}) == {"spec": {"containers": ["none"]}}


@pytest.mark.parametrize(
    "block",
    [
        "{% set t %}<{{ x }}>{% endset %}\na: {{ t }}\n",
        "{% set t | trim %} <{{ x }}> {% endset %}\na: {{ t }}\n",
        "{% macro m(v, w='>') %}<{{ v }}{{ w }}{% endmacro %}\na: {{ m(x) }}\n",
        "{% macro m() %}<{{ caller() }}>{% endmacro %}\na: {% call m() %}{{ x }}{% endcall %}\n",
        "a: {% filter trim %}  <{{ x }}>{% endfilter %}\n",
        "{% macro m() %}{% filter trim %} {% call n() %}{{ x }}{% endcall %}{% endfilter %}{% endmacro %}"
        "{% macro n() %}<{{ caller() }}>{% endmacro %}\na: {{ m() }}\n",
        "{% macro m() %}{% include 'inner' %}{% endmacro %}\na: {{ m() }}\n",
        "{% from 'macros' import wrap as w %}\na: {{ w(x) }}\n",
        "{% import 'macros' as m with context %}\na: {{ m.wrap(x) }}\n",
        "{% with y = x %}{% set t %}<{{ y }}>{% endset %}a: {{ t }}{% endwith %}\n",
        "{% print 'a' %}: <{{ x }}>\n",
    ],
)
@pytest.mark.parametrize("value", ["v", "a: [", '"', "- x", "\ue0000\ue001"])
def test_what_a_block_or_macro_gives_is_one_value(block: str, value: str) -> None:
    one = templates(
        block, inner="<{{ x }}>", macros="{{ nope | d }}{% macro wrap(v) %}<{{ v }}>{% endmacro %}"
    )
    assert one.render("main", {"x": value}, POD) == {"a": f"<{value}>"}


def test_an_include_adds_structure_and_sees_variables_and_locals() -> None:
    one = templates(
        "a:\n{% for y in [1, 2] %}\n{% include 'item' %}\n{% endfor %}",
        item="- {i: {{ y }}, x: {{ x }}}\n",
    )
    assert one.render("main", {"x": "v: w"}, POD) == {"a": [{"i": 1, "x": "v: w"}, {"i": 2, "x": "v: w"}]}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "{% if x is defined %}a: 1{% endif %}", "{}"])
def test_an_empty_rendering_is_an_empty_overlay(text: str) -> None:
    assert render(text) == {}


@pytest.mark.parametrize(
    ("text", "what"), [("- a\n", "a list"), ("abc\n", "a string"), ("{{ x }}", "a number")]
)
def test_an_overlay_is_a_map(text: str, what: str) -> None:
    error = failure(text, x=5)
    assert f"renders {what}" in error.message
    assert "a map (partial pod template) is expected" in error.message


def test_a_value_can_be_the_whole_overlay() -> None:
    assert render("{{ x }}", x={"a": [1]}) == {"a": [1]}


def test_a_profile_brings_functions_and_their_values_are_data() -> None:
    sources = {"main": TemplateSource("main", "a: {{ f(1, b='x: y') }}\n", "m")}
    one = Templates(sources, {"f": lambda a, b: {"a": a, "b": b}})
    assert one.render("main", {}, POD) == {"a": {"a": 1, "b": "x: y"}}


def test_an_error_about_the_manifest_that_a_function_raises_passes_unchanged() -> None:
    raised = AnnotationError("key", "not a port")

    def function() -> None:
        raise raised

    one = Templates({"main": TemplateSource("main", "a: {{ f() }}\n", "m")}, {"f": function})
    with pytest.raises(AnnotationError) as caught:
        one.render("main", {}, POD)
    assert caught.value is raised


def test_a_function_may_render_another_template() -> None:
    def again() -> dict[str, Any]:
        return one.render("inner", {"x": 2}, POD)

    sources = {"main": "a: {{ x }}\nb: {{ f() }}\nc: {{ x }}\n", "inner": "i: {{ x }}\n"}
    one = Templates({name: TemplateSource(name, text, name) for name, text in sources.items()}, {"f": again})
    assert one.render("main", {"x": 1}, POD) == {"a": 1, "b": {"i": 2}, "c": 1}


def test_nothing_in_the_language_depends_on_time_chance_or_the_environment() -> None:
    env = templates("")._library.env
    assert set(env.globals) == {"range", "namespace", "dict", "fail"}
    public = {name for name in env.filters if not name.startswith("the ")}
    assert public == set(FILTERS)
    forbidden = {
        "random",
        "shuffle",
        "now",
        "uuid",
        "lipsum",
        "env",
        "attr",
        "format",
        "pprint",
        "urlize",
        "xmlattr",
    }
    assert not forbidden & (public | set(env.tests) | set(env.globals))
    assert compiling().extensions == {}
    assert (compiling().filters, compiling().tests) == (env.filters, env.tests)
