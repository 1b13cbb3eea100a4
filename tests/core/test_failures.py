"""What goes wrong with instances: for which claims, when, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from napsim.api import names
from napsim.core.clock import WALL_CLOCK
from napsim.core.failures import NEVER, Failure, FailureKind, Failures, Outage
from napsim.core.instances import failed, gone_since
from napsim.core.lifecycle import LAUNCH_RETRY
from napsim.core.timings import Distribution
from tests.core.examples import NOW, node

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
LABELS = {
    names.NODEPOOL: "default",
    names.INSTANCE_TYPE: "Standard_D4s_v5",
    names.ZONE: "westeurope-1",
    names.CAPACITY_TYPE: "spot",
}
JOINS = FailureKind.NEVER_REGISTERS


def put_off(*failures: Failure, claim: str = "c", seed: int = 0, every: timedelta = timedelta(0)) -> timedelta | None:
    """How much later than now a registration that is due now happens; None: never."""
    at, _ = Failures(failures, seed).put_off(JOINS, claim, LABELS, NOW, every)
    return None if at == NEVER else at - NOW


@pytest.mark.parametrize(
    ("failure", "later"),
    [
        pytest.param(Failure(JOINS), None, id="for-ever"),
        pytest.param(Failure(JOINS, ends=NOW + MINUTE), MINUTE, id="until-its-end"),
        pytest.param(Failure(JOINS, ends=NOW), timedelta(0), id="its-end-is-not-part-of-it"),
        pytest.param(Failure(JOINS, begins=NOW), None, id="its-beginning-is"),
        pytest.param(Failure(JOINS, begins=NOW + SECOND), timedelta(0), id="not-yet"),
        pytest.param(Failure(JOINS, lasts=MINUTE), MINUTE, id="for-a-minute"),
        pytest.param(Failure(JOINS, lasts=MINUTE, ends=NOW + SECOND), SECOND, id="whichever-is-first"),
        pytest.param(Failure(JOINS, share=0.0), timedelta(0), id="nobody"),
        pytest.param(Failure(FailureKind.LAUNCH_FAILS), timedelta(0), id="another-step"),
        pytest.param(Failure(JOINS, node_pools=frozenset({"default", "other"})), None, id="its-pool"),
        pytest.param(Failure(JOINS, node_pools=frozenset({"other"})), timedelta(0), id="another-pool"),
        pytest.param(Failure(JOINS, zones=frozenset({"westeurope-2"})), timedelta(0), id="another-zone"),
        pytest.param(Failure(JOINS, instance_types=frozenset({"Standard_D8s_v5"})), timedelta(0), id="another-size"),
        pytest.param(Failure(JOINS, capacity_types=frozenset({"on-demand"})), timedelta(0), id="another-capacity-type"),
        pytest.param(
            Failure(JOINS, zones=frozenset({"westeurope-1"}), capacity_types=frozenset({"spot"})), None, id="both-hold"
        ),
    ],
)
def test_a_step_is_put_off_while_a_failure_of_it_holds(failure: Failure, later: timedelta | None) -> None:
    assert put_off(failure) == later


def test_failures_that_follow_each_other_put_a_step_off_to_the_end_of_the_last() -> None:
    first, second = Failure(JOINS, ends=NOW + MINUTE), Failure(JOINS, begins=NOW + MINUTE, ends=NOW + HOUR)
    assert put_off(first, second) == put_off(second, first) == HOUR
    assert put_off(first, Failure(JOINS, begins=NOW + HOUR)) == MINUTE


@pytest.mark.parametrize(("seconds", "later"), [(1, 10), (10, 10), (11, 20), (60, 60)])
def test_a_step_that_is_tried_again_happens_at_the_first_attempt_after_the_failure(seconds: int, later: int) -> None:
    assert put_off(Failure(JOINS, ends=NOW + seconds * SECOND), every=LAUNCH_RETRY) == later * SECOND
    assert put_off(Failure(JOINS), every=LAUNCH_RETRY) is None


def test_a_share_of_the_claims_is_hit_the_same_ones_whenever_it_is_asked() -> None:
    half = Failure(JOINS, share=0.5)

    def hit(seed: int) -> list[int]:
        return [number for number in range(1000) if put_off(half, claim=f"c{number}", seed=seed) is None]

    assert hit(1) == hit(1)
    assert hit(1) != hit(2)
    assert 430 < len(hit(1)) < 570


def test_two_failures_of_one_kind_draw_apart() -> None:
    def hit(*failures: Failure) -> set[int]:
        return {number for number in range(200) if put_off(*failures, claim=f"c{number}") is None}

    half, none = Failure(JOINS, share=0.5), Failure(JOINS, share=0.0)
    assert hit(half) != hit(none, half)
    assert hit(half) < hit(half, half)


def test_a_refusal_is_in_azures_words_or_in_those_that_are_asked_for() -> None:
    def said(**more: str) -> str:
        return Failures((Failure(FailureKind.NO_CAPACITY, **more),)).refusal("c", LABELS, NOW)  # type: ignore[arg-type]  # only texts are given

    assert said() == (
        "unable to allocate resources in the selected zone (westeurope-1) with spot capacity type and Standard_D4s_v5 "
        "VM size"
    )
    assert said(message="quota {reached}") == "quota {reached}"
    assert Failures().refusal("c", LABELS, NOW) == ""


# --- nodes that fail later ----------------------------------------------------------------------------------------


def breakdown(*failures: Failure, after: timedelta = timedelta(0)) -> Outage | None:
    """That of a node initialized now."""
    return Failures(failures).breakdown("c", LABELS, NOW, NOW + after)


DOWN, GONE = FailureKind.NODE_FAILS, FailureKind.INSTANCE_GONE
AN_HOUR = Distribution(low=3600)


@pytest.mark.parametrize(
    ("failure", "begins", "ends"),
    [
        pytest.param(Failure(DOWN), NOW, NEVER, id="at-once-for-ever"),
        pytest.param(
            Failure(DOWN, after=AN_HOUR, lasts=MINUTE), NOW + HOUR, NOW + HOUR + MINUTE, id="later-for-a-while"
        ),
        pytest.param(Failure(DOWN, begins=NOW + MINUTE), NOW + MINUTE, NEVER, id="not-before-it-holds"),
        pytest.param(Failure(DOWN, after=AN_HOUR, ends=NOW + 2 * HOUR), NOW + HOUR, NOW + 2 * HOUR, id="until-its-end"),
        pytest.param(Failure(GONE, after=AN_HOUR, ends=NOW + 2 * HOUR), NOW + HOUR, NEVER, id="gone-is-gone"),
    ],
)
def test_a_node_fails_some_time_after_its_initialization(failure: Failure, begins: object, ends: object) -> None:
    found = breakdown(failure)
    assert found is not None
    assert (found.kind, found.begins, found.ends) == (failure.kind, begins, ends)
    assert found.message == "Kubelet stopped posting node status."


def test_a_node_whose_time_comes_when_the_failure_is_over_does_not_fail() -> None:
    assert breakdown(Failure(DOWN, after=AN_HOUR, ends=NOW + HOUR)) is None
    assert breakdown(Failure(GONE, after=AN_HOUR, ends=NOW + HOUR)) is None
    assert breakdown(Failure(JOINS)) is None


def test_of_several_breakdowns_the_one_that_is_on_counts_then_the_next() -> None:
    passing, last = Failure(DOWN, lasts=MINUTE), Failure(GONE, after=AN_HOUR)
    found = [breakdown(last, passing, after=after) for after in (timedelta(0), MINUTE, 2 * HOUR)]
    assert [item.kind if item else None for item in found] == [DOWN, GONE, GONE]


def test_when_a_node_fails_is_drawn_for_each_claim() -> None:
    drawn = Failures((Failure(GONE, after=Distribution("exponential", mean=3600)),))
    found = [drawn.breakdown(f"c{number}", LABELS, NOW, NOW) for number in range(50)]
    begins = [item.begins for item in found if item]
    assert len(set(begins)) == 50
    assert begins == [item.begins for item in found if item]


def test_a_failed_node_says_since_when_and_whether_its_instance_is_gone() -> None:
    for kind, since in ((DOWN, None), (GONE, NOW)):
        marks = {key: value or "" for key, value in failed(Outage(kind, NOW, NEVER, "no heartbeat")).items()}
        assert marks[names.FAILED] == f"{kind}: no heartbeat"
        assert gone_since(node(annotations=marks)) == since
    assert gone_since(node()) is None
    assert WALL_CLOCK.real(NEVER) == NEVER
