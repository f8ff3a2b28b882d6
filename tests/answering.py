"""Answers to reviews without HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from injector.core.model import AdmissionRequest, Manifest, Namespace
from injector.core.profile import Config
from injector.server import answers, reviews
from injector.work import Work


def answer(
    review: Manifest | AdmissionRequest,
    config: Config,
    namespace_of: Callable[[str], Namespace | None] = lambda _name: None,
    *,
    native_sidecars: bool | None = None,
    objects: tuple[Manifest, ...] = (),
    work: Work | None = None,
    **policy: Any,
) -> answers.Answer:
    """What the webhook answers; `policy` are fields of an AnswerPolicy."""
    request = review if isinstance(review, AdmissionRequest) else reviews.request_of(review)
    facts = answers.facts_of(request, config, namespace_of, native_sidecars=native_sidecars, objects=objects)
    return answers.answer(request, config, facts, answers.AnswerPolicy(**policy), work=work)
