"""What must hold over a whole time line, each rule with its instant, its objects, what was allowed and what was seen.

A rule is a frozen value with ``check(record)``; it answers every violation, in order, never only the first.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from tests.e2e.auditor.budgets import Allowed, Budgets, ToVirtual, real_time, stated
from tests.e2e.auditor.record import Record
from tests.e2e.auditor.timeline import NOTHING, Change, Standing, Timeline
from tests.e2e.auditor.writes import DISRUPTION_REASON


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken once, at a real instant (UTC)."""

    rule: str
    instant: datetime
    objects: tuple[str, ...]
    allowed: str
    seen: str

    def __str__(self) -> str:
        names = ", ".join(self.objects)
        return f"{self.instant.isoformat()} {self.rule}: {names}: allowed {self.allowed}, seen {self.seen}"


class Rule(Protocol):
    """A statement about a whole run."""

    @property
    def name(self) -> str: ...

    def check(self, record: Record) -> tuple[Violation, ...]: ...


@dataclass(frozen=True, slots=True)
class BudgetNeverExceeded:
    """Whenever the operator disrupts one node more, the pool's disrupting nodes, this one included, are allowed.

    The budget is asked with the pool's total of that instant, on the virtual clock. Pools without a budget here are
    not looked at. What others do (a user deletes a claim, a kubelet stops) uses the budget, but is no violation of its
    own. ``reaction_seconds`` (real) forgives the operator what it could not have seen yet: what others did, or how a
    schedule turned, within that time before the request came in; 0 forgives nothing.
    """

    budgets: Budgets
    to_virtual: ToVirtual = real_time
    reaction_seconds: float = 0.0
    name: ClassVar[str] = "BudgetNeverExceeded"

    def check(self, record: Record) -> tuple[Violation, ...]:
        budgets = {pool: stated(budget) for pool, budget in self.budgets.items()}
        unseen: defaultdict[str, deque[Change]] = defaultdict(deque)
        found: list[Violation] = []
        for change in record.timeline.changes:
            if not change.write.agent.is_operator:
                unseen[change.pool].append(change)
            elif change.chosen and change.pool in budgets:
                verdict = self._judge(change, budgets[change.pool], record.timeline, unseen[change.pool])
                found.extend(verdict)
        return tuple(found)

    def _judge(
        self, change: Change, allowed: Allowed, timeline: Timeline, unseen: deque[Change]
    ) -> Iterator[Violation]:
        since = change.write.received - timedelta(seconds=self.reaction_seconds)
        while unseen and unseen[0].write.received < since:
            unseen.popleft()
        by_others = sum((_worsened(item) for item in unseen), NOTHING) if self.reaction_seconds else NOTHING
        total = change.standing.total + by_others.total
        disrupting = change.standing.disrupting - by_others.disrupting
        reason = timeline.reasons.get(change.chosen, "")
        limit = _most(
            allowed(change.pool, reason, total, self.to_virtual(instant)) for instant in (change.write.received, since)
        )
        if limit is not None and disrupting > limit:
            yield Violation(
                self.name,
                change.instant,
                (f"nodepool/{change.pool}", f"nodeclaim/{change.chosen}"),
                f"{limit} of {total}" + (f" for {reason}" if reason else ""),
                f"{disrupting} disrupting",
            )


def _worsened(change: Change) -> Standing:
    """What a change by somebody else took from the pool: nodes no longer counted, nodes newly disrupting."""
    moved = change.standing - change.earlier
    return Standing(total=max(-moved.total, 0), disrupting=max(moved.disrupting, 0))


def _most(limits: Iterator[int | None]) -> int | None:
    known = list(limits)
    return None if None in known else max(limit for limit in known if limit is not None)


