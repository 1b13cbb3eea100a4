"""Times of the week and of the calendar, on the clocks of a zone, as spans in UTC.

Policy: ours (``napsim.dev/v1alpha1`` Checks). A local time that is skipped begins when the clocks have moved on; one
that comes twice is taken at its first time as a beginning, and at its second as an end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

ALL_DAY: Final = (0, 1_440)
EVERY_DAY: Final = frozenset(range(7))


def midnight(day: date, zone: tzinfo) -> datetime:
    """When the day begins in the zone, in UTC."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the week (Monday 0) and minutes of these days; the end, which is excluded, may be on the next day.

    ``first`` and ``last`` bound the days, both included.
    """

    zone: tzinfo
    days: frozenset[int] = EVERY_DAY
    minutes: tuple[int, int] = ALL_DAY
    first: date | None = None
    last: date | None = None

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Those that overlap with [start, end) (aware, UTC), in order, whole; those that touch are one."""
        joined: tuple[datetime, datetime] | None = None
        for since, until in self._of_days(start, end):
            if joined is not None and since <= joined[1]:
                joined = (joined[0], max(joined[1], until))
                continue
            if joined is not None:
                yield joined
            joined = (since, until)
        if joined is not None:
            yield joined

    def _of_days(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        day = max(start.astimezone(self.zone).date() - timedelta(days=2), self.first or date.min)
        last = min(end.astimezone(self.zone).date(), self.last or date.max)
        while day <= last:
            if day.weekday() in self.days:
                since, until = self._at(day, self.minutes[0], 0), self._at(day, self.minutes[1], 1)
                if since < until and since < end and until > start:
                    yield since, until
            day += timedelta(days=1)

    def _at(self, day: date, minutes: int, fold: int) -> datetime:
        on = day + timedelta(days=minutes // 1_440)
        clock = time(minutes % 1_440 // 60, minutes % 60, fold=fold)
        return datetime.combine(on, clock, self.zone).astimezone(UTC)
