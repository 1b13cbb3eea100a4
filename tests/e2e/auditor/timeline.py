"""The time line of a cluster's Nodes and NodeClaims, replayed from the writes of the audit log.

Each change carries how its pool stood before and after it, counted as Karpenter counts for budgets (v1.14.0
``BuildDisruptionBudgetMapping``): *total* are the initialized nodes of a NodeClaim whose instance is not terminating;
*disrupting* are those of them that are tainted or marked, whose claim is being deleted, or that are not Ready. A Node
that is replaced in place is one disrupting node from its taint to the end of it, also between two NodeClaims. The
counting is the auditor's own: it shares no code with what it audits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from tests.e2e.auditor.writes import (
    DISRUPTION_REASON,
    INSTANCE_TERMINATING,
    ClaimState,
    LeaseState,
    NodeState,
    State,
    Write,
    in_order,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pool stands at one instant, in nodes. ``alive`` are NodeClaims whose instance is wanted or still works."""

    total: int = 0
    disrupting: int = 0
    alive: int = 0

    def __add__(self, other: Standing) -> Standing:
        return Standing(self.total + other.total, self.disrupting + other.disrupting, self.alive + other.alive)

    def __sub__(self, other: Standing) -> Standing:
        return Standing(self.total - other.total, self.disrupting - other.disrupting, self.alive - other.alive)


NOTHING: Final = Standing()
ONE_DISRUPTING: Final = Standing(total=1, disrupting=1, alive=1)
T = TypeVar("T", NodeState, ClaimState, LeaseState)


@dataclass(frozen=True, slots=True)
class Change:
    """One write, the object before it, and the object's pool before and after it.

    ``chosen`` is the NodeClaim (or Node without one) that this write newly disrupted: tainted, marked or deleted,
    whichever came first; empty otherwise.
    """

    write: Write
    before: State | None
    pool: str = ""
    earlier: Standing = NOTHING
    standing: Standing = NOTHING
    chosen: str = ""

    @property
    def instant(self) -> datetime:
        """When the API server had answered (real time, UTC)."""
        return self.write.completed


@dataclass(slots=True)
class Milestones:
    """What one NodeClaim went through, each instant in real time (UTC) or None if it never came to that."""

    claim: str
    pool: str = ""
    node: str = ""
    replaces: str = ""
    reason: str = ""
    image: str = ""
    created: datetime | None = None
    launched: datetime | None = None
    registered: datetime | None = None
    initialized: datetime | None = None
    drifted: datetime | None = None
    tainted: datetime | None = None
    deleting: datetime | None = None
    drained: datetime | None = None
    terminating: datetime | None = None
    gone: datetime | None = None


@dataclass(slots=True)
class Timeline:
    """All changes in order, what is left at the end, and every claim's milestones by its uid.

    ``reasons`` holds by claim name what its condition DisruptionReason ever gave as reason; ``claim_of`` by the name of
    a Node that is left its NodeClaim's name, which need not be left.
    """

    changes: list[Change] = field(default_factory=list)
    nodes: dict[str, NodeState] = field(default_factory=dict)
    claims: dict[str, ClaimState] = field(default_factory=dict)
    milestones: dict[str, Milestones] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    claim_of: dict[str, str] = field(default_factory=dict)

    @property
    def end(self) -> datetime:
        """The instant of the last change. Raises IndexError on an empty time line."""
        return self.changes[-1].instant


def replay(writes: Iterable[Write]) -> Timeline:
    """The time line that the writes make, put into etcd's order first."""
    world = _World()
    for write in in_order(writes):
        world.apply(write)
    return world.finished()


