"""When a maintenance configuration is open (planned-maintenance 5, 11; nap 3, 16)."""

from __future__ import annotations

from datetime import date, time, timedelta
from itertools import islice

import pytest
from msgspec.structs import replace

from napsim.core.configurations import (
    DEFAULT,
    NODE_OS,
    Configuration,
    MaintenanceWindow,
    NotAllowedDates,
    NotAllowedTime,
    Settings,
    TimeInWeek,
)
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
from napsim.core.windows import (
    BEGINNING,
    RESOLUTION,
    Window,
    WindowReason,
    cutouts,
    describe,
    exclusions,
    upcoming,
    verdict,
    windows,
)
from tests.core.instants import at, window

SUNDAYS = Weekly(1, Weekday.SUNDAY)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)


def days(start: str, end: str) -> NotAllowedDates:
    return NotAllowedDates(date.fromisoformat(start), date.fromisoformat(end))


def configure(
    schedule: Schedule,
    start: str,
    clock: str = "01:00",
    hours: int = 4,
    *blocked: NotAllowedDates,
    offset: float = 0,
    zone: str | None = None,
    settings: Settings | None = None,
) -> Configuration:
    maintenance_window = MaintenanceWindow(
        schedule,
        hours,
        date.fromisoformat(start),
        time.fromisoformat(clock),
        timedelta(hours=offset),
        zone,
        blocked,
    )
    return Configuration(NODE_OS, maintenance_window, settings=settings or Settings())


def legacy(*entries: TimeInWeek, blocked: tuple[NotAllowedTime, ...] = ()) -> Configuration:
    return Configuration(DEFAULT, None, entries, blocked)


def first(configuration: Configuration, count: int, after: str = "2000-01-01") -> list[Window]:
    return list(islice(windows(configuration, at(after)), count))


