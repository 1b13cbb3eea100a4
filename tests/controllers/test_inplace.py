"""Taking Nodes that opt in, and letting go of those that do not any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.inplace import InPlaceNodes, InPlaceProvider, with_capacity
from napsim.controllers.reports import Reports
from napsim.controllers.state import ClusterState
from napsim.core.actions import (
    CreateNodeClaim,
    DeleteNodeClaim,
    Event,
    PatchNode,
    Plan,
    SetNodeClaimStatus,
    patched_node,
)
from napsim.core.budgets import PoolCount
from napsim.core.inplace import adoption_of, dressed, given_back, put_to_use
from napsim.core.objects import Node, NodeClaim, NodeSpec
from napsim.core.pods import DISRUPTED
from tests.controllers.test_declared import READY, node_class, pool
from tests.core.examples import NOW, node, true

GALLERY: Final = "/CommunityGalleries/AKSUbuntu-38d80f77-467a-481f-a8d4-09b6d4220bd2/images/2204gen2containerd/versions"
IMAGE: Final = f"{GALLERY}/202602.13.0"
IN_PLACE: Final = {"annotations": {names.NODE_PROVIDER: "inPlace"}}


def played(name: str = "default", **meta: Any) -> dict[str, Any]:
    made = pool(name)
    made["metadata"] |= {**IN_PLACE, **meta}
    return made


def with_images(**more: Any) -> dict[str, Any]:
    conditions = [
        {"type": type_, "status": "True", "observedGeneration": 1} for type_ in (names.READY, names.IMAGES_READY)
    ]
    images = [{"id": IMAGE, "requirements": []}]
    return node_class(status={"conditions": conditions, "images": images, "kubernetesVersion": "1.36.1", **more})


@dataclass
class World:
    """A cluster in memory; what is decided is applied by hand."""

    state: ClusterState = field(default_factory=ClusterState)
    declared: Declared = field(default_factory=Declared)
    real: datetime = NOW

    def __post_init__(self) -> None:
        self.clock = VirtualClock(lambda: self.real)
        self.nodes = InPlaceNodes(self.state, self.declared, self.clock)
        self.provider = InPlaceProvider(self.state, self.declared)

    def take(self, *manifests: dict[str, Any]) -> World:
        for manifest in manifests:
            assert self.declared.take(manifest, NOW), self.declared.problems
        return self

    def put(self, new: Node) -> Node:
        self.state.on_node(self.state.nodes.get(new.name), new)
        return new

    def own(self, new: NodeClaim | None, name: str = "w-g1") -> None:
        self.state.on_claim(self.state.claims.get(new.name if new else name), new)

    def plan(self, name: str = "w") -> Plan | None:
        item = self.state.nodes[name]
        return self.nodes.plan(item, self.state.claim_of(item))


def worker(labels: Mapping[str, str] | None = None) -> Node:
    made = node("w", labels={names.PLAYS_NODEPOOL: "default"} if labels is None else labels, finalizers=())
    return replace(made, metadata=replace(made.metadata, annotations={}), spec=NodeSpec("kind://docker/kind/w"))


def adopted(world: World, *, initialized: bool = True) -> tuple[Node, NodeClaim]:
    """The worker in use, with its claim, as the operator makes them."""
    world.put(worker())
    plan = world.plan()
    assert plan is not None
    create = plan.actions[0]
    assert isinstance(create, CreateNodeClaim)
    done = true(names.LAUNCHED, names.REGISTERED_CONDITION, *((names.INITIALIZED_CONDITION,) if initialized else ()))
    status = replace(create.claim.status, conditions=done, provider_id="kind://docker/kind/w", image_id=IMAGE)
    owner = replace(create.claim, status=status)
    item = patched_node(worker(), dressed(worker(), owner, "image", {}))
    item = patched_node(item, put_to_use(item)) if initialized else item
    world.own(owner)
    return world.put(item), owner


def fresh() -> World:
    return World().take(with_images(), played())


def kinds(plan: Plan | None) -> list[type]:
    assert plan is not None
    return [type(action) for action in plan.actions]


def test_a_node_that_opts_in_is_taken_and_it_is_said() -> None:
    world = fresh()
    world.put(worker())
    plan = world.plan()
    assert kinds(plan) == [CreateNodeClaim, Event]
    adopted(world)
    assert world.plan() is None, "it is as any other then"


def test_a_refusal_is_told_and_nothing_is_done() -> None:
    world = fresh()
    world.put(worker({names.PLAYS_NODEPOOL: "nowhere"}))
    plan = world.plan()
    assert kinds(plan) == [Event]
    assert "NodePoolNotFound" in cast(Event, cast(Plan, plan).actions[0]).message


def test_a_node_without_the_label_is_nobody_s_business() -> None:
    world = fresh()
    world.put(worker({}))
    assert world.plan() is None


@pytest.mark.parametrize("change", ["label", "other-pool", "pool-gone", "pool-deleting"])
def test_a_node_that_opts_out_or_loses_its_pool_is_let_go_without_a_drain(change: str) -> None:
    world = fresh()
    item, _ = adopted(world)
    if change == "label":
        world.put(patched_node(item, PatchNode(item, labels={names.PLAYS_NODEPOOL: None})))
    elif change == "other-pool":
        world.put(patched_node(item, PatchNode(item, labels={names.PLAYS_NODEPOOL: "other"})))
    elif change == "pool-gone":
        world.declared.drop("NodePool", "default")
    else:
        world.take(played(resourceVersion="2", deletionTimestamp="2026-03-02T09:00:00Z"))
    plan = world.plan()
    assert kinds(plan) == [DeleteNodeClaim, PatchNode, Event]
    patch = cast(PatchNode, cast(Plan, plan).actions[1])
    assert names.NODEPOOL not in patched_node(world.state.nodes["w"], patch).metadata.labels


def test_a_pool_that_cannot_be_read_keeps_its_nodes() -> None:
    world = fresh()
    adopted(world)
    world.declared.drop("NodePool", "default")
    world.declared.problems["NodePool", "default"] = ("spec: bad",)
    assert world.plan() is None


def test_between_two_claims_a_node_counts_as_one_that_is_disrupted() -> None:
    world = fresh()
    item, owner = adopted(world)
    assert world.state.count("default") == PoolCount(1, 0)
    tainted = world.put(patched_node(item, PatchNode(item, add_taints=(DISRUPTED,))))
    assert world.state.count("default") == PoolCount(1, 1)
    leaving = replace(owner, metadata=replace(owner.metadata, deletion_timestamp=NOW))
    world.own(leaving)
    assert world.state.is_draining(tainted)
    back = world.put(patched_node(tainted, given_back(tainted)))
    assert not world.state.is_draining(back)
    assert kinds(world.plan()) == [], "its claim lets go first"
    world.own(None)
    assert world.state.count("default") == PoolCount(1, 1)
    assert list(world.state.being_replaced("default")) == [back]
    create = cast(Plan, world.plan()).actions[0]
    assert isinstance(create, CreateNodeClaim)
    assert create.claim.name == "w-g2"
    world.own(create.claim)
    assert world.state.count("default") == PoolCount(1, 1)
    assert kinds(world.plan()) == [], "and is not healed of its taint before it is initialized"


def test_a_node_between_two_claims_waits_for_its_class_and_is_let_go_with_its_pool() -> None:
    world = fresh()
    item, _ = adopted(world)
    world.put(patched_node(item, given_back(item)))
    world.own(None)
    world.take(node_class(version=2, status=READY))
    assert kinds(world.plan()) == [Event]
    world.take(pool(version=2))
    assert kinds(world.plan()) == [Event, PatchNode], "the pool has fake nodes now"


def test_a_claim_of_an_earlier_generation_is_superseded() -> None:
    world = fresh()
    item, _ = adopted(world)
    world.put(patched_node(item, given_back(item)))
    assert kinds(world.plan()) == [DeleteNodeClaim]


def test_a_node_that_is_taken_as_it_runs_takes_no_time_and_one_that_is_replaced_does() -> None:
    nap = {"apiVersion": "napsim.dev/v1alpha1", "kind": "NodeAutoProvisioning", "metadata": {"name": "default"}}
    world = fresh().take({**nap, "spec": {}})
    _, owner = adopted(world)
    adoption = adoption_of(owner)
    assert adoption is not None
    first = world.provider.launch(owner, adoption, NOW)
    assert (first.ready_at, first.image_id, first.provider_id) == (NOW, IMAGE, "kind://docker/kind/w")
    later = world.provider.launch(owner, replace(adoption, image=""), NOW)
    assert later.ready_at == NOW + timedelta(seconds=10)
    assert later.image_id == IMAGE
    gone = world.provider.launch(owner, replace(adoption, node="x"), NOW)
    assert gone.failure == "insufficient_capacity"


def test_a_launched_claim_registers_with_the_image_of_its_status() -> None:
    world = fresh()
    _, owner = adopted(world, initialized=False)
    owner = replace(owner, status=replace(owner.status, conditions=true(names.LAUNCHED)))
    adoption = adoption_of(owner)
    assert adoption is not None
    patch, status = world.provider.advance(owner, adoption, worker(), NOW).actions
    assert isinstance(patch, PatchNode)
    assert patch.labels[names.NODE_IMAGE_VERSION] == "AKSUbuntu-2204gen2containerd-202602.13.0"
    assert isinstance(status, SetNodeClaimStatus)


def test_the_status_says_what_cannot_be_shown_in_place() -> None:
    world = fresh()
    reports = Reports(world.declared, world.clock, cast(Any, None))
    manifest = {"metadata": {"generation": 1}}
    (said,) = with_capacity(reports, [], manifest, world.declared.in_place_pools())
    assert (said["type"], said["status"], said["reason"]) == ("PreSpunCapacity", "False", "InPlace")
    assert "default" in said["message"]
    assert with_capacity(reports, [said], manifest, []) == []


def test_the_annotation_of_a_pool_goes_before_the_cluster_s_setting() -> None:
    world = World().take(with_images(), pool(), played("real"))
    assert [entry.pool.name for entry in world.declared.in_place_pools()] == ["real"]
    assert [template.name for template in world.declared.templates(())] == ["default"], "nothing is launched in place"
    assert world.declared.home("nowhere") is None
