"""What the status of a maintenance configuration says."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.core.configurations import NODE_OS, Configuration, MaintenanceWindow, NotAllowedDates
from napsim.core.lead_times import Effective, effective
from napsim.core.maintenance import CUTOUT_LIMIT, status_report
from napsim.core.recurrence import Daily, Weekday, Weekly
from napsim.core.window_findings import FindingReason
from napsim.core.windows import WindowReason
from tests.core.instants import at

FREEZE = NotAllowedDates(date(2026, 12, 21), date(2027, 1, 3))
WINDOW = MaintenanceWindow(
    Weekly(1, Weekday.SUNDAY),
    4,
    date(2025, 1, 1),
    time(1),
    timedelta(hours=2),
    not_allowed_dates=(FREEZE,),
)
SUNDAYS = Configuration(NODE_OS, WINDOW)


def test_a_closed_configuration_shows_the_next_window_and_the_five_after_it() -> None:
    report = status_report(Effective(SUNDAYS), at("2026-12-01"))
    assert (report.open, report.state, report.reason) == (False, "closed", WindowReason.CLOSED)
    assert report.window is not None
    assert report.window.utc == "Sat 2026-12-05 23:00 – Sun 2026-12-06 03:00 UTC"
    assert report.window.local == "Sun 2026-12-06 01:00–05:00 UTC+02:00"
    assert (report.changes_at, report.changes) == (at("2026-12-05T23:00"), "opens Sat 2026-12-05 23:00 UTC")
    assert [shown.local[:14] for shown in report.following] == [
        "Sun 2026-12-13",
        "Sun 2026-12-20",
        "Sun 2027-01-10",
        "Sun 2027-01-17",
        "Sun 2027-01-24",
    ]
    assert (report.warnings, report.findings, report.takes_effect_at) == ((), (), None)


def test_an_open_configuration_shows_when_it_closes() -> None:
    report = status_report(Effective(SUNDAYS), at("2026-12-06T00:00"))
    assert (report.open, report.state, report.reason) == (True, "OPEN", WindowReason.OPEN)
    assert report.changes == "closes Sun 2026-12-06 03:00 UTC"
    assert report.wake_at == report.changes_at == at("2026-12-06T03:00")
    assert len(report.following) == 5


def test_what_is_cut_out_is_listed_with_the_entry_that_cuts_it() -> None:
    report = status_report(Effective(SUNDAYS), at("2026-12-01"))
    assert [cutout.message for cutout in report.cutouts] == [
        "notAllowedDates[0] (2026-12-21 to 2027-01-03) cuts out Sat 2026-12-26 23:00 – Sun 2026-12-27 03:00 UTC wholly",
        "notAllowedDates[0] (2026-12-21 to 2027-01-03) cuts out Sat 2027-01-02 23:00 – Sun 2027-01-03 03:00 UTC wholly",
    ]
    assert not report.more_cutouts


def test_a_part_that_is_cut_out_says_what_is_left() -> None:
    over_midnight = replace(WINDOW, start_time=time(22), duration_hours=8, utc_offset=timedelta(0))
    report = status_report(Effective(replace(SUNDAYS, window=over_midnight)), at("2026-12-20"))
    assert report.cutouts[0].message == (
        "notAllowedDates[0] (2026-12-21 to 2027-01-03) cuts out a part of "
        "Sun 2026-12-20 22:00 – Mon 2026-12-21 06:00 UTC; left: Sun 2026-12-20 22:00–24:00 UTC"
    )


def test_a_long_list_of_cutouts_is_cut_and_says_so() -> None:
    daily = replace(WINDOW, schedule=Daily(1), not_allowed_dates=(NotAllowedDates(date(2026, 12, 1), date.max),))
    report = status_report(Effective(replace(SUNDAYS, window=daily)), at("2026-12-01"))
    assert len(report.cutouts) == CUTOUT_LIMIT
    assert report.more_cutouts
    assert (report.window, report.following, report.changes) == (None, (), "never")
    assert [finding.reason for finding in report.warnings] == [FindingReason.NO_FURTHER_WINDOW]


def test_a_pending_change_shows_what_is_in_force_and_checks_what_is_written() -> None:
    now = at("2026-12-05T22:45")
    changed = replace(SUNDAYS, window=replace(WINDOW, schedule=Weekly(2, Weekday.SUNDAY)))
    report = status_report(effective(None, changed, now, now), now, changed_at=now)
    assert (report.state, report.reason, report.window) == ("OPEN", WindowReason.NO_WINDOW_DATA, None)
    assert report.takes_effect_at == report.changes_at == report.wake_at == at("2026-12-05T23:15")
    assert report.changes == "change counts Sat 2026-12-05 23:15 UTC"
    assert [finding.reason for finding in report.findings] == [
        FindingReason.CHANGE_PENDING,
        FindingReason.NO_CONFIGURATION,
        FindingReason.WEEKLY_ANCHOR,
    ]
    later = status_report(effective(SUNDAYS, changed, now, now), now, changed_at=now)
    assert later.changes == "opens Sat 2026-12-05 23:00 UTC"


def test_the_lead_time_warning_comes_first_and_its_end_is_waited_for() -> None:
    changed_at = at("2026-12-05T22:45")
    report = status_report(effective(None, SUNDAYS, changed_at, changed_at), changed_at, changed_at)
    assert [finding.reason for finding in report.warnings] == [FindingReason.LEAD_TIME_TOO_SHORT]
    end = at("2026-12-06T03:00")
    settled = status_report(Effective(SUNDAYS), end - timedelta(seconds=1), changed_at)
    assert [finding.reason for finding in settled.warnings] == [FindingReason.LEAD_TIME_TOO_SHORT]
    assert settled.wake_at == end
    assert status_report(Effective(SUNDAYS), end, changed_at).warnings == ()


@pytest.mark.row("pm:6")
def test_without_a_configuration_the_status_is_open_and_says_why() -> None:
    report = status_report(Effective(None), at("2026-12-01"))
    assert (report.state, report.changes, report.wake_at) == ("OPEN", "never", None)
    assert [finding.message for finding in report.findings] == [
        "no maintenance configuration is in force: images are picked up as soon as they are seen"
    ]


def test_clock_changes_ahead_are_among_the_findings() -> None:
    zoned = replace(WINDOW, time_zone="Europe/Berlin", utc_offset=timedelta(0), start_time=time(2, 30))
    report = status_report(Effective(replace(SUNDAYS, window=zoned)), at("2026-03-20"))
    assert [finding.message for finding in report.findings] == [
        "Sun 2026-03-29 03:30–07:30 UTC+02:00 (Europe/Berlin): the clocks skip 02:30, so it starts at 03:30"
    ]


@given(st.integers(0, 90 * 86_400).map(lambda seconds: at("2026-11-01") + timedelta(seconds=seconds)), st.floats(0, 1))
def test_what_the_status_says_of_the_present_holds_until_it_wakes(now: datetime, share: float) -> None:
    state = Effective(SUNDAYS)
    report = status_report(state, now)
    assert report.wake_at is not None
    later = status_report(state, now + (report.wake_at - now) * share * 0.999)
    assert (later.state, later.reason, later.message, later.window, later.following, later.changes) == (
        report.state,
        report.reason,
        report.message,
        report.window,
        report.following,
        report.changes,
    )
