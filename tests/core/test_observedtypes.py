"""Instance types as nodes show them."""

from __future__ import annotations

from napsim.api import names
from napsim.core.objects import Node, NodeStatus, ObjectMeta
from napsim.core.observedtypes import observed
from napsim.core.resources import CPU


def node(name: str, size: str, zone: str = "eu-1a", cpu: str = "3900m", **labels: str) -> Node:
    own = {names.INSTANCE_TYPE: size, names.ZONE: zone, names.HOSTNAME: name, names.ARCH: "amd64", **labels}
    return Node(ObjectMeta(name=name, labels=own), status=NodeStatus({"cpu": "4"}, {"cpu": cpu, "memory": "7Gi"}))


def test_a_type_has_the_labels_that_all_its_nodes_have_but_those_of_place_and_pool() -> None:
    nodes = [
        node("a", "m5.xlarge", family="m5", team="x", odd="1"),
        node("b", "m5.xlarge", "eu-1b", family="m5", team="x"),
    ]
    found = observed(nodes, ["team"])
    assert found.types["m5.xlarge"].labels() == {names.INSTANCE_TYPE: "m5.xlarge", names.ARCH: "amd64", "family": "m5"}
    assert found.zones == ("eu-1a", "eu-1b")


def test_a_type_offers_the_least_that_one_of_its_nodes_has() -> None:
    found = observed([node("a", "m5.xlarge"), node("b", "m5.xlarge", cpu="3800m")])
    assert found.types["m5.xlarge"].allocatable(30, 128)[CPU] == 3800
    assert found.types["m5.xlarge"].capacity(30, 128)[CPU] == 4000


def test_a_node_without_type_zone_or_room_shows_nothing() -> None:
    blank = Node(ObjectMeta(name="c", labels={names.INSTANCE_TYPE: "x", names.ZONE: "eu-1a"}))
    assert not observed([node("a", ""), node("b", "m5.xlarge", ""), blank]).types


def test_the_smaller_type_is_the_cheaper_one() -> None:
    small = node("a", "small")
    large = Node(node("b", "large").metadata, status=NodeStatus({"cpu": "8", "memory": "32Gi"}, {"cpu": "8"}))
    found = observed([small, large]).types
    assert found["small"].usd_per_hour < found["large"].usd_per_hour
