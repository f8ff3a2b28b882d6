"""Durations as Go writes them."""

from __future__ import annotations

import pytest

from injector.durations import nanoseconds, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-0", 0),
        ("1ns", 1),
        ("1us", 1_000),
        ("1µs", 1_000),
        ("1μs", 1_000),
        ("1ms", 1_000_000),
        ("1m", 60_000_000_000),
        ("1h1m1s", 3_661_000_000_000),
        (".5s", 500_000_000),
        ("1.5h", 5_400_000_000_000),
        ("-1.5s", -1_500_000_000),
        ("-2562047h47m16.854775808s", -(2**63)),
        ("2562047h47m16.854775807s", 2**63 - 1),
        ("2562047h47m16.854775808s", None),
        ("1", None),
        (".s", None),
        ("s", None),
        ("1s ", None),
        ("1S", None),
        ("\u0661s", None),
        ("1s-1s", None),
        ("9" * 5000 + "s", None),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text: str, expected: int | None) -> None:
    assert nanoseconds(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("1m30s", 90.0), ("500ms", 0.5), ("-1s", -1.0), ("10", None)])
def test_seconds_keep_their_fraction(text: str, expected: float | None) -> None:
    assert seconds(text) == expected
