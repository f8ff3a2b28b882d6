"""Errors of templates: file, line and dotted name, and no value of a pod."""

from __future__ import annotations

import pytest

from injector.errors import RenderError, TemplateError
from injector.templating.render import Templates, TemplateSource
from tests.templating.rendering import POD, failure, render, templates


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
