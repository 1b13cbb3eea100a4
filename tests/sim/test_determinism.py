"""The same scenario gives the same bytes: whatever the hash seed, the time zone, the order of its manifests."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from napsim.core.timings import Distribution
from napsim.core.trace import line
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import NodeFailed, PodTimings, Scenario
from napsim.sim.simulation import simulate
from tests.e2e import manifests as made
from tests.sim.scenarios import OPENS, cluster, daemon_set, images, scenario, settings, shop, stateful_set

ROOT = Path(__file__).parents[2]
_PROGRAM = "from tests.sim.test_determinism import busy, text; print(text(busy()))"


def busy() -> Scenario:
    """Two pools, all kinds of workloads, times drawn from distributions, a node that fails."""
    workloads = [
        *shop(30),
        made.deployment("api", 12, nodeSelector={"karpenter.sh/nodepool": "other"}),
        made.pdb("api", minAvailable="50%"),
        stateful_set("db", 6),
        daemon_set("agent"),
    ]
    drawn = {"distribution": "lognormal", "median": "40s", "p95": "90s"}
    timings = dict.fromkeys(("launch", "registration", "initialization", "detach"), drawn)
    manifests = [
        settings(timings=timings, seed=7),
        made.window(),
        made.node_class(),
        made.pool(),
        made.pool("other", [{"nodes": "50%"}]),
        *images(),
        *workloads,
    ]
    pods = PodTimings(Distribution("exponential", mean=8.0), Distribution("uniform", low=0.5, high=4.0))
    failed = NodeFailed(OPENS, OPENS.replace(hour=6), node_pool="other", count=2)
    return scenario(manifests, [failed], pods=pods, seed=7)


def text(of: Scenario | Outcome) -> str:
    """An outcome as text, whole."""
    outcome = simulate(of) if isinstance(of, Scenario) else of
    return "\n".join((*(line(record) for record in outcome.trace), repr(outcome)))


def _elsewhere(hash_seed: str, zone: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def test_a_simulation_is_the_same_to_the_byte_with_any_hash_seed_and_time_zone() -> None:
    runs = [_elsewhere("1", "UTC"), _elsewhere("2", "Pacific/Auckland")]
    here, *others = text(busy()), *(run.communicate()[0].rstrip("\n") for run in runs)
    assert [run.returncode for run in runs] == [0, 0]
    assert all(other == here for other in others)
    assert here.count("CommandStarted") >= 8


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_the_manifests_changes_nothing(seed: int) -> None:
    given = busy()
    shuffled = list(given.manifests)
    random.Random(seed).shuffle(shuffled)
    assert text(scenario(shuffled, given.events, pods=given.pods, seed=7)) == text(given)


def test_another_seed_gives_another_order() -> None:
    def order(seed: int) -> list[str]:
        outcome = simulate(scenario([settings(seed=seed), *cluster(shop())[1:]], seed=seed))
        return [item.object for item in outcome.trace if item.kind == "CommandStarted"]

    assert sorted(order(1)) == sorted(order(2))
    assert order(1) != order(2)
