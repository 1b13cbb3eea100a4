"""The status of ``NodeAutoProvisioning``: how far a rollout is, what stands in its way, and what moved it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from napsim.api.agentpools import OSUpgradesStatus
from napsim.api.base import Model
from napsim.api.conditions import Conditions
from napsim.api.scalars import Distinct, Instant, Int32, Int64, Number

Phase = Literal["RolledOut", "WaitingForWindow", "RollingOut", "Blocked"]
MAX_LISTED: Final = 100
"""How many blocked nodes and pick-ups a status lists; the counts are of all of them."""


class ClockStatus(Model):
    """Where the cluster's clock stands: virtual = anchorVirtual + (real - anchorReal) x factor."""

    anchor_real: Instant = Field(description="An instant on the wall clock.")
    anchor_virtual: Instant = Field(description="What the cluster's clock showed at that instant.")
    factor: Number = Field(gt=0, description="How fast it has run since.")
    now: Instant | None = Field(default=None, description="What it showed when the status was written.")
    display: str = Field(default="", description="The same for people: Sun 2026-02-15 01:12Z x600.")


class Target(Model):
    """The version that nodes of one class and definition are going to."""

    node_class: str = Field(description="The AKSNodeClass.")
    definition: str = Field(description="The image definition.")
    version: str = Field(description="The version that was picked up.")


class Progress(Model):
    """How many nodes are where."""

    total: Int32 = Field(default=0, description="All nodes of all pools.")
    updated: Int32 = Field(default=0, description="Nodes on the target.")
    drifted: Int32 = Field(default=0, description="Nodes that are to be replaced.")
    disrupting: Int32 = Field(default=0, description="Nodes that are being replaced now.")
    blocked: Int32 = Field(default=0, description="Drifted nodes that cannot be replaced now.")
    summary: str = Field(default="", description="Updated of total, for people: 37/120.")


class BlockedNode(Model):
    """A drifted node that cannot be replaced now, and why."""

    node: str = Field(description="The Node.")
    node_claim: str = Field(default="", description="Its NodeClaim.")
    node_pool: str = Field(default="", description="Its NodePool.")
    reason: str = Field(description="Why, in one CamelCase word.")
    message: str = Field(default="", description="Why, in a sentence that names what blocks it.")
    since: Instant = Field(description="Since when.")
    until: Instant | None = Field(default=None, description="Until when, where that is known.")


class PickUp(Model):
    """A new image version adopted by a node class."""

    node_class: str = Field(description="The AKSNodeClass.")
    definition: str = Field(description="The image definition.")
    from_version: str = Field(default="", description="The version before; empty for the first.")
    to_version: str = Field(default="", description="The version after; empty for a definition that is gone.")
    at: Instant = Field(description="When.")
    rule: str = Field(
        description="The rule that allowed or forced it, in one CamelCase word, such as WindowOpen or ImageExpired."
    )
    reason: str = Field(default="", description="The same in a sentence.")


class ListCache(Model):
    """The last list of the gallery: what was published by filledAt is what is known until expiresAt."""

    filled_at: Instant = Field(description="When the gallery was listed.")
    expires_at: Instant = Field(description="When it will be listed again at the earliest.")
    key: str = Field(default="", description="What the list was made for: definitions and Kubernetes version.")


class Allowances(Model):
    """What a pool's budgets allow to be disrupted at once, by reason; 2147483647 is no limit."""

    drifted: Int32 = Field(default=0, description="Nodes that drifted.")
    empty: Int32 = Field(default=0, description="Nodes that are empty.")
    underutilized: Int32 = Field(
        default=0, description="Nodes that consolidation would take. It is not played; its budgets are evaluated."
    )


