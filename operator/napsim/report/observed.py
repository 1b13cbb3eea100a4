"""The objects a view is made of, with only the fields that it shows; decoded straight from the API server's JSON.

Status fields are those of ``napsim.api``; whoever wrote them may be ahead of us or behind, so that all are optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.core.nodepools import NodePool
from napsim.core.objects import KubeObject, Node, NodeClaim, Value

LEASE_TOLERANCE: Final = timedelta(seconds=5)  # the clocks of the API server's machine and ours may differ


class Instants(Value, frozen=True):
    """One opening of a window."""

    start: datetime
    end: datetime


class ConfigurationSpec(Value, frozen=True):
    config_name: str = ""


class ConfigurationStatus(Value, frozen=True):
    state: str | None = None
    changes_at: datetime | None = None
    zone: str | None = None
    current: Instants | None = None
    next: Instants | None = None
    following: tuple[Instants, ...] = ()
    pending_until: datetime | None = None
    lead_time_warning: str | None = None


class MaintenanceConfiguration(KubeObject, frozen=True):
    spec: ConfigurationSpec = ConfigurationSpec()
    status: ConfigurationStatus = ConfigurationStatus()


class ClockStatus(Value, frozen=True):
    anchor_real: datetime
    anchor_virtual: datetime
    factor: float


class PickUpStatus(Value, frozen=True):
    at: datetime
    node_class: str = ""
    definition: str = ""
    from_version: str = msgspec.field(default="", name="from")
    to_version: str = msgspec.field(default="", name="to")
    rule: str = ""
    reason: str = ""


class BlockedStatus(Value, frozen=True):
    node: str = ""
    node_claim: str = ""
    node_pool: str = ""
    reason: str = ""
    message: str = ""
    since: datetime | None = None
    until: datetime | None = None


class ListCacheStatus(Value, frozen=True):
    expires_at: datetime | None = None


class PoolStatus(Value, frozen=True):
    name: str = ""
    replaced: int = 0
    max_disrupting: int = 0


class SummaryStatus(Value, frozen=True):
    started_at: datetime | None = None
    finished_at: datetime | None = None
    replaced: int = 0
    max_disrupting: int = 0


class ProvisioningStatus(Value, frozen=True):
    clock: ClockStatus | None = None
    window: str | None = None
    estimated_finish: datetime | None = None
    blocked: tuple[BlockedStatus, ...] = ()
    pickups: tuple[PickUpStatus, ...] = ()
    pools: tuple[PoolStatus, ...] = ()
    list_cache: ListCacheStatus | None = None
    summary: SummaryStatus = SummaryStatus()


class NodeAutoProvisioning(KubeObject, frozen=True):
    status: ProvisioningStatus = ProvisioningStatus()


class NodeImageSpec(Value, frozen=True):
    definition: str = ""
    version: str = ""
    security_patch: str = ""
    published_at: datetime | None = None


class NodeImageStatus(Value, frozen=True):
    published_at: datetime | None = None


class NodeImage(KubeObject, frozen=True):
    spec: NodeImageSpec = NodeImageSpec()
    status: NodeImageStatus = NodeImageStatus()

    @property
    def published_at(self) -> datetime | None:
        """When it exists from; None until somebody has dated an image that came without a date."""
        return self.spec.published_at or self.status.published_at

    @property
    def full_version(self) -> str:
        return f"{self.spec.version}-{self.spec.security_patch}" if self.spec.security_patch else self.spec.version


class ClassImage(Value, frozen=True):
    id: str = ""


class NodeClassStatus(Value, frozen=True):
    images: tuple[ClassImage, ...] = ()


class NodeClass(KubeObject, frozen=True):
    status: NodeClassStatus = NodeClassStatus()


class Regarding(Value, frozen=True):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class Series(Value, frozen=True):
    count: int = 1
    last_observed_time: datetime | None = None


class Source(Value, frozen=True):
    component: str = ""


class Event(KubeObject, frozen=True):
    """events.k8s.io/v1; what was written through the older API has its times and source in the deprecated fields."""

    regarding: Regarding = Regarding()
    reason: str = ""
    note: str = ""
    type: str = "Normal"
    reporting_controller: str = ""
    event_time: datetime | None = None
    series: Series | None = None
    deprecated_source: Source = Source()
    deprecated_last_timestamp: datetime | None = None
    deprecated_count: int = 0

    @property
    def at(self) -> datetime | None:
        """When it was last seen, on the wall clock."""
        last = self.series.last_observed_time if self.series else None
        return last or self.deprecated_last_timestamp or self.event_time or self.metadata.creation_timestamp

    @property
    def since(self) -> datetime | None:
        """When it was first seen, on the wall clock."""
        return self.event_time or self.metadata.creation_timestamp

    @property
    def count(self) -> int:
        return max(self.series.count if self.series else 1, self.deprecated_count, 1)

    @property
    def source(self) -> str:
        return self.reporting_controller or self.deprecated_source.component


class LeaseSpec(Value, frozen=True):
    holder_identity: str = ""
    lease_duration_seconds: int = 15
    renew_time: datetime | None = None
    acquire_time: datetime | None = None


class Lease(KubeObject, frozen=True):
    """Who leads: the operator renews it. All on the wall clock."""

    spec: LeaseSpec = LeaseSpec()

    def is_fresh(self, real: datetime) -> bool:
        """Whether it was renewed in time, as seen at ``real``."""
        renewed, duration = self.spec.renew_time, timedelta(seconds=self.spec.lease_duration_seconds)
        return renewed is not None and real <= renewed + duration + LEASE_TOLERANCE


@dataclass(slots=True)
class Observed:
    """All that is known of a cluster, by key. ``nap`` is empty where Karpenter runs without napsim."""

    nodes: Mapping[str, Node] = field(default_factory=dict)
    claims: Mapping[str, NodeClaim] = field(default_factory=dict)
    pools: Mapping[str, NodePool] = field(default_factory=dict)
    classes: Mapping[str, NodeClass] = field(default_factory=dict)
    images: Mapping[str, NodeImage] = field(default_factory=dict)
    windows: Mapping[str, MaintenanceConfiguration] = field(default_factory=dict)
    nap: Mapping[str, NodeAutoProvisioning] = field(default_factory=dict)
    events: Mapping[str, Event] = field(default_factory=dict)
    leases: Mapping[str, Lease] = field(default_factory=dict)

    @property
    def provisioning(self) -> ProvisioningStatus | None:
        """The status of NodeAutoProvisioning, if there is one."""
        found = self.nap.get("default")
        return found.status if found else None
