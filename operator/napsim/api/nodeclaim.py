"""``NodeClaim`` (karpenter.sh/v1): one node that a pool asked for.

Mirrors the fields, defaults and validation of karpenter v1.14.0 ``pkg/apis/v1/nodeclaim.go`` and
``nodeclaim_status.go``, so that claims of a real cluster apply unchanged. Durations are kept as written.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from napsim.api import names
from napsim.api.base import KubeObject, Model, Rule, Transition
from napsim.api.conditions import Conditions
from napsim.api.kinds import Column, Kind, condition_column
from napsim.api.scalars import QUALIFIED_NAME, Check, Instant, Int32, LabelValue, Resources

DURATION: Final = r"^([0-9]+(s|m|h))+$"
DURATION_OR_NEVER: Final = r"^(([0-9]+(s|m|h))+|Never)$"

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"]
Effect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
_COMPARISONS: Final = ("Gt", "Lt", "Gte", "Lte")
_KARPENTER_KEYS_ALLOWED: Final = (names.CAPACITY_TYPE, names.NODEPOOL)

TerminationGracePeriod = Annotated[
    str | None,
    Field(
        pattern=DURATION,
        description=(
            "How long a drain may take before pods are deleted in spite of PDBs and do-not-disrupt, counted from the"
            " deletion of the claim. Absent: for ever. For example 1h or 2h30m."
        ),
    ),
]


def _in_karpenter_domain(key: str) -> bool:
    return key.split("/", maxsplit=1)[0].endswith(names.KARPENTER_GROUP)


KARPENTER_DOMAIN: Final = Check(
    'label domain "karpenter.sh" is restricted',
    "self in ['karpenter.sh/capacity-type', 'karpenter.sh/nodepool'] || !self.split('/')[0].endsWith('karpenter.sh')",
    lambda key: key in _KARPENTER_KEYS_ALLOWED or not _in_karpenter_domain(key),
)
HOSTNAME_KEY: Final = Check(
    'label "kubernetes.io/hostname" is restricted',
    "self != 'kubernetes.io/hostname'",
    lambda key: key != names.HOSTNAME,
)
RequirementKey = Annotated[str, Field(max_length=316, pattern=QUALIFIED_NAME), KARPENTER_DOMAIN, HOSTNAME_KEY]


def not_empty(field: str) -> Check:
    """The check that a text is not empty, in Karpenter's words."""
    return Check(f"{field} may not be empty", "self != ''", bool)


class Taint(Model):
    """A taint of the node: pods that do not tolerate it stay away."""

    key: str = Field(min_length=1, pattern=QUALIFIED_NAME, description="The taint's key.")
    value: str | None = Field(default=None, pattern=QUALIFIED_NAME, description="The taint's value.")
    effect: Effect = Field(description="What happens to pods that do not tolerate it.")
    time_added: Instant | None = Field(default=None, description="When the taint was added.")


def _is_whole_number(text: str) -> bool:
    return re.fullmatch("[0-9]{1,18}", text) is not None


class Requirement(Model):
    """A constraint on the labels of the node: key, operator, values."""

    key: RequirementKey = Field(description="The label that is constrained.")
    operator: Operator = Field(description="How the label relates to the values.")
    values: tuple[LabelValue, ...] = Field(
        default=(),
        description="What the label is compared with: something for In, one whole number for Gt, Lt, Gte and Lte.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    min_values: Int32 | None = Field(
        default=None, ge=1, le=50, description="How many different values must stay possible (alpha)."
    )

    RULES: ClassVar = (
        Rule(
            "requirements with operator 'In' must have a value defined",
            "self.operator != 'In' || (has(self.values) && size(self.values) > 0)",
            lambda self: self.operator != "In" or bool(self.values),
            "values",
        ),
        Rule(
            "requirements operator 'Gt', 'Lt', 'Gte', or 'Lte' must have a single positive integer value",
            "!(self.operator in ['Gt', 'Lt', 'Gte', 'Lte'])"
            " || (has(self.values) && size(self.values) == 1 && self.values[0].matches('^[0-9]{1,18}$'))",
            lambda self: (
                self.operator not in _COMPARISONS or (len(self.values) == 1 and _is_whole_number(self.values[0]))
            ),
            "values",
        ),
        Rule(
            "requirements with 'minValues' must have at least that many values specified in the 'values' field",
            "self.operator != 'In' || !has(self.minValues)"
            " || (has(self.values) && size(self.values) >= self.minValues)",
            lambda self: self.operator != "In" or self.min_values is None or len(self.values) >= self.min_values,
            "values",
        ),
    )


