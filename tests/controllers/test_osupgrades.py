"""Agent pools from one look to the next: a window, a change of channel, an operator that starts anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.osupgrades import OSUpgradeController
from napsim.controllers.reports import Reports
from napsim.controllers.state import ClusterState
from napsim.controllers.windows import WindowController
from napsim.core.actions import Action, Event, EvictPod, PatchNode, patched_node
from napsim.core.agentpools import STRAYS, Phase
from napsim.core.clock import Timeline, rfc3339
from napsim.core.objects import Node, Pod
from napsim.live.executor import Executor
from tests.controllers.test_windows import configuration
from tests.core.agents import NEW, OLD, SUNDAY, agent, label, with_record
from tests.core.examples import pod

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SATURDAY = SUNDAY.replace(hour=12) - DAY
PLAY = {"mode": "Play"}


def node_image(version: str, patch: str = "") -> dict[str, Any]:
    spec = {"osSKU": "Ubuntu2204", "definition": "2204gen2containerd", "version": version}
    spec |= {"publishedAt": "2026-02-20T00:00:00Z"} | ({"securityPatch": patch} if patch else {})
    metadata = {"name": f"image-{version}{patch and '-patched'}", "uid": version, "resourceVersion": "1"}
    return {"apiVersion": "napsim.dev/v1alpha1", "kind": "NodeImage", "metadata": metadata, "spec": spec}


@dataclass
class World:
    """The controller over objects in memory. The executor is stood in for: it applies what it is given."""

    real: datetime = SATURDAY
    own_node: str = ""
    said: list[Event] = field(default_factory=list)
    evicted: list[str] = field(default_factory=list)
    state: ClusterState = field(default_factory=ClusterState)
    declared: Declared = field(default_factory=Declared)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(lambda: self.real, Timeline(SATURDAY, SATURDAY))
        executor = cast(Executor, self)
        self.windows = WindowController(self.declared, self.clock, Reports(self.declared, self.clock, executor))
        self.start()

    def start(self) -> None:
        """Another operator."""
        self.controller = OSUpgradeController(
            self.state, self.declared, self.windows, self.clock, cast(Executor, self), self.own_node
        )
        self.controller.adopt()

    async def carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, PatchNode):
                self.put(patched_node(self.state.nodes[action.node.name], action))
            elif isinstance(action, EvictPod):
                self.evicted.append(action.pod.name)
            elif isinstance(action, Event):
                self.record(action)

    def record(self, event: Event) -> None:
        self.said.append(event)

    # --- what there is ------------------------------------------------------------------------------------------------

    def settle(self, *nodes: Node, **spec: Any) -> World:
        """With a window on Sundays, and the images."""
        for manifest in (node_image(OLD), node_image(NEW), configuration("node-os", "aksManagedNodeOSUpgradeSchedule")):
            assert self.declared.take(manifest, SATURDAY), self.declared.problems
        self.windows.adopt()
        self.choose(**{"agentPools": PLAY, **spec})
        for item in nodes:
            self.put(item)
        return self

    def choose(self, status: Mapping[str, Any] | None = None, **spec: Any) -> None:
        known = (self.declared.nap or {}).get("status", {})
        metadata = {"name": "default", "uid": "nap", "generation": 1, "resourceVersion": "1"}
        kind = {"apiVersion": "napsim.dev/v1alpha1", "kind": "NodeAutoProvisioning"}
        manifest = {**kind, "metadata": metadata, "spec": spec, "status": status or known}
        assert self.declared.take(manifest, self.real), self.declared.problems

    def put(self, item: Node) -> None:
        old = self.state.nodes.get(item.name)
        self.state.on_node(old, item)
        self.state.agent_pools.put(old, item)

    def run(self, item: Pod) -> None:
        self.state.on_pod(None, item)

    # --- what is seen -------------------------------------------------------------------------------------------------

    def look(self, at: datetime | None = None) -> datetime | None:
        self.real = at or self.real
        return asyncio.run(self.controller.reconcile("a"))

    def until(self, end: datetime) -> None:
        """Look whenever the last look said so, and after each change."""
        for _ in range(100):
            before = dict(self.state.nodes)
            again_at = self.look()
            if dict(self.state.nodes) != before:
                continue
            if again_at is None or again_at > end:
                return
            self.real = again_at
        raise AssertionError("it never comes to rest")

    def status(self) -> dict[str, Any]:
        found = self.controller.status(self.real)
        assert found is not None
        return found

    def versions(self) -> list[str]:
        nodes = [self.state.nodes[name] for name in sorted(self.state.nodes)]
        return [item.metadata.labels[names.NODE_IMAGE_VERSION].rsplit("-", 1)[-1] for item in nodes]

    def cordoned(self) -> list[str]:
        return [name for name, item in sorted(self.state.nodes.items()) if item.spec.unschedulable]

    def reasons(self) -> list[str]:
        return [event.reason for event in self.said]


TWO = (agent("a-0"), agent("a-1"))


@pytest.mark.row("pm:8-node-image")
def test_a_pool_is_reimaged_node_by_node_once_the_window_is_open() -> None:
    world = World().settle(*TWO)
    assert world.look() == SUNDAY.replace(hour=1) + timedelta(microseconds=1)
    assert world.status()["pools"][0]["reason"] == "MaintenanceWindowClosed"
    assert world.status()["summary"] == "NodeImage: a 0/2"
    world.until(SUNDAY)
    assert world.versions() == [NEW, NEW]
    assert world.reasons() == ["OSUpgradeBegan", "OSUpgraded"] * 2
    assert world.status()["summary"] == "NodeImage: a 2/2"
    assert world.cordoned() == []


@pytest.mark.row("pm:7.1-node-os")
def test_a_window_that_does_not_count_yet_is_waited_for() -> None:
    world = World().settle(*TWO)
    fresh = configuration("node-os", "aksManagedNodeOSUpgradeSchedule")
    fresh["metadata"] |= {"creationTimestamp": rfc3339(SATURDAY), "resourceVersion": "2"}
    assert world.declared.take(fresh, SATURDAY)
    world.windows.adopt()
    assert world.look() == SATURDAY + timedelta(minutes=30)
    assert world.versions() == [OLD, OLD]
    assert "is new and counts from" in world.status()["pools"][0]["message"]
    world.declared.drop("MaintenanceConfiguration", "node-os")
    world.windows.adopt()
    world.until(SATURDAY + HOUR)
    assert world.versions() == [NEW, NEW], "without any, the first upgrade is due at once"


@pytest.mark.row("pm:7.3-goes-on")
def test_a_node_that_has_begun_ends_after_the_window_and_the_next_waits_for_another() -> None:
    world = World().settle(*TWO)
    world.run(pod("p", node="a-0"))
    late = SUNDAY.replace(hour=4, minute=59)
    world.look(late)
    world.look()
    assert world.evicted == ["p"]
    world.state.on_pod(world.state.pods["default/p"], None)
    world.real = SUNDAY.replace(hour=5)
    world.until(SUNDAY + DAY)
    assert world.versions() == [NEW, OLD]


def test_an_operator_that_starts_anew_goes_on_with_what_is_on_the_node() -> None:
    world = World().settle(with_record(agent("a-0", cordoned=True), Phase.REIMAGING, SUNDAY), TWO[1])
    world.start()
    world.real = SUNDAY
    world.until(SUNDAY + timedelta(minutes=30))
    assert world.versions() == [NEW, NEW]


def test_a_pool_that_is_ignored_again_half_way_is_let_go() -> None:
    world = World().settle(*TWO)
    world.look(SUNDAY)
    assert world.cordoned() == ["a-0"]
    world.choose(agentPools={"mode": "Ignore"})
    assert world.look() is None
    assert world.cordoned() == []
    assert world.controller.status(SUNDAY) is None
    assert world.reasons()[-1] == "OSUpgradeEnded"


def test_a_node_that_becomes_a_nodepool_s_half_way_is_let_go() -> None:
    world = World().settle(*TWO)
    world.look(SUNDAY)
    item = world.state.nodes["a-0"]
    labels = {**item.metadata.labels, names.PLAYS_NODEPOOL: "default"}
    world.put(replace(item, metadata=replace(item.metadata, labels=labels)))
    asyncio.run(world.controller.reconcile(STRAYS))
    assert world.cordoned() == []
    assert world.look() is not None
    assert world.cordoned() == ["a-1"], "the pool goes on without it"


def test_without_a_word_about_agent_pools_nothing_is_done() -> None:
    world = World().settle(*TWO, agentPools={})
    assert world.look(SUNDAY) is None
    assert world.versions() == [OLD, OLD]
    assert not world.said


def test_the_operators_own_node_is_named_and_left_alone() -> None:
    world = World(own_node="a-0").settle(*TWO)
    world.until(SUNDAY.replace(hour=4))
    assert world.versions() == [OLD, NEW]
    assert world.status()["pools"][0]["skipped"] == ["a-0: the operator runs on it"]


# --- a change of channel ----------------------------------------------------------------------------------------------


@pytest.mark.row("pm:7.1-channel")
def test_a_change_of_channel_counts_a_day_later_also_for_an_operator_that_starts_in_between() -> None:
    world = World().settle(*TWO, nodeOSUpgradeChannel="None")
    assert world.look() is None
    world.choose(nodeOSUpgradeChannel="NodeImage", agentPools=PLAY)
    assert world.look() == SATURDAY + DAY
    found = world.status()
    assert (found["channel"], found["pending"], found["takesEffectAt"]) == (
        "None", "NodeImage", rfc3339(SATURDAY + DAY),
    )  # fmt: skip
    assert world.reasons() == ["ChannelChanged"]
    world.choose({"osUpgrades": found}, nodeOSUpgradeChannel="NodeImage", agentPools=PLAY)
    world.start()
    world.look(SUNDAY)
    assert world.versions() == [OLD, OLD], "in the window, but a few hours after the change"
    world.look(SATURDAY + DAY)
    assert (world.status()["channel"], world.status()["pending"]) == ("NodeImage", None)
    assert world.reasons() == ["ChannelChanged"]


def test_a_change_that_is_taken_back_is_none() -> None:
    world = World().settle(*TWO)
    for channel in ("NodeImage", "None", "NodeImage"):
        world.choose(nodeOSUpgradeChannel=channel, agentPools=PLAY)
        world.look()
    assert (world.status()["channel"], world.status()["pending"]) == ("NodeImage", None)


@pytest.mark.row("pm:8-change")
def test_a_change_to_unmanaged_reimages_in_the_window_after_it_and_only_once() -> None:
    world = World().settle(agent("a-0", NEW))
    world.look()
    world.choose(nodeOSUpgradeChannel="Unmanaged", agentPools=PLAY)
    world.look()
    assert "are reimaged" in world.said[0].message
    world.until(SUNDAY + 3 * DAY)
    assert world.reasons() == ["ChannelChanged"], "the window came before the day was over"
    world.real = SUNDAY + 7 * DAY
    world.until(SUNDAY + 7 * DAY + HOUR)
    assert world.reasons() == ["ChannelChanged", "OSUpgradeBegan", "OSUpgraded"]
    assert world.status()["changedAt"] == rfc3339(SATURDAY + DAY)
    world.choose({"osUpgrades": world.status()}, nodeOSUpgradeChannel="Unmanaged", agentPools=PLAY)
    world.start()
    world.until(SUNDAY + 15 * DAY)
    assert len(world.said) == 3


@pytest.mark.row("pm:8-change")
def test_where_documents_disagree_on_a_reimage_it_is_said_and_not_done() -> None:
    world = World().settle(agent("a-0", NEW))
    world.look()
    world.choose(nodeOSUpgradeChannel="SecurityPatch", agentPools=PLAY)
    world.look()
    assert world.said[0].message == (
        f"The node OS channel NodeImage becomes SecurityPatch by {rfc3339(SATURDAY + DAY)} at the latest; AKS was said "
        "to reimage nodes at any change, by now not at this one: nothing is reimaged for it"
    )
    world.real = SUNDAY + 7 * DAY
    world.until(SUNDAY + 7 * DAY + HOUR)
    assert world.reasons() == ["ChannelChanged"]


@pytest.mark.row("pm:8-cluster-channel")
def test_the_cluster_channel_node_image_is_played_as_node_image() -> None:
    world = World().settle(*TWO, upgradeChannel="node-image")
    world.look()
    assert world.status()["channel"] == "NodeImage"


# --- live -------------------------------------------------------------------------------------------------------------


@pytest.mark.row("pm:8-live-patch")
def test_patches_go_on_in_the_window_and_evict_nobody() -> None:
    world = World().settle(*TWO, nodeOSUpgradeChannel="SecurityPatch")
    assert world.declared.take(node_image(OLD, "2026.02.18"), SATURDAY)
    world.run(pod("p", node="a-0"))
    world.until(SUNDAY)
    assert {item.metadata.labels[names.NODE_IMAGE_VERSION] for item in world.state.nodes.values()} == {
        label(f"{OLD}-2026.02.18")
    }
    assert (world.reasons(), world.evicted) == (["LivePatched"] * 2, [])
