"""Outlines: the shape of a review's pod by the text of the review, which is not parsed.

The outline of a review is its text without the texts that the shape of its pod leaves out, and without
`fieldsV1` of managedFields, which nobody reads. Two reviews with one outline are the same JSON but for
texts of known kinds in known places, and their pods have one shape. An outline is learned of a review that
was parsed. Not here: shapes and the places of texts (core.plans), and answers (planned.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from injector.classes import dataclass
from injector.core.model import AdmissionRequest, Manifest
from injector.core.plans.generations import Generations
from injector.core.plans.holes import Hole, Place, holes_of
from injector.core.plans.mask import Mask
from injector.core.plans.plan import UNREAD_MARK
from injector.core.plans.shape import CopyRules, PodShape
from injector.core.plans.store import RARELY, OnceMet
from injector.core.plans.texts import TextKind
from injector.patterns import pattern
from injector.server import reviews
from injector.server.outline import OutlinedReview, ReviewOutline
from injector.server.outline_text import OutlineTexts, beginning
from injector.server.review_texts import (
    BEHIND,
    FIELDS,
    MOST_PIECES,
    objects_beside_fields,
    text_numbers,
    texts_of,
)

_POD: Final = ("request", "object")
_METADATA: Final = (*_POD, "metadata")
_MANAGED: Final = (*_METADATA, "managedFields")
_UID: Final = ("request", "uid")
# Fields of a pod's metadata that are logged.
_NAMES: Final = ("name", "generateName")
# As the API server writes a review.
_BEGIN: Final = b'{"kind":"AdmissionReview",'
_NO_FIELDS: Final = ("fieldsV1", "left", "out")
_NO_FIELDS_TEXT: Final = '{"left":"out"}'
_OWNER: Final = r'"k:{\"uid\":\"'
_UID_LENGTH: Final = 36
_UID_TEXT: Final = pattern("[-0-9a-f]{36}").fullmatch
# The levels above the fields: review, request, object, metadata, managedFields, and the entry of a manager.
_LEVELS: Final = 6
# The share of the bytes for masks, for texts, for known fields, and for keys that were met once, each.
_PART: Final = 8
# Masks of one punctuation, and the fields of one manager, may have this part of the bytes of all at most.
_LARGEST: Final = 4
# Masks of reviews with the same punctuation; of more, one of eight takes a turn.
_MOST_MASKS: Final = 4
# Bytes of a text beside its characters, of a mask beside its holes, and of a hole.
_TEXT: Final = 64
_MASK: Final = 4000
_HOLE: Final = 48


@dataclass(frozen=True, slots=True)
class SplitReview:
    """A review that is split at its quotation marks.

    `fields` are the texts that were left out of it, `structure` is the hash of its punctuation, and `key`
    the digest of what it has in common with others like it.
    """

    pieces: list[str]
    fields: list[str]
    structure: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class UnknownReview:
    """A review with an unknown outline; `split` where it was split to look for one."""

    body: bytes
    split: SplitReview | None = None


class Outlines:
    """The outlines of reviews; at most `limit` bytes. `levels` of nesting are accepted in a review."""

    def __init__(self, limit: int, levels: int) -> None:
        self._part = limit // _PART
        self._masks: Generations[tuple[Mask, ...]] = Generations(self._part, largest=_LARGEST, meets=False)
        # Half of the pieces are texts at most.
        self._most_pieces = min(MOST_PIECES, (self._part // _LARGEST - 2 * _MASK) // _HOLE * 2)
        self._outlines: Generations[ReviewOutline] = Generations(limit - 4 * self._part, meets=False)
        self._texts = OutlineTexts(self._part)
        self._met = OnceMet(self._part)
        self._levels = levels - _LEVELS
        self._rules: CopyRules | None = None
        self._asked = 0
        self._fields: Generations[bool] = Generations(self._part, largest=_LARGEST, meets=False)
        # By numbers of objects: whether an outline of such a review was learned.
        self._learned = bytearray(MOST_PIECES)

    @property
    def size(self) -> int:
        """Bytes of outlines, masks and fields."""
        caches = (self._masks, self._outlines, self._texts, self._fields)
        return sum(cache.size for cache in caches) + self._met.size

    def find(
        self, body: bytes, path: str, budget: float | None, rules: CopyRules
    ) -> OutlinedReview | UnknownReview | None:
        """What is known of a review; None where it has to be parsed, and nothing is to be learned of it."""
        if not body.startswith(_BEGIN):
            return None
        if rules is not self._rules:
            # What was left out under other rules may matter under these.
            self._masks.clear()
            self._outlines.clear()
            self._texts.clear()
            self._learned = bytearray(MOST_PIECES)
            self._rules = rules
        objects = objects_beside_fields(body)
        if not self._learned[objects]:
            return UnknownReview(body)
        try:
            text, fields = self._without_fields(body.decode())
        except (ValueError, RecursionError):
            return None
        begins = beginning(text, path, objects)
        outlined = self._texts.find(text, begins, budget, rules)
        known = outlined or self._by_digest(_pieces(text, fields), begins, path, budget, rules)
        return UnknownReview(body, known) if isinstance(known, SplitReview) else known

    def _by_digest(
        self, split: SplitReview, begins: str, path: str, budget: float | None, rules: CopyRules
    ) -> OutlinedReview | SplitReview:
        """What is known of a review by the digest of its outline."""
        pieces, structure, key = split.pieces, split.structure, split.key
        for mask in self._masks.get(structure) or ():
            taken = mask.take(pieces)
            for place in mask.places:
                pieces[place] = ""
            rest = '"'.join(pieces)
            key = _digest(f"{mask.number} {len(path)} {path}", rest)
            outline = self._outlines.get(key)
            if outline is not None:
                values = mask.read(taken, f"{path}{rest}", outline.retained, rules)
                if values is not None:
                    self._texts.keep(begins, outline, mask, pieces)
                    return outline.review(taken, values, budget)
            for place, piece in zip(mask.places, taken, strict=True):
                pieces[place] = piece
        return replace(split, key=key)

    def learn(self, unknown: UnknownReview, asked: AdmissionRequest, shape: PodShape) -> None:
        """Keep the outline of a review that was parsed, where such a one came before."""
        review = unknown.split or self._split(unknown.body)
        if self._rules is None or review is None or not self._met.again(review.key):
            return
        self._asked += 1
        if len(review.pieces) > self._most_pieces or (self._outlines.is_full and self._asked % RARELY):
            # Others would be dropped for it, and each before it comes again.
            return
        tree = reviews.READER.decode('"'.join(review.pieces))
        pod = tree["request"]["object"]
        located = _located(review, tree, self._rules)
        mask = Mask.of([(piece, hole) for piece, _, hole in located], len(shape.values))
        places = {place: piece for piece, place, _ in located}
        if mask is None or _UID not in places:
            return
        known = self._masks.get(review.structure) or ()
        mask = next((each for each in known if each.is_like(mask)), mask)
        taken = mask.take(review.pieces)
        pieces = [*review.pieces]
        for place in mask.places:
            pieces[place] = ""
        rest = '"'.join(pieces)
        numbers = {piece: number for number, piece in enumerate(mask.places)}
        places = {place: numbers[piece] for place, piece in places.items()}
        annotations = pod["metadata"].get("annotations") or {}
        retained = tuple(
            str(text) for key, text in annotations.items() if (*_METADATA, "annotations", key) not in places
        )
        if mask.read(taken, f"{asked.path}{rest}", retained, self._rules) != list(shape.values):
            return
        outline = ReviewOutline(
            shape.key,
            shape.items,
            replace(asked, pod={"metadata": _logged(pod["metadata"])}),
            asked.node,
            places[_UID],
            tuple((key, places[(*_METADATA, key)]) for key in _NAMES if (*_METADATA, key) in places),
            retained,
        )
        if mask not in known:
            if len(known) == _MOST_MASKS and self._asked % RARELY:
                # Without its mask, the outline would never be found.
                return
            self._keep_masks(review.structure, (*known[1 - _MOST_MASKS :], mask))
        key = _digest(f"{mask.number} {len(asked.path)} {asked.path}", rest)
        self._outlines.put(key, outline, outline.size)
        self._keep_fields(unknown.body, review)

    def _split(self, body: bytes) -> SplitReview | None:
        """A review split at its quotation marks; None where its fields are no JSON."""
        try:
            return _pieces(*self._without_fields(body.decode()))
        except (ValueError, RecursionError):
            return None

    def _keep_fields(self, body: bytes, review: SplitReview) -> None:
        """Keep what is looked at before a review is split."""
        self._learned[objects_beside_fields(body)] = True
        for fields in map(_without_owner, review.fields):
            # These are JSON, and are not read again.
            self._fields.put(fields, True, _TEXT + len(fields))

    def _keep_masks(self, structure: bytes, masks: tuple[Mask, ...]) -> None:
        """Keep as many as fit, the newest one at least."""
        while masks and not self._masks.put(
            structure, masks, sum(_MASK + _HOLE * len(each.places) for each in masks)
        ):
            masks = masks[1:]

    def _without_fields(self, text: str) -> tuple[str, list[str]]:
        """A text without `fieldsV1`, and these. Raises ValueError where they are no JSON."""
        parts: list[str] = []
        fields: list[str] = []
        begin, at = 0, text.find(FIELDS)
        while at >= 0:
            start = at + len(FIELDS)
            parts += text[begin:start], _NO_FIELDS_TEXT
            begin = self._end_of_fields(text, start)
            fields.append(text[start:begin])
            at = text.find(FIELDS, begin)
        return "".join([*parts, text[begin:]]), fields

    def _end_of_fields(self, text: str, start: int) -> int:
        end = text.find(BEHIND, start) + 1
        if self._fields.get(_without_owner(text[start:end])):
            # A JSON object ends where it ends, whatever follows.
            return end
        tree, end = reviews.READER.raw_decode(text, start)
        if type(tree) is not dict or not reviews.is_shallow(tree, self._levels):
            raise ValueError("fields")
        return end


def _pieces(text: str, fields: list[str]) -> SplitReview:
    """A review without its fields, split at its quotation marks."""
    pieces = text.split('"')
    structure = b"%d %d" % (len(pieces), hash('"'.join(pieces[::2])))
    return SplitReview(pieces, fields, structure, structure)


def _logged(metadata: Manifest) -> Manifest:
    """The fields of a pod's metadata that are logged."""
    return {key: metadata[key] for key in _NAMES if isinstance(metadata.get(key), str)}


