"""Which configuration holds while a change is fresh (planned-maintenance 5.2, 7.1)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from msgspec.structs import replace

from napsim.core.configurations import AUTO_UPGRADE, DEFAULT, NODE_OS, Configuration, MaintenanceWindow, Settings
from napsim.core.lead_times import Effective, effective, gate, lead_time_warning
from napsim.core.recurrence import Daily, Weekday, Weekly
from napsim.core.window_findings import FindingReason

CHANGED = datetime(2026, 11, 22, 0, 45, tzinfo=UTC)  # a Sunday
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
OLD = Configuration(NODE_OS, MaintenanceWindow(Weekly(1, Weekday.MONDAY), 4, date(2025, 1, 1), time(1)))
NEW = Configuration(NODE_OS, MaintenanceWindow(Weekly(1, Weekday.SUNDAY), 4, date(2025, 1, 1), time(1)))


@pytest.mark.parametrize(
    ("name", "minutes"),
    [
        pytest.param(NODE_OS, 30, id="pm:7.1-node-os"),
        pytest.param(AUTO_UPGRADE, 15, id="pm:7.1-auto-upgrade"),
        pytest.param(DEFAULT, 15, id="pm:7.1-default"),
    ],
)
def test_a_change_counts_one_lead_time_later(name: str, minutes: int) -> None:
    old, new = replace(OLD, name=name), replace(NEW, name=name)
    counts = CHANGED + minutes * MINUTE
    assert effective(old, new, CHANGED, CHANGED) == Effective(old, new, counts)
    assert effective(old, new, CHANGED, counts - SECOND) == Effective(old, new, counts)
    assert effective(old, new, CHANGED, counts) == Effective(new)


def test_lead_times_are_settings() -> None:
    settings = Settings(lead_time=timedelta(0), node_os_lead_time=timedelta(hours=24))
    new = replace(NEW, settings=settings)
    assert effective(OLD, new, CHANGED, CHANGED + 23 * 60 * MINUTE).configuration == OLD
    assert effective(None, replace(new, name=DEFAULT), CHANGED, CHANGED) == Effective(replace(new, name=DEFAULT))


@pytest.mark.row("pm:5.2-change-while-open")
def test_a_change_while_a_window_is_open_leaves_it_open_for_one_lead_time() -> None:
    now = datetime(2026, 11, 23, 2, tzinfo=UTC)  # Monday, in the old window
    before = gate(effective(OLD, NEW, now, now), now)
    assert (before.open, before.wake_at) == (True, now + 30 * MINUTE)
    after = gate(effective(OLD, NEW, now, now + 30 * MINUTE), now + 30 * MINUTE)
    assert (after.open, after.window and after.window.start) == (False, datetime(2026, 11, 29, 1, tzinfo=UTC))


def test_the_gate_wakes_at_the_earlier_of_window_and_lead_time() -> None:
    just_before_close = datetime(2026, 11, 23, 4, 50, tzinfo=UTC)
    found = gate(effective(OLD, NEW, just_before_close, just_before_close), just_before_close)
    assert found.wake_at == datetime(2026, 11, 23, 5, tzinfo=UTC)


def test_what_the_gate_says_may_be_another_thing_at_the_end_of_the_lead_time() -> None:
    found = gate(effective(OLD, NEW, CHANGED, CHANGED), CHANGED)
    assert found.told_until == CHANGED + 30 * MINUTE
    later = gate(effective(OLD, NEW, CHANGED, found.told_until), found.told_until)
    assert later.message != found.message


def test_a_first_configuration_leaves_it_open_for_one_lead_time() -> None:
    state = effective(None, OLD, CHANGED, CHANGED)
    assert (gate(state, CHANGED).open, gate(state, CHANGED).wake_at) == (True, CHANGED + 30 * MINUTE)


def test_a_deletion_counts_one_lead_time_later() -> None:
    assert effective(OLD, None, CHANGED, CHANGED) == Effective(OLD, None, CHANGED + 30 * MINUTE)
    assert effective(OLD, None, CHANGED, CHANGED + 30 * MINUTE) == Effective(None)


def test_nothing_changed_is_nothing_pending() -> None:
    assert effective(OLD, OLD, CHANGED, CHANGED) == Effective(OLD)
    assert effective(None, None, CHANGED, CHANGED) == Effective(None)


WINDOW = "Sun 2026-11-22 01:00–05:00 UTC"


@pytest.mark.parametrize(
    ("changed_at", "now", "warned"),
    [
        pytest.param("00:45:00", "00:45:00", True, id="pm:7.1-lead-time-15-minutes-before"),
        pytest.param("00:30:00", "00:30:00", False, id="pm:7.1-lead-time-exactly-30-minutes-before"),
        pytest.param("00:30:01", "00:30:01", True, id="pm:7.1-lead-time-a-second-less"),
        pytest.param("02:00:00", "02:00:00", True, id="changed-within-the-window"),
        pytest.param("00:45:00", "04:59:59", True, id="the-window-is-not-over"),
        pytest.param("00:45:00", "05:00:00", False, id="the-window-is-over"),
        pytest.param("05:00:00", "05:00:00", False, id="changed-at-its-end"),
    ],
)
def test_a_window_that_begins_before_the_change_counts_is_warned_of(changed_at: str, now: str, warned: bool) -> None:
    def instant(clock: str) -> datetime:
        return datetime.fromisoformat(f"2026-11-22T{clock}+00:00")

    found = lead_time_warning(NEW, instant(changed_at), instant(now))
    assert (found is not None) is warned
    if found is not None:
        assert found.reason is FindingReason.LEAD_TIME_TOO_SHORT
        assert WINDOW in found.message


def test_the_warning_says_from_when_the_window_counts() -> None:
    found = lead_time_warning(NEW, CHANGED, CHANGED)
    assert found is not None
    assert found.message == (
        "changed Sun 2026-11-22 00:45 UTC; a change counts 30m0s later, "
        f"so the window {WINDOW} counts only from Sun 2026-11-22 01:15 UTC"
    )


def test_the_warning_says_that_a_window_is_missed() -> None:
    settings = Settings(node_os_lead_time=timedelta(hours=24))
    found = lead_time_warning(replace(NEW, settings=settings), CHANGED, CHANGED)
    assert found is not None
    assert found.message.endswith(f"so the window {WINDOW} does not count")


def test_a_window_without_end_is_warned_of_for_one_lead_time() -> None:
    always = replace(NEW, window=MaintenanceWindow(Daily(1), 24, date(2025, 1, 1), time(1)))
    assert lead_time_warning(always, CHANGED, CHANGED + 29 * MINUTE) is not None
    assert lead_time_warning(always, CHANGED, CHANGED + 30 * MINUTE) is None
