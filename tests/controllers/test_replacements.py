"""What a drifted node of a dynamic pool is replaced by, and what keeps it where it is (karpenter.md 6.1, 7, 9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.core.objects import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorTerm,
    PersistentVolumeClaim,
    Pod,
    Requirement,
    Volume,
    VolumeClaimSource,
)
from napsim.core.reasons import Reason, Verdict
from tests.controllers.test_disruption import LABELS, ROOM, SECOND, World, command, filling, world
from tests.core.examples import NOW, claim, node, pdb, pod


def blocked(here: World, name: str) -> Verdict:
    return here.disruption.queues["default"].blocked[f"c-{name}"]


def launched(here: World, of: str, *, initialized: bool) -> None:
    """The replacements of a node, as far as that."""
    for wanted in command(here, of).replacements:
        labels = {**LABELS, names.NODEPOOL: "default", names.REGISTERED: "true"}
        if not initialized:
            del labels[names.INITIALIZED]
        owner = claim(wanted.name, labels=labels, annotations={names.REPLACES: f"c-{of}"})
        item = node(f"aks-{wanted.name}", of=wanted.name, labels=labels, allocatable=ROOM)
        here.state.on_claim(here.state.claims.get(owner.name), owner)
        here.state.on_node(here.state.nodes.get(item.name), item)


@pytest.mark.row("karpenter:X04")
def test_a_node_with_a_pod_that_fits_nowhere_stays_and_the_next_one_goes() -> None:
    here = world()
    here.node("earlier", pod("huge", node="earlier", requests={"cpu": "150"}), drifted=0)
    here.full("later", drifted=1)
    assert here.run() == ["later"]
    assert blocked(here, "earlier").reason is Reason.UNSCHEDULABLE
    said = {event.message for event in here.said if event.name == "earlier" and event.reason == "DisruptionBlocked"}
    (message,) = said
    assert message.startswith("Not all pods would schedule, default/huge => no instance type has enough resources")


@pytest.mark.row("karpenter:X15", "nap:E2")
def test_room_on_another_node_makes_a_replacement_unnecessary() -> None:
    here = world([{"nodes": "1"}])
    here.full("a")
    here.node("b", drifted=None)
    assert here.run() == ["a"]
    assert command(here, "a").replacements == ()
    assert here.decided == [("delete", "default")]


@pytest.mark.row("karpenter:X14")
def test_without_room_one_node_is_launched_for_what_the_pods_ask_for() -> None:
    here = world()
    here.full("a")
    here.look()
    (wanted,) = command(here, "a").replacements
    assert (wanted.instance_type, wanted.capacity_type) == ("Standard_D4s_v5", "on-demand")
    assert wanted.requests == {"cpu": "3500m", "pods": "1"}


def test_a_node_whose_pods_need_two_others_is_replaced_by_two() -> None:
    """The sizes that the pool allows have shrunk since."""
    small = {"key": "karpenter.azure.com/sku-cpu", "operator": "In", "values": ["4"]}
    here = world()
    here.pool(template=template(small))
    pods = [pod(name, node="a", requests={"cpu": "3500m"}) for name in ("p", "q")]
    here.node("a", *pods)
    here.look()
    wanted = command(here, "a").replacements
    assert len(wanted) == len({item.name for item in wanted}) == 2
    assert {item.requests["cpu"] for item in wanted} == {"3500m"}


def template(*requirements: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    reference = {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"}
    return {"metadata": metadata, "spec": {"requirements": list(requirements), "nodeClassRef": reference}}


def test_the_replacement_is_of_the_pool_that_takes_the_pods() -> None:
    here = world()
    here.pool("heavy", weight=50)
    here.full("a")
    here.look()
    (wanted,) = command(here, "a").replacements
    assert wanted.nodepool == "heavy"
    assert wanted.name.startswith("heavy-")


def test_it_has_the_label_that_a_pod_selects_of_those_that_the_pool_allows() -> None:
    here = world()
    here.pool(template=template({"key": "team", "operator": "Exists"}))
    here.node("a", pod(node="a", requests={"cpu": "3500m"}, selector={"team": "red"}))
    here.look()
    (wanted,) = command(here, "a").replacements
    assert wanted.labels == {"team": "red"}


# --- one after another ----------------------------------------------------------------------------------------------


def test_a_node_whose_pods_would_have_to_wait_for_another_to_initialize_waits_for_that() -> None:
    """peer-karpenter.md 3.4: the older pod of the second node takes the place that was made for the first one's."""
    here = world()
    here.node("a", aged("a", 2))
    here.node("b", aged("b", 1), drifted=1)
    here.look()
    assert here.taken == ["a"]
    launched(here, "a", initialized=False)
    here.real += 10 * SECOND
    here.look()
    assert here.taken == ["a"]
    (replacement,) = command(here, "a").replacements
    why = f"would schedule against uninitialized nodeclaim/{replacement.name}, node/aks-{replacement.name}"
    assert blocked(here, "b").message == f"not all pods would schedule, default/p-b => {why} "

    launched(here, "a", initialized=True)
    here.real += 10 * SECOND
    here.look()
    assert here.taken == ["a", "b"]


def test_younger_pods_leave_that_place_alone_and_need_not_wait() -> None:
    here = world()
    here.node("a", aged("a", 1))
    here.node("b", aged("b", 2), drifted=1)
    here.look()
    launched(here, "a", initialized=False)
    here.look()
    assert here.taken == ["a", "b"]


