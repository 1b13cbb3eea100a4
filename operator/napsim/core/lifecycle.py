"""From NodeClaim to initialized Node: launch, registration, initialization, and what happens when one of them fails.

Mirrors karpenter v1.14.0 ``pkg/controllers/nodeclaim/lifecycle/`` (``launch.go``, ``registration.go``,
``initialization.go``, ``liveness.go``). Fails closed: a claim that does not get there is deleted.

| Step | Done when | Given up |
|---|---|---|
| launch | the provider answered: provider id, image, capacity | 5 min after creation; at once without capacity |
| launch, after an error | tried again, at most 10 s later | 5 min after creation |
| register | its Node is there; the unregistered taint goes, labels and finalizer come | 15 min after creation |
| initialize | Ready, startup and ephemeral taints gone, requested resources registered | never |
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.actions import IDLE, Action, DeleteNodeClaim, Event, PatchNode, Plan, SetNodeClaimStatus
from napsim.core.clock import Timeline, earliest, parse_rfc3339
from napsim.core.failures import NEVER
from napsim.core.instances import CLOUD_UNINITIALIZED, EPHEMERAL_TAINTS, provider_id
from napsim.core.objects import Condition, Node, NodeClaim, Taint, condition, is_true
from napsim.core.resources import amount

LAUNCH_TIMEOUT: Final = timedelta(minutes=5)
REGISTRATION_TIMEOUT: Final = timedelta(minutes=15)
LAUNCH_RETRY: Final = timedelta(seconds=10)  # what the back-off of a launch that fails comes to
GIVEN_UP: Final = ("launch_timeout", "registration_timeout")
"""Why liveness deletes a claim, in ``karpenter_nodeclaims_disrupted_total``."""
INSUFFICIENT_CAPACITY: Final = "insufficient_capacity"
NODECLASS_NOT_READY: Final = "nodeclass_not_ready"
LAUNCH_FAILED: Final = "launch_failed"
_LONGEST_MESSAGE: Final = 300


class Launch(msgspec.Struct, frozen=True):
    """What the node provider answers: an instance, or the reason why there is none.

    ``ready_at`` is the virtual instant at which the answer comes. Without ``provider_id`` it follows from the claim.
    """

    ready_at: datetime
    image_id: str = ""
    capacity: dict[str, str] | None = None
    allocatable: dict[str, str] | None = None
    failure: str = ""  # insufficient_capacity, nodeclass_not_ready: for good; launch_failed: tried again
    message: str = ""
    retry_at: datetime | None = None  # virtual: when an attempt may succeed; None: none ever will
    provider_id: str = ""
    sold_out: bool = False  # what the claim asks for is not to be had: nobody asks for it again for a while


def created_at(claim: NodeClaim, fallback: datetime) -> datetime:
    """The virtual instant of the NodeClaim's creation."""
    recorded = claim.metadata.annotations.get(names.CREATED_AT)
    return parse_rfc3339(recorded) if recorded else fallback


def launch(claim: NodeClaim, answer: Launch, timeline: Timeline, now: datetime) -> Plan:
    """The claim's status once the provider has answered; its deletion when it cannot answer well."""
    if now < answer.ready_at:
        deadline = created_at(claim, now) + timeline.patience(LAUNCH_TIMEOUT)
        if now >= deadline:
            return Plan((DeleteNodeClaim(claim, "launch_timeout"),))
        return Plan((), min(answer.ready_at, deadline))
    if answer.failure == LAUNCH_FAILED:
        return _failed_launch(claim, answer, timeline, now)
    if answer.failure:
        reason = "InsufficientCapacityError" if answer.failure == INSUFFICIENT_CAPACITY else "NodeClassNotReady"
        message = f"NodeClaim {claim.name} event: {_truncated(answer.message)}"
        warning = Event("NodeClaim", claim.name, claim.metadata.uid, reason, message, "Warning")
        return Plan((warning, DeleteNodeClaim(claim, answer.failure)))
    status = SetNodeClaimStatus(
        claim,
        now,
        (
            Condition(type=names.LAUNCHED, status="True", reason=names.LAUNCHED),
            _waiting(names.REGISTERED_CONDITION, "NodeNotFound", "Node not registered with cluster"),
            _waiting(names.INITIALIZED_CONDITION, "NodeNotFound", "Node not registered with cluster"),
        ),
        provider_id=answer.provider_id or provider_id(claim),
        image_id=answer.image_id,
        capacity=answer.capacity,
        allocatable=answer.allocatable,
    )
    return Plan((status,))


def _failed_launch(claim: NodeClaim, answer: Launch, timeline: Timeline, now: datetime) -> Plan:
    """Launched stays Unknown, with the error; attempts that would come to the same are left out."""
    deadline = created_at(claim, now) + timeline.patience(LAUNCH_TIMEOUT)
    if now >= deadline:
        return Plan((DeleteNodeClaim(claim, "launch_timeout"),))
    error = _waiting(names.LAUNCHED, "LaunchFailed", _truncated(answer.message))
    said = (SetNodeClaimStatus(claim, now, (error,)),) if _says_more(claim, error) else ()
    return Plan(said, earliest(deadline, answer.retry_at))


def _truncated(message: str) -> str:
    return message if len(message) < _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."


def _waiting(type_: str, reason: str, message: str = "") -> Condition:
    return Condition(type=type_, status="Unknown", reason=reason, message=message)


