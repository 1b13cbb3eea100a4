"""The cluster's settings, from NodeAutoProvisioning ``default`` to the values that decisions take.

Without such an object every default holds: the wall clock, the 90-day rule on, open at all times without a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import msgspec

from napsim.api.agentpools import AgentPools
from napsim.api.failures import Failure as FailureSpec
from napsim.api.nodeautoprovisioning import NodeAutoProvisioning, NodeAutoProvisioningSpec
from napsim.api.timings import Timing
from napsim.core.channels import DEFAULT_CHANNEL, Channel, chosen
from napsim.core.configurations import Settings as WindowSettings
from napsim.core.definitions import GalleryKind
from napsim.core.failures import NEVER, Failure, FailureKind, Failures
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.kubernetes_upgrades import AUTOMATIC_CHANNELS
from napsim.core.osupgrades import AgentPoolSettings
from napsim.core.pickup import ForcedPickup, PickupSettings
from napsim.core.recurrence import Weekday
from napsim.core.timings import INSTANT, Distribution, Timings
from napsim.core.windows import Window

_GALLERIES: Final = {"Community": GalleryKind.CIG, "Shared": GalleryKind.SIG}
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2200


class Settings(msgspec.Struct, frozen=True):
    """What holds for the whole cluster."""

    pickup: PickupSettings = msgspec.field(default_factory=PickupSettings)
    windows: WindowSettings = msgspec.field(default_factory=WindowSettings)
    timings: Timings = msgspec.field(default_factory=Timings)
    failures: Failures = msgspec.field(default_factory=Failures)
    fallback_mode: str = "AlwaysOpen"
    fallback_seed: int = 0
    zones: tuple[str, ...] = ("westeurope-1", "westeurope-2", "westeurope-3")
    instance_type: str = "Standard_D4s_v5"
    node_provider: str = "kwok"  # or inPlace: of NodePools that do not say themselves
    kubelet_identity: str = ""  # client id; empty is not known
    kubernetes_version: str = ""  # overrides what the API server says; to play an upgrade
    upgrade_channel: str = "none"
    channel: Channel = DEFAULT_CHANNEL
    agent_pools: AgentPoolSettings = msgspec.field(default_factory=AgentPoolSettings)
    seed: int = 0
    not_honoured: tuple[str, ...] = ()


def settings_of(manifest: Mapping[str, object]) -> Settings:
    """Raises pydantic's ValidationError, which lists every mistake."""
    return from_spec(NodeAutoProvisioning.parse(manifest).spec)


def from_spec(spec: NodeAutoProvisioningSpec) -> Settings:
    """The values of a spec. Raises ValueError for a clock that could not be told any more before long."""
    start = spec.clock.start
    if start is not None and not _FIRST_YEAR <= start.year < _LAST_YEAR:
        raise ValueError(f"spec.clock.start: {start.isoformat()}: must be from {_FIRST_YEAR} to {_LAST_YEAR - 1}")
    expiry, provider = spec.image_expiry, spec.node_provider
    return Settings(
        pickup=PickupSettings(
            kind=_GALLERIES[spec.image_gallery],
            cache_duration=spec.list_cache_duration,
            forced=ForcedPickup(expiry.enabled, expiry.days, timedelta(minutes=expiry.margin_minutes)),
        ),
        windows=_windows(spec),
        timings=Timings(
            launch=distribution_of(spec.timings.launch),
            registration=distribution_of(spec.timings.registration),
            initialization=distribution_of(spec.timings.initialization),
            detach=distribution_of(spec.timings.detach),
            seed=spec.seed,
        ),
        failures=Failures(tuple(map(_failure_of, spec.failures)), spec.seed),
        fallback_mode=spec.fallback.mode,
        fallback_seed=spec.fallback.seed,
        zones=_zones(spec),
        instance_type=provider.instance_type,
        node_provider=provider.kind,
        kubelet_identity=spec.kubelet_identity or "",
        kubernetes_version=(spec.kubernetes_version or "").removeprefix("v"),
        upgrade_channel=spec.upgrade_channel,
        channel=chosen(_asked_for(spec), spec.upgrade_channel).channel,
        agent_pools=_agent_pools(spec.agent_pools),
        seed=spec.seed,
        not_honoured=tuple(_unhonoured(spec)),
    )


