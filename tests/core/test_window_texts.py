"""How windows read, in UTC and in other zones."""

from __future__ import annotations

from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from napsim.core.windows import BEGINNING, Window, describe, describe_instant
from tests.core.instants import at, window


@pytest.mark.parametrize(
    ("span", "zone", "text"),
    [
        (window("2025-01-05T01:00", "2025-01-05T05:00"), "UTC", "Sun 2025-01-05 01:00–05:00 UTC (UTC)"),
        (window("2025-01-05T22:00", "2025-01-06T00:00"), None, "Sun 2025-01-05 22:00–24:00 UTC"),
        (window("2025-01-05T00:00", "2025-01-07T00:00"), None, "Sun 2025-01-05 00:00 – Tue 2025-01-07 00:00 UTC"),
        (window("2025-01-05T01:00:30", "2025-01-05T05:00"), None, "Sun 2025-01-05 01:00:30–05:00 UTC"),
        (window("2025-01-05T01:00", None), None, "from Sun 2025-01-05 01:00 UTC on"),
        (Window(BEGINNING, at("2025-01-05T01:00")), None, "until Sun 2025-01-05 01:00 UTC"),
        (
            window("2026-03-29T00:00", "2026-03-29T04:00"),
            "Europe/Berlin",
            "Sun 2026-03-29 01:00 UTC+01:00 – Sun 2026-03-29 06:00 UTC+02:00 (Europe/Berlin)",
        ),
        (
            window("2026-07-04T23:00", "2026-07-05T03:00"),
            "Europe/Berlin",
            "Sun 2026-07-05 01:00–05:00 UTC+02:00 (Europe/Berlin)",
        ),
    ],
)
def test_a_window_reads(span: Window, zone: str | None, text: str) -> None:
    assert (describe(span, ZoneInfo(zone)) if zone else describe(span)) == text


def test_a_fixed_offset_reads_as_such() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    assert describe_instant(at("2026-06-04T18:30"), zone) == "Fri 2026-06-05 00:00 UTC+05:30"
