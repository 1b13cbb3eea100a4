"""Whole clusters as hypothesis draws them: pools with budgets, claims, nodes, pods, PDBs and a clock.

Each node and pod is one choice out of a table of what there can be, so that a cluster costs little and shrinks well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
from hypothesis import strategies as st

from napsim.api import names
from napsim.controllers.counts import is_marked
from napsim.controllers.state import ClusterState
from napsim.core.budgets import DRIFTED, EMPTY, Budget
from napsim.core.candidates import Candidate, Surroundings, check
from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.objects import Condition, KubeObject, Node, NodeClaim, Pod, PodDisruptionBudget, Toleration
from napsim.core.pods import DISRUPTED
from napsim.core.reasons import Verdict
from tests.core.examples import NOW, claim, node, pdb, pod, true

T = TypeVar("T")
TICK: Final = timedelta(milliseconds=1)  # a fast clock tells no two instants apart that are nearer to each other
SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
POOLS: Final = ("a", "b")
CRITICAL: Final = "system-node-critical"
TIMELINES: Final = st.sampled_from([WALL_CLOCK, Timeline(NOW, NOW - timedelta(days=40), 60.0), Timeline(NOW, NOW, 7.5)])


def drifted(seconds: int) -> Condition:
    return Condition(names.DRIFTED, "True", "ImageDrift", "ImageDrift", NOW - seconds * SECOND)


# --- nodes ------------------------------------------------------------------------------------------------------------

_UP: Final = true(names.LAUNCHED, names.REGISTERED_CONDITION, names.INITIALIZED_CONDITION)
_LABELS: Final = {names.REGISTERED: "true", names.INITIALIZED: "true"}


@dataclass(frozen=True, slots=True)
class NodeKind:
    """A Node and its NodeClaim, where there are any: what is unusual about them."""

    claim: Mapping[str, Any] | None = field(default_factory=dict)
    node: Mapping[str, Any] | None = field(default_factory=dict)
    conditions: tuple[Condition, ...] = (*_UP, drifted(60))
    labels: Mapping[str, str] = field(default_factory=lambda: _LABELS)
    in_pool: bool = True


HEALTHY: Final = NodeKind()
LATER: Final = NodeKind(conditions=(*_UP, drifted(5)))
GRACEFUL: Final = NodeKind(claim={"grace": "5m"})
NODE_KINDS: Final = (
    HEALTHY,
    LATER,
    GRACEFUL,
    NodeKind(conditions=_UP),
    NodeKind(node={"ready": False}),
    NodeKind(claim=None),
    NodeKind(node=None),
    NodeKind(node=None, claim={"provider_id": ""}, conditions=(drifted(60),)),
    NodeKind(labels={names.REGISTERED: "true"}),
    NodeKind(claim={"deleted_at": NOW}),
    NodeKind(node={"deleted_at": NOW}),
    NodeKind(claim=None, node={"deleted_at": NOW}),
    NodeKind(conditions=(*_UP, drifted(60), *true(names.INSTANCE_TERMINATING))),
    NodeKind(node={"annotations": {names.COMMAND: "{}"}, "taints": (DISRUPTED,)}),
    NodeKind(node={"taints": (DISRUPTED,)}),
    NodeKind(node={"annotations": {names.DO_NOT_DISRUPT: "true"}}),
    NodeKind(node={"annotations": {names.DO_NOT_DISRUPT: "1h"}}),
    NodeKind(in_pool=False),
)


def claim_of(kind: NodeKind, number: int, pool: str) -> NodeClaim | None:
    if kind.claim is None:
        return None
    return claim(f"c{number}", labels={names.NODEPOOL: pool}, conditions=kind.conditions, **kind.claim)


def node_of(kind: NodeKind, number: int, pool: str) -> Node | None:
    if kind.node is None:
        return None
    labels = {**kind.labels, **({names.NODEPOOL: pool} if kind.in_pool else {})}
    return node(f"n{number}", of=f"c{number}", labels=labels, **kind.node)


# --- pods and PDBs ----------------------------------------------------------------------------------------------------

_EVERYTHING: Final = (Toleration(operator="Exists"),)
POD_KINDS: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {},
    {"ready": "False"},
    {"owner": "StatefulSet"},
    {"owner": "DaemonSet"},
    {"owner": "DaemonSet", "tolerations": _EVERYTHING},
    {"owner": "Node"},
    {"owner": ""},
    {"priority": CRITICAL},
    {"priority": CRITICAL, "owner": "DaemonSet"},
    {"phase": "Succeeded"},
    {"annotations": {names.DO_NOT_DISRUPT: "true"}},
    {"annotations": {names.DO_NOT_DISRUPT: "90s"}},
    {"annotations": {names.DO_NOT_DISRUPT: "4m"}},
    {"annotations": {names.DO_NOT_DISRUPT: "4m"}, "started_at": None},
    {"annotations": {names.DO_NOT_DISRUPT: "4m"}, "phase": "Failed"},
    {"annotations": {names.DO_NOT_DISRUPT: "0s"}},
    {"annotations": {names.DO_NOT_DISRUPT: "2m"}, "owner": "DaemonSet"},
    {"deleted_at": NOW - 20 * SECOND},
    {"deleted_at": NOW - 90 * SECOND},
    {"deleted_at": NOW + 40 * SECOND, "owner": "StatefulSet", "grace_seconds": 60},
    {"grace_seconds": 0},
    {"grace_seconds": 200},
)
PDB_KINDS: Final[tuple[Mapping[str, Any], ...]] = (
    {"allowed": 0},
    {"allowed": 1},
    {"allowed": 0, "always_allow": True},
    {"allowed": 0, "max_unavailable": 0},
    {"allowed": 0, "min_available": "100%", "always_allow": True},
)
APPS: Final = ("x", "y", "z")
PODS: Final = st.lists(st.tuples(st.sampled_from(POD_KINDS), st.sampled_from(APPS)), max_size=6)


def pods_of(drawn: Iterable[tuple[Mapping[str, Any], str]], on: str = "n0") -> tuple[Pod, ...]:
    return tuple(pod(f"p{number}", node=on, labels={"app": app}, **kind) for number, (kind, app) in enumerate(drawn))


# --- budgets ----------------------------------------------------------------------------------------------------------

BUDGETS: Final = st.lists(
    st.sampled_from([
        Budget("100%"), Budget("50%"), Budget("10%"), Budget("1"), Budget("2"), Budget("0"), Budget("ten"),
        Budget("0", "30 9 * * mon-fri", timedelta(hours=1)), Budget("1", "* 9 * * *", timedelta(minutes=2)),
        Budget("0", reasons=frozenset({EMPTY})), Budget("1", reasons=frozenset({DRIFTED, EMPTY})),
    ]),
    max_size=2,
)  # fmt: skip


# --- clusters ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class World:
    """A cluster at an instant. ``now`` is virtual."""

    now: datetime
    timeline: Timeline
    budgets: Mapping[str, tuple[Budget, ...]]
    claims: tuple[NodeClaim, ...]
    nodes: tuple[Node, ...]
    pods: tuple[Pod, ...]
    pdbs: tuple[PodDisruptionBudget, ...]

    @property
    def objects(self) -> list[KubeObject]:
        return [*self.claims, *self.nodes, *self.pods, *self.pdbs]


@st.composite
def worlds(draw: st.DrawFn, most_nodes: int = 5) -> World:
    kinds = draw(
        st.lists(st.tuples(st.sampled_from(NODE_KINDS), st.sampled_from(POOLS)), min_size=1, max_size=most_nodes)
    )
    numbered = [(kind, number, pool) for number, (kind, pool) in enumerate(kinds)]
    where = st.integers(0, len(kinds) - 1)
    placed = draw(st.lists(st.tuples(where, st.sampled_from(POD_KINDS), st.sampled_from(APPS)), max_size=6))
    guards = draw(st.lists(st.tuples(st.sampled_from(PDB_KINDS), st.sampled_from(APPS)), max_size=3))
    timeline = draw(TIMELINES)
    return World(
        now=timeline.virtual(NOW + draw(st.integers(0, 100)) * SECOND),
        timeline=timeline,
        budgets={pool: tuple(draw(BUDGETS)) for pool in POOLS},
        claims=tuple(made for item in numbered if (made := claim_of(*item)) is not None),
        nodes=tuple(up for item in numbered if (up := node_of(*item)) is not None),
        pods=tuple(
            pod(f"p{number}", node=f"n{on}", labels={"app": app}, **kind)
            for number, (on, kind, app) in enumerate(placed)
        ),
        pdbs=tuple(pdb(f"b{number}", labels={"app": app}, **kind) for number, (kind, app) in enumerate(guards)),
    )


def told(objects: Iterable[KubeObject]) -> ClusterState:
    """What is known after these objects were told of, in this order."""
    state = ClusterState()
    for item in objects:
        tell(state, None, item)
    return state


def tell(state: ClusterState, old: KubeObject | None, new: KubeObject | None) -> None:
    """One change, as informers tell it."""
    kind = type(new if new is not None else old)
    events: Mapping[type, Any] = {
        Node: state.on_node,
        NodeClaim: state.on_claim,
        Pod: state.on_pod,
        PodDisruptionBudget: state.on_pdb,
    }
    events[kind](old, new)


def verdict_on(state: ClusterState, found: NodeClaim, timeline: Timeline, now: datetime) -> Verdict:
    """May the claim's node be disrupted, as the disruption loop asks?"""
    on = state.node_of(found)
    candidate = Candidate(
        claim=found,
        node=on,
        pods=state.pods_on(on.name) if on else (),
        in_queue=on is not None and on.name in state.commands,
        marked_for_deletion=on is not None and is_marked(on, found),
    )
    return check(candidate, Surroundings(state.pdbs, timeline, now))


def renamed(item: Pod, suffix: str) -> Pod:
    """Another pod like it."""
    metadata = msgspec.structs.replace(item.metadata, name=f"{item.name}{suffix}", uid=f"{item.metadata.uid}{suffix}")
    return msgspec.structs.replace(item, metadata=metadata)


# --- time -------------------------------------------------------------------------------------------------------------


def holds_until(look: Callable[[datetime], T], now: datetime, wake_at: datetime | None, seconds: int = 600) -> bool:
    """Whether the answer is the same at every second before ``wake_at``, and another one there."""
    return same_before(look, now, wake_at, seconds) and (wake_at is None or look(wake_at) != look(now))


def same_before(look: Callable[[datetime], T], now: datetime, wake_at: datetime | None, seconds: int) -> bool:
    """Whether the answer is the same at every second before ``wake_at``; beyond ``seconds``, in ten steps."""
    first, end = look(now), wake_at or now + timedelta(days=7)
    near = (now + passed * SECOND for passed in range(1, seconds))
    far = (now + (end - now) * share / 10 for share in range(1, 10))
    return all(look(at) == first for at in (*near, *far, end - TICK) if now < at <= end - TICK)
