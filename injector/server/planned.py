"""Answers of the webhook by plans. Not here: the plans (core.plans), and answers by the ordinary way."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from injector.classes import dataclass
from injector.core.model import AdmissionRequest, Facts, Manifest, Verdict
from injector.core.outcome import Outcome
from injector.core.plans.planner import InjectionCall, PlanLookup, Planner
from injector.core.profile import Config
from injector.server import answers
from injector.server.answers import Answer, AnswerPolicy
from injector.server.outline import OutlinedReview
from injector.server.outlines import Outlines, UnknownReview
from injector.server.state import Limits
from injector.telemetry import log_event, quoted

# The part of the bytes that outlines may have.
_OUTLINES: Final = 4
# What stands in a made answer for the uid and for the patch.
_UID: Final = "uid-of-the-request"
_PATCH: Final = "patch-of-the-pod"


@dataclass(frozen=True, slots=True)
class PlannedAnswers:
    """The plans of a webhook, and how it words answers."""

    planner: Planner
    outlines: Outlines
    policy: AnswerPolicy

    @classmethod
    def of(cls, limits: Limits, policy: AnswerPolicy, evicted: Callable[[int], None]) -> PlannedAnswers:
        """Plans and outlines; `evicted` gets the number of plans that are dropped for others."""
        outlines = limits.plans // _OUTLINES
        return cls(Planner(limits.plans - outlines, evicted), Outlines(outlines, limits.nesting), policy)

    @property
    def size(self) -> int:
        """Bytes of the plans and outlines."""
        return self.planner.size + self.outlines.size

    def find(
        self,
        body: bytes,
        path: str,
        budget: float | None,
        config: Config,
        objects: tuple[Manifest, ...],
    ) -> OutlinedReview | UnknownReview | None:
        """What is known of a review without parsing it."""
        try:
            rules = self.planner.rules(config, objects)
            return None if rules is None else self.outlines.find(body, path, budget, rules)
        except Exception as error:
            # The review is parsed.
            _log(error)
            return None

    def learn(self, review: UnknownReview, asked: AdmissionRequest, lookup: PlanLookup) -> None:
        """Keep the outline of a review that a plan answers."""
        try:
            if lookup.planned is not None and lookup.shape is not None:
                self.outlines.learn(review, asked, lookup.shape)
        except Exception as error:
            _log(error)

    def look_up(self, asked: AdmissionRequest, config: Config, facts: Facts, size: int) -> PlanLookup:
        """Whether there is a plan for the pod of a request, whose body has `size` bytes."""
        if not asked.creates_pod:
            return PlanLookup("request")
        try:
            return self.planner.look_up(
                InjectionCall(asked.pod, facts, config, size), (asked.version, asked.path)
            )
        except Exception as error:
            # The ordinary way answers.
            _log(error)
            return PlanLookup("defect")

    def answer(
        self, lookup: PlanLookup, asked: AdmissionRequest, facts: Facts
    ) -> tuple[Answer, bytes] | None:
        """The answer by the plan of a pod, also as it is sent; None without a plan."""
        if lookup.planned is None:
            return None
        before, between, after = lookup.planned.rest
        head = f"{before}{quoted(asked.uid)}{between}".encode("ascii")
        out = b"%b%b%b" % (head, base64.b64encode(lookup.patch.encode("ascii")), after.encode("ascii"))
        return Answer({}, lookup.planned.outcome, Verdict.INJECT, facts=facts), out

    def learned(
        self, lookup: PlanLookup, asked: AdmissionRequest, own: Config, answer: Answer, spent: int
    ) -> Callable[[], None]:
        """Make a plan of the answer that the ordinary way gave; `spent` is its counted work.

        Returns what keeps it, to be called in the loop; the rest is for any thread with templates of its own.
        """

        def rest(outcome: Outcome) -> tuple[str, str, str]:
            made = answers.of_outcome(
                replace(asked, uid=_UID), own, answer.facts, self.policy, outcome, _PATCH
            )
            before, _, left = json.dumps(made.review, separators=(",", ":")).partition(json.dumps(_UID))
            between, _, after = left.partition(base64.b64encode(_PATCH.encode("ascii")).decode("ascii"))
            return before, between, after

        if lookup.shape is None or not answer.repeatable:
            return lambda: None
        template = {part: asked.pod.get(part) for part in ("metadata", "spec")}
        call = InjectionCall(template, answer.facts, own, 0)
        try:
            proven = self.planner.proven(lookup, call, answer.outcome, spent, rest)
        except Exception as error:
            _log(error)
            proven = None
        return lambda: self.planner.keep(lookup, answer.facts, answer.outcome, proven)


def _log(error: Exception) -> None:
    log_event("error", "defect", defect=answers.location(error))
