"""The disruption loop: which drifted node goes next.

Mirrors karpenter v1.14.0 ``pkg/controllers/disruption/controller.go``, ``staticdrift.go`` and ``drift.go``: a pass
every 10 s (virtual), at once after a pass that started something; static pools first, many commands in one pass; then
one dynamic candidate. Nothing starts while a NodeClaim waits for its launch. Passes that could not come out
differently are skipped: a pass runs at the next 10 s tick after something changed.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, NodePoolEntry
from napsim.controllers.executor import Executor
from napsim.controllers.state import ClusterState, is_marked
from napsim.core import commands
from napsim.core.actions import Event
from napsim.core.adoption import hindrances
from napsim.core.budgets import DRIFTED, Allowance, allowed_by_reason, next_change, remaining
from napsim.core.candidates import Candidate, OrderKey, Surroundings, check, order_key
from napsim.core.clock import earliest, rfc3339
from napsim.core.driftqueue import DriftQueue
from napsim.core.inplace import adoption_of
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.nodepools import NodePool, Placement
from napsim.core.objects import Node, NodeClaim, Pod, is_true
from napsim.core.pods import (
    Protection,
    is_reschedulable,
    protection,
    requests,
    tolerates_all,
    tolerates_disrupted,
)
from napsim.core.provisioning import same_shape, schedule
from napsim.core.reasons import Reason, Verdict, waits_for_node, waits_for_pdb
from napsim.core.requirements import unmet
from napsim.core.resources import amounts, fits, subtract

TICK: Final = timedelta(seconds=10)
UNSYNCED_TICK: Final = timedelta(seconds=1)
UNSYNCED_LEAST: Final = timedelta(milliseconds=50)  # real: a fast clock must not make this a busy loop
_NODEPOOL_DEDUPE_SECONDS: Final = 60.0
_INVALID_ANNOTATION: Final = "InvalidDoNotDisruptAnnotation"


@dataclass(slots=True)
class Disruption:
    """``reconcile`` is one pass. ``wake`` asks for the next one; the ``on_*`` methods keep the queues."""

    state: ClusterState
    declared: Declared
    clock: VirtualClock
    executor: Executor
    wake: Callable[[datetime], None]
    on_decision: Callable[[str, str], None]  # decision (replace, delete), NodePool
    refresh: Callable[[str], Awaitable[None]]  # reads a Node anew from the API server
    own_node: str = ""  # where the operator runs: it goes last
    own_pod: str = ""  # the operator's pod, as namespace/name: its node goes only if it has somewhere to go
    settled: Callable[[], bool] = lambda: True  # whether every NodeClaim has been looked at since it changed
    queues: dict[str, DriftQueue] = field(default_factory=dict)
    blocked_since: dict[str, datetime] = field(default_factory=dict)  # NodeClaim -> virtual instant
    _starting: dict[str, frozenset[str]] = field(default_factory=dict)  # Node -> replacements not seen yet
    _doubtful: set[str] = field(default_factory=set)  # Nodes whose command may have been started
    _idle_since: datetime | None = None

    # --- what changed -------------------------------------------------------------------------------------------------

    def on_claim(self, claim: NodeClaim | None, name: str) -> None:
        """The claim, or its Node, or the pods on it changed."""
        node = self.state.node_of(claim) if claim else None
        if (
            claim is not None
            and self._is_drifted(claim)
            and not (node and is_marked(node, claim))
            and not claim.deleting
        ):
            self._put(claim, node)
        else:
            self._discard(name)
        self.nudge()

    def _is_drifted(self, claim: NodeClaim) -> bool:
        return is_true(claim.status.conditions, names.DRIFTED)

    def _put(self, claim: NodeClaim, node: Node | None) -> None:
        pool = claim.metadata.labels.get(names.NODEPOOL, "")
        queue = self.queues.setdefault(pool, DriftQueue())
        empty = node is None or not any(is_reschedulable(pod) for pod in self.state.pods_on(node.name))
        queue.put(claim.name, self._order_key(claim, node, empty=empty))
        if node is not None:
            self.release(waits_for_node(node.name))

    def _discard(self, name: str) -> None:
        self.blocked_since.pop(name, None)
        for queue in self.queues.values():
            queue.discard(name)

    def forget(self) -> None:
        """Leadership is lost: whoever leads next starts from what the API server holds."""
        self.queues.clear()
        self.blocked_since.clear()
        self._starting.clear()
        self._doubtful.clear()
        self._idle_since = None

    def on_pdb(self, key: str) -> None:
        self.release(waits_for_pdb(key))

    def release(self, token: str) -> None:
        """Whoever was blocked by this is asked again."""
        released = [queue.release(token) for queue in self.queues.values()]  # all of them, not up to the first
        if any(released):
            self.nudge()

    def nudge(self) -> None:
        """Something changed that a pass could come out differently for: look at the next tick."""
        if any(self.queues.values()) or self._starting or self._doubtful:
            self.wake(self._tick(self.clock.now()))

    def _tick(self, at: datetime) -> datetime:
        """The first tick at or after an instant: passes are 10 s apart since the last that found nothing to do."""
        if self._idle_since is None or at <= self._idle_since:
            return at
        return self._idle_since + TICK * math.ceil((at - self._idle_since) / TICK)

    # --- one pass -----------------------------------------------------------------------------------------------------

    async def reconcile(self, _: str) -> datetime | None:
        await self._settle_doubts()
        now = self.clock.now()
        if not self._synced():
            soon = self.clock.timeline.virtual(self.clock.real() + UNSYNCED_LEAST)
            return max(now + UNSYNCED_TICK, soon)
        for queue in self.queues.values():
            queue.release_due(now)
        if await self._static_pass(now) or await self._dynamic_pass(now):
            self._idle_since = None
            return now
        self._idle_since = now
        at = earliest(*(queue.wake_at for queue in self.queues.values()), *self._budget_changes(now))
        return None if at is None else self._tick(at)

    async def _settle_doubts(self) -> None:
        """A start that failed may have been carried out all the same: budgets count it before anything else starts."""
        for node in tuple(self._doubtful):
            await self.refresh(node)
            self._doubtful.discard(node)
            self.on_claim_of(node)

    def on_claim_of(self, node_name: str) -> None:
        """The Node was read anew."""
        node = self.state.nodes.get(node_name)
        claim = self.state.claim_of(node) if node else None
        if claim is not None:
            self.on_claim(claim, claim.name)

    def _synced(self) -> bool:
        """No claim waits for its launch, and every replacement of a started command exists (or the command is over)."""
        for node, wanted in tuple(self._starting.items()):
            if node not in self.state.commands or all(name in self.state.seen for name in wanted):
                del self._starting[node]
        return not self._starting and not self.state.unlaunched

    def _budget_changes(self, now: datetime) -> Iterator[datetime | None]:
        for pool, queue in self.queues.items():
            entry = self.declared.pools.get(pool)
            if entry is not None and queue:
                yield next_change(entry.budgets, now)

    def allowance(self, entry: NodePoolEntry, now: datetime) -> Allowance:
        """What the pool's budgets allow for drift now, disrupting nodes not subtracted."""
        return allowed_by_reason(entry.budgets, DRIFTED, self.state.count(entry.pool.name).total_nodes, now)

    def _remaining(self, entry: NodePoolEntry, now: datetime) -> int:
        count = self.state.count(entry.pool.name)
        allowance = self.allowance(entry, now)
        if count.total_nodes and not allowance.allowed:
            self.executor.record(_blocking_budget(entry.pool))
        return remaining(allowance.allowed, count.disrupting_nodes)

    async def _static_pass(self, now: datetime) -> bool:
        started = False
        for entry, queue in self._pools(static=True):
            for _ in range(min(self._remaining(entry, now), len(queue), self._static_room(entry.pool))):
                name = self._next_candidate(queue, now)
                if name is None:
                    break
                await self._start(entry, self.state.claims[name], now)
                started = True
        return started

    def _static_room(self, pool: NodePool) -> int:
        """How many replacements a static pool may launch, within its limit; none while it is too large.

        Nodes that are played in place need no room.
        """
        if self.declared.is_in_place(self.declared.pools[pool.name]):
            return len(self.queues[pool.name])
        claims = [self.state.claims[name] for name in self.state.claims_of_pool.get(pool.name, ())]
        alive = sum(not claim.deleting for claim in claims)
        if alive > (pool.spec.replicas or 0):
            return 0
        limit = amounts(pool.spec.limits).get("nodes")
        return len(claims) if limit is None else max(limit - len(claims), 0)

    async def _dynamic_pass(self, now: datetime) -> bool:
        """Start one command: for the first candidate, over all pools, that is not blocked and whose pool has budget."""
        open_pools = {
            entry.pool.name: (entry, queue)
            for entry, queue in self._pools(static=False)
            if self._remaining(entry, now) > 0
        }
        while open_pools:
            heads = [
                (self._key(name), pool)
                for pool, (_, queue) in open_pools.items()
                if (name := queue.first()) is not None
            ]
            if not heads:
                return False
            entry, queue = open_pools[min(heads)[1]]
            name = queue.first()
            if name is not None and self._must_wait(name, now):
                return False
            if name is not None and self._passes(queue, name, now):
                await self._start(entry, self.state.claims[name], now)
                return True
        return False

    def _key(self, name: str) -> tuple[int, int, str, str]:
        claim = self.state.claims[name]
        node = self.state.node_of(claim)
        empty = node is None or not any(is_reschedulable(pod) for pod in self.state.pods_on(node.name))
        return self._order_key(claim, node, empty=empty)

    def _order_key(self, claim: NodeClaim, node: Node | None, *, empty: bool) -> OrderKey:
        last = node is not None and node.name == self.own_node
        return order_key(claim, empty=empty, seed=self.declared.settings.seed, last=last)

    def _must_wait(self, name: str, now: datetime) -> bool:
        """Whether it is the operator's own node, and others may still go, or are on their way.

        Those that are blocked, or whose pool's budgets allow nothing now, are not waited for. While claims are still
        being looked at, it may be the first that is marked, not the last.
        """
        node = self.state.node_of(self.state.claims[name])
        if node is None or node.name != self.own_node:
            return False
        able = sum(len(queue) - len(queue.blocked) for pool, queue in self.queues.items() if self._may_go(pool, now))
        others = self.state.commands - {self.own_node}
        if not self.settled():
            self.wake(now + TICK)
            return True
        return able > 1 or bool(others) or any(self._replaced_in_place())

    def _may_go(self, pool: str, now: datetime) -> bool:
        entry = self.declared.pools.get(pool)
        return entry is not None and self.allowance(entry, now).allowed > 0

    def _replaced_in_place(self) -> Iterator[Node]:
        for entry in self.declared.in_place_pools():
            yield from self.state.being_replaced(entry.pool.name)

    def _pools(self, *, static: bool) -> Iterator[tuple[NodePoolEntry, DriftQueue]]:
        for pool in sorted(self.queues):
            entry = self.declared.pools.get(pool)
            if entry is not None and entry.pool.is_static is static and self.queues[pool]:
                yield entry, self.queues[pool]

    def _next_candidate(self, queue: DriftQueue, now: datetime) -> str | None:
        while (name := queue.first()) is not None:
            if self._must_wait(name, now):
                return None
            if self._passes(queue, name, now):
                return name
        return None

    def _passes(self, queue: DriftQueue, name: str, now: datetime) -> bool:
        """Whether the candidate may go; one that may not is set aside until what blocks it changes."""
        claim = self.state.claims[name]
        verdict = self.verdict(claim, now)
        for event in self._protection_events(self.state.node_of(claim), now):
            self.executor.record(event)
        if verdict.allowed:
            self.blocked_since.pop(name, None)
            return True
        queue.block(name, verdict)
        self.blocked_since.setdefault(name, now)
        for event in _blocked_events(claim, self.state.node_of(claim), verdict):
            self.executor.record(event)
        return False

    def verdict(self, claim: NodeClaim, now: datetime) -> Verdict:
        """May the claim's node be disrupted now, budgets aside?"""
        node = self.state.node_of(claim)
        candidate = Candidate(
            claim=claim,
            node=node,
            pods=self.state.pods_on(node.name) if node else (),
            in_queue=node is not None and node.name in self.state.commands,
            marked_for_deletion=node is not None and is_marked(node, claim),
            nodepool_found=self.declared.can_launch(claim.metadata.labels.get(names.NODEPOOL, "")),
            hindrance=self._hindrance(claim, node),
        )
        found = check(candidate, Surroundings(self.state.pdbs, self.clock.timeline, now))
        return self._own_pod_stays(node, now) or found if found.allowed else found

    def _own_pod_stays(self, node: Node | None, now: datetime) -> Verdict | None:
        """Policy: the operator does not drain itself off a node for ever. Where its pod fits nowhere else, nobody
        would bring the node back."""
        own = self.state.pods.get(self.own_pod)
        if node is None or own is None or own.spec.node_name != node.name or tolerates_disrupted(own):
            return None
        if any(self._takes(other, own) for other in self.state.nodes.values() if other.name != node.name):
            return None
        message = f"Not all pods would schedule, {own.key} is the operator's and fits on no other Node"
        return Verdict(Reason.UNSCHEDULABLE, message, now + self.clock.timeline.patience(TICK))

    def _takes(self, node: Node, pod: Pod) -> bool:
        """Whether the node has room for a pod now: selector, taints, resources."""
        free = amounts(node.status.allocatable)
        subtract(free, self.state.used_on(node.name))
        selected = pod.spec.node_selector.items() <= node.metadata.labels.items()
        open_ = not node.spec.unschedulable and is_true(node.status.conditions, names.READY)
        return open_ and selected and tolerates_all(pod, node.spec.taints) and fits(requests(pod), free)

    def _hindrance(self, claim: NodeClaim, node: Node | None) -> str:
        home = self.declared.home(claim.metadata.labels.get(names.NODEPOOL, "")) if adoption_of(claim) else None
        problems = hindrances(node, home) if node is not None and home is not None else ()
        return f"a replacement in place would not end the drift: {'; '.join(problems)}" if problems else ""

    def _protection_events(self, node: Node | None, now: datetime) -> Iterator[Event]:
        """What the do-not-disrupt annotations of its pods mean, where that is not simply for ever."""
        for pod in self.state.pods_on(node.name) if node is not None else ():
            said = _protection_said(protection(pod, self.clock.timeline, now))
            if said is not None:
                reason, message = said
                type_: Literal["Normal", "Warning"] = "Warning" if reason == _INVALID_ANNOTATION else "Normal"
                yield Event("Pod", pod.name, pod.metadata.uid, reason, message, type_, pod.metadata.namespace)

    # --- the start of a command ---------------------------------------------------------------------------------------

    async def _start(self, entry: NodePoolEntry, claim: NodeClaim, now: datetime) -> None:
        node = self.state.node_of(claim)
        assert node is not None  # the candidate passed its checks
        placements = self._placements(entry, claim, node)
        command = commands.drift_command(claim, placements, now)
        self.queues[entry.pool.name].discard(claim.name)
        self._starting[node.name] = frozenset(item.name for item in command.replacements)
        try:
            await self.executor.carry_out((commands.start(command, node),))
        except BaseException:
            del self._starting[node.name]
            self._doubtful.add(node.name)  # no answer, or a refused repetition of what was carried out
            self.on_claim(self.state.claims.get(claim.name), claim.name)
            raise
        replaces = placements or adoption_of(claim) is not None
        self.on_decision("replace" if replaces else "delete", entry.pool.name)

    def _placements(self, entry: NodePoolEntry, claim: NodeClaim, node: Node) -> tuple[Placement, ...]:
        """None for an empty node of a dynamic pool; else one like it, or what the pool now allows for its pods.

        None in place, either: the Node itself comes back.
        """
        if adoption_of(claim) is not None:
            return ()
        pods = [pod for pod in self.state.pods_on(node.name) if is_reschedulable(pod)]
        if not pods and not entry.pool.is_static:
            return ()
        shape = same_shape(node)
        size = INSTANCE_TYPES.get(shape.instance_type)
        labels = {**(size.labels() if size else {}), names.ZONE: shape.zone, names.CAPACITY_TYPE: shape.capacity_type}
        labels |= {**entry.pool.spec.template.metadata.labels, names.NODEPOOL: entry.pool.name}
        if size is not None and not unmet(labels, entry.view.requirements):
            return (shape,)
        node_class = self.declared.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name)
        if node_class is None:
            return (shape,)
        offer = self.declared.offer(entry, node_class, {})
        found = schedule(pods, (), (offer,), {}).new_nodes
        if found:
            return tuple(item.placement for item in found)
        if offer.types and offer.zones:
            return (Placement(offer.types[0].name, offer.zones[0], offer.capacity_type),)
        return (shape,)