def _without_owner(fields: str) -> str:
    """Fields without the uid of the pod's owner, which stands in a string: there is an escape before it."""
    head, owner, rest = fields.partition(_OWNER)
    return head + owner + rest[_UID_LENGTH:] if _UID_TEXT(rest[:_UID_LENGTH]) else fields


def _located(review: SplitReview, tree: Manifest, rules: CopyRules) -> list[tuple[int, Place, Hole]]:
    """The holes of a review with the numbers of their pieces; empty where these are not certain."""
    pod = tree["request"]["object"]
    holes = {(*_POD, *place): hole for place, hole in holes_of(pod, rules).items()}
    holes[_UID] = Hole(TextKind.UID, UNREAD_MARK)
    pieces = list(text_numbers(review.pieces))
    texts = list(texts_of(tree, ()))
    fields = [place for place, text in texts if place and (*place[-2:], text) == _NO_FIELDS]
    managed = all(place[:-3] == _MANAGED and len(place) == len(_MANAGED) + 3 for place in fields)
    if len(pieces) != len(texts) or len(fields) != len(review.fields) or not managed:
        # A key stands there twice, or what stands for fields is elsewhere.
        return []
    follows = any(hole.kind is TextKind.FOLLOWS for hole in holes.values())
    if "generateName" in pod["metadata"] and not follows:
        # In a pod of another owner it might be the one that follows of the owner's name.
        return []
    return [
        (piece, place, holes[place])
        for piece, (place, text) in zip(pieces, texts, strict=True)
        if place in holes and review.pieces[piece] == text
    ]


def _digest(head: str, text: str) -> bytes:
    digest = hashlib.sha256(head.encode("utf-8", "surrogatepass"))
    digest.update(b"\xff")
    digest.update(text.encode())
    return digest.digest()
