"""Rendering of one template, and the error of one that fails, for the tests of templates."""

from __future__ import annotations

import re
from typing import Any

import pytest

from injector.errors import InjectorError, RenderError, TemplateError
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