class _World:
    """The cluster while it is replayed: the objects, which node belongs to which claim, and how the pools stand."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._nodes = self._timeline.nodes
        self._claims = self._timeline.claims
        self._leases: dict[str, LeaseState] = {}
        self._links = _Links()
        self._counted: dict[str, tuple[str, Standing]] = {}
        self._chosen: set[str] = set()
        self._pools: defaultdict[str, Standing] = defaultdict(Standing)

    def finished(self) -> Timeline:
        self._timeline.claim_of = {node.name: self._links.claim_of(node) for node in self._nodes.values()}
        return self._timeline

    def apply(self, write: Write) -> None:
        before = self._store(write)
        subject = write.state or before
        if isinstance(subject, LeaseState) or subject is None:
            self._timeline.changes.append(Change(write, before))
            return
        claim = subject.name if isinstance(subject, ClaimState) else self._links.claim_of(subject)
        earlier = self._pools[subject.pool]
        chosen = self._recount(claim, subject.pool)
        self._recount_vacant(subject)
        self._note(claim, subject, write)
        self._timeline.changes.append(Change(write, before, subject.pool, earlier, self._pools[subject.pool], chosen))

    def _store(self, write: Write) -> State | None:
        """Put the object in its place; answers what stood there."""
        state = write.state
        if state is not None:
            self._links.learn(state)
        match write.kind:
            case "nodes":
                return _replace(self._nodes, write.name, state if isinstance(state, NodeState) else None)
            case "nodeclaims":
                return _replace(self._claims, write.name, state if isinstance(state, ClaimState) else None)
            case "leases":
                return _replace(self._leases, write.name, state if isinstance(state, LeaseState) else None)

    def _node(self, claim: str) -> NodeState | None:
        state = self._claims.get(claim)
        name = self._links.node_of(state) if state else ""
        return self._nodes.get(name)

    def _recount(self, claim: str, pool: str) -> str:
        """Count the machine of that claim anew; answers the claim if this newly disrupted it, else nothing."""
        state, node = self._claims.get(claim), self._node(claim)
        old_pool, old = self._counted.pop(claim, (pool, NOTHING))
        self._pools[old_pool] -= old
        if state is None:
            self._chosen.discard(claim)
            return ""
        new = _standing(state, node)
        self._counted[claim] = (state.pool, new)
        self._pools[state.pool] += new
        machine = _vacancy(node.name) if node is not None and node.in_place else claim
        if not _marked(state, node):
            self._chosen.discard(machine)
            return ""
        newly = machine not in self._chosen
        self._chosen.add(machine)
        return claim if newly and new.total else ""

    def _recount_vacant(self, subject: NodeState | ClaimState) -> None:
        """Count the Node that is replaced in place while no claim stands for it."""
        name = subject.name if isinstance(subject, NodeState) else self._links.node_of(subject)
        node, key = self._nodes.get(name), _vacancy(name)
        pool, old = self._counted.pop(key, (subject.pool, NOTHING))
        self._pools[pool] -= old
        if node is None or not (node.in_place and node.disrupted):
            if node is None or not node.in_place:
                self._chosen.discard(key)
            return
        if self._links.claim_of(node) not in self._claims:
            self._counted[key] = (node.pool, ONE_DISRUPTING)
            self._pools[node.pool] += ONE_DISRUPTING

    def _note(self, claim: str, subject: NodeState | ClaimState, write: Write) -> None:
        """Write down which of the claim's milestones this write reached."""
        state = self._claims.get(claim) or (subject if isinstance(subject, ClaimState) else None)
        if state is None:
            return
        entry = self._timeline.milestones.setdefault(state.uid, Milestones(claim))
        node = self._node(claim)
        entry.pool, entry.replaces = state.pool, state.replaces
        if state.reason:
            entry.reason = self._timeline.reasons[claim] = state.reason
        reached = ["created", *(_MILESTONE_OF[type_] for type_ in state.true if type_ in _MILESTONE_OF)]
        if node is not None:
            entry.node, entry.image = node.name, node.image
            reached += ["tainted"] if node.disrupted else []
        reached += ["deleting"] if state.deleting else []
        reached += ["gone"] if claim not in self._claims else []
        for milestone in reached:
            if getattr(entry, milestone) is None:
                setattr(entry, milestone, write.completed)


class _Links:
    """Which Node belongs to which NodeClaim: by owner reference, else by provider id, else by ``status.nodeName``."""

    def __init__(self) -> None:
        self._node_by_owner: dict[str, str] = {}
        self._node_by_provider: dict[str, str] = {}
        self._claim_by_provider: dict[str, str] = {}
        self._claim_by_node: dict[str, str] = {}

    def learn(self, state: State) -> None:
        if isinstance(state, NodeState):
            if state.owner:
                self._node_by_owner[state.owner] = state.name
            if state.provider_id:
                self._node_by_provider[state.provider_id] = state.name
        elif isinstance(state, ClaimState):
            if state.provider_id:
                self._claim_by_provider[state.provider_id] = state.name
            if state.node:
                self._claim_by_node[state.node] = state.name

    def claim_of(self, node: NodeState) -> str:
        """The claim's name, or nothing for a node that no claim stands for."""
        return node.owner or self._claim_by_provider.get(node.provider_id) or self._claim_by_node.get(node.name, "")

    def node_of(self, claim: ClaimState) -> str:
        return self._node_by_owner.get(claim.name) or self._node_by_provider.get(claim.provider_id or "-") or claim.node


def _standing(claim: ClaimState, node: NodeState | None) -> Standing:
    """What one claim adds to its pool."""
    if node is not None and node.in_place and node.disrupted:
        return ONE_DISRUPTING
    if INSTANCE_TERMINATING in claim.true:
        return NOTHING
    if node is None or not node.initialized:
        return Standing(alive=0 if claim.deleting else 1)
    return Standing(total=1, disrupting=int(_marked(claim, node) or not node.ready), alive=1)


def _vacancy(node: str) -> str:
    """A key beside those of claims, for what is the Node's own."""
    return f"node/{node}"


def _marked(claim: ClaimState, node: NodeState | None) -> bool:
    return claim.deleting or DISRUPTION_REASON in claim.true or (node is not None and node.disrupted)


def _replace(objects: dict[str, T], name: str, state: T | None) -> T | None:
    before = objects.pop(name, None)
    if state is not None:
        objects[name] = state
    return before


_MILESTONE_OF: Final = {
    "Launched": "launched",
    "Registered": "registered",
    "Initialized": "initialized",
    "Drifted": "drifted",
    "Drained": "drained",
    INSTANCE_TERMINATING: "terminating",
}