class PoolProgress(Model):
    """How far one pool is."""

    name: str = Field(description="The NodePool.")
    total: Int32 = Field(default=0, description="Its nodes.")
    updated: Int32 = Field(default=0, description="Its nodes on the target.")
    drifted: Int32 = Field(default=0, description="Its nodes that are to be replaced.")
    disrupting: Int32 = Field(default=0, description="Its nodes that are being replaced now.")
    blocked: Int32 = Field(default=0, description="Its drifted nodes that cannot be replaced now.")
    allowed: Int32 = Field(
        default=0, description="How many nodes its budgets allow to be disrupted for drift now; 2147483647 is no limit."
    )
    allowances: Allowances = Field(default=Allowances.model_construct(), description="The same for every reason.")
    replaced: Int32 = Field(default=0, description="Nodes replaced in this rollout.")
    max_disrupting: Int32 = Field(default=0, description="The most nodes disrupted at once in this rollout.")
    active_seconds: Int64 = Field(
        default=0,
        description=(
            "For how long nodes could be replaced in this rollout: seconds on the cluster's clock in which the budgets"
            " allowed it and a node was there that nothing else blocked. The pace is measured over it."
        ),
    )


class Summary(Model):
    """The rollout as a whole, since its first pick-up. Another one begins when nodes drift after its end."""

    started_at: Instant | None = Field(
        default=None, description="When the first image was picked up, or the first node drifted for another reason."
    )
    finished_at: Instant | None = Field(default=None, description="When the last node was on the target.")
    first_estimate: Instant | None = Field(
        default=None, description="The first estimatedFinish of this rollout: what it is held to later."
    )
    replaced: Int32 = Field(default=0, description="Nodes replaced.")
    max_disrupting: Int32 = Field(default=0, description="The most nodes disrupted at once.")
    ever_blocked: Int32 = Field(default=0, description="Nodes that were blocked at some time.")


class NodeAutoProvisioningStatus(Model):
    """The progress of the rollout. All times but anchorReal are on the cluster's virtual clock."""

    observed_generation: Int64 = Field(default=0, description="The metadata.generation the status was computed from.")
    phase: Phase | None = Field(
        default=None,
        description=(
            "RolledOut: every node is on the target. WaitingForWindow: so it is, and a newer image waits. RollingOut:"
            " nodes are being replaced. Blocked: none of the drifted nodes can be replaced now."
        ),
    )
    clock: ClockStatus | None = Field(default=None, description="Where the cluster's clock stands.")
    kubernetes_version: str | None = Field(default=None, description="What the control plane runs.")
    target: str | None = Field(default=None, description="The target versions, for people.")
    targets: tuple[Target, ...] = Field(
        default=(), max_length=MAX_LISTED, description="The versions nodes are going to, per class and definition."
    )
    window: str | None = Field(
        default=None, description="Whether images can be picked up now, by which configuration, and when that changes."
    )
    forced: str | None = Field(default=None, description="The last pick-up that the 90-day rule forced, for people.")
    progress: Progress = Field(default=Progress.model_construct(), description="How many nodes are where.")
    estimated_finish: Instant | None = Field(
        default=None,
        description=(
            "When the last node that is not blocked will be replaced, on the cluster's clock: by the pace of each pool"
            " so far (nodes replaced over activeSeconds), laid out over the time that its budgets will allow, rounded"
            " up. Absent while that is not known: before every such pool has replaced two nodes."
        ),
    )
    finish: str | None = Field(
        default=None, description="The same for people: about …, unknown, or finished … when the rollout is over."
    )
    pools: Annotated[tuple[PoolProgress, ...], Distinct(("name",))] = Field(
        default=(), description="The same per pool."
    )
    blocked: tuple[BlockedNode, ...] = Field(
        default=(), max_length=MAX_LISTED, description="Drifted nodes that cannot be replaced now, the first hundred."
    )
    pickups: tuple[PickUp, ...] = Field(
        default=(),
        max_length=MAX_LISTED,
        description="What was picked up, by which rule; the last hundred, newest last.",
    )
    list_cache: ListCache | None = Field(default=None, description="The last list of the gallery.")
    summary: Summary = Field(default=Summary.model_construct(), description="The rollout as a whole.")
    os_upgrades: OSUpgradesStatus | None = Field(
        default=None, description="What the node OS channel does to agent pools; absent while they are ignored."
    )
    conditions: Conditions = Field(
        default=(),
        description=(
            "Ready; NotYetHonoured with the fields that have no effect yet; Findings: what to mind; PreSpunCapacity:"
            " the pools that are played in place; RolledOut: True when there are nodes, all of them are what their"
            " pools and classes ask for by now, and no published image waits to be picked up."
        ),
    )
