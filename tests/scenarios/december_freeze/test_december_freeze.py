"""A freeze of three weeks in December."""

from __future__ import annotations

from tests.scenarios.answers import at, forecast, pool


def test_nothing_is_picked_up_before_the_first_window_after_the_freeze() -> None:
    found = forecast(__file__)
    (rollout,) = pool(found).rollouts
    assert rollout.published_at == at("2026-12-14 00:00")
    assert at("2027-01-10 01:00") <= rollout.picked_up_at < at("2027-01-10 01:05")
    assert found.finishes


def test_no_window_opens_during_the_freeze() -> None:
    opened = [window.since for window in forecast(__file__).windows]
    assert opened
    assert not [since for since in opened if at("2026-12-14 00:00") <= since < at("2027-01-04 00:00")]
