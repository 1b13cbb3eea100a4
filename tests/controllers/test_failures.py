"""Failures of instances, and what Karpenter does about them: the life of claims under the controllers, in memory.

The API server and KWOK are played in a few lines: what is asked for is done at once, a Node is Ready when it joins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.inplace import InPlaceNodes, InPlaceProvider
from napsim.controllers.nodeclaims import NodeClaimController
from napsim.controllers.nodes import NodeController
from napsim.controllers.provider import KwokProvider
from napsim.controllers.resources import Resource
from napsim.controllers.state import ClusterState
from napsim.core.actions import (
    Action,
    CreateNode,
    CreateNodeClaim,
    DeleteNode,
    DeleteNodeClaim,
    Event,
    EvictPod,
    PatchNode,
    PatchNodeClaim,
    SetNodeClaimStatus,
    patched_claim,
    patched_node,
    with_status,
)
from napsim.core.commands import Command, drift_command, start
from napsim.core.nodepools import Placement
from napsim.core.objects import Condition, Node, NodeClaim, Pod, condition, is_true
from napsim.core.pods import DISRUPTED
from tests.controllers.test_declared import nap, node_class, pool
from tests.core.examples import NOW, claim, node, pod, true

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
IMAGE = "/CommunityGalleries/AKSUbuntu-0000/images/2204gen2containerd/versions/202601.27.0"
TIMINGS = {
    "launch": {"fixed": "10s"},
    "registration": {"fixed": "30s"},
    "initialization": {"fixed": "10s"},
    "detach": {"fixed": "5s"},
}
SIZE = {
    names.INSTANCE_TYPE: "Standard_D4s_v5",
    names.ZONE: "westeurope-1",
    names.CAPACITY_TYPE: "on-demand",
    names.ARCH: "amd64",
}


def _class() -> dict[str, Any]:
    conditions = [{"type": type_, "status": "True", "observedGeneration": 1} for type_ in ("Ready", names.IMAGES_READY)]
    return node_class(status={"conditions": conditions, "images": [{"id": IMAGE, "requirements": []}]})


@dataclass
class World:
    """A cluster in memory whose clock jumps from one look to the next."""

    failures: list[dict[str, Any]]
    state: ClusterState = field(default_factory=ClusterState)
    declared: Declared = field(default_factory=Declared)
    said: list[Event] = field(default_factory=list)
    deleted: list[tuple[str, str, timedelta]] = field(default_factory=list)  # claim, reason, when
    evicted: list[str] = field(default_factory=list)
    failed: list[tuple[Command, int]] = field(default_factory=list)
    due: dict[str, datetime] = field(default_factory=dict)
    now: datetime = NOW

    def __post_init__(self) -> None:
        for manifest in (pool(), _class(), nap(failures=self.failures, timings=TIMINGS)):
            assert self.declared.take(manifest, NOW), self.declared.problems
        self.declared.server_version = "1.33.1"
        clock, provider = VirtualClock(lambda: self.now), KwokProvider(self.declared)
        in_place = InPlaceProvider(self.state, self.declared)
        playing = InPlaceNodes(self.state, self.declared, clock)
        self.claims = NodeClaimController(self.state, self.declared, provider, in_place, clock, self)
        self.nodes = NodeController(
            self.state, self.declared, provider, playing, clock, self,
            lambda command, count: self.failed.append((command, count)),
            lambda _: False,
        )  # fmt: skip

    # the executor's part

    def record(self, event: Event) -> None:
        self.said.append(event)

    async def patch(self, resource: Resource, name: str, changes: object, resource_version: str = "") -> Any:
        raise AssertionError(f"nobody here changes a {resource.kind}")

    async def patch_status(self, resource: Resource, name: str, changes: object) -> Any:
        raise AssertionError(f"nobody here changes a {resource.kind}")

    async def carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            self._do(action)

    def _do(self, action: Action) -> None:
        match action:
            case Event():
                self.said.append(action)
            case SetNodeClaimStatus():
                self.put(with_status(self.state.claims[action.claim.name], action))
            case PatchNodeClaim():
                self.put(patched_claim(self.state.claims[action.claim.name], action))
            case CreateNodeClaim():
                self.put(replace(action.claim, metadata=replace(action.claim.metadata, uid=f"uid-{action.claim.name}")))
            case CreateNode():
                ready = replace(action.node.status, conditions=(Condition(names.READY, "True"),))
                self.put_node(replace(action.node, status=ready))
            case PatchNode():
                self.put_node(_played(patched_node(self.state.nodes[action.node.name], action)))
            case DeleteNodeClaim():
                self.deleted.append((action.claim.name, action.reason, self.now - NOW))
                gone = self.state.claims[action.claim.name]
                self.put(replace(gone, metadata=replace(gone.metadata, deletion_timestamp=self.now)))
            case DeleteNode():
                gone_node = self.state.nodes[action.node.name]
                self.put_node(replace(gone_node, metadata=replace(gone_node.metadata, deletion_timestamp=self.now)))
            case EvictPod():
                self.evicted.append(action.pod.name)
            case _:
                raise AssertionError(action)

    def put(self, new: NodeClaim) -> None:
        old = self.state.claims.get(new.name)
        ended = new.deleting and not new.metadata.finalizers
        self.state.on_claim(old, None if ended else new)
        self._look_soon()

    def put_node(self, new: Node) -> None:
        old = self.state.nodes.get(new.name)
        ended = new.deleting and not new.metadata.finalizers
        self.state.on_node(old, None if ended else new)
        self._look_soon()

    def put_pod(self, new: Pod) -> None:
        self.state.on_pod(None, new)

    def _look_soon(self) -> None:
        for name in (*self.state.claims, *self.state.nodes):
            self.due[name] = self.now

    # what tests do

    def run(self, until: timedelta) -> None:
        """Look at everything that is due, instant after instant."""
        self._look_soon()
        for _ in range(2000):
            name = min(self.due, key=lambda item: (self.due[item], item), default=None)
            if name is None or self.due[name] > NOW + until:
                self.now = NOW + until
                return
            self.now = max(self.now, self.due.pop(name))
            again = asyncio.run((self.nodes if name in self.state.nodes else self.claims).reconcile(name))
            if again is not None and name not in self.due:
                self.due[name] = again
        raise AssertionError(f"no end of looks at {self.now}: {self.due}")

    def claim(self, name: str = "c", **annotations: str) -> None:
        self.put(claim(name, labels=SIZE, provider_id="", annotations=annotations))
        named = replace(self.state.claims[name].spec.node_class_ref, name="default")
        new = self.state.claims[name]
        self.put(replace(new, spec=replace(new.spec, node_class_ref=named, expire_after="Never")))

    def conditions(self, name: str = "c") -> dict[str, tuple[str, str]]:
        return {item.type: (item.status, item.reason) for item in self.state.claims[name].status.conditions}

    def reasons(self) -> list[str]:
        return [event.reason for event in self.said]

    def ready(self, name: str = "aks-c") -> str:
        found = condition(self.state.nodes[name].status.conditions, names.READY)
        assert found is not None
        return found.status


def _played(node_: Node) -> Node:
    """KWOK's stages: a Node that is marked as failed is not Ready."""
    failed = node_.metadata.annotations.get(names.FAILED)
    ready = Condition(names.READY, "Unknown", "NodeStatusUnknown", failed) if failed else Condition(names.READY, "True")
    return replace(node_, status=replace(node_.status, conditions=(ready,)))


