"""What becomes of pods, by kube-controller-manager and kube-scheduler and by a forecast: it decides what nodes do.

| Pool | Nodes | What happens |
|---|---|---|
| smaller | 2 | their Deployment is made smaller: the node with the most of its pods is left empty, and goes |
| crowded | 2 | so full that a DaemonSet's pod waits: its PodDisruptionBudget of nothing does not hold them |
| roomy | 1 | it has that pod, and is held |

Random scenarios, played by both, found that forecasts once told otherwise.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from napsim.api.scalars import write_instant
from napsim.core.trace import RecordKind
from napsim.sim.composition import Asked
from napsim.sim.scenario import Applied
from tests.e2e import manifests as m
from tests.e2e.commands import napsim
from tests.e2e.parity import FACTOR, LIVE, NO_ROOM, NOMINATED, PODS, STEPS, Twice, running, story, told_twice
from tests.e2e.rehearsal import OLD, POOL, SATURDAY_EVENING, Rehearsal, rehearsal

SIZES: Final = {"smaller": (5, "1200m"), "crowded": (4, "1900m"), "roomy": (1, "1200m")}  # pods of so many processors
NODES: Final = {"smaller": 2, "crowded": 2, "roomy": 1}
DRIFTED: Final = ("crowded", "roomy")
LASTS: Final = timedelta(minutes=6)


def pool(name: str, nodes: str, revision: int = 0) -> m.Manifest:
    manifest = m.pool(name, [{"nodes": nodes}])
    manifest["spec"]["template"]["metadata"] = {"annotations": {"revision": str(revision)}}
    if name == "smaller":
        manifest["spec"]["disruption"] |= {"consolidateAfter": "0s", "consolidationPolicy": "WhenEmpty"}
    return manifest


def workload(name: str, replicas: int) -> m.Manifest:
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": SIZES[name][1]}}}
    return m.deployment(name, replicas, nodeSelector={POOL: name}, containers=[container])


def agent() -> m.Manifest:
    """A DaemonSet that two pods of a crowded node leave no room for; not where nodes are to be left empty."""
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "100m"}}}
    term = {"matchExpressions": [{"key": POOL, "operator": "In", "values": [*DRIFTED]}]}
    wanted = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    made = m.deployment("agent", 0, containers=[container], affinity=wanted)
    spec = {key: value for key, value in made["spec"].items() if key != "replicas"}
    return {**made, "kind": "DaemonSet", "spec": spec}


def cluster() -> list[m.Manifest]:
    timings = {step: {"fixed": f"{seconds}s"} for step, seconds in STEPS.items()}
    return [
        m.nap(FACTOR, SATURDAY_EVENING, timings=timings, seed=7),
        m.image(OLD, "2026-01-28T00:00:00Z"),
        m.node_class(),
        *(pool(name, "0") for name in NODES),
        *(workload(name, count) for name, (count, _) in SIZES.items()),
    ]


def drifted(made: Rehearsal) -> int:
    claims = made.items("nodeclaims")
    conditions = (it for claim in claims for it in claim.get("status", {}).get("conditions", ()))
    return sum(it["type"] == "Drifted" and it["status"] == "True" for it in conditions)


def prepare(made: Rehearsal) -> None:
    made.apply(*cluster())
    made.eventually("all nodes are there", lambda: all(made.versions(it).total() == NODES[it] for it in NODES))
    made.eventually("all pods run", lambda: running(made) == sum(count for count, _ in SIZES.values()))
    made.apply(agent(), m.pdb("agent", maxUnavailable=0))
    made.eventually("the agents are there", lambda: len(made.items("pods", "--selector=app=agent")) == 3)
    made.eventually("one of them runs", lambda: running(made) == sum(count for count, _ in SIZES.values()) + 1)
    made.apply(*(pool(name, "0", 1) for name in DRIFTED))
    made.eventually("nodes are drifted", lambda: drifted(made) == sum(NODES[name] for name in DRIFTED))


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    files = tmp_path_factory.mktemp("traces")
    with rehearsal() as made:
        operator = made.operator("one", f"--trace={files / LIVE}")
        prepare(made)
        snapshot = napsim("snapshot", f"--kubeconfig={made.cluster.kubeconfig}").stdout
        changes = [*(pool(name, "1", 1) for name in DRIFTED), pool("smaller", "1"), workload("smaller", 2)]
        made.apply(*changes)
        at = made.virtual_now()
        end = at + LASTS
        made.until_virtual(write_instant(end))
        operator.stop()
    return told_twice(files, snapshot, Asked(at, until=end), PODS, [Applied(at, it) for it in changes])


def test_the_node_with_the_most_pods_of_a_deployment_is_left_empty_when_that_is_made_smaller(twice: Twice) -> None:
    live, played = twice.both(RecordKind.COMMAND_STARTED, pool="smaller")
    assert story(live) == story(played)
    assert [it.reason for it in live] == ["Empty"]


def test_a_daemon_set_s_pod_that_waits_for_room_does_not_hold_the_node(twice: Twice) -> None:
    live, played = twice.both(RecordKind.COMMAND_STARTED, pool="crowded")
    assert story(live) == story(played)
    assert len(live) == NODES["crowded"]


def test_one_that_runs_does(twice: Twice) -> None:
    for started in twice.both(RecordKind.COMMAND_STARTED, pool="roomy"):
        assert not started
    blocked = [[it for it in told if it.reason == "PodDisruptionBudget"] for told in twice.both(RecordKind.BLOCKED)]
    assert [it.object for it in blocked[0]] == [it.object for it in blocked[1]]
    assert {it.message for it in blocked[0]} == {"pdb prevents pod evictions (PodDisruptionBudget=[default/agent])"}


def test_trace_diff_finds_no_difference(twice: Twice) -> None:
    """But for who had no room or was nominated when, as with the eight pools."""
    passing = [f"--ignore={kind}={reason}" for kind in ("Blocked", "Unblocked") for reason in (NO_ROOM, NOMINATED)]
    done = napsim("trace", "diff", *twice.files, f"--tolerance={twice.tolerance.total_seconds():g}s", *passing)
    assert done.returncode == 0, done.stdout + done.stderr
