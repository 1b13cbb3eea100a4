"""From a deleted NodeClaim or Node to nothing left: drain, volume detachment, instance termination, finalizers.

Mirrors karpenter v1.14.0 ``pkg/controllers/nodeclaim/lifecycle/controller.go`` (the claim's half) and
``pkg/controllers/node/termination/controller.go`` (the node's half). Fails safe: a Ready node is never dropped without
a drain.

| Stage | Condition while waiting | Done when |
|---|---|---|
| drain | Drained Unknown, Draining | no pod is waited for and 5 s have passed |
| volumes | VolumesDetached Unknown, AwaitingVolumeDetachment | no attachment is left, or the grace is over (False) |
| instance | InstanceTerminating True | the provider says that the instance is gone |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.api import names
from napsim.api.durations import parse_duration
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
)
from napsim.core.clock import EPOCH, Timeline, begun, earliest, parse_rfc3339, rfc3339
from napsim.core.drains import MINIMUM_DRAIN, Drain, drain
from napsim.core.instances import gone_since, is_fake
from napsim.core.objects import Condition, Node, NodeClaim, Pod, condition, is_true
from napsim.core.pdbs import PdbIndex
from napsim.core.pods import DISRUPTED

MAX_LISTED_ATTACHMENTS: Final = 5
GARBAGE_COLLECTED: Final = "garbage_collected"
NODE_DELETED: Final = "node_deleted"  # somebody deleted the Node: no disruption of Karpenter's, and not counted as one
GARBAGE_COLLECTION: Final = timedelta(minutes=2)
_VOLUME_POLL: Final = timedelta(seconds=1)  # real: attachments go when the attach-detach controller lets them


class Terminating(msgspec.Struct, frozen=True):
    """A node on its way out. ``attachments`` are names of VolumeAttachments of its drainable pods.

    ``end`` is the last patch: without one, the Node's finalizer goes, and the Node with it.
    """

    node: Node
    claim: NodeClaim | None
    pods: tuple[Pod, ...]
    attachments: tuple[str, ...] = ()
    end: PatchNode | None = None

    @property
    def last(self) -> PatchNode:
        return self.end or PatchNode(self.node, remove_finalizer=names.TERMINATION_FINALIZER)


class Instant(msgspec.Struct, frozen=True):
    """Both clocks at the moment of a decision: ``virtual`` rules, ``real`` is what the API server's stamps are in."""

    virtual: datetime
    real: datetime
    timeline: Timeline


def deadline_of(claim: NodeClaim | None) -> datetime | None:
    """When the node's termination grace period is over (virtual); None waits for ever."""
    recorded = claim.metadata.annotations.get(names.TERMINATION_TIMESTAMP) if claim else None
    return parse_rfc3339(recorded) if recorded else None


def of_claim(claim: NodeClaim, node: Node | None, deleted_at: datetime, detach: timedelta, now: datetime) -> Plan:
    """The claim's half: record the deadline, delete the Node, and let go when Node and instance are no more.

    ``deleted_at`` and ``now`` are virtual: the grace counts from the first. A Node that napsim did not make is not
    deleted (policy). ``detach`` is how long the provider takes to remove the instance.
    """
    actions: list[Action] = []
    grace = claim.spec.termination_grace_period
    if grace and names.TERMINATION_TIMESTAMP not in claim.metadata.annotations:
        actions += with_deadline(claim, node, deleted_at + parse_duration(grace))
    if node is not None and is_fake(node):
        if not node.deleting:
            actions.append(DeleteNode(node))
        return Plan(tuple(actions))
    if node is not None:
        actions.append(_left_alone(node, claim))
    if names.TERMINATION_FINALIZER not in claim.metadata.finalizers:
        return Plan(tuple(actions))
    last = _without_node(claim, detach, now) if node is None else Plan((_let_go(claim),))
    return Plan((*actions, *last.actions), last.wake_at)


def _let_go(claim: NodeClaim) -> PatchNodeClaim:
    return PatchNodeClaim(claim, remove_finalizer=names.TERMINATION_FINALIZER)


def _without_node(claim: NodeClaim, detach: timedelta, now: datetime) -> Plan:
    """No Node, or none any more: then the instance went with it. One that never registered still has to be removed."""
    conditions = claim.status.conditions
    never_registered = is_true(conditions, names.LAUNCHED) and not is_true(conditions, names.REGISTERED_CONDITION)
    if not never_registered or not detach:
        return Plan((_let_go(claim),))
    accepted = condition(conditions, names.INSTANCE_TERMINATING)
    if accepted is None or accepted.last_transition_time is None:
        terminating = Condition(type=names.INSTANCE_TERMINATING, status="True", reason=names.INSTANCE_TERMINATING)
        return Plan((SetNodeClaimStatus(claim, now, (terminating,)),), now + detach)
    gone = begun(accepted.last_transition_time, now) + detach
    return Plan((), gone) if now < gone else Plan((_let_go(claim),))


