"""Health, readiness and metrics over HTTP. Not here: when the process is ready (`injector.serving`)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from injector.server.fastapi import FastAPI, JSONResponse, PlainTextResponse, Response
from injector.server.state import State

# The answers of /readyz for the app's OpenAPI, which tests compare answers with.
_SENTENCES = {"type": "object", "additionalProperties": {"type": "string"}}
_READY: dict[str, Any] = {"ready": {"type": "boolean"}}
_DETAIL: dict[str, Any] = {
    "waiting": _SENTENCES,
    "notes": _SENTENCES,
    "config": {**_SENTENCES, "required": ["digest", "profile", "revision"]},
}

_OUTER = "POST admission reviews to /mutate or /inject; GET /healthz, /readyz\n"
_INNER = "GET /healthz, /readyz, /metrics\n"


def create_app(state: State, *, inner: bool) -> FastAPI:
    """Health and readiness; on the inner listener also the details of readiness, and the metrics.

    Anyone who reaches the webhook can call the outer one, so it says only whether it is ready.
    """
    app = FastAPI(title="sidecar-injector", docs_url=None, redoc_url=None, openapi_url=None)
    about = "sidecar-injector: " + (_INNER if inner else _OUTER)

    @app.get("/", response_class=PlainTextResponse)
    async def root() -> Response:
        return PlainTextResponse(about)

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
            texts = []
            for text in state.metrics.texts():
                texts.append(text)
                # An admission that has come meanwhile waits for one metric, not for all.
                await asyncio.sleep(0)
            return Response(b"".join(texts), media_type="text/plain; version=0.0.4; charset=utf-8")

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
