"""Troubles of what `serve` runs, as log lines."""

from __future__ import annotations

import pytest

from injector.serving.component import ProblemLog, combined


def test_of_two_sentences_about_the_same_the_later_one_counts() -> None:
    assert combined([lambda: {"a": "1", "b": "1"}, dict, lambda: {"b": "2"}]) == {"a": "1", "b": "2"}


def test_a_warning_is_logged_when_it_appears_changes_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    now: dict[str, str] = {}
    log = ProblemLog(1.0, lambda: dict(now))

    def lines() -> list[tuple[str, str, str, str]]:
        caplog.clear()
        with caplog.at_level("INFO", "injector"):
            log.check()
        fields = [(each, each.__dict__["fields"]) for each in caplog.records]
        return [(each.levelname, each.msg, of["what"], of["message"]) for each, of in fields]

    assert lines() == []
    now.update({"events": "not allowed", "/api/v1/nodes": "not read yet"})
    assert lines() == [
        ("WARNING", "cluster", "/api/v1/nodes", "not read yet"),
        ("WARNING", "events", "events", "not allowed"),
    ]
    assert lines() == []
    now["events"] = "too many"
    del now["/api/v1/nodes"]
    assert lines() == [
        ("INFO", "cluster", "/api/v1/nodes", "up to date"),
        ("WARNING", "events", "events", "too many"),
    ]
