"""The disruption loop: which drifted node goes next (karpenter.md 5, 6, 19.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.disruption import Disruption
from napsim.controllers.executor import Retry
from napsim.controllers.state import ClusterState
from napsim.core.actions import Action, Event, PatchNode, patched_node
from napsim.core.clock import Timeline
from napsim.core.commands import Command, recorded
from napsim.core.objects import Condition, Node, Pod
from napsim.core.pace import MEASURED
from napsim.core.reasons import Reason
from napsim.live.executor import Executor
from tests.core.examples import NOW, claim, node, pdb, pod

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LABELS = {
    names.INITIALIZED: "true",
    names.INSTANCE_TYPE: "Standard_D4s_v5",
    names.ZONE: "westeurope-1",
    names.CAPACITY_TYPE: "on-demand",
}


def manifest(
    name: str = "default", budgets: Iterable[Mapping[str, Any]] = ({"nodes": "100%"},), **spec: Any
) -> dict[str, Any]:
    reference = {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": name, "uid": name, "resourceVersion": "1"},
        "spec": {
            "disruption": {"consolidateAfter": "0s", "budgets": list(budgets)},
            "template": {"spec": {"requirements": [], "nodeClassRef": reference}},
            **spec,
        },
    }


NODE_CLASS = {
    "apiVersion": "karpenter.azure.com/v1beta1",
    "kind": "AKSNodeClass",
    "metadata": {"name": "default", "uid": "default", "resourceVersion": "1"},
    "spec": {},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}
ROOM = {"cpu": "3860m", "memory": "12Gi", "pods": "110"}


@dataclass
class World:
    """A cluster in memory. Commands take their nodes at once; nothing else happens by itself."""

    state: ClusterState = field(default_factory=ClusterState)
    declared: Declared = field(default_factory=Declared)
    said: list[Event] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    decided: list[tuple[str, str]] = field(default_factory=list)
    woken: list[datetime] = field(default_factory=list)
    real: datetime = NOW
    refuses: bool = False
    loses_the_answer: bool = False  # carries the patch out and fails all the same
    unseen: dict[str, Node] = field(default_factory=dict)  # Nodes as the API server has them and the informer does not

    def __post_init__(self) -> None:
        self.clock = VirtualClock(lambda: self.real)
        executor = cast(Executor, self)
        self.disruption = Disruption(
            self.state,
            self.declared,
            self.clock,
            executor,
            self.woken.append,
            lambda decision, pool: self.decided.append((decision, pool)),
            self.refresh,
        )

    async def refresh(self, name: str) -> None:
        if name in self.unseen:
            self.state.on_node(self.state.nodes[name], self.unseen.pop(name))

    # the executor's part

    def record(self, event: Event) -> None:
        self.said.append(event)

    async def carry_out(self, actions: Iterable[Action]) -> None:
        if self.refuses:
            raise Retry("conflict")
        for action in actions:
            assert isinstance(action, PatchNode)
            new = patched_node(action.node, action)
            if self.loses_the_answer:
                self.unseen[new.name] = new
                raise Retry("no answer")
            self.state.on_node(action.node, new)
            self.taken.append(new.name)
            owner = self.state.claim_of(new)
            assert owner is not None
            self.disruption.on_claim(owner, owner.name)

    # what tests do

    def pool(
        self, name: str = "default", budgets: Iterable[Mapping[str, Any]] = ({"nodes": "100%"},), **spec: Any
    ) -> None:
        assert self.declared.take(NODE_CLASS, NOW), self.declared.problems
        assert self.declared.take(manifest(name, budgets, **spec), NOW), self.declared.problems

    def node(
        self,
        name: str,
        *pods: Pod,
        pool: str = "default",
        drifted: int | None = 0,
        ready: bool = True,
        grace: str = "",
        status: str = "True",
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """A node of its claim ``c-<name>``, drifted so many seconds after NOW (None: not at all), with its pods."""
        conditions = (
            () if drifted is None else (Condition(names.DRIFTED, status, "ImageDrift", "", NOW + drifted * SECOND),)
        )
        owner = claim(f"c-{name}", conditions=conditions, labels={names.NODEPOOL: pool}, grace=grace)
        labels = LABELS | {names.NODEPOOL: pool}
        item = node(name, of=owner.name, labels=labels, ready=ready, annotations=annotations, allocatable=ROOM)
        self.state.on_claim(None, owner)
        self.state.on_node(None, item)
        for one in pods:
            self.state.on_pod(None, one)
        self.disruption.on_claim(owner, owner.name)

    def full(self, name: str, **more: Any) -> None:
        """A node with a pod that nothing else fits beside."""
        self.node(name, filling(name), **more)

    def look(self) -> datetime | None:
        return asyncio.run(self.disruption.reconcile("cluster"))

    def replace_all(self) -> None:
        """Launch, and initialize, what the commands in flight want."""
        for name in tuple(self.state.commands):
            command = recorded(self.state.nodes[name])
            assert command is not None
            for wanted in command.replacements:
                if wanted.name not in self.state.claims:
                    self.state.on_claim(None, claim(wanted.name, annotations={names.REPLACES: f"c-{name}"}))
                    self.state.on_node(
                        None, node(f"aks-{wanted.name}", of=wanted.name, labels=LABELS, allocatable=ROOM)
                    )

    def run(self, passes: int = 20) -> list[str]:
        """So many passes, each after the replacements of the one before exist; the nodes taken, in order."""
        for _ in range(passes):
            self.look()
            self.replace_all()
        return self.taken


def filling(on: str, **more: Any) -> Pod:
    """A pod that fills its node."""
    return pod(f"p-{on}", node=on, requests={"cpu": "3500m"}, **more)


def command(here: World, name: str) -> Command:
    """What was decided for a node that was taken."""
    found = recorded(here.state.nodes[name])
    assert found is not None
    return found


def world(budgets: Iterable[Mapping[str, Any]] = ({"nodes": "100%"},), **spec: Any) -> World:
    made = World()
    made.pool(budgets=budgets, **spec)
    return made


@pytest.mark.row("karpenter:X02")
def test_no_more_are_taken_than_the_budget_allows() -> None:
    here = world([{"nodes": "30%"}])
    for number in range(10):
        here.full(f"n{number}", drifted=number if number < 5 else None)
    assert here.run(5) == ["n0", "n1", "n2"]


def test_a_start_whose_answer_was_lost_is_counted_before_another_node_is_taken() -> None:
    here = world([{"nodes": "1"}])
    here.full("a")
    here.full("b")
    here.loses_the_answer = True
    with pytest.raises(Retry):
        here.look()
    (started,) = here.unseen
    here.loses_the_answer = False
    here.look()
    assert here.taken == []
    assert names.COMMAND in here.state.nodes[started].metadata.annotations


def test_a_pass_takes_one_node_and_the_next_comes_at_once_if_nothing_waits_for_a_launch() -> None:
    here = world()
    here.full("a")
    here.full("b")
    assert here.look() == NOW
    assert len(here.taken) == 1
    assert here.look() == NOW + SECOND
    assert len(here.taken) == 1
    here.replace_all()
    assert here.look() == NOW + SECOND, "a launch is seen at the next poll"
    here.real += SECOND
    assert here.look() == NOW + SECOND
    assert len(here.taken) == 2


def test_a_look_that_comes_late_finds_that_the_launch_is_over() -> None:
    """On a real clock no look comes at the very instant of a poll."""
    here = world()
    here.full("a")
    here.full("b")
    here.look()
    assert here.look() == NOW + SECOND
    here.replace_all()
    here.real += 1.3 * SECOND
    here.look()
    assert len(here.taken) == 2


@pytest.mark.parametrize("deleted_at", [pytest.param(None, id="new"), pytest.param(NOW, id="deleted")])
def test_nothing_starts_while_any_claim_waits_for_its_launch_until_it_has_it_or_is_gone(
    deleted_at: datetime | None,
) -> None:
    here = world()
    here.full("a")
    fresh = claim("fresh", provider_id="", deleted_at=deleted_at)
    here.state.on_claim(None, fresh)
    assert here.look() == NOW + SECOND
    assert here.taken == []
    here.state.on_claim(fresh, None)
    here.real += SECOND
    assert here.run(1) == ["a"]


def test_a_node_that_consumes_budget_otherwise_leaves_less_for_drift() -> None:
    here = world([{"nodes": "2"}])
    here.full("a")
    here.full("b")
    here.full("c", drifted=None, ready=False)
    assert len(here.run()) == 1


@pytest.mark.parametrize(
    ("status", "drifted"),
    [pytest.param("True", None, id="karpenter:X05"), pytest.param("False", 0, id="karpenter:X06")],
)
def test_what_is_not_drifted_stays(status: str, drifted: int | None) -> None:
    here = world()
    here.full("a", drifted=drifted, status=status)
    assert here.run() == []


@pytest.mark.parametrize(
    ("value", "taken"), [pytest.param("true", [], id="karpenter:X07"), pytest.param("false", ["a"], id="karpenter:X08")]
)
def test_do_not_disrupt_on_a_node(value: str, taken: list[str]) -> None:
    here = world()
    here.full("a", annotations={names.DO_NOT_DISRUPT: value})
    assert here.run() == taken


@pytest.mark.row("karpenter:X09")
def test_do_not_disrupt_on_a_pod_blocks_until_it_is_taken_off() -> None:
    here = world()
    held = pod(node="a", annotations={names.DO_NOT_DISRUPT: "true"})
    here.node("a", held)
    assert here.run() == []
    assert {event.kind for event in here.said} == {"Node", "NodeClaim"}
    assert {event.message for event in here.said} == {
        'Pod has "karpenter.sh/do-not-disrupt" annotation (Pod=default/p)'
    }
    here.state.on_pod(held, pod(node="a"))
    here.disruption.on_claim(here.state.claims["c-a"], "c-a")
    here.real += 10 * SECOND
    assert here.run() == ["a"]


@pytest.mark.row("karpenter:X11")
def test_a_protection_that_ends_is_waited_for_to_the_next_tick() -> None:
    here = world()
    here.node("a", pod(node="a", annotations={names.DO_NOT_DISRUPT: "2m"}))
    assert here.look() == NOW + 2 * MINUTE
    here.real = NOW + 2 * MINUTE
    here.look()
    assert here.taken == ["a"]


@pytest.mark.row("karpenter:X12")
def test_an_annotation_that_means_nothing_does_not_block() -> None:
    here = world()
    here.node("a", pod(node="a", annotations={names.DO_NOT_DISRUPT: "invalid-format"}))
    assert here.run() == ["a"]


def test_one_annotation_out_of_all_bounds_holds_nobody_up() -> None:
    here = world()
    here.node("a", filling("a", annotations={names.DO_NOT_DISRUPT: "9999999999999999h"}))
    here.full("b")
    assert sorted(here.run()) == ["a", "b"]


@pytest.mark.row("karpenter:X16")
def test_an_empty_node_goes_without_a_replacement_and_a_full_one_with() -> None:
    here = world()
    here.node("a", drifted=0)
    here.full("b", drifted=1)
    assert here.run() == ["a", "b"]
    commands = [recorded(here.state.nodes[name]) for name in ("a", "b")]
    assert [len(command.replacements) for command in commands if command] == [0, 1]
    assert here.decided == [("delete", "default"), ("replace", "default")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param((True, 3600), (False, 0), id="karpenter:X17"),
        pytest.param((False, 0), (False, 3600), id="karpenter:X20"),
    ],
)
def test_empty_nodes_go_first_then_those_that_drifted_first(first: tuple[bool, int], second: tuple[bool, int]) -> None:
    here = world([{"nodes": "1"}])
    for name, (empty, seconds) in (("later", second), ("first", first)):
        here.node(name, *(() if empty else (pod(f"p-{name}", node=name),)), drifted=seconds)
    assert here.run() == ["first"]


def test_the_order_is_over_all_pools_together() -> None:
    here = world()
    here.pool("other")
    for number, pool in enumerate(["default", "other", "other", "default"]):
        here.full(f"n{number}", pool=pool, drifted=number)
    assert here.run() == ["n0", "n1", "n2", "n3"]


def test_a_pool_without_budget_does_not_hold_up_the_others_and_says_so() -> None:
    here = world([{"nodes": "0"}])
    here.pool("other")
    here.full("a", drifted=0)
    here.full("b", pool="other", drifted=1)
    assert here.run() == ["b"]
    message = "No allowed disruptions for disruption reason Drifted due to blocking budget"
    assert ("NodePool", "default", message) in {(event.kind, event.name, event.message) for event in here.said}


def test_a_pdb_with_nothing_to_spare_blocks_its_nodes_alone_until_it_relaxes() -> None:
    here = world()
    here.state.on_pdb(None, pdb(allowed=0, labels={"app": "held"}))
    here.node("a", filling("a", labels={"app": "held"}), drifted=0)
    here.full("b", drifted=1)
    assert here.run() == ["b"]
    assert here.disruption.queues["default"].blocked["c-a"].reason is Reason.PDB
    assert here.disruption.blocked_since == {"c-a": NOW}
    here.state.on_pdb(None, pdb(allowed=1, labels={"app": "held"}))
    here.disruption.on_pdb("default/b")
    here.real += 10 * SECOND
    assert here.run() == ["b", "a"]
    assert here.disruption.blocked_since == {}


def test_with_a_grace_period_a_pdb_does_not_block_drift() -> None:
    here = world()
    here.state.on_pdb(None, pdb(allowed=0))
    here.full("a", grace="1h")
    assert here.run() == ["a"]


def test_a_claim_that_drifts_before_its_node_is_there_follows_when_it_is() -> None:
    here = world()
    here.full("there", drifted=None)
    early = claim("early", conditions=(Condition(names.DRIFTED, "True", "NodePoolDrifted", "", NOW),))
    here.state.on_claim(None, early)
    here.disruption.on_claim(early, "early")
    assert here.run() == []
    joined = node("aks-early", of="early", labels=LABELS | {names.NODEPOOL: "default"})
    here.state.on_node(None, joined)
    here.disruption.on_claim(early, "early")
    here.real += 10 * SECOND
    assert here.run() == ["aks-early"]


def test_a_start_that_conflicts_leaves_the_node_in_its_place() -> None:
    here = world()
    here.full("a")
    here.refuses = True
    with pytest.raises(Retry):
        here.look()
    here.refuses = False
    here.look()
    assert here.taken == ["a"]


def test_a_budget_s_window_wakes_the_loop() -> None:
    here = world([{"nodes": "0", "schedule": "0 9 * * *", "duration": "8h"}])
    here.full("a")
    assert here.look() == NOW + timedelta(hours=8)
    assert here.taken == []
    here.real = NOW + timedelta(hours=8)
    here.look()
    assert here.taken == ["a"]


def test_passes_that_find_nothing_are_ten_seconds_apart() -> None:
    here = world([{"nodes": "0"}])
    here.full("a")
    assert here.look() is None
    here.real = NOW + 3 * SECOND
    here.disruption.nudge()
    assert here.woken[-1] == NOW + 10 * SECOND
    here.real = NOW + 10 * SECOND
    here.disruption.nudge()
    assert here.woken[-1] == NOW + 10 * SECOND


def test_what_changed_during_a_pass_does_not_make_the_next_one_earlier() -> None:
    here = world([{"nodes": "0"}])
    here.full("a")
    here.disruption.nudge()
    assert here.woken[-1] == NOW
    here.look()
    assert here.look() == NOW + 10 * SECOND


def test_a_clock_that_is_turned_back_does_not_keep_the_loop_waiting() -> None:
    here = world()
    here.disruption.begin(NOW)
    here.clock.turn(Timeline(NOW, NOW - timedelta(days=280), 120.0))
    here.full("a")
    here.look()
    assert here.taken == ["a"]


def pausing(here: World, during: Callable[[], None]) -> list[timedelta]:
    """Judging a candidate takes time, in which that happens; the list of how long it took."""
    pauses: list[timedelta] = []

    async def pause(time: timedelta) -> bool:
        pauses.append(time)
        here.real += time
        during()
        return False

    here.disruption.pause = pause
    return pauses


def test_each_candidate_takes_as_long_to_judge_as_it_takes_karpenter() -> None:
    here = world()
    for name in ("a", "b"):
        here.node(name, pod(f"huge-{name}", node=name, requests={"cpu": "150"}))
    pauses = pausing(here, lambda: None)
    assert here.look() is None
    assert pauses == [MEASURED.of_pass(2), MEASURED.of_simulation(2), MEASURED.of_simulation(2)]


def test_a_budget_that_is_used_up_meanwhile_ends_the_pass() -> None:
    here = world([{"nodes": "1"}])
    here.full("a")
    here.full("b", drifted=None)
    item = here.state.nodes["b"]
    failing = node("b", of="c-b", labels=LABELS | {names.NODEPOOL: "default"}, ready=False, allocatable=ROOM)
    pausing(here, lambda: here.state.on_node(item, failing))
    here.look()
    assert here.taken == []


def test_a_node_that_is_initialized_meanwhile_lets_the_next_candidate_pass() -> None:
    here = world()
    here.full("a", drifted=0)
    here.full("b", drifted=1)
    here.look()
    (wanted,) = command(here, "a").replacements
    joining = {name: value for name, value in LABELS.items() if name != names.INITIALIZED}
    here.state.on_claim(None, claim(wanted.name, annotations={names.REPLACES: "c-a"}))
    new = node(f"aks-{wanted.name}", of=wanted.name, labels=joining, allocatable=ROOM)
    here.state.on_node(None, new)
    ready = node(new.name, of=wanted.name, labels=LABELS, allocatable=ROOM)
    pausing(here, lambda: here.state.on_node(here.state.nodes[new.name], ready))
    here.look()
    assert sorted(here.taken) == ["a", "b"]


def test_a_second_look_without_a_change_does_nothing() -> None:
    here = world([{"nodes": "1"}])
    here.full("a")
    here.full("b")
    here.run(1)
    before = (list(here.taken), here.state.count("default"))
    assert here.look() is None
    assert (here.taken, here.state.count("default")) == before


# --- static pools -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replicas", "budget", "limits", "taken"),
    [
        pytest.param(5, "2", {}, 2, id="karpenter:S01"),
        pytest.param(5, "20%", {}, 1, id="karpenter:S02"),
        pytest.param(5, "100%", {"nodes": "5"}, 0, id="karpenter:S04"),
        pytest.param(5, "100%", {"nodes": "7"}, 2, id="karpenter:S06"),
        pytest.param(0, "100%", {}, 0, id="karpenter:S10"),
        pytest.param(5, "100%", {}, 5, id="karpenter:S11"),
    ],
)
def test_a_static_pool_takes_many_in_one_pass(replicas: int, budget: str, limits: dict[str, str], taken: int) -> None:
    here = world(
        [{"nodes": budget, "reasons": ["Drifted"]}], replicas=replicas, **({"limits": limits} if limits else {})
    )
    for number in range(replicas):
        here.node(f"n{number}")
    here.look()
    assert len(here.taken) == taken
    assert here.decided == [("replace", "default")] * taken


@pytest.mark.row("karpenter:S03")
def test_each_static_pool_by_its_own_budget() -> None:
    here = World()
    for pool, size, budget in (("a", 4, "1"), ("b", 3, "2"), ("c", 2, "100%")):
        here.pool(pool, [{"nodes": budget}], replicas=size)
        for number in range(size):
            here.node(f"{pool}{number}", pool=pool)
    here.look()
    assert sorted(name[0] for name in here.taken) == ["a", "b", "b", "c", "c"]


def test_a_static_pool_waits_while_it_is_larger_than_its_replicas() -> None:
    here = world([{"nodes": "1"}], replicas=3)
    for number in range(4):
        here.node(f"n{number}")
    here.look()
    assert here.taken == []


@pytest.mark.parametrize("allowed", [0, 1, 3, 7, 12])
def test_never_are_more_taken_than_the_budget_allows(allowed: int) -> None:
    here = world([{"nodes": str(allowed)}])
    for number in range(10):
        here.full(f"n{number}", drifted=number % 3)
    here.run(30)
    assert len(here.taken) == len(set(here.taken)) == min(allowed, 10)


# --- played in place ----------------------------------------------------------------------------------------------


def in_place(here: World, name: str, *pods: Pod, drifted: int = 0) -> None:
    here.node(name, *pods, drifted=drifted)
    owner = here.state.claims[f"c-{name}"]
    text = f'{{"node":"{name}","generation":1}}'
    changed = replace(owner, metadata=replace(owner.metadata, annotations={names.ADOPTS: text}))
    here.state.on_claim(owner, changed)
    here.disruption.on_claim(changed, changed.name)


def test_a_node_played_in_place_is_replaced_by_none_and_counted_as_replaced() -> None:
    here = world()
    in_place(here, "a", pod("p", node="a"))
    assert here.run(2) == ["a"]
    command = recorded(here.state.nodes["a"])
    assert command is not None
    assert command.replacements == ()
    assert here.decided == [("replace", "default")]


def test_the_operator_s_own_node_goes_when_all_others_are_through() -> None:
    here = world()
    here.disruption.own_node = "own"
    in_place(here, "own", drifted=-100)
    in_place(here, "a", pod("p", node="a"))
    assert here.run(3) == ["a"], "although it is empty, and drifted longest"
    item = here.state.nodes["a"]
    here.state.on_node(item, patched_node(item, PatchNode(item, annotations={names.COMMAND: None})))
    here.disruption.on_claim(None, "c-a")
    here.real += 10 * SECOND
    assert here.run(1) == ["a", "own"]


def test_a_blocked_node_does_not_keep_the_operator_s_own_waiting() -> None:
    here = world()
    here.disruption.own_node = "own"
    in_place(here, "own")
    here.full("a", annotations={names.DO_NOT_DISRUPT: "true"})
    assert here.run(2) == ["own"]


def test_nor_does_a_pool_whose_budget_allows_nothing() -> None:
    here = world()
    here.pool("frozen", [{"nodes": "0"}])
    here.disruption.own_node = "own"
    in_place(here, "own")
    here.full("a", pool="frozen")
    assert here.run(2) == ["own"]


def test_the_operator_s_own_node_is_not_the_first_because_it_was_marked_first() -> None:
    here = World()
    here.disruption.own_node = "own"
    marked = [False]
    here.disruption.settled = lambda: marked[0]
    here.pool(budgets=[{"nodes": "100%"}])
    here.node("own", drifted=0)
    here.node("other", drifted=None)
    here.look()
    assert here.taken == []
    assert NOW + 10 * SECOND in here.woken, "it is looked at again, also if no other is marked"

    marked[0] = True
    here.real += 10 * SECOND
    here.look()
    assert here.taken == ["own"]


def test_the_operator_s_own_node_stays_where_its_pod_fits_nowhere_else() -> None:
    here = world()
    here.disruption.own_node, here.disruption.own_pod = "own", "default/napsim"
    in_place(here, "own", pod("napsim", node="own", requests={"cpu": "400m"}))
    here.full("other", drifted=None)
    assert here.run(2) == []
    (verdict,) = here.disruption.queues["default"].blocked.values()
    assert verdict.reason is Reason.UNSCHEDULABLE
    here.state.on_pod(here.state.pods["default/p-other"], None)
    here.real += MINUTE
    assert here.run(1) == ["own"]


def test_every_pass_says_of_a_node_that_is_not_initialized_that_it_is_not_and_of_no_other() -> None:
    here = world()
    here.full("there", drifted=None)
    here.full("new", drifted=None)
    joining = replace(here.state.nodes["new"], metadata=replace(here.state.nodes["new"].metadata, labels={}))
    here.state.on_node(here.state.nodes["new"], joining)
    here.disruption.on_claim(here.state.claims["c-new"], "c-new")
    here.look()
    assert [(said.kind, said.name, said.reason, said.message) for said in here.said] == [
        ("NodeClaim", "c-new", "DisruptionBlocked", "Node isn't initialized"),
        ("Node", "new", "DisruptionBlocked", "Node isn't initialized"),
    ]
    here.said.clear()
    here.state.on_node(joining, node("new", of="c-new", labels=LABELS, allocatable=ROOM))
    here.disruption.on_claim(here.state.claims["c-new"], "c-new")
    here.look()
    assert here.said == []
