"""Emptiness: what is quiet, what is empty, how many go at once, and whose budget that uses (karpenter.md 19.11)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.core.actions import IDLE, SetNodeClaimStatus, with_status
from napsim.core.budgets import DRIFTED, EMPTY, Budget, NodeCount, allowed_by_reason, count, remaining
from napsim.core.commands import EMPTY_REASON, empty_command
from napsim.core.emptiness import (
    EmptyNode,
    Quiet,
    Validated,
    consolidate_after,
    decide,
    eviction_cost,
    is_empty,
    is_pod_event,
    last_pod_event,
    order_key,
    quiet,
    validate,
    watch,
)
from napsim.core.nodepools import Disruption, NodePool, NodePoolSpec
from napsim.core.objects import NodeClaim, Pod, is_true
from tests.core.emptiness_rows import TAKEN_AT_ONCE
from tests.core.examples import NOW, claim, pod, true

READY = NodeCount(managed=True, initialized=True, instance_terminating=False, ready=True, marked_for_deletion=False)
TAKEN = NodeCount(managed=True, initialized=True, instance_terminating=False, ready=True, marked_for_deletion=True)
INITIALIZED = claim(conditions=true(names.INITIALIZED_CONDITION))
SECOND, MINUTE, TICK = timedelta(seconds=1), timedelta(minutes=1), timedelta(microseconds=1)


def pool(after: str = "1m", replicas: int | None = None) -> NodePool:
    return NodePool(spec=NodePoolSpec(disruption=Disruption(consolidate_after=after), replicas=replicas))


def left(budget: str, nodes: list[NodeCount], reason: str = EMPTY) -> int:
    counted = count(nodes)
    allowed = allowed_by_reason([Budget(budget)], reason, counted.total_nodes, NOW).allowed
    return remaining(allowed, counted.disrupting_nodes)


# --- the decision -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pools", "size", "budget", "taken"), TAKEN_AT_ONCE)
def test_one_decision_takes_all_that_budgets_allow(pools: int, size: int, budget: str, taken: int) -> None:
    names_ = [f"pool-{number}" for number in range(pools)]
    empties = [EmptyNode(f"{pool}-{number}", pool) for pool in names_ for number in range(size)]
    found = decide(empties, {pool: left(budget, [READY] * size) for pool in names_})
    assert len(found) == taken
    assert found == tuple(empty.claim for empty in empties)[:taken]


@pytest.mark.row("karpenter:G03")
def test_what_emptiness_takes_is_gone_for_drift() -> None:
    assert left("30%", [TAKEN] * 2 + [READY] * 8, DRIFTED) == 1
    assert left("30%", [TAKEN] * 3 + [READY] * 7, DRIFTED) == 0


def test_a_command_for_empty_nodes_has_its_reason_and_no_replacements() -> None:
    command = empty_command(NOW)
    assert (command.reason, command.started_at, command.replacements) == (EMPTY_REASON, NOW, ())


@pytest.mark.parametrize(
    ("candidates", "remaining_", "expected"),
    [
        pytest.param("abc", 3, Validated(("a", "b", "c")), id="all"),
        pytest.param("ac", 3, Validated(("a", "c")), id="one-is-none-any-more-and-is-not-counted"),
        pytest.param("", 3, Validated((), 3), id="none-is-any-more-and-all-are-counted"),
        pytest.param("abc", 1, Validated(("a",), 2), id="a-budget-has-less-left"),
        pytest.param("cab", 2, Validated(("c", "a"), 1), id="in-the-order-of-the-candidates"),
        pytest.param("abcd", 9, Validated(("a", "b", "c")), id="another-is-not-taken-up"),
    ],
)
def test_a_decision_is_validated_node_by_node(candidates: str, remaining_: int, expected: Validated) -> None:
    assert validate(("a", "b", "c"), (EmptyNode(name, "p") for name in candidates), {"p": remaining_}) == expected


@given(st.lists(st.sampled_from("pqr")), st.dictionaries(st.sampled_from("pqr"), st.integers(0, 5)))
def test_never_are_more_taken_of_a_pool_than_it_has_left(pools: list[str], remaining_: dict[str, int]) -> None:
    found = decide((EmptyNode(f"{index}", pool) for index, pool in enumerate(pools)), remaining_)
    taken = [pools[int(name)] for name in found]
    for pool in "pqr":
        assert taken.count(pool) == min(pools.count(pool), remaining_.get(pool, 0))


def test_nothing_to_take_is_no_decision() -> None:
    assert decide((), {"p": 1}) == ()


def test_the_dearest_goes_first_and_an_unknown_one_last() -> None:
    sizes = {"small": "Standard_D2s_v5", "large": "Standard_D8s_v5", "odd": "Standard_X1", "spot": "Standard_D8s_v5"}
    made = {name: claim(name, labels={names.INSTANCE_TYPE: size}) for name, size in sizes.items()}
    made["spot"] = claim("spot", labels={names.INSTANCE_TYPE: sizes["spot"], names.CAPACITY_TYPE: "spot"})
    assert sorted(made, key=lambda name: order_key(made[name], 0)) == ["large", "spot", "small", "odd"]


@given(st.integers(0, 9))
def test_ties_are_drawn_from_the_seed_and_come_out_the_same_again(seed: int) -> None:
    alike = [claim(f"c-{number}") for number in range(5)]
    backwards = alike[::-1]
    for claims in (alike, backwards):
        claims.sort(key=lambda item: order_key(item, seed))
    assert alike == backwards


# --- empty --------------------------------------------------------------------------------------------------------


def prioritized(priority: int) -> Pod:
    made = pod()
    return replace(made, spec=replace(made.spec, priority=priority))


@pytest.mark.parametrize(
    ("pods", "empty"),
    [
        pytest.param((), True, id="none"),
        pytest.param((pod(owner="DaemonSet"), pod(owner="Node"), pod(phase="Succeeded")), True, id="none-that-counts"),
        pytest.param((pod(owner=""),), False, id="one-of-nobody"),
        pytest.param((pod(deleted_at=NOW),), True, id="on-its-way-out"),
        pytest.param((pod(deleted_at=NOW, owner="StatefulSet"),), False, id="that-comes-again"),
        pytest.param((prioritized(-(2**25)),), True, id="whose-priority-makes-moving-it-free"),
        pytest.param((prioritized(-(2**25) + 1),), False, id="whose-priority-nearly-does"),
        pytest.param((prioritized(-(2**26)), prioritized(0)), False, id="one-free-one-is-no-credit-for-another"),
    ],
)
def test_a_node_is_empty_when_no_pod_has_to_be_placed_again(pods: tuple[Pod, ...], empty: bool) -> None:
    assert is_empty(pods) is empty


@pytest.mark.parametrize(
    ("annotations", "priority", "cost"),
    [
        pytest.param({}, 0, 1.0, id="any-pod"),
        pytest.param({names.POD_DELETION_COST: str(2**27)}, 0, 2.0, id="deletion-cost"),
        pytest.param({names.POD_DELETION_COST: str(-(2**31) + 1)}, 0, -10.0, id="not-below-minus-ten"),
        pytest.param({names.POD_DELETION_COST: "much"}, 0, 1.0, id="a-cost-that-is-none-is-ignored"),
        pytest.param({}, 2**25, 2.0, id="priority"),
        pytest.param({}, 10**9, 10.0, id="not-above-ten"),
    ],
)
def test_what_it_costs_to_move_a_pod(annotations: Mapping[str, str], priority: int, cost: float) -> None:
    made = prioritized(priority)
    made = replace(made, metadata=replace(made.metadata, annotations=dict(annotations)))
    assert eviction_cost(made) == pytest.approx(cost)


# --- quiet --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        pytest.param(None, pod(), True, id="a-pod-that-is-bound-when-first-seen"),
        pytest.param(None, pod(node=""), False, id="a-pod-without-a-node"),
        pytest.param(pod(node=""), pod(), True, id="bound"),
        pytest.param(pod(), pod(phase="Succeeded"), True, id="ended"),
        pytest.param(pod(phase="Succeeded"), pod(phase="Failed"), False, id="ended-before"),
        pytest.param(pod(), pod(deleted_at=NOW), True, id="terminating"),
        pytest.param(pod(deleted_at=NOW), pod(deleted_at=NOW, ready="False"), False, id="terminating-before"),
        pytest.param(pod(deleted_at=NOW), None, False, id="gone"),
        pytest.param(pod(), pod(ready="False"), False, id="any-other-change"),
        pytest.param(None, pod(owner="DaemonSet"), False, id="of-a-daemonset"),
        pytest.param(None, pod(owner="Node"), True, id="of-a-static-pod"),
    ],
)
def test_which_changes_of_pods_count(old: Pod | None, new: Pod | None, counts: bool) -> None:
    assert is_pod_event(old, new) is counts


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(None, NOW, id="the-first"),
        pytest.param(NOW - 10 * SECOND, NOW, id="after-ten-seconds"),
        pytest.param(NOW - 10 * SECOND + TICK, None, id="a-tick-too-soon"),
        pytest.param(NOW, None, id="at-once"),
    ],
)
def test_within_ten_seconds_one_pod_event_counts(before: datetime | None, expected: datetime | None) -> None:
    assert last_pod_event(before, NOW) == expected


def test_pod_events_are_in_whole_seconds() -> None:
    assert last_pod_event(None, NOW + timedelta(milliseconds=999)) == NOW


@pytest.mark.parametrize(
    ("owner", "after", "last_event", "expected"),
    [
        pytest.param(INITIALIZED, None, None, Quiet(False), id="never"),
        pytest.param(claim(), MINUTE, None, Quiet(False), id="not-initialized"),
        pytest.param(INITIALIZED, 0 * MINUTE, None, Quiet(True), id="at-once"),
        pytest.param(INITIALIZED, 0 * MINUTE, NOW, Quiet(True), id="at-once-whatever-happens"),
        pytest.param(INITIALIZED, MINUTE, None, Quiet(False, NOW + MINUTE), id="since-it-was-initialized"),
        pytest.param(INITIALIZED, MINUTE, NOW - MINUTE + TICK, Quiet(False, NOW + TICK), id="a-tick-too-early"),
        pytest.param(INITIALIZED, MINUTE, NOW - MINUTE, Quiet(True), id="quiet-for-so-long"),
    ],
)
def test_a_node_is_consolidatable_when_it_has_been_quiet(
    owner: NodeClaim, after: timedelta | None, last_event: datetime | None, expected: Quiet
) -> None:
    assert quiet(owner, after, last_event, NOW) == expected


@given(st.integers(0, 600), st.integers(0, 600))
def test_the_instant_to_wake_at_is_the_first_at_which_a_node_is_quiet(after: int, ago: int) -> None:
    event = NOW - ago * SECOND
    found = quiet(INITIALIZED, after * SECOND, event, NOW)
    if found.wake_at is not None:
        assert not quiet(INITIALIZED, after * SECOND, event, found.wake_at - TICK).consolidatable
        assert quiet(INITIALIZED, after * SECOND, event, found.wake_at).consolidatable


@pytest.mark.parametrize(
    ("of", "expected"),
    [(pool("1m"), MINUTE), (pool("Never"), None), (pool("0s"), 0 * MINUTE), (pool("1m", replicas=2), None)],
    ids=["a-minute", "never", "at-once", "static"],
)
def test_how_long_a_node_has_to_be_quiet(of: NodePool, expected: timedelta | None) -> None:
    assert consolidate_after(of) == expected


def after_watch(owner: NodeClaim, of: NodePool, seen: datetime | None, now: datetime) -> NodeClaim:
    for action in watch(owner, of, seen, now).actions:
        assert isinstance(action, SetNodeClaimStatus)
        owner = with_status(owner, action)
    return owner


def test_the_condition_comes_with_time_and_goes_with_the_next_pod() -> None:
    waiting = watch(INITIALIZED, pool(), None, NOW)
    assert (waiting.actions, waiting.wake_at) == ((), NOW + MINUTE)
    marked = after_watch(INITIALIZED, pool(), None, NOW + MINUTE)
    assert is_true(marked.status.conditions, names.CONSOLIDATABLE)
    busy = after_watch(marked, pool(), NOW + 2 * MINUTE, NOW + 2 * MINUTE)
    assert not is_true(busy.status.conditions, names.CONSOLIDATABLE)
    assert busy.status.last_pod_event_time == NOW + 2 * MINUTE
    assert watch(busy, pool(), NOW + 2 * MINUTE, NOW + 2 * MINUTE).wake_at == NOW + 3 * MINUTE


def test_a_second_look_writes_nothing() -> None:
    marked = after_watch(INITIALIZED, pool("0s"), NOW, NOW)
    assert watch(marked, pool("0s"), NOW, NOW) == IDLE
    assert is_true(marked.status.conditions, names.CONSOLIDATABLE)


def test_pods_cost_no_write_in_a_pool_that_never_consolidates() -> None:
    assert watch(INITIALIZED, pool("Never"), NOW, NOW) == IDLE


def test_a_pool_that_never_consolidates_any_more_takes_the_condition_off() -> None:
    marked = after_watch(INITIALIZED, pool("0s"), None, NOW)
    assert not is_true(after_watch(marked, pool("Never"), None, NOW).status.conditions, names.CONSOLIDATABLE)


def test_a_static_pool_s_nodes_are_left_as_they_are() -> None:
    marked = after_watch(INITIALIZED, pool("0s"), None, NOW)
    assert watch(marked, pool("1m", replicas=1), NOW, NOW) == IDLE
