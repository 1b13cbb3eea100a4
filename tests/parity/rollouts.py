"""Karpenter's own rollouts, measured, and the same played by a simulation.

``data/rollouts.json`` holds runs of karpenter v1.14.0 with its KWOK provider: full nodes of ten equal pods, ten
Deployments each with a PDB of 25 %, drift by a change of the NodePool. Times are seconds since that change; launch,
registration and initialization are those of the run's own NodeClaims, in milliseconds.

Four more things are the machine's, and read from the run or its time line: how long the disruption loop takes
(``Measured.slower``), how much sooner a Node says that it is initialized than its NodeClaim (``Measured.timings``), how
far evictions are apart, and the pods that come for those evicted (``MOVED``, and the cores that were free for it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

from msgspec.structs import replace

from napsim.core.pace import MEASURED, Pace
from napsim.core.timings import Distribution
from napsim.core.trace import Record, RecordKind
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Applied, Event, PodTimings, Scenario
from napsim.sim.simulation import simulate
from tests.e2e import manifests as made

DATA: Final = Path(__file__).parent / "data" / "rollouts.json"
START: Final = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
FIRST: Final = timedelta(minutes=1)
APART: Final = timedelta(minutes=40)
IDLE_SECONDS: Final = 9  # a gap as long as that has a poll in it
TO_POLL: Final = 11  # a gap with a poll in it has a second for the NodeClaim and ten to the poll, and two passes
SMALL: Final = 20
FEWEST_POLLS: Final = 3  # that say how long a pass takes
LABEL_BEFORE_CONDITION: Final = 0.7  # of a launch: 23 ms where that took 35, and both are requests
MOVED: Final = timedelta(milliseconds=120)  # of CPU, an eviction and the pod that follows: ten took 0.6 s
CORES: Final = 2.0  # of that machine
PODS: Final = PodTimings(Distribution(low=0.3), Distribution(low=0.1))  # KWOK's start and end at once
DEPLOYMENTS: Final = 10
Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rollout:
    """One rollout: seconds from the change of the NodePool to the last node gone, and to each command's start."""

    finish: float
    starts: tuple[float, ...]
    most: int

    @property
    def gaps(self) -> tuple[float, ...]:
        return tuple(later - earlier for earlier, later in pairwise(self.starts))

    @property
    def polls(self) -> int:
        """Gaps in which nothing could go, up to the next poll."""
        return sum(gap > IDLE_SECONDS for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Measured:
    """A run of Karpenter's. ``timings``: when a Node says so, which is what the simulation of the next one looks at."""

    rollout: Rollout
    nodes: int
    budget: str
    evicted: int
    timings: Mapping[str, Manifest]

    @property
    def slower(self) -> float:
        """How many times as long as ``MEASURED`` its loop took, by the gaps in which all that were left were refused.

        Of runs with more than 20 nodes there is one of a size, and ``MEASURED`` is made from them.
        """
        passes = [
            (gap - TO_POLL, 2 * MEASURED.of_pass(self.nodes) + (self.nodes - done) * MEASURED.of_simulation(self.nodes))
            for done, gap in enumerate(self.rollout.gaps, 1)
            if TO_POLL < gap < TO_POLL + 2
        ]
        if len(passes) < FEWEST_POLLS or self.nodes > SMALL:
            return 1
        return sum(took for took, _ in passes) / sum(expected.total_seconds() for _, expected in passes)


def measured() -> dict[str, Measured]:
    """All runs, by name."""
    return {name: _measured(run) for name, run in json.loads(DATA.read_text()).items()}


def _measured(run: Mapping[str, Any]) -> Measured:
    sooner = LABEL_BEFORE_CONDITION * median(run["launch"])
    steps = {**run, "registration": [round(value - sooner) for value in run["registration"]]}
    timings = {step: observed(steps[step]) for step in ("launch", "registration", "initialization")}
    rollout = Rollout(run["finish"], tuple(run["starts"]), run["most"])
    return Measured(rollout, run["nodes"], run["budget"], run["evicted"], timings)


def observed(milliseconds: Iterable[int]) -> Manifest:
    return {"distribution": "observed", "values": [f"{value}ms" for value in milliseconds]}


def pool(budget: str, revision: int, replicas: int | None = None) -> Manifest:
    """Another revision, and all nodes drift."""
    manifest = made.pool(budgets=[{"nodes": budget}], replicas=replicas)
    manifest["spec"]["template"]["metadata"] = {"annotations": {"revision": str(revision)}}
    return manifest


def changed_at(number: int, seed: int) -> datetime:
    """When the NodePool changes for the rollout of that number, from 0: at any time between two polls."""
    return START + FIRST + APART * number + timedelta(seconds=(1.37 * seed + 3.1 * number) % 10)


def scene(
    nodes: int,
    budgets: Sequence[str],
    timings: Mapping[str, Manifest],
    seed: int = 0,
    *,
    replicas: int | None = None,
    slower: float = 1,
    cores: float = CORES,
    others: Iterable[Manifest] = (),
    events: Iterable[Event] = (),
) -> Scenario:
    """One rollout after another, with these budgets. ``slower``: how many times as long Karpenter takes to judge.

    ``cores``: what the machine had for the control plane; with fewer, pods follow one another more slowly.
    """
    settings = made.nap(timings={**timings, "detach": {"fixed": "30ms"}}, seed=seed)
    del settings["spec"]["clock"]
    names = [f"app-{number}" for number in range(DEPLOYMENTS)]
    workloads = [made.deployment(name, nodes * 10 // DEPLOYMENTS) for name in names]
    protected = [made.pdb(name, maxUnavailable="25%") for name in names]
    image = made.image("202601.10.0", "2026-01-11T00:00:00Z")
    changes = [
        Applied(changed_at(number, seed), pool(budget, number + 1, replicas)) for number, budget in enumerate(budgets)
    ]
    return Scenario(
        START,
        START + timedelta(days=1),
        (settings, made.node_class(), pool(budgets[0], 0, replicas), image, *workloads, *protected, *others),
        seed=seed,
        pods=PODS,
        events=tuple(sorted([*changes, *events], key=lambda event: event.at)),
        pace=replace(judging(slower), evictions=MOVED / cores, pods=MOVED / cores),
    )


def judging(times: float) -> Pace:
    """The pace of a machine on which the loop takes so many times as long."""
    return replace(
        MEASURED,
        candidates=MEASURED.candidates * times,
        candidates_per_node=MEASURED.candidates_per_node * times,
        simulation=MEASURED.simulation * times,
        simulation_per_node=MEASURED.simulation_per_node * times,
    )


def played(scenario: Scenario, rollouts: int) -> list[Rollout]:
    """Simulate it: what became of each of its rollouts."""
    outcome = simulate(scenario, pods_in_trace=False)
    began = [changed_at(number, scenario.seed) for number in range(rollouts)]
    ends = [*began[1:], outcome.ended_at + FIRST]
    return [rollout(outcome, *span) for span in zip(began, ends, strict=True)]


def rollout(outcome: Outcome, began: datetime, ended: datetime) -> Rollout:
    records = [item for item in outcome.trace if began <= item.at < ended]
    gone, starts = _since(records, RecordKind.CLAIM_GONE, began), _since(records, RecordKind.COMMAND_STARTED, began)
    most = max(step.disrupting for step in outcome.pools[0].steps if began <= step.at < ended)
    return Rollout(gone[-1], tuple(starts), most)


def _since(records: Iterable[Record], kind: RecordKind, began: datetime) -> list[float]:
    return [(record.at - began).total_seconds() for record in records if record.kind is kind]


def with_seeds(
    count: int, nodes: int, budgets: Sequence[str], timings: Mapping[str, Manifest], **more: Any
) -> list[list[Rollout]]:
    """The same with so many seeds: for each rollout of the scene, what it was with each of them."""
    runs = [played(scene(nodes, budgets, timings, seed, **more), len(budgets)) for seed in range(count)]
    return [list(found) for found in zip(*runs, strict=True)]


def middle(rollouts: Iterable[Rollout]) -> float:
    """The median of the finish times."""
    return median(item.finish for item in rollouts)
