"""Maintenance windows: their text, and when they are open, also on days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from injector.cli import windows
from injector.errors import ConfigError

# 2026-06-01 is a Monday. In Berlin the clocks change on 2026-03-29 at 01:00Z and on 2026-10-25 at 01:00Z.


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "time", "expected"),
    [
        # Every day, in UTC: from the first minute to the last.
        ("22:00-23:00", "2026-06-01T21:59:59Z", False),
        ("22:00-23:00", "2026-06-01T22:00:00Z", True),
        ("22:00-23:00", "2026-06-01T22:59:59Z", True),
        ("22:00-23:00", "2026-06-01T23:00:00Z", False),
        ("00:00-24:00", "2026-06-01T23:59:59Z", True),
        # Into the next day: the day is the one on which it opens.
        ("Mon 22:00-04:00", "2026-06-01T23:00:00Z", True),
        ("Mon 22:00-04:00", "2026-06-02T03:59:59Z", True),
        ("Mon 22:00-04:00", "2026-06-02T04:00:00Z", False),
        ("Mon 22:00-04:00", "2026-06-01T03:00:00Z", False),
        ("Mon 22:00-04:00", "2026-06-02T23:00:00Z", False),
        ("Sun 22:00-04:00", "2026-06-01T03:00:00Z", True),
        ("Mon 22:00-00:00", "2026-06-01T23:59:00Z", True),
        ("Mon 22:00-00:00", "2026-06-02T00:00:00Z", False),
        # Days: lists, spans, a span over the end of the week, any case.
        ("Mon-Fri 10:00-11:00", "2026-06-05T10:30:00Z", True),
        ("Mon-Fri 10:00-11:00", "2026-06-06T10:30:00Z", False),
        ("sat,SUN 10:00-11:00", "2026-06-07T10:30:00Z", True),
        ("Sat-Mon 10:00-11:00", "2026-06-01T10:30:00Z", True),
        ("Sat-Mon 10:00-11:00", "2026-06-02T10:30:00Z", False),
        ("Mon,Wed-Thu 10:00-11:00", "2026-06-04T10:30:00Z", True),
        # The clocks of the zone count: 22:00 in Berlin is 20:00Z in summer and 21:00Z in winter.
        ("22:00-23:00 Europe/Berlin", "2026-06-01T20:30:00Z", True),
        ("22:00-23:00 Europe/Berlin", "2026-06-01T21:30:00Z", False),
        ("22:00-23:00 Europe/Berlin", "2026-12-01T21:30:00Z", True),
        ("Tue 00:00-01:00 Asia/Kolkata", "2026-06-01T18:30:00Z", True),
        # 02:00 to 03:00 does not exist on 2026-03-29, and exists twice on 2026-10-25.
        ("02:00-03:00 Europe/Berlin", "2026-03-29T00:59:00Z", False),
        ("02:00-03:00 Europe/Berlin", "2026-03-29T01:00:00Z", False),
        ("01:00-04:00 Europe/Berlin", "2026-03-29T01:59:00Z", True),
        ("01:00-04:00 Europe/Berlin", "2026-03-29T02:00:00Z", False),
        ("02:00-03:00 Europe/Berlin", "2026-10-25T00:30:00Z", True),
        ("02:00-03:00 Europe/Berlin", "2026-10-25T01:30:00Z", True),
        ("02:00-03:00 Europe/Berlin", "2026-10-25T02:00:00Z", False),
    ],
)
def test_a_window_is_open_while_the_clocks_of_its_zone_show_its_hours(
    text: str, time: str, expected: bool
) -> None:
    assert windows.parse(text).is_open(at(time)) is expected


@pytest.mark.parametrize(
    ("texts", "now", "opens"),
    [
        (["22:00-23:00"], "2026-06-01T12:00:30Z", "2026-06-01T22:00:00Z"),
        (["Mon 22:00-23:00"], "2026-06-01T23:00:00Z", "2026-06-08T22:00:00Z"),
        (["Mon 22:00-23:00", "Wed 01:00-02:00"], "2026-06-02T00:00:00Z", "2026-06-03T01:00:00Z"),
        (["Sun 22:00-04:00 Europe/Berlin"], "2026-06-01T12:00:00Z", "2026-06-07T20:00:00Z"),
        # The hour is left out on that Sunday, so it opens a week later.
        (["Sun 02:00-03:00 Europe/Berlin"], "2026-03-28T12:00:00Z", "2026-04-05T00:00:00Z"),
        # Its first minutes are left out: it opens when the clocks have changed.
        (["Sun 02:30-03:30 Europe/Berlin"], "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
    ],
)
def test_the_next_opening_is_exact_to_the_minute(texts: list[str], now: str, opens: str) -> None:
    each = [windows.parse(text) for text in texts]
    assert not windows.is_open(each, at(now))
    assert windows.opening(each, at(now)) == at(opens)


def test_the_opening_is_in_the_time_of_the_window() -> None:
    opens = windows.opening([windows.parse("22:00-23:00 Europe/Berlin")], at("2026-06-01T12:00:00Z"))
    assert opens is not None
    assert (opens.hour, opens.tzinfo) == (22, ZoneInfo("Europe/Berlin"))


def test_without_windows_it_is_always_open_and_a_window_without_days_opens_each_day() -> None:
    assert windows.is_open([], at("2026-06-01T12:00:00Z"))
    assert windows.parse("10:00-11:00").days == frozenset(range(7))


@pytest.mark.parametrize(
    ("text", "character", "expected"),
    [
        ("", 1, "no hours"),
        ("Mon-Fri", 8, "no hours"),
        ("Mon-Fry 22:00-04:00", 5, "Fry is not a day; expected Mon, Tue"),
        ("Mon,,Tue 22:00-04:00", 5, "an empty text is not a day"),
        ("  Monday 22:00-04:00", 3, "Monday is not a day"),
        ("Mon 22:00", 5, "22:00: HH:MM-HH:MM is expected"),
        ("Mon 22:00-25:00", 11, "25:00 is not a time from 00:00 to 24:00"),
        ("Mon 24:00-25:00", 5, "24:00 is not a time from 00:00 to 23:59"),
        ("Mon 10:60-11:00", 5, "10:60 is not a time"),
        ("Mon 22:00-22:00", 5, "start and end are the same; the whole day is 00:00-24:00"),
        ("Mon Tue 22:00-23:00", 5, "Tue: hours are expected after the days"),
        ("Mon 22:00-23:00 Europe/Nowhere", 17, "Europe/Nowhere is not a time zone"),
        ("Mon 22:00-23:00 ../etc/passwd", 17, "is not a time zone"),
        ("Mon 22:00-23:00 Europe/Berlin daily", 31, "daily: nothing is expected after the time zone"),
    ],
)
def test_a_wrong_window_is_refused_with_its_place_what_is_expected_and_an_example(
    text: str, character: int, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        windows.parse(text)
    assert caught.value.where == f"--window, character {character}"
    assert expected in caught.value.message
    assert windows.EXAMPLE in caught.value.hint


def test_the_example_is_valid() -> None:
    window = windows.parse(windows.EXAMPLE)
    assert window.days == frozenset(range(5))
