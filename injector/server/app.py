"""The webhook over HTTP: a plain ASGI callable for reviews in front of an app for all other paths.

Here: the way of an admission through caller, queue and core, and its metrics. Not here: HTTP itself
(http.py), what a review means (reviews.py, answers.py), sockets and TLS (run.py). `State` declares
what is needed of the other parts as callables, and `injector.serving` passes them in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from injector.core.model import AdmissionRequest, Facts, Manifest, Namespace, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.errors import InjectorError, ReviewError
from injector.pacing import Throttle
from injector.server import answers, replicas, reviews
from injector.server.admission_log import log_admission
from injector.server.answers import AnswerPolicy
from injector.server.body import Body
from injector.server.http import (
    AsgiApp,
    Receive,
    Scope,
    Send,
    budget_of,
    certificate_of,
    check_head,
    gone_of,
    is_review_path,
    send_answer,
    send_overloaded,
    send_refusal,
)
from injector.server.plans import Planned, Plans
from injector.server.queue import Call, Overloaded, Queue, Size
from injector.server.replicas import Repeatable, Replicas, Review, Surroundings
from injector.server.shares import namespace_of
from injector.server.worker import OutOfTime, Stopped, Worker
from injector.telemetry import Metrics, log_event
from injector.work import Work

Record: TypeAlias = Callable[[AdmissionRequest, Facts, Outcome, Verdict, Config, int], None]
"""Takes a request, the facts, the outcome, the decision, the configuration, and the size of the body."""
Caller: TypeAlias = Callable[[Mapping[str, Any] | None, str, float | None], Awaitable[tuple[int, str] | None]]
"""Takes the caller's verified certificate, the Authorization header, and the seconds that the caller waits,
None where unknown. Returns HTTP status and reason for a caller that is refused."""
Notify: TypeAlias = Callable[[AdmissionRequest, Outcome, Verdict], None]
"""Takes a request, its outcome, and the decision."""

# An overload, or a kind of bad request, is logged once in this time.
_LOG_SECONDS = 10.0

# The limits of an admission in the loop: its body, units of work and CPU time. An ordinary pod of 5
# containers with 50 variables each stays below them.
LOOP_BYTES = 16 * 1024
LOOP_UNITS = 25_000
LOOP_SECONDS = 0.02
# By default an API server waits 10 seconds for an answer.
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a request: bytes, levels of nesting, the queue, CPU time; and bytes of the caches."""

    body: int = reviews.BODY_LIMIT
    nesting: int = reviews.NESTING_LIMIT
    queue: Size = field(default_factory=Size)
    cpu_seconds: float = 1.0
    replicas: int = 0
    plans: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What the webhook needs of the other parts. The callables answer at once and never block.

    `native_sidecars` takes the name of the pod's node, empty where it has none. `waiting` names
    what is not ready yet, with a sentence each; `notes` is what an operator should know though
    the process is ready.
    """

    current: Callable[[], Config]
    metrics: Metrics
    namespace_of: Callable[[str], Namespace | None] = lambda _name: None
    native_sidecars: Callable[[str], bool | None] = lambda _node: None
    objects: Callable[[], tuple[Manifest, ...]] = tuple
    waiting: Callable[[], Mapping[str, str]] = dict
    notes: Callable[[], Mapping[str, str]] = dict
    draining: Callable[[], bool] = bool
    limits: Limits = field(default_factory=Limits)
    policy: AnswerPolicy = field(default_factory=AnswerPolicy)
    record: Record | None = None
    notify: Notify | None = None
    caller: Caller | None = None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One call of the webhook. `budget` is how many seconds the caller waits, None where unknown."""

    path: str
    budget: float | None
    started: float
    body: bytes
    review: Review | None = None


class _TooLong(Exception):
    """An admission takes too long for the loop."""

    def __init__(self, asked: AdmissionRequest) -> None:
        super().__init__()
        self.asked = asked


