"""One admission: parse, collect the facts, inject, encode; in the loop, or in a thread where it takes long.

Not here: whose turn it is (queue.py), HTTP and replicas (app.py), and what an answer says (answers.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import field, replace
from typing import TypeAlias

from injector.classes import dataclass
from injector.core.model import AdmissionRequest, Facts
from injector.core.plans.planner import InjectionCall, PlanLookup
from injector.core.profile import Config
from injector.errors import InjectorError, ReviewError
from injector.json_text import writer
from injector.server import answers, reviews
from injector.server.outline import OutlinedReview
from injector.server.outlines import UnknownReview
from injector.server.planned import PlannedAnswers
from injector.server.queue import Overloaded
from injector.server.review_keys import Review
from injector.server.state import State
from injector.server.worker import OutOfTime, Stopped, Worker
from injector.work import Work

# The limits of an admission in the loop: its body, units of work and CPU time. An ordinary pod of 5
# containers with 50 variables each stays below them.
LOOP_BYTES = 16 * 1024
LOOP_UNITS = 25_000
LOOP_SECONDS = 0.02
# The body of a review for whose pod a plan is looked up, in the loop.
PLANNED_BYTES = 64 * 1024
# The most work of an admission for which a plan is made, as that takes the same work once more.
PLANNED_UNITS = 100_000
_PATCH = "patch"
# By default an API server waits 10 seconds for an answer.
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class BegunAdmission:
    """An admission that is begun: the request, its configuration and facts, and what is known of its shape.

    `failure` is the answer where the facts could not be collected.
    """

    asked: AdmissionRequest
    config: Config
    facts: Facts = field(default_factory=Facts)
    lookup: PlanLookup = field(default_factory=PlanLookup)
    failure: answers.Answer | None = None


_compact = writer()


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One call of the webhook. `budget` is how many seconds the caller waits, None where unknown.

    `unknown` is its review where that has no known outline, `begun` its admission as far as it was tried, and
    `is_long` says that it takes too long for the loop.
    """

    path: str
    budget: float | None
    started: float
    body: bytes
    review: Review | None = None
    unknown: UnknownReview | None = None
    begun: BegunAdmission | None = None
    is_long: bool = False


