"""A pool with nodes "0" and 90-day forcing."""

from __future__ import annotations

from tests.scenarios.answers import at, forecast, pool


def test_the_image_is_forced_and_no_node_is_replaced() -> None:
    found = forecast(__file__)
    (rollout,) = pool(found).rollouts
    assert rollout.forced
    assert rollout.rule == "ImageExpired"
    assert at("2026-04-27 00:00") <= rollout.picked_up_at < at("2026-04-27 00:05")
    assert not found.finishes
    assert pool(found).replaced == 0


def test_the_budget_is_what_would_have_to_change() -> None:
    (remedy,) = pool(forecast(__file__)).remedies
    assert "spec.disruption.budgets" in remedy