@dataclass(frozen=True, slots=True)
class SurgeBounded:
    """Never more nodes of a pool at once than wanted and allowed on top of it.

    Nodes whose instance is terminating, and launches that are being given up, are on their way out and not counted.
    ``nodes`` is how many a pool is to have; pools without an entry are not looked at. ``more_nodes`` are forgiven, for
    pods that somebody else evicts: while they are pending a node can take two replacements, or a node comes for them.
    """

    nodes: Mapping[str, int]
    budgets: Budgets
    to_virtual: ToVirtual = real_time
    more_nodes: int = 0
    name: ClassVar[str] = "SurgeBounded"

    def check(self, record: Record) -> tuple[Violation, ...]:
        budgets = {pool: stated(self.budgets[pool]) for pool in self.nodes if pool in self.budgets}
        found = []
        for change in record.timeline.changes:
            standing = change.standing
            if change.pool not in budgets or standing.alive <= change.earlier.alive:
                continue
            instant = self.to_virtual(change.write.received)
            limit = budgets[change.pool](change.pool, "Drifted", standing.total, instant)
            if limit is not None and standing.alive > self.nodes[change.pool] + limit + self.more_nodes:
                objects = (f"nodepool/{change.pool}", f"nodeclaim/{change.write.name}")
                allowed = f"{self.nodes[change.pool]} + {limit}"
                found.append(Violation(self.name, change.instant, objects, allowed, f"{standing.alive} alive"))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class NothingLeaked:
    """At the end of the log nothing is left over, and every pool has the nodes it is to have.

    Left over are: a Node of a pool without NodeClaim, a NodeClaim without Node, a taint ``disrupted`` or
    ``unregistered``, a condition DisruptionReason, and an object that is being deleted and never went. ``nodes`` are
    the nodes expected by pool; pools without an entry may have any number. Objects named in ``except_for`` are meant
    to be in that state (a node whose drain a PodDisruptionBudget holds up on purpose).
    """

    nodes: Mapping[str, int] = field(default_factory=dict)
    except_for: frozenset[str] = frozenset()
    name: ClassVar[str] = "NothingLeaked"

    def check(self, record: Record) -> tuple[Violation, ...]:
        timeline = record.timeline
        left = [*_left_nodes(timeline), *_left_claims(timeline)]
        found = [
            Violation(self.name, timeline.end, (f"{kind}/{name}",), allowed, seen)
            for kind, name, allowed, seen in left
            if name not in self.except_for
        ]
        return (*found, *self._sizes(timeline))

    def _sizes(self, timeline: Timeline) -> Iterator[Violation]:
        have = Counter(node.pool for node in timeline.nodes.values())
        for pool, expected in self.nodes.items():
            if have[pool] != expected:
                objects = (f"nodepool/{pool}",)
                yield Violation(self.name, timeline.end, objects, f"{expected} nodes", f"{have[pool]} nodes")


def _left_nodes(timeline: Timeline) -> Iterator[tuple[str, str, str, str]]:
    for node in timeline.nodes.values():
        if not node.pool:
            continue
        if timeline.claim_of[node.name] not in timeline.claims:
            yield "node", node.name, "a NodeClaim for every Node", "no NodeClaim"
        if node.disrupted:
            yield "node", node.name, "no taint at the end", "taint karpenter.sh/disrupted"
        if node.unregistered:
            yield "node", node.name, "no taint at the end", "taint karpenter.sh/unregistered"
        if node.deleting:
            yield "node", node.name, "gone once deleted", "deletionTimestamp set, held by finalizers"


def _left_claims(timeline: Timeline) -> Iterator[tuple[str, str, str, str]]:
    with_node = set(timeline.claim_of.values())
    for claim in timeline.claims.values():
        if claim.name not in with_node:
            yield "nodeclaim", claim.name, "a Node for every NodeClaim", "no Node"
        if DISRUPTION_REASON in claim.true:
            yield "nodeclaim", claim.name, "no DisruptionReason at the end", f"DisruptionReason {claim.reason}"
        if claim.deleting:
            yield "nodeclaim", claim.name, "gone once deleted", "deletionTimestamp set, held by finalizers"
