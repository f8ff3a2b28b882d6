"""Requests whose head is that of the one before, which are answered without a parser.

The law: a connection that answers at once writes the same bytes as one that parses each request.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from injector.errors import ReviewError
from injector.server.admitting import HttpRequest
from injector.server.body import Body
from injector.server.connection import Connection, Shared
from injector.server.exchange import AtOnce
from injector.server.heads import RequestHead
from injector.server.http import budget_of, check_head, send_answer, send_overloaded, send_refusal
from injector.server.places import Bounds
from injector.server.queue import Overloaded
from tests.server.test_exchange import Socket

LIMIT = 64 * 1024
TURNS = 50
# As the client of an API server writes it.
USUAL = (
    b"POST /inject?timeout=10s HTTP/1.1\r\nHost: injector.mesh.svc:443\r\n"
    b"User-Agent: kube-apiserver-admission\r\nContent-Length: %d\r\nAccept: application/json, */*\r\n"
    b"Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
)


def request_of(body: bytes, head: bytes = USUAL) -> bytes:
    return head % len(body) + body


def answer_of(path: str, budget: float | None, body: bytes) -> bytes:
    return json.dumps([path, budget, hashlib.sha256(body).hexdigest()]).encode()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was asked."""
    body = Body(receive, LIMIT)
    try:
        check_head(scope, LIMIT)
        text = await body.read(lambda _size: None)
    except ReviewError as error:
        await send_refusal(send, error)
        return
    if text is not None:
        budget = budget_of(scope["query_string"])
        await send_answer(send, 200, b"application/json", answer_of(scope["path"], budget, text))


class Answers:
    """Answers reviews at once, as the app does, and notes them."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, head: RequestHead, body: bytes) -> bytes:
        self.bodies.append(body)
        return answer_of(head.path, head.budget, body)


def connected(
    pieces: Sequence[bytes], at_once: AtOnce | None, app: Any = app, draining_after: int = LIMIT
) -> tuple[bytes, bool]:
    """What a connection writes when these bytes come one after the other, and whether it closes."""
    config = uvicorn.Config(app, http=Connection, ws="none", lifespan="off", log_config=None)
    config.load()

    async def main() -> tuple[bytes, bool]:
        shared = Shared(Bounds(body=LIMIT), lambda _cause: None, at_once)
        made, socket = Connection(config, shared), Socket()
        made.connection_made(socket)
        for number, piece in enumerate(pieces):
            shared.draining = number >= draining_after
            if not socket.closed:
                made.data_received(piece)
            for _ in range(TURNS):
                await asyncio.sleep(0)
        return b"".join(socket.writes), socket.closed

    return asyncio.run(main())


def test_the_second_review_with_a_head_is_answered_at_once() -> None:
    answers, pieces = Answers(), [request_of(body) for body in (b"one", b"two", b"the third one")]
    assert connected(pieces, answers) == connected(pieces, None)
    assert answers.bodies == [b"two", b"the third one"]


def test_a_request_in_two_pieces_is_parsed() -> None:
    answers, whole = Answers(), request_of(b"body")
    pieces = [whole, whole[:-2], whole[-2:], whole[:40], whole[40:], whole]
    assert connected(pieces, answers) == connected(pieces, None)
    assert answers.bodies == [b"body"]


def test_two_requests_in_one_piece_are_parsed() -> None:
    answers, whole = Answers(), request_of(b"body")
    pieces = [whole, whole + whole, whole]
    assert connected(pieces, answers) == connected(pieces, None)
    assert answers.bodies == [b"body"]


def test_the_last_answer_of_a_replica_that_stops_is_parsed() -> None:
    answers, whole = Answers(), request_of(b"body")
    written, closed = connected([whole, whole, whole], answers, draining_after=2)
    assert (written.count(b"connection: close"), closed, len(answers.bodies)) == (1, True, 1)


def test_a_review_that_would_wait_too_long_is_refused_as_the_app_does() -> None:
    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        body = Body(receive, LIMIT)
        await body.discard()
        await send_overloaded(send, last=not body.ended)

    def at_once(_head: RequestHead, _body: bytes) -> bytes:
        raise Overloaded("wait")

    pieces = [request_of(b"one"), request_of(b"two"), request_of(b"three")]
    refused, closed = connected(pieces, at_once, refuses)
    assert (refused, closed) == connected(pieces, None, refuses)
    assert (refused.count(b"HTTP/1.1 429 "), closed) == (3, False)


def test_what_is_begun_reaches_the_app_with_its_request_only() -> None:
    begun: list[Any] = []
    request = HttpRequest("/inject", None, 0.0, b"body")

    async def notes(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["state"].get("begun"))
        await app(scope, receive, send)

    whole, other = request_of(b"body"), request_of(b"body", USUAL.replace(b"Host: i", b"Host: other.i"))
    pieces = [whole, whole, other]
    assert connected(pieces, lambda *_: request, notes) == connected(pieces, None)
    assert begun == [None, request, None]


def test_a_head_with_other_names_is_parsed_each_time() -> None:
    for line in (
        b"Authorization: Bearer x",
        b"Connection: close",
        b"Expect: 100-continue",
        b"Traceparent: 1",
    ):
        answers = Answers()
        whole = request_of(b"body", USUAL.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n"))
        assert connected([whole, whole], answers) == connected([whole, whole], None)
        assert answers.bodies == [], line


_LINES = st.sampled_from(
    [
        b"Content-Length: %d",
        b"content-length: %d",
        b"Content-Length:%d",
        b"Content-Length: 0%d",
        b"Content-Length: +%d",
        b"Content-Length: %d ",
        b"Content-Length: %d\r\nContent-Length: %d",
        b"Transfer-Encoding: chunked",
        b"Content-Type: application/json",
        b"Content-Type: text/plain",
        b"User-Agent: a\r\n Content-Length: 3",
        b"X-Length: a\r\nContent-Length: %d",
        b"Connection: keep-alive",
        b"Connection: close",
        b"Upgrade: h2c",
    ]
)
_STARTS = st.sampled_from(
    [
        b"POST /inject HTTP/1.1",
        b"POST /mutate?timeout=1s HTTP/1.1",
        b"POST /inject HTTP/1.0",
        b"GET / HTTP/1.1",
    ]
)
_BODIES = st.sampled_from([b"", b"{}", b"five5", b"\r\n\r\n", b"x" * 20, b"POST /inject HTTP/1.1\r\n\r\n"])


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    lines = [draw(_STARTS), b"Host: x", *draw(st.lists(_LINES, max_size=4))]
    body = draw(_BODIES)
    head = b"\r\n".join(lines).replace(b"%d", b"%d" % len(body))
    return head + b"\r\n\r\n" + body


@given(st.data())
def test_both_connections_write_the_same(data: st.DataObject) -> None:
    usual = st.builds(request_of, _BODIES)
    pieces = data.draw(st.lists(usual | _requests(), min_size=1, max_size=4))
    if data.draw(st.booleans()):
        # Another byte in a later request, or another border of it.
        last = bytearray(pieces[-1])
        place = data.draw(st.integers(0, len(last) - 1))
        last[place] = data.draw(st.sampled_from(b"\r\n 0179:aZ\x00\xff"))
        pieces[-1] = bytes(last)
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(pieces[-1])))
        pieces[-1:] = [pieces[-1][:place], pieces[-1][place:]]
    assert connected(pieces, Answers()) == connected(pieces, None)
