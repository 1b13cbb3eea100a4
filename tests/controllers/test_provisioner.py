"""Making NodeClaims for pending pods and for static pools."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.provisioner import Provisioner
from napsim.controllers.state import ClusterState
from napsim.core.actions import Action, CreateNodeClaim, DeleteNodeClaim, Event
from napsim.core.objects import (
    DaemonSet,
    DaemonSetSpec,
    NodeClaim,
    ObjectMeta,
    Pod,
    PodTemplate,
    Volume,
    VolumeClaimSource,
)
from napsim.live.executor import Executor
from tests.controllers.test_declared import READY, REFERENCE, node_class, pool
from tests.core.examples import NOW, claim, node, pod, true

SECOND = timedelta(seconds=1)
TAKEN = {names.COMMAND: "{}"}
INITIALIZED = {names.NODEPOOL: "default", names.INITIALIZED: "true"}


@dataclass
class World:
    """A cluster in memory. NodeClaims come and go as they are asked for."""

    state: ClusterState = field(default_factory=ClusterState)
    declared: Declared = field(default_factory=Declared)
    said: list[Event] = field(default_factory=list)
    created: list[NodeClaim] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    woken: list[datetime] = field(default_factory=list)
    real: datetime = NOW

    def __post_init__(self) -> None:
        clock = VirtualClock(lambda: self.real)
        self.provisioner = Provisioner(self.state, self.declared, clock, cast(Executor, self), self.woken.append)

    def record(self, event: Event) -> None:
        self.said.append(event)

    async def carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, CreateNodeClaim):
                if action.claim.name not in self.state.claims:
                    self.state.on_claim(None, action.claim)
                self.created.append(action.claim)
            elif isinstance(action, DeleteNodeClaim):
                self.state.on_claim(action.claim, None)
                self.deleted.append(action.claim.name)

    def take(self, *manifests: dict[str, Any]) -> None:
        for manifest in manifests:
            assert self.declared.take(manifest, NOW), self.declared.problems

    def pend(self, *pods: Pod) -> None:
        for item in pods:
            self.state.on_pod(None, item)

    def look(self) -> datetime | None:
        return asyncio.run(self.provisioner.reconcile("cluster"))

    def size(self, name: str = "default") -> None:
        asyncio.run(self.provisioner.reconcile_pool(name))


def world(*manifests: dict[str, Any]) -> World:
    made = World()
    made.take(node_class(status=READY), *(manifests or (pool(),)))
    return made


def pending(name: str, cpu: str = "1") -> Pod:
    return pod(name, node="", unschedulable=True, requests={"cpu": cpu, "memory": "1Gi"})


def test_a_pod_that_nobody_has_room_for_gets_a_node() -> None:
    here = world()
    here.pend(pending("p"))
    assert here.look() == NOW + 10 * SECOND
    (made,) = here.created
    assert made.metadata.labels[names.INSTANCE_TYPE] == "Standard_D4s_v5"
    assert made.metadata.labels[names.NODEPOOL] == "default"
    assert made.metadata.annotations[names.CREATED_AT] == "2026-03-02T09:00:00Z"
    assert made.spec.resources.requests["cpu"] == "1"


def test_a_second_look_without_a_change_makes_nothing_twice() -> None:
    here = world()
    here.pend(pending("a", "3"), pending("b", "3"))
    here.look()
    here.look()
    assert len(here.created) == 2
    assert len({item.name for item in here.created}) == 2


def test_without_pending_pods_there_is_nothing_to_do() -> None:
    here = world()
    assert here.look() is None
    assert here.created == []


@pytest.mark.parametrize(
    ("at", "due"),
    [
        pytest.param([0], 1, id="one-pod"),
        pytest.param([0, 0.9, 1.8], 2.8, id="one-second-after-the-last"),
        pytest.param([number * 0.9 for number in range(12)], 10, id="ten-seconds-at-most"),
    ],
)
def test_pods_are_looked_at_in_batches(at: list[float], due: float) -> None:
    here = world()
    here.pend(pending("p"))
    for seconds in at:
        here.real = NOW + seconds * SECOND
        here.provisioner.on_pending()
    here.real = NOW + due * SECOND - timedelta(milliseconds=1)
    assert here.look() == NOW + due * SECOND
    here.real = NOW + due * SECOND
    here.look()
    assert len(here.created) == 1


def test_room_on_nodes_that_stay_is_used_first_and_that_of_nodes_that_go_is_not() -> None:
    here = world()
    for name, marks in (("stays", {}), ("goes", TAKEN)):
        here.state.on_claim(None, claim(name, conditions=true(names.LAUNCHED)))
        allocatable = {"cpu": "4", "memory": "16Gi", "pods": "110"}
        item = claim(name, conditions=true(names.LAUNCHED))
        here.state.on_claim(item, with_room(item, allocatable))
        joined = node(f"n-{name}", of=name, labels=INITIALIZED, annotations=marks, allocatable=allocatable)
        here.state.on_node(None, joined)
    here.pend(pending("a", "3"))
    here.look()
    assert here.created == []
    here.pend(pending("b", "3"))
    here.look()
    assert len(here.created) == 1


def with_room(item: NodeClaim, allocatable: dict[str, str]) -> NodeClaim:
    return replace(item, status=replace(item.status, allocatable=dict(allocatable)))


def test_a_pod_that_fits_nowhere_is_named_in_an_event() -> None:
    here = world()
    here.pend(pending("huge", "500"))
    here.look()
    (reason,) = here.provisioner.unplaced.values()
    assert reason.startswith("no instance type has enough resources, requirements=")
    assert reason.endswith('resources={"cpu":"500","memory":"1Gi","pods":"1"}')
    assert [(event.reason, event.namespace, event.name) for event in here.said] == [
        ("FailedScheduling", "default", "huge")
    ]


def test_limits_are_not_exceeded_and_the_pods_are_named() -> None:
    here = world(pool(limits={"cpu": "8"}))
    here.pend(*(pending(f"p{number}", "3") for number in range(3)))
    here.look()
    assert len(here.created) == 2
    exhausted = "all available instance types exceed limits for nodepool (NodePool=default)"
    assert list(here.provisioner.unplaced.values()) == [exhausted]


def test_the_pods_of_daemon_sets_need_room_on_every_new_node() -> None:
    here = world()
    runs = PodTemplate(spec=pod(requests={"cpu": "2"}).spec)
    here.state.places.on_daemon_set(None, DaemonSet(ObjectMeta(name="d"), DaemonSetSpec(runs)))
    here.pend(pending("p", "3"))
    here.look()
    assert here.created[0].metadata.labels[names.INSTANCE_TYPE] != "Standard_D4s_v5"


ROOM = {"cpu": "4", "memory": "16Gi", "pods": "110"}


def test_the_pods_of_a_node_that_is_deleted_get_room_before_they_are_pending() -> None:
    here = world()
    here.state.on_claim(None, claim("old", deleted_at=NOW))
    here.state.on_node(None, node("n", of="old", labels=INITIALIZED, allocatable=ROOM))
    here.pend(pod("p", node="n", requests={"cpu": "3"}), pod("d", node="n", owner="DaemonSet"))
    assert here.look() is None, "what becomes of them is told"
    (made,) = here.created
    assert made.spec.resources.requests == {"cpu": "3", "pods": "1"}
    here.look()
    assert len(here.created) == 1, "that is on its way"


def test_a_node_that_is_to_get_a_pod_is_nominated_for_twenty_seconds() -> None:
    here = world()
    here.state.on_claim(None, claim("c"))
    here.state.on_node(None, node("n", of="c", labels=INITIALIZED, allocatable=ROOM))
    here.pend(pending("p"))
    here.look()
    assert here.created == []
    assert here.state.nominated == {"c": NOW + 20 * SECOND}


def test_a_new_node_has_the_label_that_its_pods_select_and_is_not_made_twice() -> None:
    template = {"spec": {"requirements": [{"key": "team", "operator": "Exists"}], "nodeClassRef": REFERENCE}}
    here = world(pool(template=template))
    here.pend(pod("p", node="", unschedulable=True, requests={"cpu": "1"}, selector={"team": "red"}))
    here.look()
    here.look()
    (made,) = here.created
    assert made.metadata.labels["team"] == "red"
    assert [item.values for item in made.spec.requirements if item.key == "team"] == [("red",)]


def test_a_pod_whose_claim_is_missing_is_named_and_left_to_the_scheduler() -> None:
    here = world()
    volume = Volume("data", VolumeClaimSource("data"))
    waits = pending("p")
    here.pend(replace(waits, spec=replace(waits.spec, volumes=(volume,))))
    here.look()
    assert here.provisioner.unplaced == {"default/p": 'ignoring pod, persistentvolumeclaim "default/data" not found'}
    assert (here.created, here.said) == ([], [])


def test_a_pool_that_is_above_its_limits_gets_nothing() -> None:
    """Static commands have made it larger than the limit says."""
    here = world(pool(limits={"cpu": "100", "nodes": "1"}))
    for name in ("a", "b"):
        here.state.on_claim(None, claim(name))
        here.state.on_node(None, node(f"n-{name}", of=name, labels=INITIALIZED))
    here.pend(pending("p"))
    here.look()
    assert here.created == []
    (reason,) = here.provisioner.unplaced.values()
    assert "limit" in reason


# --- static pools -------------------------------------------------------------------------------------------------


def test_a_static_pool_reaches_its_size_spread_over_the_zones_and_keeps_it() -> None:
    here = world(pool(replicas=3))
    here.size()
    here.size()
    assert len(here.created) == 3
    assert {item.metadata.labels[names.ZONE] for item in here.created} == {f"westeurope-{zone}" for zone in (1, 2, 3)}


def test_what_a_static_pool_lost_is_made_again() -> None:
    here = world(pool(replicas=2))
    here.size()
    lost = here.created[0]
    here.state.on_claim(lost, None)
    here.size()
    assert len(here.state.claims) == 2


def test_a_replacement_in_flight_does_not_count_until_the_old_one_goes() -> None:
    here = world(pool(replicas=1))
    here.state.on_claim(None, claim("old"))
    here.state.on_node(None, node("n", of="old", labels=INITIALIZED, annotations=TAKEN))
    here.state.on_claim(None, claim("new", annotations={names.REPLACES: "old"}))
    here.size()
    assert (here.created, here.deleted) == ([], [])
    here.state.on_claim(claim("old"), claim("old", deleted_at=NOW))
    here.size()
    assert (here.created, here.deleted) == ([], [])


def test_what_replaced_a_claim_of_a_command_that_is_over_counts_as_any_other() -> None:
    here = world(pool(replicas=1))
    here.state.on_claim(None, claim("old"))
    here.state.on_node(None, node("n", of="old", labels=INITIALIZED))
    here.state.on_claim(None, claim("new", annotations={names.REPLACES: "old"}))
    here.size()
    assert len(here.deleted) == 1


def test_what_is_too_much_goes_the_emptiest_first() -> None:
    here = world(pool(replicas=1))
    for name in ("a", "b"):
        here.state.on_claim(None, claim(name))
        here.state.on_node(None, node(f"n-{name}", of=name, labels=INITIALIZED))
    here.state.on_pod(None, pod(node="n-a"))
    here.size()
    assert here.deleted == ["b"]


def test_a_static_pool_waits_for_its_class() -> None:
    here = World()
    here.take(node_class(), pool(replicas=2))
    here.size()
    assert here.created == []


def test_a_dynamic_pool_has_no_size() -> None:
    here = world()
    here.state.on_claim(None, claim("a"))
    here.size()
    assert (here.created, here.deleted) == ([], [])
