"""Upgrades the nodes of agent pools as the node OS channel says: live, or cordoned, drained and reimaged in turn.

What there is to do is decided in ``core.osupgrades``, what is written on a Node in ``core.reimages``. A pool is looked
at when a Node of it, an image, a window or the settings change, and at the instant that the last look named. Only the
channel in force and the last change of it are kept in the status of NodeAutoProvisioning; all else is on the Nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from napsim.api.agentpools import MAX_POOLS
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.executor import Executor
from napsim.controllers.nodes import DRAIN_POLL
from napsim.controllers.state import ClusterState
from napsim.controllers.windows import WindowController
from napsim.core import reimages
from napsim.core.actions import Event, Plan
from napsim.core.agentpools import STRAYS, UNDER_WAY, AgentPool, Phase, pool_of, record_of
from napsim.core.channels import CHANGE_DELAY, Channel, ChannelInForce, change_effect, in_force
from napsim.core.clock import earliest, parse_rfc3339, rfc3339
from napsim.core.objects import Pod
from napsim.core.osupgrades import Change, Circumstances, Look, look
from napsim.core.timings import STEPS
from napsim.core.windows import WindowReason, WindowVerdict, describe_instant

_OWN_NODE: Final = "the operator runs on it"


class _Chosen(msgspec.Struct):
    """The channel before the last change, the one chosen, and since when."""

    old: Channel
    new: Channel
    changed_at: datetime
    reimages_since: datetime | None = None


class OSUpgradeController(msgspec.Struct):
    """``reconcile(pool)`` carries out the next steps for an agent pool and says when (virtual) to look again."""

    state: ClusterState
    declared: Declared
    windows: WindowController
    clock: VirtualClock
    executor: Executor
    own_node: str = ""
    _chosen: _Chosen | None = None
    _looks: dict[str, Look] = msgspec.field(default_factory=dict)
    _left: dict[str, tuple[int, datetime]] = msgspec.field(default_factory=dict)  # Node -> pods to leave, since when

    def adopt(self) -> None:
        """Go on from the status in the API server."""
        status = (self.declared.nap or {}).get("status", {}).get("osUpgrades")
        self._looks.clear()
        self._left.clear()
        if status is None:
            self._chosen = None
            return
        old, now = Channel(status["channel"]), self.clock.now()
        new, due, since = status.get("pending"), status.get("takesEffectAt"), status.get("changedAt")
        changed_at = parse_rfc3339(due) - CHANGE_DELAY if due else now
        self._chosen = _Chosen(old, Channel(new) if new else old, changed_at, parse_rfc3339(since) if since else None)

    # --- a pool -------------------------------------------------------------------------------------------------------

    async def reconcile(self, name: str) -> datetime | None:
        pool = self.state.agent_pools.pools.get(name)
        if pool is None:
            self._looks.pop(name, None)
            return None
        now, settings = self.clock.now(), self.declared.settings.agent_pools
        if name == STRAYS or not settings.play:
            self._looks.pop(name, None)
            await self._let_go(pool, "agent pools are ignored" if name else "the Node is not to be touched any more")
            return None
        channel = self._channel(now)
        around = self._circumstances(channel.channel, now)
        found = self._looks[name] = look(pool, around, now)
        stopped = any(span.start <= now < span.until for span in settings.stopped)
        again_at = None if stopped else await self._advance(pool, now)
        if found.verdict.allowed:
            await self._begin(found, now)
        return earliest(found.wake_at, again_at, channel.changes_at)

    def around(self, now: datetime) -> tuple[ChannelInForce, Circumstances]:
        """The channel in force, and what holds for all pools at ``now``."""
        channel = self._channel(now)
        return channel, self._circumstances(channel.channel, now)

    def _circumstances(self, channel: Channel, now: datetime) -> Circumstances:
        since = self._chosen.reimages_since if self._chosen else None
        change = Change(since, self.clock.timeline.real(since)) if since else None
        catalogue, settings = self.declared.catalogue, self.declared.settings.agent_pools
        skip = frozenset({self.own_node} if self.own_node else ())
        return Circumstances(channel, catalogue, settings, self._window(now), change, skip)

    def _window(self, now: datetime) -> WindowVerdict | None:
        """None where nothing is configured: then the channel's own cadence counts.

        The first configuration is waited for until it counts, or its pool would be done before its first window.
        """
        found, governing = self.windows.verdict(now), self.windows.node_os()
        if found.reason is not WindowReason.NO_WINDOW_DATA:
            return found
        if governing is None or governing[1].takes_effect_at is None or governing[1].pending is None:
            return None
        at = governing[1].takes_effect_at
        message = f"{governing[0]} is new and counts from {describe_instant(at)}"
        return WindowVerdict(False, WindowReason.CLOSED, message, None, at, None)

    async def _begin(self, found: Look, now: datetime) -> None:
        for name, step in found.live:
            await self._carry_out(reimages.patched_live(self.state.nodes[name], step, found.begun, now))
        if found.reimage is not None:
            name, step = found.reimage
            await self._carry_out(reimages.begin(self.state.nodes[name], step, found.begun, now))

    async def _advance(self, pool: AgentPool, now: datetime) -> datetime | None:
        """The next step of each Node that is under way."""
        again_at = None
        for name in sorted(pool.under_way):
            node = self.state.nodes[name]
            record = record_of(node)
            if record is None or node.deleting:
                continue
            pods = self.state.pods_on(name)
            under_way = reimages.UnderWay(node, record, pods, self._reimage_time(name), self._moved_at(name, pods, now))
            settings = self.declared.settings.agent_pools
            plan = reimages.advance(under_way, settings, self.state.pdbs, self.clock.timeline, now)
            await self._carry_out(plan)
            draining = pods and record.phase is Phase.DRAINING
            poll = self.clock.timeline.virtual(self.clock.real() + DRAIN_POLL) if draining else None
            again_at = earliest(again_at, plan.wake_at, poll)
        return again_at

    def _moved_at(self, node: str, pods: tuple[Pod, ...], now: datetime) -> datetime:
        """When a pod of the Node was gone last, as far as it was seen."""
        left = sum(map(reimages.leaves, pods))
        known = self._left.get(node)
        if known is None or known[0] != left:
            known = self._left[node] = (left, now)
        if not left:
            del self._left[node]
        return known[1]

    def _reimage_time(self, node: str) -> timedelta:
        """The instance goes, and one comes in its place."""
        timings = self.declared.settings.timings
        return sum((timings.draw(step, node) for step in STEPS), timedelta(0))

    async def _let_go(self, pool: AgentPool, why: str) -> None:
        for name in sorted(pool.under_way):
            node = self.state.nodes[name]
            record = record_of(node)
            if record is not None and record.phase in UNDER_WAY:
                await self._carry_out(reimages.let_go(node, record, why))

    async def _carry_out(self, plan: Plan) -> None:
        await self.executor.carry_out(plan.actions)

    # --- the channel --------------------------------------------------------------------------------------------------

    def _channel(self, now: datetime) -> ChannelInForce:
        """The channel at ``now``. A change is noted when it is first seen, and told when it counts."""
        wanted = self.declared.settings.channel
        chosen = self._chosen
        if chosen is None:
            chosen = self._chosen = _Chosen(wanted, wanted, now)
        found = in_force(chosen.old, chosen.new, chosen.changed_at, now)
        if found.channel is not chosen.old:
            chosen = self._chosen = self._changed(chosen)
        if wanted is not chosen.new:
            chosen = self._chosen = _Chosen(chosen.old, wanted, now, chosen.reimages_since)
            self._tell(chosen)
        return in_force(chosen.old, chosen.new, chosen.changed_at, now)

    def _changed(self, chosen: _Chosen) -> _Chosen:
        """A change that counts from now on; nodes are reimaged for it where all documents agree that they are."""
        effect = change_effect(chosen.old, chosen.new)
        at = chosen.changed_at + CHANGE_DELAY
        since = at if effect.reimages_now else chosen.reimages_since
        return _Chosen(chosen.new, chosen.new, at, since)

    def _tell(self, chosen: _Chosen) -> None:
        nap = self.declared.nap
        if nap is None or chosen.old is chosen.new:
            return
        at, effect = chosen.changed_at + CHANGE_DELAY, change_effect(chosen.old, chosen.new)
        played = (
            "nodes of agent pools are reimaged then"
            if effect.reimages_now
            else ("AKS was said to reimage nodes at any change, by now not at this one: nothing is reimaged for it")
        )
        message = f"The node OS channel {chosen.old} becomes {chosen.new} by {rfc3339(at)} at the latest; {played}"
        uid = nap["metadata"].get("uid", "")
        self.executor.record(
            Event("NodeAutoProvisioning", nap["metadata"]["name"], uid, "ChannelChanged", message, controller="napsim")
        )

    # --- the status ---------------------------------------------------------------------------------------------------

    def status(self, now: datetime) -> dict[str, Any] | None:
        """``status.osUpgrades`` of NodeAutoProvisioning; None while agent pools are ignored."""
        if not self.declared.settings.agent_pools.play:
            self._chosen = None
            return None
        channel = self._channel(now)
        chosen = self._chosen
        pools = [self._pool(name) for name in sorted(self._looks) if name in self.state.agent_pools.pools]
        since = chosen.reimages_since if chosen else None
        return {
            "channel": str(channel.channel),
            "pending": str(chosen.new) if chosen and channel.changes_at else None,
            "takesEffectAt": rfc3339(channel.changes_at) if channel.changes_at else None,
            "changedAt": rfc3339(since) if since else None,
            "summary": _summary(channel, chosen, pools),
            "pools": pools[:MAX_POOLS],
        }

    def _pool(self, name: str) -> dict[str, Any]:
        pool, found = self.state.agent_pools.pools[name], self._looks[name]
        skipped = {**pool.barred, **({self.own_node: _OWN_NODE} if self._is_own(name) else {})}
        entry = {
            "name": name,
            "nodes": pool.size,
            "due": found.due,
            "upgrading": sorted(pool.under_way)[:MAX_POOLS],
            "prevented": sorted(pool.prevented)[:MAX_POOLS],
            "skipped": [*found.limits, *(f"{node}: {why}" for node, why in sorted(skipped.items()))][:MAX_POOLS],
            "reason": str(found.verdict.reason),
            "message": found.verdict.message,
        }
        return entry | ({"next": rfc3339(found.wake_at)} if found.wake_at else {})

    def _is_own(self, pool: str) -> bool:
        node = self.state.nodes.get(self.own_node)
        return node is not None and pool_of(node) == pool


def _summary(channel: ChannelInForce, chosen: _Chosen | None, pools: Iterable[Mapping[str, Any]]) -> str:
    """``NodeImage: system 3/3, user 1/4``: nodes with nothing to put on, of all."""
    pending = f", {chosen.new} from {describe_instant(channel.changes_at)}" if chosen and channel.changes_at else ""
    listed = ", ".join(f"{item['name']} {item['nodes'] - item['due']}/{item['nodes']}" for item in pools)
    return f"{channel.channel}{pending}" + (f": {listed}" if listed else "")
