"""Empty nodes in the disruption loop: before drift, within budget, validated again (karpenter.md 5, 19.11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.emptiness import PodEvents
from napsim.controllers.executor import Retry
from napsim.controllers.nodepools import _unhonoured
from napsim.core.actions import Action, SetNodeClaimStatus, with_status
from napsim.core.commands import recorded
from napsim.core.objects import Condition, NodeClaim, Pod, Requirement
from tests.controllers.test_disruption import World
from tests.core.emptiness_rows import TAKEN_AT_ONCE
from tests.core.examples import NOW, claim, pdb, pod, true

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
DELAY = 15 * SECOND
EVERYTHING = ({"nodes": "100%"},)


class Cluster(World):
    """A cluster in memory with nodes that are Consolidatable."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.emptied: list[tuple[str, ...]] = []
        self.invalidated: list[int] = []
        self.refused: set[str] = set()
        self.disruption.emptiness.on_emptied = self.emptied.append
        self.disruption.emptiness.on_invalidated = self.invalidated.append

    async def carry_out(self, actions: Iterable[Action]) -> None:
        kept = list(actions)
        for action in kept:
            if action.node.name in self.refused:  # type: ignore[union-attr]  # World is asked for patches of Nodes only
                raise Retry("conflict")
        await super().carry_out(kept)

    def quiet(self, name: str, *pods: Pod, pool: str = "default", drifted: int | None = None, **more: Any) -> NodeClaim:
        """A node that is Consolidatable, with its pods."""
        self.node(name, *pods, pool=pool, drifted=drifted, **more)
        owner = self.state.claims[f"c-{name}"]
        extra = true(names.INITIALIZED_CONDITION, names.CONSOLIDATABLE)
        return self.put(replace(owner, status=replace(owner.status, conditions=(*owner.status.conditions, *extra))))

    def put(self, changed: NodeClaim) -> NodeClaim:
        self.state.on_claim(self.state.claims.get(changed.name), changed)
        self.disruption.on_claim(changed, changed.name)
        return changed

    def move(self, new: Pod, old: Pod | None = None) -> None:
        """A pod changes; whoever looks at its node hears of it, as in ``Controllers.on_pod``."""
        self.state.on_pod(old, new)
        node = self.state.nodes.get(new.spec.node_name)
        owner = self.state.claim_of(node) if node else None
        if owner is not None:
            self.disruption.on_claim(owner, owner.name)

    def decide(self) -> list[str]:
        """A pass, and the one after the validation; the nodes taken."""
        self.look()
        self.real += DELAY
        self.look()
        return self.taken

    def messages(self, kind: str) -> set[str]:
        return {event.message for event in self.said if event.kind == kind}


def cluster(budgets: Iterable[Mapping[str, Any]] = EVERYTHING, after: str = "30s", **spec: Any) -> Cluster:
    made = Cluster()
    pool(made, "default", budgets, after, **spec)
    return made


def pool(
    here: Cluster, name: str, budgets: Iterable[Mapping[str, Any]] = EVERYTHING, after: str = "30s", **spec: Any
) -> None:
    policy = spec.pop("policy", "WhenEmpty")
    wanted = {"consolidateAfter": after, "consolidationPolicy": policy, "budgets": list(budgets)}
    here.pool(name, disruption=wanted, **spec)


# --- how many, in one command -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pools", "size", "budget", "taken"), TAKEN_AT_ONCE)
def test_all_empty_nodes_that_budgets_allow_go_in_one_command(pools: int, size: int, budget: str, taken: int) -> None:
    here = Cluster()
    for number in range(pools):
        pool(here, f"p{number}", [{"nodes": budget}])
        for index in range(size):
            here.quiet(f"n{number}-{index}", pool=f"p{number}")
    assert len(here.decide()) == taken
    assert [set(item) for item in here.emptied] == ([{f"p{number}" for number in range(pools)}] if taken else [])
    commands = [recorded(here.state.nodes[name]) for name in here.taken]
    assert {(item.reason, item.replacements) for item in commands if item} == ({("Empty", ())} if taken else set())
    assert here.messages("Node") == here.messages("NodeClaim") == set()


def test_only_budgets_for_empty_count() -> None:
    here = cluster([{"nodes": "1", "reasons": ["Drifted", "Underutilized"]}, {"nodes": "2", "reasons": ["Empty"]}])
    for number in range(4):
        here.quiet(f"n{number}")
    assert len(here.decide()) == 2


