"""Offerings that were refused for want of capacity."""

from __future__ import annotations

from datetime import timedelta

import pytest

from napsim.api import names
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.nodepools import NodePool, NodePoolSpec, Template, TemplateSpec
from napsim.core.nodetemplates import NodeTemplate, template_of
from napsim.core.objects import ObjectMeta, Requirement
from napsim.core.unavailable import UnavailableOfferings
from tests.core.examples import NOW

ZONES = ("westeurope-1", "westeurope-2")
TYPES = [INSTANCE_TYPES["Standard_D4s_v5"], INSTANCE_TYPES["Standard_D8s_v5"]]
HOUR = timedelta(hours=1)


def template(*capacity_types: str, name: str = "default") -> NodeTemplate:
    wanted = (Requirement(names.CAPACITY_TYPE, "In", capacity_types),) if capacity_types else ()
    spec = NodePoolSpec(template=Template(spec=TemplateSpec(requirements=wanted)))
    return template_of(NodePool(metadata=ObjectMeta(name=name), spec=spec), TYPES, ZONES, (), 110, 128)


def refused(*zones: str, size: str = "Standard_D4s_v5", capacity_type: str = "on-demand") -> UnavailableOfferings:
    made = UnavailableOfferings()
    for zone in zones:
        made.mark({names.INSTANCE_TYPE: size, names.ZONE: zone, names.CAPACITY_TYPE: capacity_type}, NOW)
    return made


def left(made: UnavailableOfferings, item: NodeTemplate, after: timedelta = timedelta(0)) -> set[tuple[str, str, str]]:
    found = made.left_of((item,), NOW + after)
    return {
        (option.type.name, offering.zone, offering.capacity_type)
        for template_ in found
        for option in template_.options
        for offering in option.offered(template_.requirements)
    }


def test_nothing_refused_leaves_everything_as_it_is() -> None:
    given = (template(),)
    assert UnavailableOfferings().left_of(given, NOW) is given


def test_a_pool_that_names_no_capacity_type_has_the_other_zone_and_size_left_on_demand() -> None:
    assert left(refused("westeurope-1"), template()) == {
        ("Standard_D4s_v5", "westeurope-2", "on-demand"),
        ("Standard_D8s_v5", "westeurope-1", "on-demand"),
        ("Standard_D8s_v5", "westeurope-2", "on-demand"),
    }


def test_a_size_without_a_zone_is_not_offered_and_a_pool_without_a_size_not_there() -> None:
    found = left(refused(*ZONES), template())
    assert {name for name, _, _ in found} == {"Standard_D8s_v5"}
    both = refused(*ZONES)
    for zone in ZONES:
        both.mark({names.INSTANCE_TYPE: "Standard_D8s_v5", names.ZONE: zone, names.CAPACITY_TYPE: "on-demand"}, NOW)
    assert both.left_of((template(),), NOW) == ()


def test_a_pool_that_allows_both_goes_from_spot_to_on_demand() -> None:
    found = left(refused(*ZONES, capacity_type="spot"), template("spot", "on-demand"))
    assert ("Standard_D4s_v5", "westeurope-1", "on-demand") in found
    assert ("Standard_D4s_v5", "westeurope-1", "spot") not in found
    assert ("Standard_D8s_v5", "westeurope-1", "spot") in found


@pytest.mark.parametrize(("minutes", "there"), [(0, False), (59.99, False), (60, True)])
def test_after_an_hour_it_may_be_asked_for_again(minutes: float, there: bool) -> None:
    after = timedelta(minutes=minutes)
    made = refused("westeurope-1")
    assert (("Standard_D4s_v5", "westeurope-1", "on-demand") in left(made, template(), after)) is there
    assert made.next_end(NOW + after) == (None if there else NOW + HOUR)


def test_a_refusal_counts_from_the_last_one() -> None:
    made = refused("westeurope-1")
    made.mark(
        {names.INSTANCE_TYPE: "Standard_D4s_v5", names.ZONE: "westeurope-1", names.CAPACITY_TYPE: "on-demand"},
        NOW + HOUR / 2,
    )
    assert made.next_end(NOW) == NOW + 1.5 * HOUR


def test_what_nobody_refused_is_the_same_object_and_so_is_the_whole_while_nothing_changes() -> None:
    arm = template_of(
        NodePool(metadata=ObjectMeta(name="arm")), [INSTANCE_TYPES["Standard_D4ps_v5"]], ZONES, (), 110, 128
    )
    given, made = (arm, template()), refused("westeurope-1")
    first = made.left_of(given, NOW)
    assert first[0] is arm
    assert first[1] is not given[1]
    assert made.left_of(given, NOW + HOUR / 2) is first
    assert made.left_of(given, NOW + HOUR) is given
