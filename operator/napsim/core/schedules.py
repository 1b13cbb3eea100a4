"""Cron schedules as Karpenter's budgets understand them.

Mirrors robfig/cron v3.0.1 ``parser.go``, ``spec.go`` and ``constantdelay.go``, standard five fields, in UTC, as
karpenter v1.14.0 calls them (``ParseStandard("TZ=UTC " + schedule)``: blanks around a schedule do not count, and a zone
prefix within it is one field too many). Whatever robfig refuses is a ScheduleError; the caller fails closed.

Cron hits fall on full minutes, so the search needs no clock arithmetic: minutes, hours, days and months are bit sets,
and the next member of a set is the lowest bit above a position. It is ours, and not croniter's, because a budget is
asked at every step of a simulation and croniter takes 20 to 150 microseconds; tests hold the two against each other.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_left
from collections.abc import Mapping
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

import msgspec

from napsim.api.durations import parse_duration

SEARCH_YEARS: Final = 5
_MAX_INT64: Final = 2**63 - 1
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)


class ScheduleError(ValueError):
    """A schedule that robfig/cron refuses: names the schedule, every field at fault and what is allowed there."""


class SpecSchedule(msgspec.Struct, frozen=True):
    """Five fields as bit sets: bit n is set when the value n hits. Sunday is bit 0 of ``days_of_week``.

    ``either_day``: a day hits when its day of month *or* its day of week does. True only if neither field carries
    robfig's star bit, which ``*``, ``?`` and ``*/1`` set and ``*/2`` does not; otherwise both have to hit.
    """

    minutes: int
    hours: int
    days_of_month: int
    months: int
    days_of_week: int
    either_day: bool

    def next_after(self, instant: datetime) -> datetime | None:
        """The first hit strictly after ``instant`` (aware UTC); None where robfig gives up.

        It gives up after the fifth year from that of the second following ``instant``: always on a day that never
        comes (30 February), and on 29 February from 2096 to 2098, as 2100 is no leap year.
        """
        clock = self._next_clock(instant.hour, instant.minute)
        if clock is not None and self.days_that_hit(instant.year, instant.month) >> instant.day & 1:
            return datetime(instant.year, instant.month, instant.day, *clock, tzinfo=UTC)
        if not (self.minutes and self.hours):
            return None
        day = self._next_day(instant, (instant + _SECOND).year + SEARCH_YEARS)
        return day and datetime(*day, _lowest(self.hours), _lowest(self.minutes), tzinfo=UTC)

    def next_change(self, now: datetime, duration: timedelta) -> datetime | None:
        """The first instant after ``now`` at which it changes whether one of the windows [hit, hit + duration) is open.

        None when it does not: ``duration`` is not positive, the windows cover all time, or robfig gives up.
        """
        if duration <= timedelta(0):
            return None
        hit = self.next_after(now - duration)
        return hit if hit is None or hit > now else self._closes(hit, duration)

    def days_that_hit(self, year: int, month: int) -> int:
        """The days of that month with hits, as bits 1 to 31."""
        if not self.months >> month & 1:
            return 0
        weekday, days = _month(year, month)
        from_first = (self.days_of_week | self.days_of_week << 7) >> weekday & 0x7F  # bit 0: the weekday of the first
        by_week = from_first * _EVERY_WEEK << 1
        return days & (self.days_of_month | by_week if self.either_day else self.days_of_month & by_week)

    def _next_clock(self, hour: int, minute: int) -> tuple[int, int] | None:
        """The first hour and minute after that minute within one day."""
        if self.hours >> hour & 1 and (later := self.minutes >> minute + 1):
            return hour, minute + 1 + _lowest(later)
        if self.minutes and (later := self.hours >> hour + 1):
            return hour + 1 + _lowest(later), _lowest(self.minutes)
        return None

    def _next_day(self, instant: datetime, last_year: int) -> tuple[int, int, int] | None:
        """The first day with hits after that of ``instant``: year, month, day."""
        year, month, day = instant.year, instant.month, instant.day
        while year <= min(last_year, MAXYEAR):
            if later := self.days_that_hit(year, month) >> day + 1:
                return year, month, day + 1 + _lowest(later)
            year, month, day = (year, month + 1, 0) if month < 12 else (year + 1, 1, 0)
        return None

    def _closes(self, hit: datetime, duration: timedelta) -> datetime | None:
        """When the window of ``hit`` ends together with all that follow it without a pause; None if they never do."""
        pauses = _minutes_before_pause(self, duration)
        if not pauses and _longest_pause_overnight(self) <= duration:
            return None
        minute = hit.hour * 60 + hit.minute
        while True:
            if (index := bisect_left(pauses, minute)) < len(pauses):
                return _at_minute(hit, pauses[index]) + duration
            last = _at_minute(hit, _last_minute(self))
            following = self.next_after(last)
            if following is None:
                return None
            if following - last > duration:
                return last + duration
            hit, minute = following, 0


class ConstantDelaySchedule(msgspec.Struct, frozen=True):
    """``@every 1h``: no fixed hits, only a delay from the instant asked about."""

    delay: timedelta

    def next_after(self, instant: datetime) -> datetime:
        """``delay`` after the full second of ``instant`` (aware UTC)."""
        return instant.replace(microsecond=0) + self.delay

    def next_change(self, now: datetime, duration: timedelta) -> None:
        """None: the hit follows the instant asked about, so a window is open always or never."""


Schedule = SpecSchedule | ConstantDelaySchedule


# --- Days and minutes -----------------------------------------------------------------------------------------------

_EVERY_WEEK: Final = sum(1 << 7 * week for week in range(5))
_CALENDAR_CYCLE: Final = range(2000, 2401)  # the Gregorian calendar repeats after 400 years


@lru_cache(maxsize=8192)
def _month(year: int, month: int) -> tuple[int, int]:
    """The day of the week of the first (Sunday is 0), and the days there are, as bits 1 to 31."""
    monday_based, length = calendar.monthrange(year, month)
    return (monday_based + 1) % 7, (1 << length + 1) - 2


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


@lru_cache(maxsize=4096)
def _members(bits: int) -> tuple[int, ...]:
    return tuple(number for number in range(bits.bit_length()) if bits >> number & 1)


def _at_minute(day: datetime, minute: int) -> datetime:
    return day.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0)


def _last_minute(schedule: SpecSchedule) -> int:
    """The last minute of a day that hits, counted from midnight."""
    return (schedule.hours.bit_length() - 1) * 60 + schedule.minutes.bit_length() - 1


@lru_cache(maxsize=1024)
def _minutes_before_pause(schedule: SpecSchedule, duration: timedelta) -> tuple[int, ...]:
    """The minutes of a day that hit and whose next hit, on the same day, is more than ``duration`` away."""
    hits = [hour * 60 + minute for hour in _members(schedule.hours) for minute in _members(schedule.minutes)]
    longest = duration / _MINUTE
    return tuple(earlier for earlier, later in pairwise(hits) if later - earlier > longest)


@lru_cache(maxsize=1024)
def _longest_pause_overnight(schedule: SpecSchedule) -> timedelta:
    """The longest time there can be from the last hit of one day to the first of the next day with hits."""
    days, previous = 0, 0
    for year in _CALENDAR_CYCLE:
        for month in _members(schedule.months):
            if not (hits := _members(schedule.days_that_hit(year, month))):
                continue
            start = date(year, month, 1).toordinal() - 1
            days = max(days, start + hits[0] - previous if previous else 0, _longest_step(hits))
            previous = start + hits[-1]
    first_minute = _lowest(schedule.hours) * 60 + _lowest(schedule.minutes)
    return timedelta(days=days, minutes=first_minute - _last_minute(schedule))


@lru_cache(maxsize=4096)
def _longest_step(numbers: tuple[int, ...]) -> int:
    return max((later - earlier for earlier, later in pairwise(numbers)), default=0)


# --- Parser ---------------------------------------------------------------------------------------------------------


class _Field(msgspec.Struct, frozen=True, eq=False):  # hashed by identity, as a part of a cache's key
    name: str
    lowest: int
    highest: int
    names: Mapping[str, int]

    @property
    def allowed(self) -> str:
        names = list(self.names)
        named = f" or {names[0]}-{names[-1]}" if names else ""
        return f"allowed is a list of *, N, A-B, each with /STEP or without, within {self.lowest}-{self.highest}{named}"


def _numbered(words: str, start: int) -> dict[str, int]:
    return {word: number for number, word in enumerate(words.split(), start)}


_FIELDS: Final = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, _numbered("jan feb mar apr may jun jul aug sep oct nov dec", 1)),
    _Field("day of week", 0, 6, _numbered("sun mon tue wed thu fri sat", 0)),
)
_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY: Final = "@every "
# Go's unicode.IsSpace; Python's own notion of a blank has four characters more.
_BLANK: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_BLANKS: Final = re.compile(f"[{_BLANK}]+")
_INTEGER: Final = re.compile(r"\+?[0-9]+")  # strconv.Atoi without the minus, which robfig takes for a range


@lru_cache(maxsize=4096)
def parse(schedule: str) -> Schedule:
    """The schedule as sets. Raises ScheduleError naming the schedule, every field at fault and what is allowed."""
    text = schedule.strip(_BLANK)
    if text.startswith(_EVERY):
        return _constant_delay(schedule, text.removeprefix(_EVERY))
    if text.startswith("@") and text not in _MACROS:
        raise ScheduleError(f"schedule {schedule!r}: not a macro; allowed are {', '.join(_MACROS)}")
    parts = [part for part in _BLANKS.split(_MACROS.get(text, text)) if part]
    if len(parts) != len(_FIELDS):
        wanted = ", ".join(field.name for field in _FIELDS)
        raise ScheduleError(f"schedule {schedule!r}: has {len(parts)} fields; allowed are exactly five: {wanted} (UTC)")
    return _spec(schedule, parts)


def _constant_delay(schedule: str, text: str) -> ConstantDelaySchedule:
    try:
        delay = parse_duration(text)
    except ValueError as fault:
        raise ScheduleError(f"schedule {schedule!r}: {fault}") from fault
    return ConstantDelaySchedule(max(delay // _SECOND, 1) * _SECOND)


def _spec(schedule: str, parts: list[str]) -> SpecSchedule:
    sets: list[int] = []
    stars: list[bool] = []
    faults: list[str] = []
    for field, part in zip(_FIELDS, parts, strict=True):
        try:
            ranges = [_range(field, item) for item in part.split(",") if item]
        except ValueError as fault:
            faults.append(f"{field.name} {part!r}: {fault}; {field.allowed}")
            continue
        sets.append(_union([bits for bits, _ in ranges]))
        stars.append(any(star for _, star in ranges))
    if faults:
        raise ScheduleError(f"schedule {schedule!r}: {'; '.join(faults)}")
    minutes, hours, days_of_month, months, days_of_week = sets
    return SpecSchedule(minutes, hours, days_of_month, months, days_of_week, not (stars[2] or stars[4]))


def _union(sets: list[int]) -> int:
    result = 0
    for bits in sets:
        result |= bits
    return result


@lru_cache(maxsize=4096)
def _range(field: _Field, item: str) -> tuple[int, bool]:
    """One item of a list, as a bit set, and whether it carries the star bit. Raises ValueError saying what is wrong."""
    ends, *steps = item.split("/")
    low, *high = ends.split("-")
    star = low in ("*", "?")  # whatever follows a hyphen after a star, robfig does not read
    if len(steps) > 1 or (len(high) > 1 and not star):
        raise ValueError(f"{item!r} has more than one {'slash' if len(steps) > 1 else 'hyphen'}")
    start = field.lowest if star else _number(field, low)
    step = _integer(steps[0]) if steps else 1
    to_the_last = star or (steps and not high)
    end = field.highest if to_the_last else _number(field, high[0] if high else low)
    if not field.lowest <= start <= end <= field.highest:
        raise ValueError(f"{item!r} is out of range or runs backwards")
    if step == 0:
        raise ValueError(f"{item!r} has a step of zero")
    return _union([1 << number for number in range(start, end + 1, step)]), star and step == 1


def _number(field: _Field, text: str) -> int:
    named = field.names.get(text.lower())
    return _integer(text) if named is None else named


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or int(text) > _MAX_INT64:
        raise ValueError(f"{text!r} is not a number")
    return int(text)
