"""The webhook over HTTP: a plain ASGI callable for reviews in front of a FastAPI app for the rest.

Here: paths, methods, sizes, status codes, the log line and the metrics of each admission. Not
here: what a review means (reviews.py), sockets and TLS (run.py). Where the facts come from is not
known here: `State` declares what is needed as callables, and `injector.serving` fills them in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from injector import durations
from injector.core.model import AdmissionRequest, Facts, Finding, Manifest, Namespace, Verdict
from injector.core.profile import Config, Outcome
from injector.errors import InjectorError, ReviewError
from injector.pacing import Throttle
from injector.printable import visible
from injector.server import answers, reviews
from injector.server.answers import AnswerPolicy
from injector.server.body import DISCARDED, Body, too_large
from injector.server.queue import Call, Overloaded, Queue, Size
from injector.server.shares import namespace_of
from injector.server.worker import OutOfTime, Stopped, Worker
from injector.telemetry import Metrics, log_event
from injector.work import Work

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Record: TypeAlias = Callable[[AdmissionRequest, Facts, Outcome, Verdict, Config, int], None]
"""Takes a request, what was known, what came of it, the decision, and the size of the body."""
Caller: TypeAlias = Callable[[Mapping[str, Any] | None, str, float | None], Awaitable[tuple[int, str] | None]]
"""Takes the caller's certificate as the handshake verified it, the Authorization header, and the seconds
that the caller waits where it says so; gives HTTP status and reason for a caller that is refused."""
Notify: TypeAlias = Callable[[AdmissionRequest, Outcome, Verdict], None]
"""Takes a request, what came of it, and the decision."""

# An overload, or a kind of bad request, is logged once in this time.
_LOG_SECONDS = 10.0
# What of an admission's findings one log line holds, in characters, each of which takes up to six
# in JSON; container runtimes split lines at 16 KiB.
_FINDINGS = 200
_FINDINGS_LENGTH = 2000

# What is done in the loop: admissions of a body of this size, up to these units of work and this
# CPU time. It is what an ordinary pod of 5 containers with 50 variables each takes.
LOOP_BYTES = 16 * 1024
LOOP_UNITS = 25_000
LOOP_SECONDS = 0.02
# After this time nobody waits for an answer: an API server does for 10 seconds by default.
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a request is read, in bytes and levels, how many may wait, and for how long one works."""

    body: int = reviews.BODY_LIMIT
    nesting: int = reviews.NESTING_LIMIT
    queue: Size = field(default_factory=Size)
    cpu_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class State:
    """What the webhook asks of the world, as callables that answer at once and never block.

    `native_sidecars` takes the name of the pod's node, empty where it has none. `waiting` names
    what is not ready yet, with a sentence each; `notes` is what an operator should know and what
    does not keep the process from being ready.
    """

    current: Callable[[], Config]
    metrics: Metrics
    namespace_of: Callable[[str], Namespace | None] = lambda name: None
    native_sidecars: Callable[[str], bool | None] = lambda node: None
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
    """One call of the webhook. `budget` is what the caller still waits, in seconds, where it says so."""

    path: str
    budget: float | None
    started: float
    body: bytes


# What /readyz answers, for the app's OpenAPI: by it the answers are tested.
_SENTENCES = {"type": "object", "additionalProperties": {"type": "string"}}
_READY: dict[str, Any] = {"ready": {"type": "boolean"}}
_DETAIL: dict[str, Any] = {
    "waiting": _SENTENCES,
    "notes": _SENTENCES,
    "config": {**_SENTENCES, "required": ["digest", "profile", "revision"]},
}


class _Long(Exception):
    """An admission takes too long for the loop."""

    def __init__(self, asked: AdmissionRequest) -> None:
        super().__init__()
        self.asked = asked


