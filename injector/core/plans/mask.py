"""Where in the text of a review the texts stand that a shape leaves out, and what they have to be.

Pods of one shape have the same numbers of texts in the same places, so that these are read without parsing.
Not here: which texts these are (holes.py), and the text of a review (server/outlines.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, pairwise
from operator import itemgetter
from typing import Any, Final

from injector.classes import dataclass
from injector.core.plans.holes import Hole
from injector.core.plans.plan import mark
from injector.core.plans.shape import CopyRules, in_paths
from injector.core.plans.texts import TextKind, check_of

_KINDS: Final = tuple(TextKind)
# No two masks have the same number.
_numbers: Final = count(1)


@dataclass(frozen=True, slots=True)
class ComparedTexts:
    """Of the texts of a mask, those of kinds that have to do with other texts."""

    containers: slice
    owned: slice
    hashes: slice
    follows: slice
    paths: slice
    tokens: slice

    @classmethod
    def of(cls, kinds: Sequence[TextKind]) -> ComparedTexts:
        """Those of kinds in their order."""

        def span(kind: TextKind) -> slice:
            return (
                slice(kinds.index(kind), kinds.index(kind) + kinds.count(kind)) if kind in kinds else slice(0)
            )

        return cls(
            span(TextKind.CONTAINER),
            span(TextKind.OWNED),
            span(TextKind.HASH),
            span(TextKind.FOLLOWS),
            span(TextKind.PATH),
            span(TextKind.TOKEN),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The places of texts in a text that is split at its quotation marks, in the order of their kinds.

    `take` picks them, and `check` says whether each is of its kind. `sources` are the places of copied texts
    among them, and `paths` the numbers of those with a slash in front that the copied text is without.
    """

    number: int
    places: tuple[int, ...]
    take: itemgetter[Any]
    check: Callable[[Sequence[str]], bool]
    kinds: tuple[TextKind, ...]
    compared: ComparedTexts
    sources: tuple[int, ...]
    paths: tuple[int, ...]

    @classmethod
    def of(cls, holes: Sequence[tuple[int, Hole]], copied: int) -> Mask | None:
        """The mask of holes with their places, and of so many copied texts; None where one has no place."""
        ordered = sorted(holes, key=lambda each: (_KINDS.index(each[1].kind), each[1].marked, each[0]))
        places = tuple(place for place, _ in ordered)
        kinds = tuple(hole.kind for _, hole in ordered)
        marked = [hole.marked.removeprefix("/") for _, hole in ordered]
        if TextKind.OWNED in kinds:
            # The name of the workload is in front of the hash.
            marked[kinds.index(TextKind.OWNED)] = mark(0)
        if len(places) < 2 or any(mark(number) not in marked for number in range(copied)):
            return None
        sources = tuple(marked.index(mark(number)) for number in range(copied))
        paths = tuple(number for number, source in enumerate(sources) if kinds[source] is TextKind.PATH)
        compared = ComparedTexts.of(kinds)
        return cls(
            next(_numbers), places, itemgetter(*places), check_of(kinds), kinds, compared, sources, paths
        )

    def is_like(self, other: Mask) -> bool:
        """Whether the masks read the same."""
        return (self.places, self.kinds, self.sources) == (other.places, other.kinds, other.sources)

    def read(
        self, taken: Sequence[str], rest: str, retained: Sequence[str], rules: CopyRules
    ) -> list[str] | None:
        """The copied texts, None where one of all is not of its kind.

        `rest` is the text without them, `retained` are the texts of annotations in it. The conditions are
        those of a shape (shape.py), or narrower ones.
        """
        if not self.check(taken):
            return None
        of = self.compared
        if not (
            _is_one_token(taken[of.tokens], rest)
            and _are_names(taken[of.containers], retained, rules)
            and not any(path.startswith(rules.copied.written) for path in taken[of.paths])
        ):
            return None
        values = [taken[source] for source in self.sources]
        name = values[0] if values else ""
        if owned := taken[of.owned]:
            name = owned[0]
            values[0], _, suffix = name.rpartition("-")
            if taken[of.hashes][0] != suffix:
                return None
        if any(text != f"{name}-" for text in taken[of.follows]):
            return None
        for number in self.paths:
            values[number] = values[number][1:]
        return values


def _is_one_token(tokens: Sequence[str], rest: str) -> bool:
    """Whether one name of the token's volume is in all places and no other."""
    return not tokens or (tokens.count(tokens[0]) == len(tokens) and tokens[0] not in rest)


def _are_names(listed: Sequence[str], retained: Sequence[str], rules: CopyRules) -> bool:
    """Whether names of containers without a meaning have the order of their numbers."""
    return (
        rules.containers.isdisjoint(listed)
        and (len(listed) < 2 or all(before < after for before, after in pairwise(map(in_paths, listed))))
        and not any(name in text for text in retained for name in listed)
    )
