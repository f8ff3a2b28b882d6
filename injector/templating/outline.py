"""What templates can write, whichever branches they take: names of elements, and fields of a pod's spec.

Names that an expression gives are not known here. Not here: the text with each branch taken (`branches`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import field
from typing import Any, Final

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