def test_a_node_that_consumes_budget_otherwise_leaves_less_for_empty_ones() -> None:
    here = cluster([{"nodes": "2"}])
    here.quiet("a")
    here.quiet("b")
    here.full("c", drifted=None, ready=False)
    assert len(here.decide()) == 1


def test_of_nodes_that_are_not_alike_the_dearest_go_first() -> None:
    here = cluster([{"nodes": "1"}])
    here.quiet("small")
    large = here.quiet("large")
    labels = {**large.metadata.labels, names.INSTANCE_TYPE: "Standard_D8s_v5"}
    here.put(replace(large, metadata=replace(large.metadata, labels=labels)))
    assert here.decide() == ["large"]


# --- which nodes --------------------------------------------------------------------------------------------------


def test_nodes_with_pods_that_need_room_elsewhere_stay() -> None:
    here = cluster()
    here.quiet("full", pod(node="full"))
    here.quiet("empty", pod("d", node="empty", owner="DaemonSet"))
    assert here.decide() == ["empty"]


def test_a_node_that_is_not_consolidatable_yet_stays() -> None:
    here = cluster()
    here.node("a", drifted=None)
    assert here.decide() == []


@pytest.mark.parametrize("spec", [{"after": "Never"}, {"replicas": 2}], ids=["never", "static"])
def test_pools_whose_nodes_never_go_for_being_empty(spec: dict[str, Any]) -> None:
    here = cluster(**spec)
    here.quiet("a")
    assert here.decide() == []


def test_a_node_that_is_played_in_place_stays() -> None:
    here = cluster()
    owner = here.quiet("a")
    text = '{"node":"a","generation":1}'
    here.put(replace(owner, metadata=replace(owner.metadata, annotations={names.ADOPTS: text})))
    assert here.decide() == []


@pytest.mark.parametrize("grace", ["", "1h"], ids=["without-a-grace-period", "with-one"])
def test_pods_are_never_overruled_for_a_node_that_is_empty(grace: str) -> None:
    here = cluster()
    held = pod(node="a", owner="DaemonSet", annotations={names.DO_NOT_DISRUPT: "true"})
    here.quiet("a", held, grace=grace)
    here.state.on_pdb(None, pdb(allowed=0, labels={"app": "held"}))
    here.quiet("b", pod("q", node="b", owner="DaemonSet", labels={"app": "held"}), grace=grace)
    assert here.decide() == []
    assert here.messages("Node") == here.messages("NodeClaim") == {
        'Pod has "karpenter.sh/do-not-disrupt" annotation (Pod=default/p)',
        "Pdb prevents pod evictions (PodDisruptionBudget=[default/b])",
    }  # fmt: skip


def test_a_protection_that_ends_is_waited_for() -> None:
    here = cluster()
    here.quiet("a", pod(node="a", owner="DaemonSet", annotations={names.DO_NOT_DISRUPT: "2m"}))
    assert here.look() == NOW + 2 * MINUTE
    here.real = NOW + 2 * MINUTE
    assert here.decide() == ["a"]


def test_a_pdb_that_relaxes_wakes_the_loop() -> None:
    here = cluster()
    here.state.on_pdb(None, pdb(allowed=0))
    here.quiet("a", pod(node="a", owner="DaemonSet"))
    assert here.decide() == []
    here.state.on_pdb(None, pdb(allowed=1))
    here.woken.clear()
    here.disruption.on_pdb("default/b")
    assert here.woken
    here.real += 10 * SECOND
    assert here.decide() == ["a"]


def test_a_replacement_is_not_taken_for_empty_while_the_node_before_it_is_leaving() -> None:
    here = cluster()
    here.state.on_claim(None, claim("old"))
    owner = here.quiet("new")
    here.put(replace(owner, metadata=replace(owner.metadata, annotations={names.REPLACES: "old"})))
    assert here.decide() == []
    assert here.messages("Node") == {"Node is nominated for a pending pod"}
    here.state.on_claim(here.state.claims["old"], None)
    assert here.decide() == [], "the nomination lasts 20 s after the last look"
    here.real += 20 * SECOND
    assert here.decide() == ["new"]


def test_a_node_on_which_a_pending_pod_fits_waits_for_it() -> None:
    here = cluster()
    waiting = pod("w", node="", requests={"cpu": "1"}, unschedulable=True)
    here.quiet("a")
    item = here.state.nodes["a"]
    here.state.on_node(item, replace(item, status=replace(item.status, allocatable={"cpu": "4", "pods": "9"})))
    here.move(waiting)
    assert here.decide() == []
    here.move(replace(waiting, spec=replace(waiting.spec, node_selector={"zone": "elsewhere"})), waiting)
    here.real += 20 * SECOND
    assert here.decide() == ["a"]


