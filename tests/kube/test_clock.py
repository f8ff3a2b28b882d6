"""The time by the API server's clock, from the Date of its answers."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest

from injector.kube.client import AsyncCluster


async def _never() -> Any:
    raise AssertionError("nothing is sent")


def test_the_time_is_ours_until_the_api_server_answers_and_then_its_own() -> None:
    cluster = AsyncCluster(None, _never)
    assert abs(cluster.time() - time.time()) < 5
    for ahead in (86400.0, -86400.0):
        cluster._read_clock(formatdate(time.time() + ahead, usegmt=True))
        assert abs(cluster.time() - time.time() - ahead) < 5


def test_a_clock_that_is_set_meanwhile_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = AsyncCluster(None, _never)
    now = time.time()
    cluster._read_clock(formatdate(now, usegmt=True))
    monkeypatch.setattr(time, "time", lambda: now + 1e9)
    assert abs(cluster.time() - now) < 5


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Nov 2026 00:00:00 GMT"])
def test_a_date_that_cannot_be_read_is_none(date: str) -> None:
    cluster = AsyncCluster(None, _never)
    cluster._read_clock(date)
    assert abs(cluster.time() - time.time()) < 5
