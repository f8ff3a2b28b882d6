"""Maintenance windows: hours of the week in which owners may be restarted.

A window is open while the clocks of its time zone show its hours: an hour that a change of the clocks
leaves out never comes, and one that it repeats counts twice. Here: their text, and when they are open,
with the time as an argument. Not here: what is done with that (`injector.cli.restarts`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from injector.classes import dataclass
from injector.errors import ConfigError
from injector.patterns import pattern
from injector.printable import shown

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXAMPLE: Final = "Mon-Fri 22:00-04:00 Europe/Berlin"
_DAY_MINUTES: Final = 24 * 60
# A change of the clocks can leave out the only hours of a week.
_AHEAD: Final = timedelta(days=15)
_MINUTE: Final = timedelta(minutes=1)

_HOURS = pattern(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of some days, in minutes of the day, into the next day where the end is before the start.

    `days` are those on which it opens, Monday is 0.
    """

    days: frozenset[int]
    start: int
    end: int
    zone: tzinfo

    def is_open(self, now: datetime) -> bool:
        """Whether it is open at a time, which has a time zone."""
        local = now.astimezone(self.zone)
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        since_yesterday = (today - 1) % 7 in self.days and minute < self.end
        return since_yesterday or (today in self.days and minute >= self.start)


def is_open(windows: Sequence[Window], now: datetime) -> bool:
    """Whether one of the windows is open; without windows it always is."""
    return not windows or any(window.is_open(now) for window in windows)


def opening(windows: Sequence[Window], now: datetime) -> datetime | None:
    """When the first of the windows opens next, to the minute and in its zone; None where none does."""
    time = now.astimezone(UTC).replace(second=0, microsecond=0)
    while (time := time + _MINUTE) <= now + _AHEAD:
        for window in windows:
            if window.is_open(time):
                return time.astimezone(window.zone)
    return None


def parse(text: str) -> Window:
    """A window from ``[DAYS] HH:MM-HH:MM [ZONE]``. Raises ConfigError with the place in the text."""
    words = [(match.group(), match.start()) for match in re.finditer(r"\S+", text)]
    at = next((number for number, (word, _) in enumerate(words) if ":" in word), None)
    if at is None:
        _refuse("no hours; HH:MM-HH:MM is expected", len(text))
    if at > 1:
        _refuse(f"{shown(words[1][0])}: hours are expected after the days", words[1][1])
    if len(words) > at + 2:
        _refuse(f"{shown(words[at + 2][0])}: nothing is expected after the time zone", words[at + 2][1])
    days = _days(*words[0]) if at else frozenset(range(7))
    start, end = _hours(*words[at])
    zone = _zone(*words[at + 1]) if len(words) > at + 1 else UTC
    return Window(days, start, end, zone)


def _days(text: str, place: int) -> frozenset[int]:
    days = set[int]()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin = _day(first, place)
        end = _day(last, place + len(first) + 1) if dash else begin
        days |= {(begin + number) % 7 for number in range((end - begin) % 7 + 1)}
        place += len(part) + 1
    return frozenset(days)


def _day(text: str, place: int) -> int:
    if text.capitalize() not in DAYS:
        _refuse(f"{shown(text) or 'an empty text'} is not a day; expected {', '.join(DAYS)}", place)
    return DAYS.index(text.capitalize())


def _hours(text: str, place: int) -> tuple[int, int]:
    match = _HOURS.fullmatch(text)
    if match is None:
        _refuse(f"{shown(text)}: HH:MM-HH:MM is expected", place)
    start, end = (
        _minute(match[hour], match[hour + 1], place + match.start(hour), last)
        for hour, last in ((1, _DAY_MINUTES - 1), (3, _DAY_MINUTES))
    )
    if start == end:
        _refuse(f"{text}: start and end are the same; the whole day is 00:00-24:00", place)
    return start, end


def _minute(hour: str, minute: str, place: int, last: int) -> int:
    number = int(hour) * 60 + int(minute)
    if int(minute) > 59 or number > last:
        _refuse(f"{hour}:{minute} is not a time from 00:00 to {last // 60:02d}:{last % 60:02d}", place)
    return number


def _zone(text: str, place: int) -> tzinfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        _refuse(
            f"{shown(text)} is not a time zone of this machine; a name such as Europe/Berlin is expected",
            place,
        )


def _refuse(message: str, place: int) -> NoReturn:
    raise ConfigError(
        message,
        where=f"--window, character {place + 1}",
        hint=f"write it as '{EXAMPLE}'; days and time zone may be left out (every day, UTC)",
    )
