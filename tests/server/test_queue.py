"""Admissions that wait for their turn, without sockets and without time: what is refused, and what is not."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from injector.server import queue
from injector.server.queue import SMALL, Call, Overloaded, Queue, Size

LENGTH = 4


def present() -> bool:
    return False


async def results(
    queue: Queue, *works: Callable[[], Any], budget: float | None = None, namespace: str = "shop"
) -> list[Any]:
    """What becomes of work that comes at the same moment: its result, or the cause of its refusal."""

    async def one(work: Callable[[], Any]) -> Any:
        try:
            return await queue.in_loop(work, Call(time.perf_counter(), budget, present, namespace))
        except Overloaded as overload:
            return overload.cause

    return await asyncio.gather(*map(one, works))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock of the queue that stands still; what it is given makes it go on."""
    now = [1000.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def go_on(seconds: float) -> None:
        now[0] += seconds

    return go_on


def test_what_comes_past_the_length_is_refused_and_the_rest_is_done_in_order() -> None:
    done: list[int] = []
    waiting = Queue(Size(length=LENGTH))

    async def both_rounds() -> list[Any]:
        def work(number: int) -> int:
            done.append(number)
            return number

        works = [partial(work, number) for number in range(LENGTH + 3)]
        first = await results(waiting, *works)
        return first + await results(waiting, lambda: "later")

    assert asyncio.run(both_rounds()) == [*range(LENGTH), "full", "full", "full", "later"]
    assert done == [*range(LENGTH)]


def test_between_two_slices_the_loop_goes_on(clock: Callable[[float], None]) -> None:
    turns = itertools.count()
    seen: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def tick() -> None:
            next(turns)
            loop.call_soon(tick)

        def work() -> None:
            clock(queue.SLICE_SECONDS)
            seen.append(next(turns))

        loop.call_soon(tick)
        await results(Queue(Size()), *[work] * 5)

    asyncio.run(main())
    # Each saw a later turn of the loop than the one before, not only its own count.
    assert all(b - a > 1 for a, b in itertools.pairwise(seen)), seen


def test_small_work_shares_a_slice() -> None:
    slices: list[None] = []

    async def main() -> None:
        waiting = Queue(Size())
        original = waiting._slice

        def counted(loop: asyncio.AbstractEventLoop) -> None:
            slices.append(None)
            original(loop)

        waiting._slice = counted  # type: ignore[method-assign]  # to see how often the loop is asked
        await results(waiting, *[lambda: None] * 5)

    asyncio.run(main())
    assert len(slices) == 1


@pytest.mark.parametrize(("budget", "waited", "cause"), [
    (None, 0.7, "done"), (None, 0.9, "age"), (2.0, 0.4, "done"), (2.0, 0.6, "age"), (30.0, 0.9, "age"),
])  # fmt: skip
def test_a_request_that_waited_too_long_is_refused(
    clock: Callable[[float], None], budget: float | None, waited: float, cause: str
) -> None:
    async def main() -> list[Any]:
        return await results(Queue(Size()), lambda: clock(waited), lambda: "done", budget=budget)

    assert asyncio.run(main())[1] == cause


def test_a_request_whose_body_took_all_of_its_time_is_refused(clock: Callable[[float], None]) -> None:
    async def main() -> None:
        came = time.perf_counter()
        clock(2.5)
        await Queue(Size()).in_loop(lambda: None, Call(came, 2.0, present))

    with pytest.raises(Overloaded) as caught:
        asyncio.run(main())
    assert caught.value.cause == "age"


def test_once_the_pace_is_known_a_request_that_would_wait_too_long_is_refused_at_once(
    clock: Callable[[float], None],
) -> None:
    def slow() -> str:
        clock(0.1)
        return "done"

    async def main() -> list[Any]:
        waiting = Queue(Size())
        for _ in range(50):
            await results(waiting, slow)
        return await results(waiting, *[slow] * 10)

    answers = asyncio.run(main())
    # Half of 0.8 s holds four of them; the fifth finds four before it.
    assert answers == ["done"] * answers.count("done") + ["wait"] * answers.count("wait")
    assert 4 <= answers.count("done") <= 6


def test_a_caller_that_disconnected_is_skipped() -> None:
    done: list[str] = []

    async def main() -> None:
        waiting = Queue(Size())
        await waiting.in_loop(lambda: done.append("work"), Call(time.perf_counter(), None, lambda: True))

    with pytest.raises(Overloaded) as caught:
        asyncio.run(main())
    assert (caught.value.cause, done) == ("gone", [])


def test_an_error_of_the_work_reaches_only_its_caller() -> None:
    def fails() -> None:
        raise ValueError("mine")

    async def main() -> list[Any]:
        waiting = Queue(Size())
        turns = [
            waiting.in_loop(work, Call(time.perf_counter(), None, present))
            for work in (fails, lambda: "done")
        ]
        return await asyncio.gather(*turns, return_exceptions=True)

    failed, done = asyncio.run(main())
    assert isinstance(failed, ValueError)
    assert done == "done"


def test_a_request_that_stopped_waiting_costs_nothing() -> None:
    done: list[str] = []

    async def main() -> None:
        waiting = Queue(Size())
        given_up = asyncio.create_task(
            waiting.in_loop(lambda: done.append("given up"), Call(time.perf_counter(), None, present))
        )
        await asyncio.sleep(0)
        given_up.cancel()
        await results(waiting, lambda: done.append("wanted"))

    asyncio.run(main())
    assert done == ["wanted"]


def test_large_bodies_are_refused_past_the_bytes_and_small_ones_never() -> None:
    waiting = Queue(Size(bytes=10 * SMALL))
    with waiting.holding() as large, waiting.holding() as small:
        large(10 * SMALL)
        small(SMALL)
        with pytest.raises(Overloaded) as caught:
            small(1)
        assert caught.value.cause == "bytes"
    with waiting.holding() as again:
        again(10 * SMALL)


def test_in_a_full_queue_the_namespace_with_the_most_waiting_loses_a_place() -> None:
    done: list[str] = []
    waiting = Queue(Size(length=LENGTH))

    async def main() -> list[Any]:
        greedy = [partial(done.append, f"greedy {n}") for n in range(LENGTH + 1)]
        shop = [partial(done.append, f"shop {n}") for n in range(LENGTH)]
        return list(
            await asyncio.gather(
                results(waiting, *greedy, namespace="greedy"), results(waiting, *shop, namespace="shop")
            )
        )

    greedy, shop = asyncio.run(main())
    # Half of the places each: who came later takes those of the last.
    assert greedy == [None, None, "full", "full", "full"]
    assert shop == [None, None, "full", "full"]
    assert sorted(done) == ["greedy 0", "greedy 1", "shop 0", "shop 1"]


def test_the_pace_of_one_namespace_keeps_no_other_out(clock: Callable[[float], None]) -> None:
    async def main() -> list[Any]:
        waiting = Queue(Size())
        for _ in range(50):
            await results(waiting, lambda: clock(0.5), namespace="greedy")
        greedy = results(waiting, *[lambda: clock(0.5)] * 3, namespace="greedy")
        return list(await asyncio.gather(greedy, results(waiting, lambda: "done", namespace="shop")))

    greedy, shop = asyncio.run(main())
    assert greedy == [None, "wait", "wait"]
    assert shop == ["done"]


def test_the_next_turn_is_that_of_the_namespace_with_the_least_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    used = [0.0]
    # CPU time does not stand still while a test runs.
    monkeypatch.setattr(time, "thread_time", lambda: used[0])
    order: list[str] = []

    def work(name: str, seconds: float) -> Callable[[], None]:
        def do() -> None:
            used[0] += seconds
            order.append(name)

        return do

    async def main() -> None:
        waiting = Queue(Size())
        greedy = [work("greedy", 0.02)] * 3
        shop = [work("shop", 0.005)] * 8
        await asyncio.gather(
            results(waiting, *greedy, namespace="greedy"), results(waiting, *shop, namespace="shop")
        )

    asyncio.run(main())
    assert order == ["greedy", *["shop"] * 4, "greedy", *["shop"] * 4, "greedy"]


def test_one_namespace_does_not_take_all_bytes_of_the_bodies_that_wait() -> None:
    async def main() -> list[Any]:
        waiting = Queue(Size(bytes=10 * SMALL))
        calls = [
            Call(time.perf_counter(), None, present, name, 4 * SMALL) for name in ("greedy",) * 3 + ("shop",)
        ]
        turns = [waiting.in_loop(lambda: "done", call) for call in calls]
        return await asyncio.gather(*turns, return_exceptions=True)

    results = [each.cause if isinstance(each, Overloaded) else each for each in asyncio.run(main())]
    assert results == ["done", "bytes", "bytes", "done"]
