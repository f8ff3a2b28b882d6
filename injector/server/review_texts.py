"""The objects and the texts in the JSON of a review, as the API server writes it.

Not here: which of the texts are left out of an outline (outlines.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from injector.core.plans.holes import Place

# The most pieces of a review that is learned: that takes some microseconds for each.
MOST_PIECES: Final = 3000
FIELDS: Final = '"fieldsType":"FieldsV1","fieldsV1":'
# What follows the fields of one manager, as the API server writes a pod.
BEHIND: Final = '}}]},"spec":{'
_FIELDS: Final = FIELDS.encode()
_BEHIND: Final = BEHIND.encode()


def objects_beside_fields(body: bytes) -> int:
    """The objects of a review beside its fields, by their braces: as many in all of one outline.

    0 where there are many, or the fields do not end as usual.
    """
    start = body.find(_FIELDS)
    if start < 0:
        braces = body.count(b"{")
    else:
        end = body.find(_BEHIND, start)
        braces = body.count(b"{", 0, start) + body.count(b"{", end) if end >= 0 else 0
    return braces if braces < MOST_PIECES else 0


def texts_of(tree: Any, place: Place) -> Iterator[tuple[Place | None, str]]:
    """The texts of a tree in the order in which they are written, each with its place; None for a key."""
    if type(tree) is dict:
        for key, value in tree.items():
            yield None, key
            yield from texts_of(value, (*place, key))
    elif type(tree) is list:
        for index, value in enumerate(tree):
            yield from texts_of(value, (*place, index))
    elif type(tree) is str:
        yield place, tree


def text_numbers(pieces: Sequence[str]) -> Iterator[int]:
    """The numbers of the pieces that texts begin with."""
    number = 1
    while number < len(pieces):
        yield number
        while (len(pieces[number]) - len(pieces[number].rstrip("\\"))) % 2:
            # The quotation mark behind it is part of the text.
            number += 1
        number += 2
