"""Days and hours of the week on the clocks of a zone, as spans in UTC: over midnight, over a change of clocks."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from napsim.core.periods import Period
from tests.core.instants import at

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE: dict[str, Any] = {"days": frozenset(range(5)), "minutes": (8 * 60, 18 * 60)}


def spans(start: str, end: str, **period: Any) -> list[str]:
    found = Period(BERLIN, **period).spans(at(start), at(end))
    return [f"{since:%m-%d %H:%M} {until:%m-%d %H:%M}" for since, until in found]


@pytest.mark.parametrize(
    ("start", "end", "period", "expected"),
    [
        ("2026-03-06T12:00", "2026-03-09T08:00", OFFICE, ["03-06 07:00 03-06 17:00", "03-09 07:00 03-09 17:00"]),
        ("2026-03-27T20:00", "2026-03-30T12:00", OFFICE, ["03-30 06:00 03-30 16:00"]),
        (
            "2026-03-07T00:00", "2026-03-08T12:00", {"minutes": (22 * 60, 30 * 60)},
            ["03-06 21:00 03-07 05:00", "03-07 21:00 03-08 05:00"],
        ),
        ("2026-03-07T06:00", "2026-03-07T12:00", {"minutes": (22 * 60, 30 * 60)}, []),
        ("2026-03-28T00:00", "2026-03-30T00:00", {"days": frozenset({5, 6})}, ["03-27 23:00 03-29 22:00"]),
        ("2026-03-29T00:00", "2026-03-29T06:00", {"minutes": (150, 180)}, []),
        ("2026-10-25T00:00", "2026-10-25T06:00", {"minutes": (150, 180)}, ["10-25 00:30 10-25 02:00"]),
        (
            "2026-12-01T00:00", "2027-02-01T00:00", {"first": date(2026, 12, 20), "last": date(2027, 1, 6)},
            ["12-19 23:00 01-06 23:00"],
        ),
    ],
    ids=[
        "office hours", "after the clocks went forward", "over midnight", "between two nights", "a weekend is one",
        "skipped by the clocks", "coming twice", "days of the calendar",
    ],
)  # fmt: skip
def test_times_are_local_and_spans_are_utc(start: str, end: str, period: dict[str, Any], expected: list[str]) -> None:
    assert spans(start, end, **period) == expected


def test_every_minute_of_a_year_is_in_a_period_or_in_its_complement() -> None:
    start, end = at("2026-01-01T00:00"), at("2027-01-01T00:00")
    office = list(Period(BERLIN, **OFFICE).spans(start, end))
    assert sum((until - since for since, until in office), timedelta(0)) == timedelta(hours=10) * 261
    assert all(one[1] < other[0] for one, other in pairwise(office))
