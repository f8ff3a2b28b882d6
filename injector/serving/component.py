"""What `serve` runs: one protocol for all of it, and its troubles as log lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from injector.telemetry import log_event

# Whose trouble a line is about; all else is the cluster's.
_EVENTS: Final = {"events": "events", "callerAuth": "callers", "connections": "connections"}


class Component(Protocol):
    """A part of the webhook that runs beside its listeners."""

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin, with tasks of the group."""

    def stop(self) -> None:
        """End the tasks; what is known stays in use."""

    def not_ready(self) -> Mapping[str, str]:
        """Why the webhook cannot be called yet: sentences by what they are about."""

    def warnings(self) -> Mapping[str, str]:
        """What an operator should know, though the webhook can be called."""


def combined(answers: Iterable[Callable[[], Mapping[str, str]]]) -> dict[str, str]:
    """The sentences of several parts; of two about the same the later one counts."""
    return {about: text for answer in answers for about, text in answer().items()}


class TroubleLog:
    """Logs each sentence of `now` when it comes or changes, and once more when it is gone."""

    def __init__(self, seconds: float, now: Callable[[], Mapping[str, str]]) -> None:
        self._seconds = seconds
        self._now = now
        self._logged: Mapping[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to look."""
        self._task = group.create_task(self._run())

    def stop(self) -> None:
        """Log no more."""
        if self._task:
            self._task.cancel()

    def not_ready(self) -> Mapping[str, str]:
        """Nothing: these are the troubles of others."""
        return {}

    def warnings(self) -> Mapping[str, str]:
        """Nothing, as above."""
        return {}

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            self.look()

    def look(self) -> None:
        """Log what changed since the last look."""
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
