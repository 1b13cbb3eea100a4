"""Empty nodes on a real API server: they go within budget and before drifted ones, those with pods stay.

Each pod fills a node. On the cluster's clock half a minute of ``consolidateAfter`` is half a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e import manifests as m
from tests.e2e.auditor import BudgetNeverExceeded, NoDoubleWork
from tests.e2e.auditor.statistics import pool_peaks
from tests.e2e.auditor.timeline import Milestones
from tests.e2e.rehearsal import NEW, OLD, POOL, UNFORESEEABLE_SECONDS, Rehearsal, rehearsal

PUBLISHED: Final = "2026-02-01T00:00:00Z"
AFTER: Final = {"quiet": "30s", "mixed": "30s", "never": "Never"}
BUDGETS: Final = {"quiet": "2", "mixed": "2", "never": "100%"}
GONE: Final = {"quiet": 3, "mixed": 2, "never": 1}  # pods that go away, so that their nodes are empty
STAYING: Final = {"quiet": 1, "mixed": 1, "never": 1}
SIZES: Final = {pool: GONE[pool] + STAYING[pool] for pool in AFTER}


def _pool(name: str, budget: str | None = None) -> m.Manifest:
    made = m.pool(name, [{"nodes": budget or BUDGETS[name]}])
    made["spec"]["disruption"] |= {"consolidateAfter": AFTER[name], "consolidationPolicy": "WhenEmpty"}
    return made


def _filling(pool: str, app: str, replicas: int) -> m.Manifest:
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "3500m"}}}
    return m.deployment(f"{pool}-{app}", replicas, nodeSelector={POOL: pool}, containers=[container])


@pytest.fixture(scope="module")
def world() -> Iterator[Rehearsal]:
    """Every pool is full. Pool ``mixed`` allows nothing to begin with."""
    with rehearsal() as made:
        made.apply(m.nap(factor=60), m.node_class(), m.image(OLD, PUBLISHED))
        made.operator()
        made.apply(_pool("quiet"), _pool("never"), _pool("mixed", "0"))
        made.apply(*(_filling(pool, "gone", count) for pool, count in GONE.items()))
        made.apply(*(_filling(pool, "staying", count) for pool, count in STAYING.items()))
        for pool, size in SIZES.items():
            made.eventually(f"{pool} is full", lambda pool=pool, size=size: made.versions(pool) == {OLD: size})  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
        made.eventually("every pod runs", lambda: len(_running(made)) == sum(SIZES.values()))
        yield made


def _running(world: Rehearsal) -> list[m.Manifest]:
    pods = world.items("pods", "--namespace=default")
    return [pod for pod in pods if pod["status"].get("phase") == "Running"]


def _taken(world: Rehearsal, pool: str) -> list[Milestones]:
    found = [item for item in world.record().timeline.milestones.values() if item.pool == pool and item.tainted]
    return sorted(found, key=lambda item: str(item.tainted))


def _told(world: Rehearsal, pool: str) -> m.Manifest:
    """What the status of the rollout tells of the pool."""
    (found,) = [item for item in world.nap()["pools"] if item["name"] == pool]
    return dict(found)


def _notes(world: Rehearsal, reason: str) -> set[str]:
    return {event["note"] for event in world.events(reason)}


def _consolidatable(world: Rehearsal, pool: str) -> list[m.Manifest]:
    def holds(claim: m.Manifest) -> bool:
        held: list[dict[str, Any]] = claim["status"]["conditions"]
        return any((item["type"], item["status"]) == ("Consolidatable", "True") for item in held)

    return [claim for claim in world.claims(pool) if holds(claim)]


def _last_events(world: Rehearsal, pool: str) -> set[tuple[str, str]]:
    """Of each claim of the pool its name, and when a pod last came to its node or left it."""
    return {(it["metadata"]["name"], it["status"].get("lastPodEventTime", "")) for it in world.claims(pool)}


def _unhonoured(world: Rehearsal, pool: str) -> list[str]:
    conditions = world.get("nodepool", pool)["status"]["conditions"]
    return [item["message"] for item in conditions if item["type"] == "NotYetHonoured"]


def test_no_node_is_taken_for_empty_before_its_pod_is_there(world: Rehearsal) -> None:
    assert _taken(world, "quiet") == []
    assert _unhonoured(world, "quiet") == []


def test_claims_tell_when_pods_came_where_that_matters(world: Rehearsal) -> None:
    world.eventually("all are quiet", lambda: len(_consolidatable(world, "quiet")) == SIZES["quiet"])
    assert all("lastPodEventTime" in claim["status"] for claim in world.claims("quiet"))
    assert not any("lastPodEventTime" in claim["status"] for claim in world.claims("never"))
    assert _consolidatable(world, "never") == []


@pytest.mark.row("karpenter:G03")
def test_empty_nodes_go_two_at_a_time_and_those_with_pods_stay(world: Rehearsal) -> None:
    world.apply(_pool("quiet", "0"))  # until all of them are empty, so that one pass sees them all
    before = _last_events(world, "quiet")
    for pool in AFTER:
        world.delete("deployment", f"{pool}-gone", "--namespace=default", "--ignore-not-found")
    world.eventually("the pods are gone", lambda: len(_running(world)) == sum(STAYING.values()))
    world.eventually("it is noted", lambda: len(_last_events(world, "quiet") - before) == GONE["quiet"])
    world.eventually("all are quiet", lambda: len(_consolidatable(world, "quiet")) == SIZES["quiet"])
    world.apply(_pool("quiet"))
    world.eventually("the empty nodes are gone", lambda: len(world.claims("quiet")) == STAYING["quiet"])
    gone = _taken(world, "quiet")
    assert [(item.reason, item.replaces) for item in gone] == [("Empty", "")] * GONE["quiet"]
    assert pool_peaks(world.record())["quiet"].disrupting.nodes == 2
    said = {"Disrupting Node: Empty", "Disrupting NodeClaim: Empty"}
    world.eventually("it is said", lambda: _notes(world, "DisruptionTerminating") == said)
    world.eventually("two more might go", lambda: _told(world, "quiet")["allowances"]["empty"] == 2)
    assert _told(world, "quiet")["replaced"] == 0


def test_where_nodes_are_never_consolidated_an_empty_one_stays(world: Rehearsal) -> None:
    assert len(world.claims("never")) == SIZES["never"]
    assert _taken(world, "never") == []


@pytest.mark.row("karpenter:G02")
def test_a_budget_of_zero_keeps_empty_nodes_and_says_so(world: Rehearsal) -> None:
    blocked = "No allowed disruptions for disruption reason Empty due to blocking budget"
    world.eventually("it is said", lambda: blocked in _notes(world, "DisruptionBlocked"))
    world.eventually("all are quiet", lambda: len(_consolidatable(world, "mixed")) == SIZES["mixed"])
    assert _taken(world, "mixed") == []


def test_empty_nodes_go_before_drifted_ones_and_use_their_budget(world: Rehearsal) -> None:
    world.apply(m.image(NEW))
    world.eventually("all are drifted", lambda: len(_drifted(world, "mixed")) == SIZES["mixed"])
    (operator,) = world.operators
    operator.stop()  # emptiness and drift of one pass each look at budgets: the change must not come between
    world.apply(_pool("mixed"))
    operator.start()
    world.eventually("the last is new", lambda: world.versions("mixed") == {NEW: STAYING["mixed"]})
    world.eventually("the old ones are gone", lambda: len(world.claims("mixed")) == STAYING["mixed"])
    assert [item.reason for item in _taken(world, "mixed")] == ["Empty"] * GONE["mixed"] + ["Drifted"]
    assert pool_peaks(world.record())["mixed"].disrupting.nodes == 2
    world.steadily("the replacement stays", lambda: len(world.claims("mixed")) == STAYING["mixed"], 2)


def _drifted(world: Rehearsal, pool: str) -> list[m.Manifest]:
    return world.items("nodes", f"--selector={POOL}={pool},napsim.dev/drift")


def test_what_never_consolidates_goes_through_drift_when_it_is_empty(world: Rehearsal) -> None:
    world.eventually("one is new", lambda: world.versions("never") == {NEW: STAYING["never"]})
    assert {item.reason for item in _taken(world, "never")} == {"Drifted"}


def test_nothing_was_done_twice_and_no_budget_exceeded(world: Rehearsal) -> None:
    rules = (
        NoDoubleWork(),
        BudgetNeverExceeded({"quiet": "2", "mixed": "2"}, world.virtual_line(), UNFORESEEABLE_SECONDS),
    )
    assert world.violations(*rules) == ()
