"""On which days a schedule falls: the four kinds of a maintenance window, as date arithmetic.

Policy: ``MaintenanceConfiguration.spec.maintenanceWindow.schedule``. Days are local days of the window, without zone or
time of day. Nothing before ``startDate`` occurs; a match on ``startDate`` itself does. Where AKS documents nothing, the
counting is that of an iCalendar rule: weeks count from the Sunday-started week that contains ``startDate`` (one
observation, Azure/AKS 5720), months from the month of ``startDate``, and a month without the day is skipped.

Every answer is computed from ``startDate`` by division, so that a start years ago costs no more than one yesterday.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from enum import IntEnum, StrEnum
from typing import Final

import msgspec

_LAST_DAY: Final = date.max.toordinal()
# A step of k months meets the same months of the year again after at most 12 steps, and a 29 February after at most
# eight years (1896 to 1904): what has not matched within 12 * 8 steps never does.
_MONTH_STEPS: Final = 96


class Weekday(IntEnum):
    """A day of the week, numbered as ``date.weekday()`` does."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6

    @property
    def label(self) -> str:
        """The REST name: ``Sunday``."""
        return self.name.capitalize()

    @property
    def short(self) -> str:
        return self.label[:3]


class WeekIndex(StrEnum):
    """Which such weekday of the month (not of which week); there is no Fifth."""

    FIRST = "First"
    SECOND = "Second"
    THIRD = "Third"
    FOURTH = "Fourth"
    LAST = "Last"


class Daily(msgspec.Struct, frozen=True):
    interval_days: int


class Weekly(msgspec.Struct, frozen=True):
    interval_weeks: int
    day_of_week: Weekday


class AbsoluteMonthly(msgspec.Struct, frozen=True):
    interval_months: int
    day_of_month: int


class RelativeMonthly(msgspec.Struct, frozen=True):
    interval_months: int
    week_index: WeekIndex
    day_of_week: Weekday


Schedule = Daily | Weekly | AbsoluteMonthly | RelativeMonthly


class Recurrence(msgspec.Struct, frozen=True):
    """A schedule with the day it starts on, and the two choices that no source decides."""

    schedule: Schedule
    start_date: date
    first_day_of_week: Weekday = Weekday.SUNDAY
    clamp_short_months: bool = False

    def first_on_or_after(self, day: date) -> date | None:
        """The first occurrence on or after ``day``; None when there is none up to the year 9999."""
        day = max(day, self.start_date)
        match self.schedule:
            case Daily(interval_days=interval):
                return _date(_step(self.start_date.toordinal(), interval, day.toordinal()))
            case Weekly(interval_weeks=interval, day_of_week=weekday):
                anchor = _week_start(self.start_date, self.first_day_of_week)
                match_of_anchor_week = anchor + (weekday - self.first_day_of_week) % 7
                return _date(_step(match_of_anchor_week, 7 * interval, day.toordinal()))
            case AbsoluteMonthly() | RelativeMonthly():
                return self._first_in_months(self.schedule.interval_months, day)

    def from_day(self, day: date) -> Iterator[date]:
        """The occurrences on or after ``day``, in order."""
        found = self.first_on_or_after(day)
        while found is not None:
            yield found
            found = self.first_on_or_after(date.fromordinal(found.toordinal() + 1)) if found < date.max else None

    def _first_in_months(self, interval: int, day: date) -> date | None:
        first = _step(_month(self.start_date), interval, _month(day))
        for month in range(first, min(first + _MONTH_STEPS * interval, _month(date.max) + 1), interval):
            found = self._day_in(*divmod(month, 12))
            if found is not None and found >= day:
                return found
        return None

    def _day_in(self, year: int, month_index: int) -> date | None:
        """The match in one month (index 0 is January); None when the month has no such day and is skipped."""
        month = month_index + 1
        first_weekday, length = monthrange(year, month)
        match self.schedule:
            case AbsoluteMonthly(day_of_month=day) if day > length:
                return date(year, month, length) if self.clamp_short_months else None
            case AbsoluteMonthly(day_of_month=day):
                return date(year, month, day)
            case RelativeMonthly(week_index=index, day_of_week=weekday):
                first = 1 + (weekday - first_weekday) % 7
                return date(year, month, _nth(first, index, length))
            case _:
                return None


def _nth(first: int, index: WeekIndex, length: int) -> int:
    """The day of the month of the n-th weekday whose first one is ``first``."""
    if index is WeekIndex.LAST:
        return first + 7 * ((length - first) // 7)
    return first + 7 * list(WeekIndex).index(index)


def _step(first: int, step: int, at_least: int) -> int:
    """The least ``first + k * step`` (k = 0, 1, …) that is not below ``at_least``."""
    return first + -(-max(at_least - first, 0) // step) * step


def _week_start(day: date, first_day: Weekday) -> int:
    return day.toordinal() - (day.weekday() - first_day) % 7


def _month(day: date) -> int:
    """Months since year 0, so that months can be counted by division."""
    return day.year * 12 + day.month - 1


def _date(ordinal: int) -> date | None:
    return date.fromordinal(ordinal) if ordinal <= _LAST_DAY else None