def _windows(spec: NodeAutoProvisioningSpec) -> WindowSettings:
    return WindowSettings(
        first_day_of_week=Weekday[spec.recurrence.first_day_of_week.upper()],
        clamp_short_months=spec.recurrence.short_months == "LastDay",
        lead_time=spec.lead_times.others,
        node_os_lead_time=spec.lead_times.node_os,
    )


def _zones(spec: NodeAutoProvisioningSpec) -> tuple[str, ...]:
    provider = spec.node_provider
    return tuple(f"{provider.region}-{zone}" for zone in provider.zones)


def _unhonoured(spec: NodeAutoProvisioningSpec) -> list[str]:
    found = []
    if spec.upgrade_channel in AUTOMATIC_CHANNELS and not spec.kubernetes_version:
        found.append("spec.upgradeChannel without spec.kubernetesVersion")
    if spec.failures and spec.node_provider.kind != "kwok":
        found.append("spec.failures (played with node provider kwok)")
    for position, failure in enumerate(spec.failures):
        found += [f"spec.failures[{position}].{text}" for text in _unknown(failure, spec)]
    return found


def _unknown(failure: FailureSpec, spec: NodeAutoProvisioningSpec) -> Iterator[str]:
    """What a failure is restricted to that there is none of."""
    zones = _zones(spec)
    for zone in failure.zones or ():
        if zone not in zones:
            yield f"zones {zone} (there are {', '.join(zones)})"
    for name in failure.instance_types or ():
        if name not in INSTANCE_TYPES:
            yield f"instanceTypes {name} (not known here)"
    if "reserved" in (failure.capacity_types or ()):
        yield "capacityTypes reserved (there is no reserved capacity)"


def _asked_for(spec: NodeAutoProvisioningSpec) -> Channel | None:
    """The channel that somebody wrote down; None where the default of the field stands for it."""
    return Channel(spec.node_os_upgrade_channel) if "node_os_upgrade_channel" in spec.model_fields_set else None


def _agent_pools(spec: AgentPools) -> AgentPoolSettings:
    return AgentPoolSettings(
        play=spec.mode == "Play",
        drain_timeout=spec.drain_timeout,
        catch_up=spec.catch_up,
        urgent=tuple(Window(span.start, span.end) for span in spec.urgent_maintenance),
        stopped=tuple(Window(span.start, span.end) for span in spec.stopped),
    )


def _failure_of(spec: FailureSpec) -> Failure:
    return Failure(
        kind=FailureKind(spec.kind),
        node_pools=frozenset(spec.node_pools or ()),
        instance_types=frozenset(spec.instance_types or ()),
        zones=frozenset(spec.zones or ()),
        capacity_types=frozenset(spec.capacity_types or ()),
        share=spec.share,
        begins=spec.begins,
        ends=spec.until or NEVER,
        after=distribution_of(spec.after) if spec.after else INSTANT,
        lasts=spec.lasts,
        message=spec.message or "",
    )


def _seconds(duration: timedelta | None, default: float = 0.0) -> float:
    return default if duration is None else duration.total_seconds()


def distribution_of(timing: Timing) -> Distribution:
    """A timing as a distribution in seconds."""
    if timing.fixed is not None:
        return Distribution("fixed", low=timing.fixed.total_seconds())
    return Distribution(
        timing.distribution or "fixed",
        low=_seconds(timing.min),
        high=_seconds(timing.max, float("inf")),
        mean=_seconds(timing.mean),
        deviation=_seconds(timing.standard_deviation),
        median=_seconds(timing.median),
        p95=_seconds(timing.p95),
        values=tuple(sorted(value.total_seconds() for value in timing.values or ())),
    )
