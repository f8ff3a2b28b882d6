"""Values in templates: they stay data, of their own type, in every place."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from injector.templating.render import RenderLimits
from tests.templating.rendering import POD, failure, render, templates

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
