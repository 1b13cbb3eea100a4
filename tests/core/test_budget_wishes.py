"""Wishes for a place's week as budgets in UTC: minute by minute what was wished, until the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napsim.core.budget_levels import course
from napsim.core.budget_wishes import (
    WEEK_MINUTES,
    Freeze,
    WeekSpan,
    Wish,
    WishError,
    compiled,
    disagreements,
    week_span,
)
from napsim.core.budgets import DRIFTED, EMPTY, Budget, allowed_by_reason
from napsim.core.clock_changes import ClockChange, next_clock_change
from napsim.core.recurrence import Weekday

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
DAY, WEEK, MINUTE = timedelta(days=1), timedelta(weeks=1), timedelta(minutes=1)
WEEKEND = (week_span(Weekday.SATURDAY, 0, 2 * DAY),)


def schedules(wish: Wish, now: datetime = NOW) -> list[tuple[str, str | None, timedelta | None]]:
    return [(it.nodes, it.schedule, it.duration) for it in compiled(wish, now).plain]


@pytest.mark.parametrize(
    ("spans", "zone", "expected"),
    [
        (WEEKEND, BERLIN, [("0 23 * * sun", 120)]),
        (WEEKEND, ZoneInfo("Asia/Kolkata"), [("30 18 * * sun", 120)]),
        (WEEKEND, ZoneInfo("America/New_York"), [("0 5 * * mon", 120)]),
        ([week_span(day, 60, timedelta(hours=4)) for day in Weekday], UTC, [("0 5 * * *", 20)]),
        ([week_span(Weekday(day), 1320, timedelta(hours=8)) for day in range(5)], UTC,
         [("0 6 * * tue-fri", 16), ("0 6 * * sat", 64)]),
        ([WeekSpan(0, WEEK_MINUTES)], UTC, []),
    ],
    ids=["weekend", "half an hour", "west", "every night", "week nights", "always"],
)  # fmt: skip
def test_the_rest_of_the_week_is_closed_in_utc(
    spans: list[WeekSpan], zone: ZoneInfo, expected: list[tuple[str, int]]
) -> None:
    first, *closing = schedules(Wish(tuple(spans), zone, "10%"))
    assert first == ("10%", None, None)
    assert closing == [("0", schedule, timedelta(hours=hours)) for schedule, hours in expected]


def test_where_nothing_is_open_nothing_is_allowed_ever() -> None:
    assert schedules(Wish((), UTC, "3")) == [("3", None, None), ("0", None, None)]


_ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Auckland"])
_SPANS = st.lists(
    st.builds(WeekSpan, st.integers(0, WEEK_MINUTES - 1), st.integers(1, 3000) | st.just(WEEK_MINUTES)), max_size=4
)
_FREEZES = st.lists(st.tuples(st.integers(-20000, 30000), st.integers(1, 20000)), max_size=2)


@settings(max_examples=8)
@given(_SPANS, _ZONES, _FREEZES, st.sampled_from(["1", "7", "20%"]))
def test_what_is_compiled_is_what_was_wished_in_each_minute_of_a_week(
    spans: list[WeekSpan], zone: str, freezes: list[tuple[int, int]], nodes: str
) -> None:
    frozen = tuple(Freeze(NOW + at * MINUTE, NOW + (at + length) * MINUTE, "") for at, length in freezes)
    wish = Wish(tuple(spans), ZoneInfo(zone), nodes, frozen)
    budgets = compiled(wish, NOW).plain
    inside = {"1": 1, "7": 7, "20%": 10}[nodes]
    found = course(budgets, DRIFTED, 50, NOW, NOW + WEEK)
    for stretch in found.stretches:
        minutes = (stretch.end - stretch.start) // MINUTE
        wished = {inside if wish.is_open(stretch.start + minute * MINUTE) else 0 for minute in range(minutes)}
        assert wished == {stretch.allowed}
    assert all(it.start.second == 0 for it in found.stretches)


def test_every_minute_is_asked_for_when_budgets_are_verified() -> None:
    wish = Wish(WEEKEND, BERLIN, "2")
    late = [Budget("2"), Budget("0", "1 23 * * sun", timedelta(hours=120))]
    found = disagreements(wish, late, EMPTY, 10, NOW, NOW + 2 * DAY)
    assert [(it.start, it.end, it.wished, it.allowed) for it in found] == [
        (datetime(2026, 11, 22, 23, tzinfo=UTC), datetime(2026, 11, 22, 23, 1, tzinfo=UTC), 0, 2)
    ]


def test_it_holds_until_the_clocks_change_and_not_an_hour_longer() -> None:
    wish = Wish(WEEKEND, BERLIN, "2")
    found = compiled(wish, NOW)
    assert found.valid_until == datetime(2027, 3, 28, 1, tzinfo=UTC)
    before = disagreements(wish, found.plain, DRIFTED, 10, found.valid_until - DAY, found.valid_until)
    after = disagreements(wish, found.plain, DRIFTED, 10, found.valid_until, found.valid_until + WEEK)
    assert before == ()
    assert [(it.start.isoformat(), it.wished, it.allowed) for it in after] == [
        ("2027-03-28T22:00:00+00:00", 0, 2),
        ("2027-04-02T22:00:00+00:00", 2, 0),
    ]


def test_without_clocks_that_change_it_holds_for_good() -> None:
    assert compiled(Wish(WEEKEND, UTC, "1"), NOW).valid_until is None


def test_a_freeze_closes_what_is_open_and_would_come_again_in_a_year() -> None:
    christmas = Freeze(datetime(2026, 12, 24, tzinfo=UTC), datetime(2026, 12, 27, tzinfo=UTC), "christmas")
    wish = Wish((WeekSpan(0, WEEK_MINUTES),), UTC, "1", (christmas,))
    found = compiled(wish, NOW)
    assert [(it.schedule, it.duration) for it in found.plain[1:]] == [("0 0 24 12 *", 3 * DAY)]
    assert (found.valid_until, "come again" in found.because) == (datetime(2027, 12, 24, tzinfo=UTC), True)
    during = compiled(wish, christmas.start + DAY)
    assert allowed_by_reason(during.plain, DRIFTED, 9, christmas.start + DAY).allowed == 0


def test_freezes_that_are_over_or_too_far_ahead_are_left_out() -> None:
    over = Freeze(NOW - 2 * DAY, NOW - DAY, "over")
    ahead = Freeze(NOW + 500 * DAY, NOW + 510 * DAY, "ahead")
    found = compiled(Wish(WEEKEND, UTC, "1", (over, ahead)), NOW)
    assert found.left_out == (over, ahead)
    assert found.valid_until == ahead.start
    assert len(found.plain) == 2


def test_closing_may_be_for_some_reasons_only() -> None:
    budgets = compiled(Wish(WEEKEND, UTC, "4", reasons=frozenset({DRIFTED})), NOW).plain
    monday = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert [allowed_by_reason(budgets, reason, 10, monday).allowed for reason in (DRIFTED, EMPTY)] == [0, 4]


def test_more_budgets_than_a_nodepool_has_are_refused() -> None:
    scattered = tuple(WeekSpan(minute * 61, 7) for minute in range(120))
    with pytest.raises(WishError, match="50 at most"):
        compiled(Wish(scattered, UTC, "1"), NOW)


@pytest.mark.parametrize(
    ("zone", "since", "expected"),
    [
        ("Europe/Berlin", NOW, ("2027-03-28T01:00:00+00:00", 1, 2)),
        ("Europe/Berlin", datetime(2027, 3, 28, 1, tzinfo=UTC), ("2027-10-31T01:00:00+00:00", 2, 1)),
        ("Australia/Lord_Howe", NOW, ("2027-04-03T15:00:00+00:00", 11, 10.5)),
        ("Asia/Tokyo", NOW, None),
    ],
)
def test_the_next_change_of_the_clocks_is_found_to_the_second(
    zone: str, since: datetime, expected: tuple[str, float, float] | None
) -> None:
    found = next_clock_change(ZoneInfo(zone), since, since + timedelta(days=366))
    if expected is None:
        assert found is None
        return
    at, before, after = expected
    assert found == ClockChange(datetime.fromisoformat(at), timedelta(hours=before), timedelta(hours=after))
