"""Node OS upgrade channels: what each one does to the nodes of AKS node pools, when, and how it is changed.

Mirrors what Microsoft documents on ``nodeOSUpgradeChannel`` (read 2026-08; the service itself is not public). NAP rolls
images out on every channel: the provider does not know them, and only the node OS window is common to both. So nothing
here gates ``pickup``. Where documents of different dates disagree, the older ones hold, and the newer rule is a value
beside (``ChangeEffect``, ``OSUpgrades.catch_up``).

| Channel | Does | Without a window | In the node OS window |
|---|---|---|---|
| None | nothing | never | no |
| Unmanaged | the OS patches itself; Windows does not | daily, about 06:00 UTC | no |
| SecurityPatch | security patches, live or by reimage | weekly | yes |
| NodeImage | a new image, by reimage | weekly | yes |
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from napsim.core.clock import rfc3339
from napsim.core.versions import is_newer, split_security_patch
from napsim.core.windows import WindowVerdict

CHANGE_DELAY: Final = timedelta(hours=24)
"""The longest that a change of channel takes to count."""
UNATTENDED_HOUR: Final = 6  # UTC
CLUSTER_NODE_IMAGE: Final = "node-image"


class Channel(StrEnum):
    """The values of ``nodeOSUpgradeChannel``."""

    NONE = "None"
    UNMANAGED = "Unmanaged"
    SECURITY_PATCH = "SecurityPatch"
    NODE_IMAGE = "NodeImage"


DEFAULT_CHANNEL: Final = Channel.NODE_IMAGE


class Means(StrEnum):
    """How an update gets onto a node."""

    OS = "the OS patches itself; reboots are the user's"
    LIVE_PATCH = "patched live: nothing is drained, the image stays"
    REIMAGE = "reimaged: drained, as budgets and surge allow"


class Facts(msgspec.Struct, frozen=True):
    """What a channel does. ``cadence`` is without a window; None is never. ``unattended``: by the OS itself."""

    summary: str
    means: tuple[Means, ...] = ()
    cadence: timedelta | None = None
    in_window: bool = False
    unattended: bool = False


FACTS: Final[dict[Channel, Facts]] = {
    Channel.NONE: Facts("no security updates: that is left to you"),
    Channel.UNMANAGED: Facts(
        "the OS patches itself every night; new nodes start unpatched", (Means.OS,), timedelta(days=1), unattended=True
    ),
    Channel.SECURITY_PATCH: Facts(
        "tested security patches, live where possible; ships faster than NodeImage, without bug fixes",
        (Means.LIVE_PATCH, Means.REIMAGE),
        timedelta(weeks=1),
        in_window=True,
    ),
    Channel.NODE_IMAGE: Facts(
        "a new image every week, with security and bug fixes", (Means.REIMAGE,), timedelta(weeks=1), in_window=True
    ),
}


# --- which channel ----------------------------------------------------------------------------------------------------


class ChannelChoice(msgspec.Struct, frozen=True):
    """The channel that holds; ``error`` says why the one asked for is refused."""

    channel: Channel
    error: str = ""


def chosen(asked_for: Channel | None, cluster_channel: str) -> ChannelChoice:
    """The channel of a cluster: NodeImage unless said otherwise, and always so on the cluster channel node-image."""
    if cluster_channel != CLUSTER_NODE_IMAGE or asked_for in (None, Channel.NODE_IMAGE):
        return ChannelChoice(asked_for or DEFAULT_CHANNEL)
    error = f"nodeOSUpgradeChannel {asked_for}: must be NodeImage while upgradeChannel is {CLUSTER_NODE_IMAGE}"
    return ChannelChoice(Channel.NODE_IMAGE, error)


def unavailable(channel: Channel, os_sku: str, *, gpu: bool = False) -> str:
    """Why a channel does nothing for nodes of an OS (``Ubuntu2204``, ``AzureLinux3``); empty where it does.

    Where Unmanaged is not to be had, nobody patches the node.
    """
    windows, azure_linux = os_sku.startswith("Windows"), os_sku.startswith("AzureLinux")
    if channel is Channel.SECURITY_PATCH and (windows or os_sku.startswith(("Flatcar", "AzureLinuxOSGuard"))):
        return f"SecurityPatch is not available on {os_sku}"
    if channel is Channel.SECURITY_PATCH and azure_linux and gpu:
        return f"SecurityPatch is not available on {os_sku} with GPUs"
    if channel is Channel.UNMANAGED and (windows or (azure_linux and gpu)):
        return f"{os_sku}{' with GPUs' if gpu else ''} does not patch itself"
    return ""


class ChangeEffect(msgspec.Struct, frozen=True):
    """What a change of channel does: ``reimages`` as first documented, ``reimages_now`` as documented since 2025."""

    reimages: bool
    reimages_now: bool


def change_effect(old: Channel | None, new: Channel) -> ChangeEffect:
    """The effect of a change; ``old`` is None for Unspecified."""
    if old is new:
        return ChangeEffect(reimages=False, reimages_now=False)
    now = new is Channel.UNMANAGED or (old, new) == (Channel.UNMANAGED, Channel.NONE)
    return ChangeEffect(reimages=True, reimages_now=now)


class ChannelInForce(msgspec.Struct, frozen=True):
    """The channel at an instant, and when (None: not at all) another takes its place at the latest."""

    channel: Channel
    changes_at: datetime | None = None


def in_force(old: Channel, new: Channel, changed_at: datetime, now: datetime) -> ChannelInForce:
    """``new`` counts a day after the change at the latest; until then the old one is taken to hold."""
    takes_effect_at = changed_at + CHANGE_DELAY
    if old is new or now >= takes_effect_at:
        return ChannelInForce(new)
    return ChannelInForce(old, takes_effect_at)


# --- what it does, and when -------------------------------------------------------------------------------------------


class UpgradeReason(StrEnum):
    """Why an OS upgrade of a node pool may begin, or may not."""

    CHANNEL = "NoUpdatesOnChannel"
    STOPPED = "ClusterStopped"
    MISSED = "MaintenanceWindowMissed"
    URGENT = "UrgentMaintenance"
    WINDOW = "MaintenanceWindowOpen"
    CATCH_UP = "CatchUp"
    CLOSED = "MaintenanceWindowClosed"
    CADENCE = "NotDue"
    PREVENTED = "DrainGivenUp"
    CHANGED = "ChannelChanged"


class OSUpgrades(msgspec.Struct, frozen=True):
    """A node pool, as far as its OS upgrades go.

    ``last`` is when the last one began; None when there was none. ``urgent``: AKS has to act at once. ``prevented``:
    one was begun and a PodDisruptionBudget kept it from its end. ``catch_up``: whether what was prevented is made up
    for outside the window, as was documented until April 2026. ``running``: the cluster is not stopped. ``missed``: it
    was when the window that is open now began.
    """

    channel: Channel
    last: datetime | None = None
    urgent: bool = False
    prevented: bool = False
    catch_up: bool = True
    running: bool = True
    missed: bool = False


class UpgradeVerdict(msgspec.Struct, frozen=True):
    """Whether one may begin. ``wake_at`` is the first instant at which time alone changes that; None: never."""

    allowed: bool
    reason: UpgradeReason
    message: str
    wake_at: datetime | None = None


def may_begin(pool: OSUpgrades, window: WindowVerdict | None, now: datetime) -> UpgradeVerdict:
    """Whether AKS begins an OS upgrade of the pool. ``window`` is that of the node OS; None is none configured.

    A stopped cluster has no control plane: a window that begins then is missed. Urgent work asks for no window.
    """
    facts = FACTS[pool.channel]
    if not pool.running:
        return UpgradeVerdict(False, UpgradeReason.STOPPED, "the cluster is stopped: nothing can run")
    if pool.urgent:
        return UpgradeVerdict(True, UpgradeReason.URGENT, "urgent maintenance does not wait for a window")
    if facts.cadence is None:
        return UpgradeVerdict(False, UpgradeReason.CHANNEL, f"channel {pool.channel}: {facts.summary}")
    if window is None or not facts.in_window:
        return _by_cadence(pool, now)
    if window.open and not pool.missed:
        return UpgradeVerdict(True, UpgradeReason.WINDOW, window.message, window.wake_at)
    if pool.prevented and pool.catch_up:
        return UpgradeVerdict(
            True, UpgradeReason.CATCH_UP, "made up for outside the window: it was prevented inside it"
        )
    if window.open:
        message = "the cluster was stopped when the window began: it is missed"
        return UpgradeVerdict(False, UpgradeReason.MISSED, message, window.wake_at)
    return UpgradeVerdict(False, UpgradeReason.CLOSED, window.message, window.wake_at)


def _by_cadence(pool: OSUpgrades, now: datetime) -> UpgradeVerdict:
    facts = FACTS[pool.channel]
    assert facts.cadence is not None
    due = pool.last + facts.cadence if pool.last else now
    if facts.unattended:
        due = unattended_upgrade(pool.last) if pool.last else due
    if now >= due:
        return UpgradeVerdict(True, UpgradeReason.CADENCE, f"due since {rfc3339(due)}")
    return UpgradeVerdict(False, UpgradeReason.CADENCE, f"next on {rfc3339(due)}", due)


def unattended_upgrade(after: datetime) -> datetime:
    """The first 06:00 UTC strictly after an instant: about when Linux patches itself on channel Unmanaged."""
    today = after.replace(hour=UNATTENDED_HOUR, minute=0, second=0, microsecond=0)
    return today if today > after else today + timedelta(days=1)


# --- onto a node ------------------------------------------------------------------------------------------------------


def means_of(channel: Channel, held: str, published: str) -> Means | None:
    """How a node with image version ``held`` gets to ``published``; None when it does not.

    A patch of the image that it has is put on live. An older image is never put in the place of a newer one.
    """
    base_held, patch_held = split_security_patch(held)
    base_published, patch_published = split_security_patch(published)
    if base_held == base_published:
        newer = channel is Channel.SECURITY_PATCH and patch_published > patch_held
        return Means.LIVE_PATCH if newer else None
    if not is_newer(published, held) or not is_newer(base_published, base_held):
        return None
    return Means.REIMAGE if Means.REIMAGE in FACTS[channel].means else None
