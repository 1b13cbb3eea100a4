"""Writes down what happens: the trace, how pools stand over time, evictions, blocked nodes, pick-ups.

Told of changes by the controllers (``Counters``) and by the simulated cluster; costs what changed, not the cluster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import msgspec

from napsim.api import names
from napsim.core import commands
from napsim.core.budgets import PoolCount
from napsim.core.clock import Timeline
from napsim.core.commands import Command
from napsim.core.objects import Node, NodeClaim, is_true
from napsim.core.pickup import FORCED, Pickup
from napsim.core.reasons import Verdict
from napsim.core.trace import (
    Record,
    RecordKind,
    blocked_record,
    claim_records,
    is_same,
    node_records,
    pickup_records,
    unblocked_record,
    window_record,
)
from napsim.core.windows import WindowVerdict
from napsim.sim.budget_waits import BudgetWaits, Waiting
from napsim.sim.outcome import BlockedInterval, PickUp, PoolStep, WorkloadOutcome

TOLD: Final = frozenset({
    RecordKind.PICKED_UP, RecordKind.COMMAND_ROLLED_BACK, RecordKind.WINDOW_OPENED, RecordKind.WINDOW_CLOSED,
})  # fmt: skip
"""Records of the trace that reports tell of."""


class PoolCourse(msgspec.Struct):
    """One pool so far."""

    versions: Counter[str] = msgspec.field(default_factory=Counter)
    unfinished: set[str] = msgspec.field(default_factory=set)  # claims that drifted, and those that come for them
    unsettled: set[str] = msgspec.field(default_factory=set)  # claims on their way in or out, for whatever reason
    steps: list[PoolStep] = msgspec.field(default_factory=list)
    taken: list[tuple[datetime, str]] = msgspec.field(default_factory=list)  # and why
    quiet_since: datetime | None = None
    most: int = 0
    most_at: datetime | None = None
    replaced: int = 0
    given_up: list[datetime] = msgspec.field(default_factory=list)  # commands that were rolled back, since one was not


class _Evictions(msgspec.Struct):
    """``instants`` share their values with those of other workloads: a year of thousands of nodes has millions."""

    evicted: int = 0
    deleted: int = 0
    instants: list[tuple[datetime, int]] = msgspec.field(default_factory=list)


class _Blocked(msgspec.Struct, frozen=True):
    node: str
    pool: str
    verdict: Verdict
    since: datetime


class Recorder:
    """``begin`` forgets what was before the scenario's start. With ``pods`` each eviction is a record of the trace.

    ``brief``: of the trace only what reports tell of is kept, and nothing for each node.
    """

    def __init__(self, *, pods: bool, brief: bool = False) -> None:
        self.pods = pods and not brief
        self.brief = brief
        self.pools: dict[str, PoolCourse] = {}
        self.pick_ups: list[PickUp] = []
        self.blocked: list[BlockedInterval] = []
        self.budget_waits = BudgetWaits()
        self.problems: dict[str, None] = {}
        self.trace: list[Record] = []
        self.most = 0
        self.most_at: datetime | None = None
        self.dirty: set[str] = set()
        self._evictions: dict[str, _Evictions] = {}
        self._instant: dict[int, tuple[datetime, int]] = {}  # of the last eviction: so many pods of one workload then
        self._texts: dict[str, str] = {}
        self._counts: dict[tuple[str, int], tuple[str, int]] = {}  # a version, and so many nodes
        self._held: dict[str, _Blocked] = {}
        self._released: set[str] = set()  # of those, in this instant
        self._deleted_for: dict[str, str] = {}  # claims on their way out, and why

    def begin(self) -> None:
        """From here on it counts."""
        for course in self.pools.values():
            course.steps.clear()
            course.taken.clear()
            course.given_up.clear()
            course.most, course.most_at, course.replaced, course.quiet_since = 0, None, 0, None
        self.pick_ups.clear()
        self.blocked.clear()
        self.budget_waits.clear()
        self.trace.clear()
        self.most, self.most_at = 0, None
        self._evictions.clear()
        self.dirty.update(self.pools)

    def found(self, nodes: Iterable[Node], claims: Iterable[NodeClaim]) -> None:
        """What is there before the controllers tell of changes."""
        for place in filter(None, map(_place, nodes)):
            self.pool(place[0]).versions[place[1]] += 1
        for claim in claims:
            self._stands(claim, claim)

    def pool(self, name: str) -> PoolCourse:
        course = self.pools.get(name)
        if course is None:
            course = self.pools[name] = PoolCourse()
            self.dirty.add(name)
        return course

    # --- what the controllers tell ------------------------------------------------------------------------------------

    def on_decision(self, decision: str, pool: str) -> None:
        """The trace has it from the Node."""

    def on_emptied(self, pools: tuple[str, ...]) -> None:
        """The trace has it from the Nodes."""

    def on_invalidated(self, candidates: int) -> None:
        """Nothing came of it."""

    def on_evaluated(self, reason: str, consolidation_type: str, seconds: float) -> None:
        """A simulation's own time is no one's concern."""

    def on_failed(self, command: Command, uninitialized: int) -> None:
        """The trace has it from the Node."""

    def on_node(
        self,
        old: Node | None,
        new: Node | None,
        claim: NodeClaim | None,
        timeline: Timeline,  # noqa: ARG002 - the name is the protocol's
        now: datetime,
    ) -> None:
        if not self.brief or (old is not None and names.COMMAND in old.metadata.annotations):
            self._note(node_records(old, new, now))  # in brief, only commands that were rolled back
        before, after = _place(old), _place(new)
        if after is not None and _is_given_up(old, new):
            self.pool(after[0]).given_up.append(now)
        if new is not None and after is not None and _is_taken(new) and not _is_taken(old):
            self.pool(after[0]).taken.append((now, self._why(new, claim)))
        if before != after:
            for place, sign in ((before, -1), (after, 1)):
                if place is not None:
                    versions = self.pool(place[0]).versions
                    versions[place[1]] += sign
                    if not versions[place[1]]:
                        del versions[place[1]]
        for place in (before, after):
            if place is not None:
                self.dirty.add(place[0])

    def on_claim(
        self,
        old: NodeClaim | None,
        new: NodeClaim | None,
        timeline: Timeline,  # noqa: ARG002 - the name is the protocol's
        now: datetime,
    ) -> None:
        if not self.brief:
            self.trace.extend(claim_records(old, new, now))
        claim = new or old
        assert claim is not None
        course = self._stands(claim, new)
        if new is None:
            self._deleted_for.pop(claim.name, None)
            course.replaced += commands.replaces(claim)
            if commands.replaces(claim):
                course.given_up.clear()

    def _stands(self, claim: NodeClaim, new: NodeClaim | None) -> PoolCourse:
        """Whether the claim, as it is now, is on its way, or to be replaced."""
        name = claim.metadata.labels.get(names.NODEPOOL, "")
        course = self.pool(name)
        (course.unfinished.add if _is_unfinished(new) else course.unfinished.discard)(claim.name)
        (course.unsettled.add if _is_unsettled(new) else course.unsettled.discard)(claim.name)
        self.dirty.add(name)
        return course

    def _why(self, node: Node, claim: NodeClaim | None) -> str:
        """The reason of its command, or what its claim was deleted for; where others deleted that, ``Deleted``."""
        try:
            command = commands.recorded(node)
        except msgspec.DecodeError:  # somebody else wrote it
            command = None
        if command is not None:
            return command.reason
        reason = self._deleted_for.get(claim.name, "") if claim is not None else ""
        return "".join(word.capitalize() for word in (reason or "deleted").split("_"))

    def _note(self, records: Iterable[Record]) -> None:
        self.trace += (record for record in records if not self.brief or record.kind in TOLD)

    # --- what the cluster tells ---------------------------------------------------------------------------------------

    def claim_deleted(self, claim: str, reason: str, now: datetime) -> None:
        """A NodeClaim is asked to go."""
        self._deleted_for[claim] = reason
        self._note((Record(now, RecordKind.CLAIM_DELETED, f"NodeClaim/{claim}", reason),))

    def evicted(self, pod: str, workload: str, node: str, now: datetime) -> None:
        """An eviction was granted."""
        found = self._evictions.setdefault(workload, _Evictions())
        found.evicted += 1
        if found.instants and found.instants[-1][0] == now:
            found.instants[-1] = self._at(now, found.instants[-1][1] + 1)
        else:
            found.instants.append(self._at(now, 1))
        if self.pods:
            details = {"node": node, "workload": workload}
            self.trace.append(Record(now, RecordKind.POD_EVICTED, f"Pod/{pod}", details=details))

    def _at(self, now: datetime, pods: int) -> tuple[datetime, int]:
        """The pair, the same one for every workload."""
        if self._instant and self._instant[1][0] is not now:
            self._instant = {}
        self._instant.setdefault(1, (now, 1))
        return self._instant.setdefault(pods, (now, pods))

    def deleted(self, pod: str, workload: str, node: str, grace_seconds: int, now: datetime) -> None:
        """A pod was deleted for lack of time, whatever its PDB says."""
        self._evictions.setdefault(workload, _Evictions()).deleted += 1
        if self.pods:
            details = {"node": node, "workload": workload, "graceSeconds": str(grace_seconds)}
            self.trace.append(Record(now, RecordKind.POD_DELETED, f"Pod/{pod}", details=details))

    def picked_up(self, node_class: str, pickup: Pickup, now: datetime) -> None:
        for change in pickup.changes:
            rule = str(change.rule)
            found = PickUp(
                now, node_class, change.definition, change.from_version, change.to_version, rule, change.message,
                change.rule in FORCED,
            )  # fmt: skip
            self.pick_ups.append(found)
        self.trace.extend(pickup_records(node_class, pickup, now))

    def window(self, name: str, verdict: WindowVerdict, now: datetime) -> None:
        self.trace.append(window_record(name, verdict, now))

    def problem(self, text: str) -> None:
        """Something that the scenario holds cannot be used."""
        self.problems[text] = None

    # --- blocked ------------------------------------------------------------------------------------------------------

    def holds(self, claim: str, verdict: Verdict) -> bool:
        """Whether the candidate was set aside by such a verdict already, so that there is nothing to note."""
        held = self._held.get(claim)
        if held is None or not is_same(held.verdict, verdict):
            return False
        self._released.discard(claim)
        return True

    def block(self, claim: str, node: str, pool: str, verdict: Verdict, now: datetime) -> None:
        """A candidate is set aside. The same again, be it asked anew in between, is the same interval."""
        if self.holds(claim, verdict):
            return
        held = self._held.get(claim)
        if held is not None:
            self._released.discard(claim)
            self._close(claim, held, now)
        self._held[claim] = _Blocked(node, pool, verdict.told(), now)
        self.dirty.add(pool)  # one node less that waits for nothing but the budget
        self._note((blocked_record(claim, node, verdict, now),))

    def unblock(self, claim: str) -> None:
        """It is asked anew, or gone: once the instant is over, it is known what came of it."""
        if claim in self._held:
            self._released.add(claim)

    def _let_go(self, now: datetime) -> None:
        for claim in sorted(self._released):
            held = self._held.pop(claim)
            self._close(claim, held, now)
            self._note((unblocked_record(claim, held.verdict, now),))
        self._released.clear()

    def _close(self, claim: str, held: _Blocked, until: datetime | None) -> None:
        verdict = held.verdict
        message = self._texts.setdefault(verdict.message, verdict.message)
        self.blocked.append(
            BlockedInterval(
                held.node, claim, held.pool, verdict.reason.value, message, held.since, until, verdict.wake_at
            )
        )

    def given_up(self, pool: str) -> tuple[datetime, ...]:
        """When commands of the pool were rolled back, since one of its nodes was replaced."""
        return tuple(self.pools[pool].given_up)

    def still_blocked(self, pool: str) -> Counter[str]:
        """Nodes of the pool that are blocked now, by the sentence that says why."""
        return Counter(held.verdict.message for held in self._held.values() if held.pool == pool)

    def all_blocked(self) -> tuple[BlockedInterval, ...]:
        """Those that are over, and those that are not, by when they began."""
        for claim in sorted(self._held):
            self._close(claim, self._held[claim], None)
        self._held.clear()
        return tuple(sorted(self.blocked, key=lambda item: (item.since, item.node_claim)))

    # --- over time ----------------------------------------------------------------------------------------------------

    def flush(
        self,
        now: datetime,
        count: Callable[[str], PoolCount],
        allowed: Callable[[str], int],
        is_behind: Callable[[str], bool],
        waiting: Callable[[str], Waiting | None],
    ) -> None:
        """The instant is over: how do the pools that changed stand?

        ``is_behind``: an image is to be picked up, or what leaves never got it. ``waiting``: whom budgets hold that
        allow nothing.
        """
        if self._released:
            self._let_go(now)
            self.dirty.update(self.pools)
        for name in sorted(self.dirty):
            course, nodes = self.pool(name), count(name)  # a Node's label may name any pool
            versions, last = self._versions(course), course.steps[-1] if course.steps else None
            step = PoolStep(now, nodes.total_nodes, nodes.disrupting_nodes, allowed(name), versions)
            if last is None or _differs(last, step):
                course.steps.append(step)
            if nodes.disrupting_nodes > course.most:
                course.most, course.most_at = nodes.disrupting_nodes, now
            self.budget_waits.look(name, None if step.allowed else waiting(name), now)
            quiet = not course.unfinished and not is_behind(name)
            course.quiet_since = (course.quiet_since or now) if quiet else None
        self.dirty.clear()
        everywhere = sum(course.steps[-1].disrupting for course in self.pools.values() if course.steps)
        if everywhere > self.most:
            self.most, self.most_at = everywhere, now

    def _versions(self, course: PoolCourse) -> tuple[tuple[str, int], ...]:
        """The same pairs for the same numbers, and the same value for as long as they are what they are."""
        found = tuple(self._counts.setdefault(pair, pair) for pair in sorted(course.versions.items()))
        last = course.steps[-1].versions if course.steps else None
        return last if last == found else found

    @property
    def has_news(self) -> bool:
        """Whether something is to be looked at once the instant is over."""
        return bool(self.dirty or self._released)

    @property
    def quiet(self) -> bool:
        """Whether all pools are on the newest images, and no node is on its way."""
        return all(course.quiet_since is not None and not course.unsettled for course in self.pools.values())

    def workloads(self) -> tuple[WorkloadOutcome, ...]:
        return tuple(
            WorkloadOutcome(name, found.evicted, found.deleted, tuple(found.instants))
            for name, found in sorted(self._evictions.items())
        )


def _differs(one: PoolStep, other: PoolStep) -> bool:
    return (one.nodes, one.disrupting, one.allowed, one.versions) != (
        other.nodes, other.disrupting, other.allowed, other.versions,
    )  # fmt: skip


def _place(node: Node | None) -> tuple[str, str] | None:
    if node is None or names.NODEPOOL not in node.metadata.labels:
        return None
    return node.metadata.labels[names.NODEPOOL], node.metadata.labels.get(names.NODE_IMAGE_VERSION, "")


def _is_taken(node: Node | None) -> bool:
    """Whether the node is to go: by a command, or for whatever else its claim was deleted. A silent one is not."""
    if node is None or node.metadata.labels.get(names.INITIALIZED) != "true":
        return False
    return node.deleting or names.COMMAND in node.metadata.annotations


def _is_given_up(old: Node | None, new: Node | None) -> bool:
    """Whether its command was rolled back: the node stays."""
    if old is None or new is None or new.deleting:
        return False
    return names.COMMAND in old.metadata.annotations and names.COMMAND not in new.metadata.annotations


def _is_unfinished(claim: NodeClaim | None) -> bool:
    """Whether the claim is to be replaced for drift, or replaces one that is."""
    if claim is None:
        return False
    conditions = claim.status.conditions
    replaces = names.REPLACES in claim.metadata.annotations
    return is_true(conditions, names.DRIFTED) or (replaces and not is_true(conditions, names.INITIALIZED_CONDITION))


def _is_unsettled(claim: NodeClaim | None) -> bool:
    if claim is None:
        return False
    return claim.deleting or not is_true(claim.status.conditions, names.INITIALIZED_CONDITION)
