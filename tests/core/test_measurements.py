"""How long steps took, as conditions, events and pods tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from napsim.api import names
from napsim.api.timings import Timing
from napsim.core.measurements import Measurement, Said, measured
from napsim.core.objects import Condition, NodeClaim, NodeClaimStatus, ObjectMeta, OwnerReference, Pod, PodStatus

NOON = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
STEPS = (names.LAUNCHED, names.REGISTERED_CONDITION, names.INITIALIZED_CONDITION)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def claim(*reached: float, **annotations: str) -> NodeClaim:
    """Created at noon; launched, registered, initialized so many seconds later, as far as given."""
    conditions = tuple(Condition(type_, "True", "", "", after(at)) for type_, at in zip(STEPS, reached, strict=False))
    metadata = ObjectMeta("a", creation_timestamp=NOON, annotations=annotations)
    return NodeClaim(metadata, status=NodeClaimStatus(conditions))


def pod(bound: float | None, ready: float | None, owner: str = "ReplicaSet") -> Pod:
    dated = (("PodScheduled", bound), (names.READY, ready))
    conditions = tuple(Condition(type_, "True", "", "", after(at)) for type_, at in dated if at is not None)
    reference = OwnerReference(owner, "web", "1", controller=True, api_version="apps/v1")
    return Pod(
        ObjectMeta("p", "default", owner_references=(reference,)), status=PodStatus("Running", None, "", conditions)
    )


def steps(*claims: NodeClaim) -> dict[str, tuple[float, ...]]:
    return {item.step: item.seconds for item in measured(claims, (), ())}


def test_each_step_counts_from_the_one_before() -> None:
    assert steps(claim(5, 45, 60), claim(7, 40, 41)) == {
        "launch": (5.0, 7.0),
        "registration": (33.0, 40.0),
        "initialization": (1.0, 15.0),
    }


def test_a_claim_counts_as_far_as_it_came() -> None:
    assert steps(claim(5, 45), claim()) == {"launch": (5.0,), "registration": (40.0,)}


def test_a_step_that_is_dated_before_the_last_does_not_count() -> None:
    assert steps(claim(5, 4, 60)) == {"launch": (5.0,)}


def test_the_age_on_the_cluster_s_clock_goes_before_the_api_server_s() -> None:
    assert steps(claim(5, **{names.CREATED_AT: "2026-02-14T12:00:02Z"})) == {"launch": (3.0,)}


@pytest.mark.parametrize(
    ("item", "seconds"),
    [
        (pod(1, 9), (8.0,)),
        (pod(1, 1), (0.0,)),
        (pod(1, None), ()),
        (pod(None, 9), ()),
        (pod(1, 3601), ()),
        (pod(1, 9, owner="DaemonSet"), ()),
    ],
    ids=["ready", "at once", "not ready", "not bound", "ready again", "of a DaemonSet"],
)
def test_pods_start(item: Pod, seconds: tuple[float, ...]) -> None:
    assert [found.seconds for found in measured((), (item,), ()) if found.step == "podStart"] == (
        [seconds] if seconds else []
    )


def test_an_instance_is_gone_when_its_node_is() -> None:
    drained = Said("NodeClaim", "x", "Drained", NOON)
    gone = Said("Node", "aks-x", "RemovingNode", after(12))
    (found,) = measured((), (), (drained, gone, Said("NodeClaim", "y", "Drained", NOON)))
    assert (found.step, found.seconds) == ("detach", (12.0,))


def test_median_and_p95() -> None:
    found = Measurement("launch", tuple(float(value) for value in range(1, 101)))
    assert (found.median, found.p95) == (50.0, 95.0)
    assert Measurement("launch", (3.0,)).p95 == 3.0


@pytest.mark.parametrize(
    ("seconds", "timing"),
    [
        ((5.0, 5.0), {"fixed": "5s"}),
        ((1.25, 40.0), {"distribution": "observed", "values": ["1.25s", "40s"]}),
    ],
)
def test_a_timing_is_what_was_measured(seconds: tuple[float, ...], timing: dict[str, object]) -> None:
    found = Measurement("launch", seconds).timing()
    assert found == timing
    assert Timing.model_validate(found).stored() == timing


def test_of_very_many_a_timing_has_quantiles() -> None:
    found = Measurement("launch", tuple(float(value) for value in range(1000)))
    assert len(found.values()) == 50
    assert len(Timing.model_validate(found.timing()).values or ()) == 50
    assert (found.values()[0], found.values()[-1]) == (9.0, 989.0)
