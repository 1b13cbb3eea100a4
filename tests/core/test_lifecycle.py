"""From NodeClaim to initialized Node, karpenter.md 10."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from napsim.api import names
from napsim.core.actions import (
    IDLE,
    DeleteNodeClaim,
    Event,
    PatchNode,
    Plan,
    SetNodeClaimStatus,
    patched_node,
    with_status,
)
from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.failures import NEVER
from napsim.core.instances import CLOUD_UNINITIALIZED, UNREGISTERED
from napsim.core.lifecycle import LAUNCH_FAILED, Launch, Start, advance, blocker, created_at, launch
from napsim.core.objects import Condition, Node, NodeClaim, Taint, condition, is_true
from tests.core.examples import NOW, claim, node, true

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
STARTUP, OWN = Taint("startup", "NoExecute", "v"), Taint("own", "NoSchedule")
NEW = claim(provider_id="")
LAUNCHED = claim(conditions=true(names.LAUNCHED))
REGISTERED = claim(conditions=true(names.LAUNCHED, names.REGISTERED_CONDITION))
FAST = Timeline(datetime(2026, 6, 1, tzinfo=UTC), NOW, 600.0)


def joined(*taints: Taint, ready: bool = True, labels: dict[str, str] | None = None) -> Node:
    """A Node as it joins the cluster."""
    return node(
        labels={names.NODEPOOL: "default"} if labels is None else labels,
        taints=taints or (UNREGISTERED, CLOUD_UNINITIALIZED),
        finalizers=(),
        ready=ready,
        allocatable={"cpu": "3860m", "memory": "12Gi"},
    )


def both(at: datetime) -> Start:
    """All taints go at that instant."""
    return Start(at, at)


def after(plan: Plan, claim_: NodeClaim, node_: Node) -> tuple[NodeClaim, Node]:
    """Claim and Node once the plan was carried out."""
    for action in plan.actions:
        if isinstance(action, SetNodeClaimStatus):
            claim_ = with_status(claim_, action)
        elif isinstance(action, PatchNode):
            node_ = patched_node(node_, action)
    return claim_, node_


def waits(claim_: NodeClaim) -> tuple[str, str, str]:
    found = condition(claim_.status.conditions, names.INITIALIZED_CONDITION)
    assert found is not None
    return found.status, found.reason, found.message


# --- launch -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("launched_after", "now", "wake_after", "deleted"),
    [
        pytest.param(MINUTE, timedelta(0), MINUTE, False, id="waits-for-the-provider"),
        pytest.param(6 * MINUTE, timedelta(0), 5 * MINUTE, False, id="but-not-beyond-five-minutes"),
        pytest.param(6 * MINUTE, 5 * MINUTE - SECOND, 5 * MINUTE, False, id="a-second-before"),
        pytest.param(6 * MINUTE, 5 * MINUTE, None, True, id="launch-timeout"),
    ],
)
def test_a_launch_is_given_up_after_five_minutes(
    launched_after: timedelta, now: timedelta, wake_after: timedelta | None, deleted: bool
) -> None:
    plan = launch(NEW, Launch(NOW + launched_after), WALL_CLOCK, NOW + now)
    assert plan.actions == ((DeleteNodeClaim(NEW, "launch_timeout"),) if deleted else ())
    assert plan.wake_at == (None if wake_after is None else NOW + wake_after)


def test_on_a_fast_clock_a_launch_has_ten_real_seconds() -> None:
    plan = launch(NEW, Launch(NOW + timedelta(days=1)), FAST, NOW + 6 * MINUTE)
    assert plan == Plan((), NOW + 100 * MINUTE)


def test_what_the_provider_answers_is_recorded() -> None:
    answer = Launch(NOW, "/gallery/v1", {"cpu": "4"}, {"cpu": "3860m"})
    claim_, _ = after(launch(NEW, answer, WALL_CLOCK, NOW), NEW, joined())
    assert is_true(claim_.status.conditions, names.LAUNCHED)
    assert (claim_.status.image_id, claim_.status.capacity) == ("/gallery/v1", {"cpu": "4"})
    assert claim_.status.provider_id == "napsim://c/uid-c"
    assert waits(claim_)[:2] == ("Unknown", "NodeNotFound")
    ready = condition(claim_.status.conditions, names.READY)
    assert ready is not None
    assert ready.message == "Registered=Unknown, Initialized=Unknown"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [("insufficient_capacity", "InsufficientCapacityError"), ("nodeclass_not_ready", "NodeClassNotReady")],
)
def test_a_claim_that_cannot_be_launched_is_deleted_at_once(failure: str, reason: str) -> None:
    event, deletion = launch(NEW, Launch(NOW, failure=failure, message="no"), WALL_CLOCK, NOW).actions
    assert isinstance(event, Event)
    assert (event.reason, event.type, event.message) == (reason, "Warning", "NodeClaim c event: no")
    assert deletion == DeleteNodeClaim(NEW, failure)


def test_a_launch_that_fails_says_why_and_waits_for_the_attempt_that_may_succeed() -> None:
    answer = Launch(NOW, failure=LAUNCH_FAILED, message="x" * 400, retry_at=NOW + 20 * SECOND)
    plan = launch(NEW, answer, WALL_CLOCK, NOW)
    assert plan.wake_at == NOW + 20 * SECOND
    failing, _ = after(plan, NEW, joined())
    found = condition(failing.status.conditions, names.LAUNCHED)
    assert found is not None
    assert (found.status, found.reason, found.message) == ("Unknown", "LaunchFailed", "x" * 300 + "...")
    again = launch(failing, answer, WALL_CLOCK, NOW + 10 * SECOND)
    assert again == Plan((), NOW + 20 * SECOND)


@pytest.mark.parametrize("retry_after", [None, 6 * MINUTE], ids=["never", "too-late"])
def test_a_launch_that_fails_for_five_minutes_is_given_up(retry_after: timedelta | None) -> None:
    retry_at = None if retry_after is None else NOW + retry_after
    answer = Launch(NOW, failure=LAUNCH_FAILED, message="no", retry_at=retry_at)
    assert launch(NEW, answer, WALL_CLOCK, NOW).wake_at == NOW + 5 * MINUTE
    assert launch(NEW, answer, WALL_CLOCK, NOW + 5 * MINUTE) == Plan((DeleteNodeClaim(NEW, "launch_timeout"),))


def test_a_claim_is_as_old_as_it_says_or_as_it_was_first_seen() -> None:
    assert created_at(claim(), NOW + MINUTE) == NOW
    assert created_at(NodeClaim(), NOW + MINUTE) == NOW + MINUTE


# --- register -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "deleted"), [pytest.param(899, False, id="a-second-before"), pytest.param(900, True, id="15-minutes")]
)
def test_a_node_that_does_not_join_in_fifteen_minutes_is_given_up(seconds: int, deleted: bool) -> None:
    plan = advance(LAUNCHED, None, None, WALL_CLOCK, NOW + seconds * SECOND)
    assert plan.actions == ((DeleteNodeClaim(LAUNCHED, "registration_timeout"),) if deleted else ())
    assert plan.wake_at == (None if deleted else NOW + 15 * MINUTE)


def test_registration_labels_the_node_holds_it_and_takes_the_taint_in_one_patch() -> None:
    plan = advance(LAUNCHED, joined(), both(NOW + MINUTE), WALL_CLOCK, NOW)
    assert [type(action) for action in plan.actions] == [PatchNode, SetNodeClaimStatus]
    claim_, node_ = after(plan, LAUNCHED, joined())
    assert node_.metadata.labels[names.REGISTERED] == "true"
    assert names.INITIALIZED not in node_.metadata.labels
    assert node_.metadata.finalizers == (names.TERMINATION_FINALIZER,)
    assert node_.spec.taints == (CLOUD_UNINITIALIZED,)
    assert claim_.status.node_name == "n"
    assert is_true(claim_.status.conditions, names.REGISTERED_CONDITION)
    assert plan.wake_at == NOW + MINUTE


def test_a_node_that_has_all_it_needs_is_registered_and_initialized_in_one_go() -> None:
    plan = advance(LAUNCHED, joined(), both(NOW), WALL_CLOCK, NOW)
    claim_, node_ = after(plan, LAUNCHED, joined())
    assert is_true(claim_.status.conditions, names.INITIALIZED_CONDITION)
    assert is_true(claim_.status.conditions, names.READY)
    assert node_.metadata.labels[names.INITIALIZED] == "true"
    assert node_.spec.taints == ()
    assert advance(claim_, node_, both(NOW), WALL_CLOCK, NOW) == IDLE


def test_the_taint_that_registration_takes_away_is_no_reason_to_wait() -> None:
    claim_, _ = after(advance(LAUNCHED, joined(), both(NOW + MINUTE), WALL_CLOCK, NOW), LAUNCHED, joined())
    status, reason, message = waits(claim_)
    assert (status, reason) == ("Unknown", "KnownEphemeralTaintsExist")
    assert names.UNREGISTERED_TAINT not in message


def test_after_the_played_start_only_a_change_of_the_node_wakes() -> None:
    plan = advance(LAUNCHED, joined(ready=False), both(NOW - SECOND), WALL_CLOCK, NOW)
    assert plan.wake_at is None
    claim_, _ = after(plan, LAUNCHED, joined(ready=False))
    assert waits(claim_)[:2] == ("Unknown", "NodeNotReady")


# --- initialize ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim_", "node_", "reason", "message"),
    [
        (REGISTERED, joined(OWN, ready=False), "NodeNotReady", "Node status is NotReady"),
        (
            claim(startup_taints=(STARTUP,)),
            joined(Taint("startup", "NoExecute", "other")),
            "StartupTaintsExist",
            'StartupTaint "startup=other:NoExecute" still exists',
        ),
        (
            REGISTERED,
            joined(Taint(names.NOT_READY_TAINT, "NoExecute")),
            "KnownEphemeralTaintsExist",
            'KnownEphemeralTaint "node.kubernetes.io/not-ready:NoExecute" still exists',
        ),
        (
            claim(requests={"cpu": "1", "nvidia.com/gpu": "1"}),
            joined(OWN),
            "ResourceNotRegistered",
            'Resource "nvidia.com/gpu" was requested but not registered',
        ),
    ],
    ids=["NodeNotReady", "StartupTaintsExist", "KnownEphemeralTaintsExist", "ResourceNotRegistered"],
)
def test_why_a_node_is_not_initialized(claim_: NodeClaim, node_: Node, reason: str, message: str) -> None:
    found = blocker(claim_, node_, set())
    assert found is not None
    assert (found.status, found.reason, found.message) == ("Unknown", reason, message)


@pytest.mark.parametrize(
    ("claim_", "node_"),
    [
        (REGISTERED, joined(OWN)),
        (REGISTERED, joined(Taint(names.UNREACHABLE_TAINT, "NoExecute"))),
        (claim(startup_taints=(STARTUP,)), joined(Taint("startup", "NoSchedule", "v"))),
        (claim(requests={"nvidia.com/gpu": "0"}), joined(OWN)),
    ],
    ids=["a-taint-of-its-own", "not-an-ephemeral-effect", "another-effect", "none-requested"],
)
def test_what_does_not_keep_a_node_from_being_initialized(claim_: NodeClaim, node_: Node) -> None:
    assert blocker(claim_, node_, set()) is None


def test_the_played_cloud_takes_its_taints_when_the_time_has_come() -> None:
    claim_ = replace_startup(REGISTERED)
    node_ = joined(OWN, STARTUP, CLOUD_UNINITIALIZED, labels={names.REGISTERED: "true"})
    assert advance(claim_, node_, both(NOW + SECOND), WALL_CLOCK, NOW) == Plan((), NOW + SECOND)
    claim_, node_ = after(advance(claim_, node_, both(NOW), WALL_CLOCK, NOW), claim_, node_)
    assert node_.spec.taints == (OWN,)
    assert node_.metadata.labels[names.INITIALIZED] == "true"
    assert is_true(claim_.status.conditions, names.INITIALIZED_CONDITION)


@pytest.mark.parametrize(
    ("start", "left", "reason"),
    [
        pytest.param(Start(NEVER, NOW), (OWN, CLOUD_UNINITIALIZED), "KnownEphemeralTaintsExist", id="the-cloud-s"),
        pytest.param(Start(NOW, NEVER), (OWN, STARTUP), "StartupTaintsExist", id="the-startup-taint"),
    ],
)
@pytest.mark.parametrize("registered", [False, True], ids=["registering", "initializing"])
def test_a_taint_that_never_goes_keeps_a_node_from_being_initialized_for_ever(
    start: Start, left: tuple[Taint, ...], reason: str, registered: bool
) -> None:
    claim_ = replace_startup(REGISTERED if registered else LAUNCHED)
    node_ = joined(OWN, STARTUP, CLOUD_UNINITIALIZED, labels={names.REGISTERED: "true"} if registered else {})
    plan = advance(claim_, node_, start, WALL_CLOCK, NOW)
    assert plan.wake_at is None
    claim_, node_ = after(plan, claim_, node_)
    assert node_.spec.taints == left
    assert waits(claim_)[:2] == ("Unknown", reason)
    assert names.INITIALIZED not in node_.metadata.labels
    assert advance(claim_, node_, start, WALL_CLOCK, NOW + timedelta(days=1)) == IDLE


def test_each_taint_goes_at_its_own_time() -> None:
    claim_ = replace_startup(REGISTERED)
    node_ = joined(STARTUP, CLOUD_UNINITIALIZED, labels={names.REGISTERED: "true"})
    start = Start(NOW, NOW + MINUTE)
    plan = advance(claim_, node_, start, WALL_CLOCK, NOW)
    assert plan.wake_at == NOW + MINUTE
    claim_, node_ = after(plan, claim_, node_)
    assert node_.spec.taints == (STARTUP,)
    claim_, node_ = after(advance(claim_, node_, start, WALL_CLOCK, NOW + MINUTE), claim_, node_)
    assert is_true(claim_.status.conditions, names.INITIALIZED_CONDITION)


def replace_startup(claim_: NodeClaim) -> NodeClaim:
    return msgspec.structs.replace(claim_, spec=msgspec.structs.replace(claim_.spec, startup_taints=(STARTUP,)))


@pytest.mark.parametrize("registered", [False, True], ids=["registering", "initializing"])
def test_a_taint_of_its_own_under_the_key_of_a_startup_taint_stays(registered: bool) -> None:
    own, startup = Taint("k", "NoSchedule"), Taint("k", "NoExecute")
    claim_ = claim(
        conditions=true(names.LAUNCHED, *((names.REGISTERED_CONDITION,) if registered else ())),
        taints=(own,),
        startup_taints=(startup,),
    )
    labels = {names.REGISTERED: "true"} if registered else {}
    node_ = joined(own, startup, UNREGISTERED, CLOUD_UNINITIALIZED, labels=labels)
    node_ = msgspec.structs.replace(node_, spec=msgspec.structs.replace(node_.spec, taints=(own, startup)))
    claim_, node_ = after(advance(claim_, node_, both(NOW), WALL_CLOCK, NOW), claim_, node_)
    assert node_.spec.taints == (own,)


def test_once_initialized_a_claim_stays_so() -> None:
    done = claim(conditions=true(names.LAUNCHED, names.REGISTERED_CONDITION, names.INITIALIZED_CONDITION))
    assert advance(done, joined(ready=False), both(NOW), WALL_CLOCK, NOW) == IDLE
    assert advance(done, None, None, WALL_CLOCK, NOW + timedelta(days=1)) == IDLE


def test_a_registered_claim_is_never_given_up_for_want_of_its_node() -> None:
    assert advance(REGISTERED, None, None, WALL_CLOCK, NOW + timedelta(days=1)) == IDLE


@pytest.mark.parametrize(
    "node_",
    [joined(ready=False), joined(STARTUP), joined(OWN), joined()],
    ids=["not-ready", "startup-taint", "own-taint", "ephemeral"],
)
@pytest.mark.parametrize(
    "claim_", [LAUNCHED, REGISTERED, replace_startup(LAUNCHED)], ids=["launched", "registered", "startup"]
)
@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_second_look_without_a_change_does_nothing_and_wakes_only_later(
    claim_: NodeClaim, node_: Node, seconds: int
) -> None:
    due = NOW + seconds * SECOND
    for _ in range(3):  # registration, the start, what is left to say
        claim_, node_ = after(advance(claim_, node_, both(due), WALL_CLOCK, NOW), claim_, node_)
    plan = advance(claim_, node_, both(due), WALL_CLOCK, NOW)
    assert plan.actions == ()
    assert plan.wake_at is None or plan.wake_at > NOW


def test_a_condition_that_says_the_same_is_not_written_again() -> None:
    said = Condition(names.INITIALIZED_CONDITION, "Unknown", "NodeNotReady", "Node status is NotReady", NOW)
    claim_ = claim(conditions=(*true(names.LAUNCHED, names.REGISTERED_CONDITION), said))
    node_ = joined(OWN, ready=False, labels={names.REGISTERED: "true"})
    assert advance(claim_, node_, both(NOW), WALL_CLOCK, NOW) == IDLE


def test_a_taint_of_its_own_under_the_key_of_a_startup_taint_is_put_back_once() -> None:
    same_key = Taint(OWN.key, "NoExecute")
    of = claim(conditions=true(names.LAUNCHED, names.REGISTERED_CONDITION), taints=(OWN,), startup_taints=(same_key,))
    on = joined(OWN, same_key, ready=False)
    first = advance(of, on, both(NOW), WALL_CLOCK, NOW)
    of, on = after(first, of, on)
    assert on.spec.taints == (OWN,)
    assert advance(of, on, both(NOW), WALL_CLOCK, NOW).actions == ()