def world(*failures: dict[str, Any]) -> World:
    return World(list(failures))


def at(after: timedelta) -> str:
    return (NOW + after).isoformat().replace("+00:00", "Z")


# --- launch -------------------------------------------------------------------------------------------------------


def test_without_failures_a_claim_becomes_a_node_in_the_time_that_the_timings_say() -> None:
    here = world()
    here.claim()
    here.run(timedelta(seconds=51))
    assert is_true(here.state.claims["c"].status.conditions, names.INITIALIZED_CONDITION)
    assert here.deleted == []


def test_without_capacity_the_claim_is_deleted_at_once_with_its_event() -> None:
    here = world({"kind": "NoCapacity", "message": "SKU not available"})
    here.claim()
    here.run(HOUR)
    assert here.deleted == [("c", "insufficient_capacity", 10 * SECOND)]
    assert here.state.claims == {}
    (said,) = here.said
    assert (said.kind, said.name, said.type, said.reason) == ("NodeClaim", "c", "Warning", "InsufficientCapacityError")
    assert said.message == "NodeClaim c event: SKU not available"


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"nodePools": ["other"]},
        {"zones": ["westeurope-2"]},
        {"capacityTypes": ["spot"]},
        {"instanceTypes": ["Standard_D8s_v5"]},
        {"until": at(10 * SECOND)},
        {"from": at(11 * SECOND)},
        {"share": 0},
    ],
    ids=["pool", "zone", "capacity-type", "size", "over", "later", "nobody"],
)
def test_a_want_of_capacity_elsewhere_concerns_nobody_here(elsewhere: dict[str, Any]) -> None:
    here = world({"kind": "NoCapacity", **elsewhere})
    here.claim()
    here.run(HOUR)
    assert here.deleted == []


