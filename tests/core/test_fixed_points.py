"""A second look without a change does nothing: what a decision wants done, once done, it does not want again."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from napsim.api import names
from napsim.core import commands, emptiness, lifecycle
from napsim.core.actions import (
    Action,
    DeleteNode,
    DeleteNodeClaim,
    DeletePod,
    Event,
    EvictPod,
    PatchNode,
    PatchNodeClaim,
    Plan,
    SetNodeClaimStatus,
    patched_claim,
    patched_node,
    with_status,
)
from napsim.core.clock import Timeline, rfc3339
from napsim.core.hash_migration import AKSNODECLASS_KEYS, NODEPOOL_KEYS, HashKeys, migrate_hash
from napsim.core.instances import CLOUD_UNINITIALIZED
from napsim.core.nodepools import NodePool, Placement
from napsim.core.objects import Condition, Node, NodeClaim, Pod, Taint
from napsim.core.pdbs import PdbIndex
from napsim.core.pods import DISRUPTED
from napsim.core.termination import Instant, Terminating, of_node
from tests.core.drawn import MINUTE, PODS, SECOND, TIMELINES, holds_until, pods_of, same_before
from tests.core.examples import NOW, claim, node, true

SHUFFLES: Final = st.randoms(use_true_random=False)


@dataclass(frozen=True)
class Leaving:
    """A node, its claim and its pods: actions are carried out on them as an API server would."""

    node: Node | None
    claim: NodeClaim
    pods: tuple[Pod, ...]
    real: datetime

    def after(self, actions: Iterable[Action]) -> Leaving:
        result = self
        for action in actions:
            result = result._after(action)
        return result

    def _after(self, action: Action) -> Leaving:
        match action:
            case PatchNode() if self.node is not None:
                return replace(self, node=_kept(patched_node(self.node, action)))
            case DeleteNode() if self.node is not None:
                return replace(self, node=_deleted(self.node, self.real))
            case PatchNodeClaim():
                return replace(self, claim=patched_claim(self.claim, action))
            case SetNodeClaimStatus():
                return replace(self, claim=with_status(self.claim, action))
            case DeleteNodeClaim():
                return replace(self, claim=_deleted(self.claim, self.real))
            case EvictPod(pod):
                return self._without(pod, pod.spec.termination_grace_period_seconds)
            case DeletePod(pod, seconds):
                return self._without(pod, seconds)
            case _:
                return self

    def _without(self, pod: Pod, seconds: int) -> Leaving:
        """The pod is terminating. A second deletion counts from the first, and only if it leaves less time."""
        metadata = pod.metadata
        if metadata.deletion_timestamp is None:
            gone = _deleted(pod, self.real + seconds * SECOND, seconds)
        else:
            before = metadata.deletion_grace_period_seconds
            granted = pod.spec.termination_grace_period_seconds if before is None else before
            shorter = _deleted(pod, metadata.deletion_timestamp - (granted - seconds) * SECOND, seconds)
            gone = shorter if seconds < granted else pod
        return replace(self, pods=tuple(gone if item.key == pod.key else item for item in self.pods))


def _kept(item: Node) -> Node | None:
    """A deleted Node is gone with its finalizer."""
    return None if item.deleting and not item.metadata.finalizers else item


def _deleted(item: Any, at: datetime, seconds: int = 0) -> Any:
    fields = {"deletion_timestamp": at, "deletion_grace_period_seconds": seconds}
    return msgspec.structs.replace(item, metadata=msgspec.structs.replace(item.metadata, **fields))


def doing(plan: Plan) -> tuple[Action, ...]:
    """What a plan does, but for what it says."""
    return tuple(action for action in plan.actions if not isinstance(action, Event))


# --- termination ------------------------------------------------------------------------------------------------------

STAGES: Final = st.sampled_from([
    (),
    (Condition(names.DRAINED, "Unknown", "Draining", "", NOW),),
    (Condition(names.DRAINED, "Unknown", "Draining", "", NOW - 10 * SECOND),),
    (*true(names.DRAINED), Condition(names.VOLUMES_DETACHED, "Unknown", "AwaitingVolumeDetachment", "", NOW)),
    true(names.DRAINED, names.VOLUMES_DETACHED, names.INSTANCE_TERMINATING),
])  # fmt: skip
DEADLINES: Final = st.none() | st.integers(-60, 400).map(lambda seconds: NOW + seconds * SECOND)
DETACHED: Final = st.sampled_from([timedelta(0), 20 * SECOND])


def terminating(
    stage: tuple[Condition, ...], deadline: datetime | None, pods: Any, real: datetime, *, both: bool
) -> Leaving:
    """``both``: the claim is deleted too, as when the deletion began with it."""
    annotations = {} if deadline is None else {names.TERMINATION_TIMESTAMP: rfc3339(deadline)}
    owner = claim("c", conditions=stage, annotations=annotations, deleted_at=NOW if both else None)
    return Leaving(node("n0", of="c", deleted_at=NOW), owner, pods_of(pods), real)


def look(at: Leaving, attachments: tuple[str, ...], detach: timedelta, now: Instant) -> Plan:
    if at.node is None:
        return Plan()
    return of_node(Terminating(at.node, at.claim, at.pods, attachments), PdbIndex(), detach, now)


@settings(max_examples=40)
@given(STAGES, DEADLINES, PODS, st.booleans(), st.booleans(), DETACHED, st.integers(0, 100))
def test_a_node_that_leaves_is_left_alone_once_all_was_done(
    stage: Any, deadline: Any, pods: Any, both: bool, attached: bool, detach: timedelta, after: int
) -> None:
    timeline = Timeline(NOW, NOW, 1.0)
    now = Instant(NOW + after * SECOND, timeline.real(NOW + after * SECOND), timeline)
    before = terminating(stage, deadline, pods, now.real, both=both)
    attachments = ("a",) if attached else ()

    first = look(before, attachments, detach, now)
    done = before.after(first.actions)
    second = look(done, attachments, detach, now)
    third = look(done.after(second.actions), attachments, detach, now)
    assert doing(third) == ()


@settings(max_examples=30)
@given(STAGES, DEADLINES, PODS, DETACHED, TIMELINES, st.integers(0, 100))
def test_a_plan_for_a_leaving_node_changes_at_its_wake_at_and_at_no_second_before(
    stage: Any, deadline: Any, pods: Any, detach: timedelta, timeline: Timeline, after: int
) -> None:
    begin = timeline.virtual(NOW) + after * SECOND

    def plan(at: datetime) -> Plan:
        return look(settled, (), detach, Instant(at, timeline.real(at), timeline))

    settled = terminating(stage, deadline, pods, timeline.real(begin), both=True)
    for _ in range(2):
        settled = settled.after(plan(begin).actions)
    wake_at = plan(begin).wake_at
    assert wake_at is None or wake_at > begin
    assert same_before(lambda at: plan(at).actions, begin, wake_at, 200)
    assert wake_at is None or plan(wake_at) != plan(begin)


# --- commands ---------------------------------------------------------------------------------------------------------

REPLACED: Final = st.lists(
    st.sampled_from([
        None, (), (names.LAUNCHED,), (names.LAUNCHED, names.REGISTERED_CONDITION, names.INITIALIZED_CONDITION),
    ]),
    max_size=3,
)  # fmt: skip


@settings(max_examples=40)
@given(REPLACED, st.integers(0, 15), st.sets(st.integers(0, 2)), st.booleans(), TIMELINES)
def test_a_command_is_advanced_once_by_what_there_is(
    replaced: list[Any], minutes: int, seen: set[int], marked: bool, timeline: Timeline
) -> None:
    began = timeline.virtual(NOW)
    old = claim("old", conditions=true(names.DRIFTED, *([names.DISRUPTION_REASON] if marked else [])))
    command = commands.drift_command(
        old, (Placement("Standard_D4s_v5", "westeurope-1", "on-demand"),) * len(replaced), began
    )
    on = node(of="old")
    on = patched_node(on, commands.start(command, on))
    made = {
        item.name: claim(item.name, conditions=true(*kinds), annotations={names.REPLACES: "old"})
        for item, kinds in zip(command.replacements, replaced, strict=True)
        if kinds is not None
    }
    known = frozenset(item.name for number, item in enumerate(command.replacements) if number in seen)

    def advance(of: Leaving, found: Mapping[str, NodeClaim], now: datetime) -> commands.Progress:
        assert of.node is not None
        return commands.advance(command, of.node, of.claim, found, known, 1, timeline, now)

    now = began + minutes * MINUTE
    before = Leaving(on, old, (), timeline.real(now))
    first = advance(before, made, now)
    after = before.after(first.plan.actions)
    assert after.node is not None
    if first.failure:
        assert commands.recorded(after.node) is None
        assert commands.heal(after.node, after.claim, now) == ()
        return
    created = {item.name: claim(item.name, annotations={names.REPLACES: "old"}) for item in first.create}
    second = advance(after, {**made, **created}, now)
    assert (doing(second.plan), second.create, second.failure) == ((), (), "")
    if not second.completed:
        assert second.plan.wake_at is not None
        assert holds_until(lambda at: advance(after, {**made, **created}, at).failure, now, second.plan.wake_at, 60)


@settings(max_examples=30)
@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_a_node_that_was_healed_needs_no_healing(tainted: bool, recorded: bool, marked: bool, ours: bool) -> None:
    on = node(
        taints=(DISRUPTED,) if tainted else (), annotations={names.COMMAND: "{}"} if recorded else {},
    )  # fmt: skip
    of = claim(conditions=true(*([names.DISRUPTION_REASON] if marked else [])))
    healed = Leaving(on, of, (), NOW).after(commands.heal(on, of if ours else None, NOW))

    assert healed.node is not None
    assert commands.heal(healed.node, healed.claim if ours else None, NOW) == ()


# --- hashes -----------------------------------------------------------------------------------------------------------

VERSIONS: Final = st.sampled_from(["v2", "v3", None])
HASHES: Final = st.sampled_from(["1", "2", None])


@settings(max_examples=30)
@given(
    st.sampled_from([NODEPOOL_KEYS, AKSNODECLASS_KEYS]),
    st.tuples(HASHES, VERSIONS),
    st.lists(st.tuples(HASHES, VERSIONS, st.booleans()), max_size=4),
    SHUFFLES,
)
def test_hash_annotations_that_were_written_are_not_written_again_whatever_the_order_of_claims(
    keys: HashKeys, owned: Any, held: Any, order: random.Random
) -> None:
    claims = [
        claim(f"c{number}", annotations=_written(keys, *pair), conditions=true(*([names.DRIFTED] if drifted else [])))
        for number, (*pair, drifted) in enumerate(held)
    ]
    found = migrate_hash(keys, _written(keys, *owned), claims, "2")
    order.shuffle(claims)
    assert migrate_hash(keys, _written(keys, *owned), claims, "2") == found

    after = [patched_claim(item, PatchNodeClaim(item, annotations=found.claims.get(item.name, {}))) for item in claims]
    again = migrate_hash(keys, {**_written(keys, *owned), **found.owner}, after, "2")
    assert (again.owner, again.claims) == ({}, {})
    for before, item in zip(claims, after, strict=True):
        held, left = before.metadata.annotations, item.metadata.annotations
        moved = owned[1] != "v3" and held.get(keys.version) != "v3"
        assert left.get(keys.version) == ("v3" if moved else held.get(keys.version))
        keeps_hash = not moved or bool(before.status.conditions)
        assert left.get(keys.hash) == (held.get(keys.hash) if keeps_hash else "2")


def _written(keys: HashKeys, hash_: str | None, version: str | None) -> dict[str, str]:
    pairs = {keys.hash: hash_, keys.version: version}
    return {key: value for key, value in pairs.items() if value is not None}


# --- launch, registration, initialization -----------------------------------------------------------------------------

OWN: Final = Taint("own", "NoSchedule")
STARTUP: Final = Taint("own", "NoExecute")
OTHER: Final = Taint("other", "NoSchedule")
TAINTS: Final = st.lists(
    st.sampled_from([OWN, STARTUP, OTHER, CLOUD_UNINITIALIZED, Taint("node.kubernetes.io/not-ready", "NoSchedule")]),
    unique_by=str,
).map(tuple)
LATER: Final = st.sampled_from([timedelta(0), 20 * SECOND, 70 * SECOND])


@settings(max_examples=40)
@given(
    st.sampled_from([(), (names.REGISTERED_CONDITION,)]),
    st.none() | TAINTS,
    st.booleans(),
    st.sampled_from([{}, {"cpu": "1"}]),
    st.tuples(LATER, LATER),
    st.sampled_from([0, 30, 890, 1000]),
    TIMELINES,
)
def test_a_node_that_starts_is_taken_as_far_as_it_gets_at_once_and_goes_on_at_its_wake_at(
    stage: Any, taints: Any, ready: bool, offered: Any, waits: Any, seconds: int, timeline: Timeline
) -> None:
    begin = timeline.virtual(NOW)
    now = begin + seconds * SECOND
    start = lifecycle.Start(begin + waits[0], begin + waits[1])
    of = claim(
        conditions=true(names.LAUNCHED, *stage), taints=(OWN,), startup_taints=(STARTUP,), requests={"cpu": "1"},
        annotations={names.CREATED_AT: rfc3339(begin)},
    )  # fmt: skip
    labels = {names.REGISTERED: "true"} if stage else {}
    on = None if taints is None else node(labels=labels, taints=taints, ready=ready, allocatable=offered)

    def plan(at: datetime) -> Plan:
        return lifecycle.advance(settled.claim, settled.node, start if settled.node else None, timeline, at)

    settled = Leaving(on, of, (), timeline.real(now))
    for _ in range(3):
        settled = settled.after(plan(now).actions)
    if settled.claim.deleting:
        return
    last = plan(now)
    assert doing(last) == ()
    assert last.wake_at is None or last.wake_at > now
    assert same_before(lambda at: plan(at).actions, now, last.wake_at, 100)


# --- emptiness --------------------------------------------------------------------------------------------------------

AFTER: Final = st.sampled_from(["0s", "30s", "5m", "Never"])
EVENTS: Final = st.none() | st.integers(0, 400).map(lambda seconds: NOW - seconds * SECOND)


@settings(max_examples=30)
@given(AFTER, st.booleans(), st.booleans(), st.booleans(), EVENTS, EVENTS)
def test_a_node_is_consolidatable_at_its_wake_at_and_at_no_second_before_and_marked_once(
    after: str, static: bool, initialized: bool, marked: bool, known: Any, seen: Any
) -> None:
    spec = {"disruption": {"consolidateAfter": after}, **({"replicas": 1} if static else {})}
    pool = msgspec.convert({"metadata": {"name": "default"}, "spec": spec}, NodePool)
    conditions = true(names.INITIALIZED_CONDITION, at=NOW - 10 * SECOND) if initialized else ()
    of = claim(conditions=(*conditions, *(true(names.CONSOLIDATABLE) if marked else ())))
    of = msgspec.structs.replace(of, status=msgspec.structs.replace(of.status, last_pod_event_time=known))
    first = emptiness.watch(of, pool, seen, NOW)
    done = Leaving(None, of, (), NOW).after(first.actions).claim

    def look(at: datetime) -> tuple[Action, ...]:
        return emptiness.watch(done, pool, None, at).actions

    wake_at = emptiness.watch(done, pool, None, NOW).wake_at
    assert look(NOW) == ()
    assert wake_at is None or wake_at > NOW
    assert holds_until(look, NOW, wake_at, 400)
