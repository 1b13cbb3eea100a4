"""Emptiness: the first thing that each pass of the disruption loop looks for, and what makes a node a candidate for it.

Mirrors karpenter v1.14.0 ``pkg/controllers/disruption/emptiness.go``, ``validation.go`` and the pod events of
``pkg/controllers/nodeclaim/podevents``. A decision waits 15 s (virtual); meanwhile the loop starts nothing else, as
upstream's does. Fails closed: a decision that was not started is gone with its operator, and made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.counts import is_marked
from napsim.controllers.declared import Declared, NodePoolEntry
from napsim.controllers.executor import Executor, Retry
from napsim.controllers.scheduling import NOMINATED_FOR
from napsim.controllers.state import ClusterState
from napsim.controllers.verdicts import Verdicts, blocked_events
from napsim.core import commands
from napsim.core.actions import IDLE, Event, Plan
from napsim.core.budgets import EMPTY, UNDERUTILIZED, allowed_by_reason, next_change, remaining
from napsim.core.candidates import DISRUPTED_CLASS_GRACEFUL, Surroundings, check
from napsim.core.clock import earliest
from napsim.core.emptiness import (
    VALIDATION_DELAY,
    EmptyNode,
    consolidate_after,
    decide,
    is_empty,
    is_pod_event,
    last_pod_event,
    order_key,
    validate,
    watch,
)
from napsim.core.inplace import adoption_of
from napsim.core.nodepools import NodePool
from napsim.core.objects import Node, NodeClaim, Pod, is_true
from napsim.core.reasons import Verdict

WHEN_EMPTY: Final = "WhenEmpty"
_NODEPOOL_DEDUPE_SECONDS: Final = 60.0


class PodEvents(msgspec.Struct):
    """When pods last came to a node or left it: what is noted here is written with the claim's next look."""

    declared: Declared
    noted: dict[str, datetime] = msgspec.field(default_factory=dict)  # NodeClaim -> virtual instant

    def on_pod(self, old: Pod | None, new: Pod | None, claim: NodeClaim, now: datetime) -> bool:
        """Whether the claim is to be looked at.

        Nothing is noted of a node on its way out, nor of one that is played in place; in a pool that never consolidates
        it is noted only, for when that changes.
        """
        if not is_pod_event(old, new) or claim.deleting or adoption_of(claim) is not None:
            return False
        known = (claim.status.last_pod_event_time, self.noted.get(claim.name))
        at = last_pod_event(max((item for item in known if item is not None), default=None), now)
        if at is None:
            return False
        self.noted[claim.name] = at
        entry = self.declared.pools.get(claim.metadata.labels.get(names.NODEPOOL, ""))
        return entry is not None and consolidate_after(entry.pool) is not None

    def plan(self, claim: NodeClaim, now: datetime) -> Plan:
        """lastPodEventTime and Consolidatable of a claim that is there to stay."""
        entry = self.declared.pools.get(claim.metadata.labels.get(names.NODEPOOL, ""))
        if entry is None or adoption_of(claim) is not None:
            return IDLE
        return watch(claim, entry.pool, self.noted.get(claim.name), now)


class _Proposal(msgspec.Struct, frozen=True):
    claims: tuple[str, ...]
    due: datetime


