"""Instances that fail, on a real API server: no capacity for replacements, Nodes that never join, machines gone.

The cluster's clock runs 60 times faster: what Karpenter gives up after 15 minutes is given up after 15 seconds. On a
faster one the moment between an evicted pod and its substitute lasts minutes, and more nodes are made than needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest

from tests.e2e import manifests as m
from tests.e2e.rehearsal import DISRUPTED, NEW, OLD, POOL, Rehearsal, rehearsal

PUBLISHED: Final = "2026-02-01T00:00:00Z"
SIZE: Final = 3
FACTOR: Final = 60
PATIENCE_SECONDS: Final = 180.0


def _filling(app: str, replicas: int, pool: str) -> m.Manifest:
    """A deployment of which each pod fills a node of the pool."""
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "3500m"}}}
    return m.deployment(app, replicas, nodeSelector={POOL: pool}, containers=[container])


@pytest.fixture(scope="module")
def world() -> Iterator[Rehearsal]:
    """Three full nodes with the old image, of a pool that replaces one at a time."""
    with rehearsal() as made:
        made.apply(m.nap(FACTOR), m.node_class(), m.image(OLD, PUBLISHED))
        made.apply(m.pool("default", [{"nodes": "1"}]), m.pool("lost", [{"nodes": "1"}]))
        made.apply(_filling("full", SIZE, "default"))
        made.operator()
        made.eventually("the pool is full", lambda: made.versions() == {OLD: SIZE}, PATIENCE_SECONDS)
        made.eventually("its pods run", lambda: len(_running(made, "full")) == SIZE, PATIENCE_SECONDS)
        yield made


def _fail(world: Rehearsal, *failures: dict[str, Any]) -> None:
    world.apply(m.nap(FACTOR, failures=list(failures)))


def _running(world: Rehearsal, app: str) -> list[str]:
    """Names of the app's pods that run."""
    running = "--field-selector=status.phase=Running"
    found = world.items("pods", "--namespace=default", f"--selector=app={app}", running)
    return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]


def _claims(world: Rehearsal, pool: str) -> dict[str, m.Manifest]:
    """The pool's NodeClaims by uid: one made anew for the same pods has the same name."""
    return {item["metadata"]["uid"]: item for item in world.claims(pool)}


def _types(world: Rehearsal) -> set[str]:
    """The types of all conditions that claims of the pool have."""
    claims = _claims(world, "default").values()
    return {item["type"] for claim in claims for item in claim["status"]["conditions"]}


def _said(world: Rehearsal, reason: str, fragment: str) -> bool:
    return any(fragment in event["note"] for event in world.events(reason))


def test_without_capacity_for_replacements_commands_are_rolled_back_and_nodes_go_on_running(world: Rehearsal) -> None:
    _fail(world, {"kind": "NoCapacity", "nodePools": ["default"], "message": "AllocationFailed"})
    world.apply(m.image(NEW))
    world.eventually(
        "a command is rolled back",
        lambda: _said(world, "CommandRolledBack", "replacement was deleted; 1 of 1 replacements not initialized"),
        PATIENCE_SECONDS,
    )
    world.eventually("why is said", lambda: _said(world, "InsufficientCapacityError", "event: AllocationFailed"))
    world.eventually(
        "no zone is left to ask for", lambda: _said(world, "DisruptionBlocked", "Not all pods would schedule")
    )
    world.eventually("no mark is left", lambda: world.disrupted() == [] and "DisruptionReason" not in _types(world))
    assert world.versions() == {OLD: SIZE}
    assert "Drifted" in _types(world)
    evicted = [item for item in world.record().evictions if item.pod.startswith("default/full-")]
    assert evicted == []


def test_with_capacity_again_the_rollout_finishes_and_the_budget_was_held_throughout(world: Rehearsal) -> None:
    _fail(world)
    world.eventually("all are new", lambda: world.versions() == {NEW: SIZE}, PATIENCE_SECONDS)
    world.eventually("the old ones are gone", lambda: len(_claims(world, "default")) == SIZE, PATIENCE_SECONDS)
    world.assert_sound({"default": "1"}, {"default": SIZE})


def test_a_claim_whose_node_never_joins_is_given_up_and_another_takes_its_place(world: Rehearsal) -> None:
    _fail(world, {"kind": "NeverRegisters", "nodePools": ["lost"]})
    world.apply(_filling("late", 1, "lost"))
    world.eventually("a claim is launched", lambda: len(_claims(world, "lost")) == 1)
    (first,) = _claims(world, "lost")
    world.eventually("it is given up", lambda: first not in _claims(world, "lost"), PATIENCE_SECONDS)
    _fail(world)
    world.eventually("another is a node", lambda: world.versions("lost").total() == 1, PATIENCE_SECONDS)
    assert first not in _claims(world, "lost")


@pytest.mark.row("karpenter:N13")
def test_a_node_whose_machine_is_gone_is_let_go_without_a_drain_and_its_pods_get_another(world: Rehearsal) -> None:
    world.apply(_filling("late", 1, "lost"))
    world.eventually("one node carries the pod", lambda: world.versions("lost").total() == 1, PATIENCE_SECONDS)
    (first,) = _claims(world, "lost")
    world.eventually("it runs", lambda: len(_running(world, "late")) == 1)
    (pod,) = _running(world, "late")
    now = world.virtual_now()
    until = (now + timedelta(minutes=1)).isoformat()
    _fail(world, {"kind": "InstanceGone", "nodePools": ["lost"], "from": now.isoformat(), "until": until})
    world.eventually("its claim is gone", lambda: first not in _claims(world, "lost"), PATIENCE_SECONDS)
    world.eventually("there is another node", lambda: world.versions("lost").total() == 1, PATIENCE_SECONDS)
    assert not [item for item in world.record().evictions if item.pod == f"default/{pod}"]
    assert not any(
        taint["key"] == DISRUPTED for node in world.items("nodes") for taint in node["spec"].get("taints", ())
    )
