"""One protocol for what `serve` runs, and the log lines of its problems."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from injector.telemetry import log_event

# The event of a line, by what the problem is about; all others are the cluster's.
_EVENTS: Final = {"events": "events", "callerAuth": "callers", "connections": "connections"}


class Component(Protocol):
    """A part of the webhook that runs beside its listeners."""

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin tasks in the group."""

    def stop(self) -> None:
        """End the tasks; what was read stays in use."""

    def not_ready(self) -> Mapping[str, str]:
        """Why the webhook cannot be called yet: sentences by what they are about."""

    def warnings(self) -> Mapping[str, str]:
        """What an operator should know, though the webhook can be called."""


def combined(answers: Iterable[Callable[[], Mapping[str, str]]]) -> dict[str, str]:
    """The sentences of several components; of two about the same thing the later one counts."""
    return {about: text for answer in answers for about, text in answer().items()}


class ProblemLog:
    """Logs each sentence of `now` when it appears or changes, and once more when it is over."""

    def __init__(self, seconds: float, now: Callable[[], Mapping[str, str]]) -> None:
        self._seconds = seconds
        self._now = now
        self._logged: Mapping[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to check."""
        self._task = group.create_task(self._run())

    def stop(self) -> None:
        """Log no more."""
        if self._task:
            self._task.cancel()

    def not_ready(self) -> Mapping[str, str]:
        """Nothing: these are the problems of other components."""
        return {}

    def warnings(self) -> Mapping[str, str]:
        """Nothing, as above."""
        return {}

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            self.check()

    def check(self) -> None:
        """Log what changed since the last check."""
        now = self._now()
        for about in sorted({*now, *self._logged}):
            if now.get(about) != self._logged.get(about):
                log_event(
                    "warning" if about in now else "info",
                    _EVENTS.get(about, "cluster"),
                    what=about,
                    message=now.get(about, "up to date"),
                )
        self._logged = now
