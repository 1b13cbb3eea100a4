"""What the clocks of a reader do to windows that do not follow them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from napsim.core.configuration_specs import from_spec
from napsim.core.configurations import DEFAULT, NODE_OS, Configuration
from napsim.core.local_clocks import extension, shifts
from napsim.core.windows import Window

NOW = datetime(2026, 3, 1, tzinfo=UTC)
YEAR = Window(NOW, NOW + timedelta(days=366))
BERLIN, NEW_YORK, PHOENIX = (ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "America/Phoenix"))
HOUR = timedelta(hours=1)


def configuration(time_zone: str | None = None, **window: Any) -> Configuration:
    schedule = {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}
    inner = {"schedule": schedule, "startTime": "01:00", "durationHours": 4, "startDate": "2026-01-01", **window}
    return from_spec(NODE_OS, {"maintenanceWindow": inner, "timeZone": time_zone}, NOW)


def test_a_window_of_a_fixed_offset_moves_twice_a_year_where_the_clocks_change() -> None:
    found = list(shifts(configuration(), YEAR, BERLIN))
    assert [(it.occurrence.start, it.later) for it in found] == [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), HOUR),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), -HOUR),
    ]
    assert found[0].message == (
        "Sun 2026-03-29 03:00–07:00 UTC+02:00 (Europe/Berlin): from then on 1h later by these clocks"
    )
    assert found[1].message.endswith("from then on 1h earlier by these clocks")


@pytest.mark.parametrize(
    ("zone", "time_zone"),
    [(PHOENIX, None), (UTC, None), (BERLIN, "Europe/Berlin"), (ZoneInfo("Europe/Paris"), "Europe/Berlin")],
)
def test_where_the_clocks_do_not_change_or_are_the_same_nothing_moves(zone: ZoneInfo, time_zone: str | None) -> None:
    assert list(shifts(configuration(time_zone), YEAR, zone)) == []


def test_between_the_changes_of_two_places_a_window_lies_an_hour_off() -> None:
    """The first one after each change: on the day itself it begins before the clocks change."""
    found = [
        (it.occurrence.start.astimezone(BERLIN).date().isoformat(), it.later)
        for it in shifts(configuration("Europe/Berlin"), YEAR, NEW_YORK)
    ]
    assert found == [("2026-03-15", HOUR), ("2026-04-05", -HOUR), ("2026-11-01", HOUR), ("2026-11-08", -HOUR)]


def test_what_never_ends_does_not_move() -> None:
    always = configuration(schedule={"daily": {"intervalDays": 1}}, durationHours=24)
    assert list(shifts(always, YEAR, BERLIN)) == []


def test_hours_of_the_week_move_too() -> None:
    legacy = from_spec(DEFAULT, {"timeInWeek": [{"day": "Tuesday", "hourSlots": [1, 5]}]}, NOW)
    assert [it.occurrence.start.isoformat() for it in shifts(legacy, YEAR, BERLIN)] == [
        "2026-03-31T01:00:00+00:00",
        "2026-10-27T01:00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("time_zone", "told"),
    [
        (None, ""),
        ("Europe/Berlin", "AKS takes utcOffset alone, here +01:00 or +02:00, to be changed by hand with the clocks"),
        ("Asia/Kolkata", "timeZone Asia/Kolkata is napsim's own: AKS takes utcOffset alone, here +05:30"),
    ],
)
def test_what_a_time_zone_would_be_in_aks(time_zone: str | None, told: str) -> None:
    found = extension(configuration(time_zone), YEAR)
    assert found.endswith(told) if told else found == ""