# --- validation ---------------------------------------------------------------------------------------------------


def test_a_decision_waits_fifteen_seconds_in_which_nothing_else_starts() -> None:
    here = cluster()
    here.quiet("a")
    here.full("b", drifted=0)
    assert here.look() == NOW + DELAY
    here.real += 10 * SECOND
    assert here.look() == NOW + DELAY
    assert here.taken == []
    here.real += 5 * SECOND
    assert here.look() == here.real
    assert here.taken == ["a"]
    here.look()
    assert here.taken == ["a", "b"]


def test_a_node_that_gets_a_pod_meanwhile_stays_and_the_others_go() -> None:
    here = cluster()
    here.quiet("a")
    here.quiet("b")
    here.look()
    here.move(pod(node="a"))
    here.real += DELAY
    here.look()
    assert (here.taken, here.invalidated) == (["b"], [])


def test_when_no_node_is_left_drift_goes_on_in_the_same_pass() -> None:
    here = cluster()
    here.quiet("a")
    here.full("b", drifted=0)
    here.look()
    here.move(pod(node="a"))
    here.real += DELAY
    here.look()
    assert (here.taken, here.invalidated, here.emptied) == (["b"], [1], [])


def test_a_budget_that_closes_meanwhile_keeps_the_node() -> None:
    here = cluster()
    here.quiet("a")
    here.look()
    pool(here, "default", [{"nodes": "0"}])
    here.real += DELAY
    here.look()
    assert (here.taken, here.invalidated) == ([], [1])


def test_a_node_that_becomes_empty_meanwhile_waits_for_the_next_decision() -> None:
    here = cluster()
    here.quiet("a")
    here.look()
    here.quiet("b")
    here.real += DELAY
    here.look()
    assert here.taken == ["a"]
    assert here.decide() == ["a", "b"]


def test_whoever_leads_next_decides_anew() -> None:
    here = cluster()
    owner = here.quiet("a")
    here.look()
    here.disruption.forget()
    here.real += DELAY
    assert here.look() is None
    here.disruption.on_claim(owner, owner.name)
    here.real += 10 * SECOND
    assert here.decide() == ["a"]


def test_a_node_that_cannot_be_marked_is_left_out_of_the_command() -> None:
    here = cluster()
    here.quiet("a")
    here.quiet("b")
    here.refused = {"a"}
    assert here.decide() == ["b"]
    here.refused = set()
    assert here.decide() == ["b", "a"]


def test_when_none_can_be_marked_the_pass_is_repeated() -> None:
    here = cluster()
    here.quiet("a")
    here.refused = {"a"}
    here.look()
    here.real += DELAY
    with pytest.raises(Retry):
        here.look()
    assert here.emptied == []


# --- drift --------------------------------------------------------------------------------------------------------


def test_what_emptiness_takes_drift_has_not() -> None:
    here = cluster([{"nodes": "2"}])
    for number in range(2):
        here.quiet(f"empty{number}")
        here.full(f"drifted{number}", drifted=number)
    here.decide()
    here.look()
    assert sorted(here.taken) == ["empty0", "empty1"]


def test_a_drifted_node_that_is_empty_goes_for_being_empty() -> None:
    here = cluster()
    here.quiet("a", drifted=0)
    assert here.decide() == ["a"]
    command = recorded(here.state.nodes["a"])
    assert command is not None
    assert command.reason == "Empty"


def test_where_nodes_never_go_for_being_empty_a_drifted_one_goes_for_drift() -> None:
    here = cluster(after="Never")
    here.quiet("a", drifted=0)
    here.look()
    command = recorded(here.state.nodes["a"])
    assert command is not None
    assert command.reason == "Drifted"


# --- budgets that block -------------------------------------------------------------------------------------------


def _blocked(reason: str) -> str:
    return f"No allowed disruptions for disruption reason {reason} due to blocking budget"


