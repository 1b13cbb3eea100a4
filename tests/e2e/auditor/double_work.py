"""No work is done twice: one leader at a time, the replacements of one command for a claim, one Node for a claim."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias

from tests.e2e.auditor.record import Record
from tests.e2e.auditor.rules import Violation
from tests.e2e.auditor.timeline import Timeline
from tests.e2e.auditor.writes import ClaimState, LeaseState, NodeState, Write

Reigns: TypeAlias = Sequence[tuple[datetime, str]]


@dataclass(frozen=True, slots=True)
class NoDoubleWork:
    """Only the holder of the lease writes; no claim has two Nodes, or a replacement after it went, or two replacements,
    unless one command wanted both.

    Instances are told apart by the identity in their user agent, ``napsim/<version> (<identity>)``, which is the
    lease's ``holderIdentity``. Leases, access reviews and refused requests are no work. Between the instant at which
    the request of a new holder came in and the instant at which it was answered, both old and new count as holder.
    ``lease`` is ``namespace/name``, and a violation if nobody ever wrote it; without it, any Lease that an operator
    writes, and none is asked of an instance that is alone.
    """

    lease: str = ""
    name: ClassVar[str] = "NoDoubleWork"

    def check(self, record: Record) -> tuple[Violation, ...]:
        found = [*self._leaders(record), *self._replacements(record.timeline), *self._nodes(record.timeline)]
        return tuple(sorted(found, key=lambda violation: violation.instant))

    def _leaders(self, record: Record) -> Iterator[Violation]:
        changes = [write for write in _leases(record.timeline) if self.lease in ("", write.name)]
        if self.lease and not changes:
            objects = (f"lease/{self.lease}",)
            yield Violation(self.name, record.timeline.end, objects, "written by its holder", "never written")
            return
        instances = {act.agent.identity for act in record.acts}
        if not changes and len(instances) <= 1:
            return  # one instance that was told to elect no leader
        came_in = _reigns(changes, "received")
        answered = _reigns(changes, "completed")
        for act in record.acts:
            holder = _holder(answered, act.received)
            if act.agent.identity in (holder, _holder(came_in, act.received)) and act.agent.identity:
                continue
            allowed = f"writes by the holder of the lease, {holder or 'nobody'}"
            seen = f"{act.verb} by {act.agent.identity or 'an instance without identity'}"
            yield Violation(self.name, act.received, (f"{act.resource}/{act.name}",), allowed, seen)

    def _replacements(self, timeline: Timeline) -> Iterator[Violation]:
        alive: defaultdict[str, set[str]] = defaultdict(set)
        wanted: dict[str, frozenset[str]] = {}  # claim, or providerID of both -> what the command on its Node wants
        provided: dict[str, str] = {}
        gone: set[str] = set()
        for change in timeline.changes:
            state, name = change.write.state, change.write.name
            if isinstance(state, NodeState) and state.replacements:
                wanted[state.owner or state.provider_id] = state.replacements
            if isinstance(state, ClaimState):
                provided[name] = state.provider_id
            if change.write.kind != "nodeclaims":
                continue
            before = change.before
            if state is None or (isinstance(state, ClaimState) and state.deleting):
                gone |= {name} if state is None else set()
                if isinstance(before, ClaimState):
                    alive[before.replaces].discard(name)
            elif before is None and isinstance(state, ClaimState) and state.replaces:
                old = state.replaces
                of_command = wanted.get(old) or wanted.get(provided.get(old, ""), frozenset())
                together = {name, *alive[old]} <= of_command
                if (alive[old] and not together) or old in gone:
                    seen = f"also {', '.join(sorted(alive[old]))}" if alive[old] else f"{old} was gone already"
                    objects = (f"nodeclaim/{old}", f"nodeclaim/{name}")
                    yield Violation(self.name, change.instant, objects, "one replacement", seen)
                alive[old].add(name)

    def _nodes(self, timeline: Timeline) -> Iterator[Violation]:
        first: dict[str, str] = {}
        for change in timeline.changes:
            node = change.write.state
            if not isinstance(node, NodeState) or change.write.verb != "create":
                continue
            claim = node.owner or node.provider_id
            if claim in first:
                objects = (f"nodeclaim/{claim}", f"node/{node.name}")
                yield Violation(self.name, change.instant, objects, "one Node for a claim", f"also {first[claim]}")
            elif claim:
                first[claim] = node.name


def _leases(timeline: Timeline) -> Iterator[Write]:
    """The writes of leases that operators elect their leader by."""
    ours = {change.write.name for change in timeline.changes if _is_operators(change.write)}
    return (change.write for change in timeline.changes if change.write.kind == "leases" and change.write.name in ours)


def _is_operators(write: Write) -> bool:
    return write.kind == "leases" and write.agent.is_operator


def _reigns(writes: Sequence[Write], edge: str) -> Reigns:
    """Who held the lease from when on, oldest first; ``edge`` says which instant of a write counts."""
    reigns: list[tuple[datetime, str]] = []
    for write in writes:
        holder = write.state.holder if isinstance(write.state, LeaseState) else ""
        if not reigns or reigns[-1][1] != holder:
            reigns.append((getattr(write, edge), holder))
    return reigns


def _holder(reigns: Reigns, instant: datetime) -> str:
    at = bisect_right(reigns, instant, key=lambda reign: reign[0])
    return reigns[at - 1][1] if at else ""