EXAMPLES = [
    pytest.param(
        configure(SUNDAYS, "2025-01-01"),
        [("2025-01-05T01:00", "2025-01-05T05:00"), ("2025-01-12T01:00", "2025-01-12T05:00")],
        id="pm:11-1",
    ),
    pytest.param(
        configure(Weekly(3, Weekday.FRIDAY), "2026-06-01", "00:00", 8, offset=5.5),
        [
            ("2026-06-04T18:30", "2026-06-05T02:30"),
            ("2026-06-25T18:30", "2026-06-26T02:30"),
            ("2026-07-16T18:30", "2026-07-17T02:30"),
        ],
        id="pm:11-2",
    ),
    pytest.param(
        configure(AbsoluteMonthly(3, 1), "2023-01-20", "09:00", 4, days("2023-12-23", "2024-01-05"), offset=-8),
        [(f"{day}T17:00", f"{day}T21:00") for day in ("2023-04-01", "2023-07-01", "2023-10-01", "2024-04-01")],
        id="pm:11-3",
    ),
    pytest.param(
        configure(Weekly(2, Weekday.SUNDAY), "2026-04-14"),
        [(f"{day}T01:00", f"{day}T05:00") for day in ("2026-04-26", "2026-05-10", "2026-05-24")],
        id="pm:11-4",
    ),
    pytest.param(
        configure(RelativeMonthly(2, WeekIndex.LAST, Weekday.MONDAY), "2026-01-15"),
        [(f"{day}T01:00", f"{day}T05:00") for day in ("2026-01-26", "2026-03-30", "2026-05-25", "2026-07-27")],
        id="pm:11-6",
    ),
    pytest.param(
        configure(RelativeMonthly(2, WeekIndex.LAST, Weekday.MONDAY), "2026-01-27"),
        [("2026-03-30T01:00", "2026-03-30T05:00")],
        id="pm:11-7",
    ),
    pytest.param(
        configure(RelativeMonthly(1, WeekIndex.FIRST, Weekday.MONDAY), "2026-09-01"),
        [(f"{day}T01:00", f"{day}T05:00") for day in ("2026-09-07", "2026-10-05")],
        id="pm:11-8",
    ),
    pytest.param(
        configure(AbsoluteMonthly(1, 31), "2026-01-31"),
        [(f"2026-{day}T01:00", f"2026-{day}T05:00") for day in ("01-31", "03-31", "05-31", "07-31", "08-31")],
        id="pm:11-9",
    ),
    pytest.param(
        configure(Daily(3), "2026-03-30"),
        [(f"2026-{day}T01:00", f"2026-{day}T05:00") for day in ("03-30", "04-02", "04-05", "04-08")],
        id="pm:11-10",
    ),
    pytest.param(
        configure(Weekly(1, Weekday.SATURDAY), "2026-11-21", "22:00", 8, days("2026-11-22", "2026-11-22")),
        [("2026-11-21T22:00", "2026-11-22T00:00"), ("2026-11-28T22:00", "2026-11-29T06:00")],
        id="pm:11-11",
    ),
    pytest.param(configure(Daily(1), "2026-03-30", "01:00", 24), [("2026-03-30T01:00", None)], id="pm:11-12"),
    pytest.param(
        configure(Weekly(1, Weekday.SATURDAY), "2026-11-21", "22:00", 8, days("2026-11-21", "2026-11-21")),
        [("2026-11-22T00:00", "2026-11-22T06:00"), ("2026-11-28T22:00", "2026-11-29T06:00")],
        id="pm:5.2-over-midnight-belongs-to-the-day-it-starts-on",
    ),
    pytest.param(
        configure(
            Daily(1), "2026-03-30", "01:00", 24, days("2026-04-02", "2026-04-03"), days("2026-04-03", "2026-04-05")
        ),
        [("2026-03-30T01:00", "2026-04-02T00:00"), ("2026-04-06T00:00", None)],
        id="pm:5.2-always-open-but-not-on-blocked-days",
    ),
    pytest.param(
        configure(Daily(7), "2026-03-30", "00:00", 24),
        [("2026-03-30T00:00", "2026-03-31T00:00"), ("2026-04-06T00:00", "2026-04-07T00:00")],
        id="pm:5.2-always-open-not-every-day-closes",
    ),
    pytest.param(
        configure(Weekly(2, Weekday.SUNDAY), "2026-04-14", "01:00", 4, days("2026-05-10", "2026-05-10")),
        [(f"{day}T01:00", f"{day}T05:00") for day in ("2026-04-26", "2026-05-24", "2026-06-07")],
        id="pm:5.2-a-blocked-occurrence-still-counts",
    ),
    pytest.param(
        configure(Weekly(2, Weekday.SUNDAY), "2026-04-14", settings=Settings(first_day_of_week=Weekday.MONDAY)),
        [("2026-04-19T01:00", "2026-04-19T05:00")],
        id="pm:5.2-weekly-anchor-monday-setting",
    ),
    pytest.param(
        configure(AbsoluteMonthly(1, 31), "2026-01-31", settings=Settings(clamp_short_months=True)),
        [("2026-01-31T01:00", "2026-01-31T05:00"), ("2026-02-28T01:00", "2026-02-28T05:00")],
        id="pm:5.2-short-month-clamped",
    ),
    pytest.param(
        configure(SUNDAYS, "2026-11-22", "22:30", 6, offset=-9.5),
        [("2026-11-23T08:00", "2026-11-23T14:00")],
        id="pm:5.1-start-time-is-local",
    ),
]


@pytest.mark.parametrize(("configuration", "expected"), EXAMPLES)
def test_a_configuration_is_open_in_these_windows(
    configuration: Configuration, expected: list[tuple[str, str | None]]
) -> None:
    assert first(configuration, len(expected)) == [window(*bounds) for bounds in expected]


@pytest.mark.row("pm:11-5", "pm:5.3-blocked-days")
def test_not_allowed_dates_are_local_days_the_last_one_included() -> None:
    configuration = configure(Daily(1), "2022-01-01", "00:00", 24, days("2022-12-23", "2023-01-03"), offset=2)
    [blocked] = exclusions(configuration)
    assert blocked.span == window("2022-12-22T22:00", "2023-01-03T22:00")
    assert first(configuration, 2, "2022-12-01") == [
        window("2021-12-31T22:00", "2022-12-22T22:00"),
        window("2023-01-03T22:00", None),
    ]


@pytest.mark.row("pm:5.2-two-pieces", "pm:5.2-configmap-holds-one-window")
def test_a_blocked_span_inside_a_window_leaves_two_pieces_and_the_current_or_next_is_published() -> None:
    blocked = NotAllowedTime(at("2026-11-22T02:00"), at("2026-11-22T03:30"))
    configuration = replace(configure(SUNDAYS, "2026-11-22"), not_allowed_time=(blocked,))
    morning, later = window("2026-11-22T01:00", "2026-11-22T02:00"), window("2026-11-22T03:30", "2026-11-22T05:00")
    assert first(configuration, 2) == [morning, later]
    assert verdict(configuration, at("2026-11-22T01:30")).window == morning
    assert verdict(configuration, at("2026-11-22T02:00")).window == later
    assert verdict(configuration, at("2026-11-22T05:00")).window == window("2026-11-29T01:00", "2026-11-29T05:00")


