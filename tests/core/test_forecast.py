"""When a rollout will be over, by its pace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.budgets import Budget
from napsim.core.forecast import Course, ForecastReason, allowed_time, finish_of, forecast, rounded

SUNDAY = datetime(2026, 2, 15, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TWO = (Budget.from_spec({"nodes": "2"}),)
# Nothing from 06:00 to 22:00.
NIGHTS = (*TWO, Budget.from_spec({"nodes": "0", "schedule": "0 6 * * *", "duration": "16h"}))
NEVER = (Budget.from_spec({"nodes": "0"}),)


def course(**changes: object) -> Course:
    """Four nodes in an hour, six are left."""
    values: dict[str, object] = {
        "nodepool": "default", "budgets": TWO, "total": 10, "replaced": 4, "active": HOUR, "left": 6, "blocked": 0,
    }  # fmt: skip
    return Course(**(values | changes))  # type: ignore[arg-type]  # the values are those of a Course


def test_what_is_left_takes_as_long_as_what_is_done_did() -> None:
    found = forecast([course()], SUNDAY)
    assert found.reason is ForecastReason.PACE
    assert found.finish == SUNDAY + 1.5 * HOUR


def test_the_last_pool_ends_the_rollout() -> None:
    slow = course(nodepool="system", replaced=2, left=6)
    found = forecast([course(), slow], SUNDAY)
    assert found.finish == SUNDAY + 3 * HOUR
    assert "system" in found.message


def test_hours_in_which_budgets_allow_nothing_are_left_out() -> None:
    found = forecast([course(budgets=NIGHTS, left=40)], SUNDAY)
    assert found.finish == SUNDAY + timedelta(hours=5 + 16 + 5), "5 of 10 hours until 06:00, the rest from 22:00 on"


def test_blocked_nodes_are_left_out_and_counted() -> None:
    found = forecast([course(blocked=2)], SUNDAY)
    assert found.finish == SUNDAY + 1.5 * HOUR
    assert found.message.endswith("without 2 blocked")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"replaced": 1}, ForecastReason.NO_PACE, id="one node makes no pace"),
        pytest.param({"replaced": 0, "active": timedelta(0)}, ForecastReason.NO_PACE, id="nothing done yet"),
        pytest.param({"left": 0, "blocked": 3}, ForecastReason.ALL_BLOCKED, id="all blocked"),
        pytest.param({"left": 0}, ForecastReason.NOTHING_LEFT, id="done"),
        pytest.param({"budgets": NEVER}, ForecastReason.NOT_ALLOWED, id="no budget"),
    ],
)
def test_there_is_no_forecast_where_nothing_is_known(changes: dict[str, object], reason: ForecastReason) -> None:
    found = forecast(
        [course(), course(nodepool="other", **changes)] if changes.get("left") != 0 else [course(**changes)], SUNDAY
    )
    assert (found.finish, found.reason) == (None, reason)
    assert found.message


def test_no_pool_is_no_rollout() -> None:
    assert forecast([], SUNDAY).reason is ForecastReason.NOTHING_LEFT


def test_allowed_time_is_counted_to_the_second() -> None:
    start = datetime(2026, 2, 15, 5, 59, 30, tzinfo=UTC)
    assert allowed_time(NIGHTS, 10, start, start + HOUR) == timedelta(seconds=30)
    assert allowed_time(NIGHTS, 10, start, start + timedelta(days=1)) == timedelta(hours=8)
    assert allowed_time(TWO, 10, start, start + HOUR) == HOUR
    assert allowed_time(TWO, 0, start, start + HOUR) == HOUR, "a number is a number, also of no nodes"


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(1, 5), (61, 65), (119, 120), (121, 135), (12 * 60 + 1, 13 * 60), (4 * 1440 + 1, 4 * 1440 + 360)],
)
def test_what_is_farther_away_is_told_less_precisely(minutes: int, expected: int) -> None:
    midnight = datetime(2026, 2, 15, tzinfo=UTC)
    assert rounded(midnight + timedelta(minutes=minutes), midnight) == midnight + timedelta(minutes=expected)


@given(st.integers(2, 500), st.integers(1, 500), st.integers(60, 10**6))
def test_a_forecast_is_never_earlier_than_the_pace_allows(replaced: int, left: int, seconds: int) -> None:
    found = course(replaced=replaced, left=left, active=timedelta(seconds=seconds))
    end, told = finish_of(found, SUNDAY), forecast([found], SUNDAY).finish
    assert (end is None) == (told is None)
    assert end is None or (
        told is not None and end <= told and end - SUNDAY >= found.active * (left / replaced) * 0.999
    )
