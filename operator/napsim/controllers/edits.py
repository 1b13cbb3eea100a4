"""The one edit that ends a block: of a window, a budget, a limit, a PodDisruptionBudget, an annotation.

Policy: ours. The smallest change of the object that blocks, computed from the state as it is, so that it ends this
block and no more than that: another link may block next. Where no edit helps there is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, NodePoolEntry
from napsim.controllers.state import ClusterState
from napsim.controllers.windows import WindowController
from napsim.core.budgets import DRIFTED, allowed_by_budget
from napsim.core.chain import Edit
from napsim.core.newclaims import quantities
from napsim.core.nodepools import budgets_of
from napsim.core.objects import PodDisruptionBudgetStatus
from napsim.core.pods import is_active, owner, protection
from napsim.core.reasons import Reason, Verdict
from napsim.core.resources import amounts
from napsim.core.windows import WindowReason, WindowVerdict

_RESOURCES: Final = {
    "MaintenanceConfiguration": "maintenanceconfiguration",
    "NodeAutoProvisioning": "nodeautoprovisioning",
    "NodePool": "nodepool",
    "PodDisruptionBudget": "poddisruptionbudget",
}
_ANNOTATION: Final = f"{names.DO_NOT_DISRUPT}-"
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def patch(effect: str, kind: str, name: str, spec: Mapping[str, Any], namespace: str = "") -> Edit:
    """A merge patch of ``spec`` of one object, and kubectl's command for it."""
    body = {"spec": spec}
    where = f" -n {namespace}" if namespace else ""
    text = json.dumps(body, separators=(",", ":"))
    command = f"kubectl patch {_RESOURCES[kind]} {name}{where} --type merge -p '{text}'"
    return Edit(effect, command, kind, name, namespace, body)


def _waiting(status: PodDisruptionBudgetStatus) -> str:
    """What ends the wait without an edit: pods that are not healthy yet, where that many are enough."""
    missing = status.current_healthy < status.expected_pods and status.desired_healthy < status.expected_pods
    return f"; without the edit the wait ends when all {status.expected_pods} pods are healthy again" if missing else ""


