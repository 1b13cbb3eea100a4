"""A rollout as it was forecast beside what it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from napsim.report.comparison import Course, compared, course_of, course_seen
from napsim.report.journal import Journal
from tests.report.forecasts import FINISHED, UNFINISHED, at
from tests.report.samples import ROLLING_OUT

FORECAST = Course(at(8, 1), at(8, 3), 3, {"default": 1}, 6)


def test_what_a_forecast_came_to() -> None:
    assert course_of(FINISHED) == FORECAST
    assert course_of(UNFINISHED).finished_at is None


def test_what_was_seen_of_a_rollout() -> None:
    journal = Journal()
    journal.note(ROLLING_OUT)
    seen = course_seen(journal, 4)
    assert seen.picked_up_at == ROLLING_OUT.pickups[0].at
    assert set(seen.most) == {pool.name for pool in ROLLING_OUT.pools}
    assert (seen.finished_at, seen.evicted) == (None, 4)
    assert course_seen(Journal(), 0) == Course(None, None, 0, {}, 0)


def test_both_stand_side_by_side_with_what_is_between_them() -> None:
    actual = replace(FORECAST, finished_at=at(8, 3) + timedelta(minutes=35), replaced=2, most={"default": 1, "new": 2})
    assert list(compared(FORECAST, actual)) == [
        "                        forecast              actual",
        "picked up at            Sun 2026-03-08 01:00  Sun 2026-03-08 01:00",
        "finished at             Sun 2026-03-08 03:00  Sun 2026-03-08 03:35  35m later",
        "nodes replaced          3                     2  -1",
        "most at once, default   1                     1",
        "most at once, new       0                     2  +2",
        "pods evicted            6                     6",
    ]
    never = list(compared(FORECAST, replace(FORECAST, finished_at=None)))
    assert "finished at             Sun 2026-03-08 03:00  not" in never