def test_a_launch_that_fails_is_tried_again_until_it_succeeds() -> None:
    here = world({"kind": "LaunchFails", "until": at(95 * SECOND), "message": "throttled"})
    here.claim()
    here.run(20 * SECOND)
    assert here.conditions()["Launched"] == ("Unknown", "LaunchFailed")
    here.run(99 * SECOND)
    assert here.conditions()["Launched"] == ("Unknown", "LaunchFailed")
    here.run(100 * SECOND)
    assert here.conditions()["Launched"] == ("True", "Launched")
    assert here.deleted == []


def test_a_launch_that_fails_for_five_minutes_is_given_up() -> None:
    here = world({"kind": "LaunchFails"})
    here.claim()
    here.run(HOUR)
    assert here.deleted == [("c", "launch_timeout", 5 * MINUTE)]
    assert here.state.claims == {}


def test_a_launch_that_fails_for_a_while_comes_to_its_end() -> None:
    here = world({"kind": "LaunchFails", "lasts": "2m"})
    here.claim()
    here.run(HOUR)
    assert here.deleted == []
    launched = condition(here.state.claims["c"].status.conditions, names.LAUNCHED)
    assert launched is not None
    assert launched.last_transition_time == NOW + 130 * SECOND


# --- register, initialize -----------------------------------------------------------------------------------------


def test_an_instance_that_never_registers_is_given_up_after_fifteen_minutes_and_removed() -> None:
    here = world({"kind": "NeverRegisters"})
    here.claim()
    here.run(15 * MINUTE)
    assert here.deleted == [("c", "registration_timeout", 15 * MINUTE)]
    assert here.state.nodes == {}
    assert here.conditions()["InstanceTerminating"] == ("True", "InstanceTerminating")
    here.run(15 * MINUTE + 5 * SECOND)
    assert here.state.claims == {}


def test_an_instance_that_registers_late_is_none_the_worse() -> None:
    here = world({"kind": "NeverRegisters", "until": at(14 * MINUTE)})
    here.claim()
    here.run(14 * MINUTE - SECOND)
    assert here.state.nodes == {}
    here.run(HOUR)
    assert here.deleted == []
    assert is_true(here.state.claims["c"].status.conditions, names.INITIALIZED_CONDITION)


@pytest.mark.parametrize("hours", [1, 24 * 30])
def test_a_node_that_never_initializes_stays_registered_and_is_never_given_up(hours: int) -> None:
    here = world({"kind": "NeverInitializes"})
    here.claim()
    here.run(hours * HOUR)
    assert here.deleted == []
    assert here.conditions()["Registered"][0] == "True"
    assert here.conditions()["Initialized"] == ("Unknown", "KnownEphemeralTaintsExist")


def test_a_node_that_initializes_late_is_initialized_when_the_failure_ends() -> None:
    here = world({"kind": "NeverInitializes", "until": at(HOUR)})
    here.claim()
    here.run(HOUR - SECOND)
    assert here.conditions()["Initialized"][0] == "Unknown"
    here.run(HOUR)
    assert here.conditions()["Initialized"][0] == "True"


# --- later --------------------------------------------------------------------------------------------------------


