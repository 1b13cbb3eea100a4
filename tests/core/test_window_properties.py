"""What holds for every maintenance configuration at every instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise

from hypothesis import assume, given
from hypothesis import strategies as st
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
from napsim.core.windows import Window, cutouts, exclusions, occurrences, upcoming, verdict
from tests.core.recurrences import SCHEDULES, WEEKDAYS

TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)

quarters = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
offsets = st.integers(-56, 56).map(lambda quarter: quarter * timedelta(minutes=15))
near_dates = st.dates(date(2025, 12, 1), date(2026, 12, 31))
zones = st.sampled_from(
    [None, None, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Gaza"]
)
blocked_dates = st.builds(
    lambda start, length: NotAllowedDates(start, start + timedelta(days=length)), near_dates, st.integers(0, 40)
)
FIRST_INSTANT = datetime(2025, 12, 1, tzinfo=UTC)
instants = st.one_of(
    st.integers(0, 450 * 96).map(lambda quarter: FIRST_INSTANT + quarter * timedelta(minutes=15)),
    st.integers(0, 450 * 86_400 * 10**6).map(lambda micros: FIRST_INSTANT + micros * TICK),
)
blocked_times = st.builds(
    lambda start, seconds: NotAllowedTime(start, start + timedelta(seconds=seconds)), instants, st.integers(0, 10**6)
)
maintenance_windows = st.builds(
    MaintenanceWindow,
    SCHEDULES,
    st.integers(4, 24),
    near_dates,
    quarters,
    offsets,
    zones,
    st.lists(blocked_dates, max_size=3).map(tuple),
)
hour_slots = st.lists(st.integers(0, 23), max_size=24).map(tuple)
configurations = st.one_of(
    st.builds(
        Configuration,
        st.just(NODE_OS),
        maintenance_windows,
        st.just(()),
        st.lists(blocked_times, max_size=2).map(tuple),
        st.builds(Settings, first_day_of_week=WEEKDAYS, clamp_short_months=st.booleans()),
    ),
    st.builds(
        Configuration,
        st.just(DEFAULT),
        st.none(),
        st.lists(st.builds(TimeInWeek, WEEKDAYS, hour_slots), min_size=1, max_size=7).map(tuple),
        st.lists(blocked_times, max_size=3).map(tuple),
    ),
)


@given(configurations, instants)
def test_windows_come_in_order_and_neither_overlap_nor_touch(configuration: Configuration, now: datetime) -> None:
    found = upcoming(configuration, now, 30)
    assert all(one.start < one.until for one in found)
    assert all(one.until < other.start for one, other in pairwise(found))
    assert all(one.until > now for one in found)


@given(configurations, instants)
def test_nothing_is_open_inside_a_blocked_span(configuration: Configuration, now: datetime) -> None:
    for piece in upcoming(configuration, now, 30):
        for exclusion in exclusions(configuration):
            assert piece.until <= exclusion.span.start or piece.start >= exclusion.span.until


@given(maintenance_windows, instants)
def test_nothing_is_open_on_a_local_day_that_is_not_allowed(found: MaintenanceWindow, now: datetime) -> None:
    for piece in upcoming(Configuration(NODE_OS, found), now, 10):
        until = min(piece.until, piece.start + timedelta(days=3))
        inside = (piece.start + (until - piece.start) * share / 8 for share in range(1, 8))
        for day in (instant.astimezone(found.zone).date() for instant in inside):
            assert not any(blocked.start <= day <= blocked.end for blocked in found.not_allowed_dates)


@given(configurations, instants)
def test_a_window_is_covered_by_occurrences_that_are_not_cut(configuration: Configuration, now: datetime) -> None:
    for piece in upcoming(configuration, now, 5):
        reached = piece.start
        for occurrence in occurrences(configuration, piece.start):
            if occurrence.start > reached or reached >= piece.until:
                break
            reached = max(reached, occurrence.until)
        assert reached >= piece.until


@given(configurations, instants)
def test_what_is_open_is_what_occurs_and_is_not_blocked(configuration: Configuration, now: datetime) -> None:
    near = list(takewhile_starting_before(occurrences(configuration, now - timedelta(days=2)), now))
    spans = [exclusion.span for exclusion in exclusions(configuration)]
    occurring = any(occurrence.start < now < occurrence.until for occurrence in near)
    assume(all(now not in (span.start, span.until) for span in [*near, *spans]))
    assert verdict(configuration, now).open is (occurring and not any(span.contains(now) for span in spans))


def takewhile_starting_before(found: Iterator[Window], now: datetime) -> Iterator[Window]:
    for occurrence in found:
        if occurrence.start > now:
            return
        yield occurrence


@given(configurations, instants, st.lists(st.floats(0, 1), max_size=20))
def test_wake_at_is_the_first_instant_at_which_the_verdict_changes(
    configuration: Configuration, now: datetime, shares: list[float]
) -> None:
    found = verdict(configuration, now)
    horizon = found.wake_at or now + timedelta(days=500)
    assert horizon > now
    minutes = (now + timedelta(minutes=minute) for minute in range(0, 240, 5))
    edges = (horizon - gap for gap in (TICK, SECOND, timedelta(minutes=1), HOUR))
    spread = (now + (horizon - now) * share for share in shares)
    for instant in (*minutes, *edges, *spread):
        if now <= instant < horizon:
            assert verdict(configuration, instant).open is found.open
    if found.wake_at:
        assert verdict(configuration, found.wake_at).open is not found.open


@given(configurations, instants, st.floats(0, 1))
def test_a_message_holds_until_it_says_it_may_change(configuration: Configuration, now: datetime, share: float) -> None:
    found = verdict(configuration, now)
    told_until = found.told_until or now + timedelta(days=500)
    assert told_until > now
    assert found.wake_at is None or told_until <= found.wake_at
    for instant in (now + (told_until - now) * share, told_until - TICK):
        later = verdict(configuration, max(min(instant, told_until - TICK), now))
        assert (later.reason, later.message) == (found.reason, found.message)


@given(configurations, instants)
def test_asking_from_within_a_window_gives_the_same_windows(configuration: Configuration, now: datetime) -> None:
    found = upcoming(configuration, now, 4)
    for index, piece in enumerate(found):
        inside = max(piece.start, now) + TICK
        assert upcoming(configuration, inside, len(found) - index)[: len(found) - index] == found[index:]


@given(maintenance_windows, offsets, instants)
def test_another_offset_shifts_every_window_by_the_difference(
    found: MaintenanceWindow, offset: timedelta, now: datetime
) -> None:
    fixed = replace(found, time_zone=None)
    shift = fixed.utc_offset - offset
    other = Configuration(NODE_OS, replace(fixed, utc_offset=offset))
    expected = [
        Window(piece.start + shift, piece.end and piece.end + shift)
        for piece in upcoming(Configuration(NODE_OS, fixed), now, 8)
    ]
    assert list(upcoming(other, now + shift, 8)) == expected


@given(maintenance_windows, st.integers(-14, 12), instants)
def test_a_fixed_offset_is_a_time_zone_whose_clocks_never_change(
    found: MaintenanceWindow, hours: int, now: datetime
) -> None:
    fixed = replace(found, time_zone=None, utc_offset=timedelta(hours=-hours))
    zoned = replace(found, time_zone=f"Etc/GMT{hours:+d}")
    assert upcoming(Configuration(NODE_OS, fixed), now, 8) == upcoming(Configuration(NODE_OS, zoned), now, 8)


@given(maintenance_windows, instants)
def test_without_exclusions_every_occurrence_starts_on_its_local_day_at_its_local_time(
    found: MaintenanceWindow, now: datetime
) -> None:
    plain = replace(found, time_zone=None, not_allowed_dates=())
    for occurrence in islice(occurrences(Configuration(NODE_OS, plain), now), 5):
        local = occurrence.start.astimezone(plain.zone)
        assert local.time() == plain.start_time
        assert local.date() >= plain.start_date
        assert occurrence.end is None or occurrence.end - occurrence.start == plain.duration


@given(configurations, instants)
def test_cutouts_and_what_they_leave_make_up_the_occurrence(configuration: Configuration, now: datetime) -> None:
    span = Window(now, now + timedelta(days=200))
    cut: dict[Window, timedelta] = {}
    for found in islice(cutouts(configuration, span), 40):
        if found.occurrence.end is None:
            continue
        left = sum((piece.until - piece.start for piece in found.left), timedelta(0))
        assert all(found.occurrence.covers(piece) for piece in found.left)
        assert left < found.occurrence.until - found.occurrence.start
        assert left == cut.setdefault(found.occurrence, left)
        assert not (found.whole and found.left)
