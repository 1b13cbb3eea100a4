"""robfig/cron v3.0.1, as karpenter.md section 3 describes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from croniter import croniter
from hypothesis import assume, given
from hypothesis import strategies as st

from napsim.core.schedules import ConstantDelaySchedule, ScheduleError, SpecSchedule, parse
from tests.core.instants import at

NOW: Final = datetime(2026, 3, 4, 12, 30, 30, tzinfo=UTC)  # a Wednesday
ALL_DAYS_OF_WEEK: Final = 0b1111111


def spec(text: str) -> SpecSchedule:
    schedule = parse(text)
    assert isinstance(schedule, SpecSchedule)
    return schedule


def members(bits: int) -> list[int]:
    return [number for number in range(64) if bits >> number & 1]


# --- What is accepted, and what it means ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "equal"),
    [
        pytest.param("@yearly", "0 0 1 1 *", id="yearly"),
        pytest.param("@annually", "0 0 1 1 *", id="annually"),
        pytest.param("@monthly", "0 0 1 * *", id="monthly"),
        pytest.param("@weekly", "0 0 * * 0", id="weekly"),
        pytest.param("@daily", "0 0 * * *", id="daily"),
        pytest.param("@midnight", "0 0 * * *", id="midnight"),
        pytest.param("@hourly", "0 * * * *", id="hourly"),
        pytest.param("  @daily\t", "0 0 * * *", id="blanks-around-a-macro"),
        pytest.param("0\t9 \n *  *\u00a01", "0 9 * * 1", id="any-blank-separates"),
        pytest.param("0 9 * JAN-mar Mon-fri", "0 9 * 1-3 1-5", id="names-in-any-case"),
        pytest.param("0 9 * 1 sun", "0 9 * 1 0", id="sunday-is-zero"),
        pytest.param("50/4 * * * *", "50,54,58 * * * *", id="a-number-with-a-step-runs-to-the-maximum"),
        pytest.param("10-20/5 * * * *", "10,15,20 * * * *", id="a-range-with-a-step"),
        pytest.param("7/99 * * * *", "7 * * * *", id="a-step-beyond-the-range"),
        pytest.param("? ? ? ? ?", "* * * * *", id="question-mark-is-a-star"),
        pytest.param("*-5 * * * *", "* * * * *", id="what-follows-a-hyphen-after-a-star-is-not-read"),
        pytest.param("*-5-x * * * *", "* * * * *", id="nor-is-a-second-hyphen"),
        pytest.param(",1,,3, * * * *", "1,3 * * * *", id="empty-items-are-ignored"),
        pytest.param("+5 007 * * *", "5 7 * * *", id="numbers-as-go-reads-them"),
        pytest.param("0 0 */1 * 1", "0 0 * * 1", id="a-step-of-one-keeps-the-star-bit"),
        pytest.param("0 0 *,13 * 1", "0 0 * * 1", id="a-star-in-a-list-keeps-the-star-bit"),
    ],
)
def test_these_schedules_mean_the_same(schedule: str, equal: str) -> None:
    assert parse(schedule) == parse(equal)


@pytest.mark.parametrize(
    ("schedule", "either"),
    [
        pytest.param("0 0 * * 1", False, id="star-day-of-month"),
        pytest.param("0 0 13 * *", False, id="star-day-of-week"),
        pytest.param("0 0 13 * */1", False, id="step-of-one"),
        pytest.param("0 0 13 * 5", True, id="neither-is-a-star"),
        pytest.param("0 0 */2 * 1", True, id="a-step-of-two-clears-the-star-bit"),
        pytest.param("0 0 1-31 * 1", True, id="a-full-range-is-no-star"),
    ],
)
def test_days_of_month_and_week_are_either_or_only_without_a_star_bit(schedule: str, either: bool) -> None:
    assert spec(schedule).either_day is either


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "named"),
    [
        pytest.param("", "has 0 fields", id="empty"),
        pytest.param("* * * *", "has 4 fields", id="four-fields"),
        pytest.param("0 0 0 1 1 *", "has 6 fields", id="seconds"),
        pytest.param("TZ=Europe/Berlin 0 9 * * 1", "has 6 fields", id="zone-prefix"),
        pytest.param("CRON_TZ=Asia/Tokyo 0 9 * * *", "has 6 fields", id="cron-zone-prefix"),
        pytest.param("@Daily", "not a macro", id="macro-in-capitals"),
        pytest.param("@dailyx", "not a macro", id="starts-with-a-macro"),
        pytest.param("@daily * * * *", "not a macro", id="macro-and-fields"),
        pytest.param("@reboot", "not a macro", id="unknown-macro"),
        pytest.param("@every soon", "'soon' is not a duration", id="every-without-duration"),
        pytest.param("@every 9999999999h", "longer than 292 years", id="every-beyond-go"),
        pytest.param("60 * * * *", "minute '60'", id="minute-60"),
        pytest.param("* 24 * * *", "hour '24'", id="hour-24"),
        pytest.param("* * 0 * *", "day of month '0'", id="day-0"),
        pytest.param("* * 32 * *", "day of month '32'", id="day-32"),
        pytest.param("* * * 13 *", "month '13'", id="month-13"),
        pytest.param("* * * * 7", "day of week '7'", id="sunday-as-seven"),
        pytest.param("0 0 * * fri-sun", "day of week 'fri-sun'", id="range-that-wraps"),
        pytest.param("0 9 * * monday", "'monday' is not a number", id="long-name"),
        pytest.param("jan * * * *", "'jan' is not a number", id="name-in-the-wrong-field"),
        pytest.param("*/0 * * * *", "step of zero", id="step-zero"),
        pytest.param("*/x * * * *", "'x' is not a number", id="step-of-letters"),
        pytest.param("1/2/3 * * * *", "more than one slash", id="two-slashes"),
        pytest.param("1-2-3 * * * *", "more than one hyphen", id="two-hyphens"),
        pytest.param("-5 * * * *", "'' is not a number", id="negative"),
        pytest.param("5- * * * *", "'' is not a number", id="open-range"),
        pytest.param("0 0 L * *", "day of month 'L'", id="last-day"),
        pytest.param("0 0 15W * *", "day of month '15W'", id="nearest-weekday"),
        pytest.param("0 0 * * 1#2", "day of week '1#2'", id="nth-weekday"),
        pytest.param("99999999999999999999/1 * * * *", "is not a number", id="beyond-int64"),
        pytest.param("٣ * * * *", "is not a number", id="digits-of-another-script"),
    ],
)
def test_a_schedule_that_robfig_refuses_is_an_error_that_names_it(schedule: str, named: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse(schedule)

    assert str(refused.value).startswith(f"schedule {schedule!r}: ")
    assert named in str(refused.value)


def test_all_faults_of_a_schedule_are_named_at_once_with_what_is_allowed() -> None:
    with pytest.raises(ScheduleError) as refused:
        parse("61 9 * foo 7")

    message = str(refused.value)
    assert [name for name in ("minute", "hour", "day of month", "month", "day of week") if f"{name} '" in message] == [
        "minute",
        "month",
        "day of week",
    ]
    assert "within 0-59" in message
    assert "within 1-12 or jan-dec" in message
    assert "within 0-6 or sun-sat" in message


# --- When it hits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "instant", "expected"),
    [
        pytest.param("* * * * *", "2026-03-04T12:30:30", "2026-03-04T12:31:00", id="within-a-minute"),
        pytest.param("* * * * *", "2026-03-04T12:30:00", "2026-03-04T12:31:00", id="strictly-after"),
        pytest.param("* * * * *", "2026-03-04T12:29:59.999999", "2026-03-04T12:30:00", id="a-microsecond-before"),
        pytest.param("* * * * *", "2026-12-31T23:59:59", "2027-01-01T00:00:00", id="into-the-next-year"),
        pytest.param("0 9 * * mon-fri", "2026-03-06T09:00:00", "2026-03-09T09:00:00", id="over-the-weekend"),
        pytest.param("30 6 31 * *", "2026-01-31T06:30:00", "2026-03-31T06:30:00", id="a-month-without-a-31st"),
        pytest.param("0 0 29 2 *", "2026-03-04T00:00:00", "2028-02-29T00:00:00", id="leap-day"),
        pytest.param("0 0 13 * 5", "2026-03-06T00:00:00", "2026-03-13T00:00:00", id="either-day-of-month-or-week"),
        pytest.param("0 0 */10 * 5", "2026-03-06T00:00:00", "2026-03-11T00:00:00", id="either-with-a-stepped-star"),
        pytest.param("0 0 , * 1", "2026-03-04T00:00:00", "2026-03-09T00:00:00", id="either-with-an-empty-set"),
        pytest.param("0 0 29 2 *", "2099-01-01T00:00:00", "2104-02-29T00:00:00", id="five-years-on"),
        pytest.param("0 0 29 2 *", "2098-12-31T23:59:59", "2104-02-29T00:00:00", id="counted-from-the-second-after"),
        pytest.param("@every 90m", "2026-03-04T12:30:30.5", "2026-03-04T14:00:30", id="every-has-no-phase"),
        pytest.param("@every 1ms", "2026-03-04T12:30:30", "2026-03-04T12:30:31", id="every-second-at-most"),
        pytest.param("@every 1.9s", "2026-03-04T12:30:30", "2026-03-04T12:30:31", id="every-in-full-seconds"),
    ],
)
def test_the_next_hit(schedule: str, instant: str, expected: str) -> None:
    assert parse(schedule).next_after(at(instant)) == at(expected)


@pytest.mark.parametrize(
    ("schedule", "instant"),
    [
        pytest.param("0 0 30 2 *", "2026-03-04T00:00:00", id="a-day-that-never-comes"),
        pytest.param("0 0 31 2,4,6,9,11 *", "2026-03-04T00:00:00", id="nor-in-any-of-these-months"),
        pytest.param(", * * * *", "2026-03-04T00:00:00", id="no-minute"),
        pytest.param("* , * * *", "2026-03-04T00:00:00", id="no-hour"),
        pytest.param("* * * , *", "2026-03-04T00:00:00", id="no-month"),
        pytest.param("0 0 , * *", "2026-03-04T00:00:00", id="no-day-of-month"),
        pytest.param("0 0 29 2 *", "2098-12-31T23:59:58", id="more-than-five-years-on"),
    ],
)
def test_the_search_gives_up_after_five_years(schedule: str, instant: str) -> None:
    assert parse(schedule).next_after(at(instant)) is None


def test_the_search_ends_with_the_last_year_there_is() -> None:
    assert parse("0 0 1 1 *").next_after(at("9999-06-01T00:00:00")) is None


# --- When windows open and close --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "duration", "now", "expected"),
    [
        pytest.param("0 9 * * *", "8:00", "2026-03-04T08:00:00", "2026-03-04T09:00:00", id="opens"),
        pytest.param("0 9 * * *", "8:00", "2026-03-04T09:00:00", "2026-03-04T17:00:00", id="closes"),
        pytest.param("0 9 * * *", "8:00", "2026-03-04T17:00:00", "2026-03-05T09:00:00", id="opens-again"),
        pytest.param("0 9,12 * * *", "4:00", "2026-03-04T09:30:00", "2026-03-04T16:00:00", id="overlap-extends"),
        pytest.param("0 9,13 * * *", "4:00", "2026-03-04T09:30:00", "2026-03-04T17:00:00", id="touching-extends"),
        pytest.param("0 9,14 * * *", "4:00", "2026-03-04T09:30:00", "2026-03-04T13:00:00", id="a-pause-ends"),
        pytest.param("0 22 * * *", "4:00", "2026-03-04T23:00:00", "2026-03-05T02:00:00", id="over-midnight"),
        pytest.param("0 0,20 * * *", "5:00", "2026-03-04T21:00:00", "2026-03-05T05:00:00", id="into-the-next-day"),
        pytest.param("0 0 * * mon-fri", "24:00", "2026-03-02T01:00:00", "2026-03-07T00:00:00", id="days-on-end"),
        pytest.param("* * * * mon-fri", "0:01", "2026-03-02T01:00:00", "2026-03-07T00:00:00", id="minutes-on-end"),
        pytest.param("0 0 1 1 *", "8760:00", "2026-03-02T00:00:00", "2028-12-31T00:00:00", id="until-a-leap-year"),
    ],
)
def test_the_next_change_of_a_window(schedule: str, duration: str, now: str, expected: str) -> None:
    hours, minutes = map(int, duration.split(":"))

    assert parse(schedule).next_change(at(now), timedelta(hours=hours, minutes=minutes)) == at(expected)


@pytest.mark.parametrize(
    ("schedule", "duration_hours"),
    [
        pytest.param("@hourly", 1, id="windows-that-touch"),
        pytest.param("0 9 * * mon-fri", 72, id="windows-that-bridge-the-weekend"),
        pytest.param("0 0 1 1 *", 8784, id="windows-that-bridge-a-leap-year"),
        pytest.param("0 0 30 2 *", 1, id="a-schedule-that-never-hits"),
        pytest.param("0 9 * * *", 0, id="windows-without-length"),
        pytest.param("@every 1h", 1, id="no-fixed-hits"),
    ],
)
def test_windows_that_never_change(schedule: str, duration_hours: int) -> None:
    assert parse(schedule).next_change(NOW, timedelta(hours=duration_hours)) is None


def test_a_window_stays_open_when_the_search_gives_up_meanwhile() -> None:
    assert parse("0 0 29 2 *").next_change(at("2096-02-29T00:30:00"), timedelta(hours=1)) is None


# --- Properties -------------------------------------------------------------------------------------------------------


def fields(lowest: int, highest: int) -> st.SearchStrategy[str]:
    number = st.integers(lowest, highest)
    step = st.integers(1, highest + 5)
    several = st.tuples(number, number).map(sorted)
    item = st.one_of(
        st.just("*"),
        number.map(str),
        step.map(lambda s: f"*/{s}"),
        several.map(lambda ends: f"{ends[0]}-{ends[1]}"),
        st.tuples(several, step).map(lambda it: f"{it[0][0]}-{it[0][1]}/{it[1]}"),
        st.tuples(number, step).map(lambda it: f"{it[0]}/{it[1]}"),
    )
    return st.lists(item, min_size=1, max_size=3).map(",".join)


SCHEDULES: Final = st.tuples(fields(0, 59), fields(0, 23), fields(1, 31), fields(1, 12), fields(0, 6)).map(" ".join)
INSTANTS: Final = st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive bounds, as hypothesis wants


def hits(schedule: SpecSchedule, minute: datetime) -> bool:
    month_day = schedule.days_of_month >> minute.day & 1
    week_day = schedule.days_of_week >> minute.isoweekday() % 7 & 1
    return bool(
        schedule.minutes >> minute.minute & 1
        and schedule.hours >> minute.hour & 1
        and schedule.months >> minute.month & 1
        and (month_day or week_day if schedule.either_day else month_day and week_day)
    )


@given(SCHEDULES, INSTANTS)
def test_no_minute_between_an_instant_and_its_next_hit_is_in_the_sets(text: str, instant: datetime) -> None:
    schedule = spec(text)
    minutes = [instant.replace(second=0, microsecond=0) + timedelta(minutes=count) for count in range(1, 3 * 1440)]

    first = next((minute for minute in minutes if hits(schedule, minute)), None)

    hit = schedule.next_after(instant)
    assert hit == first if first is not None else hit is None or hit > minutes[-1]


def for_croniter(schedule: SpecSchedule) -> str:
    days_of_month, days_of_week = schedule.days_of_month, schedule.days_of_week
    all_days = len(members(days_of_month)) == 31 or days_of_week == ALL_DAYS_OF_WEEK
    days = (
        ("*", "*")
        if schedule.either_day and all_days
        else (
            "*" if len(members(days_of_month)) == 31 else ",".join(map(str, members(days_of_month))),
            "*" if days_of_week == ALL_DAYS_OF_WEEK else ",".join(map(str, members(days_of_week))),
        )
    )
    minutes, hours, months = (
        ",".join(map(str, members(bits))) for bits in (schedule.minutes, schedule.hours, schedule.months)
    )
    return f"{minutes} {hours} {days[0]} {months} {days[1]}"


@given(SCHEDULES, INSTANTS)
def test_croniter_finds_the_same_hit_in_the_same_sets(text: str, instant: datetime) -> None:
    schedule = spec(text)
    hit = schedule.next_after(instant)
    assume(hit is not None)

    assert croniter(for_croniter(schedule), instant, day_or=schedule.either_day).get_next(datetime) == hit


def test_a_parsed_schedule_is_kept() -> None:
    assert parse("1 2 3 4 5") is parse("1 2 3 4 5")


def test_every_is_a_constant_delay() -> None:
    assert parse("@every 1h") == ConstantDelaySchedule(timedelta(hours=1))
