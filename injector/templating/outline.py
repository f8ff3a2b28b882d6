"""What templates can write, whichever branches they take: names of elements, and fields of a pod's spec.

A template is read as if each branch were taken once and each expression gave some text. Names that
an expression gives are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import field
from typing import Any, Final

from jinja2 import Environment, nodes

from injector import yamltext
from injector.classes import dataclass
from injector.templating.operations import MARK

_TEMPLATE_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_METADATA_FIELDS: Final = frozenset({"labels", "annotations"})


@dataclass(frozen=True, slots=True)
class Outline:
    """Names by list of a pod's spec, and fields of the spec."""

    names: dict[str, set[str]] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)

    def add(self, text: str, lists: Collection[str]) -> None:
        """Take what a template writes, with each branch taken; nothing where that is no YAML."""
        try:
            tree = yamltext.load_pairs(text)
        except yamltext.YamlError:
            return
        for name, value in _spec_fields(tree):
            self.fields.add(name)
            if name in lists and isinstance(value, list):
                self.names.setdefault(name, set()).update(_names(value))


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


def _spec_fields(tree: Any) -> Iterator[tuple[str, Any]]:
    """Fields of the spec; they may stand at the top for short."""
    for key, value in tree if isinstance(tree, yamltext.Pairs) else ():
        if key == "spec" and isinstance(value, yamltext.Pairs):
            yield from value
        elif key not in _TEMPLATE_FIELDS and key not in _METADATA_FIELDS:
            yield key, value


def _names(items: list[Any]) -> Iterator[str]:
    for item in items:
        for key, value in item if isinstance(item, yamltext.Pairs) else ():
            if key == "name" and isinstance(value, str) and MARK not in value:
                yield value