def test_a_node_fails_counts_as_disrupting_meanwhile_and_comes_back() -> None:
    here = world({"kind": "NodeFails", "after": {"fixed": "1h"}, "lasts": "10m"})
    here.claim()
    here.run(HOUR)
    assert (here.ready(), here.state.count("default").disrupting_nodes) == ("True", 0)
    here.run(HOUR + 2 * MINUTE)
    assert (here.ready(), here.state.count("default").disrupting_nodes) == ("Unknown", 1)
    here.run(HOUR + 12 * MINUTE)
    assert (here.ready(), here.state.count("default").disrupting_nodes) == ("True", 0)
    assert here.deleted == []


@pytest.mark.row("karpenter:N13")
def test_a_node_whose_instance_is_gone_goes_without_a_drain() -> None:
    here = world({"kind": "InstanceGone", "from": at(HOUR + SECOND)})
    here.claim()
    here.run(HOUR)
    here.put_pod(pod(node="aks-c"))
    here.run(2 * HOUR)
    assert here.deleted == [("c", "garbage_collected", HOUR + 2 * MINUTE)]
    assert (here.state.nodes, here.state.claims, here.evicted) == ({}, {}, [])


# --- expiration ---------------------------------------------------------------------------------------------------


def test_an_expired_node_goes_whatever_the_budgets_say_and_counts_against_them() -> None:
    here = world()
    assert here.declared.take(pool(version=2, budgets=[{"nodes": "0"}]), NOW)
    here.claim()
    spec = replace(here.state.claims["c"].spec, expire_after="2h")
    here.put(replace(here.state.claims["c"], spec=spec))
    here.run(HOUR)
    here.put_pod(pod(node="aks-c", annotations={names.DO_NOT_DISRUPT: "true"}))
    here.run(2 * HOUR - SECOND)
    assert here.deleted == []
    here.run(2 * HOUR)
    assert here.deleted == [("c", "expired", 2 * HOUR)]
    here.run(3 * HOUR)
    count = here.state.count("default")
    assert (count.total_nodes, count.disrupting_nodes) == (1, 1)
    assert here.evicted == []
    assert here.conditions()["Drained"] == ("Unknown", "Draining")


def test_a_claim_that_expires_before_it_is_launched_goes_too() -> None:
    here = world({"kind": "LaunchFails"})
    here.claim()
    spec = replace(here.state.claims["c"].spec, expire_after="1m")
    here.put(replace(here.state.claims["c"], spec=spec))
    here.run(HOUR)
    assert here.deleted == [("c", "expired", MINUTE)]


# --- commands -----------------------------------------------------------------------------------------------------

PLACEMENT = Placement("Standard_D4s_v5", "westeurope-1", "on-demand")


def replacing(*failures: dict[str, Any]) -> tuple[World, str]:
    """A node with a pod, taken by a command of now; and the name of its replacement."""
    here = world(*failures)
    old = claim("old", conditions=true(names.LAUNCHED, names.REGISTERED_CONDITION, names.INITIALIZED_CONDITION))
    here.put(replace(old, spec=replace(old.spec, expire_after="Never")))
    command = drift_command(old, (PLACEMENT,), NOW)
    bare = node(of="old")
    here.put_node(patched_node(bare, start(command, bare)))
    here.put_pod(pod(node="n"))
    return here, command.replacements[0].name


def is_untouched(here: World) -> bool:
    """No taint, no record, no condition: the node is as if nothing had been."""
    marks = here.state.nodes["n"].spec.taints, here.state.nodes["n"].metadata.annotations.get(names.COMMAND)
    return marks == ((), None) and "DisruptionReason" not in here.conditions("old")


@pytest.mark.row("karpenter:T02")
@pytest.mark.parametrize(
    ("failure", "reason", "after"),
    [
        pytest.param({"kind": "NoCapacity"}, "insufficient_capacity", 10 * SECOND, id="no-capacity"),
        pytest.param({"kind": "LaunchFails"}, "launch_timeout", 5 * MINUTE, id="launch-fails"),
    ],
)
def test_a_command_whose_replacement_cannot_be_launched_is_rolled_back(
    failure: dict[str, Any], reason: str, after: timedelta
) -> None:
    here, replacement = replacing(failure)
    here.run(after - SECOND)
    assert here.state.nodes["n"].spec.taints == (DISRUPTED,)
    assert here.state.count("default").disrupting_nodes == 1
    here.run(after + SECOND)
    assert here.deleted == [(replacement, reason, after)]
    assert is_untouched(here)
    assert here.state.count("default").disrupting_nodes == 0
    assert [count for _, count in here.failed] == [1]
    (said,) = [event for event in here.said if event.reason == "CommandRolledBack"]
    assert said.message.endswith("is rolled back: replacement was deleted; 1 of 1 replacements not initialized")