def test_a_single_tick_that_is_left_is_no_window() -> None:
    blocked = NotAllowedTime(at("2026-11-22T01:00") + TICK, at("2026-11-22T05:00"))
    configuration = replace(configure(SUNDAYS, "2026-11-22"), not_allowed_time=(blocked,))
    assert first(configuration, 1) == [window("2026-11-29T01:00", "2026-11-29T05:00")]


# The legacy form


@pytest.mark.row("pm:2-timeInWeek", "pm:5.1-hour-slots")
def test_hour_slots_are_utc_and_entries_of_one_day_add_up() -> None:
    configuration = legacy(TimeInWeek(Weekday.SUNDAY, (0, 1)), TimeInWeek(Weekday.SUNDAY, (1, 2, 22, 23)))
    assert first(configuration, 3, "2026-11-21") == [
        window("2026-11-22T00:00", "2026-11-22T03:00"),
        window("2026-11-22T22:00", "2026-11-23T00:00"),
        window("2026-11-29T00:00", "2026-11-29T03:00"),
    ]


@pytest.mark.row("pm:5.2-overlapping")
def test_slots_that_adjoin_over_midnight_are_one_window_known_from_its_start() -> None:
    configuration = legacy(TimeInWeek(Weekday.SATURDAY, (23,)), TimeInWeek(Weekday.SUNDAY))
    expected = window("2026-11-21T23:00", "2026-11-23T00:00")
    assert first(configuration, 1, "2026-11-21") == first(configuration, 1, "2026-11-22T23:59:59") == [expected]


def test_every_hour_of_the_week_is_always_open() -> None:
    configuration = legacy(*(TimeInWeek(weekday) for weekday in Weekday))
    found = verdict(configuration, at("2026-11-21"))
    assert (found.open, found.window, found.wake_at) == (True, Window(BEGINNING, None), None)
    assert describe(Window(BEGINNING, None)) == "at all times"


def test_all_but_one_hour_of_the_week_is_one_window_of_167_hours() -> None:
    most = [TimeInWeek(weekday) for weekday in Weekday if weekday is not Weekday.WEDNESDAY]
    configuration = legacy(*most, TimeInWeek(Weekday.WEDNESDAY, tuple(range(1, 24))))
    expected = window("2026-11-18T01:00", "2026-11-25T00:00")
    assert first(configuration, 1, "2026-11-18T01:00") == first(configuration, 1, "2026-11-24T23:59") == [expected]


@pytest.mark.row("pm:5.3-not-allowed-time")
def test_not_allowed_time_cuts_the_legacy_form() -> None:
    blocked = NotAllowedTime(at("2026-11-22T01:00"), at("2026-11-22T02:30"))
    configuration = legacy(TimeInWeek(Weekday.SUNDAY, (0, 1, 2)), blocked=(blocked,))
    assert first(configuration, 2, "2026-11-21") == [
        window("2026-11-22T00:00", "2026-11-22T01:00"),
        window("2026-11-22T02:30", "2026-11-22T03:00"),
    ]


@pytest.mark.row("pm:5.2-default-with-both")
def test_a_window_takes_precedence_over_time_in_week() -> None:
    configuration = replace(configure(SUNDAYS, "2026-11-22"), time_in_week=(TimeInWeek(Weekday.MONDAY),))
    assert first(configuration, 1) == [window("2026-11-22T01:00", "2026-11-22T05:00")]


def test_time_in_week_without_any_hour_never_opens() -> None:
    assert first(legacy(TimeInWeek(Weekday.SUNDAY, ())), 1) == []
    assert first(legacy(), 1) == []


# The verdict

NOW = at("2026-11-22T12:00")


def around(start: timedelta, end: timedelta) -> Configuration:
    """Every hour but those outside NOW + start … NOW + end."""
    blocked = NotAllowedTime(at("1900-01-01"), NOW + start), NotAllowedTime(NOW + end, at("2900-01-01"))
    return replace(configure(Daily(1), "2000-01-01", "00:00", 24), not_allowed_time=blocked)


