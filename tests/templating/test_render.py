"""Templates: values as data, what a template may do, and what is said when it fails."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from injector.errors import AnnotationError, InjectorError, RenderError, TemplateError
from injector.templating.filters import FILTERS
from injector.templating.render import RenderLimits, Templates, TemplateSource

POD = "ns/pod"
DEFAULT = RenderLimits()


def templates(text: str, limits: RenderLimits = DEFAULT, **others: str) -> Templates:
    texts = {"main": text, **others}
    return Templates(
        {name: TemplateSource(name, text, f"{name}.yaml.j2") for name, text in texts.items()}, {}, limits
    )


def render(text: str, /, _limits: RenderLimits = DEFAULT, **context: object) -> dict[str, Any]:
    return templates(text, _limits).render("main", context, POD)


def failure(text: str, /, _limits: RenderLimits = DEFAULT, **context: object) -> InjectorError:
    """The error of a template; it always says which file and line."""
    with pytest.raises((RenderError, TemplateError)) as caught:
        render(text, _limits, **context)
    assert re.fullmatch(r"main\.yaml\.j2:[0-9]+", caught.value.where)
    return caught.value


# ---- values ---------------------------------------------------------------------------------------

HOSTILE = [
    "",
    " ",
    "yes",
    "no",
    "on",
    "y",
    "~",
    "null",
    "true",
    "0777",
    "0x10",
    "1e3",
    "12:30:45",
    "2001-01-01",
    ".inf",
    "=",
    "<<",
    "{{ x }}",
    "{% if x %}",
    "{# x #}",
    ": ",
    "a: b",
    "- a",
    "- ",
    "# comment",
    "a # b",
    "&a",
    "*a",
    "!!str a",
    "| ",
    ">",
    "%YAML",
    "---",
    "...",
    "@a",
    "`a",
    "[",
    "}",
    ",",
    "'",
    '"',
    "'\"'",
    "\\n",
    "\\",
    "a\nb",
    "\n",
    "a\n",
    "\r\n",
    "\t",
    " a ",
    "\0",
    "\x85",
    "\u2028",
    "\ufeff",
    "\U0001f600",
    "\ue000",
    "\ue0000\ue001",
    "\ue001",
    "x" * 100_000,
]

VALUES: list[object] = [
    *HOSTILE,
    0,
    -1,
    1 << 70,
    1.5,
    1.0,
    True,
    False,
    None,
    [],
    {},
    [1, ["a"]],
    {"a: b": {"c": None}},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_a_value_that_is_alone_in_a_plain_scalar_keeps_its_value_and_type(value: object) -> None:
    overlay = render("a: {{ x }}\nb:\n- {{ x }}\n-   {{ x }} # why\nc: {d: {{ x }}, e: [{{ x }}]}\n", x=value)
    assert overlay == {"a": value, "b": [value, value], "c": {"d": value, "e": [value]}}
    assert type(overlay["a"]) is type(value)


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_a_text_stays_what_it_is_wherever_it_stands(value: str) -> None:
    text = (
        "q: '{{ x }}'\nd: \"{{ x }}\"\np: a{{ x }}b\nk: {'{{ x }}.': 1}\n"
        "b: |\n  <{{ x }}>\n  {{ x }}\nf: >-\n  {{ x }}\n"
    )
    assert render(text, x=value) == {
        "q": value,
        "d": value,
        "p": f"a{value}b",
        "k": {value + ".": 1},
        "b": f"<{value}>\n{value}\n",
        "f": value,
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (-1.5, "-1.5"),
        (1e22, "1e+22"),
        ("05", "05"),
        (1 << 70, str(1 << 70)),
    ],
)
def test_a_scalar_inside_a_text_is_written_as_json_writes_it(value: object, text: str) -> None:
    assert render("a: '{{ x }}'\nb: -{{ x }}\n{{ x }}: 1\n", x=value) == {"a": text, "b": "-" + text, text: 1}


@pytest.mark.parametrize("place", ["'{{ x }}'", "a{{ x }}", "{{ x }}: 1", "|\n  {{ x }}"])
@pytest.mark.parametrize(
    ("value", "hint"), [(None, "default"), ([1], "join"), ({"a": 1}, "tojson")], ids=["null", "list", "map"]
)
def test_what_has_no_text_is_refused_inside_a_text(place: str, value: object, hint: str) -> None:
    error = failure(f"a:\n  {place}\n", x=value)
    assert "`x` is" in error.message
    assert hint in error.hint


@pytest.mark.parametrize("value", [float("inf"), float("nan"), {1: 2}, object(), {1}, b"a", [float("nan")]])
def test_what_is_not_shaped_as_json_is_refused(value: object) -> None:
    failure("a: 1\nb: {{ x }}\n", x=value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
SHAPES = templates(
    "a: {{ x }}\nb: [{{ x }}, '{{ s }}']\n"
    "c:\n{% for y in [x, x] %}\n- k: {{ y }}\n  {{ s }}: {{ s }}\n{% endfor %}\n"
    "{% set z = x %}{% if z is defined %}d: {{ z }}\n{% endif %}"
    "{% set t %}{{ s }}{% endset %}\ne: {{ t }}\n{% macro m(v) %}{{ v }}{% endmacro %}\nf: {{ m(s) }}\n"
)


@settings(max_examples=60, deadline=None)
@given(x=json_values, s=st.text().filter(lambda text: text != "k"))
def test_every_value_comes_out_as_itself(x: object, s: str) -> None:
    item = {"k": x, s: s}
    expected = {"a": x, "b": [x, s], "c": [item, item], "d": x, "e": s, "f": s}
    before = copy.deepcopy(x)
    overlay = SHAPES.render("main", {"x": x, "s": s}, POD)
    assert json.dumps(expected) == json.dumps(overlay)
    assert before == x


def test_the_same_input_gives_the_same_bytes_from_a_full_and_from_an_empty_cache() -> None:
    text = "{% import 'lib' as lib %}\na: {{ lib.next() }}\nb: {{ x }}\n"
    lib = (
        "{% set ns = namespace(n=0) %}\n{% macro next() %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{% endmacro %}\n"
    )
    one = templates(text, lib=lib)
    results = [one.render("main", {"x": x}, POD) for x in (1, 2, 1)]
    assert results[0] == results[2] == {"a": "1", "b": 1}
    assert templates(text, lib=lib).render("main", {"x": 1}, POD) == results[0]


def test_the_value_of_one_pod_is_never_seen_by_the_next() -> None:
    one = templates("a: {{ x }}\nb: [{c: {{ x }}}, {d: 1}]\n")
    first = one.render("main", {"x": {"secret": [1]}}, POD)
    second = one.render("main", {"x": 2}, POD)
    assert first == {"a": {"secret": [1]}, "b": [{"c": {"secret": [1]}}, {"d": 1}]}
    assert second == {"a": 2, "b": [{"c": 2}, {"d": 1}]}


def test_what_has_no_mark_is_shared_by_all_renderings() -> None:
    one = templates("a: {b: [1, 2]}\nc: {{ x }}\n")
    assert one.render("main", {"x": 1}, POD)["a"] is one.render("main", {"x": 2}, POD)["a"]


def test_the_cache_of_skeletons_is_bounded_by_bytes() -> None:
    one = templates("a:\n{% for i in range(n) %}\n- {{ i }}\n{% endfor %}", RenderLimits(skeletons=4_000))
    for n in (20, 2, 21, 22, 20, 400, 2, 21):
        assert one.render("main", {"n": n}, POD) == {"a": list(range(n))}
        assert 0 < one._size <= 4_000
    assert one._size == sum(len(text) for text in one._skeletons) * 16
    assert [text.count("-") for text in one._skeletons] == [2, 21]


def test_two_keys_that_become_the_same_text_are_refused() -> None:
    error = failure("a: 1\nb: 1\n{{ x }}: 2\n", x="a")
    assert error.where == "main.yaml.j2:3"
    assert "two keys" in error.message


# ---- the language ------------------------------------------------------------------------------------

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
    assert env.extensions == {}


# ---- what a template may not do ------------------------------------------------------------------

DOUBLING = (
    "{% set ns = namespace(v=SEED) %}\n{% for i in range(60) %}\n{% set ns.v = STEP %}\n{% endfor %}\na: 1\n"
)


def doubling(seed: str, step: str) -> str:
    return DOUBLING.replace("SEED", seed).replace("STEP", step)


BURNERS = [
    "a: {{ 'a' * 20000000 }}",
    "a: {{ 20000000 * 'a' }}",
    "a: {{ [1] * 20000000 }}",
    "a: {{ [[1] * 1000] * 1000000 }}",
    "a: {{ ([[1] * 1000] * 1000) * 1000 }}",
    "a: {{ [[[[1] * 1000] * 1000] * 1000] * 1000 }}",
    "a: {{ [[[[1] * 1000] * 1000] * 1000] | tojson }}",
    "a: {{ ['x' * 4000000] * 100000 }}",
    "{% set x = 'x' * 4000000 %}\na:\n{% for i in range(50000) %}\n- {{ x }}\n{% endfor %}",
    "{% set x = 'x' * 4000000 %}\na: '{{ x }}{{ x }}'",
    "a: {{ 9 ** 999999 }}",
    "a: {{ 9**(9**9) }}",
    "a: {{ -9**(9**9) }}",
    "a: {{ 9**9**9**9**9 }}",
    "a: {{ (10 ** 1000) ** 1000 }}",
    "a: {{ 2 ** 4000 * 2 ** 4000 }}",
    "a: {{ ('9' * 1000000) | int }}",
    "a: {{ 1.5 | round(1000000000) }}",
    "a: {{ 15 | round(-1000000000) }}",
    "a: {{ range(1000000000) }}",
    "a: {{ range(0, 1000000000000, 1) | list | length }}",
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}\na: 1",
    "{% for a in range(90) %}{% for b in range(90) %}{% for c in range(90) %}" + "{% endfor %}" * 3,
    "{% for i in range(100000) if i in range(100000) %}{% endfor %}",
    "{% for i in range(99999) %}{{ 'x' }}" + "y" * 200 + "{% endfor %}",
    "{% set x %}{% for i in range(99999) %}" + "y" * 200 + "{% endfor %}{% endset %}\na: 1",
    "{% macro m() %}" + "y" * 1000 + "{% endmacro %}{% for i in range(50000) %}{% set x = m() %}{% endfor %}",
    "{% filter upper %}{% for i in range(99999) %}" + "y" * 200 + "{% endfor %}{% endfilter %}",
    "a: {{ '%999999999d' % 1 }}",
    "a: {{ '{:>999999999}'.format(1) }}",
    "a: {{ '{0.__class__}'.format(1) }}",
    "a: {{ '{a.__class__}'.format_map({'a': 1}) }}",
    "a: {{ 'a' | center(10 ** 9) }}",
    "a: {{ 'a'.center(10 ** 9) }}",
    "a: {{ 'a'.ljust(10 ** 9) }}",
    "a: {{ 'a'.zfill(10 ** 9) }}",
    "a: {{ ('\\t' * 1000).expandtabs(10 ** 9) }}",
    "a: {{ ('\\n' * 10000) | indent(100000) }}",
    "a: {{ ('\\n' * 1000) | indent('x' * 100000, blank=true) }}",
    "a: {{ ('a' * 100000) | replace('', 'b' * 100000) }}",
    "a: {{ ['a'] | map('replace', '', 'b' * 4000000) | map('replace', 'b', 'cc') | list }}",
    "a: {{ range(50000) | join('x' * 100000) }}",
    "a: {{ '%999999999d' is odd }}",
    "a: {{ '%999999999d' is even }}",
    "a: {{ '%999999999d' is divisibleby(2) }}",
    "a: {{ 'a' | round(9, 'floor') }}",
    "a: {{ 'a' | abs }}",
    "a: {{ ('a' * 4000000) | trim('b' * 4000000 ~ 'a') }}",
    "a: {{ ('a' * 4000000).strip('b' * 4000000 ~ 'a') }}",
    "a: {{ ('a' * 4000000).rsplit('b' ~ 'a' * 2000000) }}",
    "a:\n{% for i in range(90000) %}\n- [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\n{% endfor %}",
    "a: {{ ('ab' * 1000000).split('b') | join('x' * 1000) }}",
    doubling("'aa'", "ns.v ~ ns.v"),
    doubling("'aa'", "ns.v + ns.v"),
    doubling("'aa'", "[ns.v, ns.v] | join"),
    doubling("'aa'", "ns.v | replace('a', 'aa')"),
    doubling("'\\n'", "ns.v | replace('\\n', '\\n\\n')"),
    doubling("[1]", "ns.v + ns.v"),
    doubling("[1]", "ns.v * 2"),
    doubling("2", "ns.v * ns.v"),
    doubling("[1]", "[ns.v, ns.v]").replace("a: 1", "a: {{ ns.v }}"),
    doubling("[1]", "[ns.v, ns.v]").replace("a: 1", "a: {{ ns.v | tojson }}"),
    doubling("[1]", "[ns.v, ns.v]").replace("a: 1", "a: {{ ns.v | toyaml }}"),
    doubling("[1]", "[ns.v, ns.v]").replace("a: 1", "a: {{ [ns.v] | unique }}"),
    doubling("[1]", "[ns.v, ns.v]").replace("a: 1", "a: {{ [ns.v, ns.v] | sort }}"),
    doubling("{}", "{'a': ns.v, 'b': ns.v}").replace("a: 1", "a: {{ ns.v }}"),
    "{% set n = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}"
    "{% set n.b = [n.b, n.b] %}{% endfor %}\na: {{ n.a == n.b }}",
    "{% set n = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}"
    "{% set n.b = [n.b, n.b] %}{% endfor %}\na: {{ n.a in [n.b] }}{{ n.a is eq(n.b) }}",
    "{% set n = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}"
    "{% set n.b = [n.b, n.b] %}{% endfor %}\na: {{ [n.a].index(n.b) }}",
    "{% set n = namespace(a=(1,), b=(1,)) %}{% for i in range(60) %}{% set n.a = (n.a, n.a) %}{% endfor %}\n"
    "a: {{ {n.a: 1} }}",
    "{% set x = 'x' * 4000000 %}{% for i in range(50000) %}{% if 'y' in x %}{% endif %}{% endfor %}",
    "{% set x = 'x' * 4000000 %}{% for i in range(50000) %}{% set y = x[1:] %}{% endfor %}",
    "{% set x = 'x' * 4000000 %}{% for i in range(50000) %}{% set y = x.upper() %}{% endfor %}",
    "{% set x = 'x' * 4000000 %}{% for i in range(50000) %}{% set y = x.count('y') %}{% endfor %}",
    "{% set x = 'x' * 4000000 %}{% for i in range(50000) %}{% set y = x | trim %}{% endfor %}",
    "{% set x = range(40000) %}{% for i in range(50000) %}{% if 'y' in x %}{% endif %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}\na: {{ m() }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}\na: {{ m(45) }}",
    "{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}"
    "{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}\na: {{ n() }}",
    "{% include 'main' %}",
    "{% import 'main' as m %}",
    "{% from 'main' import m %}",
    "a: {{ 'a'|replace('a', 'a' * 1000)|replace('a', 'a' * 1000)|replace('a', 'a' * 1000) }}",
    "a: {{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "a: {{ " + "[" * 500 + "]" * 500 + " }}",
    "a: {{ 1" + " + 1" * 5000 + " }}",
    "{% if x %}" * 300 + "{% endif %}" * 300,
    "a: {{ " + "9" * 5000 + " }}",
    "a: " + "[" * 5000 + "]" * 5000,
    "{% set n = namespace(v=1) %}{% for i in range(5000) %}{% set n.v = [n.v] %}{% endfor %}\na: {{ n.v }}",
]


@pytest.mark.parametrize("text", BURNERS, ids=[text[:60] for text in BURNERS])
def test_a_template_that_would_burn_time_or_memory_is_stopped(text: str) -> None:
    failure(text, x=1)


def test_a_template_that_includes_itself_a_thousand_times_over_is_stopped() -> None:
    others: dict[str, Any] = {f"t{n}": f"{{% include 't{n + 1}' %}}" * 8 for n in range(12)}
    one = templates("{% include 't0' %}", **others, t12="a")
    with pytest.raises(RenderError, match="steps"):
        one.render("main", {}, POD)


ESCAPES = [
    "a: {{ x.__class__ }}",
    "a: {{ x.__class__.__mro__ }}",
    "a: {{ ''.__class__ }}",
    "a: {{ ''['__class__'] }}",
    "a: {{ [].__class__.__base__.__subclasses__() }}",
    "a: {{ '' | attr('__class__') }}",
    "a: {{ ['']|map(attribute='__class__')|list }}",
    "a: {{ ['']|map('attr', '__class__')|list }}",
    "a: {{ ['']|map('the mark', 1, 2)|list }}",
    "a: {{ [['']]|sort(attribute='__class__') }}",
    "a: {{ cycler }}",
    "a: {{ cycler.__init__.__globals__ }}",
    "a: {{ lipsum.__globals__ }}",
    "a: {{ joiner }}",
    "a: {{ self }}",
    "a: {{ self._TemplateReference__context }}",
    "a: {{ super() }}",
    "a: {{ namespace.__init__ }}",
    "a: {{ namespace }}",
    "a: {{ namespace(a=1) }}",
    "a: {{ namespace(a=1)._Namespace__attrs }}",
    "a: {{ namespace(a=1).__class__ }}",
    "a: {{ range.__self__ }}",
    "a: {{ range(3).__class__ }}",
    "a: {{ dict.__subclasses__() }}",
    "a: {{ f.__globals__ }}",
    "a: {{ f.__code__ }}",
    "a: {{ f }}",
    "a: {{ x.upper.__self__ }}",
    "a: {{ x.upper }}",
    "a: {{ d.update({'a': 1}) }}",
    "a: {{ d.pop('k') }}",
    "a: {{ d.clear() }}",
    "a: {{ d.setdefault('a', 1) }}",
    "a: {{ d.__setitem__('a', 1) }}",
    "a: {{ d.l.append(1) }}",
    "a: {{ d.l.sort() }}",
    "{% do d.update({'a': 1}) %}\na: 1",
    "{% set d.k = 1 %}\na: 1",
    "{% macro m() %}{% endmacro %}\na: {{ m.__class__ }}",
    "{% macro m() %}{% endmacro %}\na: {{ m._func }}",
    "{% macro m() %}{% endmacro %}\na: {{ m }}",
    "{% macro m() %}{{ caller._func }}{% endmacro %}\n{% call m() %}{% endcall %}: 1",
    "{% macro m() %}{{ caller }}{% endmacro %}\n{% call m() %}{% endcall %}: 1",
    "{% macro m() %}{{ caller() }}{% endmacro %}\na: {{ m() }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}\na: {{ m(caller=f.__globals__) }}",
    "{% macro m() %}{{ varargs }}{% endmacro %}\na: {{ m(1, 2) }}",
    "{% macro m() %}{{ kwargs }}{% endmacro %}\na: {{ m(a=2) }}",
    "{% for i in [1] %}{{ loop }}{% endfor %}",
    "{% for i in [1] %}{{ loop._iterable }}{% endfor %}",
    "{% for i in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{% for i in [1] %}{{ loop.changed(1) }}{% endfor %}",
    "{% for i in [[1]] recursive %}{{ loop(i) }}{% endfor %}",
    "{% extends 'main' %}",
    "{% block b %}{% endblock %}",
    "{% autoescape true %}{{ x }}{% endautoescape %}",
    "{% import f as m %}",
    "{% include [x, 'main'] %}",
    "{% include x %}",
    "{% include 'main' without context %}",
    "{% include 'nope' ignore missing %}",
    "{% set __block1 = 1 %}",
    "a: {{ x | pprint }}",
    "a: {{ x | urlize }}",
    "a: {{ d | xmlattr }}",
    "a: {{ x | random }}",
    "a: {{ x | format(1) }}",
    "a: {{ x is callable }}",
    "a: {{ x is filter }}",
    "a: {{ x() }}",
    "a: {{ d.k() }}",
    "a: {{ f(*d.l) }}",
    "a: {{ f(**d) }}",
    "a: {{ 1 if false }}",
    "a: {{ 'x' ~ (1 if false) }}",
    "a: {{ (-8) ** 0.5 }}",
    "a: {{ 'nan' | float }}",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_a_template_reaches_nothing_but_values_and_changes_none(text: str) -> None:
    context = {"x": "text", "d": {"k": "v", "l": [2, 1]}}
    before = copy.deepcopy(context)
    one = Templates(
        {"main": TemplateSource("main", text, "main.yaml.j2")}, {"f": lambda *_args, **_kwargs: None}
    )
    with pytest.raises((RenderError, TemplateError)) as caught:
        one.render("main", context, POD)
    assert caught.value.where.startswith("main.yaml.j2:")
    assert context == before


def test_a_constant_expression_is_not_evaluated_when_a_template_is_compiled() -> None:
    templates("a: {{ 'a' * 20000000 }}\nb: {{ 'a' | replace('a', 1 / 0) }}\nc: {{ 1 ~ none }}\n").compile(
        "main"
    )


def test_deep_templates_within_the_limits_pass() -> None:
    text = "{% macro m(n) %}{% if n %}{{ n }},{{ m(n - 1) }}{% endif %}{% endmacro %}\na: {{ m(40) }}\n"
    assert render(text)["a"].startswith("40,39,")
    assert render("a: {{ 2 ** 4095 }}") == {"a": 2**4095}
    assert render("a: {{ 9 ** 9 ** 9 }}") == {"a": 9**81}  # Jinja reads it from the left
    many = "a:\n{% for i in range(5000) %}\n- {n: {{ i }}, t: 't{{ i }}'}\n{% endfor %}"
    assert len(render(many)["a"]) == 5000


def test_each_limit_can_be_set_and_is_exact() -> None:
    loop = "{% for i in range(n) %}{% endfor %}"
    assert render(loop, RenderLimits(steps=101), n=50) == {}  # one call, fifty numbers, fifty rounds
    assert "steps" in failure(loop, RenderLimits(steps=100), n=50).message
    assert render("# {{ x }}", RenderLimits(output=5), x="long" * 9) == {}
    assert "outputs" in failure("# {{ x }}", RenderLimits(output=4), x=1).message
    assert render("# {{ x }}", RenderLimits(skeleton=5), x=1) == {}
    assert "of YAML" in failure("# {{ x }}", RenderLimits(skeleton=4), x=1).message
    assert "text of" in failure("a: {{ x + x }}", RenderLimits(text=5), x="abc").message
    assert "list of" in failure("a: {{ x + x }}", RenderLimits(items=5), x=[1, 2, 3]).message
    assert "bits" in failure("a: {{ x * x }}", RenderLimits(bits=8), x=255).message
    macro = "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}\na: {{ m(n) }}"
    assert render(macro, RenderLimits(depth=4), n=3) == {"a": ""}
    assert "levels" in failure(macro, RenderLimits(depth=3), n=3).message


# ---- errors ------------------------------------------------------------------------------------------


def test_an_undefined_value_is_named_by_its_path_with_file_line_and_pod() -> None:
    text = "a: 1\nb:\n  {% if true %}\n  c: {{ Values.global.nope }}\n  {% endif %}\n"
    error = failure(text, Values={"global": {"hub": "h"}})
    assert str(error) == f"main.yaml.j2:4: 'Values.global.nope' is not defined (pod {POD})"
    assert "default" in error.hint


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: {{ nope }}", "nope"),
        ("a: {{ v.nope.deeper }}", "v.nope"),
        ("a: {{ v['nope'] }}", "v['nope']"),
        ("a: '{{ v.nope }}'", "v.nope"),
        ("{% if v.nope %}{% endif %}", "v.nope"),
        ("{% for x in v.nope %}{% endfor %}", "v.nope"),
        ("{% if v.nope == 1 %}{% endif %}", "v.nope"),
        ("{% if 'x' in v.nope %}{% endif %}", "v.nope"),
        ("a: {{ 1 + v.nope }}", "v.nope"),
        ("a: {{ 'x' ~ v.nope }}", "v.nope"),
        ("a: {{ v.nope | upper }}", "v.nope"),
        ("a: {{ [v.nope] }}", "v.nope"),
        ("a: {{ {'k': v.nope} | tojson }}", "v.nope"),
        ("a: {{ v.nope() }}", "v.nope"),
        ("a: {{ 'x' | default(y) | replace('x', v.nope) }}", "v.nope"),
        ("a: {{ v.nope[1:] }}", "v.nope"),
        ("a: {{ f(v.nope) }}", "v.nope"),
        ("{% set x %}{{ v.nope }}{% endset %}", "v.nope"),
        ("{% macro m(p) %}{{ p.nope }}{% endmacro %}a: {{ m(v) }}", "p.nope"),
        ("{% macro m(p) %}{{ p }}{% endmacro %}a: {{ m() }}", "p"),
        ("a: {{ f(v).nope }}", "(...).nope"),
        ("a: {{ [v] | map(attribute='nope') }}", "nope"),
        ("a: {{ [v] | sort(attribute='nope') }}", "nope"),
    ],
)
def test_every_use_of_an_undefined_value_names_it(text: str, path: str) -> None:
    one = Templates(
        {"main": TemplateSource("main", "# first\n" + text, "main.yaml.j2")}, {"f": lambda value: value}
    )
    with pytest.raises(RenderError) as caught:
        one.render("main", {"v": {"k": 1}}, POD)
    assert caught.value.message.startswith(f"{path!r} is not defined")
    assert caught.value.where == "main.yaml.j2:2"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: {{ 1 / 0 }}\n", 2),
        ("a: 1\n{% set x = 1 / 0 %}\n", 2),
        ("a: >\n  x\n  y {{ 'a' + 1 }}\n", 3),
        ("{% macro m(x) %}\n{{ x / 0 }}\n{% endmacro %}\na: {{ m(1) }}\n", 2),
        ("a: {{ none }}\nb: x{{ none }}\n", 2),
        ("a: 1\n\nb: {{ 'a' | int }}\n", 3),
        ("a: 1\n{% if 1 < 'a' %}\n{% endif %}\n", 2),
        ("a: 1\n{% for x in 5 %}\n{% endfor %}\n", 2),
        ("a: 1\nb: {{ fail('no') }}\n", 2),
    ],
)
def test_whatever_a_template_raises_is_a_render_error_with_its_line(text: str, line: int) -> None:
    error = failure(text)
    assert isinstance(error, RenderError)
    assert error.where == f"main.yaml.j2:{line}"
    assert POD in error.message


def test_lines_count_from_where_the_template_begins_in_its_file() -> None:
    one = Templates({"main": TemplateSource("main", "a: 1\nb: {{ nope }}\n", "values.yaml", first_line=40)})
    with pytest.raises(RenderError) as caught:
        one.render("main", {}, POD)
    assert caught.value.where == "values.yaml:41 (template main)"


def test_an_error_in_an_included_template_names_that_file() -> None:
    one = templates("a: 1\n{% include 'inner' %}\n", inner="b: 1\nc: x{{ none }}\n")
    with pytest.raises(RenderError) as caught:
        one.render("main", {}, POD)
    assert caught.value.where == "inner.yaml.j2:2"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [\n", 3),
        ("a: 1\nb: c: d\n", 2),
        ("{# c\n c #}\na: 1\n{% if true %}\n\tb: 1\n{% endif %}\n", 5),
        ("{% for i in range(3) %}\na{{ i }}: 1\n{% endfor %}\nb: 'x\n", 5),
        ("a: {{ x }}\nb: {{ x }}\n- {{ x }}\n", 3),
        ("a: 1\n{% for i in range(3) %}\n# {{ i }}\n{% endfor %}\n{% set z = 1 %}\nc: @\n", 6),
        ("a: 1\n{%- if true %}\n\nb: 2\n{%- endif %}\n\n]\n", 7),
        ("a: 1\nb: 2\na: 3\n", 3),
        ("{{ x }}: 1\n{{ x }} : [\n}\n", 3),
    ],
)
def test_a_yaml_error_is_reported_with_the_line_of_the_template(text: str, line: int) -> None:
    error = failure(text, x="v")
    assert error.where == f"main.yaml.j2:{line}"
    assert "renders invalid YAML" in error.message
    assert "\ue000" not in error.message


def test_an_error_of_yaml_in_an_included_template_names_that_file() -> None:
    one = templates("a: 1\n{% include 'inner' %}\nz: 1\n", inner="{% set q = 1 %}\nb: 1\nc: @\n")
    with pytest.raises(RenderError) as caught:
        one.render("main", {}, POD)
    assert caught.value.where == "inner.yaml.j2:3"


SECRET = "hunter2-" * 3


@pytest.mark.parametrize(
    "text",
    [
        "a: {{ x | int }}",
        "a: {{ x / 2 }}",
        "a: {{ x.nope }}",
        "a: {{ [x] | sum }}",
        "a: {{ x | float }}",
        "a: {{ x[1:2:0] }}",
        "a: {{ x.split('') }}",
        "a: {{ x() }}",
        "a: '{{ [x] }}'",
        "a: {{ f(x) }}",
        "a: {{ {x: 1} }}\nb: {{ {x: 1} }}: [",
    ],
)
def test_no_error_repeats_a_value_of_a_pod(text: str) -> None:
    one = Templates({"main": TemplateSource("main", text, "m")}, {"f": lambda value: {}[value]})
    with pytest.raises(RenderError) as caught:
        one.render("main", {"x": SECRET}, POD)
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_fail_reports_the_message_of_the_template() -> None:
    assert failure("{{ fail('ports: ' ~ x) }}", x=5).message == f"ports: 5 (pod {POD})"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: {{ x | }}\n", 2, "b: {{ x | }}"),
        ("a: 1\n{% if x %}\n", 2, "Unexpected end of template"),
        ("a: {{ x | uper }}\n", 1, "'uper'"),
        ("{% if x %}\na: {{ x | uper }}\n{% endif %}\n", 2, "'uper'"),
        ("a: {{ x is strin }}\n", 1, "'strin'"),
        ("\n{% nope %}\n", 2, "nope"),
        ("a: \ue000\n", 1, "reserved"),
        ("a: 1\n# \ue001\n", 2, "reserved"),
        ("a: 1\n{% include 'nope' %}\n", 2, "'nope' not found"),
    ],
)
def test_a_template_that_does_not_compile_says_where_and_what(text: str, line: int, what: str) -> None:
    one = templates(text)
    with pytest.raises(TemplateError) as caught:
        one.compile("main")
    assert caught.value.where == f"main.yaml.j2:{line}"
    assert what in caught.value.message


def test_a_misspelt_filter_is_reported_with_the_nearest() -> None:
    assert "'upper'" in failure("a: {{ x | uper }}").hint


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: {{ .Values.x }}\n", 2),
        ("a: {{- if .X }}\nb: 1\n{{ end }}\n", 1),
        ("a: 1\n{{ if .X }}\nb: 1\n{{ end }}\n", 2),
        ("a: 1\n{{ if eq .X 1 }}\nb: 1\n{{ end }}\n", 2),
        ('a: {{ include "x" . }}\n', 1),
        ('a: {{ include "x" . | nindent 4 }}\n', 1),
        ("{{ range .Items }}\n- {{ .name }}\n{{ end }}\n", 1),
        ("{{- range $i, $e := .Items }}\n{{ end }}\n", 1),
        ("a: {{ $x }}\n", 1),
        ("{{/* note */}}\n", 1),
        ("a: {{ toYaml .Values.x | indent 2 }}\n", 1),
        ("a: 1\n{{ end }}\n", 2),
        ("a: 1\n{{- else }}\n{{ end }}\n", 2),
        ('{{ define "x" }}\n{{ end }}\n', 1),
        ("a: {{ index .Values 1 }}\n", 1),
        ("{{ with .X }}\n{{ end }}\n", 1),
    ],
)
def test_a_go_template_is_recognised(text: str, line: int) -> None:
    error = failure(text)
    assert isinstance(error, TemplateError)
    assert "Go template" in error.message
    assert "Jinja" in error.message
    assert error.where == f"main.yaml.j2:{line}"


def test_go_keywords_are_accepted_as_names_and_in_comments() -> None:
    assert render("{% set end = 2 %}\na: {{ end }}\n{# {{ .Values.x }} #}\n") == {"a": 2}


# ---- sets of templates ---------------------------------------------------------------------------


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


def test_a_missing_macro_is_named() -> None:
    one = templates("a: 1\n{% from 'b' import nope %}\n", b="{% macro note() %}{% endmacro %}")
    with pytest.raises(TemplateError) as caught:
        one.compile("main")
    assert caught.value.where == "main.yaml.j2:2"
    assert "'b' has no macro or variable 'nope'" in caught.value.message
    assert "'note'" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {{ 'x' | upper(1) }}", "filter 'upper' does not take these arguments"),
        ("a: {{ 1 is odd(2) }}", "test 'odd' does not take these arguments"),
        ("a: {{ 'x'.format(1) }}", "a string has no 'format' that templates may use"),
        ("a: {{ [1][5] }}", "a list has no such item"),
        ("a: {{ 1 if false }}", "an inline if without else has no value if its condition is false"),
        ("a: {{ 'x' ~ (1 if false) }}", "an inline if without else has no value if its condition is false"),
        ("a: {{ [] | first }}", "the list is empty"),
        ("a: {{ 5 | length }}", "a number has no length"),
        ("a: {{ 'x' % 1 }}", "formatting strings with % is not supported"),
        ("a: {{ 5[1:] }}", "a number has no slices"),
        ("a: {{ {} | dictsort(by='x') }}", "dictsort sorts by 'key' or by 'value'"),
        ("a: {{ [] | items }}", "a list has no items"),
        ("a: {{ [] | map }}", "map takes the name of a filter, or attribute= and default="),
        ("a: {{ [] | selectattr }}", "selectattr and rejectattr take an attribute first"),
        ("a: {{ [] | select('nope') }}", "unknown test 'nope'"),
        ("a: {{ {'k': 1}['x'] }}", "a map has no such item"),
        ("a: {{ [1] * [1] }}", "can't multiply sequence by non-int of type 'list'"),
        ("a: {{ [1, 'a'] | sort }}", "'<' not supported between instances of 'str' and 'int'"),
        (
            "a: {{ 2 ** 4095 + 2 ** 4095 }}",
            "the template builds an integer of more than 4096 bits",
        ),
    ],
)
def test_errors_use_the_terms_of_the_template_language(text: str, message: str) -> None:
    assert failure(text).message == f"{message} (pod {POD})"


def test_a_key_that_comes_from_a_pod_is_not_repeated() -> None:
    assert "hunter2" not in failure("a: {{ m[x] }}", m={}, x=SECRET).message
