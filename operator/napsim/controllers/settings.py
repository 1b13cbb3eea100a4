"""The cluster's settings, from NodeAutoProvisioning ``default`` to the values that decisions take.

Without such an object every default holds: the wall clock, the 90-day rule on, open at all times without a window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from napsim.api.nodeautoprovisioning import NodeAutoProvisioning, NodeAutoProvisioningSpec, Timing
from napsim.core.configurations import Settings as WindowSettings
from napsim.core.pickup import ForcedPickup, PickupSettings
from napsim.core.timings import Distribution, Timings

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2200


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for the whole cluster."""

    pickup: PickupSettings = field(default_factory=PickupSettings)
    windows: WindowSettings = field(default_factory=WindowSettings)
    timings: Timings = field(default_factory=Timings)
    fallback_mode: str = "AlwaysOpen"
    fallback_seed: int = 0
    zones: tuple[str, ...] = ("westeurope-1", "westeurope-2", "westeurope-3")
    instance_type: str = "Standard_D4s_v5"
    node_provider: str = "kwok"  # or inPlace: of NodePools that do not say themselves
    kubernetes_version: str = ""  # overrides what the API server says; to play an upgrade
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
            cache_duration=spec.list_cache_duration,
            forced=ForcedPickup(expiry.enabled, expiry.days, timedelta(minutes=expiry.margin_minutes)),
        ),
        windows=WindowSettings(node_os_lead_time=spec.lead_times.node_os, lead_time=spec.lead_times.others),
        timings=Timings(
            launch=distribution_of(spec.timings.launch),
            registration=distribution_of(spec.timings.registration),
            initialization=distribution_of(spec.timings.initialization),
            detach=distribution_of(spec.timings.detach),
            seed=spec.seed,
        ),
        fallback_mode=spec.fallback.mode,
        fallback_seed=spec.fallback.seed,
        zones=tuple(f"{provider.region}-{zone}" for zone in provider.zones),
        instance_type=provider.instance_type,
        node_provider=provider.kind,
        kubernetes_version=(spec.kubernetes_version or "").removeprefix("v"),
        seed=spec.seed,
        not_honoured=tuple(_unhonoured(spec)),
    )


def _unhonoured(spec: NodeAutoProvisioningSpec) -> list[str]:
    found = []
    if spec.node_os_upgrade_channel != "NodeImage":
        found.append("spec.nodeOSUpgradeChannel")
    if spec.upgrade_channel != "none":
        found.append("spec.upgradeChannel")
    return found


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
    )