class Webhook:
    """The ASGI app of the TLS listener: ``POST /mutate``, ``/inject`` and below; all else goes to `rest`.

    A POST to any other path comes of a wrong registration: it is refused, and counted.
    """

    def __init__(self, state: State, rest: AsgiApp) -> None:
        self._state = state
        self._rest = rest
        self._queue = Queue(state.limits.queue)
        self._under_way = 0
        self._overloads = Throttle(_LOG_SECONDS)
        self._rejected = Throttle(_LOG_SECONDS)
        self._replicas = Replicas(
            state.limits.replicas,
            Surroundings(state.namespace_of, state.native_sidecars, state.objects),
            lambda count: state.metrics.evicted("replicas", count),
        )
        self._plans = Plans(
            state.limits.plans, state.policy, lambda count: state.metrics.evicted("plans", count)
        )
        state.metrics.cache_bytes("replicas", lambda: self._replicas.size)
        state.metrics.cache_bytes("plans", lambda: self._plans.size)
        state.metrics.load(waiting=lambda: len(self._queue), under_way=lambda: self._under_way)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI calls it."""
        if scope["type"] != "http" or (scope["method"] != "POST" and not is_review_path(scope["path"])):
            await self._rest(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._answer(scope, Body(receive, self._state.limits.body), send)
        except ReviewError as error:
            self._state.metrics.rejected(error.status)
            if times := self._rejected.times(error.status):
                log_event("warning", "rejected", code=error.status, reason=error.message, times=times)
            await send_refusal(send, error)
        finally:
            self._under_way -= 1

    async def _answer(self, scope: Scope, body: Body, send: Send) -> None:
        """Read and answer a review in its turn; answer 429 at once where it would wait too long."""
        started = time.perf_counter()
        check_head(scope, self._state.limits.body)
        budget = budget_of(scope.get("query_string", b""))
        await self._check_caller(scope, body, budget)
        try:
            self._queue.check(budget)
            with self._queue.holding() as hold:
                text = await body.read(hold)
                if text is None:
                    return
                review = self._replicas.read(text, scope["path"])
                request = HttpRequest(scope["path"], budget, started, text, review)
                answer = self._repeated(request) or await self._admit(request, gone_of(scope))
        except Overloaded as overload:
            self._note(overload.cause)
            await body.discard()
            await send_overloaded(send, last=not body.ended)
            return
        await send_answer(send, 200, b"application/json", answer)

    async def _check_caller(self, scope: Scope, body: Body, budget: float | None) -> None:
        """Raise ReviewError for a caller that is not accepted; its body is thrown away."""
        if self._state.caller is None:
            return
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        refused = await self._state.caller(certificate_of(scope), authorization, budget)
        if refused is not None:
            status, reason = refused
            await body.discard()
            raise ReviewError(f"the caller is rejected: {reason}", status=status)

    def _note(self, cause: str) -> None:
        """Count a refusal, and log the overload now and then."""
        self._state.metrics.shed(cause)
        if times := self._overloads.times("overloaded"):
            log_event("warning", "overloaded", cause=cause, refused=times, waiting=len(self._queue))

    def _repeated(self, request: HttpRequest) -> bytes | None:
        """The answer that a replica got, None where none is known; it costs too little to take a turn."""
        if request.review is None:
            return None
        config = self._state.current()
        known = self._replicas.find(request.review, config)
        self._state.metrics.cached("replicas", found=known is not None)
        if known is None:
            return None
        self._finish(request, self._asked_again(request, known), config, known.answer, b"")
        return known.body(request.review.uid)

    def _asked_again(self, request: HttpRequest, known: Repeatable) -> AdmissionRequest:
        """The request of a replica; parsed only where somebody reads its pod."""
        if self._state.notify is not None or self._state.record is not None:
            return self._parse(request)
        uid = request.review.uid.decode("ascii") if request.review else ""
        return replace(known.asked, uid=uid, budget=request.budget)

    async def _admit(self, request: HttpRequest, gone: Callable[[], bool]) -> bytes:
        """The answer: of an ordinary pod from the loop, else from a thread.

        Raises Overloaded and ReviewError.
        """
        body = request.body
        call = Call(request.started, request.budget, gone, namespace_of(body), len(body))
        cause, parsed = "size", None
        if len(body) <= LOOP_BYTES:
            try:
                return await self._queue.in_loop(lambda: self._in_loop(request), call)
            except _TooLong as long:
                cause, parsed = "work", long.asked
        self._state.metrics.threaded(cause)
        return await self._queue.in_thread(
            lambda worker: self._in_thread(worker, request, gone, parsed), call
        )

    def _in_loop(self, request: HttpRequest) -> bytes:
        asked = self._parse(request)
        config = self._state.current()
        begun = time.thread_time()

        def look() -> None:
            if work.spent > LOOP_UNITS or time.thread_time() - begun > LOOP_SECONDS:
                raise Stopped

        work = Work(config.work_limit, look)
        try:
            answer, out = self._reviewed(asked, config, work, self._plans)()
        except Stopped:
            raise _TooLong(asked) from None
        self._finish(request, asked, config, answer, out)
        return out

    async def _in_thread(
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
            asked = await worker.do(lambda: self._parse(request), check) if parsed is None else parsed
        except OutOfTime:
            raise ReviewError(_out_of_time(limit), status=413) from None
        work = Work(config.work_limit, look)
        try:
            answer, out = await worker.do(self._reviewed(asked, own, work, None), check)
        except OutOfTime:
            answer, out = self._denied(asked, config, limit)
        self._finish(request, asked, config, answer, out)
        return out

    def _parse(self, request: HttpRequest) -> AdmissionRequest:
        limits = self._state.limits
        return reviews.parse(
            request.body,
            path=request.path,
            budget=request.budget,
            body_limit=limits.body,
            nesting_limit=limits.nesting,
        )

    def _reviewed(
        self, asked: AdmissionRequest, config: Config, work: Work, plans: Plans | None
    ) -> Callable[[], tuple[answers.Answer, bytes]]:
        """Collect the facts in the loop; return the rest of the work, for any thread without `plans`."""
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
        planned = Planned("thread") if plans is None else plans.find(asked, config, facts)
        state.metrics.planned(planned.reason)

        def work_out() -> tuple[answers.Answer, bytes]:
            if planned.made is not None:
                return planned.made
            answer = answers.answer(asked, config, facts, state.policy, work=work)
            made = answer, _encoded(answer)
            if plans is not None:
                plans.learn(planned, asked, config, made, work.spent)
            return made

        return work_out

    def _denied(self, asked: AdmissionRequest, config: Config, limit: float) -> tuple[answers.Answer, bytes]:
        self._state.metrics.stopped()
        hint = "reduce the pod's containers, variables or annotations, or raise server.cpuMilliseconds"
        error = InjectorError(_out_of_time(limit), hint=hint)
        answer = answers.too_expensive(asked, config, error, self._state.policy)
        return answer, _encoded(answer)

    def _finish(
        self,
        request: HttpRequest,
        asked: AdmissionRequest,
        config: Config,
        answer: answers.Answer,
        new: bytes,
    ) -> None:
        """Count the admission, log it, pass it to Events and records, and keep a new answer for replicas."""
        state = self._state
        seconds = time.perf_counter() - request.started
        reason = answer.outcome.decision.reason.value
        state.metrics.admitted(answer.decision, reason, config.profile.name, seconds)
        log_admission(asked, answer, config, seconds)
        # A dry run has no side effects, as sideEffects NoneOnDryRun promises.
        if state.notify is not None and not asked.dry_run:
            state.notify(asked, answer.outcome, answer.decision)
        if state.record is not None and not asked.dry_run:
            size = len(request.body)
            state.record(asked, answer.facts, answer.outcome, answer.decision, config, size)
        if new and request.review is not None:
            made = replicas.Made(asked, config, answer, new, whole=state.record is not None)
            self._replicas.keep(request.review, made)


def _encoded(answer: answers.Answer) -> bytes:
    return json.dumps(answer.review, separators=(",", ":")).encode("ascii")


def _out_of_time(limit: float) -> str:
    return f"injection needs more than {limit:g} seconds of CPU time"
