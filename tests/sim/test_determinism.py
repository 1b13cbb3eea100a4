"""The same scenario gives the same bytes: whatever the hash seed, the time zone, the order of its manifests."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from napsim.core.timings import Distribution
from napsim.core.trace import line
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Applied, Deleted, Event, NodeFailed, PodTimings, Scenario, Stopped
from napsim.sim.simulation import simulate
from tests.e2e import manifests as made
from tests.sim.scenarios import OPENS, cluster, daemon_set, images, scenario, settings, shop, stateful_set

ROOT = Path(__file__).parents[2]
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_APART = {"labelSelector": {"matchLabels": {"app": "apart"}}, "topologyKey": "kubernetes.io/hostname"}
_PROGRAM = "from tests.sim.test_determinism import busy, text; print(text(busy()))"


def busy() -> Scenario:
    """Three pools, all kinds of workloads, times drawn from distributions, failures of all kinds, a stop."""
    drawn = {"distribution": "lognormal", "median": "40s", "p95": "90s"}
    timings = dict.fromkeys(("launch", "registration", "initialization", "detach"), drawn)
    lacking = {"kind": "NoCapacity", "nodePools": ["default"], "from": "2026-02-15T01:05:00Z"}
    failures = [{**lacking, "until": "2026-02-15T02:00:00Z"}]
    first = made.pool(budgets=[{"nodes": "30%"}])
    first["spec"]["disruption"] = {**first["spec"]["disruption"], "consolidateAfter": "5m"}
    manifests = [
        settings(timings=timings, failures=failures, seed=7),
        made.window(),
        made.node_class(),
        first,
        made.pool("other", [{"nodes": "2"}], expireAfter="30h", terminationGracePeriod="20m"),
        made.pool("fixed", [{"nodes": "50%"}], replicas=4),
        *images(),
        daemon_set("agent"),
        made.deployment("apart", 4, affinity={"podAntiAffinity": {_REQUIRED: [_APART]}}),
    ]
    for number in range(6):
        chosen = {"karpenter.sh/nodepool": ("default", "other")[number % 2]}
        manifests += [
            made.deployment(f"web{number}", 7 + number, nodeSelector=chosen),
            made.pdb(f"web{number}", maxUnavailable="20%"),
            stateful_set(f"db{number}", 3),
        ]
    pods = PodTimings(Distribution("exponential", mean=8.0), Distribution("uniform", low=0.5, high=4.0))
    events: list[Event] = [
        NodeFailed(OPENS + timedelta(minutes=3), OPENS + timedelta(hours=2), node_pool="default", count=2),
        Applied(OPENS + timedelta(minutes=5), made.deployment("web0", 2)),
        Deleted(OPENS + timedelta(minutes=6), "Deployment", "web1", "default"),
        Stopped(OPENS + timedelta(hours=3), OPENS + timedelta(hours=4)),
    ]
    return scenario(manifests, events, pods=pods, seed=7, ends_early=False)


def text(of: Scenario | Outcome) -> str:
    """An outcome as text, whole."""
    outcome = simulate(of) if isinstance(of, Scenario) else of
    return "\n".join((*(line(record) for record in outcome.trace), repr(outcome)))


def _elsewhere(hash_seed: str, zone: str) -> subprocess.Popen[str]:
    where = os.pathsep.join((str(ROOT), *sys.path))  # the package that is tested here, and no other that is installed
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone, "PYTHONPATH": where}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def test_a_simulation_is_the_same_to_the_byte_with_any_hash_seed_and_time_zone() -> None:
    runs = [_elsewhere("1", "UTC"), _elsewhere("2", "Pacific/Auckland")]
    here, *others = text(busy()), *(run.communicate()[0].rstrip("\n") for run in runs)
    assert [run.returncode for run in runs] == [0, 0]
    assert all(other == here for other in others)
    assert here.count("CommandStarted") >= 20
    assert "problems=()" in here


@pytest.mark.parametrize("seed", [1])
def test_the_order_of_the_manifests_changes_nothing(seed: int) -> None:
    given = busy()
    shuffled = list(given.manifests)
    random.Random(seed).shuffle(shuffled)
    assert text(replace(given, manifests=tuple(shuffled))) == text(given)


def test_another_seed_gives_another_order() -> None:
    def order(seed: int) -> list[str]:
        outcome = simulate(scenario([settings(seed=seed), *cluster(shop())[1:]], seed=seed))
        return [item.object for item in outcome.trace if item.kind == "CommandStarted"]

    assert sorted(order(1)) == sorted(order(2))
    assert order(1) != order(2)
