"""The Kubernetes version: when a played control plane takes it, and how an AKSNodeClass follows.

Mirrors karpenter-provider-azure main of 2026-08-21, pkg/controllers/nodeclass/status/kubernetesversion.go: a class goes
upwards with the API server, and resets its images when it moves. No maintenance window is consulted there: gating an
upgrade is the control plane's own business. ``control_plane`` is that business, a policy after what AKS documents:
``aksManagedAutoUpgradeSchedule`` schedules upgrades that the cluster's channel makes, and no others.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.core.nodeclasses import NodeClassState, with_condition
from napsim.core.objects import Condition, is_true
from napsim.core.versions import kubernetes_version
from napsim.core.windows import WindowVerdict

KUBERNETES_UPGRADE: Final = "KubernetesUpgrade"
KUBERNETES_UPGRADE_MESSAGE: Final = "Performing kubernetes upgrade, need to get latest images"


AUTOMATIC_CHANNELS: Final = ("patch", "stable", "rapid")
"""The values of ``upgradeChannel`` on which AKS upgrades Kubernetes by itself."""


class ControlPlane(msgspec.Struct, frozen=True):
    """The version that the control plane runs now; ``waiting`` is the one it goes to at ``wake_at`` (None: never)."""

    version: str
    waiting: str = ""
    message: str = ""
    wake_at: datetime | None = None


def control_plane(wanted: str, held: str, channel: str, window: WindowVerdict | None) -> ControlPlane:
    """What a control plane on ``held`` (empty: it has just been made) runs, when ``wanted`` is asked for.

    ``channel`` is the cluster's ``upgradeChannel``. ``window`` is the verdict of ``aksManagedAutoUpgradeSchedule``,
    None where there is none: AKS then chooses the time, and here it is at once. What is asked for on another channel a
    person does, at once, and so is what is no upgrade.
    """
    new, old = kubernetes_version(wanted), kubernetes_version(held)
    upgrade = new is not None and old is not None and new > old
    if not upgrade or channel not in AUTOMATIC_CHANNELS or window is None or window.open:
        return ControlPlane(wanted)
    message = f"the upgrade of Kubernetes from {held} to {wanted} waits (upgradeChannel {channel}): {window.message}"
    return ControlPlane(held, wanted, message, window.wake_at)


class KubernetesVersionStep(msgspec.Struct, frozen=True):
    """The state after the step, what was decided in words, and the error that left the state as it was."""

    state: NodeClassState
    message: str = ""
    error: str = ""


def follow_kubernetes_version(state: NodeClassState, server_version: str, now: datetime) -> KubernetesVersionStep:
    """Takes the API server's version (``1.33.2``, a leading ``v`` is ignored) unless it is lower than the one held."""
    server_version = server_version.removeprefix("v")
    if not is_true(state.conditions, names.KUBERNETES_VERSION_READY) or not state.kubernetes_version:
        return KubernetesVersionStep(_taken(state, server_version, now), f"Kubernetes version is {server_version}")
    server, held = kubernetes_version(server_version), kubernetes_version(state.kubernetes_version)
    if server is None:
        return KubernetesVersionStep(state, error=f"parsing discovered kubernetes version, {server_version!r}")
    if held is None:
        return KubernetesVersionStep(state, error=f"parsing current kubernetes version, {state.kubernetes_version!r}")
    if server > held:
        reset = Condition(names.IMAGES_READY, "False", KUBERNETES_UPGRADE, KUBERNETES_UPGRADE_MESSAGE)
        upgraded = replace(state, conditions=with_condition(state.conditions, reset, state.generation, now))
        message = f"Kubernetes was upgraded from {state.kubernetes_version} to {server_version}"
        return KubernetesVersionStep(_taken(upgraded, server_version, now), message)
    if server < held:
        message = f"the API server's {server_version} is lower than {state.kubernetes_version}, which is kept"
        return KubernetesVersionStep(_taken(state, state.kubernetes_version, now), message)
    return KubernetesVersionStep(_taken(state, server_version, now))


def _taken(state: NodeClassState, version: str, now: datetime) -> NodeClassState:
    ready = Condition(names.KUBERNETES_VERSION_READY, "True", names.KUBERNETES_VERSION_READY)
    conditions = with_condition(state.conditions, ready, state.generation, now)
    return replace(state, kubernetes_version=version, conditions=conditions)