def test_a_budget_that_allows_no_empty_node_says_so_and_wakes_the_loop_when_it_changes() -> None:
    here = cluster([{"nodes": "0", "reasons": ["Empty"], "schedule": "0 9 * * *", "duration": "8h"}])
    here.quiet("a")
    assert here.look() == NOW + timedelta(hours=8)
    assert here.messages("NodePool") == {_blocked("Empty")}
    here.real = NOW + timedelta(hours=8)
    assert here.decide() == ["a"]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        pytest.param("WhenEmptyOrUnderutilized", {_blocked("Underutilized")}, id="consolidates"),
        pytest.param("WhenEmpty", set(), id="only-when-empty"),
    ],
)
def test_budgets_for_consolidation_are_evaluated_although_nothing_is_consolidated(policy: str, said: set[str]) -> None:
    here = cluster([{"nodes": "0", "reasons": ["Underutilized"]}, {"nodes": "1"}], policy=policy)
    here.quiet("a", pod(node="a"))
    assert here.decide() == []
    assert here.messages("NodePool") == said


def test_without_a_candidate_nothing_is_said_of_budgets() -> None:
    here = cluster([{"nodes": "0"}])
    here.full("a", drifted=None)
    here.look()
    assert here.said == []


@pytest.mark.parametrize(
    ("after", "policy", "named"),
    [
        pytest.param("1m", "WhenEmptyOrUnderutilized", True, id="by-default"),
        pytest.param("1m", "Balanced", True, id="balanced"),
        pytest.param("1m", "WhenEmpty", False, id="only-when-empty"),
        pytest.param("Never", "WhenEmptyOrUnderutilized", False, id="never"),
    ],
)
def test_a_pool_is_told_that_consolidation_is_not_played_where_it_asks_for_it(
    after: str, policy: str, named: bool
) -> None:
    found = _unhonoured(cluster(after=after, policy=policy).declared.pools["default"])
    assert found == (("spec.disruption.consolidationPolicy (Underutilized)",) if named else ())


def test_min_values_are_played_so_that_nobody_is_told_they_are_not() -> None:
    sizes = {"key": names.INSTANCE_TYPE, "operator": "Exists", "minValues": 2}
    reference = {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"}
    template = {"spec": {"nodeClassRef": reference, "requirements": [sizes]}}
    assert _unhonoured(cluster(template=template).declared.pools["default"]) == ()


# --- pods come and go ---------------------------------------------------------------------------------------------


def watched(after: str = "1m") -> tuple[PodEvents, NodeClaim]:
    here = cluster(after=after)
    return PodEvents(here.declared), here.put(claim(conditions=true(names.INITIALIZED_CONDITION)))


def test_a_pod_event_is_written_once_with_what_follows_from_it() -> None:
    events, owner = watched()
    assert events.on_pod(None, pod(), owner, NOW)
    (action,) = events.plan(owner, NOW).actions
    assert isinstance(action, SetNodeClaimStatus)
    written = with_status(owner, action)
    assert written.status.last_pod_event_time == NOW
    assert not events.on_pod(None, pod("q"), written, NOW + 9 * SECOND)
    assert events.plan(written, NOW + 9 * SECOND).actions == ()
    assert events.plan(written, NOW + 9 * SECOND).wake_at == NOW + MINUTE


def test_where_nothing_consolidates_pods_cost_no_write_and_count_when_that_changes() -> None:
    events, owner = watched("Never")
    assert not events.on_pod(None, pod(), owner, NOW + MINUTE)
    assert events.plan(owner, NOW + MINUTE).actions == ()
    here = cluster(after="1m")
    events.declared.pools = here.declared.pools
    assert events.plan(owner, NOW + MINUTE).wake_at == NOW + 2 * MINUTE


def test_pods_of_a_node_on_its_way_out_are_not_noted() -> None:
    events, _ = watched()
    assert not events.on_pod(None, pod(), claim(deleted_at=NOW), NOW)
    assert not events.on_pod(None, pod(), claim(annotations={names.ADOPTS: '{"node":"n","generation":1}'}), NOW)


def test_a_claim_without_its_pool_is_left_as_it_is() -> None:
    events, _ = watched()
    lost = claim(labels={names.NODEPOOL: "gone"}, conditions=(Condition(names.CONSOLIDATABLE, "True"),))
    assert events.plan(lost, NOW).actions == ()


def test_min_values_have_an_effect_and_are_not_named() -> None:
    entry = cluster(after="1m", policy="WhenEmpty").declared.pools["default"]
    spec, template = entry.pool.spec, entry.pool.spec.template
    several = (Requirement(key=names.INSTANCE_TYPE, operator="Exists", min_values=2),)
    asking = replace(spec, template=replace(template, spec=replace(template.spec, requirements=several)))
    assert _unhonoured(replace(entry, pool=replace(entry.pool, spec=asking))) == ()