@pytest.mark.parametrize(
    ("configuration", "is_open"),
    [
        pytest.param(None, True, id="nap:P2"),
        pytest.param(around(HOUR, 2 * HOUR), False, id="nap:P5"),
        pytest.param(around(-HOUR, HOUR), True, id="nap:P8"),
        pytest.param(around(timedelta(0), HOUR), False, id="nap:X7-start"),
        pytest.param(around(-HOUR, timedelta(0)), False, id="nap:X7-end"),
        pytest.param(around(-SECOND, HOUR), True, id="nap:X7-a-second-after-the-start"),
        pytest.param(around(-HOUR, SECOND), True, id="nap:X7-a-second-before-the-end"),
        pytest.param(around(-TICK, HOUR), True, id="nap:X7-a-tick-after-the-start"),
        pytest.param(around(TICK, HOUR), False, id="nap:X7-a-tick-before-the-start"),
        pytest.param(around(-HOUR, -TICK), False, id="nap:X7-a-tick-after-the-end"),
        pytest.param(around(-2 * HOUR, -HOUR), False, id="nap:3-window-in-the-past"),
    ],
)
@pytest.mark.row("pm:5.1-strict-bounds")
def test_a_window_is_open_strictly_between_its_bounds(configuration: Configuration | None, is_open: bool) -> None:
    assert verdict(configuration, NOW).open is is_open


@pytest.mark.row("pm:6", "nap:P2")
def test_without_a_configuration_it_is_open_and_nothing_ends_that() -> None:
    found = verdict(None, NOW)
    assert (found.open, found.reason, found.window, found.wake_at) == (True, WindowReason.NO_WINDOW_DATA, None, None)
    assert upcoming(None, NOW) == ()


def test_the_verdict_wakes_a_tick_after_the_start_and_at_the_end() -> None:
    configuration = configure(SUNDAYS, "2025-01-01")
    start, end = at("2025-01-05T01:00"), at("2025-01-05T05:00")
    assert verdict(configuration, at("2025-01-01")).wake_at == start + RESOLUTION
    assert verdict(configuration, start).wake_at == start + RESOLUTION
    assert verdict(configuration, start + RESOLUTION).wake_at == end
    assert verdict(configuration, end).wake_at == at("2025-01-12T01:00") + RESOLUTION


def test_a_window_that_was_always_open_has_no_wake_up() -> None:
    found = verdict(configure(Daily(1), "2020-01-01", "00:00", 24), NOW)
    assert (found.open, found.wake_at) == (True, None)
    assert found.message == f"{NODE_OS} is open: from Wed 2020-01-01 00:00 UTC on"


def test_messages_name_the_window_and_the_entry_that_cuts_it_out() -> None:
    configuration = configure(SUNDAYS, "2026-11-01", "01:00", 4, days("2026-11-22", "2026-11-23"))
    upcoming_window = "next window: Sun 2026-11-29 01:00–05:00 UTC"
    before = verdict(configuration, at("2026-11-21"))
    assert (before.reason, before.told_until) == (WindowReason.CLOSED, at("2026-11-22T01:00") + TICK)
    assert before.message == f"{NODE_OS} is closed; {upcoming_window}"
    within = verdict(configuration, at("2026-11-22T02:00"))
    assert (within.reason, within.told_until) == (WindowReason.NOT_ALLOWED, at("2026-11-22T05:00"))
    assert within.message == f"{NODE_OS} is closed by notAllowedDates[0] (2026-11-22 to 2026-11-23); {upcoming_window}"
    assert within.wake_at == before.wake_at == at("2026-11-29T01:00") + TICK


def test_a_blocked_span_within_a_window_says_so_until_it_ends() -> None:
    blocked = NotAllowedTime(at("2026-11-22T02:00"), at("2026-11-22T03:30"))
    configuration = replace(configure(SUNDAYS, "2026-11-22"), not_allowed_time=(blocked,))
    within = verdict(configuration, at("2026-11-22T02:00"))
    assert (within.reason, within.told_until) == (WindowReason.NOT_ALLOWED, at("2026-11-22T03:30"))
    assert "notAllowedTime[0] (2026-11-22T02:00:00Z to 2026-11-22T03:30:00Z)" in within.message
    after = verdict(configuration, at("2026-11-22T03:30"))
    assert (after.open, after.reason, after.told_until) == (False, WindowReason.CLOSED, at("2026-11-22T03:30") + TICK)


