"""Work that the queue does at once: for whom, for how long, and that it is charged."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import pytest

from injector.server import queue
from injector.server.queue import Queue, Size
from tests.server.test_queue import LENGTH, results


@pytest.mark.parametrize(
    ("used", "expected"),
    [({}, "done"), ({"bank": 1, "mill": 2}, "done"), ({"shop": 1}, None), ({"shop": 2, "mill": 3}, None)],
)
def test_at_once_is_for_who_would_be_next(
    used: dict[str, float], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "thread_time", lambda: 0.0)

    async def main() -> str | None:
        waiting = Queue(Size(length=LENGTH))
        for name in ("shop", "bank", "mill"):
            waiting._accounts.enter(name)
        for name, seconds in used.items():
            waiting._accounts.charge(name, seconds)
        others = [
            asyncio.create_task(results(waiting, lambda: None, namespace=name)) for name in ("bank", "mill")
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(waiting) == 2
        answer = waiting.at_once(lambda: "done", "shop")
        await asyncio.gather(*others)
        return answer

    assert asyncio.run(main()) == expected


def test_what_waits_gets_a_slice_of_each_turn_beside_what_is_done_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used, turn, order = [0.0], [1.0], list[str]()
    for clock in ("thread_time", "perf_counter"):
        monkeypatch.setattr(time, clock, lambda: used[0])

    def work(name: str) -> str:
        used[0] += queue.SLICE_SECONDS
        order.append(name)
        return name

    async def main() -> None:
        # As uvloop's clock, which goes on with each turn.
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: turn[0])
        waiting = Queue(Size(length=LENGTH))
        queued = asyncio.create_task(results(waiting, *[partial(work, "waits")] * 3))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        while not queued.done() and turn[0] < 100:
            turn[0] += 1
            while waiting.at_once(partial(work, "now"), "shop"):
                pass
            await asyncio.sleep(0)
        assert await queued == ["waits"] * 3

    asyncio.run(main())
    assert order.count("waits") == 3
    assert order.count("now") > 3
    # A slice has begun when its time is not yet over.
    *runs, _ = "".join(name[0] for name in order).split("w")
    assert max(map(len, runs)) <= 2


def test_at_once_takes_a_slice_of_each_turn_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    used, turn = [0.0], [1.0]
    monkeypatch.setattr(time, "thread_time", lambda: used[0])

    def work() -> str:
        used[0] += queue.SLICE_SECONDS * 0.6
        return "done"

    async def main() -> list[Any]:
        # As uvloop's clock, which goes on with each turn.
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: turn[0])
        waiting = Queue(Size(length=LENGTH))
        first = [waiting.at_once(work, name) for name in ("shop", "bank", "mill")]
        turn[0] += 1
        return [*first, waiting.at_once(work, "mill")]

    assert asyncio.run(main()) == ["done", "done", None, "done"]


def test_work_at_once_is_charged_also_where_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    used = [0.0]
    monkeypatch.setattr(time, "thread_time", lambda: used[0])

    def fails() -> None:
        used[0] += 1
        raise ZeroDivisionError

    async def main() -> None:
        waiting = Queue(Size(length=LENGTH))
        with pytest.raises(ZeroDivisionError):
            waiting.at_once(fails, "shop")
        waiting._accounts.enter("shop")
        assert waiting._accounts.used("shop") == 1
        waiting._accounts.leave("shop")

    asyncio.run(main())
