"""The webhook over HTTP: a plain ASGI callable for reviews in front of a FastAPI app for the rest.

Here: paths, methods, sizes, status codes, the log line and the metrics of each admission. Not
here: what a review means (review.py), sockets and TLS (run.py). Where the facts come from is not
known here: `State` declares what is needed as callables, and `injector.cli.serve` fills them in.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from injector.core.model import Config, Facts, Manifest, Namespace, Outcome
from injector.errors import ReviewError
from injector.server import review as reviews
from injector.telemetry import Metrics, tell

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Record: TypeAlias = Callable[[Manifest, Facts, Outcome, str, Config, int], None]
"""Takes a request, what was known, what came of it, the decision's word, and the size of the body."""

# A caller that is still sending does not read an answer: what is a little too large is read and
# thrown away, so that the reason arrives.
_DISCARDED = 4

_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9.]+)(ms|s|m|h)", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a request is read, in bytes and levels."""

    body: int = reviews.BODY_LIMIT
    nesting: int = reviews.NESTING_LIMIT


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
    failure_mode: str = "deny"
    warnings: bool = True
    audit: bool = True
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the webhook. `budget` is what the caller still waits, in seconds, where it says so."""

    path: str
    budget: float | None
    started: float
    body: bytes


class Webhook:
    """The ASGI app of the TLS listener: ``POST /mutate``, ``/inject`` and below; all else to `rest`."""

    def __init__(self, state: State, rest: AsgiApp) -> None:
        self._state = state
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_hot(scope["path"]):
            await self._rest(scope, receive, send)
            return
        started = time.perf_counter()
        try:
            _check_head(scope, self._state.limits.body)
            body = await _read(receive, self._state.limits.body)
            if body is None:
                return
            budget = budget_of(scope.get("query_string", b""))
            answer = self._admit(Request(scope["path"], budget, started, body))
        except ReviewError as error:
            self._state.metrics.rejected(error.status)
            tell("warning", "rejected", code=error.status, reason=error.message)
            await _send_refusal(send, error)
            return
        await _send(send, 200, b"application/json", answer)

    def _admit(self, request: Request) -> bytes:
        state = self._state
        limits = state.limits
        review = reviews.parse(request.body, body_limit=limits.body, nesting_limit=limits.nesting)
        config = state.current()
        answer = reviews.answer(
            review,
            config,
            state.namespace_of,
            native_sidecars=state.native_sidecars(reviews.node_name(review)),
            objects=state.objects(),
            path=request.path,
            failure_mode=state.failure_mode,
            warnings=state.warnings,
            audit=state.audit,
        )
        out = json.dumps(answer.review, separators=(",", ":")).encode("ascii")
        seconds = time.perf_counter() - request.started
        reason = answer.outcome.decision.reason.value
        state.metrics.admitted(answer.decision, reason, config.profile.name, seconds)
        _tell(review["request"], answer, config, request, seconds)
        # A dry run leaves nothing behind: that is what sideEffects NoneOnDryRun promises.
        if state.record is not None and review["request"].get("dryRun") is not True:
            decided = answer.decision
            state.record(review["request"], answer.facts, answer.outcome, decided, config, len(request.body))
        return out


def create_app(state: State, *, with_metrics: bool) -> FastAPI:
    """Health and readiness, and the metrics where the listener is the inner one."""
    app = FastAPI(title="sidecar-injector", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok")

    @app.get("/readyz")
    async def readyz() -> Response:
        config, waiting = state.current(), dict(state.waiting())
        if state.draining():
            waiting["draining"] = "this replica stops; what still comes is answered"
        detail = {
            "ready": not waiting,
            "waiting": waiting,
            "notes": dict(state.notes()),
            "config": {"digest": config.digest, "profile": config.profile.name, "revision": config.revision},
        }
        return JSONResponse(detail, 503 if waiting else 200)

    if with_metrics:

        @app.get("/metrics")
        async def metrics() -> Response:
            return Response(state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app


def budget_of(query: bytes) -> float | None:
    """Seconds from the API server's ``?timeout=10s``, None where it says nothing that can be read."""
    given = parse_qs(query.decode("latin-1")).get("timeout", [""])[0]
    if not _DURATION.fullmatch(given):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(given))


def _is_hot(path: str) -> bool:
    return path in ("/mutate", "/inject") or path.startswith("/inject/")


def _check_head(scope: Scope, limit: int) -> None:
    """Raise ReviewError for what the head of a request tells already."""
    if scope["method"] != "POST":
        raise ReviewError("an AdmissionReview comes by POST", status=405)
    headers = dict(scope["headers"])
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise ReviewError("the Content-Type must be application/json", status=415)
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit * _DISCARDED:
        raise _too_large(limit)


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The body, None where the caller went away. Keeps at most `limit` bytes in memory."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        else:
            chunks.clear()
        more = message.get("more_body", False)
        if size > limit and (not more or size > limit * _DISCARDED):
            raise _too_large(limit)
        if not more:
            return b"".join(chunks)


def _too_large(limit: int) -> ReviewError:
    return ReviewError(f"the body is too large; at most {limit} bytes are read", status=413)


async def _send_refusal(send: Send, error: ReviewError) -> None:
    text = f"{error}\n" + (f"hint: {error.hint}\n" if error.hint else "")
    extra = [(b"allow", b"POST")] if error.status == 405 else []
    # The rest of a body that was not read would be taken for the next request.
    extra.append((b"connection", b"close"))
    await _send(send, error.status, b"text/plain; charset=utf-8", text.encode("utf-8", "replace"), extra)


async def _send(
    send: Send, status: int, kind: bytes, body: bytes, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _tell(request: Manifest, answer: reviews.Answer, config: Config, call: Request, seconds: float) -> None:
    """One line for each admission, and the whole text of what a warning had to cut."""
    outcome = answer.outcome
    named = {
        "uid": _name(request.get("uid")),
        "namespace": _name(request.get("namespace")),
        "pod": _name(request.get("name")) or _pod_name(request.get("object")),
    }
    tell(
        "info",
        "admission",
        **named,
        decision=answer.decision,
        reason=outcome.decision.reason.value,
        revision=config.revision or "default",
        ops=len(outcome.patch) if answer.decision == "inject" else 0,
        ms=round(seconds * 1000, 3),
        dryRun=request.get("dryRun") is True,
        budget=call.budget,
    )
    for finding in outcome.findings:
        if finding.action:
            tell("warning", "finding", **named, code=finding.code, message=finding.message)
    if outcome.error is not None:
        tell("warning", "refused", **named, message=reviews.message_of(outcome))
    if answer.defect:
        tell("error", "defect", **named, defect=answer.defect)


def _pod_name(pod: Any) -> str | None:
    meta = pod.get("metadata") if isinstance(pod, dict) else None
    return _name((meta.get("name") or meta.get("generateName")) if isinstance(meta, dict) else None)


def _name(value: Any) -> str | None:
    """Names are at most 253 characters long; what is longer is no name."""
    return value[:253] if isinstance(value, str) and value else None