def _protection_said(held: Protection) -> tuple[str, str] | None:
    """Reason and message of Karpenter's event (``pkg/utils/pod/events.go``)."""
    if held.invalid:
        return _INVALID_ANNOTATION, f"Invalid {names.DO_NOT_DISRUPT} annotation: {held.invalid}, ignoring annotation"
    if held.until is not None:
        message = f"The {names.DO_NOT_DISRUPT} grace period will elapse at {rfc3339(held.until)}"
        return "DoNotDisruptUntil", message
    if held.elapsed:
        message = f"The {names.DO_NOT_DISRUPT} grace period has elapsed, pod is now disruptable"
        return "DoNotDisruptGracePeriodElapsed", message
    return None


def _blocking_budget(pool: NodePool) -> Event:
    message = "No allowed disruptions for disruption reason Drifted due to blocking budget"
    uid = pool.metadata.uid
    return Event("NodePool", pool.name, uid, "DisruptionBlocked", message, dedupe_seconds=_NODEPOOL_DEDUPE_SECONDS)


def _blocked_events(claim: NodeClaim, node: Node | None, verdict: Verdict) -> Iterator[Event]:
    if not verdict.published:
        return
    message = (verdict.message[:1].upper() + verdict.message[1:]).replace("Nodepool ", "NodePool ", 1)  # as Karpenter
    yield Event("NodeClaim", claim.name, claim.metadata.uid, "DisruptionBlocked", message)
    if node is not None:
        yield Event("Node", node.name, node.metadata.uid, "DisruptionBlocked", message)
