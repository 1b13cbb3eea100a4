"""A window in the wrong time zone across a change of the clocks."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from tests.scenarios.answers import forecast, pool


def test_the_same_window_opens_an_hour_later_by_local_time_after_the_clocks_change() -> None:
    found = forecast(__file__)
    assert found.time_zone == "Europe/Berlin"
    before, after = (rollout.picked_up_at for rollout in pool(found).rollouts)
    local = [at.astimezone(ZoneInfo("Europe/Berlin")) for at in (before, after)]
    assert [(at.date().isoformat(), at.hour) for at in local] == [("2026-03-22", 2), ("2026-04-05", 3)]
    assert after - before == timedelta(days=14)
