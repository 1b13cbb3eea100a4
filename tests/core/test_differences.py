"""Windows gained and lost, and budgets that hold another level."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napsim.core.budget_levels import course
from napsim.core.budgets import DRIFTED, UNLIMITED, Budget, allowed_by_reason
from napsim.core.differences import Shifted, Span, shifted, total, within, without
from napsim.core.windows import BEGINNING, Window

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def at(hours: float) -> datetime:
    return MONDAY + hours * HOUR


def spans(*bounds: tuple[float, float]) -> tuple[Span, ...]:
    return tuple(Span(at(start), at(end)) for start, end in bounds)


@pytest.mark.parametrize(
    ("old", "new", "gained", "lost"),
    [
        (spans((1, 5)), spans((1, 5)), (), ()),
        (spans((1, 5)), (), (), spans((1, 5))),
        (spans((1, 5)), spans((3, 7)), spans((5, 7)), spans((1, 3))),
        (spans((1, 9)), spans((3, 4), (6, 7)), (), spans((1, 3), (4, 6), (7, 9))),
        (spans((1, 2), (3, 4)), spans((0, 5)), spans((0, 1), (2, 3), (4, 5)), ()),
    ],
    ids=["the same", "gone", "moved", "cut", "joined"],
)
def test_windows_that_come_and_go_are_what_one_side_has_alone(
    old: tuple[Span, ...], new: tuple[Span, ...], gained: tuple[Span, ...], lost: tuple[Span, ...]
) -> None:
    assert tuple(without(new, old)) == gained
    assert tuple(without(old, new)) == lost


def test_windows_are_cut_to_the_span_and_those_without_end_too() -> None:
    found = within([Window(BEGINNING, at(2)), Window(at(5), at(6)), Window(at(8), None)], MONDAY, at(9))
    assert found == spans((0, 2), (5, 6), (8, 9))
    assert total(found) == 4 * HOUR


_BOUNDS = st.lists(st.integers(0, 40), unique=True, max_size=8).map(sorted)


@settings(max_examples=30)
@given(_BOUNDS, _BOUNDS)
def test_hour_by_hour_what_is_left_is_in_one_and_not_in_the_other(first: list[int], second: list[int]) -> None:
    one, other = (spans(*list(pairwise(bounds))[::2]) for bounds in (first, second))
    left = tuple(without(one, other))
    for hour in range(40):
        inside = [any(it.start <= at(hour) < it.end for it in found) for found in (one, other, left)]
        assert inside[2] == (inside[0] and not inside[1])


NIGHT = Budget("0", "0 22 * * *", timedelta(hours=4))


def test_another_level_is_told_from_edge_to_edge() -> None:
    old, new = (course(its, DRIFTED, 10, MONDAY, MONDAY + DAY) for its in ([NIGHT], [NIGHT, Budget("50%")]))
    assert shifted(old, new) == (Shifted(at(2), at(22), UNLIMITED, 5),)


def test_a_schedule_in_other_words_is_no_other_level() -> None:
    hourly = [Budget("0", "0 22,23 * * *", HOUR), Budget("0", "0 0-1 * * *", HOUR)]
    old, new = (course(its, DRIFTED, 10, MONDAY, MONDAY + 3 * DAY) for its in ([NIGHT], hourly))
    assert shifted(old, new) == ()


def test_without_a_pool_on_one_side_its_whole_course_differs() -> None:
    found = shifted(None, course([NIGHT], DRIFTED, 10, MONDAY, MONDAY + DAY))
    assert [(it.before, it.after) for it in found] == [(None, 0), (None, UNLIMITED), (None, 0)]
    assert (found[0].start, found[-1].end) == (MONDAY, MONDAY + DAY)


_BUDGETS = st.lists(
    st.builds(
        Budget,
        st.sampled_from(["0", "1", "30%"]),
        st.sampled_from(["0 3 * * *", "30 */5 * * *", "0 0 * * 2"]),
        st.sampled_from([HOUR, timedelta(hours=7)]),
    ),
    max_size=3,
)


@settings(max_examples=15)
@given(_BUDGETS, _BUDGETS)
def test_half_hour_by_half_hour_exactly_the_stretches_told_differ(first: list[Budget], second: list[Budget]) -> None:
    end = MONDAY + 2 * DAY
    found = shifted(course(first, DRIFTED, 10, MONDAY, end), course(second, DRIFTED, 10, MONDAY, end))
    for half in range(96):
        now = at(half / 2)
        old, new = (allowed_by_reason(its, DRIFTED, 10, now).allowed for its in (first, second))
        told = [(it.before, it.after) for it in found if it.start <= now < it.end]
        assert told == ([(old, new)] if old != new else [])
