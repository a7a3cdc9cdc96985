"""When something is due by the calendar, as systemd writes it (systemd.time(7), "Calendar events").

    Mon..Fri *-*-* 08..17:00/15    *-02~01    Sat,Sun 10:00 UTC    weekly

Seconds are whole ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from stoker.errors import Failed

__all__ = ["Occasion", "occasion"]

_WORDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
}
_WORDS |= {"annually": _WORDS["yearly"], "semi-annually": _WORDS["semiannually"]}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LAST_YEAR = 2199  # beyond it systemd finds nothing, either
_DATE = re.compile(r"(?:([^-~]+)-)?([^-~]+)([-~])([^-~]+)")

Set = Callable[[int], bool]


class Occasion(NamedTuple):
    """What an expression says of each part of a moment."""

    weekday: Set
    year: Set
    month: Set
    day: Set
    backwards: bool  # days are counted from the end of the month
    hour: Set
    minute: Set
    second: Set
    zone: tzinfo | None  # None: the machine's

    def after(self, moment: float) -> float | None:
        """The first moment later than this one, in Unix seconds. None if there is none."""
        begin = datetime.fromtimestamp(moment, self.zone)
        for day in self._days(begin.date()):
            # An hour more than once, or missing: not on the first day before two hours ago.
            least = max(0, begin.hour - 2) if day == begin.date() else 0
            for hour, minute, second in self._times(least):
                there = datetime(day.year, day.month, day.day, hour, minute, second)
                found = there.replace(tzinfo=self.zone).timestamp()
                if found > moment:
                    return found
        return None

    def _days(self, day: date) -> Iterator[date]:
        one = timedelta(days=1)
        while day.year <= _LAST_YEAR:
            if not self.year(day.year):
                day = date(day.year + 1, 1, 1)
                continue
            following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            if not self.month(day.month):
                day = following
                continue
            number = (following - day).days if self.backwards else day.day
            if self.day(number) and self.weekday(day.weekday()):
                yield day
            day += one

    def _times(self, least: int) -> Iterator[tuple[int, int, int]]:
        for hour in filter(self.hour, range(least, 24)):
            for minute in filter(self.minute, range(60)):
                for second in filter(self.second, range(60)):
                    yield hour, minute, second


def occasion(text: str) -> Occasion:
    """Read an expression. Raises Failed."""
    words = _WORDS.get(text.strip().lower(), text).split()
    try:
        zone = _zone(words)
        weekday: Set | None = None
        if words and words[0][0].isalpha():
            weekday = _weekdays(words.pop(0))
        dated = [one for one in words if ":" not in one]
        timed = [one for one in words if ":" in one]
        if not (words or weekday) or max(len(dated), len(timed)) > 1:
            raise ValueError
        year, month, sign, day = _date(dated[0]) if dated else ("*", "*", "-", "*")
        hour, minute, second = _time(timed[0]) if timed else ("0", "0", "0")
        return Occasion(
            weekday or _anything,
            _set(year, 1970, _LAST_YEAR),
            _set(month, 1, 12),
            _set(day, 1, 31, sign == "~"),
            sign == "~",
            _set(hour, 0, 23),
            _set(minute, 0, 59),
            _set(second, 0, 59),
            zone,
        )
    except ValueError:
        raise Failed(f"{text!r} is no calendar event") from None


def _anything(_number: int) -> bool:
    return True


def _zone(words: list[str]) -> tzinfo | None:
    """The time zone that stands last, taken off."""
    last = words[-1] if len(words) > 1 else ""
    if last == "UTC" or ("/" in last and last[0].isalpha()):
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return ZoneInfo(words.pop())
        except (ZoneInfoNotFoundError, OSError):
            raise ValueError from None
    return None


def _date(text: str) -> tuple[str, str, str, str]:
    """Year, month, what day is counted from, day."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError
    year = found[1] or "*"
    if year.isdecimal() and len(year) == 2:
        year = f"20{year}" if int(year) < 70 else f"19{year}"
    return year, found[2], found[3], found[4]


def _time(text: str) -> tuple[str, str, str]:
    hour, minute, *rest = text.split(":")
    if len(rest) > 1:
        raise ValueError
    return hour, minute, rest[0] if rest else "0"


def _weekdays(text: str) -> Set:
    found: set[int] = set()
    for part in text.rstrip(",").lower().split(","):
        first, _, last = part.replace("-", "..").partition("..")
        begin = _weekday(first)
        end = _weekday(last) if last else begin
        found.update(number % 7 for number in range(begin, end + 1 + 7 * (end < begin)))
    return found.__contains__


def _weekday(text: str) -> int:
    full = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    return full.index(text) if text in full else _DAYS.index(text)


def _set(text: str, least: int, most: int, backwards: bool = False) -> Set:
    """Numbers of one part: `*`, N, N..M, each with /STEP, separated by commas. `backwards`: they
    count down to the end of the month.
    """
    tests = [_range(one, least, most, backwards) for one in text.split(",")]
    return lambda number: any(test(number) for test in tests)


def _range(text: str, least: int, most: int, backwards: bool) -> Set:
    base, sign, given = text.partition("/")
    step = _number(given) if sign else 0
    if sign and step == 0:
        raise ValueError
    if base == "*":
        return lambda number: not step or (number - least) % step == 0
    first, dots, last = base.partition("..")
    begin = _number(first)
    end = _number(last) if dots else begin
    if not (least <= begin <= most and least <= end <= most):
        raise ValueError
    if begin > end:
        if not backwards:
            raise ValueError
        begin, end = end, begin
    if not step:
        return lambda number: begin <= number <= end
    if backwards:
        bottom = begin if dots else 1
        return lambda number: bottom <= number <= end and (end - number) % step == 0
    top = end if dots else 10_000
    return lambda number: begin <= number <= top and (number - begin) % step == 0


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError
    return int(text)
