"""Reviews by what the webhook can reuse for them: nothing, a plan, or a whole answer.

Made of the review of the load (load/review.py). Not here: sending them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hack.bench.load import review

FIRST, DISTINCT, REPLICA = "first of its shape", "distinct", "replica"

_BODY: Final = review.body()
_NUMBER: Final = review.NUMBER.encode()
# A number that stays in the answer's shape, and a label that is copied.
_SHAPE: Final = b'"terminationGracePeriodSeconds":30'
_LABEL: Final = b'"number":"%s"' % _NUMBER
# As many characters as the API server gives the name of a token's volume.
_DIGITS: Final = b"%05x"


def first(number: int) -> bytes:
    """A pod whose shape no other number has."""
    return distinct(number).replace(_SHAPE, b'"terminationGracePeriodSeconds":%d' % (1000 + number))


def distinct(number: int) -> bytes:
    """A pod that differs from those of other numbers in a label."""
    return _BODY.replace(_NUMBER, _DIGITS % number)


def replica(number: int) -> bytes:
    """A pod of one ReplicaSet: only its uid and the name of its token's volume differ."""
    return _BODY.replace(_LABEL, b'"number":"1"').replace(_NUMBER, _DIGITS % number)


BODIES: Final[Mapping[str, Callable[[int], bytes]]] = {FIRST: first, DISTINCT: distinct, REPLICA: replica}
