"""The Kubernetes version that the control plane is taken to run: an upgrade on a channel waits for its window.

It is kept in ``status.kubernetesVersion`` of NodeAutoProvisioning, and written there before any AKSNodeClass sees it:
an operator that starts anew after the window does not take an upgrade back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.executor import Executor
from napsim.controllers.reports import Reports
from napsim.controllers.resources import NODE_AUTO_PROVISIONINGS
from napsim.controllers.windows import WindowController
from napsim.core.actions import Event
from napsim.core.configurations import AUTO_UPGRADE
from napsim.core.kubernetes_upgrades import ControlPlane, control_plane
from napsim.core.lead_times import gate

log: Final = logging.getLogger(__name__)

UPGRADED: Final = "KubernetesUpgraded"
WAITS: Final = "KubernetesUpgradeWaits"


class ControlPlaneController(msgspec.Struct):
    """``reconcile`` decides on the version; ``on_change`` is told when it is another one."""

    declared: Declared
    windows: WindowController
    clock: VirtualClock
    reports: Reports
    executor: Executor
    on_change: Callable[[], None]

    def adopt(self) -> None:
        """Go on from the status; ``reconcile`` takes it further."""
        self.declared.control_plane = self._held

    async def reconcile(self, _: str) -> datetime | None:
        found, before = self._decide(), self.declared.kubernetes_version
        nap = self.declared.nap
        if nap is not None:
            old = nap.get("status", {})
            await self.reports.write(NODE_AUTO_PROVISIONINGS, nap, old, {"kubernetesVersion": found.version})
        self.declared.control_plane, self.declared.waiting_upgrade = found.version, found.message
        if found.version != before:
            self._say(UPGRADED, f"Kubernetes goes from {before} to {found.version}")
            self.on_change()
        if found.waiting:
            self._say(WAITS, found.message)
        return found.wake_at

    @property
    def _held(self) -> str:
        return str((self.declared.nap or {}).get("status", {}).get("kubernetesVersion") or "")

    def _decide(self) -> ControlPlane:
        """What the API server itself says is a fact: only what the settings ask for can wait."""
        settings = self.declared.settings
        if not settings.kubernetes_version:
            return ControlPlane(self.declared.server_version)
        configured = self.windows.governing(AUTO_UPGRADE)
        window = gate(configured[1], self.clock.now()) if configured else None
        return control_plane(settings.kubernetes_version, self._held, settings.upgrade_channel, window)

    def _say(self, reason: str, message: str) -> None:
        log.info("%s", message)
        nap = self.declared.nap
        if nap is not None:
            name, uid = nap["metadata"]["name"], nap["metadata"].get("uid", "")
            self.executor.record(Event(nap["kind"], name, uid, reason, message, controller="napsim", dedupe=message))
