"""Keeps the ConfigMap from which a Karpenter provider for Azure beside napsim learns of its maintenance window.

Policy: drive mode. What it holds is in ``core.published_windows``. It is written by the wall clock, by which the
provider reads it, and never over one that somebody else keeps. What is wrong is said in the status of
NodeAutoProvisioning, and in events on it and on the configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, Manifest
from napsim.controllers.reports import Finding, Reports
from napsim.controllers.resources import NODE_AUTO_PROVISIONINGS
from napsim.controllers.windows import WindowController
from napsim.core.clock import earliest
from napsim.core.objects import ConfigMap
from napsim.core.published_windows import CONFIG_MAP

OURS: Final = {"app.kubernetes.io/managed-by": "napsim"}
"""The label of a ConfigMap that napsim keeps."""
CLOCK: Final = "DriveNeedsWallClock"
NOT_OURS: Final = "ConfigMapOfAnother"
REFUSED: Final = "ConfigMapRefused"
_AGAIN: Final = timedelta(minutes=1)  # what was refused may be allowed by then


class ConfigMapWriter(Protocol):
    """The shell's hands, for the one ConfigMap."""

    async def write(self, held: ConfigMap | None, data: Mapping[str, str]) -> str:
        """Bring it from ``held`` (None: there is none) to ``data``. Says why it was refused, or raises Retry."""


@dataclass(slots=True)
class WindowPublisher:
    """``reconcile`` brings the ConfigMap up to date; ``held`` is it as it was last seen."""

    declared: Declared
    windows: WindowController
    clock: VirtualClock
    reports: Reports
    writer: ConfigMapWriter
    namespace: str
    held: ConfigMap | None = None

    @property
    def where(self) -> str:
        return f"ConfigMap {self.namespace}/{CONFIG_MAP}"

    async def reconcile(self, _: str) -> datetime | None:
        now = self.clock.now()
        wanted, wake_at = self.windows.publication(now), None
        problem = self._obstacle()
        if problem is None and (self.held is None or self.held.data != wanted.data):
            refused = await self.writer.write(self.held, wanted.data)
            problem = (REFUSED, f"{self.where}: {refused}") if refused else None
            wake_at = now + _AGAIN if refused else None
        self._say(problem)
        await self._report(problem, now)
        return earliest(wanted.wake_at, wake_at, self.windows.verdict(now).wake_at)

    def _obstacle(self) -> Finding | None:
        """Why nothing may be written."""
        clock = (self.declared.nap or {}).get("spec", {}).get("clock", {})
        factor, start = float(clock.get("factor", 1)), clock.get("start")
        if factor != 1 or start:
            shown = f"factor {factor:g}" + (f" and start {start}" if start else "")
            return CLOCK, (
                f"spec.clock: Invalid value: {shown}: in drive mode factor must be 1 and start absent, as the provider"
                f" reads {self.where} by the wall clock; it is left as it is"
            )
        if self.held is not None and not OURS.items() <= self.held.metadata.labels.items():
            label = ", ".join(f"{key}: {value}" for key, value in OURS.items())
            return NOT_OURS, (
                f"{self.where} has no label {label}, so somebody else keeps it, and it is left as it is:"
                " delete it, or give it that label"
            )
        return None

    def _say(self, problem: Finding | None) -> None:
        if problem is not None:
            about = (self.declared.nap, *(self.declared.windows[name] for name in sorted(self.declared.windows)))
            for manifest in about:
                if manifest is not None:
                    self.reports.warn(manifest, (problem,))

    async def _report(self, problem: Finding | None, now: datetime) -> None:
        nap = self.declared.nap
        if nap is None:
            return
        old = nap.get("status", {})
        reason, message = problem or ("Driving", f"{self.where} is kept up to date")
        status = "False" if problem else "True"
        conditions = self.reports.root(old.get("conditions", ()), nap, status, reason, message)
        mine = [item for item in conditions if item["type"] == names.READY]
        wanted = {
            "observedGeneration": nap["metadata"].get("generation", 0),
            "clock": None,  # the wall clock's, whatever an operator that played nodes wrote
            "window": self.windows.told(now),
            "conditions": mine,
        }
        await self.reports.write(NODE_AUTO_PROVISIONINGS, nap, old, wanted)


def manifest_of(namespace: str, data: Mapping[str, str]) -> Manifest:
    """The ConfigMap as it is created."""
    metadata: dict[str, Any] = {"name": CONFIG_MAP, "namespace": namespace, "labels": dict(OURS)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}
