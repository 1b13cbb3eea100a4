"""What is worth minding in a maintenance configuration (planned-maintenance 2.1, 5.2, 10)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from msgspec.structs import replace

from napsim.core.configurations import (
    DEFAULT,
    NODE_OS,
    Configuration,
    MaintenanceWindow,
    NotAllowedDates,
    Settings,
    TimeInWeek,
)
from napsim.core.fallback import fallback_weekly
from napsim.core.recurrence import AbsoluteMonthly, Daily, Schedule, Weekday, Weekly
from napsim.core.window_findings import FINDINGS, WARNINGS, ClockChange, FindingReason, clock_notes
from napsim.core.windows import Window, upcoming

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SUNDAYS = Weekly(1, Weekday.SUNDAY)


def configure(
    schedule: Schedule = SUNDAYS,
    hours: int = 4,
    name: str = NODE_OS,
    *,
    start_time: time = time(1),
    time_zone: str | None = None,
    not_allowed_dates: tuple[NotAllowedDates, ...] = (),
) -> Configuration:
    start = date(2026, 1, 1)
    window = MaintenanceWindow(schedule, hours, start, start_time, timedelta(0), time_zone, not_allowed_dates)
    return Configuration(name, window)


def found(configuration: Configuration) -> dict[FindingReason, str]:
    ahead = upcoming(configuration, NOW, 6)
    checked = [check(configuration, ahead) for check in (*WARNINGS, *FINDINGS)]
    return {finding.reason: finding.message for finding in checked if finding is not None}


def blocked(start: str, end: str) -> tuple[NotAllowedDates, ...]:
    return (NotAllowedDates(date.fromisoformat(start), date.fromisoformat(end)),)


@pytest.mark.row("nap:12")
def test_the_recommended_configuration_gives_rise_to_nothing() -> None:
    assert found(configure()) == {}


@pytest.mark.parametrize(
    ("configuration", "reason", "message"),
    [
        pytest.param(
            configure(Weekly(2, Weekday.SUNDAY), name=DEFAULT),
            FindingReason.DEFAULT_NOT_WEEKLY,
            "AKS accepts for default only a weekly schedule with intervalWeeks 1",
            id="pm:2.1-default-interval",
        ),
        pytest.param(
            configure(Daily(1), name=DEFAULT),
            FindingReason.DEFAULT_NOT_WEEKLY,
            "AKS accepts for default only a weekly schedule with intervalWeeks 1",
            id="pm:10-default-not-weekly",
        ),
        pytest.param(
            configure(AbsoluteMonthly(1, 29)),
            FindingReason.DAY_ABOVE_28,
            "dayOfMonth 29: some months lack that day, and AKS does not document what happens then; it is skipped",
            id="pm:5.2-short-month-day-above-28",
        ),
        pytest.param(
            replace(configure(AbsoluteMonthly(1, 31)), settings=Settings(clamp_short_months=True)),
            FindingReason.DAY_ABOVE_28,
            "dayOfMonth 31: some months lack that day, and AKS does not document what happens then;"
            " it counts as its last day",
            id="pm:5.2-short-month-day-above-28-clamped",
        ),
        pytest.param(
            configure(
                Weekly(1, Weekday.SATURDAY), 8, start_time=time(22), not_allowed_dates=blocked(*["2026-11-22"] * 2)
            ),
            FindingReason.SHORT_WINDOW,
            "shorter than the 4 h that AKS advises: Sat 2026-11-21 22:00–24:00 UTC",
            id="pm:1-four-hours-or-more",
        ),
        pytest.param(
            replace(configure(name=DEFAULT), time_in_week=(TimeInWeek(Weekday.MONDAY),)),
            FindingReason.TIME_IN_WEEK_IGNORED,
            "timeInWeek does not count beside maintenanceWindow",
            id="pm:5.2-default-with-both",
        ),
        pytest.param(
            configure(not_allowed_dates=blocked("2026-01-01", "9999-12-31")),
            FindingReason.NO_FURTHER_WINDOW,
            f"{NODE_OS} never opens again: nothing is left of it",
            id="nothing-left",
        ),
        pytest.param(
            configure(Daily(1), 24),
            FindingReason.ALWAYS_OPEN,
            f"{NODE_OS} never closes again: from Thu 2026-01-01 01:00 UTC on",
            id="pm:11-12",
        ),
        pytest.param(
            configure(Weekly(2, Weekday.SUNDAY)),
            FindingReason.WEEKLY_ANCHOR,
            "every 2 weeks: counted from the Sunday-started week of startDate; "
            "AKS documents no anchor, this rests on one observation (Azure/AKS 5720)",
            id="pm:5.2-weekly-anchor",
        ),
    ],
)
def test_a_configuration_gives_rise_to(configuration: Configuration, reason: FindingReason, message: str) -> None:
    assert found(configuration)[reason] == message


@pytest.mark.parametrize("configuration", [configure(AbsoluteMonthly(1, 28)), configure(name=DEFAULT)])
def test_what_is_within_the_bounds_gives_rise_to_nothing(configuration: Configuration) -> None:
    assert found(configuration) == {}


def test_an_assumed_schedule_says_so() -> None:
    configuration = fallback_weekly(3)
    assert found(configuration) == {FindingReason.ASSUMED: configuration.assumption}


def notes(clock: time, start: datetime, zone: str | None = "Europe/Berlin") -> list[tuple[ClockChange, str]]:
    configuration = configure(time_zone=zone, start_time=clock)
    return [
        (note.change, note.message) for note in clock_notes(configuration, Window(start, start + timedelta(days=2)))
    ]


SPRING, AUTUMN = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)


def test_a_start_that_the_clocks_skip_is_noted() -> None:
    span = "Sun 2026-03-29 03:30–07:30 UTC+02:00 (Europe/Berlin)"
    expected = (ClockChange.START_SKIPPED, f"{span}: the clocks skip 02:30, so it starts at 03:30")
    assert notes(time(2, 30), SPRING) == [expected]


def test_a_start_that_comes_twice_is_noted_and_so_is_the_moved_end() -> None:
    span = "Sun 2026-10-25 02:30 UTC+02:00 – Sun 2026-10-25 05:30 UTC+01:00 (Europe/Berlin)"
    assert notes(time(2, 30), AUTUMN) == [
        (ClockChange.START_REPEATED, f"{span}: 02:30 comes twice, the first one counts"),
        (ClockChange.END_MOVED, f"{span}: the clocks change within it, so it ends at 05:30 instead of 06:30"),
    ]


def test_a_clock_change_within_a_window_is_noted() -> None:
    [(change, message)] = notes(time(1), SPRING)
    assert change is ClockChange.END_MOVED
    assert message.endswith("the clocks change within it, so it ends at 06:00 instead of 05:00")


def test_without_a_change_of_the_clocks_there_is_nothing_to_note() -> None:
    assert notes(time(2, 30), datetime(2026, 6, 6, tzinfo=UTC)) == []
    assert notes(time(2, 30), SPRING, zone=None) == []
    always = configure(Daily(1), 24, time_zone="Europe/Berlin")
    assert list(clock_notes(always, Window(SPRING, None))) == []