def _left_alone(node: Node, claim: NodeClaim) -> Event:
    message = f"Node {node.name} is left alone: napsim did not make it, and deletes only what it made"
    uid = claim.metadata.uid
    return Event("NodeClaim", claim.name, uid, "NodeLeftAlone", message, "Warning", controller="napsim")


def with_deadline(claim: NodeClaim, node: Node | None, deadline: datetime) -> list[Action]:
    """Record until when (virtual) the claim's pods may take, and say it."""
    at = rfc3339(deadline)
    message = f"All pods will be deleted by {at}"
    warnings = [
        Event("NodeClaim", claim.name, claim.metadata.uid, "TerminationGracePeriodExpiring", message, "Warning")
    ]
    if node is not None:
        warnings.append(
            Event("Node", node.name, node.metadata.uid, "TerminationGracePeriodExpiring", message, "Warning")
        )
    return [PatchNodeClaim(claim, annotations={names.TERMINATION_TIMESTAMP: at}), *warnings]


def of_node(state: Terminating, pdbs: PdbIndex, detach: timedelta, now: Instant) -> Plan:
    """The node's half. ``detach`` is how long the provider takes to remove the instance."""
    node, claim = state.node, state.claim
    if names.TERMINATION_FINALIZER not in node.metadata.finalizers:
        return IDLE
    if claim is None:
        return Plan((state.last,))
    plan = Plan((state.last,)) if has_lost_its_instance(node) else drained(state, claim, pdbs, detach, now)
    return plan if claim.deleting else Plan((DeleteNodeClaim(claim, NODE_DELETED), *plan.actions), plan.wake_at)


def has_lost_its_instance(node: Node) -> bool:
    """Not Ready, and the cloud does not know the instance. As long as it is Ready, a kubelet must be running."""
    return gone_since(node) is not None and not is_true(node.status.conditions, names.READY)


def drained(state: Terminating, claim: NodeClaim, pdbs: PdbIndex, detach: timedelta, now: Instant) -> Plan:
    """Taint, drain, detach, end: the way of every node whose claim is deleted."""
    node, actions = state.node, list[Action]()
    if node.metadata.labels.get(names.EXCLUDE_FROM_LOAD_BALANCERS) != names.EXCLUDE_FROM_LOAD_BALANCERS_VALUE:
        labels: dict[str, str | None] = {names.EXCLUDE_FROM_LOAD_BALANCERS: names.EXCLUDE_FROM_LOAD_BALANCERS_VALUE}
        actions.append(PatchNode(node, labels=labels, add_taints=(DISRUPTED,)))
    if _is_past_volumes(claim):
        plan = _terminate_instance(state, claim, detach, now)
    else:
        plan = _drain_and_detach(state, claim, pdbs, detach, now)
    return Plan((*actions, *plan.actions), plan.wake_at)


def _is_past_volumes(claim: NodeClaim) -> bool:
    return is_true(claim.status.conditions, names.INSTANCE_TERMINATING)


def _drain_and_detach(state: Terminating, claim: NodeClaim, pdbs: PdbIndex, detach: timedelta, now: Instant) -> Plan:
    deadline = deadline_of(claim)
    look = drain(state.pods, deadline, now.timeline, now.virtual, now.real)
    started = condition(claim.status.conditions, names.DRAINED)
    began = (
        begun(started.last_transition_time, now.virtual) if started and started.last_transition_time else now.virtual
    )
    settled = began + MINIMUM_DRAIN
    if started is None or (look.waiting and started.status == "Unknown"):
        return _draining(state.node, claim, pdbs, look, settled, now)
    settling = started.status == "Unknown" and now.virtual < settled
    if look.waiting or settling:
        return Plan(_evictions(look, pdbs), earliest(look.wake_at, settled if not look.waiting else None))
    over = deadline is not None and now.virtual >= deadline
    if state.attachments and not over:
        return _await_volumes(state, claim, deadline, now)
    return _start_termination(state, claim, over and bool(state.attachments), detach, now)


