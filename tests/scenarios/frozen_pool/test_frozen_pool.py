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


def test_the_nodes_wait_for_the_budget_and_no_schedule_ever_opens_it() -> None:
    found = forecast(__file__)
    (wait,) = found.budget_waits
    assert (wait.node_pool, wait.nodes, wait.reason) == ("default", 3, "BlockingBudget")
    assert wait.message == "budgets[0]: 0, at all times"
    assert (wait.until, wait.opens_at) == (None, None)
