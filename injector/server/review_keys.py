"""The key of a review: a digest that replicas of a pod share, made without parsing.

A SHA-256 over the path and the whole review, but for three texts that differ between replicas: the uid of
the request, the times in managedFields, and the random name of the token's volume. Each is left out only
at a place where the API server writes it. Not here: which answers are kept under a key (replicas.py).
"""

from __future__ import annotations

import hashlib
from typing import Final

from injector.classes import dataclass
from injector.core.plans.texts import TOKEN_VOLUME
from injector.patterns import pattern

# As the API server writes a review: the uid is the first field of the request.
_HEAD: Final = pattern(
    rb'\{"kind":"AdmissionReview","apiVersion":"admission\.k8s\.io/v1(?:beta1)?",'
    rb'"request":\{"uid":"([-0-9A-Za-z]{1,64})",'
)
_UID: Final = pattern(rb"[-0-9A-Za-z]{1,64}")
_BEFORE_TIME: Final = b'"time":"'
_TIME: Final = pattern(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_TIME_LENGTH: Final = len("2026-11-01T12:00:00Z")
_AFTER_TIME: Final = b'","fieldsType":"FieldsV1","fieldsV1":{'
_BEFORE_NAME: Final = b'"name":"'
_TOKEN_PREFIX: Final = TOKEN_VOLUME.encode()
_TOKEN_IN_PLACE: Final = _BEFORE_NAME + _TOKEN_PREFIX
_TOKEN_NAME: Final = pattern(_TOKEN_PREFIX + rb"[a-z0-9]{5}")
_TOKEN_LENGTH: Final = len(_TOKEN_PREFIX) + 5
# The volume, and its mount in a container, as the ServiceAccount plugin of the API server writes them.
_TOKEN_ENDS: Final = (
    b'","projected":{"sources":[',
    b'","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"',
)
# Stands for what is left out; no UTF-8 has this byte, so that no other review has the key.
_LEFT_OUT: Final = b"\xff"

# The memory of a piece of a frame beside its bytes, and of its place.
_PIECE: Final = 300


@dataclass(frozen=True, slots=True)
class Review:
    """The key of a review, its uid, and the other texts that the key leaves out."""

    key: bytes
    uid: bytes
    left_out: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplicaFrame:
    """A review around the texts that its key leaves out: one that differs in these alone has its key.

    To compare takes a quarter of the time of a digest. `pieces` are the bytes around the texts, each with
    its place.
    """

    path: str
    length: int
    key: bytes
    pieces: tuple[tuple[int, bytes], ...]
    uid: slice
    times: tuple[slice, ...]
    tokens: tuple[slice, ...]

    @property
    def size(self) -> int:
        """Its memory in bytes."""
        return self.length + 4 * len(self.path) + _PIECE * len(self.pieces)

    def review(self, body: bytes, path: str) -> Review | None:
        """What `review_of` gives for this body, or None where that has to tell."""
        if len(body) != self.length or path != self.path:
            return None
        for place, piece in self.pieces:
            if not body.startswith(piece, place):
                return None
        uid, times = body[self.uid], [body[place] for place in self.times]
        if not _UID.fullmatch(uid) or body.rfind(uid) > self.uid.start:
            return None
        if not all(map(_TIME.fullmatch, times)):
            return None
        tokens = {body[place] for place in self.tokens}
        # No piece has the beginning of a token's name, so that these are all places of the name.
        if len(tokens) > 1 or not all(map(_TOKEN_NAME.fullmatch, tokens)):
            return None
        return Review(self.key, uid, (*times, *tokens))


def review_of(body: bytes, path: str) -> Review | None:
    """The key of a review; None where an API server does not write such a one."""
    places = _places(body)
    if places is None:
        return None
    uid, times, tokens = places
    pieces = _LEFT_OUT.join(piece for _, piece in _pieces(body, [uid, *times, *tokens]))
    key = hashlib.sha256(b"%b\xff%b" % (path.encode("utf-8", "surrogatepass"), pieces))
    return Review(key.digest(), body[uid], tuple(body[place] for place in (*times, *tokens[:1])))


def frame_of(body: bytes, path: str, key: bytes) -> ReplicaFrame | None:
    """The frame of a review with this key, None where it cannot have one."""
    places = _places(body)
    if places is None:
        return None
    uid, times, tokens = places
    pieces = tuple(_pieces(body, [uid, *times, *tokens]))
    if any(_TOKEN_PREFIX in piece for _, piece in pieces):
        # The name of a replica could stand there.
        return None
    return ReplicaFrame(path, len(body), key, pieces, uid, times, tokens)


def _places(body: bytes) -> tuple[slice, tuple[slice, ...], tuple[slice, ...]] | None:
    """Where the uid, the times and the token's names are; None where an API server writes no such review."""
    head = _HEAD.match(body)
    if head is None or _LEFT_OUT in body:
        return None
    start, end = head.span(1)
    if body.rfind(body[start:end]) > start:
        # Whoever asks twice in one review has another request answered than the first.
        return None
    return slice(start, end), _times(body, end), _tokens(body, end)


def _times(body: bytes, begin: int) -> tuple[slice, ...]:
    """The times of managedFields."""
    places = []
    # The text behind the time is the longer one, and so found sooner.
    end = body.find(_AFTER_TIME, begin)
    while end >= 0:
        start = end - _TIME_LENGTH
        if body.endswith(_BEFORE_TIME, begin, start) and _TIME.fullmatch(body, start, end):
            places.append(slice(start, end))
        end = body.find(_AFTER_TIME, end + 1)
    return tuple(places)


def _tokens(body: bytes, begin: int) -> tuple[slice, ...]:
    """The places of the name of the token's volume; none where the name is elsewhere too."""
    last = body.rfind(_TOKEN_IN_PLACE, begin) + len(_BEFORE_NAME)
    name = body[last : last + _TOKEN_LENGTH]
    if last < begin or not _TOKEN_NAME.fullmatch(name):
        return ()
    places = []
    start = body.rfind(name, begin)
    while start >= 0:
        end = start + _TOKEN_LENGTH
        if not body.endswith(_BEFORE_NAME, begin, start) or not body.startswith(_TOKEN_ENDS, end):
            return ()
        places.append(slice(start, end))
        start = body.rfind(name, begin, start)
    return tuple(reversed(places))


def _pieces(body: bytes, places: list[slice]) -> list[tuple[int, bytes]]:
    """What is between these places, each piece with its own."""
    pieces, begin = [], 0
    for place in sorted(places, key=lambda each: each.start):
        pieces.append((begin, body[begin : place.start]))
        begin = place.stop
    return [*pieces, (begin, body[begin:])]