def test_where_two_spans_block_the_first_that_is_written_is_named_from_its_beginning_on() -> None:
    late = NotAllowedTime(at("2026-11-22T02:30"), at("2026-11-22T05:00"))
    early = NotAllowedTime(at("2026-11-22T02:00"), at("2026-11-22T03:30"))
    configuration = replace(configure(SUNDAYS, "2026-11-22"), not_allowed_time=(late, early))
    within = verdict(configuration, at("2026-11-22T02:00"))
    assert "notAllowedTime[1]" in within.message
    assert within.told_until == at("2026-11-22T02:30")
    assert "notAllowedTime[0]" in verdict(configuration, at("2026-11-22T02:30")).message


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param(configure(Daily(1), "2020-01-01", "01:00", 4, days("2020-01-01", "9999-12-31")), id="daily"),
        pytest.param(configure(Daily(1), "2020-01-01", "01:00", 24, days("2020-01-01", "9999-12-31")), id="all-day"),
        pytest.param(configure(AbsoluteMonthly(12, 31), "2026-04-01"), id="only-short-months"),
        pytest.param(configure(Daily(7), "9999-12-31", "23:00", 24, days("9999-12-31", "9999-12-31")), id="last-day"),
        pytest.param(
            legacy(TimeInWeek(Weekday.SUNDAY), blocked=(NotAllowedTime(at("0001-01-01"), at("9999-12-31T23:59:59")),)),
            id="legacy",
        ),
        pytest.param(legacy(), id="empty"),
    ],
)
def test_what_can_never_open_is_found_out_at_once(configuration: Configuration) -> None:
    found = verdict(configuration, NOW)
    assert (found.open, found.reason, found.wake_at) == (False, WindowReason.NO_FURTHER_WINDOW, None)


