"""What Karpenter itself does, and what a forecast of its snapshot says. `make test-karpenter`, not `make test`.

Which of equal nodes goes first is chance with Karpenter, and where in its ten seconds a poll comes; a forecast is asked
with several seeds, and what Karpenter does has to lie among its answers, give or take a poll.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from napsim.api.scalars import write_instant
from napsim.cluster import Cluster, create_cluster, delete_cluster
from napsim.core.trace import RecordKind
from napsim.live.snapshot import Manifest
from napsim.reading.sources import Document
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.outcome import Outcome
from napsim.sim.simulation import simulate
from tests.e2e.commands import napsim
from tests.e2e.kubectl import apply, eventually, get, kubectl, served
from tests.e2e.ownership import remove_left_behind, unused_name
from tests.karpenter import karpenter
from tests.karpenter.karpenter import Claims
from tests.karpenter.situations import NODE_CLASS, SITUATIONS, Situation

SEEDS: Final = range(8)
POLL_SECONDS: Final = 12.0  # of the disruption loop, and a bit
NOMINATED_SECONDS: Final = 25.0  # after pods came to a node it is no candidate
BLOCKED: Final = "DisruptionBlocked"
# Nodes register 5 s after their launch, and nothing else takes time.
TIMINGS: Final = {
    "launch": {"fixed": "0s"}, "registration": {"fixed": "5.1s"}, "initialization": {"fixed": "0s"},
    "detach": {"fixed": "0s"}, "podStart": {"fixed": "0s"}, "podTermination": {"fixed": "0s"},
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """One situation: what became of the NodeClaims, what Karpenter said of nodes it left alone, and the forecasts."""

    claims: Claims
    said: frozenset[str]
    forecasts: tuple[Outcome, ...]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """With Karpenter, and a class for its nodes."""
    remove_left_behind()
    folder, made = karpenter.build(), create_cluster(unused_name())
    try:
        with karpenter.running(made, folder, tmp_path_factory.mktemp("karpenter") / "log"):
            served(made)
            apply(made, NODE_CLASS)
            yield made
    finally:
        delete_cluster(made.name)


@pytest.fixture(scope="module", params=SITUATIONS)
def asked(request: pytest.FixtureRequest, cluster: Cluster) -> tuple[Situation, Seen]:
    """Both answers to one situation, on a cluster that has nothing else."""
    situation = SITUATIONS[request.param]
    emptied(cluster)
    apply(cluster, *situation.base)
    karpenter.stands(cluster)
    time.sleep(NOMINATED_SECONDS)
    started = datetime.now(UTC)
    there = karpenter.snapshot(napsim("snapshot", f"--kubeconfig={cluster.kubeconfig}").stdout)
    with karpenter.watched(cluster) as claims:
        changed = datetime.now(UTC)
        apply(cluster, *situation.change)
        follow(cluster, situation)
        eventually(lambda: claims.taken.keys() <= claims.gone.keys(), "the watch tells of the last that is gone")
    forecasts = tuple(forecast(there, situation, started, changed, seed) for seed in SEEDS)
    return situation, Seen(claims, frozenset(sentences(cluster)), forecasts)


def emptied(cluster: Cluster) -> None:
    for kind in ("deployments,statefulsets,poddisruptionbudgets", "nodepools,nodeclaims"):
        kubectl(cluster, "delete", kind, "--all", "--wait=false")
    kubectl(cluster, "delete", "events", "--all")
    eventually(lambda: not any(get(cluster, kind)["items"] for kind in ("pods", "nodeclaims", "nodes")), "it is empty")


def follow(cluster: Cluster, situation: Situation) -> None:
    eventually(lambda: karpenter.is_drifted(cluster), "Karpenter has seen the change")
    if situation.nothing_seconds:
        time.sleep(situation.nothing_seconds)
    else:
        eventually(lambda: karpenter.is_over(cluster), "no NodeClaim is drifted any more", within_seconds=300)


def sentences(cluster: Cluster) -> Iterator[str]:
    """What Karpenter said of Nodes that it left alone."""
    for item in get(cluster, "events")["items"]:
        if item["reason"] == BLOCKED and item["involvedObject"]["kind"] == "Node":
            yield item["message"]


def forecast(there: list[Manifest], situation: Situation, start: datetime, changed: datetime, seed: int) -> Outcome:
    """Of the snapshot, with the change when it came."""
    events = [{"at": write_instant(changed), "apply": item} for item in situation.change]
    spec: dict[str, Any] = {"start": write_instant(start), "seed": seed, "timings": TIMINGS, "events": events}
    if situation.nothing_seconds:
        spec["until"] = write_instant(datetime.now(UTC))
    its_own = {"apiVersion": "napsim.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "asked"}, "spec": spec}
    documents = [Document("snapshot", 1, item) for item in (*there, its_own)]
    return simulate(scenario_of(documents, Asked(start)), pods_in_trace=False)


def length_seconds(outcome: Outcome) -> float:
    """From the first node taken to the last NodeClaim gone."""
    taken = [at for pool in outcome.pools for at, _ in pool.taken]
    gone = [item.at for item in outcome.trace if item.kind == RecordKind.CLAIM_GONE]
    return (max(gone) - min(taken)).total_seconds() if taken else 0.0


def created(outcome: Outcome) -> int:
    return sum(item.kind == RecordKind.CLAIM_CREATED for item in outcome.trace)


# --- what both say ----------------------------------------------------------------------------------------------------


def test_as_many_nodes_are_taken(asked: tuple[Situation, Seen]) -> None:
    situation, seen = asked
    old = len(seen.claims.taken)
    assert situation.taken in (None, old)
    assert {sum(len(pool.taken) for pool in outcome.pools) for outcome in seen.forecasts} == {old}


def test_as_many_nodes_come_as_in_one_of_the_forecasts(asked: tuple[Situation, Seen]) -> None:
    _, seen = asked
    counts = [created(outcome) for outcome in seen.forecasts]
    assert min(counts) <= len(seen.claims.created) <= max(counts), counts


def test_it_takes_as_long_as_in_one_of_the_forecasts(asked: tuple[Situation, Seen]) -> None:
    situation, seen = asked
    if situation.nothing_seconds:
        assert not seen.claims.gone
        return
    lengths = [length_seconds(outcome) for outcome in seen.forecasts]
    assert min(lengths) - POLL_SECONDS <= seen.claims.seconds <= max(lengths) + POLL_SECONDS, lengths


def test_a_node_that_stays_is_left_alone_for_the_same_reason(asked: tuple[Situation, Seen]) -> None:
    """Karpenter says so of nodes in an event, with the name of one PodDisruptionBudget or pod."""
    situation, seen = asked
    if not situation.nothing_seconds:
        return
    for outcome in seen.forecasts:
        told = {item.message for item in outcome.blocked if item.until is None}
        assert {item.casefold() for item in told} <= {item.casefold() for item in seen.said}
