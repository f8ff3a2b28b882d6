"""A rate, and now and then. Throttle: also tests/security/test_log_lines.py."""

from __future__ import annotations

import pytest

from injector.pacing import Throttle, TokenBucket


def test_a_bucket_gives_its_size_at_once_and_then_its_rate() -> None:
    now = [100.0]
    bucket = TokenBucket(2.0, 3.0, lambda: now[0])
    for _ in range(3):
        assert bucket.wait() == 0
        bucket.take()
    assert bucket.wait() == 0.5
    now[0] += 0.25
    assert bucket.wait() == pytest.approx(0.25)
    bucket.take()
    assert bucket.wait() == 0.5
    now[0] += 100
    for _ in range(3):
        assert bucket.wait() == 0
        bucket.take()
    assert bucket.wait() == 0.5


def test_a_throttle_counts_what_it_holds_back_by_kind() -> None:
    now = [0.0]
    throttle = Throttle(10.0, lambda: now[0])
    assert [throttle.times(kind) for kind in ("a", "a", "b", "a")] == [1, 0, 1, 0]
    now[0] += 10
    assert (throttle.times("a"), throttle.times("b")) == (3, 1)
