"""What a template may not do: burn time or memory, or reach anything but its values."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from injector.errors import RenderError, TemplateError
from injector.templating.render import RenderLimits, Templates, TemplateSource
from tests.templating.rendering import POD, failure, render, templates

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
