"""A case: settings and documents, drawn from a seed, and what was drawn how often.

A document depends on the seed and its own number alone, so that one of them can be drawn again
without the others. Not here: running a case (rounds.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.differential.settings import Settings, Tree, draw_settings
from tests.generators.workloads import draw_document

GROUPS: Final = ("runs", "kinds", "values", "meshConfig", "annotations", "labels")


@dataclass(frozen=True)
class Case:
    """Documents that both programs inject with the same settings; `numbers` tell where they come from."""

    seed: int
    settings: Settings
    documents: tuple[Tree, ...]
    numbers: tuple[int, ...]

    def part(self, places: Sequence[int]) -> Case:
        """The case with some of its documents."""
        documents = tuple(self.documents[place] for place in places)
        return Case(self.seed, self.settings, documents, tuple(self.numbers[place] for place in places))


def draw_case(seed: int, numbers: Sequence[int], *, quirks: bool = True) -> Case:
    """The case of a seed."""
    documents = tuple(draw_document(Random(f"{seed} document {number}"), f"w{number}") for number in numbers)
    return Case(seed, draw_settings(Random(f"{seed} settings"), quirks=quirks), documents, tuple(numbers))


def coverage(case: Case) -> Counter[tuple[str, str]]:
    """What the case has in it, by group."""
    settings = case.settings
    count: Counter[tuple[str, str]] = Counter()
    count["runs", f"native {str(settings.native).lower()}"] += 1
    count["runs", f"revision {settings.revision}"] += 1
    count["runs", f"ours reads {settings.read_by_ours}"] += 1
    count.update(("values", path) for path in _paths(settings.values))
    count.update(("meshConfig", path) for path in _paths(settings.mesh))
    for document in case.documents:
        count["kinds", document["kind"]] += 1
        for metadata in _metadata(document):
            count.update(("annotations", key) for key in metadata.get("annotations", {}))
            count.update(("labels", key) for key in metadata.get("labels", {}))
    return count


def _paths(tree: Tree, prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _metadata(tree: Any) -> Iterator[Tree]:
    if isinstance(tree, list):
        for item in tree:
            yield from _metadata(item)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key == "metadata" and isinstance(value, dict):
                yield value
            elif key in ("spec", "template", "jobTemplate", "items"):
                yield from _metadata(value)
