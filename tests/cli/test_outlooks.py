"""What two forecasts are said to differ in: nodes that are blocked, workloads that lose a pod twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from napsim.cli.outlooks import _blocked, _evicted_twice, _only
from napsim.sim.outcome import BlockedInterval, BudgetWait, Outcome, WorkloadOutcome
from napsim.sim.scenario import Scenario

START, END = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)


def outcome(
    *,
    blocked: tuple[BlockedInterval, ...] = (),
    budget_waits: tuple[BudgetWait, ...] = (),
    workloads: tuple[WorkloadOutcome, ...] = (),
) -> Outcome:
    return Outcome(
        started_at=START, ended_at=END, seed=0, pools=(), workloads=workloads, blocked=blocked,
        budget_waits=budget_waits, pick_ups=(), unplaced=(), problems=(), trace=(), most_disrupting=0,
        most_disrupting_at=None, steps=0,
    )  # fmt: skip


def held(node: str, message: str = "pdb", until: datetime | None = None) -> BlockedInterval:
    return BlockedInterval(node, node, "default", "Pdb", message, START, until, None)


def deployment(name: str, replicas: int) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": {"name": name, "namespace": "shop"}, "spec": {"replicas": replicas}}


def test_nodes_that_a_forecast_makes_up_are_counted_whatever_their_names() -> None:
    scenario = Scenario(START, END, ())
    old, new = (_blocked(scenario, outcome(blocked=tuple(map(held, names)))) for names in (("a", "b"), ("x", "y")))
    assert [(it.name, it.why) for it in old.values()] == [("2 nodes of NodePool/default", "pdb")]
    assert _only(new, old) == _only(old, new) == ()


@pytest.mark.parametrize("settles", [True, False])
def test_nodes_that_wait_for_a_budget_at_the_end_are_at_risk_as_blocked_ones_are(settles: bool) -> None:
    over = BudgetWait("default", 4, "budgets[1]: 0", START, END, None)
    lasting = BudgetWait("default", 3, "budgets[0]: 0, at all times", START, None, None)
    found = _blocked(Scenario(START, END, (), settles=settles), outcome(budget_waits=(over, lasting)))
    assert [(it.name, it.why) for it in found.values()] == [
        ("3 nodes of NodePool/default", "budgets[0]: 0, at all times")
    ]


def test_nodes_of_the_input_are_named() -> None:
    scenario = Scenario(START, END, (), settles=False)
    old, new = (_blocked(scenario, outcome(blocked=tuple(map(held, names)))) for names in (("a",), ("a", "b")))
    assert [it.name for it in _only(new, old)] == ["Node/b"]
    assert _only(old, new) == ()


def test_a_node_that_goes_in_the_end_is_not_at_risk() -> None:
    assert _blocked(Scenario(START, END, ()), outcome(blocked=(held("a", until=END),))) == {}


def test_a_workload_that_loses_more_pods_than_it_has_loses_one_twice() -> None:
    scenario = Scenario(START, END, (deployment("web", 3), deployment("api", 3)))
    lost = (WorkloadOutcome("shop/Deployment/web", 3, 1, ()), WorkloadOutcome("shop/Deployment/api", 3, 0, ()))
    found = _evicted_twice(scenario, outcome(workloads=lost))
    assert [(it.name, it.why) for it in found.values()] == [("shop/Deployment/web", "4 evictions of 3 pods")]
