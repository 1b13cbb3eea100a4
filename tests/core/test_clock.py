"""The virtual clock: which virtual instant is which real one, and how instants are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.clock import EPOCH, WALL_CLOCK, Timeline, earliest, parse_rfc3339, rfc3339, tick_from
from tests.core.examples import NOW

REAL = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
FAST = Timeline(REAL, NOW, 600.0)


def test_the_wall_clock_shows_real_time() -> None:
    assert WALL_CLOCK.virtual(REAL) == REAL
    assert WALL_CLOCK.real(REAL) == REAL


@pytest.mark.parametrize(
    ("real_seconds", "virtual_seconds"),
    [(0, 0), (1, 600), (60, 36_000), (-1, -600)],
    ids=["anchor", "1s", "1m", "past"],
)
def test_a_fast_clock_runs_factor_times_as_fast_from_its_anchor(real_seconds: int, virtual_seconds: int) -> None:
    real, virtual = REAL + timedelta(seconds=real_seconds), NOW + timedelta(seconds=virtual_seconds)
    assert FAST.virtual(real) == virtual
    assert FAST.real(virtual) == real


def test_an_instant_beyond_the_calendar_is_its_last_one() -> None:
    slow = Timeline(REAL, NOW, 0.001)
    assert slow.real(datetime(2099, 1, 1, tzinfo=UTC)) == datetime.max.replace(tzinfo=UTC)


def test_turning_the_clock_goes_on_from_the_instant_it_shows() -> None:
    real = REAL + timedelta(seconds=10)
    turned = FAST.turned(real, 1.0)
    assert turned.virtual(real) == FAST.virtual(real)
    assert turned.virtual(real + timedelta(seconds=1)) == FAST.virtual(real) + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("factor", "limit_seconds", "patience_seconds"),
    [(1, 300, 300), (30, 300, 300), (31, 300, 310), (600, 300, 6000), (600, 7000, 7000)],
)
def test_patience_is_the_limit_but_never_less_than_ten_real_seconds(
    factor: float, limit_seconds: int, patience_seconds: int
) -> None:
    patience = Timeline(REAL, NOW, factor).patience(timedelta(seconds=limit_seconds))
    assert patience == timedelta(seconds=patience_seconds)


@pytest.mark.parametrize(("after", "ticks"), [(-5.0, 0), (0.0, 0), (0.1, 1), (10.0, 1), (10.1, 2), (95.0, 10)])
def test_the_first_tick_at_or_after_an_instant(after: float, ticks: int) -> None:
    every = timedelta(seconds=10)
    assert tick_from(NOW, every, NOW + timedelta(seconds=after)) == NOW + ticks * every


def test_the_earliest_of_the_instants_that_are_given() -> None:
    assert earliest(None, REAL, NOW) == NOW
    assert earliest(None, None) is None
    assert earliest() is None


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 2, 15, 1, tzinfo=UTC), "2026-02-15T01:00:00Z"),
        (datetime(2026, 2, 15, 1, 0, 0, 250_999, tzinfo=UTC), "2026-02-15T01:00:00.250Z"),
        (datetime(2026, 2, 15, 1, 0, 0, 999, tzinfo=UTC), "2026-02-15T01:00:00Z"),
        (datetime(2026, 2, 15, 2, tzinfo=timezone(timedelta(hours=1))), "2026-02-15T01:00:00Z"),
    ],
)
def test_instants_are_written_in_utc_with_milliseconds_only_when_there_are_any(instant: datetime, text: str) -> None:
    assert rfc3339(instant) == text


@pytest.mark.parametrize("text", ["2026-02-15T01:00:00Z", "2026-02-15T02:00:00+01:00", "2026-02-15T01:00:00.000000Z"])
def test_instants_are_read_in_any_zone(text: str) -> None:
    assert parse_rfc3339(text) == datetime(2026, 2, 15, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-02-15T01:00:00", "2026-02-15", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"]
)
def test_an_instant_without_a_zone_or_beyond_the_calendar_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_rfc3339(text)


@given(st.integers(-(10**6), 10**6), st.sampled_from([0.5, 1.0, 60.0, 600.0, 5000.0]))
def test_real_is_the_inverse_of_virtual_to_the_millisecond(seconds: int, factor: float) -> None:
    timeline = Timeline(REAL, NOW, factor)
    real = REAL + timedelta(seconds=seconds)
    assert abs(timeline.real(timeline.virtual(real)) - real) < timedelta(milliseconds=1)


@given(st.integers(1, 7 * 10**15).map(lambda micros: EPOCH + timedelta(microseconds=micros)))
def test_what_is_written_reads_as_the_same_millisecond(instant: datetime) -> None:
    assert timedelta(0) <= instant - parse_rfc3339(rfc3339(instant)) < timedelta(milliseconds=1)