def aged(on: str, hours: int) -> Pod:
    """A pod that fills its node, made so many hours after NOW's midnight."""
    made = filling(on)
    at = NOW.replace(hour=hours)
    return replace(made, metadata=replace(made.metadata, creation_timestamp=at))


def test_nodes_that_are_to_get_pods_are_not_disrupted_for_twenty_seconds() -> None:
    here = world([{"nodes": "100%"}])
    here.full("a", drifted=0)
    here.node("b", pod("small", node="b", requests={"cpu": "100m"}), drifted=1)
    here.look()
    assert here.taken == ["a"]
    assert command(here, "a").replacements == (), "there is room on b"
    here.look()
    assert blocked(here, "b") == Verdict(Reason.NOMINATED, "node is nominated for a pending pod", NOW + 20 * SECOND)
    here.real = NOW + 20 * SECOND
    here.look()
    assert here.taken == ["a", "b"]


def test_a_blocked_node_is_not_asked_again_until_something_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    here = world()
    here.node("a", pod("huge", node="a", requests={"cpu": "150"}))
    here.node("bystander", drifted=None)
    here.look()
    asked: list[Node] = []
    ask = type(here.disruption._replacements).simulated

    def count(self: Any, owner: Any, item: Node, now: Any) -> Any:
        asked.append(item)
        return ask(self, owner, item, now)

    monkeypatch.setattr(type(here.disruption._replacements), "simulated", count)
    here.real += 10 * SECOND
    here.look()
    assert asked == []
    bystander = here.state.nodes["bystander"]
    here.state.on_node(bystander, replace(bystander, metadata=replace(bystander.metadata, annotations={"a": "b"})))
    here.look()
    assert asked == [], "an annotation is nothing to pods"
    here.real += 10 * SECOND
    here.state.on_node(here.state.nodes["bystander"], None)
    here.look()
    assert len(asked) == 1


# --- what stands in the way -----------------------------------------------------------------------------------------


def test_a_surge_may_go_above_the_limit_by_one_step_and_not_further() -> None:
    here = world(limits={"nodes": "2"})
    for number, name in enumerate(("a", "b")):
        here.full(name, drifted=number)
    assert here.run() == ["a"]
    verdict = blocked(here, "b")
    assert verdict.reason is Reason.SURGE_LIMIT
    assert verdict.message == 'resource usage of {"nodes":"3"} exceeds limit of {"nodes":"2"} (NodePool=default)'
    assert "exceeds limit" not in " ".join(event.message for event in here.said)
    old = here.state.nodes["a"]
    here.state.on_claim(here.state.claims["c-a"], None)
    here.state.on_node(old, None)
    here.real += 10 * SECOND
    assert here.run() == ["a", "b"]


def with_claim(item: Pod) -> Pod:
    volume = Volume("data", VolumeClaimSource("data"))
    return replace(item, spec=replace(item.spec, volumes=(volume,)))


def test_a_pod_whose_volume_cannot_be_followed_keeps_its_node_until_it_can() -> None:
    here = world()
    here.node("a", with_claim(filling("a")))
    assert here.run(2) == []
    assert blocked(here, "a").message == (
        "not all pods would schedule, default/p-a => "
        'discovering persistent volume claim, persistentvolumeclaim "default/data" not found '
    )
    made = PersistentVolumeClaim(metadata=replace(pod().metadata, name="data"))
    here.state.on_volume_claim(None, made)
    here.real += 10 * SECOND
    assert here.run(1) == ["a"]


def test_so_does_a_pod_whose_affinity_cannot_be_read_and_the_others_go() -> None:
    term = NodeSelectorTerm((Requirement("zone", "Near", ("here",)),))
    affinity = Affinity(NodeAffinity(required=NodeSelector((term,))))
    unreadable = filling("a")
    here = world()
    here.node("a", replace(unreadable, spec=replace(unreadable.spec, affinity=affinity)))
    here.full("b", drifted=1)
    assert here.run(3) == ["b"]
    assert "Near" in blocked(here, "a").message
    assert set(here.state.places.unfollowed) == {"default/p-a"}


def test_pods_that_nobody_may_evict_get_no_room_in_advance_until_their_protection_ends() -> None:
    """Only a grace period lets such a node go; the replacement is for the others."""
    here = world()
    held = pod("held", node="a", annotations={names.DO_NOT_DISRUPT: "true"}, requests={"cpu": "3"})
    here.node("a", held, pod("free", node="a", requests={"cpu": "500m"}), grace="1h")
    here.state.on_pdb(None, pdb(allowed=0, labels={"app": "other"}))
    assert here.run(1) == ["a"]
    (wanted,) = command(here, "a").replacements
    assert wanted.requests == {"cpu": "500m", "pods": "1"}


def test_a_verdict_that_time_alone_can_change_says_when() -> None:
    here = world()
    held = pod("held", node="a", annotations={names.DO_NOT_DISRUPT: "5m"}, requests={"cpu": "1"})
    huge = pod("huge", node="a", requests={"cpu": "150"})
    here.node("a", held, huge, grace="1h")
    here.look()
    assert blocked(here, "a").wake_at == NOW + timedelta(minutes=5)
    assert blocked(here, "a").reason is Reason.UNSCHEDULABLE