class Start(msgspec.Struct, frozen=True):
    """When (virtual) a Node that has joined loses the taints it came with: the cloud provider's, the startup taints."""

    cloud: datetime
    startup: datetime

    def going(self, claim: NodeClaim, now: datetime) -> tuple[str, ...]:
        """Keys of the taints that the played cloud takes away now, be they there or not."""
        cloud = (CLOUD_UNINITIALIZED.key,) if now >= self.cloud else ()
        return (*cloud, *(taint.key for taint in claim.spec.startup_taints)) if now >= self.startup else cloud

    def next_after(self, now: datetime) -> datetime | None:
        return min((at for at in (self.cloud, self.startup) if now < at < NEVER), default=None)


def advance(claim: NodeClaim, node: Node | None, start: Start | None, timeline: Timeline, now: datetime) -> Plan:
    """The next step of a launched claim: register, initialize, or give up.

    ``start`` is what the provider does to the Node; None while there is none.
    """
    if is_true(claim.status.conditions, names.INITIALIZED_CONDITION):
        return IDLE
    if node is None or node.deleting or start is None:
        return _await_node(claim, timeline, now)
    if not is_true(claim.status.conditions, names.REGISTERED_CONDITION):
        return _register(claim, node, start, now)
    return _initialize(claim, node, start, now)


def _await_node(claim: NodeClaim, timeline: Timeline, now: datetime) -> Plan:
    if is_true(claim.status.conditions, names.REGISTERED_CONDITION):
        return IDLE
    deadline = created_at(claim, now) + timeline.patience(REGISTRATION_TIMEOUT)
    return Plan((DeleteNodeClaim(claim, "registration_timeout"),)) if now >= deadline else Plan((), deadline)


def _register(claim: NodeClaim, node: Node, start: Start, now: datetime) -> Plan:
    """Label, finalizer and taint in one patch of the Node; the claim's condition follows."""
    registered = Condition(type=names.REGISTERED_CONDITION, status="True", reason=names.REGISTERED_CONDITION)
    going = (names.UNREGISTERED_TAINT, *start.going(claim, now))
    waiting = blocker(claim, node, set(going))
    complete = now >= start.cloud and waiting is None
    actions: list[Action] = []
    if names.REGISTERED not in node.metadata.labels:
        labels: dict[str, str | None] = {names.REGISTERED: "true"}
        actions.append(
            PatchNode(
                node,
                labels=labels | ({names.INITIALIZED: "true"} if complete else {}),
                remove_taints=going,
                add_taints=_kept_taints(claim, going),
                add_finalizer=names.TERMINATION_FINALIZER,
            )
        )
        if complete:
            actions.append(SetNodeClaimStatus(claim, now, (registered, _initialized()), node_name=node.name))
            return Plan(tuple(actions))
    waiting = waiting or _waiting(names.INITIALIZED_CONDITION, "NodeNotReady", "Node is starting")
    actions.append(SetNodeClaimStatus(claim, now, (registered, waiting), node_name=node.name))
    return Plan(tuple(actions), start.next_after(now))


def _initialized() -> Condition:
    return Condition(type=names.INITIALIZED_CONDITION, status="True", reason=names.INITIALIZED_CONDITION)


def _initialize(claim: NodeClaim, node: Node, start: Start, now: datetime) -> Plan:
    if now < min(start.cloud, start.startup):
        return Plan((), start.next_after(now))
    own = {(taint.key, taint.effect) for taint in claim.spec.taints}
    foreign = {taint.key for taint in node.spec.taints if (taint.key, taint.effect) not in own}
    provider_taints = tuple(key for key in start.going(claim, now) if key in foreign)
    waiting = blocker(claim, node, set(provider_taints))
    labels: dict[str, str | None] = {}
    if waiting is None and names.INITIALIZED not in node.metadata.labels:
        labels[names.INITIALIZED] = "true"
    actions: list[Action] = []
    if labels or provider_taints:
        kept = _kept_taints(claim, provider_taints)
        actions.append(PatchNode(node, labels=labels, remove_taints=provider_taints, add_taints=kept))
    new = _initialized() if waiting is None else waiting
    if _says_more(claim, new):
        actions.append(SetNodeClaimStatus(claim, now, (new,)))
    return Plan(tuple(actions), None if waiting is None else start.next_after(now))


def _says_more(claim: NodeClaim, new: Condition) -> bool:
    old = condition(claim.status.conditions, new.type)
    return old is None or (old.status, old.reason, old.message) != (new.status, new.reason, new.message)


def _kept_taints(claim: NodeClaim, going: tuple[str, ...]) -> tuple[Taint, ...]:
    """The claim's own taints under a key that goes: a startup taint may share its key, not its effect."""
    return tuple(taint for taint in claim.spec.taints if taint.key in going)


def blocker(claim: NodeClaim, node: Node, going: set[str]) -> Condition | None:
    """Why the node is not initialized, as the claim's condition; None when it is. ``going`` are taints about to go."""
    type_ = names.INITIALIZED_CONDITION
    if not is_true(node.status.conditions, names.READY):
        return _waiting(type_, "NodeNotReady", "Node status is NotReady")
    left = [taint for taint in node.spec.taints if taint.key not in going]
    startup = {(taint.key, taint.effect) for taint in claim.spec.startup_taints}
    for taint in left:
        if (taint.key, taint.effect) in startup:
            return _waiting(type_, "StartupTaintsExist", f'StartupTaint "{taint}" still exists')
    for taint in left:
        if (taint.key, taint.effect) in EPHEMERAL_TAINTS:
            return _waiting(type_, "KnownEphemeralTaintsExist", f'KnownEphemeralTaint "{taint}" still exists')
    for resource, quantity in claim.spec.resources.requests.items():
        offered = node.status.allocatable.get(resource, "0")
        if amount(resource, quantity) and not amount(resource, offered):
            return _waiting(type_, "ResourceNotRegistered", f'Resource "{resource}" was requested but not registered')
    return None
