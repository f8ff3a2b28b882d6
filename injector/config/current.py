"""The configuration in force: the last good one, and why a newer one was refused.

Not here: where it is read from (`source`), and what is done with a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from injector.config.schema import Server
from injector.core.profile import Config
from injector.errors import ClusterError, InjectorError, TemplateError
from injector.telemetry import Metrics, log_event

# Why a reading failed, where the error says more than how far it came.
_REASONS: Final[Mapping[type[InjectorError], str]] = {TemplateError: "template", ClusterError: "source"}


class ConfigSource(Protocol):
    """What is read again and again, see `source.Source`."""

    @property
    def server(self) -> Server | None: ...
    @property
    def step(self) -> str: ...
    def read(self) -> Config: ...


class Current:
    """The configuration in force, read again every `seconds` once it is started.

    `apart` runs a reading, which blocks, in a thread; `taken` is called with each new configuration.
    """

    def __init__(
        self,
        source: ConfigSource,
        config: Config,
        metrics: Metrics,
        *,
        seconds: float,
        apart: Callable[[Callable[[], Config]], Awaitable[Config]],
        taken: Callable[[Config], None],
    ) -> None:
        self._source = source
        self._server = source.server
        self._metrics = metrics
        self._seconds = seconds
        self._apart = apart
        self._taken = taken
        self._problem = ""
        self._task: asyncio.Task[None] | None = None
        metrics.configuration(lambda: not self._problem)
        self._take(config)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to read the source again and again."""
        self._task = group.create_task(self._poll())

    def stop(self) -> None:
        """Read it no more; the configuration stays in force."""
        if self._task:
            self._task.cancel()

    def not_ready(self) -> Mapping[str, str]:
        """Nothing: one configuration is always in force."""
        return {}

    def warnings(self) -> Mapping[str, str]:
        """Why the source cannot be used as it is now."""
        return (
            {"config": f"the last valid configuration stays in use: {self._problem}"} if self._problem else {}
        )

    async def refresh(self) -> None:
        """Read the source once: take over what changed and is valid, keep the last good one else."""
        try:
            fresh = await self._apart(self._source.read)
        except InjectorError as error:
            self._refuse(error, _REASONS.get(type(error), self._source.step))
            return
        except Exception as error:
            # A defect in reading is no reason to stop answering.
            told = f"reading the configuration failed unexpectedly: {type(error).__name__}"
            self._refuse(InjectorError(told), "defect")
            return
        if self._problem:
            self._problem = ""
            log_event("info", "config-readable")
        if self._source.server != self._server:
            self._server = self._source.server
            log_event("warning", "server-settings", message="these settings changed; restart to apply them")
        if (fresh.digest, fresh.work_limit) != (self.config.digest, self.config.work_limit):
            self._take(fresh)
            self._metrics.reloaded()
            announce(fresh)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self.refresh()

    def _refuse(self, error: InjectorError, reason: str) -> None:
        if error.advice != self._problem:
            self._problem = error.advice
            self._metrics.reloaded(reason)
            log_event(
                "error",
                "config-refused",
                reason=reason,
                where=error.where,
                message=error.message,
                hint=error.hint,
            )

    def _take(self, config: Config) -> None:
        self.config = config
        self._metrics.configured(config.digest, config.profile.name, config.revision or "default")
        self._taken(config)


def announce(config: Config) -> None:
    """Log which configuration is in force, and what should be known about it."""
    log_event(
        "info",
        "config",
        profile=config.profile.name,
        revision=config.revision or "default",
        digest=config.digest,
    )
    for finding in config.findings:
        log_event(
            "warning" if finding.actionable else "info", "finding", code=finding.code, message=finding.message
        )
