"""Two pools that compete."""

from __future__ import annotations

from tests.scenarios.answers import at, blocked, forecast, pool


def test_both_pools_finish_and_keep_their_own_budgets() -> None:
    found = forecast(__file__)
    assert found.finishes
    assert pool(found, "online").most_disrupting == 1
    assert pool(found, "batch").replaced == pool(found, "online").replaced == 6


def test_neither_waits_for_the_other_to_finish() -> None:
    found = forecast(__file__)
    firsts = {item.name: item.rollouts[0].first_disrupted_at or at("2030-01-01") for item in found.pools}
    ends = {item.name: item.finished_at or at("2020-01-01") for item in found.pools}
    assert max(firsts.values()) < min(ends.values())


def test_a_budget_of_all_nodes_does_not_take_all_nodes_at_once() -> None:
    found = forecast(__file__)
    assert pool(found, "batch").most_disrupting == 4
    assert blocked(found, "NotAllPodsWouldSchedule")
