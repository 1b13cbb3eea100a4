"""``spec.localDNS`` of an AKSNodeClass: a DNS cache on every node.

Mirrors karpenter-provider-azure ``pkg/apis/v1beta1/aksnodeclass.go`` (LocalDNS, LocalDNSZoneOverride).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from napsim.api.base import Model, Rule
from napsim.api.scalars import MAX_INT32, Check, Distinct, Int32

ZONE: Final = r"^(\.|[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*\.?)$"
_DURATION: Final = r"^([0-9]+(s|m|h))+$"
_REQUIRED_ZONES: Final = frozenset({".", "cluster.local"})


class LocalDNSZoneOverride(Model):
    """How queries of one zone are answered."""

    zone: str = Field(
        min_length=1, max_length=254, pattern=ZONE, description="The zone: . or cluster.local or another."
    )
    query_logging: Literal["Error", "Log"] = Field(description="What is logged: errors only, or every query.")
    protocol: Literal["PreferUDP", "ForceTCP"] = Field(description="How the upstream server is spoken to.")
    forward_destination: Literal["ClusterCoreDNS", "VnetDNS"] = Field(description="Where queries are sent on to.")
    forward_policy: Literal["Sequential", "RoundRobin", "Random"] = Field(
        description="Which of several upstream servers is asked."
    )
    max_concurrent: Int32 = Field(ge=0, le=MAX_INT32, description="The most queries in flight.")
    cache_duration: str = Field(pattern=_DURATION, description="The longest an answer is cached, such as 1h.")
    serve_stale_duration: str = Field(pattern=_DURATION, description="How long an answer past its time may be served.")
    serve_stale: Literal["Verify", "Immediate", "Disable"] = Field(
        description="Whether an answer past its time is served: after asking upstream, at once, or never."
    )

    RULES: ClassVar = (
        Rule(
            "'cluster.local' cannot be forwarded to VnetDNS",
            "!(self.zone.endsWith('cluster.local') && self.forwardDestination == 'VnetDNS')",
            lambda self: not (self.zone.endswith("cluster.local") and self.forward_destination == "VnetDNS"),
            "forwardDestination",
        ),
        Rule(
            "serveStale Verify cannot be used with protocol ForceTCP",
            "!(self.serveStale == 'Verify' && self.protocol == 'ForceTCP')",
            lambda self: not (self.serve_stale == "Verify" and self.protocol == "ForceTCP"),
            "serveStale",
        ),
    )


def _has_required_zones(overrides: Sequence[LocalDNSZoneOverride]) -> bool:
    return {override.zone for override in overrides} >= _REQUIRED_ZONES


def _to_coredns(overrides: Sequence[LocalDNSZoneOverride]) -> set[str]:
    return {override.zone for override in overrides if override.forward_destination == "ClusterCoreDNS"}


_REQUIRED: Final = Check(
    "must contain required zones '.' and 'cluster.local'",
    "self.exists(entry, entry.zone == '.') && self.exists(entry, entry.zone == 'cluster.local')",
    _has_required_zones,
)
Overrides = Annotated[tuple[LocalDNSZoneOverride, ...], Field(max_length=100), Distinct(("zone",)), _REQUIRED]
VnetOverrides = Annotated[
    Overrides,
    Check(
        "root zone '.' cannot be forwarded to ClusterCoreDNS from vnetDNSOverrides",
        "self.all(entry, entry.zone != '.' || entry.forwardDestination != 'ClusterCoreDNS')",
        lambda overrides: "." not in _to_coredns(overrides),
    ),
    Check(
        "external domains cannot be forwarded to ClusterCoreDNS from vnetDNSOverrides",
        "self.all(entry, entry.zone == '.' || entry.zone.endsWith('cluster.local')"
        " || entry.forwardDestination != 'ClusterCoreDNS')",
        lambda overrides: all(zone == "." or zone.endswith("cluster.local") for zone in _to_coredns(overrides)),
    ),
]


class LocalDNS(Model):
    """A DNS cache on every node."""

    mode: Literal["Preferred", "Required", "Disabled"] = Field(
        description="Preferred: on if the cluster supports it. Required: on. Disabled: off."
    )
    vnet_dns_overrides: VnetOverrides = Field(
        description="Answers for kubelet and pods with dnsPolicy Default, per zone; . and cluster.local are needed."
    )
    kube_dns_overrides: Overrides = Field(
        description="Answers for pods with dnsPolicy ClusterFirst, per zone; . and cluster.local are needed."
    )
