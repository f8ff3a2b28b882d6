"""The recorder of `serve`, made from its settings and two flags.

Not here: what is recorded (injector.records), and when it is offered (injector.server.app).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from injector.classes import replace
from injector.config.server_settings import Record, Server
from injector.telemetry import Metrics, log_event

if TYPE_CHECKING:
    from injector.records import writer


def record_settings(record: Record, folder: str | None, key: str | None) -> Record:
    """The settings, with the two flags in place of the file's; None: not set."""
    return replace(
        record,
        directory=record.directory if folder is None else folder,
        key_file=record.key_file if key is None else key,
    )


def recorder(server: Server, metrics: Metrics) -> writer.Recorder | None:
    """The started recorder; None where the settings ask for none. Raises ConfigError."""
    settings = server.record
    if not settings.directory:
        return None
    # Loaded where it is used only, as a start is to be short.
    from injector.records import writer

    folder = writer.prepare(settings.directory)
    key = writer.read_key(settings.key_file, settings.directory)
    bounds = writer.RecordBounds(settings.max_bytes, settings.max_records, settings.per_second)
    made = writer.Recorder(folder, key, bounds, metrics.recorded)
    made.start()
    log_event("info", "recording", directory=settings.directory, perSecond=settings.per_second)
    return made
