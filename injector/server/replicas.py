"""Answers that serve all replicas of a pod: found by a digest of the review, without parsing it.

The key is a SHA-256 over the path and the whole review, but for three texts that differ between replicas:
the uid of the request, the times in managedFields, and the random name of the token's volume. Each is left
out only at a place where the API server writes it, and an answer is kept only where none of them is in it.
What the answer depends on beside the review is compared at each hit (`Surroundings`), and the cache is
emptied when the configuration or the objects of the profile change. Not here: what is per call (log,
metrics, Events, records) (app.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from injector.classes import dataclass
from injector.core import names
from injector.core.model import AdmissionRequest, Facts, Manifest, Namespace, Operation
from injector.core.outcome import Outcome
from injector.core.plans import unread
from injector.core.plans.generations import Generations
from injector.core.plans.planner import bytes_of, reduced
from injector.core.plans.texts import TOKEN_VOLUME
from injector.core.profile import Config
from injector.core.validation.places import elements, fields
from injector.patterns import pattern
from injector.server import reviews
from injector.server.admission_log import AdmissionLines
from injector.server.answers import Answer

LARGEST: Final = 512 * 1024
"""The body of a review that is looked up; the digest of a larger one takes too long for the loop."""

# As the API server writes a review: the uid is the first field of the request.
_HEAD: Final = pattern(
    rb'\{"kind":"AdmissionReview","apiVersion":"admission\.k8s\.io/v1(?:beta1)?",'
    rb'"request":\{"uid":"([-0-9A-Za-z]{1,64})",'
)
_TIME: Final = b'"time":"'
_TIME_IN_PLACE: Final = pattern(rb'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)","fieldsType":"FieldsV1","fieldsV1":\{')
_BEFORE_NAME: Final = b'"name":"'
_TOKEN: Final = _BEFORE_NAME + b"kube-api-access-"
_TOKEN_NAME: Final = pattern(rb"kube-api-access-[a-z0-9]{5}")
_TOKEN_LENGTH: Final = len("kube-api-access-12345")
# The volume, and its mount in a container, as the ServiceAccount plugin of the API server writes them.
_TOKEN_ENDS: Final = (
    b'","projected":{"sources":[',
    b'","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"',
)
# An escape of what stands in texts that are left out; no API server writes these.
_ESCAPED: Final = pattern(rb"\\u00(?:2[dD]|3[0-9aA]|4[1-9a-fA-F]|5[0-9aA]|6[1-9a-fA-F]|7[0-9aA])")
_MOST_LEFT_OUT: Final = 20
# Stands for what is left out; no UTF-8 has this byte, so that no other review has the key.
_LEFT_OUT: Final = b"\xff"
# Bytes of what is kept of an answer beside its texts, and of a text beside its characters.
_REST: Final = 3000
_TEXT: Final = 64


@dataclass(frozen=True, slots=True)
class Review:
    """The key of a review, its uid, and the other texts that the key leaves out."""

    key: bytes
    uid: bytes
    left_out: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an answer depends on beside configuration and review; the callables are those of the webhook."""

    namespace_of: Callable[[str], Namespace | None]
    native_sidecars: Callable[[str], bool | None]
    objects: Callable[[], tuple[Manifest, ...]]

    def match(self, facts: Facts, node: str) -> bool:
        """Whether they are still those of an answer, with the same objects."""
        namespace = self.namespace_of(facts.namespace) if facts.namespace else None
        return namespace == facts.namespace_object and self.native_sidecars(node) == facts.native_sidecars


@dataclass(frozen=True, slots=True)
class Repeatable:
    """An answer for all replicas: the bytes around the uid, and what log, metrics and records read."""

    before_uid: bytes
    after_uid: bytes
    answer: Answer
    asked: AdmissionRequest
    node: str
    lines: AdmissionLines

    def body(self, uid: bytes) -> bytes:
        """The answer to the review with this uid."""
        return b"%b%b%b" % (self.before_uid, uid, self.after_uid)


@dataclass(frozen=True, slots=True)
class Made:
    """An answer, `out` as it is sent. `whole`: records want the pod before an earlier injection."""

    asked: AdmissionRequest
    config: Config
    answer: Answer
    lines: AdmissionLines
    out: bytes
    whole: bool = False