def test_a_start_years_ago_costs_no_more_than_one_yesterday(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[date] = []

    def counting(self: Recurrence, day: date) -> date | None:
        asked.append(day)
        return original(self, day)

    original = Recurrence.first_on_or_after
    monkeypatch.setattr(Recurrence, "first_on_or_after", counting)
    frozen = configure(Daily(1), "1970-01-01", "01:00", 4, days("1970-01-01", "2026-11-22"))
    assert verdict(frozen, at("1980-01-01")).window == window("2026-11-23T01:00", "2026-11-23T05:00")
    assert verdict(configure(SUNDAYS, "1970-01-01"), NOW).window == window("2026-11-29T01:00", "2026-11-29T05:00")
    assert len(asked) < 20


@pytest.mark.parametrize("now", ["0001-01-01", "0001-01-03", "9999-12-30", "9999-12-31T23:59:59.999999"])
@pytest.mark.parametrize("offset", [-14, 0, 14])
def test_the_ends_of_the_calendar_are_no_error(now: str, offset: float) -> None:
    configuration = configure(Daily(1), "0001-01-01", "00:00", 23, days("0001-01-01", "0001-01-01"), offset=offset)
    found = verdict(configuration, at(now))
    assert found.window is None or describe(found.window, configuration.zone)
    assert found.window is not None or found.reason is WindowReason.NO_FURTHER_WINDOW


# Cut out


def test_cutouts_name_the_entry_the_occurrence_and_what_is_left() -> None:
    blocked = days("2026-11-23", "2026-12-06"), days("2026-12-13", "2026-12-13")
    configuration = configure(Weekly(1, Weekday.SATURDAY), "2026-11-21", "22:00", 8, *blocked)
    found = list(cutouts(configuration, window("2026-11-01", "2026-12-31")))
    assert [(cut.exclusion.field, describe(cut.occurrence), cut.whole, len(cut.left)) for cut in found] == [
        ("notAllowedDates[0]", "Sat 2026-11-28 22:00 – Sun 2026-11-29 06:00 UTC", True, 0),
        ("notAllowedDates[0]", "Sat 2026-12-05 22:00 – Sun 2026-12-06 06:00 UTC", True, 0),
        ("notAllowedDates[1]", "Sat 2026-12-12 22:00 – Sun 2026-12-13 06:00 UTC", False, 1),
    ]
    assert found[2].left == (window("2026-12-12T22:00", "2026-12-13T00:00"),)


def test_two_entries_can_together_leave_nothing() -> None:
    blocked = days("2026-11-21", "2026-11-21"), days("2026-11-22", "2026-11-22")
    configuration = configure(Weekly(1, Weekday.SATURDAY), "2026-11-21", "22:00", 8, *blocked)
    found = list(cutouts(configuration, window("2026-11-01", "2026-12-31")))
    assert [(cut.exclusion.field, cut.whole, cut.left) for cut in found] == [
        ("notAllowedDates[0]", False, ()),
        ("notAllowedDates[1]", False, ()),
    ]


def test_cutouts_are_lazy_where_an_entry_blocks_for_ever() -> None:
    configuration = configure(Daily(1), "2020-01-01", "01:00", 4, days("2026-11-22", "9999-12-31"))
    found = list(islice(cutouts(configuration, Window(NOW, None)), 3))
    assert [cut.occurrence.start.day for cut in found] == [23, 24, 25]


def test_an_entry_that_hits_no_occurrence_cuts_nothing_out() -> None:
    configuration = configure(SUNDAYS, "2026-11-22", "01:00", 4, days("2026-11-23", "2026-11-28"))
    assert list(cutouts(configuration, window("2026-11-01", "2026-12-31"))) == []


# Time zones

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = "2026-03-29", "2026-10-25"


@pytest.mark.parametrize(
    ("clock", "day", "expected"),
    [
        pytest.param("01:00", SPRING, ("2026-03-29T00:00", "2026-03-29T04:00"), id="clocks-change-within"),
        pytest.param("02:30", SPRING, ("2026-03-29T01:30", "2026-03-29T05:30"), id="skipped-start-is-03:30"),
        pytest.param("03:00", SPRING, ("2026-03-29T01:00", "2026-03-29T05:00"), id="start-right-after-the-gap"),
        pytest.param("02:30", AUTUMN, ("2026-10-25T00:30", "2026-10-25T04:30"), id="repeated-start-the-first-counts"),
        pytest.param("03:00", AUTUMN, ("2026-10-25T02:00", "2026-10-25T06:00"), id="start-right-after-the-overlap"),
        pytest.param("01:00", "2026-07-05", ("2026-07-04T23:00", "2026-07-05T03:00"), id="summer"),
        pytest.param("01:00", "2026-12-06", ("2026-12-06T00:00", "2026-12-06T04:00"), id="winter"),
    ],
)
def test_a_time_zone_follows_the_clocks_and_the_duration_is_elapsed_time(
    clock: str, day: str, expected: tuple[str, str]
) -> None:
    configuration = configure(SUNDAYS, "2026-01-01", clock, 4, zone=BERLIN)
    found = first(configuration, 60)
    assert window(*expected) in found
    assert all(piece.until - piece.start == timedelta(hours=4) for piece in found)


def test_a_time_zone_replaces_the_offset() -> None:
    configuration = configure(SUNDAYS, "2026-01-01", offset=-8, zone=BERLIN)
    assert first(configuration, 1) == [window("2026-01-04T00:00", "2026-01-04T04:00")]


def test_every_day_all_day_has_no_gap_on_the_day_of_25_hours() -> None:
    found = verdict(configure(Daily(1), "2026-01-01", "00:00", 24, zone=BERLIN), at("2026-10-25T22:30"))
    assert (found.open, found.wake_at) == (True, None)


@pytest.mark.row("pm:5.2-overlapping")
def test_a_day_of_23_hours_joins_windows_of_23_hours() -> None:
    configuration = configure(Daily(1), "2026-03-27", "01:00", 23, zone=BERLIN)
    assert first(configuration, 3) == [
        window("2026-03-27T00:00", "2026-03-27T23:00"),
        window("2026-03-28T00:00", "2026-03-28T23:00"),
        window("2026-03-29T00:00", "2026-03-30T22:00"),
    ]
    assert first(configuration, 1, "2026-03-30T21:59:59") == [window("2026-03-29T00:00", "2026-03-30T22:00")]


def test_not_allowed_dates_are_days_of_the_time_zone() -> None:
    configuration = configure(SUNDAYS, "2026-01-01", "01:00", 4, days(SPRING, SPRING), zone=BERLIN)
    [blocked] = exclusions(configuration)
    assert blocked.span == window("2026-03-28T23:00", "2026-03-29T22:00")


def test_a_day_that_a_time_zone_left_out_blocks_nothing_and_its_window_starts_when_the_next_day_does() -> None:
    configuration = configure(Daily(1), "2011-12-29", "00:00", 4, days("2011-12-30", "2011-12-30"), zone="Pacific/Apia")
    assert exclusions(configuration) == ()
    assert first(configuration, 3) == [
        window("2011-12-29T10:00", "2011-12-29T14:00"),
        window("2011-12-30T10:00", "2011-12-30T14:00"),
        window("2011-12-31T10:00", "2011-12-31T14:00"),
    ]
