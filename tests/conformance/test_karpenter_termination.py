"""Rows of Karpenter's candidates, protections and termination that the tests of one module do not hold."""

from __future__ import annotations

from datetime import timedelta

import pytest

from napsim.api import names
from napsim.core.candidates import Candidate, Surroundings, check
from napsim.core.clock import WALL_CLOCK
from napsim.core.drains import drain
from napsim.core.pdbs import PdbIndex
from napsim.core.pods import is_evictable, protection
from napsim.core.reasons import Reason
from napsim.live.writer import Outcome, OutcomeKind
from tests.core.examples import NOW, claim, node, pod
from tests.live.test_evictions import World

HELD = {names.DO_NOT_DISRUPT: "true"}
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@pytest.mark.row("karpenter:C23")
def test_a_node_marked_for_deletion_is_no_candidate() -> None:
    around = Surroundings(PdbIndex(), WALL_CLOCK, NOW)
    marked = Candidate(claim(), node(), (pod(),), marked_for_deletion=True)
    found = check(marked, around)
    assert (found.reason, found.message) == (Reason.DELETING, "node is deleting or marked for deletion")
    assert check(Candidate(claim(), node(), (pod(),)), around).allowed


@pytest.mark.row("karpenter:A09")
@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_protection_means_nothing_on_a_pod_that_has_ended(phase: str) -> None:
    ended = pod(annotations=HELD, phase=phase)
    assert protection(ended, WALL_CLOCK, NOW).active
    assert check(Candidate(claim(), node(), (ended,)), Surroundings(PdbIndex(), WALL_CLOCK, NOW)).allowed
    assert drain((ended,), None, WALL_CLOCK, NOW, NOW).done
    assert not is_evictable(ended, WALL_CLOCK, NOW)


@pytest.mark.row("karpenter:N25")
def test_a_granted_eviction_is_counted_as_200_and_said() -> None:
    world = World()
    world.want("a")
    assert world.attempt("a") == []
    assert world.codes == ["200"]
    said = [(event.kind, event.name, event.type, event.reason) for event in world.said]
    assert said == [("Pod", "a", "Normal", "Evicted")]


@pytest.mark.row("karpenter:N26")
def test_an_eviction_that_a_pdb_refuses_is_counted_as_429_said_and_tried_again() -> None:
    world = World(answers=[Outcome(OutcomeKind.BLOCKED)])
    world.budget(1)
    world.want("a")
    assert world.attempt("a") == ["a"]
    assert world.codes == ["429"]
    (said,) = [event for event in world.said if event.reason == "FailedDraining"]
    assert (said.kind, said.type) == ("Node", "Warning")
    assert said.message == "Failed to drain node, evicting pod violates a PDB (Pod=default/a)"
    world.budget(1)
    first_try = world.now + timedelta(seconds=0.1)
    assert world.answered("a") == {"a": first_try}
    world.now = first_try
    assert world.attempt("a") == []
    assert world.codes == ["429", "200"]


@pytest.mark.row("karpenter:N26")
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        pytest.param(OutcomeKind.NOT_FOUND, "404", id="gone"),
        pytest.param(OutcomeKind.CONFLICT, "409", id="another-pod-of-that-name"),
    ],
)
def test_a_pod_that_is_not_there_any_more_is_done_without_a_word(kind: OutcomeKind, code: str) -> None:
    world = World(answers=[Outcome(kind)])
    world.want("a")
    assert world.attempt("a") == []
    assert (world.codes, world.said, world.reasons) == ([code], [], [])


@pytest.mark.row("karpenter:N28")
def test_a_pod_under_a_pdb_is_evicted_until_its_time_is_up_and_then_deleted() -> None:
    bound = pod(grace_seconds=60)
    deadline = NOW + 5 * MINUTE
    early = drain((bound,), deadline, WALL_CLOCK, NOW, NOW)
    late = drain((bound,), deadline, WALL_CLOCK, deadline - 59 * SECOND, NOW)
    assert (early.evict, early.delete) == ((bound,), ())
    assert (late.evict, [item.grace_seconds for item in late.delete]) == ((), [59])