class Replicas:
    """The answers of one configuration."""

    def __init__(
        self, limit: int, surroundings: Surroundings, evicted: Callable[[int], None] = lambda _count: None
    ) -> None:
        self._answers: Generations[Repeatable] = Generations(limit, evicted)
        self._enabled = limit > 0
        self._surroundings = surroundings
        self._config: Config | None = None
        self._objects: tuple[Manifest, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the answers and their keys."""
        return self._answers.size

    def find(self, review: Review, config: Config) -> Repeatable | None:
        """The answer to a review, None where it is not known."""
        objects = self._surroundings.objects()
        if config is not self._config or (objects is not self._objects and objects != self._objects):
            # Answers of other objects would only keep these in memory.
            self._answers.clear()
            self._config, self._objects = config, objects
        known = self._answers.get(review.key)
        if known is not None and not self._surroundings.match(known.answer.facts, known.node):
            self._answers.drop(review.key)
            return None
        return known

    def read(self, body: bytes, path: str) -> Review | None:
        """The key of a review; None where it is too large, or not written as an API server does it."""
        return review_of(body, path) if self._enabled and len(body) <= LARGEST else None

    def keep(self, review: Review, made: Made, body: bytes) -> None:
        """Keep the answer to a review that comes for the second time, where other replicas may have it."""
        # While a thread worked it out, another configuration or other objects may have come.
        is_current = made.config is self._config and made.answer.facts.objects == self._objects
        if not is_current or not made.answer.repeatable or not self._answers.met(review.key):
            return
        repeatable = repeatable_of(review, made, body)
        if repeatable is not None:
            self._answers.put(review.key, repeatable, _bytes_of(made))


def review_of(body: bytes, path: str) -> Review | None:
    """The key of a review; None where an API server does not write such a one."""
    head = _HEAD.match(body)
    if head is None or _LEFT_OUT in body:
        return None
    start, end = head.span(1)
    uid = body[start:end]
    rest, times = _without_times(body[end:])
    if uid in rest:
        # Whoever asks twice in one review has another request answered than the first.
        return None
    rest, token = _without_token(rest)
    key = hashlib.sha256(b"%b\xff%b%b" % (path.encode("utf-8", "surrogatepass"), body[:start], rest))
    return Review(key.digest(), uid, times + token)


def _without_times(text: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """A text without the times of managedFields, and these."""
    first, *others = text.split(_TIME)
    pieces, times = [first], list[bytes]()
    for piece in others:
        if match := _TIME_IN_PLACE.match(piece):
            times.append(match[1])
            piece = _LEFT_OUT + piece[match.end(1) :]
        pieces.append(piece)
    return (_TIME.join(pieces), tuple(times)) if times else (text, ())


def _without_token(text: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """A text without the name of the token's volume, and the name; as it is where the name is elsewhere."""
    at = text.find(_TOKEN)
    if at < 0:
        return text, ()
    start = at + len(_BEFORE_NAME)
    name = text[start : start + _TOKEN_LENGTH]
    if not _TOKEN_NAME.fullmatch(name):
        return text, ()
    pieces = text.split(name)
    if all(piece.endswith(_BEFORE_NAME) for piece in pieces[:-1]) and all(
        piece.startswith(_TOKEN_ENDS) for piece in pieces[1:]
    ):
        return _LEFT_OUT.join(pieces), (name,)
    return text, ()


def repeatable_of(review: Review, made: Made, body: bytes) -> Repeatable | None:
    """An answer for all replicas of a review; None where it is for this one alone."""
    outcome = made.answer.outcome
    before, middle, after = made.out.partition(b'"uid":"%b"' % review.uid)
    if not middle:
        return None
    if made.whole and outcome.before is not None:
        # A record has the pod of its own review, and that is worked out anew.
        return None
    texts = [*(_text(operation) for operation in outcome.patch), after.decode("ascii"), *_logged(outcome)]
    left_out = [text.decode("ascii") for text in review.left_out]
    if any(name in text for name in left_out for text in texts):
        return None
    if left_out and any(TOKEN_VOLUME in text for text in texts):
        # A volume of the injection could have the name of the pod's own.
        return None
    if not _are_in_place(set(left_out), made.asked.pod, body):
        return None
    if review.left_out and not unread.replicas_are_alike(made.asked.pod, made.config):
        return None
    return Repeatable(
        before + b'"uid":"',
        b'"' + after,
        replace(made.answer, review={}, outcome=reduced(outcome)),
        replace(made.asked, pod=_named(made.asked.pod)),
        made.asked.node,
        made.lines,
    )


def _are_in_place(left_out: Collection[str], pod: Mapping[str, Any], body: bytes) -> bool:
    """Whether texts that the key of a body leaves out are where they belong in the pod, and nowhere else."""
    # Another text of the body could be one of them in other letters, and searching for many takes long.
    if _ESCAPED.search(body) or len(left_out) > _MOST_LEFT_OUT:
        return False
    if "spec" not in pod:
        # An outline answered, and the pod was not parsed.
        review = reviews.READER.decode(body.decode("utf-8", "surrogatepass"))
        pod = fields(fields(review.get("request")).get("object"))
    places = list(_in_places(pod))
    return all(body.count(text.encode("ascii")) == places.count(text) for text in left_out)


def _in_places(pod: Mapping[str, Any]) -> Iterator[Any]:
    """The values where those that differ between replicas belong."""
    spec = fields(pod.get("spec"))
    yield from (each.get("time") for each in elements(fields(pod.get("metadata")).get("managedFields")))
    yield from (each.get("name") for each in elements(spec.get("volumes")))
    for part in names.CONTAINER_LISTS:
        for container in elements(spec.get(part)):
            yield from (each.get("name") for each in elements(container.get("volumeMounts")))


def _bytes_of(made: Made) -> int:
    """The memory for an answer and what is kept with it."""
    asked, answer = made.asked, made.answer
    names = (asked.uid, asked.name, asked.path, asked.node, *_named(asked.pod)["metadata"].values())
    facts, lines = answer.facts, made.lines
    user = (facts.user.username, *facts.user.groups) if facts.user else ()
    overrides = (*facts.overrides, *facts.overrides.values())
    logged = (lines.named, *(members for _, _, members in lines.more))
    texts = (*names, *logged, facts.namespace, *user, *overrides)
    return _REST + len(made.out) + bytes_of(answer.outcome) + sum(_TEXT + len(text) for text in texts)


def _logged(outcome: Outcome) -> list[str]:
    """What the log line, Events and records say, though the answer may not."""
    texts = [finding.message for finding in outcome.findings]
    return texts if outcome.error is None else [*texts, str(outcome.error), outcome.error.hint]


def _text(operation: Operation) -> str:
    return json.dumps([operation.path, operation.value], ensure_ascii=False)


def _named(pod: Manifest) -> Manifest:
    """What the log line says of a pod."""
    meta = pod.get("metadata")
    names = meta if isinstance(meta, dict) else {}
    return {
        "metadata": {key: names[key] for key in ("name", "generateName") if isinstance(names.get(key), str)}
    }
