"""``NodePool`` (karpenter.sh/v1): which nodes there may be, and how fast they may be disrupted.

Mirrors the fields, defaults and validation of karpenter v1.14.0 ``pkg/apis/v1/nodepool.go`` and ``nodepool_status.go``,
so that production manifests apply unchanged. Durations and cron schedules are kept as written: the schedule's pattern
is as loose as upstream's, so that a schedule which no parser accepts is admitted here too and fails closed later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from napsim.api import names
from napsim.api.base import KubeObject, Model, Rule, Transition
from napsim.api.conditions import Conditions
from napsim.api.kinds import Column, Kind, Scale, condition_column
from napsim.api.nodeclaim import (
    DURATION_OR_NEVER,
    NodeClassReference,
    Requirement,
    RequirementKey,
    Taint,
    TerminationGracePeriod,
)
from napsim.api.scalars import Check, Distinct, Int32, Int64, LabelValue, Resources

BUDGET_NODES: Final = r"^((100|[0-9]{1,2})%|[0-9]+)$"
# RE2's \s, spelled out because other engines read more into it.
_BLANK: Final = r"[\t\n\f\r ]"
_FIVE_PARTS: Final = _BLANK.join(["(.+)"] * 5)
BUDGET_SCHEDULE: Final = rf"^(@(annually|yearly|monthly|weekly|daily|midnight|hourly))|({_FIVE_PARTS})$"
BUDGET_DURATION: Final = r"^((([0-9]+(h|m))|([0-9]+h[0-9]+m))(0s)?)$"

DisruptionReason = Literal["Underutilized", "Empty", "Drifted"]
ConsolidationPolicy = Literal["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"]

NODEPOOL_KEY: Final = Check(
    'label "karpenter.sh/nodepool" is restricted', "self != 'karpenter.sh/nodepool'", lambda key: key != names.NODEPOOL
)


def _for_every_key(rule: str, message: str, holds_for: frozenset[str]) -> Check:
    return Check(message, f"self.all(key, {rule})", lambda labels: not holds_for & labels.keys())


def _no_karpenter_domain(labels: Mapping[str, str]) -> bool:
    allowed = (names.CAPACITY_TYPE, names.NODEPOOL)
    return all(key in allowed or not key.split("/")[0].endswith(names.KARPENTER_GROUP) for key in labels)


TemplateLabels = Annotated[
    Mapping[str, LabelValue],
    Field(max_length=100),
    Check(
        'label domain "karpenter.sh" is restricted',
        "self.all(key, key in ['karpenter.sh/capacity-type', 'karpenter.sh/nodepool']"
        " || !key.split('/')[0].endsWith('karpenter.sh'))",
        _no_karpenter_domain,
    ),
    _for_every_key(
        "key != 'karpenter.sh/nodepool'",
        'label "karpenter.sh/nodepool" is restricted',
        frozenset({names.NODEPOOL}),
    ),
    _for_every_key(
        "key != 'kubernetes.io/hostname'",
        'label "kubernetes.io/hostname" is restricted',
        frozenset({names.HOSTNAME}),
    ),
]


class Budget(Model):
    """A limit on how many of the pool's nodes may be disrupted at once. The strictest active budget counts."""

    nodes: str = Field(
        default="10%",
        pattern=BUDGET_NODES,
        description='How many nodes, as a number in quotes ("5") or a percentage of the pool, rounded up ("10%").',
    )
    schedule: str | None = Field(
        default=None,
        pattern=BUDGET_SCHEDULE,
        description=(
            "When the budget becomes active, as five cron fields or a macro such as @daily, in UTC. Needs duration."
            " Outside the active time this budget does not restrict at all. Absent: always active."
        ),
    )
    duration: str | None = Field(
        default=None,
        pattern=BUDGET_DURATION,
        description="How long it stays active after each hit of schedule, in hours and minutes: 8h, 30m, 1h30m.",
    )
    reasons: Annotated[tuple[DisruptionReason, ...], Distinct()] = Field(
        default=(),
        max_length=50,
        description="Which disruptions it limits. Absent: all of them. Expiry is never limited.",
    )

    RULES: ClassVar = (
        Rule(
            "'schedule' must be set with 'duration'",
            "has(self.schedule) == has(self.duration)",
            lambda self: (self.schedule is None) == (self.duration is None),
        ),
    )