class TooLong(Exception):
    """An admission takes too long for the loop."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__()
        self.request = request


Finish: TypeAlias = Callable[[HttpRequest, AdmissionRequest, Config, answers.Answer, bytes], None]
"""Takes a request with its review, the configuration, and the answer, also as it is sent."""


class Admissions:
    """The admissions of a webhook; `finish` is called in the loop for each that is answered."""

    def __init__(self, state: State, finish: Finish) -> None:
        self._state = state
        self._finish = finish
        self._plans = PlannedAnswers.of(
            state.limits, state.policy, lambda count: state.metrics.evicted("plans", count)
        )
        state.metrics.cache_bytes("plans", lambda: self._plans.size)

    def in_loop(self, request: HttpRequest) -> bytes:
        """The answer, worked out in this thread. Raises ReviewError, and TooLong where it takes too long."""
        tried = self.outlined(request)
        if isinstance(tried, bytes):
            return tried
        request = tried
        begun = time.thread_time()

        def look() -> None:
            if work.spent > LOOP_UNITS or time.thread_time() - begun > LOOP_SECONDS:
                raise Stopped

        admission = self.begin(request)
        config = admission.config
        work = Work(config.work_limit, look)
        try:
            answer, out, learn = self._work_out(admission, config, work)
        except Stopped:
            raise TooLong(replace(request, begun=admission, is_long=True)) from None
        learn()
        self._finish(request, admission.asked, config, answer, out)
        return out

    def begin(self, request: HttpRequest) -> BegunAdmission:
        """The admission of a request by the present configuration. Raises ReviewError."""
        config, begun = self._state.current(), request.begun
        if begun and begun.config is config:
            return begun
        admission = self._begun(request, self.parse(request), config)
        if request.unknown is not None:
            self._plans.learn(request.unknown, admission.asked, admission.lookup)
        return admission

    def outlined(self, request: HttpRequest) -> bytes | HttpRequest:
        """The answer to a review of a known outline; else the request, with its review to learn one of."""
        state = self._state
        is_read = state.notify is not None or state.record is not None
        if request.begun or is_read or not state.limits.plans or len(request.body) > LOOP_BYTES:
            return request
        config = state.current()
        review = self._plans.find(request.body, request.path, request.budget, config, state.objects())
        if isinstance(review, OutlinedReview):
            return self._by_outline(request, review, config) or request
        return request if review is None else replace(request, unknown=review)

    def _by_outline(self, request: HttpRequest, review: OutlinedReview, config: Config) -> bytes | None:
        """The answer to a review of a known outline by the plan of its shape; None without a plan."""
        state, asked = self._state, review.asked
        try:
            facts = self._facts(asked, review.node, config)
        except Exception:
            # It fails again when the review is parsed, and is answered there.
            return None
        lookup = self._plans.planner.of_shape(
            review.shape, InjectionCall(asked.pod, facts, config, len(request.body))
        )
        planned = None if lookup is None else self._plans.answer(lookup, asked, facts)
        if planned is None:
            return None
        state.metrics.planned("")
        self._finish(request, asked, config, *planned)
        return planned[1]

    async def in_thread(self, worker: Worker, request: HttpRequest, gone: Callable[[], bool]) -> bytes:
        """Parse, inject and write in the thread; facts, metrics and logs belong to the loop."""
        budget = ANSWER_SECONDS if request.budget is None else min(ANSWER_SECONDS, request.budget)
        limit = min(self._state.limits.cpu_seconds, budget)

        def wanted() -> None:
            if gone():
                raise Overloaded("gone")
            if time.perf_counter() - request.started > budget:
                raise Overloaded("age")

        def check() -> None:
            wanted()
            if worker.used() > limit:
                raise OutOfTime

        def look() -> None:
            if worker.used() > limit:
                raise Stopped

        config = self._state.current()
        own = await worker.config(config, wanted)
        worker.begin()
        begun = request.begun
        if begun is None or begun.config is not config:
            begun = await self._begun_by(worker, request, config, check, limit)
        admission = begun
        work = Work(config.work_limit, look)
        try:
            answer, out, learn = await worker.do(lambda: self._work_out(admission, own, work), check)
        except OutOfTime:
            answer, out, learn = *self._denied(admission.asked, config, limit), _nothing
        learn()
        self._finish(request, admission.asked, config, answer, out)
        return out

    async def _begun_by(
        self, worker: Worker, request: HttpRequest, config: Config, check: Callable[[], None], limit: float
    ) -> BegunAdmission:
        """The admission, parsed by a thread. Raises ReviewError."""
        try:
            asked = await worker.do(lambda: self.parse(request), check)
        except OutOfTime:
            raise ReviewError(_out_of_time(limit), status=413) from None
        return self._begun(request, asked, config)

    def parse(self, request: HttpRequest) -> AdmissionRequest:
        """The request of the review in a body. Raises ReviewError."""
        limits = self._state.limits
        return reviews.parse(
            request.body,
            path=request.path,
            budget=request.budget,
            body_limit=limits.body,
            nesting_limit=limits.nesting,
        )

    def _begun(self, request: HttpRequest, asked: AdmissionRequest, config: Config) -> BegunAdmission:
        """The admission with its facts, which are collected in the loop."""
        state, size = self._state, len(request.body)
        try:
            facts = self._facts(asked, asked.node, config)
        except Exception as error:
            return BegunAdmission(asked, config, failure=answers.failed(asked, config, error, state.policy))
        looks = size <= PLANNED_BYTES
        lookup = self._plans.look_up(asked, config, facts, size) if looks else PlanLookup("size")
        state.metrics.planned(lookup.reason)
        return BegunAdmission(asked, config, facts, lookup)

    def _facts(self, asked: AdmissionRequest, node: str, config: Config) -> Facts:
        state = self._state
        return answers.facts_of(
            asked,
            config,
            state.namespace_of,
            native_sidecars=state.native_sidecars(node),
            objects=state.objects(),
        )

    def _work_out(
        self, admission: BegunAdmission, own: Config, work: Work
    ) -> tuple[answers.Answer, bytes, Callable[[], None]]:
        """The answer, also as it is sent, and what is to be called in the loop to learn of it.

        `own` is the configuration with templates for this thread.
        """
        asked, facts, lookup = admission.asked, admission.facts, admission.lookup
        if admission.failure is not None:
            return admission.failure, _encoded(admission.failure), _nothing
        if planned := self._plans.answer(lookup, asked, facts):
            return *planned, _nothing
        answer = answers.answer(asked, own, facts, self._state.policy, work=work)
        cheap = work.spent <= PLANNED_UNITS
        learn = self._plans.learned(lookup, asked, own, answer, work.spent) if cheap else _nothing
        return answer, _encoded(answer), learn

    def _denied(self, asked: AdmissionRequest, config: Config, limit: float) -> tuple[answers.Answer, bytes]:
        self._state.metrics.stopped()
        hint = "reduce the pod's containers, variables or annotations, or raise server.cpuMilliseconds"
        error = InjectorError(_out_of_time(limit), hint=hint)
        answer = answers.too_expensive(asked, config, error, self._state.policy)
        return answer, _encoded(answer)


def _nothing() -> None:
    pass


def _encoded(answer: answers.Answer) -> bytes:
    response = answer.review["response"]
    if _PATCH not in response:
        return _compact(answer.review).encode("ascii")
    # Base64 needs no escapes, and is most of the answer.
    without = _compact({**answer.review, "response": {**response, _PATCH: ""}})
    head, mark, tail = without.partition(f'"{_PATCH}":"')
    return f"{head}{mark}{response[_PATCH]}{tail}".encode("ascii")


def _out_of_time(limit: float) -> str:
    return f"injection needs more than {limit:g} seconds of CPU time"
