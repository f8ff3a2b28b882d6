"""Answers that serve all replicas of a pod: found by a digest of the review, without parsing it.

An answer is kept only where none of the texts that the key leaves out is in it. What the answer depends on
beside the review is compared at each hit (`Surroundings`), and the cache is emptied when the configuration
or the objects of the profile change. Not here: the key (review_keys.py), and what is per call (log, metrics,
Events, records) (app.py).
"""

from __future__ import annotations

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
from injector.server.review_keys import ReplicaFrame, Review, frame_of, review_of

LARGEST: Final = 512 * 1024
"""The body of a review that is looked up; the digest of a larger one takes too long for the loop."""

# An escape of what stands in texts that are left out; no API server writes these.
_ESCAPED: Final = pattern(rb"\\u00(?:2[dD]|3[0-9aA]|4[1-9a-fA-F]|5[0-9aA]|6[1-9a-fA-F]|7[0-9aA])")
_MOST_LEFT_OUT: Final = 20
# Bytes of what is kept of an answer beside its texts, and of a text beside its characters.
_REST: Final = 3000
_TEXT: Final = 64
# The share of the cache for frames.
_FRAMES: Final = 16


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
        self._answers: Generations[Repeatable] = Generations(limit - limit // _FRAMES, evicted)
        self._enabled = limit > 0
        self._surroundings = surroundings
        self._config: Config | None = None
        self._objects: tuple[Manifest, ...] = ()
        # Of the last answer that was kept for a review of so many bytes. They say nothing of the answers.
        self._frames: dict[int, ReplicaFrame] = {}
        self._size_of_frames, self._of_frames = 0, limit // _FRAMES

    @property
    def size(self) -> int:
        """Bytes of the answers and their keys."""
        return self._answers.size + self._size_of_frames

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
        if not self._enabled or len(body) > LARGEST:
            return None
        frame = self._frames.get(len(body))
        return (frame and frame.review(body, path)) or review_of(body, path)

    def keep(self, review: Review, made: Made, body: bytes) -> None:
        """Keep the answer to a review that comes for the second time, where other replicas may have it."""
        # While a thread worked it out, another configuration or other objects may have come.
        is_current = made.config is self._config and made.answer.facts.objects == self._objects
        if not is_current or not made.answer.repeatable or not self._answers.met(review.key):
            return
        repeatable = repeatable_of(review, made, body)
        if repeatable is not None and self._answers.put(review.key, repeatable, _bytes_of(made)):
            self._keep_frame(body, made.asked.path, review.key)

    def _keep_frame(self, body: bytes, path: str, key: bytes) -> None:
        frame = frame_of(body, path, key)
        if frame is None or frame.size > self._of_frames:
            return
        self._drop_frame(len(body))
        self._frames[len(body)] = frame
        self._size_of_frames += frame.size
        while self._size_of_frames > self._of_frames:
            self._drop_frame(next(iter(self._frames)))

    def _drop_frame(self, length: int) -> None:
        frame = self._frames.pop(length, None)
        self._size_of_frames -= frame.size if frame else 0


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
