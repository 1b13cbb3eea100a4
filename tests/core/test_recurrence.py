"""On which days schedules fall (planned-maintenance 5.1, 5.2, 11)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice

import pytest
from dateutil import rrule
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.recurrence import (
    AbsoluteMonthly,
    Daily,
    Recurrence,
    RelativeMonthly,
    Schedule,
    Weekday,
    WeekIndex,
    Weekly,
)
from tests.core.recurrences import SCHEDULES, WEEKDAYS


def day(text: str) -> date:
    return date.fromisoformat(text)


def days(schedule: Schedule, start: str, count: int, after: str | None = None) -> list[str]:
    return from_day(Recurrence(schedule, day(start)), count, after or start)


def from_day(recurrence: Recurrence, count: int, after: str) -> list[str]:
    return [found.isoformat() for found in islice(recurrence.from_day(day(after)), count)]


DECIDED = [
    pytest.param(Weekly(1, Weekday.SUNDAY), "2025-01-01", ["2025-01-05", "2025-01-12"], id="pm:11-1"),
    pytest.param(Weekly(3, Weekday.FRIDAY), "2026-06-01", ["2026-06-05", "2026-06-26", "2026-07-17"], id="pm:11-2"),
    pytest.param(
        AbsoluteMonthly(3, 1),
        "2023-01-20",
        ["2023-04-01", "2023-07-01", "2023-10-01", "2024-01-01", "2024-04-01"],
        id="pm:11-3",
    ),
    pytest.param(Weekly(2, Weekday.SUNDAY), "2026-04-14", ["2026-04-26", "2026-05-10", "2026-05-24"], id="pm:11-4"),
    pytest.param(
        RelativeMonthly(2, WeekIndex.LAST, Weekday.MONDAY),
        "2026-01-15",
        ["2026-01-26", "2026-03-30", "2026-05-25", "2026-07-27"],
        id="pm:11-6",
    ),
    pytest.param(
        RelativeMonthly(2, WeekIndex.LAST, Weekday.MONDAY), "2026-01-27", ["2026-03-30", "2026-05-25"], id="pm:11-7"
    ),
    pytest.param(
        RelativeMonthly(1, WeekIndex.FIRST, Weekday.MONDAY), "2026-09-01", ["2026-09-07", "2026-10-05"], id="pm:11-8"
    ),
    pytest.param(
        AbsoluteMonthly(1, 31),
        "2026-01-31",
        ["2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31", "2026-08-31"],
        id="pm:11-9",
    ),
    pytest.param(Daily(3), "2026-03-30", ["2026-03-30", "2026-04-02", "2026-04-05", "2026-04-08"], id="pm:11-10"),
    pytest.param(Daily(1), "2026-03-30", ["2026-03-30", "2026-03-31"], id="pm:5.2-match-on-start-date-daily"),
    pytest.param(Daily(7), "2026-03-30", ["2026-03-30", "2026-04-06", "2026-04-13"], id="pm:5.2-daily-anchor"),
    pytest.param(
        Weekly(4, Weekday.SUNDAY), "2026-04-12", ["2026-04-12", "2026-05-10"], id="pm:5.2-match-on-start-date-weekly"
    ),
    pytest.param(
        AbsoluteMonthly(6, 15), "2026-04-15", ["2026-04-15", "2026-10-15"], id="pm:5.2-match-on-start-date-monthly"
    ),
    pytest.param(AbsoluteMonthly(2, 10), "2026-04-11", ["2026-06-10", "2026-08-10"], id="pm:5.2-monthly-anchor-passed"),
    pytest.param(
        AbsoluteMonthly(1, 29),
        "2027-01-29",
        ["2027-01-29", "2027-03-29"],
        id="pm:5.2-short-month-29-february-is-skipped",
    ),
    pytest.param(
        AbsoluteMonthly(1, 29),
        "2028-01-29",
        ["2028-01-29", "2028-02-29"],
        id="pm:5.2-short-month-29-february-of-a-leap-year",
    ),
    pytest.param(
        RelativeMonthly(1, WeekIndex.THIRD, Weekday.WEDNESDAY),
        "2026-07-01",
        ["2026-07-15", "2026-08-19"],
        id="pm:5.1-nth-weekday-not-nth-week",
    ),
]


@pytest.mark.parametrize(("schedule", "start", "expected"), DECIDED)
def test_a_schedule_falls_on_these_days(schedule: Schedule, start: str, expected: list[str]) -> None:
    assert days(schedule, start, len(expected)) == expected


@pytest.mark.parametrize(
    ("first_day", "expected"),
    [
        pytest.param(Weekday.SUNDAY, "2026-04-26", id="pm:5.2-weekly-anchor"),
        pytest.param(Weekday.MONDAY, "2026-04-19", id="pm:5.2-weekly-anchor-monday-setting"),
    ],
)
def test_the_weekly_count_starts_with_the_week_of_the_start_date(first_day: Weekday, expected: str) -> None:
    recurrence = Recurrence(Weekly(2, Weekday.SUNDAY), day("2026-04-14"), first_day_of_week=first_day)
    assert from_day(recurrence, 1, "2026-04-14") == [expected]


@pytest.mark.row("pm:5.2-short-month-clamped")
def test_a_short_month_can_be_clamped_to_its_last_day() -> None:
    recurrence = Recurrence(AbsoluteMonthly(1, 31), day("2028-01-31"), clamp_short_months=True)
    assert from_day(recurrence, 4, "2028-01-31") == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]


@pytest.mark.row("pm:5.1-start-date")
def test_nothing_occurs_before_the_start_date() -> None:
    assert days(Daily(1), "2026-03-30", 1, after="2020-01-01") == ["2026-03-30"]


@pytest.mark.parametrize(
    "schedule",
    [Daily(7), Weekly(4, Weekday.SUNDAY), AbsoluteMonthly(5, 31), RelativeMonthly(6, WeekIndex.LAST, Weekday.MONDAY)],
)
def test_centuries_after_the_start_the_count_still_holds(schedule: Schedule) -> None:
    recurrence = Recurrence(schedule, day("1926-01-01"))
    oracle = recurrence_by_rrule(recurrence).after(datetime.fromisoformat("2426-01-01"), inc=True)
    assert oracle is not None
    assert recurrence.first_on_or_after(day("2426-01-01")) == oracle.date()


def test_a_schedule_that_meets_only_short_months_has_no_occurrence() -> None:
    assert Recurrence(AbsoluteMonthly(12, 31), day("2026-04-01")).first_on_or_after(day("2026-04-01")) is None
    assert Recurrence(AbsoluteMonthly(12, 30), day("2026-02-01")).first_on_or_after(day("2026-02-01")) is None


def test_a_29_february_is_found_over_a_century_without_leap_year() -> None:
    recurrence = Recurrence(AbsoluteMonthly(12, 29), day("2097-02-01"))
    assert recurrence.first_on_or_after(day("2097-02-01")) == day("2104-02-29")


@pytest.mark.parametrize(
    "schedule",
    [Daily(7), Weekly(4, Weekday.MONDAY), AbsoluteMonthly(6, 31), RelativeMonthly(6, WeekIndex.LAST, Weekday.SUNDAY)],
)
def test_occurrences_end_with_the_calendar(schedule: Schedule) -> None:
    recurrence = Recurrence(schedule, day("9998-06-01"))
    assert all(found <= date.max for found in recurrence.from_day(day("9998-06-01")))
    assert Recurrence(Daily(7), date.max).first_on_or_after(date.min) == date.max
    assert list(Recurrence(Daily(1), date.max).from_day(date.max)) == [date.max]


def test_the_week_of_the_first_day_of_the_calendar_is_counted_like_any_other() -> None:
    assert days(Weekly(2, Weekday.SUNDAY), "0001-01-01", 2) == ["0001-01-14", "0001-01-28"]


# Properties, against an independent implementation of iCalendar rules

start_dates = st.dates(date(1995, 1, 1), date(2060, 12, 31))
recurrences = st.builds(Recurrence, SCHEDULES, start_dates, first_day_of_week=WEEKDAYS)
NTH = {
    WeekIndex.FIRST: 1,
    WeekIndex.SECOND: 2,
    WeekIndex.THIRD: 3,
    WeekIndex.FOURTH: 4,
    WeekIndex.LAST: -1,
}


def recurrence_by_rrule(recurrence: Recurrence) -> rrule.rrule:
    start = datetime.combine(recurrence.start_date, datetime.min.time())
    match recurrence.schedule:
        case Daily(interval):
            return rrule.rrule(rrule.DAILY, interval=interval, dtstart=start)
        case Weekly(interval, weekday):
            first = int(recurrence.first_day_of_week)
            return rrule.rrule(rrule.WEEKLY, interval=interval, byweekday=int(weekday), wkst=first, dtstart=start)
        case AbsoluteMonthly(interval, number):
            return rrule.rrule(rrule.MONTHLY, interval=interval, bymonthday=number, dtstart=start)
        case RelativeMonthly(interval, index, weekday):
            nth = rrule.weekdays[weekday](NTH[index])
            return rrule.rrule(rrule.MONTHLY, interval=interval, byweekday=nth, dtstart=start)


def matches_by_scan(recurrence: Recurrence, first: date, length: int) -> Iterator[date]:
    """Clamped months, day by day: rrule has no word for them."""
    assert isinstance(recurrence.schedule, AbsoluteMonthly)
    for offset in range(length):
        found = first + timedelta(days=offset)
        months = (found.year - recurrence.start_date.year) * 12 + found.month - recurrence.start_date.month
        last = monthrange(found.year, found.month)[1]
        wanted = min(recurrence.schedule.day_of_month, last)
        if months % recurrence.schedule.interval_months == 0 and found.day == wanted and found >= recurrence.start_date:
            yield found


@given(recurrences, st.integers(-40, 4000))
def test_occurrences_are_those_of_the_icalendar_rule(recurrence: Recurrence, offset: int) -> None:
    after = recurrence.start_date + timedelta(days=offset)
    oracle = recurrence_by_rrule(recurrence).xafter(datetime.combine(after, datetime.min.time()), count=6, inc=True)
    assert list(islice(recurrence.from_day(after), 6)) == [found.date() for found in oracle]


@given(
    st.builds(
        Recurrence,
        st.builds(AbsoluteMonthly, st.integers(1, 6), st.integers(1, 31)),
        start_dates,
        clamp_short_months=st.just(True),
    ),
    st.integers(-40, 2000),
)
def test_clamped_months_are_those_of_a_scan_by_day(recurrence: Recurrence, offset: int) -> None:
    after = recurrence.start_date + timedelta(days=offset)
    expected = list(matches_by_scan(recurrence, after, 420))
    assert list(islice(recurrence.from_day(after), len(expected))) == expected


@given(recurrences, st.integers(-40, 4000))
def test_asking_from_an_occurrence_gives_that_occurrence(recurrence: Recurrence, offset: int) -> None:
    found = recurrence.first_on_or_after(recurrence.start_date + timedelta(days=offset))
    assert found is not None
    assert recurrence.first_on_or_after(found) == found
