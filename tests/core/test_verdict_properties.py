"""What holds for every verdict on every cluster: when it ends, what can end it, and what it never depends on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.counts import node_count
from napsim.core import commands
from napsim.core.actions import patched_node
from napsim.core.budgets import DRIFTED, REASONS, allowed_by_reason, contribution, count, remaining
from napsim.core.candidates import DISRUPTED_CLASS_EVENTUAL, DISRUPTED_CLASS_GRACEFUL, Candidate, Surroundings, check
from napsim.core.clock import Timeline
from napsim.core.drains import Drain, drain
from napsim.core.objects import KubeObject, NodeClaim, Pod, PodDisruptionBudget
from napsim.core.pdbs import PdbIndex, first_blocked, is_currently_reschedulable
from napsim.core.pods import is_evictable, protection
from napsim.core.reasons import Verdict, waits_for_node, waits_for_pdb
from tests.core.drawn import (
    APPS,
    MINUTE,
    PDB_KINDS,
    PODS,
    SECOND,
    TIMELINES,
    World,
    holds_until,
    pods_of,
    renamed,
    tell,
    told,
    verdict_on,
    worlds,
)
from tests.core.examples import NOW, claim, node, pdb

SHUFFLES: Final = st.randoms(use_true_random=False)
GUARDS: Final = st.lists(st.tuples(st.sampled_from(PDB_KINDS), st.sampled_from(APPS)), max_size=3)
NOMINATIONS: Final = st.none() | st.integers(-5, 25)


# --- candidates -------------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(PODS, GUARDS, TIMELINES, NOMINATIONS, st.sampled_from(["", "5m"]), st.booleans(), st.integers(0, 100))
def test_the_verdict_on_a_candidate_changes_at_its_wake_at_and_at_no_second_before(
    pods: Any, guards: Any, timeline: Timeline, nominated: int | None, grace: str, eventual: bool, after: int
) -> None:
    now = timeline.virtual(NOW + after * SECOND)
    candidate = Candidate(
        claim("c", grace=grace),
        node("n0"),
        pods_of(pods),
        nominated_until=None if nominated is None else now + nominated * SECOND,
        disruption_class=DISRUPTED_CLASS_EVENTUAL if eventual else DISRUPTED_CLASS_GRACEFUL,
    )
    index = PdbIndex(pdb(f"b{number}", labels={"app": app}, **kind) for number, (kind, app) in enumerate(guards))

    def look(at: datetime) -> tuple[str, str]:
        found = check(candidate, Surroundings(index, timeline, at))
        return found.reason, found.message

    wake_at = check(candidate, Surroundings(index, timeline, now)).wake_at
    assert wake_at is None or wake_at > now
    assert holds_until(look, now, wake_at)


@settings(max_examples=30)
@given(worlds(), SHUFFLES)
def test_the_order_in_which_objects_are_told_of_changes_no_verdict_and_no_count(
    world: World, order: random.Random
) -> None:
    shuffled = list(world.objects)
    order.shuffle(shuffled)
    one, other = told(world.objects), told(shuffled)

    for found in world.claims:
        assert verdict_on(one, found, world.timeline, world.now) == verdict_on(other, found, world.timeline, world.now)
    assert [one.count(pool) for pool in world.budgets] == [other.count(pool) for pool in world.budgets]


@settings(max_examples=30)
@given(worlds())
def test_a_blocked_verdict_says_what_can_end_it_an_object_or_an_instant_to_come(world: World) -> None:
    state = told(world.objects)
    for found in world.claims:
        verdict = verdict_on(state, found, world.timeline, world.now)
        assert verdict.allowed or verdict.message
        assert verdict.allowed or verdict.waits_for or verdict.wake_at
        assert verdict.wake_at is None or verdict.wake_at > world.now


@settings(max_examples=30)
@given(worlds(), worlds())
def test_a_change_of_nothing_that_a_blocked_verdict_names_ends_it(world: World, after: World) -> None:
    state = told(world.objects)
    blocked = {
        found.name: verdict
        for found in world.claims
        if not (verdict := verdict_on(state, found, world.timeline, world.now)).allowed
    }

    for name, verdict in blocked.items():
        changed = told(_changed(world, after, verdict, state.claims[name]))
        again = verdict_on(changed, changed.claims[name], world.timeline, world.now)
        assert not again.allowed, (verdict, again)


def _changed(world: World, after: World, verdict: Verdict, found: NodeClaim) -> Iterator[KubeObject]:
    """All that the verdict does not name becomes what it is in another cluster; what is new there comes, too."""
    kept = {*verdict.waits_for, waits_for_node(f"n{found.name[1:]}")}
    for one, other in ((world.claims, after.claims), (world.nodes, after.nodes), (world.pdbs, after.pdbs)):
        yield from (item for item in one if _token(item) in kept)
        yield from (item for item in other if _token(item) not in kept)
    yield from (item for item in world.pods if waits_for_node(item.spec.node_name) in kept)
    yield from (renamed(item, "-new") for item in after.pods if waits_for_node(item.spec.node_name) not in kept)


def _token(item: KubeObject) -> str:
    if isinstance(item, PodDisruptionBudget):
        return waits_for_pdb(item.key)
    return waits_for_node(f"n{item.name[1:]}")


@settings(max_examples=30)
@given(PODS, GUARDS, TIMELINES, SHUFFLES)
def test_a_node_is_blocked_by_pdbs_whatever_the_order_of_pods_and_pdbs(
    pods: Any, guards: Any, timeline: Timeline, order: random.Random
) -> None:
    now = timeline.virtual(NOW)
    found, made = (
        list(pods_of(pods)),
        [pdb(f"b{n}", labels={"app": app}, **kind) for n, (kind, app) in enumerate(guards)],
    )
    first = first_blocked(found, PdbIndex(made), timeline, now)
    rescheduled = {item.key for item in found if is_currently_reschedulable(item, PdbIndex(made), timeline, now)}
    order.shuffle(found)
    order.shuffle(made)
    again = first_blocked(found, PdbIndex(made), timeline, now)

    assert (first is None) is (again is None)
    assert rescheduled == {
        item.key for item in found if is_currently_reschedulable(item, PdbIndex(made), timeline, now)
    }


# --- budgets ----------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(worlds(), st.lists(st.integers(0, 90), max_size=4))
def test_starting_what_budgets_leave_never_disrupts_more_than_they_allow_at_that_instant(
    world: World, minutes: list[int]
) -> None:
    state = told(world.objects)
    for passed in (0, *minutes):
        now = world.now + passed * MINUTE
        for found in world.claims:
            pool = found.metadata.labels[names.NODEPOOL]
            counted, on = state.count(pool), state.node_of(found)
            allowed = allowed_by_reason(world.budgets[pool], DRIFTED, counted.total_nodes, now).allowed
            if on is None or not remaining(allowed, counted.disrupting_nodes):
                continue
            if (
                not verdict_on(state, found, world.timeline, now).allowed
                or on.metadata.labels.get(names.NODEPOOL) != pool
            ):
                continue
            tell(state, on, patched_node(on, commands.start(commands.drift_command(found, (), now), on)))
            assert state.count(pool).disrupting_nodes <= max(allowed, counted.disrupting_nodes)
            assert not verdict_on(state, found, world.timeline, now).allowed


@settings(max_examples=30)
@given(worlds())
def test_a_node_that_is_taken_consumes_the_budget_of_every_reason(world: World) -> None:
    state = told(world.objects)
    for item in world.nodes:
        before = node_count(item, state.claim_of(item))
        taken = replace(before, marked_for_deletion=True)
        total, disrupting = contribution(taken)
        assert contribution(before)[0] == total == disrupting
        for reason in REASONS:
            allowed = allowed_by_reason(world.budgets["a"], reason, total, world.now).allowed
            assert remaining(allowed, count((taken,)).disrupting_nodes) == max(allowed - total, 0)


# --- drains -----------------------------------------------------------------------------------------------------------

DEADLINES: Final = st.none() | st.integers(-60, 400).map(lambda seconds: seconds * SECOND)


def drained(pods: tuple[Pod, ...], deadline: datetime | None, timeline: Timeline, now: datetime) -> Drain:
    return drain(pods, deadline, timeline, now, timeline.real(now))


def essence(found: Drain) -> tuple[set[str], set[str], int]:
    return {item.key for item in found.evict}, {item.pod.key for item in found.delete}, found.waiting


@settings(max_examples=20)
@given(PODS, DEADLINES, TIMELINES, st.integers(0, 100))
def test_a_drain_changes_at_its_wake_at_and_at_no_second_before(
    pods: Any, left: timedelta | None, timeline: Timeline, after: int
) -> None:
    now = timeline.virtual(NOW + after * SECOND)
    deadline = None if left is None else timeline.virtual(NOW) + left
    wake_at = drained(pods_of(pods), deadline, timeline, now).wake_at

    assert wake_at is None or wake_at > now
    assert holds_until(lambda at: essence(drained(pods_of(pods), deadline, timeline, at)), now, wake_at)


@settings(max_examples=30)
@given(PODS, DEADLINES, TIMELINES, SHUFFLES)
def test_the_order_of_pods_changes_nothing_of_a_drain(
    pods: Any, left: timedelta | None, timeline: Timeline, order: random.Random
) -> None:
    now = timeline.virtual(NOW)
    deadline = None if left is None else now + left
    found = list(pods_of(pods))
    first = drained(tuple(found), deadline, timeline, now)
    order.shuffle(found)
    again = drained(tuple(found), deadline, timeline, now)

    assert (essence(first), first.wake_at) == (essence(again), again.wake_at)


@settings(max_examples=30)
@given(PODS, TIMELINES, st.integers(0, 400))
def test_without_a_grace_period_only_evictable_pods_are_touched(pods: Any, timeline: Timeline, after: int) -> None:
    now = timeline.virtual(NOW) + after * SECOND
    found = drained(pods_of(pods), None, timeline, now)

    assert not found.delete
    assert all(is_evictable(item, timeline, now) for item in found.evict)


@settings(max_examples=30)
@given(PODS, TIMELINES, st.integers(0, 100))
def test_a_protection_ends_at_its_instant_and_at_no_second_before(pods: Any, timeline: Timeline, after: int) -> None:
    now = timeline.virtual(NOW) + after * SECOND
    for item in pods_of(pods):
        held = protection(item, timeline, now)
        assert holds_until(lambda at, item=item: protection(item, timeline, at).active, now, held.until, 300)  # type: ignore[misc]  # a default binds it
