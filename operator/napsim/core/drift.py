"""Drift: whether a NodeClaim still is what its NodePool and its AKSNodeClass ask for; the first reason found wins.

Mirrors karpenter v1.14.0 pkg/controllers/nodeclaim/disruption/drift.go, then karpenter-provider-azure main of
2026-08-21 pkg/cloudprovider/drift.go. It fails open: what cannot be compared is not drifted, and an error leaves the
condition as it is. What only Azure knows (``ProviderView``) is judged where it is given.

| Node | The provider's order |
|---|---|
| VM | static, Kubernetes version, kubelet identity, image |
| AKS machine | static, Kubernetes version, image, machine |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.clock import earliest
from napsim.core.definitions import machine_image_version
from napsim.core.nodeclasses import (
    NodeClassState,
    StatusImage,
    is_foreign,
    unreadable,
    unreadable_kubernetes_version,
)
from napsim.core.objects import Condition, Node, NodeClaim, condition, is_true
from napsim.core.requirements import Requirements, unmet

REQUEUE: Final = timedelta(minutes=5)
INSTANCE_TYPE_GRACE: Final = timedelta(hours=1)  # a younger claim is not asked for its instance type
INSTANCE_TYPE_TRUST: Final = timedelta(minutes=30)  # how long "found" is believed without another look
_TICK: Final = timedelta(microseconds=1)  # "strictly older" on the resolution of our instants


class DriftReason(StrEnum):
    """The reasons of condition ``Drifted``, in the words of Karpenter and of the Azure provider."""

    NONE = ""
    NODE_POOL_DRIFTED = "NodePoolDrifted"
    REQUIREMENTS_DRIFTED = "RequirementsDrifted"
    INSTANCE_TYPE_NOT_FOUND = "InstanceTypeNotFound"
    NODE_CLASS_DRIFT = "NodeClassDrift"
    K8S_VERSION_DRIFT = "K8sVersionDrift"
    KUBELET_IDENTITY_DRIFT = "KubeletIdentityDrift"
    IMAGE_DRIFT = "ImageDrift"
    CLUSTER_CONFIG_DRIFT = "ClusterConfigDrift"


class PoolView(msgspec.Struct, frozen=True):
    """What of a NodePool decides on drift. ``hash`` and ``hash_version`` are its annotations, None where missing."""

    name: str
    requirements: Requirements
    hash: str | None = None
    hash_version: str | None = None


class Offering(msgspec.Struct, frozen=True):
    """Where and how an instance type can be had; available or not does not matter here."""

    zone: str
    capacity_type: str


class InstanceTypes(msgspec.Struct, frozen=True):
    """The instance types of a pool by name, with what is known of one claim: its age and when its type was last found.

    ``created_at`` is the claim's (virtual) creation; ``found_at`` the ``instance_type_found_at`` of an earlier verdict.
    """

    offerings: Mapping[str, Collection[Offering]]
    created_at: datetime
    found_at: datetime | None = None


class ProviderView(msgspec.Struct, frozen=True):
    """What only Azure and the provider's options know.

    ``kubelet_identity`` is the client id that kubelets are given; empty is not known. ``machine_actions`` are the drift
    actions of AKS machines by resource id, empty for none; None is not known.
    """

    kubelet_identity: str = ""
    machine_actions: Mapping[str, str] | None = None


NO_AZURE: Final = ProviderView()
_NO_ACTION: Final = frozenset({"", "None", "Synced"})


class DriftVerdict(msgspec.Struct, frozen=True):
    """The answer for one claim.

    ``message`` explains the reason; ``skipped`` says which checks could not be made, and why. With ``ignored`` (the
    claim is not looked at) or ``error`` (the provider's) condition ``Drifted`` stays as it is. ``requeue`` is
    upstream's next look; ``wake_at`` the first instant at which time alone can change the answer (None: never).
    """

    reason: DriftReason = DriftReason.NONE
    message: str = ""
    skipped: tuple[str, ...] = ()
    ignored: str = ""
    error: str = ""
    requeue: datetime | None = None
    wake_at: datetime | None = None
    instance_type_found_at: datetime | None = None

    @property
    def drifted(self) -> bool:
        return self.reason is not DriftReason.NONE

    @property
    def keeps_condition(self) -> bool:
        return bool(self.ignored or self.error)


class _Subject(msgspec.Struct, frozen=True):
    claim: NodeClaim
    pool: PoolView
    node_class: NodeClassState | None
    nodes: Collection[Node]
    instance_types: InstanceTypes | None
    now: datetime
    provider: ProviderView

    @property
    def machine(self) -> str:
        """The resource id of the claim's AKS machine; empty for a VM node."""
        return self.claim.metadata.annotations.get(names.AKS_MACHINE, "")


class _Finding(msgspec.Struct, frozen=True):
    """What one check found. All empty: nothing drifted. ``ends`` ends the checks without drift and without error."""

    reason: DriftReason = DriftReason.NONE
    message: str = ""
    skipped: str = ""
    error: str = ""
    ends: bool = False
    wake_at: datetime | None = None
    found_at: datetime | None = None


_FINE: Final = _Finding()


def drift_of(
    claim: NodeClaim,
    pool: PoolView | None,
    node_class: NodeClassState | None,
    nodes: Collection[Node],
    instance_types: InstanceTypes | None,
    now: datetime,
    provider: ProviderView = NO_AZURE,
) -> DriftVerdict:
    """Whether ``claim`` has drifted.

    ``nodes`` are the Nodes with the claim's provider id: one, none yet, or more by mistake. ``pool`` and ``node_class``
    are None when they do not exist. Without ``instance_types`` that check is left out, and so is what ``provider`` does
    not say.
    """
    ignored = _ignored(claim, pool, node_class)
    if ignored or pool is None:
        return DriftVerdict(ignored=ignored)
    if not is_true(claim.status.conditions, names.LAUNCHED):
        return DriftVerdict(skipped=("the claim is not launched",))
    subject = _Subject(claim, pool, node_class, nodes, instance_types, now, provider)
    findings: list[_Finding] = []
    for check in _CHECKS:
        finding = check(subject)
        if finding is _FINE:
            continue
        findings.append(finding)
        if finding.reason or finding.error or finding.ends:
            break
    return _verdict(findings, now + REQUEUE)


def _verdict(findings: Sequence[_Finding], requeue: datetime) -> DriftVerdict:
    """What the checks came to. Only the last can be a drift or an error."""
    if not findings:
        return DriftVerdict(requeue=requeue)
    last = findings[-1]
    return DriftVerdict(
        last.reason,
        last.message,
        tuple(finding.skipped for finding in findings if finding.skipped),
        error=last.error,
        requeue=requeue,
        wake_at=earliest(*(finding.wake_at for finding in findings)),
        instance_type_found_at=next((item.found_at for item in reversed(findings) if item.found_at), None),
    )


def _ignored(claim: NodeClaim, pool: PoolView | None, node_class: NodeClassState | None) -> str:
    """Why a claim is not looked at, in the order of karpenter's controller; empty when it is."""
    reference = claim.spec.node_class_ref
    if is_foreign(reference) and (node_class is None or not node_class.foreign):
        return f"{reference.kind}.{reference.group} is not managed here"
    if claim.deleting:
        return "the claim is being deleted"
    if names.NODEPOOL not in claim.metadata.labels:
        return f"the claim has no label {names.NODEPOOL}"
    return "" if pool else f"NodePool {claim.metadata.labels[names.NODEPOOL]} does not exist"


# --- Karpenter's own checks -----------------------------------------------------------------------------------------


def _pool_hash(subject: _Subject) -> _Finding:
    pool = subject.pool
    claimed = subject.claim.metadata.annotations
    return _compared(
        (pool.hash, pool.hash_version),
        (claimed.get(names.NODEPOOL_HASH), claimed.get(names.NODEPOOL_HASH_VERSION)),
        DriftReason.NODE_POOL_DRIFTED,
        f"the template of NodePool {pool.name}",
    )


def _compared(
    wanted: tuple[str | None, str | None], held: tuple[str | None, str | None], reason: DriftReason, what: str
) -> _Finding:
    """Two (hash, hash version) pairs: only complete ones of the same version can be compared."""
    if None in (*wanted, *held):
        return _Finding(skipped=f"{reason}: a hash annotation is missing")
    if wanted[1] != held[1]:
        return _Finding(skipped=f"{reason}: hash version {held[1]} cannot be compared with {wanted[1]}")
    if wanted[0] == held[0]:
        return _FINE
    return _Finding(reason, f"{what} changed: hash {wanted[0]}, the claim has {held[0]}")


def _requirements(subject: _Subject) -> _Finding:
    problems = unmet(subject.claim.metadata.labels, subject.pool.requirements)
    return _Finding(DriftReason.REQUIREMENTS_DRIFTED, "; ".join(problems)) if problems else _FINE


def _instance_type(subject: _Subject) -> _Finding:
    """Only for claims older than an hour whose type was not found within the last half hour."""
    known, now = subject.instance_types, subject.now
    if known is None:
        return _FINE
    problem = _missing_offering(subject.claim.metadata.labels, known.offerings)
    due_at = known.created_at + INSTANCE_TYPE_GRACE + _TICK
    if known.found_at is not None:
        due_at = max(due_at, known.found_at + INSTANCE_TYPE_TRUST)
    if now < due_at:
        return _Finding(skipped=f"InstanceTypeNotFound: {problem}", wake_at=due_at) if problem else _FINE
    if problem:
        return _Finding(DriftReason.INSTANCE_TYPE_NOT_FOUND, problem)
    return _Finding(found_at=now)


def _missing_offering(labels: Mapping[str, str], offerings: Mapping[str, Collection[Offering]]) -> str:
    """Why the claim's instance type is not to be had any more; a reserved claim may also be on-demand."""
    instance_type = labels.get(names.INSTANCE_TYPE)
    if instance_type is None:
        return f"the claim has no label {names.INSTANCE_TYPE}"
    if instance_type not in offerings:
        return f"instance type {instance_type} is unknown"
    zone, capacity_type = labels.get(names.ZONE), labels.get(names.CAPACITY_TYPE)
    accepted = {"reserved", "on-demand"} if capacity_type == "reserved" else {capacity_type}
    for offering in offerings[instance_type]:
        if zone in (None, offering.zone) and (capacity_type is None or offering.capacity_type in accepted):
            return ""
    return f"instance type {instance_type} has no offering in zone {zone} and capacity type {capacity_type}"


# --- the provider's checks ------------------------------------------------------------------------------------------


def _provider(subject: _Subject) -> _Finding:
    """What the provider needs before it compares anything."""
    if not subject.claim.status.provider_id:
        return _Finding(error=f"NodeClaim {subject.claim.name} has no status.providerID")
    if not subject.claim.spec.node_class_ref.name:
        return _Finding(skipped="the claim has no nodeClassRef", ends=True)
    if subject.node_class is None or subject.node_class.deleting:
        name = subject.claim.spec.node_class_ref.name
        return _Finding(skipped=f"AKSNodeClass {name} does not exist or is being deleted", ends=True)
    if subject.node_class.foreign:
        kind = subject.node_class.foreign
        return _Finding(
            skipped=f"{kind} {subject.node_class.name}: what its provider calls drift is not known", ends=True
        )
    return _FINE


def _node_class_hash(subject: _Subject, node_class: NodeClassState) -> _Finding:
    claimed = subject.claim.metadata.annotations
    return _compared(
        (node_class.hash, node_class.hash_version),
        (claimed.get(names.AKSNODECLASS_HASH), claimed.get(names.AKSNODECLASS_HASH_VERSION)),
        DriftReason.NODE_CLASS_DRIFT,
        f"the spec of AKSNodeClass {node_class.name}",
    )


def _kubernetes_version(subject: _Subject, node_class: NodeClassState) -> _Finding:
    """Any difference drifts, so a node that is ahead of the control plane drifts as well."""
    reason = DriftReason.K8S_VERSION_DRIFT
    problem = unreadable_kubernetes_version(node_class)
    if problem:
        return _Finding(skipped=f"{reason}: {problem}")
    node = _node(subject, reason)
    if isinstance(node, _Finding):
        return node
    version = node.status.node_info.kubelet_version.removeprefix("v")
    if version == node_class.kubernetes_version:
        return _FINE
    return _Finding(reason, f"the kubelet is {version}, AKSNodeClass {node_class.name} {node_class.kubernetes_version}")


def _node(subject: _Subject, reason: DriftReason) -> Node | _Finding:
    """The one Node of the claim that a check needs, or what the check comes to without it."""
    if not subject.claim.status.node_name:
        return _Finding(skipped=f"{reason}: the claim has no node yet")
    if len(subject.nodes) > 1:
        found = ", ".join(sorted(node.name for node in subject.nodes))
        return _Finding(error=f"more than one Node for NodeClaim {subject.claim.name}: {found}")
    node = next(iter(subject.nodes), None)
    if node is None or node.deleting:
        return _Finding(skipped=f"{reason}: Node {subject.claim.status.node_name} is missing or being deleted")
    return node


def _kubelet_identity(subject: _Subject, _: NodeClassState) -> _Finding:
    """VM nodes only: a machine's identity is the cluster's business."""
    wanted = subject.provider.kubelet_identity
    if subject.machine or not wanted:
        return _FINE
    reason = DriftReason.KUBELET_IDENTITY_DRIFT
    node = _node(subject, reason)
    if isinstance(node, _Finding):
        return node
    held = node.metadata.labels.get(names.KUBELET_IDENTITY, "")
    if not held:
        return _Finding(skipped=f"{reason}: Node {node.name} has no label {names.KUBELET_IDENTITY}")
    return _FINE if held == wanted else _Finding(reason, f"the kubelet's identity is {held}, wanted is {wanted}")


def _machine(subject: _Subject, _: NodeClassState) -> _Finding:
    """Any action but none or Synced makes an AKS machine anew, also one that is not known yet."""
    actions, machine = subject.provider.machine_actions, subject.machine
    if not machine:
        return _FINE
    if actions is None:
        return _Finding(skipped=f"{DriftReason.CLUSTER_CONFIG_DRIFT}: the drift action of {machine} is not known")
    if machine not in actions:
        return _Finding(error=f"AKS machine {machine} not found")
    if actions[machine] in _NO_ACTION:
        return _FINE
    return _Finding(DriftReason.CLUSTER_CONFIG_DRIFT, f"AKS machine {machine} has drift action {actions[machine]}")


def _image(subject: _Subject, node_class: NodeClassState) -> _Finding:
    """Set membership: whatever is not in ``status.images`` drifts, be it older or newer."""
    problem = unreadable(node_class, names.IMAGES_READY)
    if problem:
        return _Finding(skipped=f"{DriftReason.IMAGE_DRIFT}: {problem}")
    if not node_class.images:
        return _Finding(error="no images exist for the given constraints")
    image_id = subject.claim.status.image_id
    if not image_id:
        return _Finding(error="no image ID found in nodeClaim status")
    if image_id in _as_claimed(subject.machine, node_class.images):
        return _FINE
    return _Finding(
        DriftReason.IMAGE_DRIFT, f"image {image_id} is not among the images of AKSNodeClass {node_class.name}"
    )


def _as_claimed(machine: str, images: Iterable[StatusImage]) -> Collection[str]:
    """The ids of ``status.images`` in the form that the claim's image id has; what cannot be converted is left out."""
    if not machine:
        return [image.id for image in images]
    converted = set()
    for image in images:
        with suppress(ValueError):  # a community gallery's: upstream logs and skips it
            converted.add(machine_image_version(image.id))
    return converted


def _of_node_class(check: Callable[[_Subject, NodeClassState], _Finding]) -> Callable[[_Subject], _Finding]:
    """A check that runs only after ``_provider`` found the AKSNodeClass."""

    def run(subject: _Subject) -> _Finding:
        return _FINE if subject.node_class is None else check(subject, subject.node_class)

    return run


# Karpenter's order, then the provider's: the first drift or error ends it.
_CHECKS: Final[tuple[Callable[[_Subject], _Finding], ...]] = (
    _pool_hash,
    _requirements,
    _instance_type,
    _provider,
    _of_node_class(_node_class_hash),
    _of_node_class(_kubernetes_version),
    _of_node_class(_kubelet_identity),
    _of_node_class(_image),
    _of_node_class(_machine),
)


# --- the condition ----------------------------------------------------------------------------------------------------


class ConditionEdit(Enum):
    """What to do with a condition when there is none to set."""

    UNCHANGED = "unchanged"
    REMOVE = "remove"


def drift_condition(claim: NodeClaim, verdict: DriftVerdict, now: datetime) -> Condition | ConditionEdit:
    """Condition ``Drifted`` as it should be: the condition to set, or whether to remove it or leave it as it is.

    Reason and message are both the drift reason. ``lastTransitionTime`` moves only when the status does, so that a
    claim whose reason changes keeps its age as a candidate. Not drifted means no condition, not one that is False.
    """
    old = condition(claim.status.conditions, names.DRIFTED)
    if verdict.keeps_condition:
        return ConditionEdit.UNCHANGED
    if not verdict.drifted:
        return ConditionEdit.UNCHANGED if old is None else ConditionEdit.REMOVE
    since = old.last_transition_time if old is not None and old.status == "True" else now
    reason = str(verdict.reason)
    new = Condition(names.DRIFTED, "True", reason, reason, since, claim.metadata.generation)
    return ConditionEdit.UNCHANGED if new == old else new
