"""How a document is laid out: its steps of indentation, its lists and its line ends.

Not here: what is written with it (write.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from injector.classes import dataclass
from injector.yamltext.nodes import Node, NodeShape

# The fewest and the most blanks that are taken for a habit of the author.
_BOUNDS: Final = {"step": (1, 8), "before": (0, 8), "behind": (2, 8)}


@dataclass(frozen=True, slots=True)
class Layout:
    """The blanks of a level, those before the dash under a key, and those from a dash to its content."""

    step: int = 2
    before_dash: int = 0
    behind_dash: int = 2


PLAIN: Final = Layout()


def column(text: str, place: int) -> int:
    """The column of a place, from 0."""
    return place - text.rfind("\n", 0, place) - 1


def layout_of(root: Node, text: str) -> Layout:
    """The layout of a document: of each kind of distance the one that occurs most."""
    counts = {name: Counter[int]() for name in _BOUNDS}
    for name, blanks in _distances(root, text):
        counts[name][blanks] += 1
    return layout_of_counts(**counts)


def layout_of_counts(step: Counter[int], before: Counter[int], behind: Counter[int]) -> Layout:
    """The layout of a document with so many distances of each kind; where two occur as often the first."""
    return Layout(
        _most(step, "step", PLAIN.step),
        _most(before, "before", PLAIN.before_dash),
        _most(behind, "behind", PLAIN.behind_dash),
    )


def _most(counter: Counter[int], name: str, default: int) -> int:
    fewest, most = _BOUNDS[name]
    return max((each for each in counter if fewest <= each <= most), key=counter.__getitem__, default=default)


def _distances(root: Node, text: str) -> Iterator[tuple[str, int]]:
    """What each kind of distance is at each place."""
    stack = [(root, column(text, root.start))]
    while stack:
        node, at = stack.pop()
        for value in node.values:
            if value.flow or value.shape not in (NodeShape.MAP, NodeShape.LIST):
                continue
            inner = column(text, value.start)
            if node.shape is NodeShape.LIST:
                yield "behind", inner - at
            else:
                yield ("before" if value.shape is NodeShape.LIST else "step"), inner - at
            stack.append((value, inner))