class NodeClassReference(Model):
    """The node class that says what the nodes are made of."""

    group: Annotated[str, Field(pattern=r"^[^/]*$"), not_empty("group")] = Field(
        description="API group of the node class, without its version: karpenter.azure.com."
    )
    kind: Annotated[str, not_empty("kind")] = Field(description="Kind of the node class: AKSNodeClass.")
    name: Annotated[str, not_empty("name")] = Field(description="Name of the node class.")


class ResourceRequirements(Model):
    """What the node has to offer at least."""

    requests: Resources = Field(default={}, description="The sum of what its pods request, per resource.")


class NodeClaimSpec(Model):
    """What is asked for. It cannot be changed."""

    taints: tuple[Taint, ...] = Field(default=(), description="Taints the node keeps.")
    startup_taints: tuple[Taint, ...] = Field(
        default=(),
        description="Taints the node starts with and somebody else removes; the node is Initialized after that.",
    )
    requirements: tuple[Requirement, ...] = Field(
        max_length=100, description="What the node's labels must satisfy: instance type, zone, architecture and so on."
    )
    resources: ResourceRequirements = Field(
        default=ResourceRequirements.model_construct(), description="What the node has to offer at least."
    )
    node_class_ref: NodeClassReference = Field(description="The node class that says what the node is made of.")
    termination_grace_period: TerminationGracePeriod = None
    expire_after: str = Field(
        default="720h",
        pattern=DURATION_OR_NEVER,
        description="The age at which the node is replaced whatever budgets say, or Never.",
    )

    TRANSITIONS: ClassVar = (Transition("spec is immutable", "self == oldSelf", lambda old, new: old == new),)


class NodeClaimStatus(Model):
    """How far the node is."""

    node_name: str | None = Field(default=None, description="The Node that belongs to the claim.")
    provider_id: str | None = Field(default=None, description="The instance, as the provider names it.")
    image_id: str | None = Field(default=None, description="The image the instance was created from.")
    capacity: Resources = Field(default={}, description="What the node has, per resource.")
    allocatable: Resources = Field(default={}, description="What pods can get of it, per resource.")
    conditions: Conditions = Field(
        default=(),
        description=(
            "Launched, Registered and Initialized make up Ready; Drifted, Drained, VolumesDetached,"
            " InstanceTerminating, DisruptionReason, Consolidatable and ConsistentStateFound come and go."
        ),
    )
    last_pod_event_time: Instant | None = Field(default=None, description="When a pod last came to or left the node.")


class NodeClaim(KubeObject):
    """One node that a pool asked for: from the request through launch and drift to its end."""

    api_version: Literal["karpenter.sh/v1"] = "karpenter.sh/v1"
    kind: Literal["NodeClaim"] = "NodeClaim"
    spec: NodeClaimSpec = Field(description="What is asked for. It cannot be changed.")
    status: NodeClaimStatus = Field(default=NodeClaimStatus.model_construct(), description="How far the node is.")


def _label(key: str) -> str:
    return ".metadata.labels." + key.replace(".", r"\.")


def _reason(type_: str) -> str:
    return f'.status.conditions[?(@.type=="{type_}")].reason'


NODE_CLAIM: Final = Kind(
    model=NodeClaim,
    group=names.KARPENTER_GROUP,
    version=names.KARPENTER_VERSION,
    plural="nodeclaims",
    categories=("karpenter",),
    columns=(
        Column("Type", _label(names.INSTANCE_TYPE)),
        Column("Capacity", _label(names.CAPACITY_TYPE)),
        Column("Zone", _label(names.ZONE)),
        Column("Node", ".status.nodeName"),
        condition_column("Ready"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("ImageID", ".status.imageID", wide=True),
        Column("ID", ".status.providerID", wide=True),
        Column("NodePool", _label(names.NODEPOOL), wide=True),
        Column("NodeClass", ".spec.nodeClassRef.name", wide=True),
        condition_column("Drifted", wide=True),
        Column("Drift", _reason("Drifted"), wide=True, description="Why it is drifted."),
        Column("Disrupted", _reason("DisruptionReason"), wide=True, description="Why it is being replaced."),
        Column("Drained", _reason("Drained"), wide=True, description="How far its drain is."),
    ),
)
