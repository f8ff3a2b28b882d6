"""The configuration in use: the last valid one, and why a newer one was refused.

Not here: where it is read from (`source`), and who uses a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from injector.config.server_settings import Server
from injector.core.profile import Config
from injector.core.registration.match_conditions import check_reload
from injector.errors import ClusterError, ConfigError, InjectorError, TemplateError
from injector.telemetry import Metrics, log_event

# The reason of a failed reading by class of the error; of other errors the step that failed.
_REASONS: Final[Mapping[type[InjectorError], str]] = {TemplateError: "template", ClusterError: "source"}


class ConfigSource(Protocol):
    """A source that is read repeatedly, see `source.Source`."""

    @property
    def server(self) -> Server | None:
        """The server's settings of the last reading, with the flags applied; None before the first."""

    @property
    def step(self) -> str:
        """The step of the last reading; where it failed, the reason."""

    def read(self) -> Config:
        """The snapshot as the source is now. Blocks. Raises InjectorError."""


class Current:
    """The configuration in use, read again every `seconds` once it is started.

    `in_thread` runs a reading, which blocks, in a thread; `taken` is called with each new configuration.
    """

    def __init__(
        self,
        source: ConfigSource,
        config: Config,
        metrics: Metrics,
        *,
        seconds: float,
        in_thread: Callable[[Callable[[], Config]], Awaitable[Config]],
        taken: Callable[[Config], None],
    ) -> None:
        self._source = source
        self._server = source.server
        self._metrics = metrics
        self._seconds = seconds
        self._in_thread = in_thread
        self._taken = taken
        self._problem = ""
        self._registered = config.policy
        self._task: asyncio.Task[None] | None = None
        metrics.configuration(lambda: not self._problem)
        self._take(config)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start to read the source periodically."""
        self._task = group.create_task(self._poll())

    def stop(self) -> None:
        """Stop reading the source; the configuration stays in use."""
        if self._task:
            self._task.cancel()

    def not_ready(self) -> Mapping[str, str]:
        """Always empty: a configuration is always in use."""
        return {}

    def warnings(self) -> Mapping[str, str]:
        """Why the present configuration of the source is not used."""
        return (
            {"config": f"the last valid configuration stays in use: {self._problem}"} if self._problem else {}
        )

    async def refresh(self) -> None:
        """Read the source once; use its configuration if it changed and is valid."""
        try:
            fresh = await self._in_thread(self._source.read)
        except InjectorError as error:
            self._refuse(error, _REASONS.get(type(error), self._source.step))
            return
        except Exception as error:
            # A defect in reading is no reason to stop answering.
            message = f"reading the configuration failed unexpectedly: {type(error).__name__}"
            self._refuse(InjectorError(message), "defect")
            return
        try:
            check_reload(self._registered, fresh.policy)
        except ConfigError as error:
            self._refuse(error, "registration")
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
    """Log which configuration is in use, and its findings."""
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
