"""Karpenter's event for a NodePool whose budgets allow no drift: of which pools, and when (karpenter.md 2.4, 5, 14)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from napsim.core.clock import Timeline
from napsim.core.reasons import Reason
from tests.controllers.test_disruption import MINUTE, World, filling, world
from tests.core.examples import NOW, pdb

MESSAGE = "No allowed disruptions for disruption reason Drifted due to blocking budget"
NONE = ({"nodes": "0"},)
OFFICE_HOURS = ({"nodes": "0", "schedule": "0 10 * * *", "duration": "8h"},)


def told(here: World) -> list[str]:
    """The pools of which the pass said so, in its order; each said once for a minute of the recorder."""
    events = [event for event in here.said if event.kind == "NodePool"]
    assert {(event.reason, event.message, event.dedupe, event.dedupe_seconds) for event in events} <= {
        ("DisruptionBlocked", MESSAGE, "Drifted", 60.0)
    }
    return sorted({event.name for event in events})


def static_world() -> World:
    here = World()
    here.pool(replicas=1)
    return here


@pytest.mark.parametrize("made", [pytest.param(world, id="drift"), pytest.param(static_world, id="static-drift")])
def test_a_pass_with_a_candidate_tells_of_every_pool_with_nodes_that_may_disrupt_none(
    made: Callable[[], World],
) -> None:
    here = made()
    for name, budgets in (("closed", NONE), ("open", ({"nodes": "1"},)), ("without-nodes", NONE)):
        here.pool(name, budgets)
    here.full("a")
    for pool in ("closed", "open"):
        here.full(f"n-{pool}", pool=pool, drifted=None)
    here.look()
    assert here.taken == ["a"]
    assert told(here) == ["closed"]


def test_a_pool_for_another_reason_only_is_not_told_of() -> None:
    here = world()
    here.pool("closed", ({"nodes": "0", "reasons": ["Empty", "Underutilized"]},))
    here.full("a")
    here.full("b", pool="closed", drifted=None)
    here.look()
    assert told(here) == []


def test_a_budget_that_is_used_up_is_not_one_that_allows_none() -> None:
    here = world([{"nodes": "1"}])
    here.full("a")
    here.full("b", drifted=None, ready=False)
    here.look()
    assert (here.taken, told(here)) == ([], [])


@pytest.mark.parametrize("drifted", [pytest.param(None, id="nothing-drifted"), pytest.param(0, id="all-blocked")])
def test_a_pass_without_a_candidate_tells_of_no_pool(drifted: int | None) -> None:
    here = world(NONE)
    here.state.on_pdb(None, pdb(allowed=0, labels={"app": "held"}))
    here.node("a", filling("a", labels={"app": "held"}), drifted=drifted)
    here.look()
    assert told(here) == []
    blocked = here.disruption.queues["default"].blocked if drifted is not None else {}
    assert [verdict.reason for verdict in blocked.values()] == ([] if drifted is None else [Reason.PDB])


def test_the_candidate_of_a_closed_pool_is_told_of_when_what_blocks_it_goes() -> None:
    here = world(NONE)
    here.state.on_pdb(None, pdb(allowed=0, labels={"app": "held"}))
    here.node("a", filling("a", labels={"app": "held"}))
    here.look()
    here.state.on_pdb(None, pdb(allowed=1, labels={"app": "held"}))
    here.disruption.on_pdb("default/b")
    here.real += MINUTE
    here.look()
    assert (here.taken, told(here)) == ([], ["default"])


def test_a_pass_comes_when_the_budget_of_a_pool_closes_even_if_nothing_of_it_is_drifted() -> None:
    here = world(NONE)
    here.pool("office", OFFICE_HOURS)
    here.full("a")
    here.full("b", pool="office", drifted=None)
    at = here.look()
    assert (at, told(here)) == (NOW + timedelta(hours=1), ["default"])
    here.real = NOW + timedelta(hours=1)
    here.look()
    assert told(here) == ["default", "office"]


def test_nothing_is_looked_at_again_while_nothing_can_change() -> None:
    here = world(NONE)
    here.full("a")
    assert here.look() is None
    assert told(here) == ["default"]


def test_each_method_s_evaluation_is_timed_in_real_seconds() -> None:
    here = world()
    here.clock.turn(Timeline(NOW, NOW, 60.0))
    here.full("a")
    timed: list[tuple[str, str, float]] = []
    here.disruption.on_evaluated = lambda *found: timed.append(found)

    async def pause(_: timedelta) -> bool:
        here.real += timedelta(seconds=2)
        return False

    here.disruption.pause = pause
    here.look()
    assert timed == [("Empty", "empty", 0.0), ("Drifted", "", 0.0), ("Drifted", "", 2.0)]
