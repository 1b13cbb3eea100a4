"""The assumed fallback schedule (planned-maintenance 6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.configurations import NODE_OS
from napsim.core.fallback import fallback_weekly
from napsim.core.recurrence import Weekly
from napsim.core.windows import describe, upcoming

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.row("pm:6-fallback")
def test_a_draw_is_one_window_of_four_hours_a_week_on_a_quarter_of_an_hour() -> None:
    found = fallback_weekly(7)
    assert found.name == NODE_OS
    assert found.window is not None
    assert isinstance(found.window.schedule, Weekly)
    assert found.window.start_time.minute % 15 == 0
    one, two = upcoming(found, NOW, 2)
    assert (one.until - one.start, two.start - one.start) == (timedelta(hours=4), timedelta(days=7))


def test_a_seed_gives_the_same_draw_on_any_machine() -> None:
    assert [describe(upcoming(fallback_weekly(seed), NOW, 1)[0]) for seed in (1, 2, "team-a")] == [
        "Mon 2026-11-23 05:45–09:45 UTC",
        "Fri 2026-11-27 19:00–23:00 UTC",
        "Fri 2026-11-20 21:00 – Sat 2026-11-21 01:00 UTC",
    ]


def test_a_draw_says_that_it_is_an_assumption() -> None:
    assumption = fallback_weekly(1).assumption
    assert assumption.startswith("assumed fallback schedule (seed 1): weekly, ")
    assert assumption.endswith("AKS publishes no algorithm")


def test_draws_reach_every_weekday_and_many_times_of_day() -> None:
    drawn = [fallback_weekly(seed).window for seed in range(500)]
    schedules = {window.schedule for window in drawn if window is not None}
    times = {window.start_time for window in drawn if window is not None}
    assert len(schedules) == 7
    assert len(times) > 80


@given(st.integers() | st.text())
def test_the_same_seed_draws_the_same_schedule(seed: int | str) -> None:
    assert fallback_weekly(seed) == fallback_weekly(seed)