class Webhook:
    """The ASGI app of the TLS listener: ``POST /mutate``, ``/inject`` and below; other questions to `rest`.

    A POST to any other path is a review that a wrong registration sends: it is refused, and counted.
    """

    def __init__(self, state: State, rest: AsgiApp) -> None:
        self._state = state
        self._rest = rest
        self._queue = Queue(state.limits.queue)
        self._under_way = 0
        self._overloads = Throttle(_LOG_SECONDS)
        self._rejected = Throttle(_LOG_SECONDS)
        state.metrics.load(waiting=lambda: len(self._queue), under_way=lambda: self._under_way)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"] != "POST" and not _is_hot(scope["path"])):
            await self._rest(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._answer(scope, Body(receive, self._state.limits.body), send)
        except ReviewError as error:
            self._state.metrics.rejected(error.status)
            if times := self._rejected.times(error.status):
                log_event("warning", "rejected", code=error.status, reason=error.message, times=times)
            await _send_refusal(send, error)
        finally:
            self._under_way -= 1

    async def _answer(self, scope: Scope, body: Body, send: Send) -> None:
        """Read and answer a review when its turn comes; past what can be done in time, say so at once."""
        started = time.perf_counter()
        _check_head(scope, self._state.limits.body)
        budget = budget_of(scope.get("query_string", b""))
        await self._check_caller(scope, body, budget)
        try:
            self._queue.check(budget)
            with self._queue.holding() as hold:
                text = await body.read(hold)
                if text is None:
                    return
                request = HttpRequest(scope["path"], budget, started, text)
                answer = await self._admit(request, _gone(scope))
        except Overloaded as overload:
            self._note(overload.cause)
            await body.discard()
            await _send_overloaded(send, last=not body.ended)
            return
        await _send(send, 200, b"application/json", answer)

    async def _check_caller(self, scope: Scope, body: Body, budget: float | None) -> None:
        """Raise ReviewError for a caller that is not accepted. Its body is read by nobody."""
        if self._state.caller is None:
            return
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        refused = await self._state.caller(_certificate(scope), authorization, budget)
        if refused is not None:
            status, reason = refused
            await body.discard()
            raise ReviewError(f"the caller is rejected: {reason}", status=status)

    def _note(self, cause: str) -> None:
        """Count a refusal, and tell of the overload now and then."""
        self._state.metrics.shed(cause)
        if times := self._overloads.times("overloaded"):
            log_event("warning", "overloaded", cause=cause, refused=times, waiting=len(self._queue))

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
            except _Long as long:
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
            answer, out = self._reviewed(asked, config, work)()
        except Stopped:
            raise _Long(asked) from None
        self._finish(request, asked, config, answer)
        return out

    async def _in_thread(
        self, worker: Worker, request: HttpRequest, gone: Callable[[], bool], parsed: AdmissionRequest | None
    ) -> bytes:
        """Parse, inject and write in the thread; the rest of the world is asked, and told, in the loop."""
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
            answer, out = await worker.do(self._reviewed(asked, own, work), check)
        except OutOfTime:
            answer, out = self._denied(asked, config, limit)
        self._finish(request, asked, config, answer)
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
        self, asked: AdmissionRequest, config: Config, work: Work
    ) -> Callable[[], tuple[answers.Answer, bytes]]:
        """Ask what the world says about the pod, and return what is left to do, in any thread."""
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

        def work_out() -> tuple[answers.Answer, bytes]:
            answer = answers.answer(asked, config, facts, state.policy, work=work)
            return answer, _encoded(answer)

        return work_out

    def _denied(self, asked: AdmissionRequest, config: Config, limit: float) -> tuple[answers.Answer, bytes]:
        self._state.metrics.stopped()
        hint = "reduce the pod's containers, variables or annotations, or raise server.cpuMilliseconds"
        error = InjectorError(_out_of_time(limit), hint=hint)
        answer = answers.too_expensive(asked, config, error, self._state.policy)
        return answer, _encoded(answer)

    def _finish(
        self, request: HttpRequest, asked: AdmissionRequest, config: Config, answer: answers.Answer
    ) -> None:
        """Count the admission, and tell of it."""
        state = self._state
        seconds = time.perf_counter() - request.started
        reason = answer.outcome.decision.reason.value
        state.metrics.admitted(answer.decision, reason, config.profile.name, seconds)
        _tell(asked, answer, config, seconds)
        # A dry run leaves nothing behind: that is what sideEffects NoneOnDryRun promises.
        if state.notify is not None and not asked.dry_run:
            state.notify(asked, answer.outcome, answer.decision)
        if state.record is not None and not asked.dry_run:
            size = len(request.body)
            state.record(asked, answer.facts, answer.outcome, answer.decision, config, size)


def _encoded(answer: answers.Answer) -> bytes:
    return json.dumps(answer.review, separators=(",", ":")).encode("ascii")


def _out_of_time(limit: float) -> str:
    return f"injection needs more than {limit:g} seconds of CPU time"


