"""What was refused for want of capacity: who asks for what else, and who waits until it may be asked for again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from napsim.api import names
from tests.controllers.test_declared import READY, node_class, pool
from tests.controllers.test_provisioner import World, pending, world
from tests.core.examples import NOW

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
ZONES = ("westeurope-1", "westeurope-2", "westeurope-3")
ONE_SIZE = {"key": names.INSTANCE_TYPE, "operator": "In", "values": ["Standard_D4s_v5"]}


def refuse(here: World, *zones: str, capacity_type: str = "on-demand") -> None:
    for zone in zones:
        labels = {names.INSTANCE_TYPE: "Standard_D4s_v5", names.ZONE: zone, names.CAPACITY_TYPE: capacity_type}
        here.declared.unavailable.mark(labels, NOW)


def narrow(*capacity_types: str, **spec: object) -> World:
    """A pool of one size."""
    kinds = [{"key": names.CAPACITY_TYPE, "operator": "In", "values": list(capacity_types)}] if capacity_types else []
    manifest = pool(**spec)  # type: ignore[arg-type]  # what a spec holds is pool's business
    manifest["spec"]["template"]["spec"]["requirements"] = [ONE_SIZE, *kinds]
    made = World()
    made.take(node_class(status=READY), manifest)
    return made


def places(here: World) -> list[tuple[str, str]]:
    labels = [item.metadata.labels for item in here.created]
    return [(item[names.ZONE], item[names.CAPACITY_TYPE]) for item in labels]


@pytest.mark.parametrize(("refused", "zone"), [(ZONES[:1], ZONES[1]), (ZONES[:2], ZONES[2])])
def test_a_pod_gets_its_node_in_another_zone(refused: tuple[str, ...], zone: str) -> None:
    here = narrow()
    refuse(here, *refused)
    here.pend(pending("p"))
    here.look()
    assert places(here) == [(zone, "on-demand")]


def test_a_pod_gets_a_larger_node_where_the_pool_allows_it() -> None:
    here = world()
    refuse(here, *ZONES)
    here.pend(pending("p", "3"))
    here.look()
    (made,) = here.created
    assert made.metadata.labels[names.INSTANCE_TYPE] != "Standard_D4s_v5"


def test_without_spot_a_pool_that_allows_both_is_launched_on_demand() -> None:
    here = narrow("spot", "on-demand")
    refuse(here, *ZONES, capacity_type="spot")
    here.pend(pending("p"))
    here.look()
    assert [kind for _, kind in places(here)] == ["on-demand"]


def test_a_pod_of_a_pool_that_allows_nothing_else_waits_for_an_hour_and_says_so() -> None:
    here = narrow()
    refuse(here, *ZONES)
    here.pend(pending("p"))
    here.look()
    assert here.created == []
    assert list(here.provisioner.unplaced) == ["default/p"]
    assert [event.reason for event in here.said] == ["FailedScheduling"]
    here.real = NOW + HOUR
    here.look()
    assert len(here.created) == 1


def test_a_static_pool_grows_where_it_can_and_waits_where_it_cannot() -> None:
    here = narrow(replicas=4)
    refuse(here, ZONES[0])
    assert asyncio.run(here.provisioner.reconcile_pool("default")) is None
    assert sorted(zone for zone, _ in places(here)) == [ZONES[1], ZONES[1], ZONES[2], ZONES[2]]
    other = narrow(replicas=2)
    refuse(other, *ZONES)
    assert asyncio.run(other.provisioner.reconcile_pool("default")) == NOW + HOUR
    assert other.created == []
    other.real = NOW + HOUR
    assert asyncio.run(other.provisioner.reconcile_pool("default")) is None
    assert len(other.created) == 2
