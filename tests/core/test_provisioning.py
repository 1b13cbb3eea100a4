"""Which nodes pending pods need."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.api import names
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.nodepools import NodePool, Placement
from napsim.core.objects import Pod, Taint, Toleration
from napsim.core.pods import requests
from napsim.core.provisioning import Offer, Room, Schedule, offer_of, same_shape, schedule
from napsim.core.resources import CPU, PODS, fits, total
from tests.core.examples import node, pod

ZONES = ("westeurope-1", "westeurope-2", "westeurope-3")
FAMILY_D = {"key": "karpenter.azure.com/sku-family", "operator": "In", "values": ["D"]}
AMD64 = {"key": names.ARCH, "operator": "In", "values": ["amd64"]}


def pool(*requirements: dict[str, Any], name: str = "default", **spec: Any) -> NodePool:
    template = {"metadata": {"labels": spec.pop("labels", {})}, "spec": {"requirements": list(requirements), **spec}}
    return msgspec.convert({"metadata": {"name": name}, "spec": {"template": template}}, NodePool)


def offer(of: NodePool | None = None, overhead: dict[str, int] | None = None) -> Offer:
    return offer_of(of or pool(FAMILY_D), INSTANCE_TYPES.values(), ZONES, "Standard_D4s_v5", overhead or {}, 110, 128)


def pending(name: str, cpu: str = "1", **more: Any) -> Pod:
    return pod(name, node="", unschedulable=True, requests={"cpu": cpu, "memory": "1Gi"}, **more)


def room(name: str, cpu: int = 4000, *taints: Taint, **labels: str) -> Room:
    return Room(name, labels, taints, {CPU: cpu, "memory": 2**34, PODS: 110})


def sizes(found: Schedule) -> list[str]:
    return [item.placement.instance_type for item in found.new_nodes]


# --- offers -------------------------------------------------------------------------------------------------------


def test_requirements_narrow_the_sizes_the_cheapest_first() -> None:
    found = offer(pool(FAMILY_D, AMD64))
    assert {item.family for item in found.types} == {"D"}
    assert {item.arch for item in found.types} == {"amd64"}
    prices = [item.usd_per_hour for item in found.types]
    assert prices == sorted(prices)


def test_a_pool_that_says_nothing_of_the_size_gets_the_usual_one_first() -> None:
    assert offer(pool(AMD64)).types[0].name == "Standard_D4s_v5"
    assert offer(pool(FAMILY_D)).types[0].name == "Standard_D2ps_v5"


@pytest.mark.parametrize(
    ("requirement", "zones"),
    [
        ({"key": names.ZONE, "operator": "In", "values": ["westeurope-2"]}, ("westeurope-2",)),
        ({"key": names.ZONE, "operator": "NotIn", "values": ["westeurope-2"]}, ("westeurope-1", "westeurope-3")),
        ({"key": names.REGION, "operator": "In", "values": ["westeurope"]}, ZONES),
        ({"key": names.REGION, "operator": "In", "values": ["northeurope"]}, ()),
        (AMD64, ZONES),
    ],
)
def test_requirements_narrow_the_zones(requirement: dict[str, Any], zones: tuple[str, ...]) -> None:
    found = offer(pool(FAMILY_D, requirement))
    assert found.zones == zones
    assert found.types


@pytest.mark.parametrize(
    ("values", "capacity_type"),
    [(["spot"], "spot"), (["on-demand"], "on-demand"), (["spot", "on-demand"], "on-demand")],
)
def test_spot_is_taken_where_nothing_else_is_allowed(values: list[str], capacity_type: str) -> None:
    assert (
        offer(pool(FAMILY_D, {"key": names.CAPACITY_TYPE, "operator": "In", "values": values})).capacity_type
        == capacity_type
    )


def test_a_requirement_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match="Sometimes"):
        offer(pool({"key": names.ARCH, "operator": "Sometimes", "values": []}))


# --- rooms --------------------------------------------------------------------------------------------------------


@pytest.mark.row("karpenter:X15")
def test_a_pod_that_has_room_needs_no_node() -> None:
    found = schedule([pending("p")], [room("full", 0), room("free")], [offer()], {})
    assert found.placed == {"default/p": "free"}
    assert found.new_nodes == ()


def test_room_is_taken_once() -> None:
    found = schedule([pending("a", "3"), pending("b", "3")], [room("r")], [offer()], {})
    assert found.placed == {"default/a": "r"}
    assert len(found.new_nodes) == 1


@pytest.mark.parametrize(
    ("pod_", "room_", "placed"),
    [
        pytest.param(pending("p"), room("r", 4000, Taint("t", "NoSchedule")), False, id="taint"),
        pytest.param(
            pending("p", tolerations=(Toleration("t", "Exists"),)),
            room("r", 4000, Taint("t", "NoSchedule")),
            True,
            id="tolerated",
        ),
        pytest.param(pending("p", selector={"a": "1"}), room("r", 4000, a="2"), False, id="another-label"),
        pytest.param(pending("p", selector={"a": "1"}), room("r", 4000, a="1"), True, id="the-label"),
        pytest.param(pending("p", "4"), room("r", 3999), False, id="a-millicore-short"),
        pytest.param(pending("p", "4"), room("r", 4000), True, id="just-fits"),
    ],
)
def test_who_has_room(pod_: Pod, room_: Room, placed: bool) -> None:
    assert bool(schedule([pod_], [room_], [], {}).placed) is placed


# --- new nodes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpu", "size"),
    [
        ("1", "Standard_D2ps_v5"),
        ("1900m", "Standard_D2ps_v5"),
        ("1901m", "Standard_D4ps_v5"),
        ("60", "Standard_D64ps_v5"),
    ],
)
@pytest.mark.row("karpenter:X14")
def test_a_new_node_is_as_large_as_it_has_to_be(cpu: str, size: str) -> None:
    assert sizes(schedule([pending("p", cpu)], [], [offer()], {})) == [size]


def test_the_usual_size_is_taken_where_it_is_large_enough_and_a_larger_one_where_not() -> None:
    usual = offer(pool(AMD64))
    assert sizes(schedule([pending("p", "3")], [], [usual], {})) == ["Standard_D4s_v5"]
    assert sizes(schedule([pending("p", "7")], [], [usual], {})) == ["Standard_F8s_v2"]
    many = schedule([pending(f"p{number}", "2") for number in range(4)], [], [usual], {})
    assert sizes(many) == ["Standard_D4s_v5"] * 4


def test_pods_share_a_new_node() -> None:
    found = schedule([pending("a"), pending("b")], [], [offer()], {})
    assert [len(item.pods) for item in found.new_nodes] == [2]
    assert found.new_nodes[0].requests == total(requests(item) for item in found.new_nodes[0].pods)


def test_daemons_count_on_every_new_node() -> None:
    found = schedule([pending("p", "1")], [], [offer(overhead={CPU: 1500, PODS: 3})], {})
    assert sizes(found) == ["Standard_D4ps_v5"]
    assert found.new_nodes[0].requests[PODS] == 4


def test_the_first_pool_that_takes_the_pod_is_used() -> None:
    tainted = offer(pool(FAMILY_D, name="tainted", taints=[{"key": "t", "effect": "NoSchedule"}]))
    plain = offer(pool(FAMILY_D, name="plain"))
    found = schedule([pending("a"), pending("b", tolerations=(Toleration("t", "Exists"),))], [], [tainted, plain], {})
    assert {item.pool.name: [pod_.name for pod_ in item.pods] for item in found.new_nodes} == {"plain": ["a", "b"]}


@pytest.mark.parametrize(
    ("pod_", "why"),
    [
        (pending("p", "150"), "default: no instance type is large enough"),
        (pending("p", selector={"a": "1"}), "default: no instance type has the labels that the pod selects"),
        (pending("p", selector={names.ZONE: "northeurope-1"}), "default: it launches in no zone that the pod selects"),
    ],
    ids=["karpenter:X04", "labels", "zone"],
)
def test_a_pod_that_fits_nowhere_is_named_with_the_reason(pod_: Pod, why: str) -> None:
    assert schedule([pod_], [], [offer()], {}).unplaced == {"default/p": why}


def test_why_no_pool_takes_a_pod() -> None:
    tainted = offer(pool(FAMILY_D, name="t", taints=[{"key": "t", "effect": "NoExecute"}]))
    nowhere = offer(pool(FAMILY_D, {"key": names.ZONE, "operator": "DoesNotExist"}, name="z"))
    found = schedule([pending("p")], [], [tainted, nowhere], {})
    assert found.unplaced == {"default/p": "t: did not tolerate its taints; z: its requirements leave no zone"}
    assert schedule([pending("p")], [], [], {}).unplaced == {"default/p": "there is no dynamic NodePool"}


def test_a_pod_that_selects_a_zone_gets_a_node_there_and_only_pods_that_may_share_it() -> None:
    pods = [
        pending("a", "1500m", selector={names.ZONE: "westeurope-3"}),
        pending("b", selector={names.ZONE: "westeurope-2"}),
    ]
    found = schedule(pods, [], [offer()], {"westeurope-3": 9})
    assert sorted((item.placement.zone, item.pods[0].name) for item in found.new_nodes) == [
        ("westeurope-2", "b"),
        ("westeurope-3", "a"),
    ]
    third = schedule([pods[0], pending("c", selector={names.REGION: "westeurope"})], [], [offer()], {})
    assert [item.placement.zone for item in third.new_nodes] == ["westeurope-3"]


def test_new_nodes_go_where_the_fewest_are() -> None:
    pods = [pending(f"p{number}", "60") for number in range(4)]
    found = schedule(pods, [], [offer(pool(FAMILY_D, AMD64))], {"westeurope-1": 2, "westeurope-2": 1})
    assert sorted(item.placement.zone for item in found.new_nodes) == [
        "westeurope-1",
        "westeurope-2",
        "westeurope-3",
        "westeurope-3",
    ]


def test_a_replacement_of_the_same_shape() -> None:
    labels = {names.INSTANCE_TYPE: "Standard_D4s_v5", names.ZONE: "westeurope-1", names.CAPACITY_TYPE: "spot"}
    assert same_shape(node(labels=labels)) == Placement("Standard_D4s_v5", "westeurope-1", "spot")
    assert same_shape(node(labels={})) == Placement("", "", "on-demand")


CPUS = st.lists(st.sampled_from(["250m", "1", "2", "7", "60", "150"]), max_size=8)


@given(CPUS)
def test_every_pod_is_placed_put_on_a_new_node_or_named(cpus: list[str]) -> None:
    pods = [pending(f"p{number}", cpu) for number, cpu in enumerate(cpus)]
    found = schedule(pods, [room("r", 3000)], [offer()], {})
    new = [item.key for made in found.new_nodes for item in made.pods]
    assert sorted([*found.placed, *found.unplaced, *new]) == sorted(item.key for item in pods)


@given(CPUS)
def test_no_new_node_is_asked_for_more_than_it_has(cpus: list[str]) -> None:
    pods = [pending(f"p{number}", cpu) for number, cpu in enumerate(cpus)]
    for made in schedule(pods, [], [offer(), offer(pool(AMD64, name="z"))], {}).new_nodes:
        assert fits(made.requests, made.instance_type.allocatable())
        assert fits(total(requests(item) for item in made.pods), made.requests)


@given(CPUS, st.randoms(use_true_random=False))
def test_the_order_in_which_pods_are_told_does_not_matter(cpus: list[str], random: Any) -> None:
    pods = [pending(f"p{number}", cpu) for number, cpu in enumerate(cpus)]
    shuffled = [*pods]
    random.shuffle(shuffled)
    assert schedule(pods, [room("r", 3000)], [offer()], {}) == schedule(shuffled, [room("r", 3000)], [offer()], {})


@given(
    st.lists(st.tuples(st.sampled_from(["250m", "1", "3"]), st.sampled_from([{}, {"tier": "a"}])), max_size=25),
    st.lists(st.tuples(st.integers(0, 8000), st.sampled_from(["a", "b"])), max_size=6),
)
def test_pods_of_one_shape_go_where_each_of_them_alone_would_look(
    wanted: list[tuple[str, dict[str, str]]], free: list[tuple[int, str]]
) -> None:
    """Not looking twice at what was too small changes nothing: pods that all differ are placed just the same."""

    def placed(*, alike: bool) -> tuple[object, ...]:
        pods = [
            pending(f"p{index}", cpu, selector=tier, tolerations=() if alike else (Toleration(key=f"t{index}"),))
            for index, (cpu, tier) in enumerate(wanted)
        ]
        rooms = [room(f"r{index}", cpu, tier=tier) for index, (cpu, tier) in enumerate(free)]
        found = schedule(pods, rooms, (offer(),), {})
        new = [(item.placement, [one.key for one in item.pods]) for item in found.new_nodes]
        return new, dict(found.placed), dict(found.unplaced)

    assert placed(alike=True) == placed(alike=False)
