"""HTTP of the hot path: what the head of a request says, and answers without a framework.

Not here: bodies (body.py), connections (connection.py), and what an answer says (app.py).
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from injector import durations
from injector.errors import ReviewError
from injector.printable import visible
from injector.server.body import DISCARDED, too_large

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_TEXT: Final = b"text/plain; charset=utf-8"
_TRY_AGAIN: Final = b"too many requests wait; try again\n"
OVERLOADED: Final = (
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: %b\r\ncontent-length: %d\r\nretry-after: 1\r\n\r\n%b"
    % (_TEXT, len(_TRY_AGAIN), _TRY_AGAIN)
)
"""What `send_overloaded` sends on a connection that stays open."""


@functools.lru_cache(maxsize=32)
def budget_of(query: bytes) -> float | None:
    """Seconds from the API server's ``?timeout=10s``, None where there is none or it is invalid."""
    timeout = parse_qs(query.decode("latin-1")).get("timeout", [""])[0]
    seconds = durations.seconds(timeout)
    return None if seconds is None or seconds < 0 else seconds


def is_review_path(path: str) -> bool:
    """Whether reviews are accepted at this path."""
    return path in ("/mutate", "/inject") or path.startswith("/inject/")


def certificate_of(scope: Scope) -> Mapping[str, Any] | None:
    """The caller's certificate as `verified_certificate` returned it when the connection began."""
    certificate: Mapping[str, Any] | None = scope["state"]["certificate"]
    return certificate


def check_head(scope: Mapping[str, Any], limit: int) -> None:
    """Raise ReviewError for a path, method, type or length that is refused before the body is read."""
    if not is_review_path(scope["path"]):
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


def gone_of(scope: Scope) -> Callable[[], bool]:
    """Whether the caller has closed the connection; always False where the server does not say."""
    transport = scope.get("state", {}).get("transport")
    return bool if transport is None else transport.is_closing


async def send_overloaded(send: Send, *, last: bool) -> None:
    """429: the API server repeats the call after Retry-After while its own timeout has not passed."""
    extra = [(b"retry-after", b"1"), *([(b"connection", b"close")] if last else [])]
    await send_answer(send, 429, _TEXT, _TRY_AGAIN, extra)


async def send_refusal(send: Send, error: ReviewError) -> None:
    """The message and hint of an error as text, with its status. The connection ends."""
    text = f"{visible(str(error))}\n" + (f"hint: {visible(error.hint)}\n" if error.hint else "")
    extra = {405: [(b"allow", b"POST")], 401: [(b"www-authenticate", b"Bearer")]}.get(error.status, [])
    # The rest of an unread body would be parsed as the next request.
    extra.append((b"connection", b"close"))
    await send_answer(send, error.status, _TEXT, text.encode("utf-8", "replace"), extra)


async def send_answer(
    send: Send, status: int, kind: bytes, body: bytes, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    """An answer whose body is sent at once; `extra` are more headers."""
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
