"""The settings of ordinary AKS node pools (agent pools), and the status of their OS upgrades.

Policy: Nodes of agent pools are left alone unless ``mode: Play`` says otherwise, because they may be real ones.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from napsim.api.base import Model
from napsim.api.maintenanceconfiguration import TimeSpan
from napsim.api.scalars import Bool, Distinct, Duration, Instant, Int32

NodeOSUpgradeChannel = Literal["None", "Unmanaged", "SecurityPatch", "NodeImage"]
AgentPoolMode = Literal["Ignore", "Play"]
MAX_SPANS: Final = 20
MAX_POOLS: Final = 100
"""How many agent pools a status lists, and how many nodes of each kind; the counts are of all of them."""


class AgentPools(Model):
    """Nodes with label kubernetes.azure.com/agentpool, which the node OS channel upgrades. NAP's are none of them."""

    mode: AgentPoolMode = Field(
        default="Ignore",
        description=(
            "Ignore: nothing is done to them. Play: they are patched and reimaged as nodeOSUpgradeChannel says, one"
            " after another in each pool; pods are evicted. Nodes of a control plane or a real cloud are never touched."
        ),
    )
    drain_timeout: Duration = Field(
        default=timedelta(minutes=30),
        description="For how long the pods of a node are evicted before its upgrade is given up. 30m in AKS.",
    )
    catch_up: Bool = Field(
        default=True,
        description="Whether what a drain prevented is made up for outside the window, as in AKS until April 2026.",
    )
    urgent_maintenance: tuple[TimeSpan, ...] = Field(
        default=(),
        max_length=MAX_SPANS,
        description="When AKS is to act at once, whatever the window and its notAllowedDates say.",
    )
    stopped: tuple[TimeSpan, ...] = Field(
        default=(),
        max_length=MAX_SPANS,
        description="When the cluster counts as stopped: nothing is upgraded, a window that begins then is missed.",
    )


class AgentPoolStatus(Model):
    """One agent pool."""

    name: str = Field(description="The agent pool.")
    nodes: Int32 = Field(default=0, description="Its nodes.")
    due: Int32 = Field(default=0, description="Its nodes for which there is something to put on.")
    upgrading: tuple[str, ...] = Field(
        default=(), max_length=MAX_POOLS, description="Its nodes that are being drained or reimaged."
    )
    prevented: tuple[str, ...] = Field(
        default=(), max_length=MAX_POOLS, description="Its nodes whose drain was given up, to be tried again."
    )
    skipped: tuple[str, ...] = Field(
        default=(), max_length=MAX_POOLS, description="Its nodes to which nothing is done, and why."
    )
    reason: str = Field(default="", description="Why an upgrade may begin or not, in one CamelCase word.")
    message: str = Field(default="", description="The same in a sentence.")
    next: Instant | None = Field(default=None, description="When that changes by itself at the earliest.")


class OSUpgradesStatus(Model):
    """The node OS channel, and what it does to agent pools. Absent while they are ignored."""

    channel: NodeOSUpgradeChannel = Field(description="The node OS upgrade channel in force.")
    pending: NodeOSUpgradeChannel | None = Field(
        default=None, description="The channel that was chosen since and does not count yet."
    )
    takes_effect_at: Instant | None = Field(default=None, description="When it counts.")
    changed_at: Instant | None = Field(
        default=None, description="When the last change that reimages nodes took effect; older ones are reimaged."
    )
    summary: str = Field(default="", description="The channel and its agent pools, for people.")
    pools: Annotated[tuple[AgentPoolStatus, ...], Distinct(("name",))] = Field(
        default=(), max_length=MAX_POOLS, description="The agent pools, the first hundred by name."
    )
