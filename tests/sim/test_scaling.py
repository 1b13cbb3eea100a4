"""Who goes when a ReplicaSet is made smaller: ``ActivePodsWithRanks`` of kubernetes v1.36, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from napsim.api import names
from napsim.core.objects import Condition, ObjectMeta, Pod, PodSpec, PodStatus
from napsim.sim.scaling import surplus

NOON = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def pod(
    name: str, node: str = "a", *, phase: str = "Running", ready: bool = True, age: timedelta = DAY, cost: str = ""
) -> Pod:
    """A pod whose uid is its name, ready for as long as it is there."""
    annotations = {names.POD_DELETION_COST: cost} if cost else {}
    metadata = ObjectMeta(name, uid=name, creation_timestamp=NOON - age, annotations=annotations)
    conditions = (Condition(names.READY, "True", "", "", NOON - age),) if ready else ()
    return Pod(metadata, PodSpec(node_name=node), PodStatus(phase, None, "", conditions))


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(pod("z", ""), pod("b", phase="Pending", ready=False), id="no node"),
        pytest.param(pod("z", phase="Pending", ready=False), pod("b", ready=False), id="pending"),
        pytest.param(pod("z", phase="Unknown"), pod("b", ready=False), id="unknown"),
        pytest.param(pod("z", ready=False), pod("b", cost="-5"), id="not ready"),
        pytest.param(pod("z", cost="-5"), pod("b", cost="3"), id="cheap"),
        pytest.param(pod("z", cost="2"), pod("b", cost="10"), id="costs are numbers"),
        pytest.param(pod("z", cost="-1"), pod("b", cost="some"), id="no number costs nothing"),
        pytest.param(pod("z", age=DAY / 4), pod("b"), id="younger"),
        pytest.param(pod("b", age=DAY * 1.2), pod("z"), id="as old, by uid"),
        pytest.param(pod("z", ready=False, age=DAY / 4), pod("b", ready=False), id="made later"),
        pytest.param(pod("z", age=-DAY), pod("b", age=DAY), id="dated ahead"),
    ],
)
def test_the_first_of_two_goes(first: Pod, then: Pod) -> None:
    for pods in ((first, then), (then, first)):
        assert [it.name for it in surplus(pods, 1, NOON)] == [first.name]


def test_those_go_that_stand_beside_most_others_of_their_own() -> None:
    """Counted once: who goes is not taken off before the next is chosen."""
    crowded = [pod(name, "a") for name in ("x1", "x2", "x3")]
    pair = [pod(name, "b", age=DAY / 4) for name in ("y1", "y2")]
    alone = pod("a1", "c", age=DAY / 4)
    assert [it.name for it in surplus([alone, *pair, *crowded], 2, NOON)] == ["x1", "x2", "x3", "y1"]


@pytest.mark.parametrize("wanted", [1, 2])
def test_nobody_goes_where_there_are_no_more_than_wanted(wanted: int) -> None:
    assert surplus([pod("a")], wanted, NOON) == []
