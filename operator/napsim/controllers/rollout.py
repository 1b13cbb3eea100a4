"""The status of NodeAutoProvisioning ``default``: the clock, the rollout's progress, pick-ups, blocked nodes.

Everything here is counted anew from the cluster; only what cannot be (pick-ups, the most disrupted at once, since
when a node is blocked, nodes replaced, for how long nodes could be) is carried on from the status itself, so that an
operator started anew goes on with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.api.rollout import MAX_LISTED
from napsim.controllers.clock import VirtualClock
from napsim.controllers.controlplane import WAITS
from napsim.controllers.counts import is_marked
from napsim.controllers.declared import Declared, Manifest, NodePoolEntry
from napsim.controllers.disruption import Disruption
from napsim.controllers.inplace import with_capacity
from napsim.controllers.reports import Finding, Reports
from napsim.controllers.resources import NODE_AUTO_PROVISIONINGS
from napsim.controllers.state import ClusterState
from napsim.controllers.story import Story, causes_of
from napsim.controllers.targets import is_behind, next_publication, targets, waiting_images
from napsim.controllers.windows import WindowController
from napsim.core import commands
from napsim.core.budgets import REASONS, allowed_by_reason
from napsim.core.clock import Timeline, earliest, parse_rfc3339, rfc3339
from napsim.core.forecast import Course, Forecast, ForecastReason, allowed_time, forecast
from napsim.core.objects import NodeClaim, is_true
from napsim.core.pickup import FORCED, ImageChange, Pickup
from napsim.core.story import BLOCKED_FOR, Fact, Told, rollout_finished, rollout_started
from napsim.core.windows import WindowReason, describe_instant

_NO_OUTLOOK: Final = Forecast(None, ForecastReason.NOTHING_LEFT, "")


class _Tally(msgspec.Struct):
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
    active: dict[str, timedelta] = field(default_factory=dict)  # NodePool -> virtual time in which nodes could go
    picked: Counter[tuple[str, str]] = field(default_factory=Counter)  # class and rule -> pick-ups since the start
    missed: Counter[str] = field(default_factory=Counter)  # configuration -> windows missed since the start
    outlook: Forecast = _NO_OUTLOOK
    first_estimate: datetime | None = None
    story: Story = field(init=False)
    os_upgrades: Callable[[datetime], Mapping[str, Any] | None] = lambda _: None
    _blocked_before: int = 0
    _started_at: str | None = None
    _finished_at: str | None = None
    _drifting: bool = False  # nodes were drifted at the last look
    _looked_at: datetime | None = None
    _left: frozenset[str] = frozenset()  # pools with nodes that could go, at the last look
    _wake_at: datetime | None = None

    def __post_init__(self) -> None:
        clock, declared, executor = self.clock, self.declared, self.reports.executor
        self.story = Story(clock, declared, self.windows, executor, lambda name: self.missed.update((name,)))

    @property
    def started_at(self) -> datetime | None:
        return parse_rfc3339(self._started_at) if self._started_at else None

    @property
    def finished_at(self) -> datetime | None:
        return parse_rfc3339(self._finished_at) if self._finished_at else None

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
        self.active = {
            item["name"]: timedelta(seconds=item.get("activeSeconds", 0)) for item in status.get("pools", ())
        }
        first = summary.get("firstEstimate")
        self.first_estimate = parse_rfc3339(first) if first else None
        self._looked_at, self._left = None, frozenset()
        self._drifting = bool(status.get("progress", {}).get("drifted"))
        self.story.adopt(status)
        self._blocked_before = summary.get("everBlocked", 0)
        self._started_at, self._finished_at = summary.get("startedAt"), summary.get("finishedAt")
        for item in status.get("blocked", ()):
            self.disruption.blocked_since.setdefault(item.get("nodeClaim", ""), parse_rfc3339(item["since"]))
            self.ever_blocked.add(item.get("nodeClaim", ""))
        self._blocked_before = max(self._blocked_before - len(self.ever_blocked), 0)

    async def picked_up(self, node_class: str, pickup: Pickup, now: datetime) -> None:
        """Record what is about to be adopted, before it is: a pick-up is never without its reason.

        From the same write on, condition RolledOut is False: nobody who waits for it takes the state before for it.
        """
        changes_versions = any(change.from_version for change in pickup.changes)
        if not self._started_at or (changes_versions and not self._drifting):
            self._begin(now)
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
                self.picked[node_class, str(change.rule)] += 1
        self.pickups = self.pickups[-MAX_LISTED:]
        nap = self.declared.nap
        if nap is not None:
            old = nap.get("status", {})
            conditions = self._not_rolled_out(nap, f"{node_class} has new images") if changes_versions else {}
            await self.reports.write(NODE_AUTO_PROVISIONINGS, nap, old, {"pickups": self.pickups, **conditions})
        self._tell_pickup(node_class, pickup.changes)

    def _tell_pickup(self, node_class: str, changes: tuple[ImageChange, ...]) -> None:
        """One event for the definitions that change from one version to another together."""
        window = self._window(self.clock.now())
        for change in {_step(item): item for item in changes}.values():
            definitions = [item.definition for item in changes if _step(item) == _step(change)]
            said = next(
                item
                for item in reversed(self.pickups)
                if (item["nodeClass"], item["definition"]) == (node_class, change.definition)
            )
            if change.from_version:
                brought = [item.definition for item in changes if item.to_version == change.to_version]
                self.story.follow_images({change.to_version: brought}, window)
            others = ", ".join(sorted(set(definitions) - {change.definition}))
            message = f"{node_class}: {change.message}" + (f", and {others}" if others else "")
            key = f"{node_class}/{change.from_version}/{change.to_version}/{change.rule}"
            forced = change.rule in FORCED
            fact = Fact(parse_rfc3339(said["at"]), Told.IMAGE_PICKED_UP, message, key, warning=forced)
            self.story.picked_up(change.to_version, fact)

    def _begin(self, now: datetime) -> None:
        """Another rollout: what is counted of one begins anew."""
        self._started_at, self._finished_at, self.first_estimate = rfc3339(now), None, None
        self.replaced, self.active, self.ever_blocked, self._blocked_before = {}, {}, set(), 0
        self.most = {}
        self.look()

    def was_replaced(self, claim: NodeClaim) -> None:
        """A node that was disrupted for drift is gone; one that was deleted for being empty is not replaced."""
        pool = claim.metadata.labels.get(names.NODEPOOL, "")
        if commands.replaces(claim):
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
        wanted = self._status(nap, now)
        old = nap.get("status", {})
        if any(old.get(key) != value for key, value in wanted.items() if key not in ("clock", "pools")) or (
            _told(old.get("pools", ())) != _told(wanted["pools"])
        ):
            await self.reports.write(NODE_AUTO_PROVISIONINGS, nap, old, wanted)
        self._tell(wanted, now)
        self._wake_at = earliest(
            self.windows.verdict(now).wake_at,
            next_publication(self.declared, now),
            *(at for since in self.disruption.blocked_since.values() if (at := since + BLOCKED_FOR) > now),
        )

    def due(self) -> bool:
        """Whether time alone has changed what a report would say."""
        return self._wake_at is not None and self.clock.now() >= self._wake_at

    def _tell(self, status: Mapping[str, Any], now: datetime) -> None:
        """The story, from the status that was written."""
        waiting = waiting_images(self.declared, now)
        self.story.follow_images(waiting, status["window"])
        self.story.follow_windows(waiting, self.pickups)
        self.story.follow_blocked(causes_of(status["blocked"]), self.disruption.blocked_since.keys())
        started, nap = self.started_at, self.declared.nap
        drifted = {item["name"]: item["drifted"] for item in status["pools"]}
        if started and (moving := drifted if self._drifting else self.replaced):
            self.story.tell(nap, rollout_started(started, moving))
        finished, replaced = self.finished_at, sum(self.replaced.values())
        if finished and replaced:
            self.story.tell(nap, rollout_finished(finished, started, replaced, self.most.get("", 0)))

    def _status(self, nap: Manifest, now: datetime) -> dict[str, Any]:
        tallies = {pool: self._tally(pool) for pool in sorted(self.declared.pools)}
        everywhere = _Tally(
            *(sum(getattr(item, part) for item in tallies.values()) for part in _Tally.__struct_fields__)
        )
        rolled_out = not everywhere.drifted and everywhere.updated == everywhere.total and everywhere.total > 0
        self._finish(rolled_out, everywhere, now)
        self.ever_blocked |= self.disruption.blocked_since.keys()
        blocked = self._blocked()
        self._forecast(tallies, now)
        return {
            "observedGeneration": nap["metadata"].get("generation", 0),
            "phase": self._phase(everywhere, rolled_out),
            "clock": self._clock(self.clock.timeline),
            "kubernetesVersion": self.declared.kubernetes_version,
            "target": ", ".join(sorted({item["version"] for item in targets(self.declared)})),
            "targets": targets(self.declared)[:MAX_LISTED],
            "window": self._window(now),
            "forced": self._forced(),
            "progress": _progress(everywhere),
            "estimatedFinish": rfc3339(self.outlook.finish) if self.outlook.finish else None,
            "finish": self._finish_text(everywhere),
            "pools": [self._pool(name, tally, now) for name, tally in tallies.items()],
            "blocked": blocked,
            "pickups": self.pickups,
            "listCache": self._list_cache(),
            "osUpgrades": self.os_upgrades(now),
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
            elif is_behind(claim, self.declared) or claim.deleting:
                continue
            elif is_true(claim.status.conditions, names.INITIALIZED_CONDITION):
                tally.updated += 1
        tally.total += sum(self.state.claim_of(node) is None for node in self.state.being_replaced(pool))
        return tally

    def states(self, pool: str) -> dict[str, int]:
        """How many nodes of the pool are where."""
        tally = self._tally(pool)
        return {part: getattr(tally, part) for part in _Tally.__struct_fields__}

    def _phase(self, everywhere: _Tally, rolled_out: bool) -> str:
        if rolled_out:
            return "WaitingForWindow" if self._waits_for_window() else "RolledOut"
        return "Blocked" if everywhere.drifted and everywhere.drifted == everywhere.blocked else "RollingOut"

    def _waits_for_window(self) -> bool:
        """Whether a newer image is published than the one adopted."""
        return bool(waiting_images(self.declared, self.clock.now()))

    def _finish(self, rolled_out: bool, everywhere: _Tally, now: datetime) -> None:
        """Note the end; nodes that drift after it, for whatever reason, begin another rollout."""
        self._drifting = everywhere.drifted > 0
        if rolled_out and self._started_at and not self._finished_at:
            self._finished_at = rfc3339(now)
        elif everywhere.drifted and (self._finished_at or not self._started_at):
            self._begin(now)

    # --- the forecast -------------------------------------------------------------------------------------------------

    def _forecast(self, tallies: Mapping[str, _Tally], now: datetime) -> None:
        """Count the time since the last look in which nodes could be replaced, and lay out what is left."""
        courses = []
        blocked = self.disruption.blocked_since.keys()  # also those that are just being asked again
        for name, tally in tallies.items():
            entry, total = self.declared.pools[name], self.state.count(name).total_nodes
            held = sum(item in self.state.claims_of_pool.get(name, ()) for item in blocked)
            if name in self._left and self._looked_at is not None:
                passed = allowed_time(entry.budgets, total, self._looked_at, now)
                self.active[name] = self.active.get(name, timedelta(0)) + passed
            left = max(tally.drifted - held, 0)
            active, replaced = self.active.get(name, timedelta(0)), self.replaced.get(name, 0)
            courses.append(Course(name, entry.budgets, total, replaced, active, left, held))
        self._looked_at, self._left = now, frozenset(item.nodepool for item in courses if item.left)
        self.outlook = forecast(courses, now)
        if self.first_estimate is None and self._started_at:
            self.first_estimate = self.outlook.finish

    def _finish_text(self, everywhere: _Tally) -> str:
        if everywhere.drifted:
            without = f", without {everywhere.blocked} blocked" if everywhere.blocked else ""
            return f"about {describe_instant(self.outlook.finish)}{without}" if self.outlook.finish else "unknown"
        finished = self.finished_at
        if finished is None or not any(self.replaced.values()):
            return ""
        return f"finished {describe_instant(finished.replace(microsecond=0))}"

    # --- parts --------------------------------------------------------------------------------------------------------

    def _window(self, now: datetime) -> str:
        source, told = self.windows.source(now), self.windows.told(now)
        return f"{source}: {told}" if source else told

    def _forced(self) -> str:
        forced = [item for item in self.pickups if item["rule"] in FORCED]
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
            "allowances": self._allowances(entry, now),
            "replaced": self.replaced.get(name, 0),
            "maxDisrupting": self.most.get(name, 0),
            "activeSeconds": round(self.active.get(name, timedelta(0)).total_seconds()),
        }

    def _allowances(self, entry: NodePoolEntry, now: datetime) -> dict[str, int]:
        total = self.state.count(entry.pool.name).total_nodes
        return {reason.lower(): allowed_by_reason(entry.budgets, reason, total, now).allowed for reason in REASONS}

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
        declared = self.declared
        caches = [(name, cache) for name in sorted(declared.node_classes) if (cache := declared.cache_of(name))]
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
            "firstEstimate": rfc3339(self.first_estimate) if self.first_estimate else None,
            "replaced": sum(self.replaced.values()),
            "maxDisrupting": self.most.get("", 0),
            "everBlocked": self._blocked_before + len(self.ever_blocked),
        }

    def _conditions(self, nap: Manifest, everywhere: _Tally, rolled_out: bool) -> list[dict[str, Any]]:
        conditions = self.reports.ready(nap, self.declared.settings.not_honoured)
        conditions = with_capacity(self.reports, conditions, nap, self.declared.in_place_pools())
        conditions = self.reports.mind(conditions, nap, self._findings())
        message = f"{everywhere.updated} of {everywhere.total} nodes are on the target"
        if rolled_out and (waiting := waiting_images(self.declared, self.clock.now())):
            held = f"{message}, but {', '.join(waiting)} is published and waits to be picked up"
            return self.reports.with_condition(conditions, nap, names.ROLLED_OUT, "False", "WaitingForWindow", held)
        reason = "AllNodesOnTarget" if rolled_out else "NodesOffTarget" if everywhere.total else "NoNodes"
        status = "True" if rolled_out else "False"
        return self.reports.with_condition(conditions, nap, names.ROLLED_OUT, status, reason, message)

    def _findings(self) -> list[Finding]:
        """What to mind of the cluster as a whole."""
        unreadable, waiting = self.windows.problem(self.clock.now()), self.declared.waiting_upgrade
        if self.declared.nap is not None and unreadable:
            self.reports.warn(self.declared.nap, ((str(WindowReason.UNREADABLE), unreadable),))
        said = ((str(WindowReason.UNREADABLE), unreadable), (WAITS, waiting))
        return [(reason, message) for reason, message in said if message]

    def _not_rolled_out(self, nap: Manifest, message: str) -> dict[str, Any]:
        """RolledOut turned to False."""
        old = nap.get("status", {}).get("conditions", ())
        turned = self.reports.with_condition(old, nap, names.ROLLED_OUT, "False", str(Told.IMAGE_PICKED_UP), message)
        return {"conditions": turned}


def _step(change: ImageChange) -> tuple[str, str, str]:
    return change.from_version, change.to_version, change.rule


def _told(pools: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of pools, what is worth a write by itself."""
    return [{key: value for key, value in item.items() if key != "activeSeconds"} for item in pools]


def _progress(tally: _Tally) -> Mapping[str, Any]:
    return {
        "total": tally.total,
        "updated": tally.updated,
        "drifted": tally.drifted,
        "disrupting": tally.disrupting,
        "blocked": tally.blocked,
        "summary": f"{tally.updated}/{tally.total}",
    }
