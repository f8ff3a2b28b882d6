"""The admissions that wait for their turn, and those that are refused in an overload.

Here: how many may wait, for how long, and in which order. There are two lanes. Work of a few milliseconds
runs in the thread of the event loop, in slices; between two slices the loop does handshakes and reads
requests. Longer work runs in threads. In both the namespace that has used the least CPU is next. Not
here: HTTP (app.py), what the work is, and a thread (worker.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from injector.classes import dataclass
from injector.server.shares import Accounts, Lines
from injector.server.worker import LOOK_SECONDS, Worker

Done = TypeVar("Done")

SLICE_SECONDS = 0.004
# With the time for the answer itself, each admitted request is answered within a second.
MOST_SECONDS = 0.8
# A body up to this size is never refused for its size: slow large bodies must not block small ones.
SMALL = 64 * 1024
# Two, so that a long admission of one namespace does not block the others.
WORKERS = 2
# A thread without work for so long ends, and its templates are freed.
IDLE_SECONDS = 60.0


class Overloaded(Exception):
    """A request is refused. `cause`: full, wait, bytes (of bodies), age, or gone (the caller)."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Size:
    """How many requests may wait in each lane, and how many bytes all bodies may have."""

    length: int = 512
    bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A request that waits since `started`, with a body of `size` bytes; `budget` is None where unknown."""

    started: float
    budget: float | None
    gone: Callable[[], bool]
    namespace: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _QueuedCall(Generic[Done]):
    work: Done
    call: Call
    until: float
    answer: asyncio.Future[Any]

    @property
    def namespace(self) -> str:
        return self.call.namespace

    @property
    def size(self) -> int:
        return self.call.size

    def refuse(self, cause: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(Overloaded(cause))

    def wanted(self, now: float) -> bool:
        """Whether the caller still waits for it; else it is refused."""
        if self.call.gone():
            self.refuse("gone")
        elif now > self.until:
            self.refuse("age")
        return not self.answer.done()


class Holding:
    """Counts the bytes of one body, and raises Overloaded where all bodies are too large."""

    __slots__ = ("_queue", "_size")

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._size = 0

    def __call__(self, more: int) -> None:
        """Count a part."""
        self._size += more
        self._queue.held += more
        if self._size > SMALL and self._queue.held > self._queue.size.bytes:
            raise Overloaded("bytes")

    def __enter__(self) -> Holding:
        return self

    def __exit__(self, *_error: object) -> None:
        self._queue.held -= self._size


_LoopCall = _QueuedCall[Callable[[], Any]]
_ThreadCall = _QueuedCall[Callable[[Worker], Awaitable[Any]]]


class Queue:
    """The two lanes. Times are those of ``time.perf_counter``; `held` are the bytes of all bodies."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._accounts = Accounts()
        self._loop_lines: Lines[_LoopCall] = Lines(self._accounts)
        self.held = 0
        self._busy_since: float | None = None
        self._turn = self._used_at_once = 0.0
        self._scheduled = False
        self._thread_lines: Lines[_ThreadCall] = Lines(self._accounts)
        # At most one admission of a namespace is done in a thread at a time.
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._free: dict[Worker, asyncio.TimerHandle] = {}
        self._lost: list[Worker] = []
        self._looking: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._loop_lines) + len(self._thread_lines)

    def check(self, budget: float | None, namespace: str | None = None) -> None:
        """Raise Overloaded where a new request would wait too long: of any namespace, or of this one."""
        if len(self._loop_lines) >= self.size.length and self._loop_lines.longest() <= 1:
            raise Overloaded("full")
        if self._loop_lines.wait(namespace) > _patience(budget) / 2:
            raise Overloaded("wait")

    def holding(self) -> Holding:
        """Count the bytes of a body in a ``with``; its value is called with the size of each part."""
        return Holding(self)

    def at_once(self, work: Callable[[], Done], namespace: str) -> Done | None:
        """Run the work now; None where a namespace that waits has used less CPU, so that it would be next.

        All such work in a turn of the loop takes a slice at most, and then what waits takes one.
        """
        # uvloop's time stands still during a turn.
        turn = asyncio.get_running_loop().time()
        if turn != self._turn:
            self._turn, self._used_at_once = turn, 0.0
        if self._used_at_once > SLICE_SECONDS:
            return None
        self._accounts.enter(namespace)
        begun = time.thread_time()
        try:
            return work() if self._loop_lines.would_be_next(namespace) else None
        finally:
            used = time.thread_time() - begun
            self._used_at_once += used
            self._accounts.charge(namespace, used)
            if not self._scheduled:
                # Else it is part of the time between two turns.
                self._loop_lines.took(namespace, used)
            self._accounts.leave(namespace)

    async def in_loop(self, work: Callable[[], Done], call: Call) -> Done:
        """Run the work in the loop in its turn. Raises Overloaded."""
        loop = asyncio.get_running_loop()
        entry = self._enter(self._loop_lines, work, call, loop)
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._slice, loop)
        return await entry.answer  # type: ignore[no-any-return]

    async def in_thread(self, work: Callable[[Worker], Awaitable[Done]], call: Call) -> Done:
        """Run the work with a thread in its turn. Raises Overloaded."""
        loop = asyncio.get_running_loop()
        entry = self._enter(self._thread_lines, work, call, loop)
        # A thread may be busy for longer than the caller waits.
        late = loop.call_later(max(entry.until - time.perf_counter(), 0), self._expire, entry)
        self._fill(loop)
        try:
            return await entry.answer  # type: ignore[no-any-return]
        finally:
            late.cancel()

    def _enter(
        self, lines: Lines[_QueuedCall[Done]], work: Done, call: Call, loop: asyncio.AbstractEventLoop
    ) -> _QueuedCall[Done]:
        patience = _patience(call.budget)
        own = lines.waiting(call.namespace)
        # Half of the time, as the estimate may be wrong: an admitted request should be answered.
        if lines.wait(call.namespace) > patience / 2:
            raise Overloaded("wait")
        if own and call.size > SMALL and lines.bytes(call.namespace) + call.size > self.size.bytes / 2:
            raise Overloaded("bytes")
        if len(lines) >= self.size.length:
            # The namespace with the most waiting requests loses one.
            if lines.longest() <= own + 1:
                raise Overloaded("full")
            last = lines.last_of_longest()
            self._accounts.leave(last.namespace)
            last.refuse("full")
        until = time.perf_counter() + patience
        if call.budget is not None:
            until = min(until, call.started + call.budget)
        entry = _QueuedCall(work, call, until, loop.create_future())
        lines.add(entry)
        return entry

    def _slice(self, loop: asyncio.AbstractEventLoop) -> None:
        """Work for a few milliseconds, on at least one entry that is still wanted."""
        begun = last = now = time.perf_counter()
        if self._busy_since is not None:
            last = self._busy_since
        while now - begun < SLICE_SECONDS and (entry := self._loop_lines.take()):
            if entry.wanted(now):
                used = time.thread_time()
                _settle(entry)
                self._accounts.charge(entry.namespace, time.thread_time() - used)
                now = time.perf_counter()
                self._loop_lines.took(entry.namespace, now - last)
                last = now
            self._accounts.leave(entry.namespace)
        self._scheduled = bool(len(self._loop_lines))
        self._busy_since = now if self._scheduled else None
        if self._scheduled:
            loop.call_soon(self._slice, loop)

    def _expire(self, entry: _ThreadCall) -> None:
        if self._thread_lines.discard(entry):
            self._accounts.leave(entry.namespace)
            entry.refuse("age")

    def _fill(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin as much as there are threads for; a stopped thread that still runs counts."""
        for worker in self._lost:
            worker.stop()
        self._lost = [worker for worker in self._lost if worker.alive]
        now = time.perf_counter()
        while len(self._busy) + len(self._lost) < WORKERS and (entry := self._thread_lines.take(self._busy)):
            if entry.wanted(now):
                self._busy[entry.namespace] = loop.create_task(self._begin(entry, loop))
            else:
                self._accounts.leave(entry.namespace)
        if self._lost and not self._looking:
            self._looking = loop.call_later(LOOK_SECONDS, self._look_again, loop)

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = None
        self._fill(loop)

    async def _begin(self, entry: _ThreadCall, loop: asyncio.AbstractEventLoop) -> None:
        try:
            worker = self._worker()
            begun = time.perf_counter()
            try:
                await _settle_with(entry, worker)
            finally:
                self._accounts.charge(entry.namespace, worker.used())
                self._thread_lines.took(entry.namespace, time.perf_counter() - begun)
                self._give_back(worker, loop)
        except RuntimeError:  # the system has no more threads
            entry.refuse("full")
        finally:
            self._accounts.leave(entry.namespace)
            del self._busy[entry.namespace]
            self._fill(loop)

    def _worker(self) -> Worker:
        if not self._free:
            return Worker()
        worker, retirement = self._free.popitem()
        retirement.cancel()
        worker.begin()
        return worker

    def _give_back(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        if worker.lost:
            self._lost.append(worker)
        else:
            self._free[worker] = loop.call_later(IDLE_SECONDS, self._retire, worker)

    def _retire(self, worker: Worker) -> None:
        del self._free[worker]
        worker.end()


async def _settle_with(entry: _ThreadCall, worker: Worker) -> None:
    """Run the work of an entry with a thread."""
    try:
        result = await entry.work(worker)
    except Exception as error:
        if not entry.answer.done():
            entry.answer.set_exception(error)
    else:
        if not entry.answer.done():
            entry.answer.set_result(result)
    finally:
        entry.answer.cancel()  # of no effect, unless this task itself is cancelled


def _settle(entry: _LoopCall) -> None:
    """Run the work of an entry."""
    try:
        entry.answer.set_result(entry.work())
    except Exception as error:
        entry.answer.set_exception(error)


def _patience(budget: float | None) -> float:
    return MOST_SECONDS if budget is None else min(MOST_SECONDS, budget / 4)