class Emptiness(msgspec.Struct):
    """``look`` is the part of a pass that is about empty nodes; ``on_claim`` keeps the index."""

    state: ClusterState
    declared: Declared
    clock: VirtualClock
    executor: Executor
    verdicts: Verdicts
    doubt: Callable[[str], None]  # a Node whose command may have been started
    on_emptied: Callable[[tuple[str, ...]], None] = lambda _: None  # one command, by the pools of its nodes
    on_invalidated: Callable[[int], None] = lambda _: None  # candidates that did not outlast the validation
    empties: set[str] = msgspec.field(default_factory=set)  # NodeClaims that are Consolidatable, with an empty Node
    consolidatable: dict[str, set[str]] = msgspec.field(default_factory=dict)  # NodePool -> its NodeClaims that are
    eligible: int = 0  # candidates of the last pass, before budgets
    wake_at: datetime | None = None  # when time alone may bring what this pass did not
    _nominated: dict[str, datetime] = msgspec.field(default_factory=dict)  # Node -> until when
    _proposal: _Proposal | None = None

    # --- what changed -------------------------------------------------------------------------------------------------

    def on_claim(self, claim: NodeClaim | None, name: str, node: Node | None) -> None:
        """The claim, its Node or the pods on it changed."""
        counts = (
            claim is not None
            and node is not None
            and is_true(claim.status.conditions, names.CONSOLIDATABLE)
            and not is_marked(node, claim)
            and adoption_of(claim) is None
        )
        empty = counts and node is not None and is_empty(self.state.bound_to(node.name))
        (self.empties.add if empty else self.empties.discard)(name)
        for claims in self.consolidatable.values():
            claims.discard(name)
        if counts and claim is not None:
            self.consolidatable.setdefault(claim.metadata.labels.get(names.NODEPOOL, ""), set()).add(name)

    def forget(self) -> None:
        """Leadership is lost."""
        self.empties.clear()
        self.consolidatable.clear()
        self._nominated.clear()
        self._proposal, self.wake_at, self.eligible = None, None, 0

    @property
    def busy(self) -> bool:
        """Whether a pass could find something to do, or to say."""
        return any(self.consolidatable.values()) or self._proposal is not None

    # --- one pass -----------------------------------------------------------------------------------------------------

    async def look(self, now: datetime) -> datetime | None:
        """When the loop is to go on: at once after a start, after the validation of what was decided.

        None: there is nothing to do about empty nodes, and drift may be looked at.
        """
        if self._proposal is None:
            self._proposal = self._propose(now)
        if self._proposal is None or now < self._proposal.due:
            return self._proposal.due if self._proposal else None
        proposal, self._proposal = self._proposal, None
        claims = self._validated(proposal, now)
        return now if claims and await self._start(claims, now) else None

    def _propose(self, now: datetime) -> _Proposal | None:
        candidates = self._candidates(now)
        self.eligible = len(candidates)
        if not candidates:
            return None
        claims = decide(candidates, self._remaining(EMPTY, now))
        return _Proposal(claims, now + VALIDATION_DELAY) if claims else None

    def _validated(self, proposal: _Proposal, now: datetime) -> tuple[str, ...]:
        found = validate(proposal.claims, self._candidates(now), self._remaining(EMPTY, now))
        if found.failed:
            self.on_invalidated(found.failed)
        return found.claims

    async def _start(self, claims: tuple[str, ...], now: datetime) -> bool:
        """Mark every node of one command. A node that cannot be marked is left out; Retry when none can."""
        command, pools, faults = commands.empty_command(now), dict[str, None](), list[Retry]()
        for name in claims:
            claim = self.state.claims[name]
            node = self.state.node_of(claim)
            assert node is not None  # the candidate passed its checks
            try:
                await self.executor.carry_out((commands.start(command, node),))
            except Retry as fault:
                self.doubt(node.name)  # no answer, or a refused repetition of what was carried out
                faults.append(fault)
            else:
                pools[claim.metadata.labels.get(names.NODEPOOL, "")] = None
        if faults and not pools:
            raise faults[0]
        self.on_emptied(tuple(pools))
        return bool(pools)

    # --- candidates ---------------------------------------------------------------------------------------------------

    def _candidates(self, now: datetime) -> list[EmptyNode]:
        """What may go, budgets aside, in its order. Nodes that may not are told of."""
        self.wake_at = earliest(*(next_change(entry.budgets, now) for entry in self._pools()))
        self._nominated = {node: until for node, until in self._nominated.items() if until > now}
        seed = self.declared.settings.seed
        found = [claim for claim in self._empty_claims() if self._may_go(claim, now)]
        found.sort(key=lambda claim: order_key(claim, seed))
        return [EmptyNode(claim.name, claim.metadata.labels[names.NODEPOOL]) for claim in found]

    def _pools(self) -> Iterator[NodePoolEntry]:
        """The pools with nodes that are Consolidatable."""
        for pool, claims in self.consolidatable.items():
            if claims and pool in self.declared.pools:
                yield self.declared.pools[pool]

    def _empty_claims(self) -> Iterator[NodeClaim]:
        for name in sorted(self.empties):
            claim = self.state.claims[name]
            entry = self.declared.pools.get(claim.metadata.labels.get(names.NODEPOOL, ""))
            if entry is not None and consolidate_after(entry.pool) is not None:
                yield claim

    def _may_go(self, claim: NodeClaim, now: datetime) -> bool:
        node, verdict = self.state.node_of(claim), self.verdict(claim, now)
        for event in self.verdicts.protection_events(node, now):
            self.executor.record(event)
        if verdict.allowed:
            return True
        self.wake_at = earliest(self.wake_at, verdict.wake_at)
        for event in blocked_events(claim, node, verdict):
            self.executor.record(event)
        return False

    def verdict(self, claim: NodeClaim, now: datetime) -> Verdict:
        """May the claim's node be deleted for being empty, budgets aside? Graceful: pods are never overruled."""
        node, seen = self.state.node_of(claim), self.verdicts.candidate(claim)
        until = [at for at in (seen.nominated_until, self._awaited_until(claim, node, now)) if at is not None]
        candidate = replace(seen, nominated_until=max(until, default=None), disruption_class=DISRUPTED_CLASS_GRACEFUL)
        return check(candidate, Surroundings(self.state.pdbs, self.clock.timeline, now))

    def _awaited_until(self, claim: NodeClaim, node: Node | None, now: datetime) -> datetime | None:
        """Policy: a node is nominated, too, while one that it replaces is leaving, or a pending pod fits there.

        Upstream nominates anew as long as it sees such pods. They are bound in real time, however fast the clock runs.
        """
        if node is None:
            return None
        replaces = claim.metadata.annotations.get(names.REPLACES, "") in self.state.claims
        if replaces or self.verdicts.has_room(node, self.state.pending.values()):
            self._nominated[node.name] = now + self.clock.timeline.patience(NOMINATED_FOR)
        return self._nominated.get(node.name)

    # --- budgets ------------------------------------------------------------------------------------------------------

    def _remaining(self, reason: str, now: datetime) -> dict[str, int]:
        """What the budgets of every pool have left for a reason; a pool with none at all says so."""
        left = {}
        for name, entry in self.declared.pools.items():
            count = self.state.count(name)
            allowed = allowed_by_reason(entry.budgets, reason, count.total_nodes, now).allowed
            if count.total_nodes and not allowed:
                self.executor.record(blocking_budget(entry.pool, reason))
            left[name] = remaining(allowed, count.disrupting_nodes)
        return left

    def evaluate_underutilized(self, now: datetime) -> dict[str, int]:
        """What is left for consolidation, which is not played: its budgets are evaluated where it would run."""
        wanted = any(entry.pool.spec.disruption.consolidation_policy != WHEN_EMPTY for entry in self._pools())
        return self._remaining(UNDERUTILIZED, now) if wanted else {}


def blocking_budget(pool: NodePool, reason: str) -> Event:
    """Karpenter's event for a pool whose budgets allow nothing for a reason (Drifted, Empty, Underutilized)."""
    message = f"No allowed disruptions for disruption reason {reason} due to blocking budget"
    return Event(
        "NodePool", pool.name, pool.metadata.uid, "DisruptionBlocked", message,
        dedupe=reason, dedupe_seconds=_NODEPOOL_DEDUPE_SECONDS,
    )  # fmt: skip
