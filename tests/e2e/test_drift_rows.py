"""Drift on a whole cluster, row by row as Karpenter and its Azure provider test it end to end (karpenter.md 19.10).

The first rehearsal has a pool a row and an image for all of them; the second one nodes that never register, on a clock
on which ten minutes take ten seconds: less would be less than a kubelet is given in real time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import pytest

from tests.e2e import manifests as m
from tests.e2e.auditor import BudgetNeverExceeded
from tests.e2e.auditor.statistics import pool_peaks
from tests.e2e.auditor.timeline import Milestones
from tests.e2e.auditor.writes import NodeState
from tests.e2e.rehearsal import NEW, OLD, POOL, UNFORESEEABLE_SECONDS, Rehearsal, rehearsal

PUBLISHED: Final = "2026-02-01T00:00:00Z"
BUDGETS: Final = {"emptied": "50%", "replaced": "3", "default": "10%", "roomy": "50%", "mixed": "100%"}
SIZES: Final = {"emptied": 3, "replaced": 5, "default": 2, "roomy": 3, "mixed": 2}
SLOW: Final = {
    "launch": {"fixed": "5m"},
    "registration": {"fixed": "25m"},
    "initialization": {"fixed": "1m"},
    "detach": {"fixed": "5m"},
}
NEVER: Final = [{"kind": "NeverRegisters"}]
HASH: Final = "karpenter.sh/nodepool-hash"


def _filling(app: str, replicas: int, pool: str, cpu: str = "3500m") -> m.Manifest:
    """A deployment of which each pod, unless ``cpu`` is less, fills a node of the pool."""
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": cpu}}}
    return m.deployment(app, replicas, nodeSelector={POOL: pool}, containers=[container])


def _workload(pool: str) -> m.Manifest:
    """What fills the pool. In ``mixed`` ten small pods fill a node, all of one age: none is older than all others."""
    if pool == "mixed":
        return m.deployment(pool, 10 * SIZES[pool], nodeSelector={POOL: pool})
    return _filling(pool, SIZES[pool], pool)


def _pool(name: str) -> m.Manifest:
    """The pool ``default`` leaves its budget to the API server."""
    made = m.pool(name, [{"nodes": BUDGETS[name]}])
    if name == "default":
        del made["spec"]["disruption"]["budgets"]
    return made


def _fill(world: Rehearsal, *pools: str) -> None:
    world.apply(*map(_pool, pools), *map(_workload, pools))
    for name in pools:
        world.eventually(f"{name} is full", lambda name=name: world.versions(name) == {OLD: SIZES[name]})  # type: ignore[misc]  # mypy cannot infer a lambda with defaults


@pytest.fixture(scope="module")
def world() -> Iterator[Rehearsal]:
    """All pools drift at once; of one the pods go away before, of another those that filled the nodes."""
    with rehearsal() as made:
        made.apply(m.nap(), m.node_class(), m.image(OLD, PUBLISHED))
        made.operator()
        _fill(made, *BUDGETS)
        made.apply(_filling("small", SIZES["roomy"], "roomy", cpu="300m"))
        made.eventually("each node has a small one", lambda: _nodes_with(made, "small") == SIZES["roomy"])
        for name in ("emptied", "roomy"):
            made.delete("deployment", name, "--namespace=default")
            made.eventually("no pod is left", lambda name=name: _nodes_with(made, name) == 0)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
        made.apply(m.nap(timings=SLOW), m.image(NEW))
        yield made


def _nodes_with(world: Rehearsal, app: str) -> int:
    """How many nodes carry pods of the deployment."""
    pods = world.items("pods", "--namespace=default", f"--selector=app={app}")
    return len({pod["spec"].get("nodeName") for pod in pods})


def _taken(world: Rehearsal, pool: str) -> list[Milestones]:
    return [item for item in world.record().timeline.milestones.values() if item.pool == pool and item.tainted]


def _violations(world: Rehearsal, pool: str) -> list[Any]:
    rule = BudgetNeverExceeded({pool: BUDGETS[pool]}, world.virtual_line(), UNFORESEEABLE_SECONDS)
    return list(rule.check(world.record()))


@pytest.mark.row("karpenter:E01", "nap:E1", "karpenter:X16")
def test_of_three_empty_nodes_no_more_than_two_go_at_once_and_none_is_left(world: Rehearsal) -> None:
    world.eventually("no claim is left", lambda: world.claims("emptied") == [])
    assert len(_taken(world, "emptied")) == SIZES["emptied"]
    assert pool_peaks(world.record())["emptied"].disrupting.nodes <= 2
    assert _violations(world, "emptied") == []
    assert not [
        item for item in world.record().timeline.milestones.values() if item.pool == "emptied" and item.replaces
    ]


@pytest.mark.row("karpenter:E03", "nap:E3", "karpenter:X14")
def test_five_full_nodes_are_replaced_three_at_a_time(world: Rehearsal) -> None:
    """Not more than eight at once; the time that the cloud takes to remove a drained machine uses no budget."""
    world.eventually("all are new", lambda: world.versions("replaced") == {NEW: 5})
    world.eventually("the old ones are gone", lambda: len(world.claims("replaced")) == 5)
    assert len(_taken(world, "replaced")) == 5
    assert pool_peaks(world.record())["replaced"].disrupting.nodes <= 3
    assert _violations(world, "replaced") == []
    entries = [item for item in world.record().timeline.milestones.values() if item.pool == "replaced"]
    born = [str(item.created) for item in entries]
    alive = [
        sum(str(it.created) <= at and not (it.terminating and str(it.terminating) < at) for it in entries)
        for at in born
    ]
    assert max(alive) <= 5 + 3


@pytest.mark.row("karpenter:E02", "nap:E2", "karpenter:X15")
def test_three_nodes_whose_pods_fit_on_one_are_deleted_and_the_last_is_replaced(world: Rehearsal) -> None:
    """Drift makes a pool smaller, with consolidation switched off."""
    world.eventually("one new node is left", lambda: world.versions("roomy") == {NEW: 1})
    world.eventually("the others are gone", lambda: len(world.claims("roomy")) == 1)
    assert len(_taken(world, "roomy")) == SIZES["roomy"]
    entries = [item for item in world.record().timeline.milestones.values() if item.pool == "roomy"]
    assert len([item for item in entries if item.replaces]) == 1
    assert pool_peaks(world.record())["roomy"].disrupting.nodes <= 2
    assert _violations(world, "roomy") == []
    assert _nodes_with(world, "small") == 1


def _labelled(world: Rehearsal, node: str) -> datetime:
    """When the Node was said to be initialized, which the condition of its NodeClaim says a moment later."""
    found = (change.write for change in world.record().timeline.changes if change.write.name == node)
    return next(it.completed for it in found if isinstance(it.state, NodeState) and it.state.initialized)


def test_full_nodes_go_one_after_another_whatever_the_budget(world: Rehearsal) -> None:
    """Some pods of the second would take the place that was made for those of the first, and have to wait for it."""
    world.eventually("both are new", lambda: world.versions("mixed") == {NEW: 2})
    first, second = sorted(_taken(world, "mixed"), key=lambda item: str(item.tainted))
    entries = [item for item in world.record().timeline.milestones.values() if item.pool == "mixed"]
    (replacement,) = [item for item in entries if item.replaces == first.claim]
    assert str(second.tainted) > str(_labelled(world, replacement.node))
    blocked = [event for event in world.events("DisruptionBlocked") if event["regarding"]["name"] == second.claim]
    why = f"would schedule against uninitialized nodeclaim/{replacement.claim}"
    assert [event for event in blocked if why in event["note"]], [event["note"] for event in blocked]


@pytest.mark.row("nap:E6")
def test_under_the_default_budget_one_of_two_nodes_goes_at_a_time(world: Rehearsal) -> None:
    world.eventually("both are new", lambda: world.versions("default") == {NEW: 2})
    assert pool_peaks(world.record())["default"].disrupting.nodes == 1
    assert _violations(world, "default") == []


@pytest.mark.row("karpenter:E09", "karpenter:D07")
def test_another_hash_is_drift_only_if_it_is_of_the_same_version(world: Rehearsal) -> None:
    """Last, as it drifts a claim of a pool that has rolled out."""
    world.eventually("all are new", lambda: world.versions("replaced") == {NEW: 5})
    world.eventually("the old ones are gone", lambda: len(world.claims("replaced")) == 5)
    names = {item["metadata"]["name"] for item in world.claims("replaced")}
    of_another_version, of_the_same = sorted(names)[:2]
    world.patch("nodepool", "replaced", '{"spec": {"disruption": {"budgets": [{"nodes": "0"}]}}}')
    for name, version in ((of_another_version, "v2"), (of_the_same, "v3")):
        changes = f'{{"metadata": {{"annotations": {{"{HASH}": "1", "{HASH}-version": "{version}"}}}}}}'
        world.patch("nodeclaim", name, changes)

    def drifted() -> dict[str, str]:
        conditions = {item["metadata"]["name"]: item["status"]["conditions"] for item in world.claims("replaced")}
        found = {name: [it["reason"] for it in held if it["type"] == "Drifted"] for name, held in conditions.items()}
        return {name: reasons[0] for name, reasons in found.items() if reasons}

    world.eventually("the one of the same version drifts", lambda: of_the_same in drifted())
    world.steadily("the other does not", lambda: drifted() == {of_the_same: "NodePoolDrifted"}, 2)
    assert of_another_version in {item["metadata"]["name"] for item in world.claims("replaced")}


@pytest.mark.row("karpenter:E06", "nap:E6", "karpenter:Q02", "karpenter:T02")
def test_when_replacements_never_register_one_node_at_a_time_is_tainted_and_untainted_again() -> None:
    with rehearsal() as world:
        world.apply(m.nap(factor=60), m.node_class(), m.image(OLD, PUBLISHED))
        world.operator()
        _fill(world, "default")
        before = {node["metadata"]["name"] for node in world.items("nodes")}
        world.apply(m.nap(factor=60, failures=NEVER), m.image(NEW))
        world.eventually("one is tainted", lambda: len(world.disrupted()) == 1)
        (first,) = world.disrupted()
        world.eventually("it is untainted again", lambda: first not in world.disrupted())
        world.steadily("never more than one", lambda: len(world.disrupted()) <= 1, 15)
        assert {node["metadata"]["name"] for node in world.items("nodes")} >= before
        assert world.versions() == {OLD: 2}
        assert pool_peaks(world.record())["default"].disrupting.nodes == 1
        (line,) = {item.tainted and item.claim for item in _taken(world, "default") if item.node == first}
        claim = world.get("nodeclaim", str(line))
        reasons = [item["type"] for item in claim["status"]["conditions"] if item["status"] == "True"]
        assert "Drifted" in reasons
