"""The webhook over HTTP: a plain ASGI callable for reviews in front of an app for all other paths.

Here: the way of a request through caller, replicas and queue, and what follows an answer. Not here: HTTP
itself (http.py), the admission (admitting.py), sockets and TLS (run.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from injector.core.model import AdmissionRequest
from injector.core.profile import Config
from injector.errors import ReviewError
from injector.pacing import Throttle
from injector.server import answers
from injector.server.admission_log import log_admission
from injector.server.admitting import LOOP_BYTES, Admissions, HttpRequest, TooLong
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
from injector.server.outlines import SplitReview
from injector.server.queue import Call, Overloaded, Queue
from injector.server.replicas import Made, Repeatable, Replicas, Surroundings
from injector.server.shares import namespace_of
from injector.server.state import State
from injector.telemetry import log_event

# An overload, or a kind of bad request, is logged once in this time.
_LOG_SECONDS = 10.0


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
        self._admissions = Admissions(state, self._finish)
        state.metrics.cache_bytes("replicas", lambda: self._replicas.size)
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
                gone = gone_of(scope)
                answer = self._repeated(request) or (None if gone() else self._admissions.at_once(request))
                if not isinstance(answer, bytes):
                    answer = await self._admit(request, gone, answer)
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
        self._state.metrics.cached("replicas", hit=known is not None)
        if known is None:
            return None
        self._finish(request, self._asked_again(request, known), config, known.answer, b"")
        return known.body(request.review.uid)

    def _asked_again(self, request: HttpRequest, known: Repeatable) -> AdmissionRequest:
        """The request of a replica; parsed only where somebody reads its pod."""
        if self._state.notify is not None or self._state.record is not None:
            return self._admissions.parse(request)
        uid = request.review.uid.decode("ascii") if request.review else ""
        return replace(known.asked, uid=uid, budget=request.budget)

    async def _admit(
        self, request: HttpRequest, gone: Callable[[], bool], review: SplitReview | None
    ) -> bytes:
        """The answer: of an ordinary pod from the loop, else from a thread; `review` is the same, split.

        Raises Overloaded and ReviewError.
        """
        body = request.body
        call = Call(request.started, request.budget, gone, namespace_of(body), len(body))
        cause, begun = "size", None
        if len(body) <= LOOP_BYTES:
            try:
                return await self._queue.in_loop(lambda: self._admissions.in_loop(request, review), call)
            except TooLong as long:
                cause, begun = "work", long.begun
        self._state.metrics.threaded(cause)
        return await self._queue.in_thread(
            lambda worker: self._admissions.in_thread(worker, request, gone, begun), call
        )

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
            made = Made(asked, config, answer, new, whole=state.record is not None)
            self._replicas.keep(request.review, made)
