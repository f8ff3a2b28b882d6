"""The webhook with more reviews than it can answer: which are answered, and what the other callers get."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from injector.core.model import Namespace
from injector.server.app import Webhook
from injector.server.queue import SMALL, Size
from injector.server.state import Limits, State
from injector.telemetry import Metrics
from tests.asgi import exchange, scope_of
from tests.server.serving_in_thread import PATIENCE, serving
from tests.server.webhook_factories import a_body, a_config

LENGTH = 3
TOO_MANY = 5


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue's clock stands still: no request is refused because the machine is busy."""
    monkeypatch.setattr("injector.server.queue.time.perf_counter", lambda: 0.0)


def a_state(size: Size, **changed: Any) -> State:
    config = a_config()
    state = State(
        current=lambda: config, metrics=Metrics(), namespace_of=Namespace, limits=Limits(queue=size)
    )
    return replace(state, **changed)


async def nothing_else(scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError(scope["path"])


async def one(app: Webhook, pieces: list[bytes], connection: Any = None) -> list[dict[str, Any]]:
    """What is sent to a caller whose body comes in pieces, and how many of them are left."""
    scope = scope_of("POST", "/mutate", state={"transport": connection} if connection else {})
    return await exchange(app, scope, pieces)


def together(app: Webhook, bodies: Iterable[list[bytes]]) -> list[list[dict[str, Any]]]:
    """What is sent to callers that come at the same moment."""

    async def all_of_them() -> list[list[dict[str, Any]]]:
        return await asyncio.gather(*(one(app, pieces) for pieces in bodies))

    return asyncio.run(all_of_them())


def statuses(answers: Iterable[list[dict[str, Any]]]) -> list[int]:
    return [sent[0]["status"] for sent in answers]


def samples(state: State, name: str) -> dict[str, float]:
    pairs = (
        line.rsplit(" ", 1) for line in state.metrics.text().decode().splitlines() if line.startswith(name)
    )
    return {label: float(value) for label, value in pairs}


def test_as_many_as_may_wait_are_answered_and_exactly_the_others_get_429() -> None:
    state = a_state(Size(length=LENGTH))
    answers = together(Webhook(state, nothing_else), [[a_body()]] * (LENGTH + TOO_MANY))
    assert statuses(answers) == [200] * LENGTH + [429] * TOO_MANY
    for start, body in answers[LENGTH:]:
        headers = dict(start["headers"])
        assert headers[b"retry-after"] == b"1"
        assert b"connection" not in headers
        assert body["body"]
    assert (
        samples(state, "injector_request_shed_total")['injector_request_shed_total{cause="full"}'] == TOO_MANY
    )
    for gauge in ("injector_queue_length", "injector_requests_in_flight"):
        assert samples(state, gauge) == {gauge: 0}


def test_what_is_refused_is_not_parsed_and_yet_read_to_its_end() -> None:
    pieces = [b"{ this is ", b"no JSON ", b"at all"]
    app = Webhook(a_state(Size(length=1)), nothing_else)
    answers = together(app, [[a_body()], pieces, pieces])
    assert statuses(answers) == [200, 429, 429]
    assert [sent[0]["left"] for sent in answers] == [0, 0, 0]


def test_the_end_of_an_endless_body_is_not_waited_for() -> None:
    limit = 10_000
    state = a_state(Size())
    state = replace(state, limits=Limits(body=limit, queue=Size(length=1)))
    answers = together(Webhook(state, nothing_else), [[a_body()], [bytes(limit)] * 50])
    refused = answers[1][0]
    assert (refused["status"], dict(refused["headers"])[b"connection"]) == (429, b"close")
    assert 0 < refused["left"] < 50


def test_large_bodies_past_the_bytes_are_refused_and_others_answered() -> None:
    large = [bytes(SMALL)] * 4
    state = a_state(Size(bytes=3 * SMALL))
    answers = together(Webhook(state, nothing_else), [large, [a_body()]])
    assert statuses(answers) == [429, 200]
    assert samples(state, "injector_request_shed_total")['injector_request_shed_total{cause="bytes"}'] == 1


def test_nothing_is_done_for_a_caller_that_has_hung_up() -> None:
    class Gone:
        def is_closing(self) -> bool:
            return True

    def never() -> Any:
        raise AssertionError("the review was looked at")

    state = a_state(Size(), current=never)
    sent = asyncio.run(one(Webhook(state, nothing_else), [a_body()], Gone()))
    assert samples(state, "injector_request_shed_total")['injector_request_shed_total{cause="gone"}'] == 1
    assert statuses([sent]) == [429]  # into a connection that drops it


def test_an_overload_is_logged_once_with_its_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "injector"):
        together(Webhook(a_state(Size(length=1)), nothing_else), [[a_body()]] * (1 + TOO_MANY))
    assert [record.getMessage() for record in caplog.records] == ["overloaded"]
    assert vars(caplog.records[0])["fields"]["cause"] == "full"


def test_over_tls_a_refused_caller_is_answered_by_the_same_connection_the_next_time() -> None:
    blocked, goes_on = threading.Event(), threading.Event()

    def slow(name: str) -> Namespace:
        blocked.set()
        assert goes_on.wait(PATIENCE)
        return Namespace(name)

    def post(connection: Any) -> None:
        connection.request("POST", "/mutate?timeout=10s", a_body(), {"Content-Type": "application/json"})

    state = a_state(Size(length=1), namespace_of=slow)
    with serving(Webhook(state, nothing_else)) as server:
        first, *others = [server.connect() for _ in range(7)]
        post(first)
        assert blocked.wait(PATIENCE)
        for connection in others:
            post(connection)
        goes_on.set()
        answers = [connection.getresponse() for connection in (first, *others)]
        statuses = [answer.status for answer in answers]
        assert set(statuses) == {200, 429}, statuses
        refused = others[statuses.index(429) - 1]
        assert answers[statuses.index(429)].headers["retry-after"] == "1"
        sock = refused.sock
        for answer in answers:
            answer.read()
        post(refused)
        again = refused.getresponse()
        assert json.loads(again.read())["response"]["allowed"] is True
        assert refused.sock is sock


def test_idle_connections_are_no_load() -> None:
    with serving(Webhook(a_state(Size(length=1)), nothing_else)) as server:
        idle = [server.connect() for _ in range(30)]
        for connection in (*idle[::10], server.connect()):
            connection.request("POST", "/mutate", a_body(), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["response"]["allowed"]) == (200, True)
