"""What holds in every small cluster, one sentence each. The clusters are hypothesis'."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.core.objects import Pod
from napsim.core.pdbs import selects
from napsim.core.pods import ready_status
from napsim.core.trace import RecordKind
from napsim.sim.evictions import Answer, Disruptions
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate
from tests.e2e import manifests as made
from tests.sim import scenarios
from tests.sim.scenarios import START, images, scenario, stateful_set

Manifest = dict[str, Any]
FEW: Final = settings(max_examples=10, database=None)
SAME: Final = seed(20260214)  # all tests look at the same clusters, each of which is simulated once
_SEEN: dict[str, Run] = {}


@dataclass(frozen=True)
class Run:
    """An outcome, and evictions that a PDB should not have let through."""

    outcome: Outcome
    wrongly_evicted: tuple[str, ...]


BUDGETS: Final[st.SearchStrategy[list[Manifest]]] = st.sampled_from([
    [{"nodes": "1"}],
    [{"nodes": "30%"}],
    [{"nodes": "100%"}],
    [{"nodes": "0"}],
    [{"nodes": "2"}, {"nodes": "0", "schedule": "0 9 * * *", "duration": "8h"}],
    [{"nodes": "50%", "reasons": ["Drifted"]}, {"nodes": "3"}],
])  # fmt: skip
PDBS: Final[st.SearchStrategy[Manifest | None]] = st.sampled_from([
    None,
    {"maxUnavailable": 1},
    {"maxUnavailable": "25%"},
    {"minAvailable": 1},
    {"minAvailable": "100%"},
    {"minAvailable": "60%", "unhealthyPodEvictionPolicy": "AlwaysAllow"},
    {"maxUnavailable": 0},
])  # fmt: skip


@st.composite
def clusters(draw: st.DrawFn) -> Scenario:
    """One or two pools, a few workloads with PDBs, a window of some hours, images published somewhere around it."""
    grace: dict[str, Any] = draw(st.sampled_from([{}, {}, {"terminationGracePeriod": "30m"}]))
    pools = [made.pool(budgets=draw(BUDGETS), **grace)]
    if draw(st.booleans()):
        pools.append(made.pool("fixed", draw(BUDGETS), replicas=draw(st.integers(1, 4))))
    workloads: list[Manifest] = []
    for number in range(draw(st.integers(1, 3))):
        name, replicas = f"app{number}", draw(st.integers(0, 25))
        make = draw(st.sampled_from([made.deployment, stateful_set]))
        workloads.append(make(name, replicas))
        pdb = draw(PDBS)
        if pdb is not None:
            workloads.append(made.pdb(name, **pdb))
    window = made.window(start_time=draw(st.sampled_from(["01:00", "13:30"])), hours=draw(st.integers(4, 8)))
    published = START + timedelta(minutes=draw(st.integers(-600, 1200)))
    base = [scenarios.settings(seed=draw(st.integers(0, 3))), window, made.node_class()]
    return scenario([*base, *pools, *images(published), *workloads], days=9)


def run(given_: Scenario) -> Run:
    """The simulation, once for each scenario. Every eviction is checked against a count of its own."""
    key = repr(given_)
    if key not in _SEEN:
        wrongly: list[str] = []
        real = Disruptions.evict

        def checked(self: Disruptions, pod: str, uid: str) -> Answer:
            healthy = _is_healthy(self.cluster.pods.objects[pod])
            answer = real(self, pod, uid)
            if answer is Answer.EVICTED and healthy and not _leaves_enough(self, pod):
                wrongly.append(pod)
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Disruptions, "evict", checked)
            _SEEN[key] = Run(simulate(given_), tuple(wrongly))
    return _SEEN[key]


def _leaves_enough(api: Disruptions, evicted: str) -> bool:
    pods = api.cluster.pods.objects
    for pdb in api.cluster.pdbs.objects.values():
        selected = [pod for pod in pods.values() if selects(pdb.spec.selector, pod.metadata.labels)]
        if any(pod.key == evicted for pod in selected):
            return sum(map(_is_healthy, selected)) >= pdb.status.desired_healthy
    return True


def _is_healthy(pod: Pod) -> bool:
    return not pod.deleting and ready_status(pod) == "True"


@SAME
@FEW
@given(clusters())
def test_never_more_nodes_are_disrupted_than_the_budget_allows_at_that_instant(given_: Scenario) -> None:
    for pool in run(given_).outcome.pools:
        for before, after in zip(pool.steps, pool.steps[1:], strict=False):
            assert after.disrupting <= max(before.disrupting, after.allowed)


@SAME
@FEW
@given(clusters())
def test_an_eviction_leaves_as_many_healthy_pods_as_the_pdb_wants(given_: Scenario) -> None:
    assert not run(given_).wrongly_evicted


@SAME
@FEW
@given(clusters())
def test_a_pod_is_deleted_past_its_pdb_only_where_a_grace_period_ends(given_: Scenario) -> None:
    graceful = any("terminationGracePeriod" in str(item["spec"].get("template")) for item in pools_of(given_))
    assert graceful or not any(workload.deleted for workload in run(given_).outcome.workloads)


def pools_of(given_: Scenario) -> list[Manifest]:
    return [dict(item) for item in given_.manifests if item["kind"] == "NodePool"]


@SAME
@FEW
@given(clusters())
def test_nothing_is_picked_up_outside_the_window(given_: Scenario) -> None:
    window = next(item for item in given_.manifests if item["kind"] == "MaintenanceConfiguration")
    for found in run(given_).outcome.pick_ups:
        assert found.rule == "WindowOpen"
        assert _is_in(window["spec"]["maintenanceWindow"], found.at)


def _is_in(window: Manifest, at: datetime) -> bool:
    hour, minute = map(int, window["startTime"].split(":"))
    opens = at.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return at.weekday() == 6 and opens <= at <= opens + timedelta(hours=window["durationHours"])


@SAME
@FEW
@given(clusters())
def test_every_pod_is_on_a_node_at_the_end_or_is_named_and_then_something_holds_its_node(given_: Scenario) -> None:
    outcome = run(given_).outcome
    if all(pool.finished_at is not None for pool in outcome.pools):
        assert not outcome.unplaced


@SAME
@FEW
@given(clusters())
def test_a_pool_is_finished_or_it_is_said_why_not(given_: Scenario) -> None:
    for pool in run(given_).outcome.pools:
        assert (pool.finished_at is None) == bool(pool.unfinished)


@SAME
@FEW
@given(clusters())
def test_once_it_is_over_nothing_more_happens(given_: Scenario) -> None:
    outcome = run(given_).outcome
    if outcome.finished_at is None or outcome.ended_at >= given_.until:
        return
    longer = simulate(replace(given_, ends_early=False, until=outcome.ended_at + timedelta(hours=12)))
    after = [item for item in longer.trace if item.at > outcome.ended_at]
    assert all(item.kind in (RecordKind.WINDOW_OPENED, RecordKind.WINDOW_CLOSED) for item in after)
