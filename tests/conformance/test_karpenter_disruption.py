"""Rows of Karpenter's drift execution and queue that concern several pools or commands at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from napsim.api import names
from napsim.controllers.verdicts import blocked_events
from napsim.core.budgets import DRIFTED, REASONS, allowed_by_reason, remaining
from napsim.core.candidates import Candidate, Surroundings, check
from napsim.core.clock import WALL_CLOCK
from napsim.core.commands import advance, drift_command, start
from napsim.core.nodepools import Placement
from napsim.core.objects import NodeClaim
from napsim.core.pdbs import PdbIndex
from tests.controllers.test_disruption import World, world
from tests.core.examples import NOW, claim, node, pdb, pod, true

PLACEMENT = Placement("Standard_D4s_v5", "westeurope-1", "on-demand")
HELD = {names.DO_NOT_DISRUPT: "true"}
SENTENCES = {
    3: "Nodeclaim does not have an associated node",
    4: "Node isn't initialized",
    5: "Node is deleting or marked for deletion",
    7: 'Disruption is blocked through the "karpenter.sh/do-not-disrupt" annotation',
    9: "NodePool not found (NodePool=default)",
    10: 'Pod has "karpenter.sh/do-not-disrupt" annotation (Pod=default/p)',
    11: "Pdb prevents pod evictions (PodDisruptionBudget=[default/b])",
}
LIMITED = {"limits": {"nodes": "2"}}


@pytest.mark.row("karpenter:X01")
def test_before_the_first_command_three_of_ten_may_go_and_none_consumes_budget() -> None:
    here = world([{"nodes": "30%"}])
    for number in range(10):
        here.node(f"n{number}")
    pool, count = here.declared.pools["default"], here.state.count("default")
    allowed = [allowed_by_reason(pool.budgets, reason, count.total_nodes, NOW).allowed for reason in REASONS]
    assert (allowed, count.disrupting_nodes) == ([3, 3, 3], 0)


@pytest.mark.row("karpenter:X02")
def test_as_commands_start_what_is_left_of_the_budget_shrinks_by_one_each() -> None:
    here = world([{"nodes": "30%"}])
    for number in range(10):
        here.full(f"n{number}", drifted=number if number < 5 else None)
    left = []
    for _ in range(5):
        here.look()
        here.replace_all()
        count = here.state.count("default")
        allowed = allowed_by_reason(here.declared.pools["default"].budgets, DRIFTED, count.total_nodes, NOW).allowed
        left.append(remaining(allowed, count.disrupting_nodes))
    assert left == [2, 1, 0, 0, 0]


@pytest.mark.row("karpenter:X21")
def test_the_dynamic_method_does_not_see_static_pools() -> None:
    here = World()
    here.pool("static", [{"nodes": "100%"}], replicas=1)
    here.node("a", pod("p", node="a"), pool="static")
    assert asyncio.run(here.disruption._dynamic_pass(NOW)) is False
    assert here.taken == []
    here.pool("dynamic", [{"nodes": "100%"}])
    here.node("b", pod("q", node="b"), pool="dynamic")
    assert asyncio.run(here.disruption._dynamic_pass(NOW)) is True
    assert here.taken == ["b"]


@pytest.mark.row("karpenter:S09")
def test_a_static_pool_at_its_limit_does_not_hold_up_the_others() -> None:
    here = World()
    for pool, spec in (("a", {}), ("b", LIMITED), ("c", {})):
        here.pool(pool, [{"nodes": "100%"}], replicas=2, **spec)
        for number in range(2):
            here.node(f"{pool}{number}", pool=pool)
    here.look()
    assert sorted(here.taken) == ["a0", "a1", "c0", "c1"]


@pytest.mark.row("karpenter:Q06")
@pytest.mark.parametrize("ready", ["one", "other"])
def test_of_two_commands_each_ends_with_its_own_replacement(ready: str) -> None:
    found: dict[str, NodeClaim] = {}
    ended = {}
    for name in ("one", "other"):
        old = claim(name, conditions=true(names.DRIFTED, names.DISRUPTION_REASON))
        command = drift_command(old, (PLACEMENT,), NOW)
        conditions = true(names.INITIALIZED_CONDITION) if name == ready else true(names.LAUNCHED)
        new = claim(command.replacements[0].name, conditions=conditions, annotations={names.REPLACES: name})
        found[new.name] = new
        taken = node(f"n-{name}", of=name, annotations=dict(start(command, node()).annotations))  # type: ignore[arg-type]  # none is removed
        progress = advance(command, taken, old, found, frozenset(), 2, WALL_CLOCK, NOW + timedelta(minutes=1))
        ended[name] = progress.completed
    assert ended == {name: name == ready for name in ended}


@pytest.mark.parametrize(
    ("blocked", "said"),
    [
        pytest.param(Candidate(claim(), node(), nodepool_found=False), SENTENCES[9], id="karpenter:C26"),
        pytest.param(Candidate(claim(), None), SENTENCES[3], id="karpenter:C20"),
        pytest.param(Candidate(claim(), node(labels={})), SENTENCES[4], id="karpenter:C24"),
        pytest.param(Candidate(claim(), node(), marked_for_deletion=True), SENTENCES[5], id="karpenter:C23"),
        pytest.param(Candidate(claim(), node(annotations=HELD)), SENTENCES[7], id="karpenter:C12"),
        pytest.param(Candidate(claim(), node(), (pod(annotations=HELD),)), SENTENCES[10], id="karpenter:C08"),
        pytest.param(Candidate(claim(), node(), (pod(),)), SENTENCES[11], id="karpenter:C09"),
        pytest.param(Candidate(claim(), node(), in_queue=True), "", id="karpenter:C31"),
        pytest.param(Candidate(None, node()), "", id="karpenter:C19"),
    ],
)
def test_why_a_node_is_no_candidate_is_said_in_karpenter_s_sentence(blocked: Candidate, said: str) -> None:
    verdict = check(blocked, Surroundings(PdbIndex([pdb()]), WALL_CLOCK, NOW))
    events = list(blocked_events(claim(), blocked.node, verdict))
    assert {event.message for event in events} == ({said} if said else set())
    assert {event.reason for event in events} <= {"DisruptionBlocked"}
    assert [event.kind for event in events] == (["NodeClaim", *(["Node"] if blocked.node else [])] if said else [])
