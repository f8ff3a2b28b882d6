"""The text of a template as if each branch were taken once and each expression gave some text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import Environment, nodes

from injector.templating.operations import MARK


def flattened(env: Environment, text: str, include: Callable[[str], str]) -> str:
    """The text of a template with each branch taken once; `include` gives that of another template."""
    return "".join(_pieces(env.parse(text).body, include))


def _pieces(body: list[Any], include: Callable[[str], str]) -> Iterator[str]:
    for node in body:
        if isinstance(node, nodes.Output):
            yield from (n.data if isinstance(n, nodes.TemplateData) else MARK for n in node.nodes)
        elif isinstance(node, nodes.If):
            yield from _pieces([*node.body, *node.elif_, *node.else_], include)
        elif isinstance(node, nodes.For):
            yield from _pieces([*node.body, *node.else_], include)
        elif isinstance(node, nodes.Include) and isinstance(node.template, nodes.Const):
            yield include(node.template.value)
        elif isinstance(node, nodes.With | nodes.Block | nodes.Scope | nodes.ScopedEvalContextModifier):
            yield from _pieces(node.body, include)
        elif isinstance(node, nodes.FilterBlock | nodes.CallBlock):
            yield MARK
