"""The webhook over HTTP: a plain ASGI callable for reviews in front of an app for all other paths.

Here: the way of a request through caller, replicas and queue, and what follows an answer. Not here: HTTP
itself (http.py), the admission (admitting.py), sockets and TLS (run.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from injector.core.model import AdmissionRequest
from injector.core.profile import Config
from injector.errors import ReviewError
from injector.pacing import Throttle
from injector.server import answers
from injector.server.admission_log import AdmissionLines
from injector.server.admitting import LOOP_BYTES, Admissions, HttpRequest, TooLong
from injector.server.body import Body
from injector.server.heads import RequestHead
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
from injector.server.queue import Call, Overloaded, Queue
from injector.server.replicas import Made, Replicas, Surroundings
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

    def at_once(self, head: RequestHead, body: bytes) -> bytes | HttpRequest:
        """The answer for a replica, or for an ordinary pod that would be next; else what is begun of it.

        Raises Overloaded where it would wait too long.
        """
        started = time.perf_counter()
        fits = len(body) <= self._state.limits.body
        review = self._replicas.read(body, head.path) if fits else None
        request = HttpRequest(head.path, head.budget, started, body, review)
        if answer := self._repeated(request):
            return answer
        if not fits or len(body) > LOOP_BYTES:
            return request
        namespace = namespace_of(body)
        try:
            answer = self._queue.at_once(lambda: self._admissions.in_loop(request), namespace)
        except TooLong as long:
            return long.request
        except Exception:
            # A review that is refused, or a defect: the app comes to the same, and says it to the caller.
            return request
        if answer is None:
            self._check_wait(head.budget, namespace)
        return request if answer is None else answer

    async def _answer(self, scope: Scope, body: Body, send: Send) -> None:
        """Read and answer a review in its turn; answer 429 at once where it would wait too long."""
        started = time.perf_counter()
        check_head(scope, self._state.limits.body)
        budget, answer = budget_of(scope.get("query_string", b"")), None
        await self._check_caller(scope, body, budget)
        try:
            self._queue.check(budget)
            with self._queue.holding() as hold:
                text = await body.read(hold)
                if text is None:
                    return
                request: HttpRequest | None = scope.get("state", {}).get("begun")
                if request is None:
                    review = self._replicas.read(text, scope["path"])
                    request = HttpRequest(scope["path"], budget, started, text, review)
                    answer = self._repeated(request)
                answer = answer or await self._admit(request, gone_of(scope))
        except Overloaded as overload:
            self._note_refusal(overload.cause)
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

    def _check_wait(self, budget: float | None, namespace: str) -> None:
        """Raise Overloaded where the app would, which has to parse the head of the request first."""
        try:
            self._queue.check(budget, namespace)
        except Overloaded as overload:
            self._note_refusal(overload.cause)
            raise

    def _note_refusal(self, cause: str) -> None:
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
        asked, uid = known.asked, request.review.uid.decode("ascii")
        if self._state.notify is not None or self._state.record is not None:
            # They read the pod.
            asked = self._admissions.parse(request)
        self._note_answer(request, asked, config, known.answer)
        known.lines.write(uid, request.budget, time.perf_counter() - request.started)
        return known.body(request.review.uid)

    async def _admit(self, request: HttpRequest, gone: Callable[[], bool]) -> bytes:
        """The answer: of an ordinary pod from the loop, else from a thread.

        Raises Overloaded and ReviewError.
        """
        body = request.body
        call = Call(request.started, request.budget, gone, namespace_of(body), len(body))
        cause, asked = "work" if request.is_long else "size", request
        if len(body) <= LOOP_BYTES and not request.is_long:
            try:
                return await self._queue.in_loop(lambda: self._admissions.in_loop(request), call)
            except TooLong as long:
                cause, asked = "work", long.request
        self._state.metrics.threaded(cause)
        return await self._queue.in_thread(
            lambda worker: self._admissions.in_thread(worker, asked, gone), call
        )

    def _finish(
        self,
        request: HttpRequest,
        asked: AdmissionRequest,
        config: Config,
        answer: answers.Answer,
        out: bytes,
    ) -> None:
        """Count the admission, log it, pass it to Events and records, and keep a new answer for replicas."""
        self._note_answer(request, asked, config, answer)
        lines = AdmissionLines.of(asked, answer, config)
        lines.write(asked.uid, request.budget, time.perf_counter() - request.started)
        if request.review is not None:
            made = Made(asked, config, answer, lines, out, whole=self._state.record is not None)
            self._replicas.keep(request.review, made, request.body)

    def _note_answer(
        self, request: HttpRequest, asked: AdmissionRequest, config: Config, answer: answers.Answer
    ) -> None:
        """Count an answer, and pass it to Events and records."""
        state = self._state
        reason = answer.outcome.decision.reason.value
        seconds = time.perf_counter() - request.started
        state.metrics.admitted(answer.decision, reason, config.profile.name, seconds)
        # A dry run has no side effects, as sideEffects NoneOnDryRun promises.
        if asked.dry_run:
            return
        if state.notify is not None:
            state.notify(asked, answer.outcome, answer.decision)
        if state.record is not None:
            size = len(request.body)
            state.record(asked, answer.facts, answer.outcome, answer.decision, config, size)
