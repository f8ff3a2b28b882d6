"""Work in several processes, whose results come back in order.

The processes are copies of this one, so that nothing has to be sent to them but the tasks. Not here: what
the tasks are (`jobs`).
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final, Generic, TypeVar

from injector.classes import dataclass
from injector.errors import ConfigError, ManifestError

Task = TypeVar("Task")
Result = TypeVar("Result")

# So many tasks per process are begun, at most, before the first result is taken.
_AHEAD: Final = 4


def in_order(
    work: Callable[[Task], Result], tasks: Iterator[Task], count: int
) -> Iterator[tuple[Task, Result]]:
    """Give each task with its result, in the order of the tasks; `count` processes work on them.

    Raises ConfigError where the system cannot copy a process, ManifestError where one of them dies, and
    what `work` raises.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise ConfigError("this system cannot copy a process", where="--jobs", hint="remove --jobs")
    crew: list[_Worker] = []
    # What exists now is shared with the copies as long as nobody touches it.
    gc.freeze()
    try:
        for _ in range(count):
            crew.append(_Worker.started(work, [worker.connection for worker in crew]))
        yield from _ordered(crew, tasks)
    finally:
        gc.unfreeze()
        for worker in crew:
            worker.end()


@dataclass(slots=True)
class _Begun(Generic[Task]):
    """A task, and when that has come, whether it failed and its result."""

    task: Task
    results: list[Any]


def _ordered(crew: Sequence[_Worker], tasks: Iterator[Task]) -> Iterator[tuple[Task, Any]]:
    idle = list(crew)
    busy: dict[Connection, tuple[_Worker, _Begun[Task]]] = {}
    begun: deque[_Begun[Task]] = deque()
    is_more = True
    while True:
        while is_more and idle and len(begun) < _AHEAD * len(crew):
            task = next(tasks, None)
            if task is None:
                is_more = False
                break
            worker = idle.pop()
            worker.send(task)
            begun.append(_Begun(task, []))
            busy[worker.connection] = (worker, begun[-1])
        if not begun:
            return
        if begun[0].results:
            first = begun.popleft()
            is_error, result = first.results[0]
            if is_error:
                raise result
            yield first.task, result
            continue
        for connection in wait(list(busy)):
            worker, of_task = busy.pop(connection)  # type: ignore[call-overload]
            of_task.results.append(worker.received())
            idle.append(worker)


@dataclass(frozen=True, slots=True)
class _Worker:
    """A copy of this process that works on one task after the other."""

    process: BaseProcess
    connection: Connection

    @classmethod
    def started(cls, work: Callable[[Any], Any], others: Sequence[Connection]) -> _Worker:
        """Copy this process. The ends of `others` that belong to this process are closed in the copy."""
        ours, theirs = multiprocessing.Pipe()
        target = multiprocessing.get_context("fork").Process(
            target=_serve, args=(work, theirs, [*others, ours]), daemon=True
        )
        target.start()
        theirs.close()
        return cls(target, ours)

    def send(self, task: Any) -> None:
        """Give the process a task. Raises ManifestError where it has died."""
        try:
            self.connection.send(task)
        except OSError as error:
            raise self._died() from error

    def received(self) -> Any:
        """Whether its task failed, and the error or the result. Raises ManifestError where it has died."""
        try:
            return self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._died() from error

    def end(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        self.process.terminate()
        self.process.join()

    def _died(self) -> ManifestError:
        self.process.join()
        code = self.process.exitcode or 0
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        hint = "check the memory of this machine, or use --jobs 1"
        return ManifestError(f"a process that renders ended early, {how}", where="--jobs", hint=hint)


def _serve(work: Callable[[Any], Any], connection: Connection, others: Sequence[Connection]) -> None:
    # Ctrl-C reaches all processes of the terminal; this one ends when its task giver ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # The end of the process that copied itself shows only where nobody else holds its ends.
    for other in others:
        other.close()
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            os._exit(0)
        try:
            answer: tuple[bool, Any] = (False, work(task))
        except Exception as error:
            answer = (True, error)
        try:
            connection.send(answer)
        except OSError:
            os._exit(0)
