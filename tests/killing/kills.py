"""Kills of a run: exactly before one of its steps, or from outside at a moment of chance.

A run is a process of its own, forked so that it starts in no time; nothing in the command knows of it.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from dataclasses import dataclass
from random import Random
from typing import Any

from injector.cli.writing import leftovers
from tests.killing import watching
from tests.killing.repository import BrokenError, Repository, State


@dataclass(frozen=True)
class Killed:
    """What a killed run left, and which part of the renames was done."""

    state: State
    files: int

    @property
    def when(self) -> str:
        """Before, between or after the renames, as the files show."""
        if self.state.new == 0:
            return "before"
        return "between" if self.state.new < self.files else "after"


def before_step(repository: Repository, event: str, number: int) -> Killed:
    """Kill a run right before it creates (`create`) or renames (`rename`) the temporary file of a number."""
    child = os.fork()
    if child == 0:
        _kill_itself(event, number)
        os._exit(repository.run())
    killed = _after(repository, child)
    if killed is None:
        raise BrokenError(f"a run has no {event} of number {number}")
    return killed


def from_outside(repository: Repository, chance: Random, *, renaming: bool) -> Killed | None:
    """Kill a run after a number of events in its folders, of chance; None where it ended before.

    With `renaming` only renames count.
    """
    kinds = watching.MOVED_TO if renaming else watching.ALL
    # A file is opened and closed to read it; its temporary file is created, changed, closed, opened again.
    most = len(repository.old) - 1 if renaming else 8 * len(repository.old)
    left = chance.randint(1, most)
    with watching.watched(repository.folders, kinds) as events:
        child = os.fork()
        if child == 0:
            os._exit(repository.run())
        ended = os.pidfd_open(child)
        try:
            while left > 0:
                ready, _, _ = select.select([events, ended], [], [])
                if events in ready:
                    left -= watching.events(events)
                elif ended in ready:
                    break
            signal.pidfd_send_signal(ended, signal.SIGKILL)
        except ProcessLookupError:
            pass
        finally:
            os.close(ended)
    return _after(repository, child)


def _kill_itself(event: str, number: int) -> None:
    left = number

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        is_create = (
            name == "open" and leftovers.is_temporary(str(arguments[0])) and arguments[2] & os.O_CREAT != 0
        )
        if (name == "os.rename") if event == "rename" else is_create:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _after(repository: Repository, child: int) -> Killed | None:
    """What a killed run left, None if it ended; then the next run, which has to finish and clean up."""
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        raise BrokenError(f"a run was not killed, and ended with {os.waitstatus_to_exitcode(status)}")
    state = repository.state()
    repository.restarted()
    if repository.state() != State(len(repository.old), 0):
        raise BrokenError(f"after the next run: {repository.state()}")
    repository.restore()
    return Killed(state, len(repository.old)) if killed else None