@dataclass(slots=True)
class Edits:
    """Each method: what ends one kind of block, or None where nothing does."""

    state: ClusterState
    declared: Declared
    windows: WindowController
    clock: VirtualClock
    operator: bool = False  # whether napsim's own operator runs there, which can be restarted

    # --- images -------------------------------------------------------------------------------------------------------

    def list_anew(self) -> Edit | None:
        """NAP's provider is not the user's to restart."""
        if not self.operator:
            return None
        command = "kubectl -n napsim-system rollout restart deployment napsim"
        return Edit("napsim's operator lists images when it starts", command)

    def open_window(self, found: WindowVerdict, now: datetime) -> Edit | None:
        """A window every day; one that is cut out by dates, without these dates; the fallback, at any time."""
        governing = self.windows.node_os()
        if governing is None or self.windows.source(now) != governing[0]:
            if self.declared.settings.fallback_mode == "AlwaysOpen":
                return None
            spec = {"fallback": {"mode": "AlwaysOpen"}}
            effect = "without a configuration, images are then picked up at any time"
            return patch(effect, "NodeAutoProvisioning", "default", spec)
        name, manifest = governing[0], self.declared.windows[governing[0]]
        window = manifest["spec"].get("maintenanceWindow")
        if window is None:
            return None
        if found.reason is WindowReason.NOT_ALLOWED:
            return self._without_cut(name, window, now)
        return self._daily(name, window, now)

    def _without_cut(self, name: str, window: Mapping[str, Any], now: datetime) -> Edit:
        configuration = self.windows.in_force[name].configuration
        assert configuration is not None  # its verdict is the one that blocks
        day = now.astimezone(configuration.zone).date()
        spec = {"maintenanceWindow": {"notAllowedDates": _allowing(window, day, day)}}
        return patch("today is allowed again, 30 min after the change", "MaintenanceConfiguration", name, spec)

    def _daily(self, name: str, window: Mapping[str, Any], now: datetime) -> Edit:
        """The same hours every day; where they are every day, hours that begin soon after the change counts."""
        configuration = self.windows.in_force[name].configuration
        assert configuration is not None  # its verdict is the one that blocks
        changes: dict[str, Any] = {}
        if window["schedule"].get("daily") != {"intervalDays": 1}:
            changes["schedule"] = {**dict.fromkeys(window["schedule"], None), "daily": {"intervalDays": 1}}
            effect = f"it opens every day at {window['startTime']}, from 30 min after the change"
        else:
            counts = (now + configuration.lead_time).astimezone(configuration.zone)
            soon = (counts + _HOUR).replace(minute=0, second=0, microsecond=0)
            changes["startTime"] = f"{soon:%H:%M}"
            effect = f"it opens every day at {soon:%H:%M}, the first time in {_hours(soon - now)}"
        today = now.astimezone(configuration.zone).date().isoformat()
        if str(window.get("startDate", "")) > today:
            changes["startDate"] = today
        first, last = (at.astimezone(configuration.zone).date() for at in (now, now + _DAY + configuration.lead_time))
        kept = _allowing(window, first, last)
        if len(kept) < len(window.get("notAllowedDates", ())):
            changes["notAllowedDates"] = kept
            effect += ", as its first days are allowed again"
        return patch(effect, "MaintenanceConfiguration", name, {"maintenanceWindow": changes})

    # --- nodes --------------------------------------------------------------------------------------------------------

    def of_verdict(self, verdict: Verdict, node: str, claim: str, pool: str) -> Edit | None:
        """What ends the verdict on a candidate."""
        if verdict.reason in (Reason.NOT_INITIALIZED, Reason.NO_NODE, Reason.NODEPOOL_NOT_FOUND):
            effect = "the node goes; a new one comes for the pods that need room"
            return Edit(effect, f"kubectl delete nodeclaim {claim}")
        if verdict.reason is Reason.NODE_DO_NOT_DISRUPT:
            return Edit("the node may go", f"kubectl annotate node {node} {_ANNOTATION}")
        if verdict.reason is Reason.POD_DO_NOT_DISRUPT:
            return self._unprotect(node)
        if verdict.reason in (Reason.PDB, Reason.MULTIPLE_PDBS):
            return self.of_pdbs([token.removeprefix("pdb:") for token in verdict.waits_for if token[:4] == "pdb:"])
        limited = verdict.reason in (Reason.SURGE_LIMIT, Reason.UNSCHEDULABLE) and "limit" in verdict.message
        if limited and (raised := self._raise_limits(pool)) is not None:
            return raised
        if verdict.reason is Reason.UNSCHEDULABLE:
            effect = (
                "the node is deleted without a replacement: PDBs still hold, but its pods stay pending until there"
                " is room"
            )
            return Edit(effect, f"kubectl delete nodeclaim {claim}")
        return None

    def _unprotect(self, node: str) -> Edit | None:
        """The first of its pods that may not be disrupted now; an annotation may be over, or mean nothing."""
        timeline, now = self.clock.timeline, self.clock.now()
        for pod in self.state.pods_on(node):
            if is_active(pod) and protection(pod, timeline, now).active:
                made_by = owner(pod)
                again = f"; the next pod of its {made_by.kind} has it again" if made_by is not None else ""
                command = f"kubectl annotate pod -n {pod.metadata.namespace} {pod.name} {_ANNOTATION}"
                return Edit(f"this pod may be evicted{again}", command)
        return None

    def of_pdbs(self, keys: Iterable[str]) -> Edit | None:
        """One PDB: as many disruptions as it takes for one more. Several: all but the first go."""
        namespaces, pdbs = {key.partition("/")[0] for key in keys}, sorted({key.partition("/")[2] for key in keys})
        if not pdbs:
            return None
        namespace = min(namespaces)
        if len(pdbs) > 1:
            command = f"kubectl delete poddisruptionbudget -n {namespace} {' '.join(pdbs[1:])}"
            return Edit(f"{pdbs[0]} alone selects the pods: with several, every eviction is refused", command)
        pdb = self.state.pdbs.get(f"{namespace}/{pdbs[0]}")
        if pdb is None:
            return None
        down = max(pdb.status.expected_pods - pdb.status.current_healthy, 0) + 1
        spec: dict[str, Any] = {"maxUnavailable": down}
        if pdb.spec.min_available is not None:
            spec["minAvailable"] = None
        several = pdb.status.expected_pods > 1
        price = _waiting(pdb.status) if several else "; its only pod is gone until the next one runs"
        return patch(f"one more pod may be evicted{price}", "PodDisruptionBudget", pdbs[0], spec, namespace)

    def _raise_limits(self, pool: str) -> Edit | None:
        entry = self.declared.pools.get(pool)
        if entry is None:
            return None
        used = self.state.places.usage(pool)
        limits = amounts(entry.pool.spec.limits)
        over = {key: used.get(key, 0) for key, most in limits.items() if used.get(key, 0) > most}
        if not over:
            return None
        return patch("the pool may have what it has", "NodePool", pool, {"limits": json.loads(quantities(over))})

    # --- budgets ------------------------------------------------------------------------------------------------------

    def more_budget(self, entry: NodePoolEntry, disrupting: int, total: int, now: datetime) -> Edit:
        """Every budget that is too strict now lets one node more go; one that cannot be read goes."""
        kept = []
        for written, budget in zip(budgets_of(entry.pool), entry.budgets, strict=True):
            alone = allowed_by_budget(budget, total, now)
            if alone.errors:
                continue
            strict = budget.applies_to(DRIFTED) and alone.allowed <= disrupting
            kept.append({**written, "nodes": str(disrupting + 1)} if strict else written)
        effect = f"{disrupting + 1} at once may be disrupted now"
        budgets = kept or [{"nodes": str(disrupting + 1)}]  # without any, the pool would be unlimited
        return patch(effect, "NodePool", entry.pool.name, {"disruption": {"budgets": budgets}})


def _allowing(window: Mapping[str, Any], first: date, last: date) -> list[Mapping[str, Any]]:
    """``notAllowedDates`` without those that cut out one of these days."""
    found = window.get("notAllowedDates", ())
    return [item for item in found if item["end"] < first.isoformat() or item["start"] > last.isoformat()]


def _hours(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
