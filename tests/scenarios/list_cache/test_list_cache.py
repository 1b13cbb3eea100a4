"""The four-hour window missed for weeks because the list of images is 72 hours old."""

from __future__ import annotations

from tests.scenarios.answers import at, forecast, pool


def test_an_image_published_37_hours_before_the_window_waits_for_the_next_one() -> None:
    found = forecast(__file__)
    (rollout,) = pool(found).rollouts
    assert rollout.published_at == at("2026-03-06 12:00")
    assert at("2026-04-05 01:00") <= rollout.picked_up_at < at("2026-04-05 01:05")
    assert next(window.since.date() for window in found.windows) == at("2026-03-08 01:00").date()
