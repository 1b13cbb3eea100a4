"""Drifted nodes that wait for a disruption budget that allows none: from when until when, and for which one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Applied
from napsim.sim.simulation import simulate
from tests.e2e import manifests as made
from tests.sim.scenarios import OPENS, START, cluster, scenario, shop

NEVER: Final = {"nodes": "0"}
NIGHT: Final = {"nodes": "0", "schedule": "0 0 * * *", "duration": "8h"}  # the window opens at one


def played(*budgets: dict[str, Any], pods: int = 40, pdb: dict[str, Any] | None = None, **more: Any) -> Outcome:
    return simulate(scenario(cluster(shop(pods, **(pdb or {})), budgets=list(budgets)), **more))


def test_a_budget_without_a_schedule_is_waited_for_to_the_end() -> None:
    (wait,) = played(NEVER).budget_waits
    assert (wait.node_pool, wait.nodes, wait.message) == ("default", 4, "budgets[0]: 0, at all times")
    assert timedelta() <= wait.since - OPENS < timedelta(minutes=1)
    assert (wait.until, wait.opens_at) == (None, None)


def test_the_wait_is_over_when_the_schedule_opens() -> None:
    found = played({"nodes": "100%"}, NIGHT)
    (wait,) = found.budget_waits
    assert (wait.nodes, wait.message) == (4, "budgets[1]: 0 (0 0 * * * for 8h)")
    assert wait.until == START + timedelta(hours=12)
    assert found.finished_at is not None


def test_a_wait_that_lasts_says_when_the_schedules_leave_room() -> None:
    (wait,) = played(NIGHT, days=0.3).budget_waits
    assert (wait.until, wait.opens_at) == (None, START + timedelta(hours=12))


def test_budgets_that_take_turns_are_one_wait_with_both() -> None:
    day = {"nodes": "0%", "schedule": "0 8 * * *", "duration": "16h"}
    (wait,) = played(NIGHT, day).budget_waits
    assert wait.message == "budgets[0]: 0 (0 0 * * * for 8h); budgets[1]: 0% of 4 = 0 (0 8 * * * for 16h)"
    assert wait.opens_at is None


def test_a_budget_that_cannot_be_read_says_why_nothing_goes() -> None:
    (wait,) = played({"nodes": "1", "schedule": "0 25 * * *", "duration": "1h"}).budget_waits
    assert wait.message.startswith("budgets[0]: ")
    assert "25" in wait.message


def test_an_edit_of_the_budgets_ends_the_wait() -> None:
    edited = made.pool(budgets=[{"nodes": "100%"}])
    (wait,) = played(NEVER, events=[Applied(START + timedelta(hours=7), edited)]).budget_waits
    assert wait.until == START + timedelta(hours=7)


def test_another_budget_that_allows_none_is_another_wait() -> None:
    edited = made.pool(budgets=[NIGHT])
    first, second = played(NEVER, events=[Applied(START + timedelta(hours=7), edited)]).budget_waits
    assert first.until == second.since == START + timedelta(hours=7)
    assert second.message == "budgets[0]: 0 (0 0 * * * for 8h)"


def test_a_node_that_a_verdict_holds_is_not_told_twice() -> None:
    """The PDB holds its node from the day on; at night the budget holds the others only."""
    held = scenario(cluster(shop(20, minAvailable=20), budgets=[{"nodes": "100%"}, {**NIGHT, "schedule": "0 8 * * *"}]))
    found = simulate(held)
    assert {item.reason for item in found.blocked} == {"PodDisruptionBudget"}
    assert found.budget_waits == ()


def test_nodes_that_a_verdict_holds_from_the_first_look_on_have_not_waited_for_the_budget() -> None:
    """The PodDisruptionBudget holds them from the first poll on, seconds after they drifted; the budget opens later."""
    found = played(NIGHT, {"nodes": "100%"}, pods=20, pdb={"minAvailable": 20})
    assert {item.reason for item in found.blocked} == {"PodDisruptionBudget"}
    assert found.budget_waits == ()


@pytest.mark.parametrize("budget", [{"nodes": "1"}, {"nodes": "0", "reasons": ["Empty"]}])
def test_a_budget_that_lets_nodes_go_one_by_one_is_not_waited_for(budget: dict[str, Any]) -> None:
    assert played(budget).budget_waits == ()
