"""Includes of which the output is repeated: nobody sees it from the overlay or from the account."""

from __future__ import annotations

from typing import Any

import pytest

from injector.errors import RenderError
from injector.templating.render import RenderLimits, Templates
from injector.templating.repeated import TemplateData
from injector.work import Work
from tests.templating.rendering import DEFAULT, POD, templates

MAIN = """\
name: {{ name }}
{% include "_settings" %}
{% if more %}
more: {{ name }}
{% endif %}
again:
{% include "_indented" %}
{% include "_named" %}
"""
OTHERS = {
    "_settings": "image: {{ settings.image }}\nargs: {{ settings.args }}\n",
    "_indented": "{% for each in settings.args %}\n- '{{ each }}'\n{% endfor %}\n",
    "_named": "of: {{ name }}\nsettings: {{ settings.image ~ name }}\n",
}
ONE = {"settings": {"image": "proxy:1", "args": ["a", "b"]}}
OTHER = {"settings": {"image": "proxy:2", "args": ["c"]}}


def data(settled: dict[str, Any], name: str, *, more: bool = False) -> TemplateData:
    return TemplateData({**settled, "name": name, "more": more}, settled)


def rendered(one: Templates, context: dict[str, Any]) -> tuple[Any, int]:
    work = Work(10**6)
    return one.render("main", context, POD, work), work.spent


def test_renderings_are_those_without_repetition() -> None:
    repeating = templates(MAIN, DEFAULT, **OTHERS)
    for settled, name, more in [
        (ONE, "x", False), (ONE, "y", True), (OTHER, "y", True), (ONE, "x", False), (OTHER, "z", False),
    ] * 2:  # fmt: skip
        context = data(settled, name, more=more)
        assert rendered(repeating, context) == rendered(templates(MAIN, DEFAULT, **OTHERS), dict(context))


def test_a_variable_with_another_value_than_the_settled_one_counts() -> None:
    repeating = templates(MAIN, DEFAULT, **OTHERS)
    rendered(repeating, data(ONE, "x"))
    overlay, _ = rendered(repeating, TemplateData({**data(ONE, "x"), **OTHER}, ONE))
    assert overlay["image"] == "proxy:2"


def test_a_repeated_output_needs_the_same_of_the_limits() -> None:
    context = data(ONE, "x")
    _, spent = rendered(templates(MAIN, DEFAULT, **OTHERS), context)
    for steps in range(1, 12):
        ends = []
        for times in (1, 2):
            one = templates(MAIN, RenderLimits(steps=steps), **OTHERS)
            try:
                for _ in range(times):
                    end: Any = rendered(one, context)
            except Exception as error:
                end = str(error)
            ends.append(end)
        assert ends[0] == ends[1]
    assert spent > 0


@pytest.mark.parametrize("name", ["_settings", "_indented"])
def test_an_include_of_settings_is_rendered_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = templates(MAIN, DEFAULT, **OTHERS)
    rendered(one, data(ONE, "x"))
    template = one._library.unit(f"mark {name}").template
    monkeypatch.setattr(template, "root_render_func", None)
    assert rendered(one, data(ONE, "y"))[0]["image"] == "proxy:1"
    with pytest.raises(RenderError, match="not callable"):
        rendered(one, data(OTHER, "y"))
