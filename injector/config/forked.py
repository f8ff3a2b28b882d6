"""A child process that is a copy of this one, so that it has nothing to load; with the bounds of `child`.

For a process with one thread only: what another thread holds locked would stay locked in the copy.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Final, NoReturn

from injector import collection
from injector.config import child
from injector.core.model import Finding

_CHUNK: Final = 1 << 16


def possible() -> bool:
    """Whether this process can be copied."""
    return sys.platform == "linux" and threading.active_count() == 1


def run(
    answer: Callable[[], object], what: str, hint: str, meanwhile: Callable[[], None]
) -> tuple[Any, Finding | None]:
    """The answer of a copy of this process as JSON gives it, or why there is none; as `child.run`.

    `meanwhile` is called here while the copy works.
    """
    deadline = time.monotonic() + child.WALL_SECONDS
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        _answer(answer, writing)
    os.close(writing)
    text = None
    try:
        meanwhile()
        text = _read(reading, deadline)
    finally:
        os.close(reading)
        if text is None:
            os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
    if text is None:
        return None, child.too_slow(what)
    if code := os.waitstatus_to_exitcode(status):
        return None, child.ended(code, text.decode(errors="replace"), what, hint)
    return json.loads(text), None


def _read(pipe: int, deadline: float) -> bytes | None:
    """What comes until the other end is closed; None where it is not closed in time."""
    parts: list[bytes] = []
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    while waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
        part = os.read(pipe, _CHUNK)
        if not part:
            return b"".join(parts)
        parts.append(part)
    return None


def _answer(answer: Callable[[], object], pipe: int) -> NoReturn:
    """The copy: the answer, or the error instead, and its end. Nothing else of this process goes on in it."""
    status = 1
    try:
        child.bound(0)
        collection.leave_out()
        try:
            text, status = json.dumps(answer()), 0
        except MemoryError:
            text, status = "", child.OUT_OF_MEMORY
        except Exception as error:
            text = "".join(traceback.format_exception_only(error))
        with os.fdopen(pipe, "w") as stream:
            stream.write(text)
    finally:
        os._exit(status)
