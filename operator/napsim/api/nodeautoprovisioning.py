"""``NodeAutoProvisioning`` (napsim.dev/v1alpha1), singleton ``default``: the settings AKS keeps at cluster level.

Policy: the 90-day rule is on and a missing maintenance configuration means open at all times, because the Learn article
and the provider's code say so; both are settings here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import Field

from napsim.api import names
from napsim.api.agentpools import AgentPools, NodeOSUpgradeChannel
from napsim.api.base import KubeObject, Model, Rule
from napsim.api.failures import MAX_FAILURES, Failure
from napsim.api.kinds import Column, Kind, condition_column
from napsim.api.maintenanceconfiguration import Weekday
from napsim.api.rollout import NodeAutoProvisioningStatus
from napsim.api.scalars import Bool, Duration, Instant, Int32, Int64, Number, matching
from napsim.api.timings import Timings

UpgradeChannel = Literal["none", "patch", "stable", "rapid", "node-image"]
FallbackMode = Literal["AlwaysOpen", "SeededWeekly", "None"]
ShortMonths = Literal["Skip", "LastDay"]
ImageGallery = Literal["Community", "Shared"]
NodeProviderKind = Literal["kwok", "inPlace"]
NODE_PROVIDERS: Final[tuple[str, ...]] = get_args(NodeProviderKind)
MAX_FACTOR: Final = 100_000


KubernetesVersion = Annotated[
    str,
    Field(max_length=32),
    matching(r"v?[0-9]+\.[0-9]+\.[0-9]+", "must be a Kubernetes version. For example, 1.36.4"),
]


_HEX: Final = "[0-9a-fA-F]"
ClientID = Annotated[
    str,
    Field(max_length=36),
    matching(
        f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}",
        "must be a client id. For example, 00000000-0000-0000-0000-000000000000",
    ),
]


class ImageExpiry(Model):
    """The 90-day rule: an image that is too old is replaced by the latest, whatever the window says."""

    enabled: Bool = Field(default=True, description="Whether the rule holds. Upstream's own code does not have it.")
    days: Int32 = Field(default=90, ge=1, le=3650, description="The age in days beyond which an image is replaced.")
    margin_minutes: Int32 = Field(
        default=0, ge=0, le=1440, description="How many minutes earlier it is replaced; upstream's proposal has 30."
    )


class Fallback(Model):
    """What holds where no maintenance configuration says anything."""

    mode: FallbackMode = Field(
        default="AlwaysOpen",
        description=(
            "AlwaysOpen: images are picked up at once, as the provider does. SeededWeekly: one window a week at a time"
            " drawn from seed, an assumption. None: never open."
        ),
    )
    seed: Int64 = Field(default=0, ge=0, description="What the weekly window is drawn from.")


class LeadTimes(Model):
    """How long before a window its configuration must have been changed to count for it."""

    node_os: Duration = Field(
        default=timedelta(minutes=30), description="For aksManagedNodeOSUpgradeSchedule, which NAP follows."
    )
    others: Duration = Field(default=timedelta(minutes=15), description="For the other two configurations.")


class Recurrence(Model):
    """How windows recur where AKS documents nothing."""

    first_day_of_week: Weekday = Field(
        default="Sunday",
        description=(
            "Where the weeks begin that intervalWeeks counts, the first being that of startDate. Sunday fits the one"
            " observation there is (Azure/AKS 5720)."
        ),
    )
    short_months: ShortMonths = Field(
        default="Skip",
        description="What dayOfMonth means in a month without that day. Skip: no window. LastDay: its last day.",
    )


class NodeProvider(Model):
    """Who makes the nodes."""

    kind: NodeProviderKind = Field(
        default="kwok",
        description="kwok: fake nodes, made and removed for NodeClaims. inPlace: existing nodes are given new images.",
    )
    region: Annotated[
        str, Field(max_length=64), matching("[a-z0-9-]+", "must be a region. For example, westeurope")
    ] = Field(default="westeurope", description="Region of the nodes, in their label topology.kubernetes.io/region.")
    zones: tuple[Annotated[str, Field(min_length=1, max_length=63)], ...] = Field(
        default=("1", "2", "3"),
        min_length=1,
        max_length=20,
        description="Availability zones, taken in turn: 1 becomes the label value westeurope-1.",
    )
    instance_type: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        default="Standard_D4s_v5", description="Virtual machine size where a pool's requirements leave it open."
    )


class Clock(Model):
    """The clock that everything napsim decides runs on."""

    factor: Number = Field(
        default=1.0,
        gt=0,
        le=MAX_FACTOR,
        description="How many times faster than the wall clock: 1 is real time, 600 makes a week of 17 minutes.",
    )
    start: Instant | None = Field(
        default=None,
        description="What the clock shows when napsim first runs, RFC 3339; absent means the wall clock's time.",
    )


class NodeAutoProvisioningSpec(Model):
    """The cluster's settings."""

    node_os_upgrade_channel: NodeOSUpgradeChannel = Field(
        default="NodeImage", description="The cluster's node OS upgrade channel. NAP rolls images out on every channel."
    )
    agent_pools: AgentPools = Field(
        default=AgentPools.model_construct(),
        description="Ordinary node pools, whose nodes the node OS upgrade channel upgrades.",
    )
    upgrade_channel: UpgradeChannel = Field(
        default="none",
        description=(
            "The cluster's auto-upgrade channel, for Kubernetes versions. On patch, stable and rapid upgrades wait for"
            " aksManagedAutoUpgradeSchedule; kubernetesVersion says which version the channel has come to."
        ),
    )
    image_expiry: ImageExpiry = Field(default=ImageExpiry.model_construct(), description="The 90-day rule.")
    fallback: Fallback = Field(
        default=Fallback.model_construct(), description="What holds where no maintenance configuration says anything."
    )
    lead_times: LeadTimes = Field(
        default=LeadTimes.model_construct(),
        description="How long before a window its configuration must have been changed.",
    )
    recurrence: Recurrence = Field(
        default=Recurrence.model_construct(), description="How windows recur where AKS documents nothing."
    )
    image_gallery: ImageGallery = Field(
        default="Community",
        description=(
            "Where images are listed. Community: as a self-hosted provider does; the latest is the one published last."
            " Shared: as AKS does; the latest is the newest version, and there are images for fipsMode FIPS."
        ),
    )
    list_cache_duration: Duration = Field(
        default=timedelta(hours=72),
        description="How long a list of the gallery is kept: a newer image is not seen before. 72h upstream.",
    )
    node_provider: NodeProvider = Field(default=NodeProvider.model_construct(), description="Who makes the nodes.")
    timings: Timings = Field(default=Timings.model_construct(), description="How long the steps of a node's life take.")
    failures: tuple[Failure, ...] = Field(
        default=(),
        max_length=MAX_FAILURES,
        description=(
            "What goes wrong with instances, drawn with seed. Of several that hit one step of one NodeClaim the first"
            " counts. Played with node provider kwok only."
        ),
    )
    clock: Clock = Field(
        default=Clock.model_construct(), description="The clock that everything napsim decides runs on."
    )
    kubernetes_version: KubernetesVersion | None = Field(
        default=None,
        description=(
            "What the control plane is taken to run, to play an upgrade. Absent: what the API server says. With"
            " upgradeChannel patch, stable or rapid an upgrade waits for aksManagedAutoUpgradeSchedule."
        ),
    )
    kubelet_identity: ClientID | None = Field(
        default=None,
        description=(
            "Client id of the identity that kubelets are given. New Nodes carry it in a label; a Node that carries"
            " another drifts: KubeletIdentityDrift."
        ),
    )
    seed: Int64 = Field(default=0, ge=0, description="What every draw is made from: the same seed gives the same run.")

    RULES: ClassVar = (
        Rule(
            "nodeOSUpgradeChannel must be NodeImage while upgradeChannel is node-image",
            "!has(self.upgradeChannel) || self.upgradeChannel != 'node-image'"
            " || !has(self.nodeOSUpgradeChannel) || self.nodeOSUpgradeChannel == 'NodeImage'",
            lambda self: self.upgrade_channel != "node-image" or self.node_os_upgrade_channel == "NodeImage",
            "nodeOSUpgradeChannel",
        ),
    )


