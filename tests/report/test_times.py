from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from napsim.report.times import full, short, span, zone_of

SUNDAY = datetime(2026, 2, 15, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (45, "45s"),
        (60, "1m"),
        (3600, "1h"),
        (9960, "2h46m"),
        (3840, "1h04m"),
        (86400, "1d"),
        (273600, "3d4h"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: int, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text


def test_an_instant_within_the_week_needs_no_date() -> None:
    assert short(SUNDAY, SUNDAY - timedelta(days=2)) == "Sun 01:00"
    assert short(SUNDAY, SUNDAY - timedelta(days=7)) == "Sun 2026-02-15 01:00"


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "Sun 2026-02-15 01:00"),
        ("UTC+02:00", "Sun 2026-02-15 03:00"),
        ("UTC-05:30", "Sat 2026-02-14 19:30"),
        ("Europe/Berlin", "Sun 2026-02-15 02:00"),
        ("No/Such_Zone", "Sun 2026-02-15 01:00"),
    ],
)
def test_an_instant_is_shown_in_the_zone_of_the_status(zone: str, text: str) -> None:
    assert full(SUNDAY, zone_of(zone)) == text
