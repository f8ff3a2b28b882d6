"""Texts of reviews whose outlines are known, so that others like them are read without splitting them.

Not here: how outlines are found otherwise, and learned (outlines.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final

from injector.classes import dataclass
from injector.core.plans.generations import Generations
from injector.core.plans.mask import Mask
from injector.core.plans.shape import CopyRules
from injector.core.plans.store import RARELY
from injector.core.plans.texts import TOKEN_VOLUME
from injector.server.outline import OutlinedReview, ReviewOutline

_UID: Final = '"uid":"'
_OBJECT: Final = ',"object":'
# Bytes of a text beside its characters.
_TEXT: Final = 64
# Texts that begin alike.
_MOST: Final = 4
# These may have this part of the bytes of all at most.
_LARGEST: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class OutlineText:
    """The text around the places of a mask. `take` puts what is there into the order of the mask.

    `rest` is the whole as far as the mask needs it to read the texts.
    """

    outline: ReviewOutline
    mask: Mask
    literals: tuple[str, ...]
    take: itemgetter[Any]
    rest: str

    @classmethod
    def of(cls, outline: ReviewOutline, mask: Mask, pieces: Sequence[str]) -> OutlineText:
        """That of a review which is split at its quotation marks, its places empty."""
        ordered = sorted(mask.places)
        edges = pairwise([-1, *ordered, len(pieces)])
        first, *parts, last = ('"'.join(pieces[before + 1 : after]) for before, after in edges)
        literals = (f'{first}"', *(f'"{part}"' for part in parts), f'"{last}')
        numbers = {place: number for number, place in enumerate(ordered)}
        take = itemgetter(*(numbers[place] for place in mask.places))
        # Only the names of tokens are looked for in it.
        rest = outline.asked.path + '"'.join(pieces)
        rest = rest if TOKEN_VOLUME in rest else ""
        return cls(outline, mask, literals, take, rest)

    @property
    def size(self) -> int:
        """Its memory in bytes."""
        return self.outline.size + sum(_TEXT + len(literal) for literal in self.literals) + len(self.rest)

    def take_from(self, text: str) -> tuple[str, ...] | None:
        """The texts at the places, in the order of the mask; None where the text around them is another."""
        *literals, last = self.literals
        at, texts = 0, []
        for literal in literals:
            if not text.startswith(literal, at):
                return None
            at += len(literal)
            end = text.find('"', at)
            texts.append(text[at:end])
            at = end
        taken: tuple[str, ...] = self.take(texts)
        return taken if text[at:] == last else None


class OutlineTexts:
    """Texts of reviews by how these begin; at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._texts: Generations[tuple[OutlineText, ...]] = Generations(limit, largest=_LARGEST, meets=False)
        self._asked = 0

    @property
    def size(self) -> int:
        """Their bytes, with the keys."""
        return self._texts.size

    def clear(self) -> None:
        """Forget all."""
        self._texts.clear()

    def find(self, text: str, begins: str, budget: float | None, rules: CopyRules) -> OutlinedReview | None:
        """The review with this text, None where its outline has to be found otherwise."""
        for each in self._texts.get(begins) or ():
            taken = each.take_from(text)
            if taken is not None:
                values = each.mask.read(taken, each.rest, each.outline.retained, rules)
                return None if values is None else each.outline.review(taken, values, budget)
        return None

    def keep(self, begins: str, outline: ReviewOutline, mask: Mask, pieces: Sequence[str]) -> None:
        """Keep a text, which is split at its quotation marks, without what the mask takes."""
        self._asked += 1
        others = self._texts.get(begins) or ()
        if (len(others) == _MOST or self._texts.is_full) and self._asked % RARELY:
            # Others would be dropped for it, and each before it comes again.
            return
        texts = (OutlineText.of(outline, mask, pieces), *others[: _MOST - 1])
        self._texts.put(begins, texts, len(begins) + sum(each.size for each in texts))


def beginning(text: str, path: str, objects: int) -> str:
    """What the reviews of an outline have in common, and most others have not; it is soon found."""
    start = text.find('"', text.find(_UID) + len(_UID))
    return f"{len(path)} {path} {objects} {text[start : text.find(_OBJECT, start)]}"
