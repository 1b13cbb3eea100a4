"""Emptiness: what is empty, how many go at once, and whose budget that uses (karpenter.md 19.11)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.api import names
from napsim.core.budgets import DRIFTED, EMPTY, Budget, NodeCount, allowed_by_reason, count, remaining
from napsim.core.emptiness import EmptinessDecision, EmptyNode, Quiet, decide, is_empty, quiet, still_valid
from napsim.core.objects import NodeClaim, Pod
from tests.core.examples import NOW, claim, pod, true

READY = NodeCount(managed=True, initialized=True, instance_terminating=False, ready=True, marked_for_deletion=False)
TAKEN = NodeCount(managed=True, initialized=True, instance_terminating=False, ready=True, marked_for_deletion=True)
INITIALIZED = claim(conditions=true(names.INITIALIZED_CONDITION))
MINUTE, TICK = timedelta(minutes=1), timedelta(microseconds=1)


def left(budget: str, nodes: list[NodeCount], reason: str = EMPTY) -> int:
    pool = count(nodes)
    allowed = allowed_by_reason([Budget(budget)], reason, pool.total_nodes, NOW).allowed
    return remaining(allowed, pool.disrupting_nodes)


@pytest.mark.parametrize(
    ("pools", "size", "budget", "taken"),
    [
        pytest.param(1, 10, "100%", 10, id="karpenter:G01"),
        pytest.param(1, 10, "0%", 0, id="karpenter:G02"),
        pytest.param(1, 10, "30%", 3, id="karpenter:G03"),
        pytest.param(10, 3, "100%", 30, id="karpenter:G05"),
        pytest.param(10, 3, "0%", 0, id="karpenter:G06"),
    ],
)
def test_one_decision_takes_all_that_budgets_allow(pools: int, size: int, budget: str, taken: int) -> None:
    names_ = [f"pool-{number}" for number in range(pools)]
    empties = [EmptyNode(f"{pool}-{number}", pool) for pool in names_ for number in range(size)]
    found = decide(empties, {pool: left(budget, [READY] * size) for pool in names_})
    assert len(found.claims) == taken
    assert set(found.constrained) == (set(names_) if taken < pools * size else set())
    assert found.claims == tuple(empty.claim for empty in empties)[:taken]


@pytest.mark.row("karpenter:G03")
def test_what_emptiness_takes_is_gone_for_drift() -> None:
    assert left("30%", [TAKEN] * 2 + [READY] * 8, DRIFTED) == 1
    assert left("30%", [TAKEN] * 3 + [READY] * 7, DRIFTED) == 0


def test_static_pools_are_left_alone_and_cost_no_budget() -> None:
    nodes = [EmptyNode("a", "p", static=True), EmptyNode("b", "p")]
    assert decide(nodes, {"p": 1}) == EmptinessDecision(("b",))


def test_what_fills_up_before_the_start_stays() -> None:
    decision = EmptinessDecision(("a", "b", "c"), ("p",))
    assert still_valid(decision, {"a", "c"}) == EmptinessDecision(("a", "c"), ("p",))
    assert still_valid(decision, ()).claims == ()


@pytest.mark.parametrize(
    ("pods", "empty"),
    [
        pytest.param((), True, id="none"),
        pytest.param((pod(owner="DaemonSet"), pod(owner="Node"), pod(phase="Succeeded")), True, id="none-that-counts"),
        pytest.param((pod(owner=""),), False, id="one-of-nobody"),
        pytest.param((pod(deleted_at=NOW),), True, id="on-its-way-out"),
        pytest.param((pod(deleted_at=NOW, owner="StatefulSet"),), False, id="that-comes-again"),
    ],
)
def test_a_node_is_empty_when_no_pod_has_to_be_placed_again(pods: tuple[Pod, ...], empty: bool) -> None:
    assert is_empty(pods) is empty


@pytest.mark.parametrize(
    ("owner", "after", "last_event", "expected"),
    [
        pytest.param(INITIALIZED, None, None, Quiet(False), id="never"),
        pytest.param(claim(), MINUTE, None, Quiet(False), id="not-initialized"),
        pytest.param(INITIALIZED, 0 * MINUTE, None, Quiet(True), id="at-once"),
        pytest.param(INITIALIZED, MINUTE, None, Quiet(False, NOW + MINUTE), id="since-it-was-initialized"),
        pytest.param(INITIALIZED, MINUTE, NOW - MINUTE + TICK, Quiet(False, NOW + TICK), id="a-tick-too-early"),
        pytest.param(INITIALIZED, MINUTE, NOW - MINUTE, Quiet(True), id="quiet-for-so-long"),
    ],
)
def test_a_node_is_consolidatable_when_it_has_been_quiet(
    owner: NodeClaim, after: timedelta | None, last_event: datetime | None, expected: Quiet
) -> None:
    assert quiet(owner, after, last_event, NOW) == expected


@given(st.lists(st.sampled_from("pqr")), st.dictionaries(st.sampled_from("pqr"), st.integers(0, 5)))
def test_never_are_more_taken_of_a_pool_than_it_has_left(pools: list[str], remaining_: dict[str, int]) -> None:
    found = decide((EmptyNode(f"{index}", pool) for index, pool in enumerate(pools)), remaining_)
    taken = [pools[int(name)] for name in found.claims]
    for pool in "pqr":
        assert taken.count(pool) == min(pools.count(pool), remaining_.get(pool, 0))
        assert (pool in found.constrained) is (pools.count(pool) > remaining_.get(pool, 0))
