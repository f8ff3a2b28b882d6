"""Handshakes wait for each other, and answers do not wait for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

import pytest

from injector.server.handshakes import Handshakes
from injector.server.queue import SLICE_SECONDS
from tests.server.serving_in_thread import ask, serving

CALLERS = 30


def after_turns(
    turns: int, begin: Callable[[Handshakes], None], done: list[int], monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """What is done when handshakes were begun in a turn of the loop, and some more turns have passed."""

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: 1.0)
        loop.set_exception_handler(lambda *_: None)
        begin(Handshakes())
        for _ in range(turns):
            await asyncio.sleep(0)
        return list(done)

    return asyncio.run(main())


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the steps that were done; each takes 0.6 of a slice."""
    out: list[int] = []
    monkeypatch.setattr(time, "thread_time", lambda: len(out) * 0.6 * SLICE_SECONDS)
    return out


@pytest.mark.parametrize(("turns", "expected"), [(0, 2), (1, 4), (2, 6), (3, 7), (9, 7)])
def test_a_turn_takes_a_slice_of_handshakes_in_their_order(
    turns: int, expected: int, done: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(all_of_them: Handshakes) -> None:
        for number in range(7):
            all_of_them.step(partial(done.append, number))

    assert after_turns(turns, begin, done, monkeypatch) == list(range(expected))


def test_one_that_fails_does_not_stop_the_others(done: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    def begin(all_of_them: Handshakes) -> None:
        for number in range(3):
            all_of_them.step(partial(done.append, number))
        all_of_them.step(fails)
        all_of_them.step(partial(done.append, 3))

    assert after_turns(9, begin, done, monkeypatch) == [0, 1, 2, 3]


def test_handshakes_that_wait_are_made_and_delay_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        caller = server.connect()
        # From here on one step in a turn, and each waits.
        monkeypatch.setattr("injector.server.handshakes.SLICE_SECONDS", -1.0)
        dialled = [server.dial(tls=False) for _ in range(CALLERS)]
        for each in dialled[: CALLERS // 2]:
            each.sendall(b"no hello of TLS")
        others = [server.connect() for _ in range(CALLERS)]
        assert [ask(each)[0] for each in (caller, *others, caller)] == [ask(caller)[0]] * (CALLERS + 2)
