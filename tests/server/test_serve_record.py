"""`injector serve --record` as a process: a disk that takes no more, and what is left at the end."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path

from injector.records.reader import Reader
from tests.server.test_serve import PATIENCE, SETTINGS, Files, Served, call, files, served
from tests.server.webhook_factories import a_body, a_pod

__all__ = ["files"]  # the fixture


def start(files: Files, folder: Path) -> None:
    recording = f"  record: {{directory: {folder}, perSecond: 1000}}\n"
    files.config.write_text(SETTINGS + recording)


def admit(running: Served, count: int) -> None:
    webhook, _ = running.callers(running.wait_for("listening"))
    for number in range(count):
        response, body = call(webhook, "POST", "/mutate", a_body(a_pod(labels={"app": f"web-{number}"})))
        assert response.status == 200
        assert json.loads(body)["response"]["allowed"] is True


def end(running: Served) -> None:
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE) == 0


def test_what_is_in_the_queue_is_written_before_the_end(files: Files, tmp_path: Path) -> None:
    start(files, tmp_path / "records")
    with served(files) as running:
        running.wait_for("config")
        admit(running, 40)
        end(running)
    reader = Reader(tmp_path / "records")
    assert (len(list(reader.entries())), reader.broken) == (40, 0)


def test_a_full_disk_is_reported_and_reviews_are_still_answered(files: Files, tmp_path: Path) -> None:
    """The process may not write files beyond a size, which fails like a disk without room."""
    start(files, tmp_path / "records")
    with served(files) as running:
        running.wait_for("config")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (2000, hard))
        admit(running, 40)
        event = running.wait_for("record-failed")
        assert str(tmp_path / "records") in event["message"]
        assert "free disk space" in event["hint"]
        end(running)
    reader = Reader(tmp_path / "records")
    assert 0 < len(list(reader.entries())) < 40
    assert reader.broken == 0


def test_a_key_beside_the_records_ends_the_start(files: Files, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "key").write_text("a key that is long enough, or so")
    files.config.write_text(SETTINGS + f"  record: {{directory: {folder}, keyFile: {folder}/key}}\n")
    with served(files) as running:
        assert running.process.wait(PATIENCE) == 2