@pytest.mark.row("karpenter:Q02", "karpenter:E06")
def test_a_command_whose_replacement_never_registers_is_rolled_back_before_that_is_given_up() -> None:
    here, replacement = replacing({"kind": "NeverRegisters"})
    here.run(10 * MINUTE - SECOND)
    assert not is_untouched(here)
    here.run(10 * MINUTE + SECOND)
    assert is_untouched(here)
    assert replacement in here.state.claims
    assert here.deleted == []
    here.run(HOUR)
    assert here.deleted == [(replacement, "registration_timeout", 15 * MINUTE)]
    assert "old" in here.state.claims
    assert here.evicted == []


def test_a_replacement_that_never_initializes_stays_when_its_command_is_rolled_back() -> None:
    here, replacement = replacing({"kind": "NeverInitializes"})
    here.run(HOUR)
    assert is_untouched(here)
    assert here.conditions(replacement)["Registered"][0] == "True"
    assert (here.deleted, [count for _, count in here.failed]) == ([], [1])


def test_of_two_replacements_the_one_that_was_ready_may_be_gone_when_the_other_is() -> None:
    here = world({"kind": "NeverRegisters", "zones": ["westeurope-2"], "until": at(5 * MINUTE)})
    old = claim("old", conditions=true(names.LAUNCHED, names.REGISTERED_CONDITION, names.INITIALIZED_CONDITION))
    here.put(replace(old, spec=replace(old.spec, expire_after="Never")))
    other = Placement("Standard_D4s_v5", "westeurope-2", "on-demand")
    command = drift_command(old, (PLACEMENT, other), NOW)
    here.put_node(patched_node(node(of="old"), start(command, node(of="old"))))
    here.run(2 * MINUTE)
    first = command.replacements[0].name
    assert here.conditions(first)["Initialized"][0] == "True"
    here._do(DeleteNodeClaim(here.state.claims[first], "expired"))
    here.run(4 * MINUTE)
    assert first not in here.state.claims
    assert here.failed == []
    here.run(6 * MINUTE)
    assert [(name, reason) for name, reason, _ in here.deleted] == [(first, "expired"), ("old", "drifted")]


def test_a_replacement_that_fails_once_it_was_ready_does_not_stop_the_deletion() -> None:
    here, replacement = replacing({"kind": "NodeFails", "from": at(MINUTE)})
    here.run(2 * MINUTE)
    assert ("old", "drifted") in [(name, reason) for name, reason, _ in here.deleted]
    assert here.ready(f"aks-{replacement}") == "Unknown"
    assert here.evicted


# --- what the NodePool says of it ---------------------------------------------------------------------------------


def health(here: World) -> tuple[str, str, str]:
    found = here.claims.registrations.condition(here.declared.pools["default"])
    return found.status, found.reason, found.message


def test_a_pool_whose_claims_register_is_healthy() -> None:
    here = world()
    assert health(here) == ("Unknown", "AwaitingReconciliation", "object is awaiting reconciliation")
    here.claim()
    here.run(HOUR)
    assert health(here) == ("True", "NodeRegistrationHealthy", "")


@pytest.mark.parametrize(
    ("failure", "reason", "message"),
    [
        ({"kind": "NeverRegisters"}, "RegistrationFailed", "Failed to register node"),
        ({"kind": "LaunchFails", "message": "throttled"}, "LaunchFailed", "throttled"),
    ],
    ids=["never-registers", "launch-fails"],
)
def test_a_pool_of_whose_last_four_claims_two_were_given_up_is_not(
    failure: dict[str, Any], reason: str, message: str
) -> None:
    here = world({**failure, "until": at(HOUR)})
    here.claim("a")
    here.run(16 * MINUTE)
    assert health(here)[0] == "Unknown"
    here.claim("b", **{names.CREATED_AT: at(16 * MINUTE)})
    here.run(HOUR)
    assert health(here) == ("False", reason, message)
    for number in range(3):
        here.claim(f"later{number}", **{names.CREATED_AT: at((number + 1) * HOUR)})
        here.run((number + 2) * HOUR)
        assert health(here)[0] == ("True" if number == 2 else "False")


