"""One admission: parse, collect the facts, inject, encode; in the loop, or in a thread where it takes long.

Not here: whose turn it is (queue.py), HTTP and replicas (app.py), and what an answer says (answers.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TypeAlias

from injector.classes import dataclass
from injector.core.model import AdmissionRequest
from injector.core.plans.planner import Question
from injector.core.profile import Config
from injector.errors import InjectorError, ReviewError
from injector.server import answers, reviews
from injector.server.planned import PlannedAnswers
from injector.server.queue import Overloaded
from injector.server.replicas import Review
from injector.server.state import State
from injector.server.worker import OutOfTime, Stopped, Worker
from injector.work import Work

# The limits of an admission in the loop: its body, units of work and CPU time. An ordinary pod of 5
# containers with 50 variables each stays below them.
LOOP_BYTES = 16 * 1024
LOOP_UNITS = 25_000
LOOP_SECONDS = 0.02
# By default an API server waits 10 seconds for an answer.
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One call of the webhook. `budget` is how many seconds the caller waits, None where unknown."""

    path: str
    budget: float | None
    started: float
    body: bytes
    review: Review | None = None


class TooLong(Exception):
    """An admission takes too long for the loop."""

    def __init__(self, asked: AdmissionRequest) -> None:
        super().__init__()
        self.asked = asked


Finish: TypeAlias = Callable[[HttpRequest, AdmissionRequest, Config, answers.Answer, bytes], None]
"""Takes a request with its review, the configuration, and the answer, also as it is sent."""


class Admissions:
    """The admissions of a webhook; `finish` is called in the loop for each that is answered."""

    def __init__(self, state: State, finish: Finish) -> None:
        self._state = state
        self._finish = finish
        self._plans = PlannedAnswers.of(
            state.limits.plans, state.policy, lambda count: state.metrics.evicted("plans", count)
        )
        state.metrics.cache_bytes("plans", lambda: self._plans.planner.size)

    def in_loop(self, request: HttpRequest) -> bytes:
        """The answer, worked out in this thread. Raises ReviewError, and TooLong where it takes too long."""
        asked = self.parse(request)
        config = self._state.current()
        begun = time.thread_time()

        def look() -> None:
            if work.spent > LOOP_UNITS or time.thread_time() - begun > LOOP_SECONDS:
                raise Stopped

        work = Work(config.work_limit, look)
        try:
            answer, out = self._reviewed(asked, config, work, len(request.body))()
        except Stopped:
            raise TooLong(asked) from None
        self._finish(request, asked, config, answer, out)
        return out

    async def in_thread(
        self, worker: Worker, request: HttpRequest, gone: Callable[[], bool], parsed: AdmissionRequest | None
    ) -> bytes:
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
        try:
            asked = await worker.do(lambda: self.parse(request), check) if parsed is None else parsed
        except OutOfTime:
            raise ReviewError(_out_of_time(limit), status=413) from None
        work = Work(config.work_limit, look)
        try:
            answer, out = await worker.do(self._reviewed(asked, own, work, None), check)
        except OutOfTime:
            answer, out = self._denied(asked, config, limit)
        self._finish(request, asked, config, answer, out)
        return out

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

    def _reviewed(
        self, asked: AdmissionRequest, config: Config, work: Work, size: int | None
    ) -> Callable[[], tuple[answers.Answer, bytes]]:
        """Collect the facts in the loop; return the rest of the work.

        `size` is that of the body; None where the work is for another thread, which uses no plans.
        """
        state = self._state
        try:
            native_sidecars = state.native_sidecars(asked.node)
            facts = answers.facts_of(
                asked,
                config,
                state.namespace_of,
                native_sidecars=native_sidecars,
                objects=state.objects(),
            )
        except Exception as error:
            answer = answers.failed(asked, config, error, state.policy)
            return lambda: (answer, _encoded(answer))
        plans = None if size is None else self._plans
        question = Question("thread") if plans is None else plans.ask(asked, config, facts, size or 0)
        state.metrics.planned(question.reason)

        def work_out() -> tuple[answers.Answer, bytes]:
            if plans is not None and (planned := plans.answer(question, asked, facts)):
                return planned
            answer = answers.answer(asked, config, facts, state.policy, work=work)
            if plans is not None:
                plans.learn(question, asked, config, answer, work.spent)
            return answer, _encoded(answer)

        return work_out

    def _denied(self, asked: AdmissionRequest, config: Config, limit: float) -> tuple[answers.Answer, bytes]:
        self._state.metrics.stopped()
        hint = "reduce the pod's containers, variables or annotations, or raise server.cpuMilliseconds"
        error = InjectorError(_out_of_time(limit), hint=hint)
        answer = answers.too_expensive(asked, config, error, self._state.policy)
        return answer, _encoded(answer)


def _encoded(answer: answers.Answer) -> bytes:
    return json.dumps(answer.review, separators=(",", ":")).encode("ascii")


def _out_of_time(limit: float) -> str:
    return f"injection needs more than {limit:g} seconds of CPU time"