def _draining(node: Node, claim: NodeClaim, pdbs: PdbIndex, look: Drain, settled: datetime, now: Instant) -> Plan:
    actions: list[Action] = []
    if condition(claim.status.conditions, names.DRAINED) is None:
        draining = Condition(type=names.DRAINED, status="Unknown", reason="Draining")
        actions.append(SetNodeClaimStatus(claim, now.virtual, (draining,)))
    if look.waiting:
        actions.append(failed_draining(node, f"{look.waiting} pods are waiting to be evicted"))
    actions += _evictions(look, pdbs)
    return Plan(tuple(actions), earliest(look.wake_at, None if look.waiting else settled))


def failed_draining(node: Node, error: str) -> Event:
    """Karpenter says this on every normal drain too."""
    return Event("Node", node.name, node.metadata.uid, "FailedDraining", f"Failed to drain node, {error}", "Warning")


def _evictions(look: Drain, pdbs: PdbIndex) -> tuple[Action, ...]:
    deletes = [DeletePod(item.pod, item.grace_seconds) for item in look.delete]
    evicts = [EvictPod(pod, tuple(pdb.key for pdb in pdbs.matching(pod))) for pod in look.evict]
    return (*deletes, *evicts)


def _await_volumes(state: Terminating, claim: NodeClaim, deadline: datetime | None, now: Instant) -> Plan:
    node = state.node
    again_at = earliest(deadline, now.timeline.virtual(now.real + _VOLUME_POLL))
    listed = ", ".join(state.attachments[:MAX_LISTED_ATTACHMENTS])
    message = f"Awaiting deletion of bound volumeattachments ({listed})"
    said = Event("Node", node.name, node.metadata.uid, "AwaitingVolumeDetachment", message)
    current = condition(claim.status.conditions, names.VOLUMES_DETACHED)
    if current is not None:
        return Plan((said,), again_at)
    waiting = (
        Condition(type=names.DRAINED, status="True", reason=names.DRAINED),
        Condition(type=names.VOLUMES_DETACHED, status="Unknown", reason="AwaitingVolumeDetachment"),
    )
    return Plan((SetNodeClaimStatus(claim, now.virtual, waiting), said), again_at)


def _start_termination(state: Terminating, claim: NodeClaim, grace_over: bool, detach: timedelta, now: Instant) -> Plan:
    detached = Condition(
        type=names.VOLUMES_DETACHED,
        status="False" if grace_over else "True",
        reason="TerminationGracePeriodElapsed" if grace_over else names.VOLUMES_DETACHED,
    )
    conditions = (
        Condition(type=names.DRAINED, status="True", reason=names.DRAINED),
        detached,
        Condition(type=names.INSTANCE_TERMINATING, status="True", reason=names.INSTANCE_TERMINATING),
    )
    drained = Event(
        "NodeClaim", claim.name, claim.metadata.uid, names.DRAINED,
        "Status condition transitioned, Type: Drained, Status: Unknown -> True, Reason: Drained",
    )  # fmt: skip
    actions: list[Action] = [SetNodeClaimStatus(claim, now.virtual, conditions), drained]
    if not detach:
        actions.append(state.last)
        return Plan(tuple(actions))
    return Plan(tuple(actions), now.virtual + detach)


def _terminate_instance(state: Terminating, claim: NodeClaim, detach: timedelta, now: Instant) -> Plan:
    accepted = condition(claim.status.conditions, names.INSTANCE_TERMINATING)
    since = accepted.last_transition_time if accepted and accepted.last_transition_time else now.virtual
    gone = begun(since, now.virtual) + detach
    if now.virtual < gone:
        return Plan((), gone)
    return Plan((state.last,))


def forgotten_instance(claim: NodeClaim, node: Node | None, missing_for: timedelta) -> Sequence[Action]:
    """A registered claim whose Node vanished without a drain: its instance is gone (garbage collection)."""
    registered = is_true(claim.status.conditions, names.REGISTERED_CONDITION)
    if node is not None or claim.deleting or not registered or missing_for < timedelta(seconds=10):
        return ()
    return (DeleteNodeClaim(claim, GARBAGE_COLLECTED),)


def lost_instance(claim: NodeClaim, node: Node, now: datetime) -> Plan:
    """A registered claim whose instance the cloud does not know any more: it goes once its Node is not Ready.

    Mirrors ``pkg/controllers/nodeclaim/garbagecollection/controller.go``: a look every two minutes. ``now`` is virtual.
    """
    since = gone_since(node)
    if since is None or claim.deleting or not has_lost_its_instance(node):
        return IDLE
    seen_at = EPOCH + GARBAGE_COLLECTION * math.ceil((since - EPOCH) / GARBAGE_COLLECTION)
    return Plan((DeleteNodeClaim(claim, GARBAGE_COLLECTED),)) if now >= seen_at else Plan((), seen_at)
