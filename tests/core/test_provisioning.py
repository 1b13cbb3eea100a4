"""What a pool offers whose nodes are not made for pods."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from napsim.api import names
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.nodepools import NodePool, Placement
from napsim.core.provisioning import Offer, offer_of, same_shape
from tests.core.examples import node

ZONES = ("westeurope-1", "westeurope-2", "westeurope-3")
FAMILY_D = {"key": "karpenter.azure.com/sku-family", "operator": "In", "values": ["D"]}
AMD64 = {"key": names.ARCH, "operator": "In", "values": ["amd64"]}


def pool(*requirements: dict[str, Any], name: str = "default", **spec: Any) -> NodePool:
    template = {"metadata": {"labels": spec.pop("labels", {})}, "spec": {"requirements": list(requirements), **spec}}
    return msgspec.convert({"metadata": {"name": name}, "spec": {"template": template}}, NodePool)


def offer(of: NodePool) -> Offer:
    return offer_of(of, INSTANCE_TYPES.values(), ZONES, "Standard_D4s_v5")


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


def test_a_replacement_of_the_same_shape() -> None:
    labels = {names.INSTANCE_TYPE: "Standard_D4s_v5", names.ZONE: "westeurope-1", names.CAPACITY_TYPE: "spot"}
    assert same_shape(node(labels=labels)) == Placement("Standard_D4s_v5", "westeurope-1", "spot")
    assert same_shape(node(labels={})) == Placement("", "", "on-demand")
