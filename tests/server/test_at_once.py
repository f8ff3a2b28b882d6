"""Reviews that the webhook answers before the app is called, over TLS and without it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from typing import Any

import pytest

from injector.server import admitting, queue
from injector.server.admitting import LOOP_BYTES, Admissions, HttpRequest
from injector.server.channel import Channel
from injector.server.handshakes import Handshakes
from injector.server.heads import RequestHead
from injector.server.queue import Call, Overloaded
from injector.server.tls import ReloadableTLS
from tests.server import serving_in_thread
from tests.server.beside import Beside, MiB, a_review, body_of, config_of, pod_of, unhurried
from tests.server.replica_reviews import beside
from tests.server.serving_in_thread import NAME, serving

HEAD = RequestHead("/inject", 10.0, b"", b"")
HEADERS = {"Content-Type": "application/json"}


def at_once(both: Beside, body: bytes) -> Any:
    async def main() -> Any:
        return both.cached.at_once(HEAD, body)

    return asyncio.run(main())


def named(number: int) -> bytes:
    review = a_review(uid=f"uid-{number}")
    pod_of(review)["spec"]["containers"][0]["image"] = f"cart:{number}"
    return body_of(review)


def test_over_tls_the_answers_are_those_of_a_webhook_without_caches() -> None:
    both = Beside(config_of({}), replicas=MiB, plans=8 * MiB)
    bodies = [*map(named, range(6)), *[named(0)] * 4, body_of(a_review(token="v" * 5)), b"{}", named(7)]
    with unhurried(), serving(both.cached) as server:
        caller, answers = server.connect(), []
        for body in bodies:
            caller.request("POST", "/inject?timeout=10s", body, HEADERS)
            answer = caller.getresponse()
            answers.append((answer.status, answer.read()))
    assert both.planned >= 4
    assert both.repeated >= 1
    for body, sent in zip(bodies, answers, strict=True):
        reply, _ = both.of(both.plain, body)
        assert sent == (reply.status, reply.body)


def test_what_is_begun_is_parsed_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Beside(config_of({}), replicas=MiB, plans=8 * MiB)
    parsed: list[bytes] = []
    parse = Admissions.parse

    def noted(self: Admissions, request: HttpRequest) -> Any:
        parsed.append(request.body)
        return parse(self, request)

    monkeypatch.setattr(Admissions, "parse", noted)
    monkeypatch.setattr(admitting, "LOOP_UNITS", 1)
    with unhurried():
        # The first comes to the app, the second as a connection passes it on.
        for number in range(2):
            both.of(both.cached, named(number))
    assert len(parsed) == 2
    assert both.number("injector_cache_request_total", cache="replicas") == 2
    assert both.number("injector_cache_request_total", cache="plans") == 2
    assert both.number("injector_admission_threaded_total", cause="work") == 2


def test_a_long_admission_is_left_to_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admitting, "LOOP_UNITS", 1)
    begun = at_once(Beside(config_of({})), named(1))
    assert isinstance(begun, HttpRequest)
    assert begun.is_long
    assert begun.begun is not None


def test_what_was_begun_by_another_configuration_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admitting, "LOOP_UNITS", 1)
    both = Beside(config_of({}), plans=8 * MiB)
    other = config_of({"values": {"global": {"proxy": {"logLevel": "debug"}}}})
    with unhurried():
        both.ask(named(1))
        begun = at_once(both, body_of(a_review()))
        assert isinstance(begun, HttpRequest)
        both.world.config = other
        assert both.cached._admissions.begin(begun).config is other


def test_a_large_review_is_not_parsed_at_once() -> None:
    both = Beside(config_of({}), plans=8 * MiB)
    review = a_review()
    pod_of(review)["metadata"]["annotations"] = {"note": "x" * LOOP_BYTES}
    begun = at_once(both, body_of(review))
    assert isinstance(begun, HttpRequest)
    assert begun.begun is None


def test_a_review_that_is_refused_is_left_to_the_app() -> None:
    both = Beside(config_of({}), plans=8 * MiB)
    assert isinstance(at_once(both, b'{"kind": 3}'), HttpRequest)
    assert both.number("injector_rejected_total") == 0


def test_a_defect_is_left_to_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_self: Admissions, _request: HttpRequest) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(Admissions, "in_loop", fails)
    both = Beside(config_of({}))
    assert isinstance(at_once(both, named(1)), HttpRequest)
    with pytest.raises(ZeroDivisionError):
        both.of(both.plain, named(1))


def test_replicas_are_answered_though_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    both = beside()
    for token in ("a" * 5, "b" * 5):
        both.ask(body_of(a_review(token=token)))
    monkeypatch.setattr(queue.Queue, "at_once", lambda *_: None)
    answer = at_once(both, body_of(a_review(token="c" * 5)))
    assert json.loads(answer)["response"]["allowed"]
    assert isinstance(at_once(both, named(1)), HttpRequest)


@pytest.mark.parametrize(
    ("budget", "waits", "refused"), [(10.0, 1, False), (10.0, 300, True), (0.02, 1, True), (None, 300, True)]
)
def test_a_review_that_would_wait_too_long_is_refused(
    budget: float | None, waits: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Beside(config_of({}), plans=8 * MiB)
    waiting = both.cached._queue
    monkeypatch.setattr(queue.Queue, "at_once", lambda *_: None)

    async def main() -> Any:
        call = Call(0.0, 10.0, lambda: False, "shop")
        tasks = [asyncio.create_task(waiting.in_loop(lambda: None, call)) for _ in range(waits)]
        await asyncio.sleep(0)
        # As if each of them took a hundredth of a second.
        for _ in range(100):
            waiting._loop_lines.took("shop", 0.01)
        try:
            return both.cached.at_once(RequestHead("/inject", budget, b"", b""), named(1))
        except Overloaded as overload:
            return overload.cause
        finally:
            await asyncio.gather(*tasks)

    with unhurried():
        answer = asyncio.run(main())
    assert answer == "wait" if refused else isinstance(answer, HttpRequest)
    assert both.number("injector_request_shed_total", cause="wait") == refused


class _Notes:
    """The inside of a channel, which notes what it gets."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


class _Socket:
    """The socket of a channel: what is written goes to the caller."""

    def __init__(self, caller: ssl.MemoryBIO) -> None:
        self.write = caller.write

    def is_closing(self) -> bool:
        return False

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


@pytest.mark.parametrize("cut", [0, 1, 7])
def test_the_records_of_a_request_arrive_as_one_piece(cut: int) -> None:
    asyncio.run(records_of_a_request(cut))


async def records_of_a_request(cut: int) -> None:
    ca, leaf = serving_in_thread._pair()
    server = ReloadableTLS()
    server.take(leaf.chain, leaf.key)
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = ssl.create_default_context(cadata=ca.chain).wrap_bio(into, out, server_hostname=NAME)
    inside = _Notes()
    channel = Channel(server.context, inside, Handshakes())
    channel.connection_made(_Socket(into))
    for _ in range(4):
        with contextlib.suppress(ssl.SSLWantReadError):
            caller.do_handshake()
        channel.data_received(out.read())
    caller.write(b"head")
    caller.write(b"body")
    caller.write(b"next")
    records = out.read()
    channel.data_received(records[: len(records) - cut])
    assert inside.pieces == [b"headbodynext" if not cut else b"headbody"]
    if cut:
        channel.data_received(records[-cut:])
        assert inside.pieces[1:] == [b"next"]