def create_app(state: State, *, inner: bool) -> FastAPI:
    """Health and readiness; on the inner listener also what readiness waits for, and the metrics.

    The outer one answers whoever reaches the webhook, and says no more than whether it is ready.
    """
    app = FastAPI(title="sidecar-injector", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> Response:
        return PlainTextResponse("ok")

    @app.get("/readyz", responses=_readiness({**_READY, **_DETAIL} if inner else _READY))
    async def readyz() -> Response:
        config, waiting = state.current(), dict(state.waiting())
        if state.draining():
            waiting["draining"] = "this replica is stopping; requests are still answered"
        content: dict[str, Any] = {"ready": not waiting}
        if inner:
            named = {"digest": config.digest, "profile": config.profile.name, "revision": config.revision}
            content |= {"waiting": waiting, "notes": dict(state.notes()), "config": named}
        return JSONResponse(content, 503 if waiting else 200)

    if inner:

        @app.get("/metrics", response_class=PlainTextResponse)
        async def metrics() -> Response:
            return Response(state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app


def _readiness(properties: Mapping[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The answers of /readyz, each of which has all of these properties."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        code: {"description": description, "content": {"application/json": {"schema": schema}}}
        for code, description in ((200, "Ready."), (503, "Not ready."))
    }


def budget_of(query: bytes) -> float | None:
    """Seconds from the API server's ``?timeout=10s``, None where it says nothing that can be read."""
    timeout = parse_qs(query.decode("latin-1")).get("timeout", [""])[0]
    seconds = durations.seconds(timeout)
    return None if seconds is None or seconds < 0 else seconds


def _is_hot(path: str) -> bool:
    return path in ("/mutate", "/inject") or path.startswith("/inject/")


def _certificate(scope: Scope) -> Mapping[str, Any] | None:
    """The verified certificate of the connection's other end, None without one.

    ``{"resumed": True}`` where an earlier handshake verified it: its CA may not be trusted any more.
    """
    tls = scope["state"]["transport"].get_extra_info("ssl_object")
    certificate: Mapping[str, Any] | None = tls.getpeercert() if tls is not None else None
    if certificate and tls.session_reused:
        return {"resumed": True}
    return certificate or None


def _check_head(scope: Scope, limit: int) -> None:
    """Raise ReviewError for what the head of a request tells already."""
    if not _is_hot(scope["path"]):
        hint = "correct the path in the MutatingWebhookConfiguration"
        raise ReviewError(
            "unknown path; admission reviews are accepted at /mutate and at /inject/...",
            status=404,
            hint=hint,
        )
    if scope["method"] != "POST":
        raise ReviewError("an AdmissionReview must be sent with POST", status=405)
    headers = dict(scope["headers"])
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise ReviewError("the Content-Type must be application/json", status=415)
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit * DISCARDED:
        raise too_large(limit)


def _gone(scope: Scope) -> Callable[[], bool]:
    """Whether the caller has hung up, where the server tells its connection."""
    transport = scope.get("state", {}).get("transport")
    return bool if transport is None else transport.is_closing


async def _send_overloaded(send: Send, *, last: bool) -> None:
    """The API server calls again by itself after that time, as long as its own has not run out."""
    extra = [(b"retry-after", b"1"), *([(b"connection", b"close")] if last else [])]
    await _send(send, 429, b"text/plain; charset=utf-8", b"too many requests wait; try again\n", extra)


async def _send_refusal(send: Send, error: ReviewError) -> None:
    text = f"{visible(str(error))}\n" + (f"hint: {visible(error.hint)}\n" if error.hint else "")
    extra = {405: [(b"allow", b"POST")], 401: [(b"www-authenticate", b"Bearer")]}.get(error.status, [])
    # The rest of a body that was not read would be taken for the next request.
    extra.append((b"connection", b"close"))
    await _send(send, error.status, b"text/plain; charset=utf-8", text.encode("utf-8", "replace"), extra)


async def _send(
    send: Send, status: int, kind: bytes, body: bytes, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _tell(request: AdmissionRequest, answer: answers.Answer, config: Config, seconds: float) -> None:
    """One line for each admission, one for all its findings, one for a denial, one for a defect."""
    outcome = answer.outcome
    named = {
        "uid": _name(request.uid),
        "namespace": _name(request.namespace),
        "pod": _name(request.name) or _pod_name(request.pod),
    }
    log_event(
        "info",
        "admission",
        **named,
        decision=answer.decision.value,
        reason=outcome.decision.reason.value,
        revision=config.revision or "default",
        ops=len(outcome.patch) if answer.decision is Verdict.INJECT else 0,
        ms=round(seconds * 1000, 3),
        dryRun=request.dry_run,
        budget=request.budget,
    )
    if acted := [finding for finding in outcome.findings if finding.actionable]:
        log_event("warning", "finding", **named, **_together(acted))
    if outcome.error is not None:
        log_event("warning", "refused", **named, message=answers.message_of(outcome))
    if answer.defect:
        log_event("error", "defect", **named, defect=answer.defect)


def _together(findings: Sequence[Finding]) -> dict[str, Any]:
    """The fields of one line: the codes, the messages as far as they fit, and how many there are."""
    if len(findings) == 1:
        return {"code": findings[0].code, "message": answers.cut(findings[0].message, _FINDINGS_LENGTH)}
    codes = sorted({finding.code for finding in findings})
    messages = islice((f"{finding.code}: {finding.message}" for finding in findings), _FINDINGS)
    text = answers.cut("; ".join(messages), _FINDINGS_LENGTH)
    return {"code": ", ".join(codes), "message": text, "count": len(findings)}


def _pod_name(pod: Manifest) -> str | None:
    meta = pod.get("metadata")
    return _name((meta.get("name") or meta.get("generateName")) if isinstance(meta, dict) else None)


def _name(value: Any) -> str | None:
    """Names are at most 253 characters long; what is longer is no name."""
    return value[:253] if isinstance(value, str) and value else None