def test_a_want_of_capacity_says_nothing_of_registration() -> None:
    here = world({"kind": "NoCapacity"})
    for name in ("a", "b", "c"):
        here.claim(name)
    here.run(HOUR)
    assert health(here)[0] == "Unknown"


def test_what_the_status_says_is_what_is_remembered_after_a_restart() -> None:
    written = {"type": "NodeRegistrationHealthy", "status": "False", "reason": "RegistrationFailed", "message": "m"}
    known = pool(version=2)
    known["status"] = {"nodeClassObservedGeneration": 1, "conditions": [{**written, "observedGeneration": 1}]}
    here = world()
    assert here.declared.take(known, NOW)
    assert health(here) == ("False", "RegistrationFailed", "m")
    here.claim()
    here.run(HOUR)
    assert health(here)[0] == "False"


def test_a_pool_that_has_changed_is_judged_anew() -> None:
    here = world()
    here.claim()
    here.run(HOUR)
    changed = pool()
    changed["metadata"]["generation"] = 2
    assert here.declared.take(changed, NOW)
    assert health(here)[0] == "Unknown"


# --- the identity of kubelets -------------------------------------------------------------------------------------


@pytest.mark.row("nap:D14")
def test_a_node_drifts_when_kubelets_are_given_another_identity() -> None:
    old, new = f"{1:08}-0000-0000-0000-000000000000", f"{2:08}-0000-0000-0000-000000000000"
    here = world()
    assert here.declared.take(nap(2, timings=TIMINGS, kubeletIdentity=old), NOW)
    here.claim()
    here.run(HOUR)
    assert here.state.nodes["aks-c"].metadata.labels[names.KUBELET_IDENTITY] == old
    assert "Drifted" not in here.conditions()
    assert here.declared.take(nap(3, timings=TIMINGS, kubeletIdentity=new), NOW)
    here.run(2 * HOUR)
    assert here.conditions()["Drifted"] == ("True", "KubeletIdentityDrift")


# --- offerings that were refused ----------------------------------------------------------------------------------


def test_what_was_refused_is_unavailable_for_an_hour() -> None:
    here = world({"kind": "NoCapacity"})
    here.claim()
    here.run(10 * SECOND)
    refused = here.declared.unavailable
    assert refused.at(here.now) == {("Standard_D4s_v5", "westeurope-1", "on-demand")}
    assert refused.next_end(here.now) == NOW + 10 * SECOND + HOUR
    assert refused.at(NOW + 10 * SECOND + HOUR) == frozenset()
    assert refused.next_end(NOW + 10 * SECOND + HOUR) is None


def test_a_launch_without_an_image_is_given_up_after_five_minutes_and_makes_nothing_unavailable() -> None:
    here = world()
    without = _class()
    without["status"]["images"] = []
    without["metadata"]["resourceVersion"] = "2"
    assert here.declared.take(without, NOW)
    here.claim()
    here.run(HOUR)
    assert here.deleted == [("c", "launch_timeout", 5 * MINUTE)]
    assert here.declared.unavailable.at(here.now) == frozenset()


def test_other_failures_are_another_cloud() -> None:
    here = world({"kind": "NoCapacity"})
    here.claim()
    here.run(MINUTE)
    assert here.declared.unavailable.at(here.now)
    assert here.declared.take(nap(2, failures=[{"kind": "NoCapacity"}], timings=TIMINGS, listCacheDuration="1h"), NOW)
    assert here.declared.unavailable.at(here.now)
    assert here.declared.take(nap(3, timings=TIMINGS), NOW)
    assert here.declared.unavailable.at(here.now) == frozenset()


def test_a_launch_that_fails_makes_nothing_unavailable() -> None:
    here = world({"kind": "LaunchFails"})
    here.claim()
    here.run(HOUR)
    assert here.declared.unavailable.at(here.now) == frozenset()