class NodeAutoProvisioning(KubeObject):
    """The settings AKS keeps at cluster level, and the progress of the rollout."""

    api_version: Literal["napsim.dev/v1alpha1"] = "napsim.dev/v1alpha1"
    kind: Literal["NodeAutoProvisioning"] = "NodeAutoProvisioning"
    spec: NodeAutoProvisioningSpec = Field(
        default=NodeAutoProvisioningSpec.model_construct(), description="The cluster's settings."
    )
    status: NodeAutoProvisioningStatus = Field(
        default=NodeAutoProvisioningStatus.model_construct(), description="The progress of the rollout."
    )

    RULES: ClassVar = (
        Rule(
            "there is one NodeAutoProvisioning in a cluster: metadata.name must be default",
            "self.metadata.name == 'default'",
            lambda self: self.metadata.name == "default",
        ),
    )


NODE_AUTO_PROVISIONING: Final = Kind(
    model=NodeAutoProvisioning,
    group=names.NAPSIM_GROUP,
    version=names.NAPSIM_VERSION,
    plural="nodeautoprovisionings",
    short_names=("nap",),
    categories=("napsim",),
    columns=(
        Column("Phase", ".status.phase"),
        Column("Target", ".status.target", description="The image versions nodes are going to."),
        Column("Progress", ".status.progress.summary", description="Nodes on the target, of all."),
        Column("Disrupting", ".status.progress.disrupting", "integer", description="Nodes being replaced now."),
        Column(
            "Blocked", ".status.progress.blocked", "integer", description="Drifted nodes that cannot be replaced now."
        ),
        Column("Finish", ".status.finish", description="When the rollout will be over by its pace so far, or was."),
        Column("Forced", ".status.forced", description="The last pick-up that the 90-day rule forced."),
        Column("Clock", ".status.clock.display", description="What the cluster's clock shows, and how fast it runs."),
        Column(
            "Window", ".status.window", wide=True, description="Whether images can be picked up, and when that changes."
        ),
        Column("Kubernetes", ".status.kubernetesVersion", wide=True),
        Column(
            "Channel", ".status.osUpgrades.summary", wide=True, description="The node OS channel, and its agent pools."
        ),
        condition_column("RolledOut", wide=True),
        condition_column("NotYetHonoured", wide=True),
    ),
)
