"""Several operators on one cluster: one leads, and whoever takes over goes on without doing anything twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from tests.e2e import inflight
from tests.e2e.auditor import Record
from tests.e2e.auditor.writes import LeaseState
from tests.e2e.proxy import Proxy
from tests.e2e.rehearsal import OperatorProcess, Rehearsal

NODES: Final = 6
LEASE_SECONDS: Final = 10  # long enough for a leader that a busy machine holds up to stay one
LATE_SECONDS: Final = 60  # how long the machine may take over what the one that stands by does then
LONG_LEASE_SECONDS: Final = 300  # nobody waits for its end
GRACE_SECONDS: Final = 30  # twice what the chart gives a pod to end


def test_a_killed_leader_is_followed_by_the_one_that_stood_by(world: Rehearsal) -> None:
    leader, _ = started(world)
    killed_at = inflight.freeze_in_flight(world, leader)
    leader.kill()
    inflight.finish(world, NODES)

    record = inflight.assert_sound(world, NODES)
    assert inflight.in_flight(record, killed_at)
    acquired = acquired_at(record, "two")
    last_renewed = max(instant for instant, holder in reigns(record) if holder == "one")
    assert LEASE_SECONDS <= (acquired - last_renewed).total_seconds() < LEASE_SECONDS + LATE_SECONDS
    assert all(act.received >= acquired for act in record.acts if act.agent.identity == "two")
    assert any(act.received >= acquired for act in record.acts if act.agent.identity == "two")


def test_a_leader_that_is_cut_off_writes_nothing_once_another_leads(world: Rehearsal) -> None:
    with Proxy(world.kubeconfig) as proxy:
        leader, _ = started(world, "--kubeconfig", str(proxy.kubeconfig()))
        cut_off_at = None
        while cut_off_at is None:
            inflight.until_in_flight(world)
            with proxy.silent():
                if world.disrupted():  # and stays so: who would go on with it is not heard
                    cut_off_at = datetime.now(UTC)
                    until_held_by(world, "two")
        inflight.finish(world, NODES)
        inflight.until_logged(world, leader, "no longer the leader")
        assert proxy.faults.held

        record = inflight.assert_sound(world, NODES)
        assert inflight.in_flight(record, cut_off_at)
        acquired = acquired_at(record, "two")
        assert not [act for act in record.acts if act.agent.identity == "one" and act.received > acquired]
        assert [act for act in record.acts if act.agent.identity == "two"]


def test_a_leader_that_froze_past_its_lease_writes_nothing_when_it_goes_on(world: Rehearsal) -> None:
    """Frozen in mid-command, each time the one that leads; it goes on as soon as it was followed."""
    operators = dict(zip(("one", "two"), started(world), strict=True))
    frozen: list[datetime] = []
    holder = "one"
    for successor in ("two", "one", "two"):
        frozen.append(inflight.freeze_in_flight(world, operators[holder]))
        until_held_by(world, successor)
        operators[holder].thaw()
        holder = successor
    inflight.finish(world, NODES)

    record = inflight.assert_sound(world, NODES)
    assert all(inflight.in_flight(record, instant) for instant in frozen)
    assert [name for _, name in changes_of_holder(record)] == ["one", "two", "one", "two"]
    inflight.until_logged(world, operators["one"], "no longer the leader", times=2)


def test_a_stopped_operator_ends_in_time_and_the_next_goes_on_at_once(world: Rehearsal) -> None:
    long = ("--lease-seconds", str(LONG_LEASE_SECONDS))
    inflight.declare(world, NODES)
    operator = world.operator("one", *long)
    inflight.settle(world, NODES)
    inflight.publish(world)
    stopped: list[datetime] = []
    for successor in ("two", "three"):
        inflight.freeze_in_flight(world, operator)
        operator.thaw()
        stopped.append(datetime.now(UTC))
        seconds = operator.stop()
        assert operator.process is not None
        assert operator.process.returncode == 0
        assert seconds < GRACE_SECONDS
        assert lease(world)["holderIdentity"] == ""
        operator = world.operator(successor, *long)
        inflight.until_logged(world, operator, "leading: lease")
    inflight.finish(world, NODES)

    record = inflight.assert_sound(world, NODES)
    assert all(inflight.in_flight(record, instant) for instant in stopped)
    assert [name for _, name in changes_of_holder(record)] == ["one", "", "two", "", "three"]
    acquired = acquired_at(record, "three")
    assert (acquired - stopped[-1]).total_seconds() < LONG_LEASE_SECONDS, (
        "it did not have to wait for the lease to expire"
    )


def started(world: Rehearsal, *options: str) -> tuple[OperatorProcess, OperatorProcess]:
    """``one`` leads a rollout that is under way, ``two`` stands by."""
    inflight.declare(world, NODES)
    short = ("--lease-seconds", str(LEASE_SECONDS))
    leader = world.operator("one", *short, *options)
    inflight.settle(world, NODES)
    other = world.operator("two", *short)
    inflight.publish(world)
    inflight.until_in_flight(world)
    assert lease(world)["holderIdentity"] == "one"
    return leader, other


def lease(world: Rehearsal) -> dict[str, object]:
    spec: dict[str, object] = world.get("lease", "napsim", "--namespace=napsim-system")["spec"]
    return spec


def until_held_by(world: Rehearsal, identity: str) -> None:
    world.eventually(f"{identity} holds the lease", lambda: lease(world)["holderIdentity"] == identity)


def reigns(record: Record) -> list[tuple[datetime, str]]:
    """Every write of the lease: when it came in, and who held it then."""
    writes = (change.write for change in record.timeline.changes if change.write.name == inflight.LEASE)
    return [(write.received, write.state.holder) for write in writes if isinstance(write.state, LeaseState)]


def changes_of_holder(record: Record) -> list[tuple[datetime, str]]:
    found: list[tuple[datetime, str]] = []
    for instant, holder in reigns(record):
        if not found or found[-1][1] != holder:
            found.append((instant, holder))
    return found


def acquired_at(record: Record, identity: str) -> datetime:
    """When ``identity`` first held the lease (real time, UTC)."""
    return next(instant for instant, holder in reigns(record) if holder == identity)
