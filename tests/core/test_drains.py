"""Draining: tiers, protected pods, and the end of the termination grace period (karpenter.md 11 and 19.9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.api import names
from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.drains import Drain, drain, tier_of
from napsim.core.objects import Pod, Toleration
from napsim.core.pods import is_waited_for, protection
from tests.core.examples import NOW, pod

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HELD = {names.DO_NOT_DISRUPT: "true"}
CRITICAL = "system-node-critical"
PLAIN, DAEMON = pod("plain"), pod("daemon", owner="DaemonSet")
VITAL, VITAL_DAEMON = pod("vital", priority=CRITICAL), pod("vital-daemon", owner="DaemonSet", priority=CRITICAL)
STATIC, TOLERANT = pod("static", owner="Node"), pod("tolerant", tolerations=(Toleration(operator="Exists"),))
TGP = 300 * SECOND


def look(*pods: Pod, deadline: datetime | None = None, now: datetime = NOW) -> Drain:
    return drain(pods, deadline, WALL_CLOCK, now, now)


def evicted(*pods: Pod) -> list[str]:
    return [item.name for item in look(*pods).evict]


@pytest.mark.row("karpenter:N10")
def test_tiers_come_strictly_one_after_another() -> None:
    waiting = [VITAL_DAEMON, STATIC, VITAL, DAEMON, TOLERANT, PLAIN]
    order = []
    while names_ := evicted(*waiting):
        order.append(names_)
        waiting = [item for item in waiting if item.name not in names_]
    assert order == [["plain"], ["daemon"], ["vital"], ["vital-daemon"]]
    assert waiting == [STATIC, TOLERANT]
    assert look(*waiting).done


def test_a_tier_is_not_begun_while_a_pod_of_an_earlier_one_is_terminating() -> None:
    assert evicted(pod("leaving", deleted_at=NOW), DAEMON) == []
    assert look(pod("leaving", deleted_at=NOW), DAEMON).waiting == 2


def test_a_protected_pod_holds_up_the_tiers_after_its_own() -> None:
    assert evicted(pod("held", annotations=HELD), PLAIN, DAEMON) == ["plain"]
    assert evicted(pod("held", annotations=HELD), DAEMON) == []


@pytest.mark.parametrize(
    ("pods", "waiting"),
    [
        pytest.param((), 0, id="karpenter:N21"),
        pytest.param((TOLERANT,), 0, id="karpenter:N04"),
        pytest.param((pod(phase="Succeeded"), pod("f", phase="Failed")), 0, id="karpenter:N08"),
        pytest.param((STATIC,), 0, id="karpenter:N11"),
        pytest.param((PLAIN, pod("gone", deleted_at=NOW)), 2, id="karpenter:N12"),
        pytest.param((pod("stuck", deleted_at=NOW - 90 * SECOND),), 0, id="karpenter:N15"),
        pytest.param((pod("leaving", deleted_at=NOW - 60 * SECOND),), 1, id="not-stuck-yet"),
        pytest.param((pod(owner=""),), 1, id="karpenter:N07"),
    ],
)
def test_who_is_waited_for(pods: tuple[Pod, ...], waiting: int) -> None:
    assert look(*pods).waiting == waiting
    assert look(*pods).done is (waiting == 0)


@pytest.mark.row("karpenter:N07")
def test_a_pod_without_an_owner_is_evicted() -> None:
    assert evicted(pod("alone", owner="")) == ["alone"]


@pytest.mark.parametrize(
    ("pod_", "seconds", "deleted"),
    [
        pytest.param(pod(annotations=HELD, grace_seconds=300), 10, True, id="karpenter:N17"),
        pytest.param(pod(grace_seconds=60), 90, False, id="karpenter:N19-early"),
        pytest.param(pod(grace_seconds=60), 240, False, id="to-the-second"),
        pytest.param(pod(grace_seconds=60), 241, True, id="a-second-later"),
        pytest.param(pod(grace_seconds=60), 265, True, id="karpenter:N19"),
        pytest.param(pod(grace_seconds=600), 0, True, id="more-grace-than-the-node-has"),
        pytest.param(pod(grace_seconds=2**63 - 1), 0, True, id="as-much-as-can-be-written"),
    ],
)
def test_a_pod_is_deleted_once_only_its_own_grace_is_left(pod_: Pod, seconds: int, deleted: bool) -> None:
    found = look(pod_, deadline=NOW + TGP, now=NOW + seconds * SECOND)
    assert bool(found.delete) is deleted
    assert [item.grace_seconds for item in found.delete] == ([300 - seconds] if deleted else [])
    assert pod_ not in found.evict or not deleted


@pytest.mark.row("karpenter:N18")
def test_time_is_up_for_every_tier_at_once() -> None:
    vital = pod("vital", priority=CRITICAL, grace_seconds=600)
    found = look(PLAIN, vital, deadline=NOW + TGP)
    assert [item.pod.name for item in found.delete] == ["vital"]
    assert [item.name for item in found.evict] == ["plain"]


@pytest.mark.parametrize(("late", "grace"), [(-1, 1), (0, 1), (1, 1), (60, 1)])
def test_at_and_after_the_deadline_a_second_is_left(late: int, grace: int) -> None:
    found = look(PLAIN, deadline=NOW, now=NOW + late * SECOND)
    assert [item.grace_seconds for item in found.delete] == [grace]


@pytest.mark.parametrize(("after", "again"), [(0, False), (1, True)])
def test_a_terminating_pod_is_deleted_again_only_when_it_would_outlive_the_deadline(after: int, again: bool) -> None:
    leaving = pod(deleted_at=NOW + TGP + after * SECOND, annotations=HELD)
    assert bool(look(leaving, deadline=NOW + TGP).delete) is again


def test_a_pod_that_was_given_the_shortest_grace_is_not_deleted_again_at_every_look() -> None:
    leaving = pod("leaving", deleted_at=NOW + SECOND)
    metadata = msgspec.structs.replace(leaving.metadata, deletion_grace_period_seconds=1)
    asked = msgspec.structs.replace(leaving, metadata=metadata)
    assert look(leaving, deadline=NOW).delete
    assert not look(asked, deadline=NOW).delete
    assert look(asked, deadline=NOW).waiting == 1


def test_a_drain_looks_again_when_a_terminating_pod_is_waited_for_no_longer() -> None:
    leaving = pod("leaving", deleted_at=NOW - 20 * SECOND)
    found = look(leaving)
    assert found.wake_at == NOW + 40 * SECOND + timedelta(microseconds=1)
    assert look(leaving, now=found.wake_at).done


def test_a_protection_that_ends_before_its_pod_s_turn_is_no_reason_to_look_again() -> None:
    held = pod("held", owner="DaemonSet", annotations={names.DO_NOT_DISRUPT: "5m"})
    assert look(held).wake_at == NOW + 5 * MINUTE
    assert look(PLAIN, held).wake_at is None


def test_the_grace_granted_is_in_the_kubelet_s_seconds() -> None:
    real = datetime(2026, 6, 1, tzinfo=UTC)
    timeline = Timeline(real, NOW, 60.0)
    granted = drain((pod(grace_seconds=600),), NOW + TGP, timeline, NOW, real).delete[0].grace_seconds
    assert granted == 5
    leaving = pod(deleted_at=real + granted * SECOND, grace_seconds=600)
    assert drain((leaving,), NOW + TGP, timeline, NOW, real).delete == ()


@pytest.mark.parametrize(
    ("pods", "deadline", "wake_after"),
    [
        pytest.param((PLAIN,), None, None, id="only-a-change-can-help"),
        pytest.param(
            (pod(grace_seconds=60),), NOW + TGP, 240 * SECOND + timedelta(milliseconds=1), id="its-share-ends"
        ),
        pytest.param((pod(annotations={names.DO_NOT_DISRUPT: "2m"}),), None, 2 * MINUTE, id="its-protection-ends"),
        pytest.param((pod(grace_seconds=600),), NOW + TGP, None, id="it-is-late-already"),
        pytest.param((), NOW + TGP, None, id="nobody-is-left"),
    ],
)
def test_when_to_look_again(pods: tuple[Pod, ...], deadline: datetime | None, wake_after: timedelta | None) -> None:
    assert look(*pods, deadline=deadline).wake_at == (None if wake_after is None else NOW + wake_after)


PODS = st.lists(
    st.builds(
        lambda number, owner, priority, hold, phase, deleted, grace, tolerant: pod(
            f"p{number}",
            owner=owner,
            priority=priority,
            phase=phase,
            grace_seconds=grace,
            annotations={names.DO_NOT_DISRUPT: hold} if hold else {},
            deleted_at=None if deleted is None else NOW + deleted * SECOND,
            tolerations=(Toleration(operator="Exists"),) if tolerant else (),
        ),
        st.integers(0, 99),
        st.sampled_from(["ReplicaSet", "DaemonSet", "StatefulSet", "Node", ""]),
        st.sampled_from(["", CRITICAL]),
        st.sampled_from(["", "", "true", "5m", "wrong"]),
        st.sampled_from(["Running", "Running", "Succeeded"]),
        st.none() | st.integers(-100, 400),
        st.integers(0, 600),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda item: item.name,
)
DEADLINES = st.none() | st.integers(-60, 900).map(lambda seconds: NOW + seconds * SECOND)


@given(PODS, DEADLINES)
def test_a_drain_never_evicts_a_protected_pod(pods: list[Pod], deadline: datetime | None) -> None:
    assert not any(protection(item, WALL_CLOCK, NOW).active for item in look(*pods, deadline=deadline).evict)


@given(PODS, DEADLINES)
def test_tiers_never_overlap(pods: list[Pod], deadline: datetime | None) -> None:
    found = look(*pods, deadline=deadline)
    begun = {tier_of(item) for item in found.evict}
    assert len(begun) <= 1
    earlier = [item for item in pods if is_waited_for(item, NOW) and any(tier_of(item) < tier for tier in begun)]
    assert not earlier


@given(PODS, DEADLINES)
def test_nobody_is_both_evicted_and_deleted_and_all_who_are_were_waited_for(
    pods: list[Pod], deadline: datetime | None
) -> None:
    found = look(*pods, deadline=deadline)
    touched = [*(item.name for item in found.evict), *(item.pod.name for item in found.delete)]
    assert len(touched) == len(set(touched)) <= found.waiting
    assert all(item.grace_seconds >= 1 for item in found.delete)


@given(PODS, DEADLINES)
def test_the_next_look_is_in_the_future_and_to_the_millisecond_nothing_changes_before_it(
    pods: list[Pod], deadline: datetime | None
) -> None:
    now = look(*pods, deadline=deadline)
    if now.wake_at is None:
        return
    assert now.wake_at > NOW
    assert drain(tuple(pods), deadline, WALL_CLOCK, now.wake_at - timedelta(milliseconds=1), NOW).evict == now.evict
