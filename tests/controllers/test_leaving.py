"""Pods of nodes on their way out: kept from one simulation to the next, and always what a fresh look would find."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.leaving import Leaving, MovingPods
from napsim.controllers.state import ClusterState
from napsim.core.clock import Timeline
from napsim.core.objects import Pod
from tests.core.clusters import a_pod
from tests.core.examples import NOW, pdb

TIMELINE: Final = Timeline(NOW, NOW, 1.0)
NODES: Final = ("n0", "n1", "n2")
PROTECTED: Final = ("", "", "true", "3m", "8m")


def drawn_pod(some: random.Random) -> Pod:
    number = some.randrange(9)
    created = f"2026-03-02T08:{some.randint(0, 59):02d}:00Z"
    owner = some.choice(("ReplicaSet", "ReplicaSet", "StatefulSet", "DaemonSet"))
    held = some.choice(PROTECTED)
    annotations = {names.DO_NOT_DISRUPT: held} if held else {}
    pod = a_pod(f"p{number}", node=NODES[number % 3], created=created, owner=owner, annotations=annotations)
    if some.random() < 0.5:
        pod = replace(pod, status=replace(pod.status, start_time=NOW - timedelta(minutes=2)))
    if some.random() < 0.3:
        pod = replace(pod, metadata=replace(pod.metadata, deletion_timestamp=NOW))
    return pod


def found(leaving: Leaving, candidates: MovingPods, state: ClusterState, now: datetime) -> tuple[object, ...]:
    view = state.places.view
    moving = leaving.moving(state.by_key_on, candidates, view, state.pdbs, TIMELINE, now)
    assert leaving.moving(state.by_key_on, candidates, view, state.pdbs, TIMELINE, now) is moving
    return moving.until, tuple((mover.turn, mover.shape, mover.displaced) for mover in moving.movers)


def afresh(nodes: Iterable[str], state: ClusterState, now: datetime) -> tuple[object, ...]:
    leaving = Leaving()
    for node in nodes:
        leaving.add(node)
    return found(leaving, MovingPods(), state, now)


def step(some: random.Random, state: ClusterState, now: datetime) -> None:
    """One thing happens."""
    node, pod = some.choice(NODES), drawn_pod(some)
    match some.randrange(7):
        case 0:
            state.leaving.add(node)
        case 1:
            state.leaving.discard(node)
        case 2:
            state.moving.of(node, state.bound_to(node), state.places.view, state.pdbs, TIMELINE, now)
        case 3 if pod.key in state.pods:
            state.on_pod(state.pods[pod.key], None)
        case 4:
            budget = pdb(labels={"app": "a"}, max_unavailable=some.choice((0, 1)))
            state.on_pdb(None, budget)
        case _:
            state.on_pod(state.pods.get(pod.key), pod)


def test_what_is_kept_of_leaving_nodes_is_what_a_fresh_look_finds() -> None:
    some, moved, timed = random.Random(0), 0, 0
    for _ in range(40):
        state, now = ClusterState(), NOW
        for _ in range(60):
            step(some, state, now)
            now += timedelta(seconds=some.choice((0, 1, 40)))
            if some.random() < 0.6:
                kept = found(state.leaving, state.moving, state, now)
                leaving = [node for node in NODES if node in state.leaving]
                assert kept == afresh(leaving, state, now)
                moved += bool(kept[1])
                timed += kept[0] is not None
    assert moved > 200
    assert timed > 20