class Disruption(Model):
    """How the pool's nodes may be disrupted."""

    consolidate_after: str = Field(
        pattern=DURATION_OR_NEVER,
        description="How long a node must be unchanged before it may be consolidated, or Never.",
    )
    consolidation_policy: ConsolidationPolicy = Field(
        default="WhenEmptyOrUnderutilized", description="Which nodes may be consolidated."
    )
    budgets: tuple[Budget, ...] = Field(
        default=(Budget.model_construct(nodes="10%"),),
        max_length=50,
        description="Limits on disruption; the strictest active one counts. Absent: 10% at all times.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class PoolRequirement(Requirement):
    """A constraint on the labels of the pool's nodes: key, operator, values."""

    key: Annotated[RequirementKey, NODEPOOL_KEY] = Field(description="The label that is constrained.")


class PoolNodeClassReference(NodeClassReference):
    """The node class that says what the pool's nodes are made of."""

    TRANSITIONS: ClassVar = (
        Transition(
            "nodeClassRef.group is immutable", "self.group == oldSelf.group", lambda old, new: old.group == new.group
        ),
        Transition(
            "nodeClassRef.kind is immutable", "self.kind == oldSelf.kind", lambda old, new: old.kind == new.kind
        ),
    )


class TemplateMetadata(Model):
    """Labels and annotations that every node of the pool gets."""

    labels: TemplateLabels = Field(default={}, description="Labels of the nodes. A change is drift.")
    annotations: Mapping[str, str] = Field(default={}, description="Annotations of the nodes. A change is drift.")


class NodeClaimTemplateSpec(Model):
    """What the pool's NodeClaims ask for."""

    taints: tuple[Taint, ...] = Field(default=(), description="Taints the nodes keep. A change is drift.")
    startup_taints: tuple[Taint, ...] = Field(
        default=(), description="Taints the nodes start with and somebody else removes. A change is drift."
    )
    requirements: tuple[PoolRequirement, ...] = Field(
        max_length=100, description="What the nodes' labels must satisfy: instance type, zone, architecture and so on."
    )
    node_class_ref: PoolNodeClassReference = Field(
        description="The node class; group and kind cannot be changed, another name is drift."
    )
    termination_grace_period: TerminationGracePeriod = None
    expire_after: str = Field(
        default="720h",
        pattern=DURATION_OR_NEVER,
        description="The age at which a node is replaced whatever budgets say, or Never.",
    )


class NodeClaimTemplate(Model):
    """The pattern of the pool's NodeClaims."""

    metadata: TemplateMetadata = Field(
        default=TemplateMetadata.model_construct(),
        description="Labels and annotations that every node of the pool gets.",
    )
    spec: NodeClaimTemplateSpec = Field(description="What the pool's NodeClaims ask for.")


class NodePoolSpec(Model):
    """Which nodes there may be, and how fast they may be disrupted."""

    template: NodeClaimTemplate = Field(description="The pattern of the pool's NodeClaims.")
    disruption: Disruption = Field(
        default=Disruption.model_construct(consolidate_after="0s"), description="How the pool's nodes may be disrupted."
    )
    limits: Resources = Field(
        default={}, description="The most the pool may hold, per resource; a static pool knows only nodes."
    )
    weight: Int32 | None = Field(
        default=None,
        ge=1,
        le=100,
        description="Which of several fitting pools is used first: the heaviest. Absent is 0.",
    )
    replicas: Int64 | None = Field(
        default=None,
        ge=0,
        description="The number of nodes of a static pool. Absent: a dynamic pool, which follows its pods. Alpha.",
    )

    RULES: ClassVar = (
        Rule(
            "only 'limits.nodes' is supported on static NodePools",
            "!has(self.replicas) || !has(self.limits) || self.limits.all(resource, resource == 'nodes')",
            lambda self: self.replicas is None or not self.limits.keys() - {"nodes"},
        ),
        Rule(
            "'weight' is not supported on static NodePools",
            "!has(self.replicas) || !has(self.weight)",
            lambda self: self.replicas is None or self.weight is None,
        ),
    )
    TRANSITIONS: ClassVar = (
        Transition(
            "Cannot transition NodePool between static (replicas set) and dynamic (replicas unset) provisioning modes",
            "has(self.replicas) == has(oldSelf.replicas)",
            lambda old, new: (old.replicas is None) == (new.replicas is None),
        ),
    )


class NodePoolStatus(Model):
    """What the pool holds."""

    resources: Resources = Field(default={}, description="The sum of the nodes' capacity, per resource.")
    nodes: Int64 = Field(default=0, description="The number of nodes.")
    node_class_observed_generation: Int64 | None = Field(
        default=None, description="The generation of the node class the status was judged from."
    )
    conditions: Conditions = Field(
        default=(),
        description="ValidationSucceeded and NodeClassReady make up Ready; NodeRegistrationHealthy stands apart.",
    )


class NodePool(KubeObject):
    """A set of nodes of one pattern, with the budgets that limit their disruption."""

    api_version: Literal["karpenter.sh/v1"] = "karpenter.sh/v1"
    kind: Literal["NodePool"] = "NodePool"
    spec: NodePoolSpec = Field(description="Which nodes there may be, and how fast they may be disrupted.")
    status: NodePoolStatus = Field(default=NodePoolStatus.model_construct(), description="What the pool holds.")

    @property
    def static(self) -> bool:
        """Whether the pool keeps a fixed number of nodes (``spec.replicas``)."""
        return self.spec.replicas is not None


NODE_POOL: Final = Kind(
    model=NodePool,
    group=names.KARPENTER_GROUP,
    version=names.KARPENTER_VERSION,
    plural="nodepools",
    categories=("karpenter",),
    scale=Scale(".spec.replicas", ".status.nodes"),
    columns=(
        Column("NodeClass", ".spec.template.spec.nodeClassRef.name"),
        Column("Nodes", ".status.nodes"),
        condition_column("Ready"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Weight", ".spec.weight", "integer", wide=True),
        Column("CPU", ".status.resources.cpu", wide=True),
        Column("Memory", ".status.resources.memory", wide=True),
        Column("Budgets", ".spec.disruption.budgets", wide=True, description="How many nodes may be disrupted, when."),
        Column("Replicas", ".spec.replicas", "integer", wide=True, description="Size of a static pool."),
    ),
)
