"""The time by the API server's clock, from the Date of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import pytest

from injector.kube.async_client import AsyncCluster

DAY = 86400.0


@dataclass
class Clocks:
    """The machine's clocks: the time of day, which people set, and the one that only goes on."""

    now: float = 1_800_000_000.0
    gone_on: float = 5000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.gone_on

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.gone_on += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Clocks that stand still until a test moves them."""
    made = Clocks()
    monkeypatch.setattr("injector.kube.async_client.time", made)
    return made


async def _never() -> Any:
    raise AssertionError("nothing is sent")


def test_the_local_clock_is_used_until_the_api_server_answers(clocks: Clocks) -> None:
    cluster = AsyncCluster(None, _never)
    assert cluster.time() == clocks.now
    for ahead in (DAY, -DAY):
        cluster._read_clock(formatdate(clocks.now + ahead, usegmt=True))
        assert cluster.time() == clocks.now + ahead
        clocks.pass_time(7.0)
        assert cluster.time() == clocks.now + ahead


def test_a_clock_that_is_set_meanwhile_changes_nothing(clocks: Clocks) -> None:
    cluster = AsyncCluster(None, _never)
    right = clocks.now
    cluster._read_clock(formatdate(right, usegmt=True))
    clocks.now += 1e9
    assert cluster.time() == right


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Nov 2026 00:00:00 GMT"])
def test_a_date_that_cannot_be_read_is_none(clocks: Clocks, date: str) -> None:
    cluster = AsyncCluster(None, _never)
    cluster._read_clock(date)
    assert cluster.time() == clocks.now
