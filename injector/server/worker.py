"""A thread for work that would block the loop, and how that work is stopped from outside.

The loop passes it one piece of work after another. Not here: the order of the work (queue.py) and what it
is (app.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from queue import SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar

from injector.core.profile import Config

T = TypeVar("T")
_Future: TypeAlias = "asyncio.Future[tuple[bool, Any]]"
_Inbox: TypeAlias = "SimpleQueue[tuple[Callable[[], Any], asyncio.AbstractEventLoop, _Future] | None]"

# How often the loop checks the CPU time of a thread.
LOOK_SECONDS: Final = 0.02


class Stopped(SystemExit):
    """Stops work, from inside or outside.

    It is no Exception, so that no handler treats it as an error of the work, and a SystemExit, so that a
    thread which it reaches at its very end prints nothing.
    """


class OutOfTime(Exception):
    """Work has used more CPU time than it may."""


class Worker:
    """A thread with templates of its own. After its work was stopped it is lost, and does no other."""

    def __init__(self) -> None:
        self._inbox: _Inbox = SimpleQueue()
        self._shared: Config | None = None
        self._own: Config | None = None
        self._thread = threading.Thread(target=_run_thread, args=[self._inbox], name="admission", daemon=True)
        self._thread.start()
        # Read while the thread exists: for one that has ended this is undefined.
        self._clock = time.pthread_getcpuclockid(self._thread.ident or 0)
        self._begun = self._used = 0.0
        self.lost = False
        # Else the thread would wait forever.
        weakref.finalize(self, self._inbox.put, None)

    @property
    def alive(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Let the thread end once its work is done."""
        self._inbox.put(None)

    def begin(self) -> None:
        """Count CPU seconds from now on."""
        self._begun = time.clock_gettime(self._clock)

    def used(self) -> float:
        """CPU seconds since `begin`, from any thread; the last known value once the thread has ended."""
        with contextlib.suppress(OSError):
            self._used = time.clock_gettime(self._clock) - self._begun
        return self._used

    async def config(self, shared: Config, check: Callable[[], None]) -> Config:
        """The configuration with templates for this thread only, as two threads cannot share a set."""
        if self._own is None or self._shared is not shared:
            self._own = await self.do(lambda: _with_own_templates(shared), check)
            self._shared = shared
        return self._own

    async def do(self, work: Callable[[], T], check: Callable[[], None]) -> T:
        """The result of work in the thread.

        `check` is called meanwhile every LOOK_SECONDS; an error of it stops the work and is raised here. Work
        that raises Stopped is OutOfTime.
        """
        loop = asyncio.get_running_loop()
        done: _Future = loop.create_future()
        self._inbox.put((work, loop, done))
        try:
            while not (await asyncio.wait({done}, timeout=LOOK_SECONDS))[0]:
                check()
        except BaseException:
            self.stop()
            raise
        finished, result = done.result()
        if not finished:
            self._lose()
            raise OutOfTime
        if isinstance(result, Exception):
            raise result
        return result  # type: ignore[no-any-return]

    def stop(self) -> None:
        """Interrupt the thread; to be called again while it is alive."""
        self._lose()
        if self.alive:
            ident = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(Stopped))
        self._inbox.put(None)

    def _lose(self) -> None:
        """Mark the thread as lost, with its templates, and note its CPU time."""
        self.lost = True
        self._own = self._shared = None
        self.used()


def _with_own_templates(shared: Config) -> Config:
    own = replace(shared, templates=shared.templates.isolated_copy())
    own.templates.compile_all()
    return own


def _run_thread(inbox: _Inbox) -> None:
    # Stopped may arrive when the work is done already.
    with contextlib.suppress(Stopped):
        _run_jobs(inbox)


def _run_jobs(inbox: _Inbox) -> None:
    while (job := inbox.get()) is not None:
        work, loop, done = job
        finished, result = _done(work)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(_settle, done, (finished, result))
        if not finished:
            return
        # These references would live until the next admission.
        del job, work, loop, done, result


def _done(work: Callable[[], Any]) -> tuple[bool, Any]:
    """Whether the work came to an end, and its result or error."""
    try:
        return True, work()
    except Stopped:
        return False, None
    except Exception as error:
        return True, error


def _settle(done: _Future, result: tuple[bool, Any]) -> None:
    if not done.done():
        done.set_result(result)
