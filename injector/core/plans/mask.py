"""Where in the text of a review the texts stand that a shape leaves out, and what they have to be.

Pods of one shape have the same numbers of texts in the same places, so that these are read without parsing.
Not here: which texts these are (holes.py), and the text of a review (server/outlines.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, pairwise
from operator import itemgetter
from typing import Any, Final, TypeAlias

from injector.classes import dataclass
from injector.core.plans.holes import Hole
from injector.core.plans.plan import mark
from injector.core.plans.shape import CopyRules, in_paths
from injector.core.plans.texts import TextKind, check_of

_ByKind: TypeAlias = dict[TextKind, Sequence[str]]

_KINDS: Final = tuple(TextKind)
# Kinds of texts that have to do with others.
_COMPARED: Final = frozenset(
    {
        TextKind.CONTAINER,
        TextKind.OWNED,
        TextKind.HASH,
        TextKind.FOLLOWS,
        TextKind.PATH,
        TextKind.TOKEN,
    }
)
# No two masks have the same number.
_numbers: Final = count(1)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The places of texts in a text that is split at its quotation marks, in the order of their kinds.

    `take` picks them, `check` says whether each is of its kind, and `spans` are those of each kind. `sources`
    are the places of copied texts among them, and `paths` the numbers of those with a slash in front that the
    copied text is without.
    """

    number: int
    places: tuple[int, ...]
    take: itemgetter[Any]
    check: Callable[[Sequence[str]], bool]
    spans: tuple[tuple[TextKind, slice], ...]
    sources: tuple[int, ...]
    paths: tuple[int, ...]

    @classmethod
    def of(cls, holes: Sequence[tuple[int, Hole]], copied: int) -> Mask | None:
        """The mask of holes with their places, and of so many copied texts; None where one has no place."""
        ordered = sorted(holes, key=lambda each: (_KINDS.index(each[1].kind), each[1].marked, each[0]))
        places = tuple(place for place, _ in ordered)
        kinds = [hole.kind for _, hole in ordered]
        spans = tuple((kind, slice(kinds.index(kind), kinds.index(kind) + kinds.count(kind)))
                      for kind in _KINDS if kind in kinds)  # fmt: skip
        marked = [hole.marked.removeprefix("/") for _, hole in ordered]
        if TextKind.OWNED in kinds:
            # The name of the workload is in front of the hash.
            marked[kinds.index(TextKind.OWNED)] = mark(0)
        if len(places) < 2 or any(mark(number) not in marked for number in range(copied)):
            return None
        sources = tuple(marked.index(mark(number)) for number in range(copied))
        paths = tuple(number for number, source in enumerate(sources) if kinds[source] is TextKind.PATH)
        return cls(next(_numbers), places, itemgetter(*places), check_of(kinds), spans, sources, paths)

    def is_like(self, other: Mask) -> bool:
        """Whether the masks read the same."""
        return (self.places, self.spans, self.sources) == (other.places, other.spans, other.sources)

    def read(
        self, taken: Sequence[str], rest: str, retained: Sequence[str], rules: CopyRules
    ) -> list[str] | None:
        """The copied texts, None where one of all is not of its kind.

        `rest` is the text without them, `retained` are the texts of annotations in it. The conditions are
        those of a shape (shape.py), or narrower ones.
        """
        if not self.check(taken):
            return None
        values = [taken[source] for source in self.sources]
        of = {kind: taken[span] for kind, span in self.spans if kind in _COMPARED}
        if not (_fit(of, rest, rules) and _are_names(of, retained, rules) and _own(of, values)):
            return None
        for number in self.paths:
            values[number] = values[number][1:]
        return values


def _fit(of: _ByKind, rest: str, rules: CopyRules) -> bool:
    """Whether one name of the token's volume is in all places and no other, and no path is one of ours."""
    tokens = of.get(TextKind.TOKEN)
    if tokens is not None and (tokens.count(tokens[0]) != len(tokens) or tokens[0] in rest):
        return False
    return not any(path.startswith(rules.copied.written) for path in of.get(TextKind.PATH, ()))


def _are_names(of: _ByKind, retained: Sequence[str], rules: CopyRules) -> bool:
    """Whether names of containers without a meaning have the order of their numbers."""
    listed = of.get(TextKind.CONTAINER, ())
    return (
        rules.containers.isdisjoint(listed)
        and all(before < after for before, after in pairwise(map(in_paths, listed)))
        and not any(name in text for text in retained for name in listed)
    )


def _own(of: _ByKind, values: list[str]) -> bool:
    """Whether what is made of the owner's name is made of it; puts the name without the hash in its place."""
    name = values[0] if values else ""
    if TextKind.OWNED in of:
        name = of[TextKind.OWNED][0]
        base, _, suffix = name.rpartition("-")
        values[0] = base
        if of[TextKind.HASH][0] != suffix:
            return False
    return all(text == f"{name}-" for text in of.get(TextKind.FOLLOWS, ()))
