"""Whatever happens to a small cluster, its forecast says one thing: trace, steps, blocked nodes, evictions, the end."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.cli.forecasting import forecast_of
from napsim.core.trace import Record, RecordKind, line
from napsim.report.forecast_lines import lines
from napsim.report.marked import WIDTH
from napsim.sim import simulation
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Applied, Deleted, Event, NodeFailed, Scenario, Stopped
from napsim.sim.simulation import simulate
from napsim.sim.simulator import Simulator
from tests.e2e import manifests as made
from tests.sim import scenarios
from tests.sim.scenarios import NEW, OLD, START, Manifest, daemon_set, scenario, stateful_set

FEW: Final = settings(max_examples=8, database=None)
SAME: Final = seed(20261122)  # all tests look at the same clusters
ARM: Final = "2204gen2arm64containerd"
DEFINITIONS: Final = ("2204gen2containerd", ARM)
HOURS: Final = st.integers(0, 30 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
BUDGETS: Final[st.SearchStrategy[list[Manifest]]] = st.sampled_from([
    [{"nodes": "1"}],
    [{"nodes": "60%"}],
    [],
    [{"nodes": "0"}],
    [{"nodes": "3"}, {"nodes": "0", "schedule": "30 23 * * *", "duration": "3h30m", "reasons": ["Drifted"]}],
])  # fmt: skip
TEMPLATES: Final[st.SearchStrategy[Manifest]] = st.sampled_from([
    {}, {"expireAfter": "5h"}, {"terminationGracePeriod": "5m"},
    {"startupTaints": [{"key": "boot", "effect": "NoSchedule"}]},
    {"requirements": [{"key": names.INSTANCE_TYPE, "operator": "In", "values": [made.SIZE, "Standard_D4ps_v5"]}]},
])  # fmt: skip
PODS: Final[st.SearchStrategy[Manifest]] = st.sampled_from([
    {}, {"annotations": {names.DO_NOT_DISRUPT: "2h"}}, {"nodeSelector": {"kubernetes.io/arch": "arm64"}},
    {"terminationGracePeriodSeconds": 600}, {"tolerations": [{"operator": "Exists"}]},
])  # fmt: skip
PDBS: Final[st.SearchStrategy[Manifest]] = st.sampled_from([
    {"maxUnavailable": 1}, {"minAvailable": "50%"}, {"maxUnavailable": 0}, {"minAvailable": 1},
])  # fmt: skip
FAILURES: Final = ("NoCapacity", "LaunchFails", "NeverRegisters", "NodeFails", "InstanceGone")


@st.composite
def failures(draw: st.DrawFn) -> list[Manifest]:
    since = draw(HOURS)
    until = since + timedelta(hours=draw(st.integers(1, 4)))
    kind = draw(st.sampled_from(FAILURES))
    span = {"from": since.isoformat(), "until": until.isoformat()}
    return draw(st.sampled_from([[], [{"kind": kind, "share": 0.5, **span}]]))


@st.composite
def events(draw: st.DrawFn) -> Event:
    at = draw(HOURS)
    until = at + timedelta(minutes=draw(st.sampled_from([7, 150, 3000])))
    gone = (
        ("AKSNodeClass", ""),
        ("NodePool", ""),
        ("MaintenanceConfiguration", ""),
        ("PodDisruptionBudget", "default"),
    )
    kind, namespace = draw(st.sampled_from(gone))
    name = {"MaintenanceConfiguration": "node-os", "PodDisruptionBudget": "app0"}.get(kind, "default")
    happens: list[Event] = [
        Deleted(at, kind, name, namespace),
        Applied(at, made.pool(budgets=draw(BUDGETS), **draw(TEMPLATES))),
        Applied(at, made.deployment("app0", draw(st.integers(0, 12)))),
        Applied(at, made.window(start_time="03:00", hours=6)),
        NodeFailed(at, draw(st.sampled_from([None, until])), node_pool="default", count=2),
        Stopped(at, until),
    ]
    return draw(st.sampled_from(happens))


@st.composite
def rollouts(draw: st.DrawFn) -> Scenario:
    """A pool or two and some workloads, images for one architecture or both, and up to four things that happen."""
    pools = [made.pool(budgets=draw(BUDGETS), **draw(TEMPLATES))]
    pools += [made.pool("fixed", draw(BUDGETS), replicas=draw(st.integers(1, 3)))] if draw(st.booleans()) else []
    workloads: list[Manifest] = [daemon_set("agent")]
    for number in range(draw(st.integers(1, 3))):
        make, name = draw(st.sampled_from([made.deployment, stateful_set])), f"app{number}"
        pods = draw(PODS) if make is made.deployment else {}
        workloads.append(make(name, draw(st.integers(1, 12)), **pods))
        workloads += [made.pdb(name, **draw(PDBS))] if draw(st.booleans()) else []
    images = [made.image(OLD, "2026-01-11T00:00:00Z", definition) for definition in DEFINITIONS]
    for number, version in enumerate((NEW, "202602.14.0")):  # not at one instant: neither would be the newer one
        at = (draw(HOURS) + timedelta(seconds=number)).isoformat()
        images += [made.image(version, at, it) for it in draw(st.sampled_from([DEFINITIONS, DEFINITIONS[:1]]))]
    base = [scenarios.settings(failures=draw(failures()), seed=draw(st.integers(0, 3))), made.node_class()]
    base += [made.window()] if draw(st.booleans()) else []
    happens = sorted(draw(st.lists(events(), max_size=4)), key=lambda event: event.at)
    return scenario([*base, *pools, *images, *workloads], happens, days=1.5, ends_early=draw(st.booleans()))


_SEEN: dict[str, tuple[Outcome, Simulator]] = {}


def run(given_: Scenario) -> tuple[Outcome, Simulator]:
    """What became of it, and the cluster at the end."""
    key = repr(given_)
    if key not in _SEEN:
        with pytest.MonkeyPatch.context() as patch:
            begun, found = simulation.begun, []

            def noted(*given: Any) -> Any:
                found.append(begun(*given))
                return found[-1]

            patch.setattr(simulation, "begun", noted)
            _SEEN[key] = simulate(given_), found[-1][0]
    return _SEEN[key]


ORDER: Final = (
    RecordKind.CLAIM_CREATED, RecordKind.CLAIM_LAUNCHED, RecordKind.CLAIM_REGISTERED, RecordKind.CLAIM_INITIALIZED,
)  # fmt: skip


@SAME
@FEW
@given(rollouts())
def test_what_happens_to_a_claim_comes_in_order_and_once(given_: Scenario) -> None:
    outcome, _ = run(given_)
    assert [item.at for item in outcome.trace] == sorted(item.at for item in outcome.trace)
    lives: dict[str, list[RecordKind]] = {}
    for item in (it for it in outcome.trace if it.kind.startswith("Claim")):
        life = lives.setdefault(item.object, [])
        if item.kind is RecordKind.CLAIM_CREATED and life[-1:] == [RecordKind.CLAIM_GONE]:
            life.clear()  # a slot of a static pool, taken again
        assert item.kind not in life, line(item)
        assert RecordKind.CLAIM_GONE not in life, line(item)
        if item.kind in ORDER[1:] and RecordKind.CLAIM_CREATED in life:
            assert ORDER[ORDER.index(item.kind) - 1] in life, line(item)
        life.append(item.kind)


@SAME
@FEW
@given(rollouts())
def test_the_outcome_counts_what_the_trace_tells(given_: Scenario) -> None:
    outcome, simulator = run(given_)
    told = Counter((item.kind, item.details.get("workload", "")) for item in outcome.trace)
    for workload in outcome.workloads:
        assert workload.evicted == told[RecordKind.POD_EVICTED, workload.name]
        assert workload.deleted == told[RecordKind.POD_DELETED, workload.name]
    held = {item.node_claim for item in outcome.blocked if item.until is None}
    assert held == {name.removeprefix("NodeClaim/") for name in still_blocked(outcome.trace)}
    nodes = [node.metadata.labels for node in simulator.cluster.nodes.objects.values()]
    for pool in outcome.pools:
        run_at_the_end = Counter(it[names.NODE_IMAGE_VERSION] for it in nodes if it.get(names.NODEPOOL) == pool.name)
        assert dict(pool.steps[-1].versions) == run_at_the_end
        assert pool.most_disrupting == max(step.disrupting for step in pool.steps)
        assert all(0 <= it.disrupting <= it.nodes <= sum(count for _, count in it.versions) for it in pool.steps)


def still_blocked(trace: tuple[Record, ...]) -> set[str]:
    last = {item.object: item.kind for item in trace if item.kind in (RecordKind.BLOCKED, RecordKind.UNBLOCKED)}
    return {name for name, kind in last.items() if kind is RecordKind.BLOCKED}


@SAME
@FEW
@given(rollouts())
def test_a_pool_that_is_done_has_no_node_of_an_older_image_and_one_that_is_not_says_what_to_do(
    given_: Scenario,
) -> None:
    outcome, simulator = run(given_)
    newest = newest_at(given_, outcome.ended_at)
    nodes = [node.metadata.labels for node in simulator.cluster.nodes.objects.values()]
    for pool in forecast_of(given_, outcome).pools:
        assert (pool.finished_at is None) == bool(pool.unfinished) == bool(pool.remedies)
        if pool.finished_at is not None and pool.name in simulator.declared.pools:
            theirs = [it[names.NODE_IMAGE_VERSION] for it in nodes if it.get(names.NODEPOOL) == pool.name]
            assert all(version.endswith(newest) for version in theirs)
        for rollout in pool.rollouts:
            told = (rollout.published_at, rollout.picked_up_at, rollout.first_disrupted_at, rollout.done_at)
            assert (there := [at for at in told if at is not None]) == sorted(there)


def newest_at(given_: Scenario, at: datetime) -> tuple[str, ...]:
    """How the image version of a Node ends that runs the newest image of its definition."""
    images = sorted(
        (datetime.fromisoformat(it["spec"]["publishedAt"]), it["spec"]["definition"], it["spec"]["version"])
        for it in given_.manifests
        if it["kind"] == "NodeImage"
    )
    newest = {definition: version for published, definition, version in images if published <= at}  # the last one stays
    return tuple(f"-{definition}-{version}" for definition, version in newest.items())


@SAME
@FEW
@given(rollouts())
def test_every_pod_is_on_a_node_that_is_there_or_is_told_to_be_on_none(given_: Scenario) -> None:
    outcome, simulator = run(given_)
    pods, nodes = simulator.cluster.pods.objects, simulator.cluster.nodes.objects
    assert all(pod.spec.node_name in nodes for pod in pods.values() if pod.spec.node_name)
    told = {item.pod for item in outcome.unplaced}
    assert told == {key for key, pod in pods.items() if not pod.spec.node_name and not pod.deleting}


class Onlooker:
    """Looks at each instant, and is content."""

    def begins(self, simulator: Simulator) -> None:
        """All is well."""

    def on_instant(self, following: datetime) -> bool:
        return False


@SAME
@FEW
@given(rollouts())
def test_who_looks_on_what_is_kept_and_when_it_ends_change_nothing_of_what_happens(given_: Scenario) -> None:
    outcome, _ = run(given_)
    assert replace(simulate(given_, spectator=Onlooker()), steps=0) == replace(outcome, steps=0)
    brief = forecast_of(given_, simulate(given_, pods_in_trace=False, brief_trace=True))
    assert brief == forecast_of(given_, outcome)
    assert all(len(told.text) <= WIDTH for told in lines(brief))
    half = outcome.started_at + (outcome.ended_at - outcome.started_at) / 2
    if half > given_.start:
        shorter = simulate(replace(given_, until=half, ends_early=False))
        assert shorter.trace == tuple(item for item in outcome.trace if item.at <= half)
