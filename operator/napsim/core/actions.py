"""What a decision wants done, as data. The shells carry actions out; nothing here does.

``live`` turns an action into one guarded PATCH, POST or DELETE; a simulation applies it to its objects. Both use
``patched_node`` and ``patched_claim``, so that they cannot disagree on what an action means.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

from napsim.core.objects import Condition, Node, NodeClaim, NodeSpec, Pod, Taint, condition


class Event(msgspec.Struct, frozen=True):
    """One Kubernetes event. ``dedupe`` adds to (reason, object) what makes two of them different."""

    kind: str
    name: str
    uid: str
    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"
    namespace: str = ""
    controller: str = "karpenter"  # "napsim" for reasons of our own
    dedupe: str = ""
    dedupe_seconds: float = 120.0
    event_name: str = ""  # of the Event object: one that follows from what it tells makes it exist once


class CreateNodeClaim(msgspec.Struct, frozen=True):
    claim: NodeClaim
    reason: str  # label of karpenter_nodeclaims_created_total: provisioned, drifted, replicas


class DeleteNodeClaim(msgspec.Struct, frozen=True):
    claim: NodeClaim
    reason: str  # label of karpenter_nodeclaims_disrupted_total


class PatchNodeClaim(msgspec.Struct, frozen=True):
    """Labels and annotations: None removes. Finalizers: added or removed."""

    claim: NodeClaim
    annotations: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    labels: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    add_finalizer: str = ""
    remove_finalizer: str = ""


class SetNodeClaimStatus(msgspec.Struct, frozen=True):
    """Conditions are merged by type; a transition time moves only when the status changes. None leaves a field."""

    claim: NodeClaim
    at: datetime
    conditions: tuple[Condition, ...] = ()
    remove: tuple[str, ...] = ()
    node_name: str | None = None
    provider_id: str | None = None
    image_id: str | None = None
    capacity: Mapping[str, str] | None = None
    allocatable: Mapping[str, str] | None = None
    last_pod_event_time: datetime | None = None


class CreateNode(msgspec.Struct, frozen=True):
    node: Node


class DeleteNode(msgspec.Struct, frozen=True):
    node: Node


class PatchNode(msgspec.Struct, frozen=True):
    node: Node
    labels: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    annotations: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    add_taints: tuple[Taint, ...] = ()
    remove_taints: tuple[str, ...] = ()  # keys
    unschedulable: bool | None = None  # None leaves it
    add_finalizer: str = ""
    remove_finalizer: str = ""


class EvictPod(msgspec.Struct, frozen=True):
    pod: Pod
    pdbs: tuple[str, ...] = ()


class DeletePod(msgspec.Struct, frozen=True):
    """Bypasses PDBs: only for an elapsed terminationGracePeriod."""

    pod: Pod
    grace_seconds: int


Action = (
    CreateNodeClaim
    | DeleteNodeClaim
    | PatchNodeClaim
    | SetNodeClaimStatus
    | CreateNode
    | DeleteNode
    | PatchNode
    | EvictPod
    | DeletePod
    | Event
)


class Plan(msgspec.Struct, frozen=True):
    """What to do now, in this order, and when to look again (virtual UTC; None: when something changes)."""

    actions: tuple[Action, ...] = ()
    wake_at: datetime | None = None


IDLE: Final = Plan()


def merged(values: dict[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """``values`` with ``changes`` applied; None removes a key. Without changes it is ``values`` itself."""
    if not changes:
        return values
    result = {**values, **{key: value for key, value in changes.items() if value is not None}}
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
    return result


def _finalizers(current: tuple[str, ...], add: str, remove: str) -> tuple[str, ...]:
    kept = tuple(item for item in current if item != remove) if remove else current
    return (*kept, add) if add and add not in kept else kept


def patched_node(node: Node, patch: PatchNode) -> Node:
    """The node after the patch. A taint that is there already (same key and effect) is kept as it is.

    Parts that the patch leaves alone are the same objects as before: whoever compares them need not look into them.
    """
    metadata = msgspec.structs.replace(
        node.metadata,
        labels=merged(node.metadata.labels, patch.labels),
        annotations=merged(node.metadata.annotations, patch.annotations),
        finalizers=_finalizers(node.metadata.finalizers, patch.add_finalizer, patch.remove_finalizer),
    )
    return msgspec.structs.replace(node, metadata=metadata, spec=_patched_spec(node.spec, patch))


def _patched_spec(spec: NodeSpec, patch: PatchNode) -> NodeSpec:
    taints, unschedulable = spec.taints, spec.unschedulable if patch.unschedulable is None else patch.unschedulable
    if patch.remove_taints:
        taints = tuple(taint for taint in taints if taint.key not in patch.remove_taints)
    if patch.add_taints:
        present = {(taint.key, taint.effect) for taint in taints}
        taints += tuple(taint for taint in patch.add_taints if (taint.key, taint.effect) not in present)
    if unschedulable == spec.unschedulable and taints == spec.taints:
        return spec
    return msgspec.structs.replace(spec, taints=taints, unschedulable=unschedulable)


def patched_claim(claim: NodeClaim, patch: PatchNodeClaim) -> NodeClaim:
    metadata = msgspec.structs.replace(
        claim.metadata,
        labels=merged(claim.metadata.labels, patch.labels),
        annotations=merged(claim.metadata.annotations, patch.annotations),
        finalizers=_finalizers(claim.metadata.finalizers, patch.add_finalizer, patch.remove_finalizer),
    )
    return msgspec.structs.replace(claim, metadata=metadata)


def with_status(claim: NodeClaim, change: SetNodeClaimStatus) -> NodeClaim:
    """The claim after the status change, root condition ``Ready`` included."""
    conditions = claim.status.conditions
    if change.remove:
        conditions = tuple(item for item in conditions if item.type not in change.remove)
    for item in change.conditions:
        conditions = set_condition(conditions, item, change.at, claim.metadata.generation)
    conditions = set_condition(conditions, _ready(conditions), change.at, claim.metadata.generation)
    fields = {
        name: value
        for name in ("node_name", "provider_id", "image_id", "capacity", "allocatable", "last_pod_event_time")
        if (value := getattr(change, name)) is not None
    }
    return msgspec.structs.replace(claim, status=msgspec.structs.replace(claim.status, conditions=conditions, **fields))


def set_condition(
    conditions: tuple[Condition, ...], new: Condition, at: datetime, generation: int
) -> tuple[Condition, ...]:
    """``conditions`` with ``new`` in its place; its transition time moves only when the status does.

    The given tuple itself when nothing changes.
    """
    old = condition(conditions, new.type)
    since = old.last_transition_time if old is not None and old.status == new.status else at
    item = Condition(new.type, new.status, new.reason, new.message, since, generation)
    if old is None:
        return (*conditions, item)
    if item == old:
        return conditions
    return tuple(item if present.type == new.type else present for present in conditions)


_ROOT: Final = ("Launched", "Registered", "Initialized")
_IS_READY: Final = Condition(type="Ready", status="True", reason="Ready")


def _ready(conditions: tuple[Condition, ...]) -> Condition:
    """Karpenter's root condition over Launched, Registered and Initialized (operatorpkg ``status``)."""
    parts = {type_: condition(conditions, type_) for type_ in _ROOT}
    status = {type_: part.status if part else "Unknown" for type_, part in parts.items()}
    if all(value == "True" for value in status.values()):
        return _IS_READY
    listed = ", ".join(f"{type_}={value}" for type_, value in status.items() if value != "True")
    if "False" in status.values():
        return Condition(type="Ready", status="False", reason="UnhealthyDependents", message=listed)
    return Condition(type="Ready", status="Unknown", reason="ReconcilingDependents", message=listed)
