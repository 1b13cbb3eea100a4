"""The disruption loop: which drifted node goes next, once there is nothing to do about empty ones.

Mirrors karpenter v1.14.0 ``pkg/controllers/disruption/controller.go``, ``staticdrift.go`` and ``drift.go``: a pass
every 10 s (virtual), at once after a pass that started something; static pools first, many commands in one pass; then
one dynamic candidate. Nothing starts while a NodeClaim waits for its launch, which is looked at once a second. Passes
that could not come out differently are skipped: a pass runs at the next 10 s tick after something changed.

Upstream takes its time to judge a candidate, and that shows: nodes that start within a second or two are initialized
while a pass goes on, so that more candidates pass. It takes as long here (``pace``, ``pause``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.counts import is_marked
from napsim.controllers.declared import Declared, NodePoolEntry
from napsim.controllers.emptiness import Emptiness, blocking_budget
from napsim.controllers.executor import Executor
from napsim.controllers.refusals import Refusals
from napsim.controllers.replacements import Replacements
from napsim.controllers.scheduling import Scheduling
from napsim.controllers.state import ClusterState
from napsim.controllers.verdicts import Verdicts, blocked_events, is_joining
from napsim.core import commands
from napsim.core.budgets import DRIFTED, EMPTY, Allowance, Allowances, next_change, remaining
from napsim.core.candidates import order_key, origin
from napsim.core.clock import EPOCH, earliest, tick_from
from napsim.core.driftqueue import DriftQueue
from napsim.core.inplace import adoption_of
from napsim.core.nodepools import NodePool, Placement
from napsim.core.nodetemplates import NodeTemplate
from napsim.core.objects import Node, NodeClaim, is_true
from napsim.core.pace import MEASURED, Pace
from napsim.core.pods import is_reschedulable
from napsim.core.reasons import Verdict, waits_for_node, waits_for_pdb
from napsim.core.resources import amounts
from napsim.core.simulation import WAITS_FOR_ROOM, Simulation
from napsim.core.timings import quantile_share

TICK: Final = timedelta(seconds=10)
UNSYNCED_TICK: Final = timedelta(seconds=1)
UNSYNCED_LEAST: Final = timedelta(milliseconds=50)  # real: a fast clock must not make this a busy loop


async def _at_once(_: timedelta) -> bool:
    """A simulation takes no time that anybody would notice."""
    return True


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
    pause: Callable[[timedelta], Awaitable[bool]] = _at_once  # lets virtual time pass: whether that is known to be all
    pace: Pace = MEASURED
    on_evaluated: Callable[[str, str, float], None] = lambda *_: None  # reason, consolidation type, real seconds
    is_heard: Callable[[], bool] = lambda: True  # whether anybody listens to events
    polls: bool = True  # False: every change is told at once, so that a look at claims to be launched would be in vain
    queues: dict[str, DriftQueue] = field(default_factory=dict)
    blocked_since: dict[str, datetime] = field(default_factory=dict)  # NodeClaim -> virtual instant
    _starting: dict[str, frozenset[str]] = field(default_factory=dict)  # Node -> replacements not seen yet
    _doubtful: set[str] = field(default_factory=set)  # Nodes whose command may have been started
    _joining: set[str] = field(default_factory=set)  # NodeClaims whose Node is there and not initialized
    _idle_since: datetime | None = None
    _polls_at: datetime | None = None  # while claims are to be launched
    _passing: bool = False
    _nudged: bool = False  # woken since the last pass: nothing that comes up later can make it begin earlier
    emptiness: Emptiness = field(init=False)
    refusals: Refusals = field(init=False)
    _allowances: Allowances = field(default_factory=lambda: Allowances(DRIFTED))
    _room: tuple[int, tuple[NodeTemplate, ...]] = (-1, ())  # what those who wait for room were last asked with
    _scheduling: Scheduling = field(init=False)
    _replacements: Replacements = field(init=False)
    _verdicts: Verdicts = field(init=False)

    def __post_init__(self) -> None:
        self._scheduling = Scheduling(self.state, self.declared, self.clock)
        self._replacements = Replacements(self.state, self.declared, self._scheduling)
        self._verdicts = Verdicts(self.state, self.declared, self.clock)
        self.refusals = Refusals(self.state, self.declared, self._verdicts, self._scheduling)
        self.clock.on_turn.append(self._forget_ticks)
        doubted = self._doubtful.add
        self.emptiness = Emptiness(self.state, self.declared, self.clock, self.executor, self._verdicts, doubted)

    # --- what changed -------------------------------------------------------------------------------------------------

    def on_claim(self, claim: NodeClaim | None, name: str) -> None:
        """The claim, or its Node, or the pods on it changed."""
        self.refusals.on_claim(name)
        node = self.state.node_of(claim) if claim else None
        self.emptiness.on_claim(claim, name, node)
        (self._joining.add if claim is not None and is_joining(claim, node) else self._joining.discard)(name)
        if (
            claim is not None
            and is_true(claim.status.conditions, names.DRIFTED)
            and not (node and is_marked(node, claim))
            and not claim.deleting
        ):
            self._put(claim, node)
        else:
            self._discard(name)
        self.nudge()

    def _put(self, claim: NodeClaim, node: Node | None) -> None:
        pool = claim.metadata.labels.get(names.NODEPOOL, "")
        queue = self.queues.setdefault(pool, DriftQueue())
        empty = node is None or not any(map(is_reschedulable, self.state.bound_to(node.name)))
        last = node is not None and node.name == self.own_node
        queue.put(claim.name, order_key(claim, empty=empty, seed=self.declared.settings.seed, last=last))
        if node is not None:
            self.release(waits_for_node(node.name))

    def _discard(self, name: str) -> None:
        self.blocked_since.pop(name, None)
        self._verdicts.forget(name)
        self.refusals.forget(name)
        for queue in self.queues.values():
            queue.discard(name)

    def forget(self) -> None:
        """Leadership is lost: whoever leads next starts from what the API server holds."""
        self.queues.clear()
        self.blocked_since.clear()
        self.refusals.forget_all()
        self._starting.clear()
        self._doubtful.clear()
        self._joining.clear()
        self.emptiness.forget()
        self._forget_ticks()

    def _forget_ticks(self) -> None:
        """Also when the clock is turned: what was to come by the old one may be months away by the new."""
        self._idle_since = self._polls_at = None
        self._nudged = False

    def begin(self, now: datetime) -> None:
        """The loop has been running. When it looks, nobody knows; here it follows from the seed."""
        phase = EPOCH + TICK * quantile_share(self.declared.settings.seed, "disruption-loop", "")
        self._idle_since = phase + TICK * ((now - phase) // TICK)
        self._nudged = False

    def on_pdb(self, key: str) -> None:
        self.release(waits_for_pdb(key))
        self.on_room()

    def on_room(self) -> None:
        """A node, a pod, a pool or a class has changed. What that comes to is looked at once a pass."""
        if not self._nudged and any(queue.waits_for(WAITS_FOR_ROOM) for queue in self.queues.values()):
            self.nudge()

    def release(self, token: str) -> None:
        """Whoever was blocked by this is asked again."""
        released = [queue.release(token) for queue in self.queues.values()]  # all of them, not up to the first
        if any(released) or self.emptiness.empties:
            self.nudge()

    def nudge(self) -> None:
        """Something changed that a pass could come out differently for: look at the next tick."""
        if self._nudged:
            return
        waits = self._starting or self._doubtful or self._polls_at is not None or self.emptiness.busy
        if waits or any(self.queues.values()):
            self.wake(self._soonest(self.clock.now()))
            self._nudged = True

    def _soonest(self, now: datetime) -> datetime:
        """When a pass could begin. Waking for each of the thousands of changes during one would cost more than it."""
        if self._passing:
            return now + TICK
        return self._tick(now) if self._polls_at is None else self._poll(self._polls_at, now)

    def _poll(self, due: datetime, now: datetime) -> datetime:
        """When claims to be launched are looked at next: once it is due, or at an instant at which they would be."""
        return due if self.polls else tick_from(due, UNSYNCED_TICK, now)

    def _tick(self, at: datetime) -> datetime:
        """The first tick at or after an instant: passes are 10 s apart since the last that found nothing to do."""
        return at if self._idle_since is None or at <= self._idle_since else tick_from(self._idle_since, TICK, at)

    # --- one pass -----------------------------------------------------------------------------------------------------

    async def reconcile(self, _: str) -> datetime | None:
        self._passing, self._nudged = True, False
        try:
            return await self._pass()
        finally:
            self._passing = self._nudged = False

    async def _pass(self) -> datetime | None:
        await self._settle_doubts()
        now = self.clock.now()
        if (too_early := self._too_early(now)) is not None:
            return too_early
        if not self._synced():
            self._polls_at = now + UNSYNCED_TICK
            if not self.polls:
                return None
            return max(self._polls_at, self.clock.timeline.virtual(self.clock.real() + UNSYNCED_LEAST))
        if any(self.queues.values()):
            await self.pause(self.pace.of_pass(len(self.state.nodes)))
            now = self.clock.now()
        self._ask_again(now)
        self._turn()
        self._tell_of_joining(now)
        with self._evaluation(EMPTY, EMPTY.lower()):
            go_on = await self.emptiness.look(now)
        if go_on is not None:
            self._idle_since = None
            return go_on
        for one_pass in (self._static_pass, self._dynamic_pass):
            with self._evaluation(DRIFTED):
                started = await one_pass(now)
            if started:
                self._idle_since = None
                return now
        self._idle_since = now = self.clock.now()
        self.emptiness.evaluate_underutilized(now)
        wakes = (queue.wake_at for queue in self.queues.values())
        at = earliest(*wakes, *self._budget_changes(now), self.emptiness.wake_at)
        return None if at is None else self._tick(at)

    def _too_early(self, now: datetime) -> datetime | None:
        """When the next pass is due; None if now. What changed during a pass is not a reason to begin another."""
        if self._polls_at is not None and now < (poll := self._poll(self._polls_at, now)):
            return poll
        self._polls_at = None
        if self._idle_since is not None and now < self._idle_since + TICK:
            return self._idle_since + TICK
        return None

    @contextmanager
    def _evaluation(self, reason: str, consolidation_type: str = "") -> Iterator[None]:
        """Times the operator's own work, on the real clock."""
        began = self.clock.real()
        try:
            yield
        finally:
            self.on_evaluated(reason, consolidation_type, max((self.clock.real() - began).total_seconds(), 0.0))

    def _ask_again(self, now: datetime) -> None:
        """Whoever is blocked by what has changed since, or by what time has ended."""
        room = (self.state.changes_of_room, self._scheduling.templates)
        changed, self._room = room != self._room, room
        for queue in self.queues.values():
            queue.release_due(now)
            if changed:
                queue.release(WAITS_FOR_ROOM)

    def _turn(self) -> None:
        """Among equals each command begins elsewhere. What is left says where, so that whoever looks comes to it."""
        for pool, queue in self.queues.items():
            queue.turn(origin(self.declared.settings.seed, pool, len(queue)))

    def _tell_of_joining(self, now: datetime) -> None:
        """As upstream, every pass says of each Node that is not initialized yet that it may not be disrupted."""
        for name in sorted(self._joining) if self.is_heard() else ():
            claim = self.state.claims[name]
            verdict = self._verdicts.of(claim, self.own_pod, now)
            for event in blocked_events(claim, self.state.node_of(claim), verdict):
                self.executor.record(event)

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
        """Of all pools, once anything is drifted: of one without drifted nodes, what is said of it changes."""
        if any(self.queues.values()):
            yield from (next_change(entry.budgets, now) for entry in self.declared.pools.values())

    def allowance(self, entry: NodePoolEntry, now: datetime) -> Allowance:
        """What the pool's budgets allow for drift now, disrupting nodes not subtracted."""
        return self._allowances.of(entry.pool.name, entry.budgets, self.state.count(entry.pool.name).total_nodes, now)

    def _remaining(self, entry: NodePoolEntry, now: datetime) -> int:
        return remaining(self.allowance(entry, now).allowed, self.state.count(entry.pool.name).disrupting_nodes)

    def _tell_of_budgets(self, now: datetime, *, static: bool) -> None:
        """As upstream, a method that has a candidate says of every pool, its own or not, that may disrupt none."""
        queues = [queue for _, queue in self._pools(static=static)]
        blocking = [entry.pool for entry in self.declared.pools.values() if queues and self._allows_none(entry, now)]
        if blocking and any(self._next_candidate(queue, now) for queue in queues):
            for pool in blocking:
                self.executor.record(blocking_budget(pool, DRIFTED))

    def _allows_none(self, entry: NodePoolEntry, now: datetime) -> bool:
        return self.state.count(entry.pool.name).total_nodes > 0 and not self.allowance(entry, now).allowed

    async def _static_pass(self, now: datetime) -> bool:
        self._tell_of_budgets(now, static=True)
        started = False
        for entry, queue in self._pools(static=True):
            for _ in range(min(self._remaining(entry, now), len(queue), self.static_room(entry.pool))):
                name = self._next_candidate(queue, now)
                if name is None:
                    break
                claim = self.state.claims[name]
                node = self.state.node_of(claim)
                assert node is not None  # the candidate passed its checks
                await self._start(entry, claim, self._replacements.static(entry, claim, node, now), now)
                started = True
        return started

    def static_room(self, pool: NodePool) -> int:
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
        self._tell_of_budgets(now, static=False)
        open_pools = {
            entry.pool.name: (entry, queue)
            for entry, queue in self._pools(static=False)
            if self._remaining(entry, now) > 0
        }
        self._scheduling.still = False
        while open_pools:
            heads = [
                (queue.turn_of(name), pool)
                for pool, (_, queue) in open_pools.items()
                if (name := queue.first()) is not None
            ]
            if not heads:
                return False
            entry, queue = open_pools[min(heads)[1]]
            if len(open_pools) == 1 and await self._refuse_still(entry, queue, now):
                now = self.clock.now()
                if self._remaining(entry, now) <= 0:
                    return False
                continue
            name = queue.first()
            if name is not None and self._must_wait(name, now):
                return False
            if name is None or not self._passes(queue, name, now):
                continue
            found = self._simulated(queue, name, now)  # with the cluster as it is when the simulation begins
            self._scheduling.still = await self.pause(self.pace.of_simulation(len(self.state.nodes)))
            now = self.clock.now()
            if self._remaining(entry, now) <= 0:
                del open_pools[entry.pool.name]
            elif found is not None and name == queue.first() and self._passes(queue, name, now):
                await self._start(entry, self.state.claims[name], self._replacements.placements(found), now)
                self._scheduling.nominate(found, now)
                return True
        return False

    async def _refuse_still(self, entry: NodePoolEntry, queue: DriftQueue, now: datetime) -> bool:
        """Set candidates aside as long as nothing goes on but time, which changes nothing; whether there was one."""
        if self.own_node or self.is_heard() or not self.refusals.are_timeless(entry.pool.name, now):
            return False
        takes, any_refused = self.pace.of_simulation(len(self.state.nodes)), False
        while self._scheduling.still and self._remaining(entry, now) > 0:
            over = self.refusals.pass_over(queue, takes, self._allowances.until(entry.pool.name), now)
            if over is None:
                name = queue.first()
                verdict = self.refusals.of(self.state.claims[name], now) if name is not None else None
                if name is None or verdict is None:
                    break
                self._may_pass(queue, self.state.claims[name], verdict, now)
            self._scheduling.still, any_refused = over or await self.pause(takes), True
            now = self.clock.now()
        return any_refused

    def _must_wait(self, name: str, now: datetime) -> bool:
        """Whether it is the operator's own node, and others may still go, or are on their way.

        Those that are blocked, or whose pool's budgets allow nothing now, are not waited for. While claims are still
        being looked at, it may be the first that is marked, not the last.
        """
        node = self.state.node_of(self.state.claims[name]) if self.own_node else None
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
        if self.is_heard():
            for event in self._verdicts.protection_events(self.state.node_of(claim), now):
                self.executor.record(event)
        return self._may_pass(queue, claim, self._verdicts.of(claim, self.own_pod, now), now)

    def _may_pass(self, queue: DriftQueue, claim: NodeClaim, verdict: Verdict, now: datetime) -> bool:
        if verdict.allowed:
            self.blocked_since.pop(claim.name, None)
            self.refusals.forget(claim.name)
            return True
        if is_heard := self.is_heard():
            verdict = verdict.told()
        queue.block(claim.name, verdict)
        self.refusals.note(claim.name, verdict)
        self.blocked_since.setdefault(claim.name, now)
        if is_heard:
            for event in blocked_events(claim, self.state.node_of(claim), verdict):
                self.executor.record(event)
        return False

    def _simulated(self, queue: DriftQueue, name: str, now: datetime) -> Simulation | None:
        """Where the pods of a candidate would go; None when they cannot, and it is set aside."""
        claim = self.state.claims[name]
        node = self.state.node_of(claim)
        assert node is not None  # the candidate passed its checks
        found = self._replacements.simulated(claim, node, now)
        return found if self._may_pass(queue, claim, found.verdict, now) else None

    # --- the start of a command ---------------------------------------------------------------------------------------

    async def _start(
        self, entry: NodePoolEntry, claim: NodeClaim, placements: tuple[Placement, ...], now: datetime
    ) -> None:
        node = self.state.node_of(claim)
        assert node is not None  # the candidate passed its checks
        coming = {name for wanted in self._starting.values() for name in wanted}
        command = commands.drift_command(
            claim, placements, now, lambda name: name in coming or name in self.state.claims
        )
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
