"""From a deleted NodeClaim or Node to nothing left: karpenter.md 11.1, 19.9."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from napsim.api import names
from napsim.core.actions import (
    IDLE,
    Action,
    DeleteNode,
    DeleteNodeClaim,
    DeletePod,
    Event,
    EvictPod,
    PatchNode,
    PatchNodeClaim,
    Plan,
    SetNodeClaimStatus,
    patched_claim,
    patched_node,
    with_status,
)
from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.failures import NEVER, FailureKind, Outage
from napsim.core.instances import failed
from napsim.core.objects import Condition, Node, NodeClaim, Pod, condition, is_true
from napsim.core.pdbs import PdbIndex
from napsim.core.pods import DISRUPTED
from napsim.core.termination import (
    Instant,
    Terminating,
    deadline_of,
    forgotten_instance,
    lost_instance,
    of_claim,
    of_node,
)
from tests.core.examples import NOW, claim, node, pdb, pod, true

SECOND = timedelta(seconds=1)
NOTHING = timedelta(0)
LEAVING = claim(deleted_at=NOW)
EXCLUDED = {names.NODEPOOL: "default", names.EXCLUDE_FROM_LOAD_BALANCERS: "karpenter"}
GOING = node(deleted_at=NOW, labels=EXCLUDED, taints=(DISRUPTED,))


def instant(seconds: float = 0) -> Instant:
    at = NOW + seconds * SECOND
    return Instant(at, at, WALL_CLOCK)


def look(
    claim_: NodeClaim | None,
    *pods: Pod,
    seconds: float = 0,
    attachments: tuple[str, ...] = (),
    node_: Node = GOING,
    detach: timedelta = NOTHING,
) -> Plan:
    return of_node(Terminating(node_, claim_, pods, attachments), PdbIndex((pdb(),)), detach, instant(seconds))


def kinds(plan: Plan) -> list[type[Action]]:
    return [type(action) for action in plan.actions]


def after(plan: Plan, claim_: NodeClaim) -> NodeClaim:
    for action in plan.actions:
        if isinstance(action, SetNodeClaimStatus):
            claim_ = with_status(claim_, action)
    return claim_


def of(claim_: NodeClaim, type_: str) -> Condition:
    found = condition(claim_.status.conditions, type_)
    assert found is not None
    return found


def draining(**annotations: str) -> NodeClaim:
    conditions = (Condition(names.DRAINED, "Unknown", "Draining", "", NOW),)
    return claim(deleted_at=NOW, conditions=conditions, annotations=annotations)


# --- the claim's half ---------------------------------------------------------------------------------------------


def test_a_deleted_claim_deletes_its_node_and_waits_for_it() -> None:
    assert of_claim(LEAVING, node(), NOW, NOTHING, NOW) == Plan((DeleteNode(node()),))
    assert of_claim(LEAVING, GOING, NOW, NOTHING, NOW) == IDLE


def test_a_claim_goes_when_its_node_is_no_more() -> None:
    (action,) = of_claim(LEAVING, None, NOW, NOTHING, NOW).actions
    assert isinstance(action, PatchNodeClaim)
    assert patched_claim(LEAVING, action).metadata.finalizers == ()
    assert of_claim(claim(deleted_at=NOW, finalizers=()), None, NOW, NOTHING, NOW) == IDLE


def test_the_grace_period_is_written_down_before_the_node_is_deleted_and_announced() -> None:
    leaving = claim(deleted_at=NOW, grace="300s")
    plan = of_claim(leaving, node(), NOW, NOTHING, NOW)
    assert kinds(plan) == [PatchNodeClaim, Event, Event, DeleteNode]
    patch, *said = plan.actions[:3]
    assert isinstance(patch, PatchNodeClaim)
    assert deadline_of(patched_claim(leaving, patch)) == NOW + 300 * SECOND
    for event, kind in zip(said, ("NodeClaim", "Node"), strict=True):
        assert isinstance(event, Event)
        assert (event.kind, event.reason, event.type) == (kind, "TerminationGracePeriodExpiring", "Warning")
        assert event.message == "All pods will be deleted by 2026-03-02T09:05:00Z"


@pytest.mark.row("karpenter:N29")
def test_a_deadline_once_written_stands() -> None:
    leaving = claim(deleted_at=NOW, grace="300s", annotations={names.TERMINATION_TIMESTAMP: "2026-03-02T09:01:00Z"})
    assert kinds(of_claim(leaving, node(), NOW, NOTHING, NOW)) == [DeleteNode]
    assert deadline_of(leaving) == NOW + 60 * SECOND
    assert deadline_of(LEAVING) is None
    assert deadline_of(None) is None


def test_an_instance_that_never_became_a_node_takes_its_time_to_go_too() -> None:
    launched = claim(deleted_at=NOW, conditions=true(names.LAUNCHED))
    plan = of_claim(launched, None, NOW, 10 * SECOND, NOW)
    assert kinds(plan) == [SetNodeClaimStatus]
    assert plan.wake_at == NOW + 10 * SECOND
    leaving = after(plan, launched)
    assert is_true(leaving.status.conditions, names.INSTANCE_TERMINATING)
    assert of_claim(leaving, None, NOW, 10 * SECOND, NOW + 9 * SECOND) == Plan((), NOW + 10 * SECOND)
    assert kinds(of_claim(leaving, None, NOW, 10 * SECOND, NOW + 10 * SECOND)) == [PatchNodeClaim]


@pytest.mark.parametrize(
    "conditions",
    [(), true(names.LAUNCHED, names.REGISTERED_CONDITION)],
    ids=["never-launched", "its-node-is-gone-already"],
)
def test_where_no_instance_is_left_a_claim_goes_at_once(conditions: tuple[Condition, ...]) -> None:
    leaving = claim(deleted_at=NOW, conditions=conditions)
    assert kinds(of_claim(leaving, None, NOW, 10 * SECOND, NOW)) == [PatchNodeClaim]


# --- the node's half: before the drain ----------------------------------------------------------------------------


@pytest.mark.row("karpenter:N01")
def test_a_node_that_is_not_ours_is_left_alone() -> None:
    assert look(None, node_=node(deleted_at=NOW, finalizers=())) == IDLE


@pytest.mark.row("karpenter:N02", "karpenter:N03")
def test_a_deleted_node_takes_its_claim_along_and_leaves_the_load_balancers() -> None:
    plan = look(claim(), node_=node(deleted_at=NOW))
    deletion, patch = plan.actions[:2]
    assert deletion == DeleteNodeClaim(claim(), "node_deleted")
    assert isinstance(patch, PatchNode)
    patched = patched_node(node(deleted_at=NOW), patch)
    assert patched.metadata.labels[names.EXCLUDE_FROM_LOAD_BALANCERS] == "karpenter"
    assert patched.spec.taints == (DISRUPTED,)


def test_a_node_whose_claim_is_gone_is_let_go() -> None:
    (patch,) = look(None).actions
    assert isinstance(patch, PatchNode)
    assert patched_node(GOING, patch).metadata.finalizers == ()


# --- the drain ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "done"),
    [
        pytest.param(0, False, id="at-once"),
        pytest.param(4.999, False, id="karpenter:N21"),
        pytest.param(5, True, id="5-s"),
    ],
)
def test_even_an_empty_node_drains_for_five_seconds(seconds: float, done: bool) -> None:
    plan = look(draining(), seconds=seconds)
    assert is_true(after(plan, draining()).status.conditions, names.DRAINED) is done
    assert plan.wake_at == (None if done else NOW + 5 * SECOND)


def test_a_drain_begins_with_its_condition() -> None:
    plan = look(LEAVING)
    drained = of(after(plan, LEAVING), names.DRAINED)
    assert (drained.status, drained.reason, drained.last_transition_time) == ("Unknown", "Draining", NOW)
    assert plan.wake_at == NOW + 5 * SECOND


@pytest.mark.row("karpenter:N12")
def test_pods_are_evicted_with_the_pdbs_that_concern_them_and_waited_for() -> None:
    plan = look(LEAVING, pod("a"), pod("b", deleted_at=NOW))
    assert kinds(plan) == [SetNodeClaimStatus, Event, EvictPod]
    said, eviction = plan.actions[1:]
    assert isinstance(said, Event)
    assert said.message == "Failed to drain node, 2 pods are waiting to be evicted"
    assert (said.kind, said.reason, said.type) == ("Node", "FailedDraining", "Warning")
    assert eviction == EvictPod(pod("a"), ("default/b",))


@pytest.mark.row("karpenter:N09")
def test_a_pdb_keeps_the_node_draining_however_long() -> None:
    plan = look(draining(), pod(), seconds=10**6)
    assert kinds(plan) == [Event, EvictPod]
    assert plan.wake_at is None


@pytest.mark.row("karpenter:N28")
def test_past_its_threshold_a_pod_is_deleted_whatever_protects_it() -> None:
    leaving = draining(**{names.TERMINATION_TIMESTAMP: "2026-03-02T09:05:00Z"})
    held = pod(annotations={names.DO_NOT_DISRUPT: "true"}, grace_seconds=300)
    assert DeletePod(held, 290) in look(leaving, held, seconds=10).actions


def test_a_pod_that_comes_after_the_drain_is_evicted_too() -> None:
    drained = claim(deleted_at=NOW, conditions=true(names.DRAINED))
    assert look(drained, pod(), seconds=60).actions == (EvictPod(pod(), ("default/b",)),)


# --- volumes ------------------------------------------------------------------------------------------------------


@pytest.mark.row("karpenter:N22")
def test_attachments_are_waited_for_by_name_and_looked_at_again() -> None:
    attached = tuple(f"va{number}" for number in range(7))
    plan = look(draining(), seconds=5, attachments=attached)
    status, said = plan.actions
    claim_ = after(plan, draining())
    assert isinstance(status, SetNodeClaimStatus)
    assert isinstance(said, Event)
    assert said.reason == "AwaitingVolumeDetachment"
    assert said.message == "Awaiting deletion of bound volumeattachments (va0, va1, va2, va3, va4)"
    assert of(claim_, names.DRAINED).status == "True"
    assert (of(claim_, names.VOLUMES_DETACHED).status, of(claim_, names.VOLUMES_DETACHED).reason) == (
        "Unknown",
        "AwaitingVolumeDetachment",
    )
    assert plan.wake_at == NOW + 6 * SECOND
    again = look(claim_, seconds=6, attachments=attached)
    assert kinds(again) == [Event]
    assert again.wake_at == NOW + 7 * SECOND
    assert is_true(after(look(claim_, seconds=7), claim_).status.conditions, names.VOLUMES_DETACHED)


def test_attachments_are_polled_in_real_time_but_not_beyond_the_deadline() -> None:
    real = datetime(2026, 6, 1, tzinfo=UTC)
    now = Instant(NOW + 5 * SECOND, real, Timeline(real, NOW + 5 * SECOND, 60.0))
    state = Terminating(GOING, draining(), (), ("va",))
    assert of_node(state, PdbIndex(), NOTHING, now).wake_at == NOW + 65 * SECOND
    soon = draining(**{names.TERMINATION_TIMESTAMP: "2026-03-02T09:00:30Z"})
    assert of_node(Terminating(GOING, soon, (), ("va",)), PdbIndex(), NOTHING, now).wake_at == NOW + 30 * SECOND


@pytest.mark.parametrize(("seconds", "over"), [(29, False), (30, True)])
def test_attachments_do_not_hold_a_node_beyond_its_grace(seconds: int, over: bool) -> None:
    leaving = draining(**{names.TERMINATION_TIMESTAMP: "2026-03-02T09:00:30Z"})
    claim_ = after(look(leaving, seconds=seconds, attachments=("va",)), leaving)
    detached = of(claim_, names.VOLUMES_DETACHED)
    expected = ("False", "TerminationGracePeriodElapsed") if over else ("Unknown", "AwaitingVolumeDetachment")
    assert (detached.status, detached.reason) == expected
    assert is_true(claim_.status.conditions, names.INSTANCE_TERMINATING) is over


# --- the instance -------------------------------------------------------------------------------------------------


def test_an_instance_that_is_gone_at_once_takes_its_node_along() -> None:
    plan = look(draining(), seconds=5)
    assert kinds(plan) == [SetNodeClaimStatus, Event, PatchNode]
    claim_ = after(plan, draining())
    assert all(
        is_true(claim_.status.conditions, type_)
        for type_ in (names.DRAINED, names.VOLUMES_DETACHED, names.INSTANCE_TERMINATING)
    )


@pytest.mark.parametrize(("seconds", "gone"), [(14, False), (15, True), (100, True)])
def test_an_instance_takes_its_time_to_go(seconds: int, gone: bool) -> None:
    plan = look(draining(), seconds=5, detach=10 * SECOND)
    assert kinds(plan) == [SetNodeClaimStatus, Event]
    assert plan.wake_at == NOW + 15 * SECOND
    claim_ = after(plan, draining())
    later = look(claim_, seconds=seconds, detach=10 * SECOND)
    assert kinds(later) == ([PatchNode] if gone else [])
    assert later.wake_at == (None if gone else NOW + 15 * SECOND)


@pytest.mark.parametrize(
    "pods", [(), (pod(),), (pod(annotations={names.DO_NOT_DISRUPT: "2m"}),)], ids=["empty", "plain", "held"]
)
@pytest.mark.parametrize("attachments", [(), ("va",)], ids=["no-volumes", "volumes"])
@pytest.mark.parametrize("seconds", [0, 1, 5, 6, 60, 300, 301])
@pytest.mark.parametrize("deadline", ["", "2026-03-02T09:05:00Z"], ids=["no-tgp", "tgp"])
def test_every_wake_is_in_the_future(
    pods: tuple[Pod, ...], attachments: tuple[str, ...], seconds: int, deadline: str
) -> None:
    claim_ = draining(**({names.TERMINATION_TIMESTAMP: deadline} if deadline else {}))
    for _ in range(3):
        plan = look(claim_, *pods, seconds=seconds, attachments=attachments, detach=SECOND)
        assert plan.wake_at is None or plan.wake_at > NOW + seconds * SECOND
        claim_ = after(plan, claim_)
    again = look(claim_, *pods, seconds=seconds, attachments=attachments, detach=SECOND)
    assert not any(isinstance(action, SetNodeClaimStatus | PatchNode | DeleteNodeClaim) for action in again.actions)


# --- what was lost ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim_", "node_", "seconds", "forgotten"),
    [
        (claim(conditions=true(names.REGISTERED_CONDITION)), None, 10, True),
        (claim(conditions=true(names.REGISTERED_CONDITION)), None, 9, False),
        (claim(conditions=true(names.REGISTERED_CONDITION)), node(), 10, False),
        (claim(conditions=true(names.LAUNCHED)), None, 10, False),
        (claim(conditions=true(names.REGISTERED_CONDITION), deleted_at=NOW), None, 10, False),
    ],
    ids=["lost", "not-yet", "there", "never-registered", "leaving"],
)
def test_a_registered_claim_whose_node_stays_away_is_deleted(
    claim_: NodeClaim, node_: Node | None, seconds: int, forgotten: bool
) -> None:
    found = tuple(forgotten_instance(claim_, node_, seconds * SECOND))
    assert found == ((DeleteNodeClaim(claim_, "garbage_collected"),) if forgotten else ())


def test_a_plan_never_touches_the_node_it_was_given() -> None:
    before = msgspec.json.encode(GOING)
    look(draining(), pod(), seconds=5)
    assert msgspec.json.encode(GOING) == before


# --- an instance that is gone -------------------------------------------------------------------------------------

LOST = {
    key: value or "" for key, value in failed(Outage(FailureKind.INSTANCE_GONE, NOW + SECOND, NEVER, "gone")).items()
}
DOWN = {key: value or "" for key, value in failed(Outage(FailureKind.NODE_FAILS, NOW, NEVER, "down")).items()}
HAD_A_NODE = claim(conditions=true(names.LAUNCHED, names.REGISTERED_CONDITION))


@pytest.mark.row("karpenter:N13")
@pytest.mark.parametrize(
    ("annotations", "ready", "drained"),
    [
        pytest.param(LOST, False, False, id="not-ready-and-gone"),
        pytest.param(LOST, True, True, id="gone-but-a-kubelet-runs"),
        pytest.param(DOWN, False, True, id="not-ready-but-there"),
        pytest.param({}, False, True, id="not-ready"),
    ],
)
def test_an_unready_node_without_instance_is_let_go_without_a_drain(
    annotations: dict[str, str], ready: bool, drained: bool
) -> None:
    going = node(deleted_at=NOW, labels=EXCLUDED, taints=(DISRUPTED,), annotations=annotations, ready=ready)
    plan = look(LEAVING, pod(), node_=going)
    assert (EvictPod in kinds(plan)) is drained
    lets_go = [action for action in plan.actions if isinstance(action, PatchNode) and action.remove_finalizer]
    assert len(lets_go) == (0 if drained else 1)
    unasked = look(claim(), pod(), node_=going)
    assert unasked.actions[0] == DeleteNodeClaim(claim(), "node_deleted")


@pytest.mark.parametrize(("minutes", "collected"), [(0, False), (1.99, False), (2, True), (3, True)])
def test_a_claim_without_instance_is_collected_at_the_next_look_every_two_minutes(
    minutes: float, collected: bool
) -> None:
    at = NOW + minutes * timedelta(minutes=1)
    plan = lost_instance(HAD_A_NODE, node(annotations=LOST, ready=False), at)
    assert plan.actions == ((DeleteNodeClaim(HAD_A_NODE, "garbage_collected"),) if collected else ())
    assert plan.wake_at == (None if collected else NOW + 120 * SECOND)


@pytest.mark.parametrize(
    ("claim_", "node_"),
    [
        (HAD_A_NODE, node(annotations=LOST)),
        (HAD_A_NODE, node(annotations=DOWN, ready=False)),
        (claim(deleted_at=NOW), node(annotations=LOST, ready=False)),
    ],
    ids=["a-kubelet-runs", "the-instance-is-there", "leaving-already"],
)
def test_no_other_claim_is_collected(claim_: NodeClaim, node_: Node) -> None:
    assert lost_instance(claim_, node_, NOW + timedelta(days=1)) == IDLE
