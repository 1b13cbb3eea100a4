"""The status of NodeAutoProvisioning ``default``: the clock, the rollout's progress, pick-ups, blocked nodes.

Everything here is counted anew from the cluster; only what cannot be (pick-ups, the most disrupted at once, since
when a node is blocked, nodes replaced) is carried on from the status itself, so that an operator started anew goes on
with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from napsim.api import names
from napsim.api.rollout import MAX_LISTED
from napsim.core.clock import Timeline, parse_rfc3339, rfc3339
from napsim.core.objects import NodeClaim, is_true
from napsim.core.pickup import Pickup, PickupRule
from napsim.core.windows import describe_instant
from napsim.live.clock import VirtualClock
from napsim.live.declared import Declared, Manifest
from napsim.live.disruption import Disruption
from napsim.live.reports import Reports
from napsim.live.resources import NODE_AUTO_PROVISIONINGS
from napsim.live.state import ClusterState, is_marked
from napsim.live.windows import WindowController

_FORCED: Final = (PickupRule.IMAGE_EXPIRED, PickupRule.MALFORMED_IMAGE_VERSION)


@dataclass(slots=True)
class _Tally:
    total: int = 0
    updated: int = 0
    drifted: int = 0
    disrupting: int = 0
    blocked: int = 0


@dataclass(slots=True)
class RolloutReporter:
    """``report`` writes the status; ``adopt`` takes over what an earlier operator wrote there."""

    state: ClusterState
    declared: Declared
    windows: WindowController
    disruption: Disruption
    clock: VirtualClock
    reports: Reports
    pickups: list[dict[str, Any]] = field(default_factory=list)
    replaced: dict[str, int] = field(default_factory=dict)  # NodePool -> nodes replaced
    most: dict[str, int] = field(default_factory=dict)  # NodePool -> most disrupted at once; "" is the cluster
    ever_blocked: set[str] = field(default_factory=set)
    _blocked_before: int = 0
    _started_at: str | None = None
    _finished_at: str | None = None

    # --- the clock ----------------------------------------------------------------------------------------------------

    async def set_clock(self) -> None:
        """Turn the clock as the spec asks; where it was anchored is kept in the status."""
        nap = self.declared.nap
        if nap is None:
            return
        spec, status = nap["spec"].get("clock", {}), nap.get("status", {}).get("clock")
        factor, real = float(spec.get("factor", 1)), self.clock.real()
        if status is None:
            start = parse_rfc3339(spec["start"]) if spec.get("start") else real
            timeline = Timeline(real, start, factor)
        else:
            anchors = parse_rfc3339(status["anchorReal"]), parse_rfc3339(status["anchorVirtual"])
            timeline = Timeline(*anchors, float(status["factor"]))
            if timeline.factor != factor:
                timeline = timeline.turned(real, factor)
        if status is None or float(status["factor"]) != factor:
            old = nap.get("status", {})
            await self.reports.write(NODE_AUTO_PROVISIONINGS, nap, old, {"clock": self._clock(timeline)})
        self.clock.turn(timeline)

    def _clock(self, timeline: Timeline) -> dict[str, Any]:
        now = timeline.virtual(self.clock.real()).replace(microsecond=0)
        return {
            "anchorReal": timeline.anchor_real.isoformat(),
            "anchorVirtual": timeline.anchor_virtual.isoformat(),
            "factor": timeline.factor,
            "now": rfc3339(now),
            "display": f"{describe_instant(now)} x{timeline.factor:g}",
        }

    # --- what cannot be counted anew ----------------------------------------------------------------------------------

    def adopt(self) -> None:
        """Go on from the status in the API server."""
        status = (self.declared.nap or {}).get("status", {})
        summary = status.get("summary", {})
        self.pickups = list(status.get("pickups", ()))
        self.replaced = {item["name"]: item.get("replaced", 0) for item in status.get("pools", ())}
        self.most = {item["name"]: item.get("maxDisrupting", 0) for item in status.get("pools", ())}
        self.most[""] = summary.get("maxDisrupting", 0)
        self._blocked_before = summary.get("everBlocked", 0)
        self._started_at, self._finished_at = summary.get("startedAt"), summary.get("finishedAt")
        for item in status.get("blocked", ()):
            self.disruption.blocked_since.setdefault(item.get("nodeClaim", ""), parse_rfc3339(item["since"]))
            self.ever_blocked.add(item.get("nodeClaim", ""))
        self._blocked_before = max(self._blocked_before - len(self.ever_blocked), 0)

    async def picked_up(self, node_class: str, pickup: Pickup, now: datetime) -> None:
        """Record what is about to be adopted, before it is: a pick-up is never without its reason."""
        for change in pickup.changes:
            entry = {
                "nodeClass": node_class,
                "definition": change.definition,
                "from": change.from_version,
                "to": change.to_version,
                "at": rfc3339(now),
                "rule": str(change.rule),
                "reason": change.message,
            }
            same = [
                item
                for item in self.pickups
                if item["nodeClass"] == node_class and item["definition"] == change.definition
            ]
            if not same or same[-1].get("to", "") != change.to_version:
                self.pickups.append(entry)
        self.pickups = self.pickups[-MAX_LISTED:]
        self._started_at, self._finished_at = self._started_at or rfc3339(now), None
        if any(change.from_version for change in pickup.changes):
            self._started_at = rfc3339(now)
        nap = self.declared.nap
        if nap is not None:
            await self.reports.write(NODE_AUTO_PROVISIONINGS, nap, nap.get("status", {}), {"pickups": self.pickups})

    def was_replaced(self, claim: NodeClaim) -> None:
        """A node that was disrupted for drift is gone."""
        pool = claim.metadata.labels.get(names.NODEPOOL, "")
        if is_true(claim.status.conditions, names.DISRUPTION_REASON):
            self.replaced[pool] = self.replaced.get(pool, 0) + 1

    def look(self) -> None:
        """Note the most disrupted at once; called on every change that can raise it."""
        everywhere = 0
        for pool in self.declared.pools:
            disrupting = self.state.count(pool).disrupting_nodes
            everywhere += disrupting
            self.most[pool] = max(self.most.get(pool, 0), disrupting)
        self.most[""] = max(self.most.get("", 0), everywhere)

    # --- the status ---------------------------------------------------------------------------------------------------

    async def report(self) -> None:
        nap = self.declared.nap
        if nap is None:
            return
        now = self.clock.now()
        self.ever_blocked |= self.disruption.blocked_since.keys()
        wanted = self._status(nap, now)
        old = nap.get("status", {})
        quiet = {key: value for key, value in wanted.items() if key != "clock"}
        if any(old.get(key) != value for key, value in quiet.items()):
            await self.reports.write(NODE_AUTO_PROVISIONINGS, nap, old, wanted)

    def _status(self, nap: Manifest, now: datetime) -> dict[str, Any]:
        tallies = {pool: self._tally(pool) for pool in sorted(self.declared.pools)}
        everywhere = _Tally(*(sum(getattr(item, part) for item in tallies.values()) for part in _Tally.__slots__))
        blocked = self._blocked()
        rolled_out = not everywhere.drifted and everywhere.updated == everywhere.total and everywhere.total > 0
        self._finish(rolled_out, now)
        return {
            "observedGeneration": nap["metadata"].get("generation", 0),
            "phase": self._phase(everywhere, rolled_out),
            "clock": self._clock(self.clock.timeline),
            "kubernetesVersion": self.declared.kubernetes_version,
            "target": ", ".join(sorted({item["version"] for item in self._targets()})),
            "targets": self._targets(),
            "window": self._window(now),
            "forced": self._forced(),
            "progress": _progress(everywhere),
            "pools": [self._pool(name, tally, now) for name, tally in tallies.items()],
            "blocked": blocked,
            "pickups": self.pickups,
            "listCache": self._list_cache(),
            "summary": self._summary(),
            "conditions": self._conditions(nap, everywhere, rolled_out),
        }

    def _tally(self, pool: str) -> _Tally:
        tally = _Tally(disrupting=self.state.count(pool).disrupting_nodes)
        blocked = self.disruption.queues[pool].blocked if pool in self.disruption.queues else {}
        tally.blocked = len(blocked)
        for name in self.state.claims_of_pool.get(pool, ()):
            claim = self.state.claims[name]
            tally.total += 1
            if is_true(claim.status.conditions, names.DRIFTED):
                tally.drifted += 1
            elif is_true(claim.status.conditions, names.INITIALIZED_CONDITION) and not claim.deleting:
                tally.updated += 1
        return tally

    def _phase(self, everywhere: _Tally, rolled_out: bool) -> str:
        if rolled_out:
            return "WaitingForWindow" if self._waits_for_window() else "RolledOut"
        return "Blocked" if everywhere.drifted and everywhere.drifted == everywhere.blocked else "RollingOut"

    def _waits_for_window(self) -> bool:
        """Whether a newer image is published than the one adopted."""
        now = self.clock.now()
        for name, entry in self.declared.node_classes.items():
            cache = self.declared.caches.get(name)
            if cache is None:
                continue
            adopted = {image.id.rsplit("/", 1)[-1] for image in entry.state.images}
            newest = {image.full_version for image in self.declared.catalogue.latest(cache.key, now)}
            if newest - adopted:
                return True
        return False

    def _finish(self, rolled_out: bool, now: datetime) -> None:
        if rolled_out and self._started_at and not self._finished_at:
            self._finished_at = rfc3339(now.replace(microsecond=0))
        elif not rolled_out:
            self._finished_at = None

    def _targets(self) -> list[dict[str, str]]:
        found = []
        for name in sorted(self.declared.node_classes):
            for image in self.declared.node_classes[name].state.images:
                *_, definition, _, version = image.id.split("/")
                found.append({"nodeClass": name, "definition": definition, "version": version})
        return found[:MAX_LISTED]

    def _window(self, now: datetime) -> str:
        found = self.windows.verdict(now)
        governing = self.windows.node_os()
        name = f"{governing[0]}: " if governing else ""
        if found.window is None:
            return f"{name}{'OPEN' if found.open else 'closed'} ({found.message})"
        at = found.window.end if found.open else found.window.start
        state, verb = ("OPEN", "closes") if found.open else ("closed", "opens")
        return f"{name}{state}, {verb} {describe_instant(at)}" if at else f"{name}{state}"

    def _forced(self) -> str:
        forced = [item for item in self.pickups if item["rule"] in _FORCED]
        return f"{forced[-1]['definition']} to {forced[-1].get('to', '')} at {forced[-1]['at']}" if forced else ""

    def _pool(self, name: str, tally: _Tally, now: datetime) -> dict[str, Any]:
        entry = self.declared.pools[name]
        return {
            "name": name,
            "total": tally.total,
            "updated": tally.updated,
            "drifted": tally.drifted,
            "disrupting": tally.disrupting,
            "blocked": tally.blocked,
            "allowed": self.disruption.allowance(entry, now).allowed,
            "replaced": self.replaced.get(name, 0),
            "maxDisrupting": self.most.get(name, 0),
        }

    def _blocked(self) -> list[dict[str, Any]]:
        found = []
        for pool in sorted(self.disruption.queues):
            for name, verdict in sorted(self.disruption.queues[pool].blocked.items()):
                claim = self.state.claims.get(name)
                node = self.state.node_of(claim) if claim else None
                if claim is None or (node is not None and is_marked(node, claim)):
                    continue
                since = self.disruption.blocked_since.get(name)
                entry = {
                    "node": node.name if node else "",
                    "nodeClaim": name,
                    "nodePool": pool,
                    "reason": str(verdict.reason),
                    "message": verdict.message,
                    "since": rfc3339((since or self.clock.now()).replace(microsecond=0)),
                }
                found.append(entry | ({"until": rfc3339(verdict.wake_at)} if verdict.wake_at else {}))
        return found[:MAX_LISTED]

    def _list_cache(self) -> dict[str, str] | None:
        caches = [(name, cache) for name, cache in sorted(self.declared.caches.items())]
        if not caches:
            return None
        name, cache = min(caches, key=lambda item: item[1].filled_at)
        expires = cache.filled_at + self.declared.settings.pickup.cache_duration
        definitions = "+".join(definition.name for definition in cache.key.definitions)
        return {
            "filledAt": rfc3339(cache.filled_at),
            "expiresAt": rfc3339(expires),
            "key": f"{name}: {definitions}, Kubernetes {cache.key.kubernetes_version}",
        }

    def _summary(self) -> dict[str, Any]:
        return {
            "startedAt": self._started_at,
            "finishedAt": self._finished_at,
            "replaced": sum(self.replaced.values()),
            "maxDisrupting": self.most.get("", 0),
            "everBlocked": self._blocked_before + len(self.ever_blocked),
        }

    def _conditions(self, nap: Manifest, everywhere: _Tally, rolled_out: bool) -> list[dict[str, Any]]:
        conditions = self.reports.ready(nap, self.declared.settings.not_honoured)
        message = f"{everywhere.updated} of {everywhere.total} nodes are on the target"
        reason = "AllNodesOnTarget" if rolled_out else "NodesOffTarget"
        status = "True" if rolled_out else "False"
        return self.reports.with_condition(conditions, nap, names.ROLLED_OUT, status, reason, message)


def _progress(tally: _Tally) -> Mapping[str, Any]:
    return {
        "total": tally.total,
        "updated": tally.updated,
        "drifted": tally.drifted,
        "disrupting": tally.disrupting,
        "blocked": tally.blocked,
        "summary": f"{tally.updated}/{tally.total}",
    }
