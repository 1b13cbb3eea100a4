"""The Kubernetes objects decisions rest on, with only the fields that decisions read.

The shells decode these straight from the API server's JSON (unknown fields are skipped), so that ten thousand pods cost
tens of megabytes. All are frozen: a changed object is a new value. ``metadata`` times are the API server's wall clock
(UTC); everything napsim itself recorded is on the cluster's virtual clock. ``clock.Timeline`` leads from one to the
other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

_EMPTY: Final[dict[str, str]] = {}

Int32 = Annotated[int, msgspec.Meta(extra={"format": "int32"})]
"""An integer of 32 bits in Kubernetes' types; a plain ``int`` has 64. ``reading.fields`` holds manifests to it."""
Quantity = Annotated[str | int | float, msgspec.Meta(extra={"format": "quantity"})]
"""An amount as it is written: ``4``, ``500m``, ``16Gi``. An API server sends text."""


class Value(msgspec.Struct, frozen=True, rename="camel", gc=False, omit_defaults=True):
    """Base of all objects here: frozen, camelCase on the wire, defaults left out when encoded."""


class OwnerReference(Value, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    api_version: str = ""
    block_owner_deletion: bool = False


class ObjectMeta(Value, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = _EMPTY
    annotations: dict[str, str] = _EMPTY
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()


class Condition(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A condition of a NodeClaim, Node or Pod. ``last_transition_time`` is virtual where napsim writes the condition.

    Written whole: an empty message and the status Unknown are required fields, not defaults to leave out.
    """

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    observed_generation: int = 0


class KubeObject(Value, frozen=True):
    """What every object here has."""

    metadata: ObjectMeta = ObjectMeta()

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def key(self) -> str:
        """``namespace/name``, or the name alone for cluster-scoped objects: unique within a kind."""
        return f"{self.metadata.namespace}/{self.metadata.name}" if self.metadata.namespace else self.metadata.name

    @property
    def deleting(self) -> bool:
        return self.metadata.deletion_timestamp is not None


# --- Selectors ------------------------------------------------------------------------------------------------------


class SelectorRequirement(Value, frozen=True):
    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Value, frozen=True):
    match_labels: dict[str, str] = _EMPTY
    match_expressions: tuple[SelectorRequirement, ...] = ()


class Requirement(Value, frozen=True):
    key: str
    operator: str
    values: tuple[str, ...] = ()
    min_values: Int32 | None = None


class NodeSelectorTerm(Value, frozen=True):
    """All expressions must hold. ``matchFields`` is not read: only DaemonSet pods have it."""

    match_expressions: tuple[Requirement, ...] = ()


class NodeSelector(Value, frozen=True):
    """One term has to hold."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


# --- Pod ------------------------------------------------------------------------------------------------------------


class PreferredNodeTerm(Value, frozen=True):
    weight: Int32 = 0
    preference: NodeSelectorTerm = NodeSelectorTerm()


_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


class NodeAffinity(Value, frozen=True):
    required: NodeSelector | None = msgspec.field(default=None, name=_REQUIRED)
    preferred: tuple[PreferredNodeTerm, ...] = msgspec.field(default=(), name=_PREFERRED)


class PodAffinityTerm(Value, frozen=True):
    topology_key: str = ""
    label_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] = ()
    namespace_selector: LabelSelector | None = None
    match_label_keys: tuple[str, ...] = ()
    mismatch_label_keys: tuple[str, ...] = ()


class WeightedPodAffinityTerm(Value, frozen=True):
    weight: Int32 = 0
    pod_affinity_term: PodAffinityTerm = PodAffinityTerm()


class PodAffinity(Value, frozen=True):
    """Affinity and anti-affinity have the same fields."""

    required: tuple[PodAffinityTerm, ...] = msgspec.field(default=(), name=_REQUIRED)
    preferred: tuple[WeightedPodAffinityTerm, ...] = msgspec.field(default=(), name=_PREFERRED)


class Affinity(Value, frozen=True):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class TopologySpreadConstraint(Value, frozen=True):
    topology_key: str = ""
    max_skew: Int32 = 1
    when_unsatisfiable: str = "DoNotSchedule"
    label_selector: LabelSelector | None = None
    min_domains: Int32 | None = None
    node_affinity_policy: str = "Honor"
    node_taints_policy: str = "Ignore"
    match_label_keys: tuple[str, ...] = ()


class Toleration(Value, frozen=True):
    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class ResourceRequirements(Value, frozen=True):
    """A limit without a request is one: so the API server stores pods, and Karpenter reads templates.

    ``limits`` are empty once it is made: nothing else reads them.
    """

    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}

    def __post_init__(self) -> None:
        if self.limits:
            msgspec.structs.force_setattr(self, "requests", {**self.limits, **self.requests})
            msgspec.structs.force_setattr(self, "limits", {})


class ContainerPort(Value, frozen=True):
    host_port: Int32 = 0
    host_ip: str = msgspec.field(default="", name="hostIP")
    protocol: str = "TCP"


class Container(Value, frozen=True):
    resources: ResourceRequirements = ResourceRequirements()
    restart_policy: str = ""
    ports: tuple[ContainerPort, ...] = ()


class VolumeClaimSource(Value, frozen=True):
    claim_name: str = ""


class EphemeralVolume(Value, frozen=True):
    """Its claim is ``<pod>-<volume>``, made and deleted with the pod."""


class Volume(Value, frozen=True):
    name: str = ""
    persistent_volume_claim: VolumeClaimSource | None = None
    ephemeral: EphemeralVolume | None = None


class PodSpec(Value, frozen=True):
    node_name: str = ""
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: dict[str, Quantity] = {}
    tolerations: tuple[Toleration, ...] = ()
    node_selector: dict[str, str] = _EMPTY
    affinity: Affinity | None = None
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    priority_class_name: str = ""
    priority: Int32 = 0
    termination_grace_period_seconds: int = 30
    volumes: tuple[Volume, ...] = ()


class PodStatus(Value, frozen=True):
    phase: str = ""
    start_time: datetime | None = None
    nominated_node_name: str = ""
    conditions: tuple[Condition, ...] = ()


class Pod(KubeObject, frozen=True):
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodTemplate(Value, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()


class DaemonSetSpec(Value, frozen=True):
    template: PodTemplate = PodTemplate()


class DaemonSet(KubeObject, frozen=True):
    spec: DaemonSetSpec = DaemonSetSpec()


# --- Node -----------------------------------------------------------------------------------------------------------


class Taint(Value, frozen=True):
    """``time_added`` is kept because a patch of taints replaces the whole list."""

    key: str
    effect: str
    value: str = ""
    time_added: datetime | None = None

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


class NodeSpec(Value, frozen=True):
    provider_id: str = msgspec.field(default="", name="providerID")
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False


class NodeInfo(Value, frozen=True):
    kubelet_version: str = ""


class NodeStatus(Value, frozen=True):
    capacity: dict[str, Quantity] = {}
    allocatable: dict[str, Quantity] = {}
    conditions: tuple[Condition, ...] = ()
    node_info: NodeInfo = NodeInfo()


class Node(KubeObject, frozen=True):
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


# --- NodeClaim ------------------------------------------------------------------------------------------------------


class NodeClassRef(Value, frozen=True):
    group: str = ""
    kind: str = ""
    name: str = ""


class NodeClaimSpec(Value, frozen=True):
    node_class_ref: NodeClassRef = NodeClassRef()
    requirements: tuple[Requirement, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    taints: tuple[Taint, ...] = ()
    startup_taints: tuple[Taint, ...] = ()
    termination_grace_period: str = ""
    expire_after: str = ""  # absent would be filled in with Karpenter's 720h, so that "Never" is always written


class NodeClaimStatus(Value, frozen=True):
    conditions: tuple[Condition, ...] = ()
    node_name: str = ""
    provider_id: str = msgspec.field(default="", name="providerID")
    image_id: str = msgspec.field(default="", name="imageID")
    capacity: dict[str, Quantity] = {}
    allocatable: dict[str, Quantity] = {}
    last_pod_event_time: datetime | None = None


class NodeClaim(KubeObject, frozen=True):
    spec: NodeClaimSpec = NodeClaimSpec()
    status: NodeClaimStatus = NodeClaimStatus()


# --- PodDisruptionBudget and volumes --------------------------------------------------------------------------------


class PodDisruptionBudgetSpec(Value, frozen=True):
    selector: LabelSelector | None = None
    min_available: Int32 | str | None = None
    max_unavailable: Int32 | str | None = None
    unhealthy_pod_eviction_policy: str = ""


class PodDisruptionBudgetStatus(Value, frozen=True):
    disruptions_allowed: Int32 = 0
    current_healthy: Int32 = 0
    desired_healthy: Int32 = 0
    expected_pods: Int32 = 0
    observed_generation: int = 0
    disrupted_pods: dict[str, datetime] = {}


class PodDisruptionBudget(KubeObject, frozen=True):
    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = PodDisruptionBudgetStatus()


class PersistentVolumeClaimSpec(Value, frozen=True):
    volume_name: str = ""
    storage_class_name: str = ""


class PersistentVolumeClaimStatus(Value, frozen=True):
    phase: str = ""


class PersistentVolumeClaim(KubeObject, frozen=True):
    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()
    status: PersistentVolumeClaimStatus = PersistentVolumeClaimStatus()


class LocalPath(Value, frozen=True):
    path: str = ""


class VolumeNodeAffinity(Value, frozen=True):
    required: NodeSelector | None = None


class PersistentVolumeSpec(Value, frozen=True):
    node_affinity: VolumeNodeAffinity | None = None
    local: LocalPath | None = None
    host_path: LocalPath | None = None


class PersistentVolume(KubeObject, frozen=True):
    spec: PersistentVolumeSpec = PersistentVolumeSpec()


class TopologySelectorExpression(Value, frozen=True):
    key: str = ""
    values: tuple[str, ...] = ()


class TopologySelectorTerm(Value, frozen=True):
    match_label_expressions: tuple[TopologySelectorExpression, ...] = ()


class StorageClass(KubeObject, frozen=True):
    allowed_topologies: tuple[TopologySelectorTerm, ...] = ()
    volume_binding_mode: str = "Immediate"


class VolumeAttachmentSource(Value, frozen=True):
    persistent_volume_name: str = ""


class VolumeAttachmentSpec(Value, frozen=True):
    node_name: str = ""
    source: VolumeAttachmentSource = VolumeAttachmentSource()


class VolumeAttachment(KubeObject, frozen=True):
    spec: VolumeAttachmentSpec = VolumeAttachmentSpec()


class ConfigMap(KubeObject, frozen=True):
    data: dict[str, str] = _EMPTY


def condition(conditions: tuple[Condition, ...], type_: str) -> Condition | None:
    """The condition of that type, or None."""
    for item in conditions:
        if item.type == type_:
            return item
    return None


def is_true(conditions: tuple[Condition, ...], type_: str) -> bool:
    """Whether the condition of that type exists and is True."""
    for item in conditions:
        if item.type == type_:
            return item.status == "True"
    return False
