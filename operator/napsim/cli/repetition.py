"""The same scenario with many seeds, in processes of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from napsim.api.nodeautoprovisioning import NodeAutoProvisioning
from napsim.cli.executors import LocalProcesses, told_results
from napsim.report.forecast import Quantiles, Runs
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate


@dataclass(frozen=True, slots=True)
class _Result:
    """What is kept of one run. ``finish_seconds`` from the start; None where it does not finish."""

    seed: int
    finish_seconds: float | None
    most_disrupting: int
    evicted: int


def runs_of(scenario: Scenario, count: int) -> Runs:
    """What ``count`` seeds from the scenario's own on come to. A bar on standard error."""
    seeds = range(scenario.seed, scenario.seed + count)
    return _runs(sorted(_results(scenario, seeds), key=lambda result: result.seed))


def with_seed(scenario: Scenario, seed: int) -> Scenario:
    """The scenario with another seed, in its settings too."""
    manifests = tuple(
        {**manifest, "spec": {**manifest["spec"], "seed": seed}}
        if manifest["kind"] == NodeAutoProvisioning.__name__
        else manifest
        for manifest in scenario.manifests
    )
    timings = msgspec.structs.replace(scenario.timings, seed=seed)
    return replace(scenario, seed=seed, manifests=manifests, timings=timings)


def _results(scenario: Scenario, seeds: range) -> list[_Result]:
    return told_results(LocalProcesses(), _one, [with_seed(scenario, seed) for seed in seeds])


def _one(scenario: Scenario) -> _Result:
    outcome = simulate(scenario, pods_in_trace=False)
    ended = outcome.finished_at
    return _Result(
        scenario.seed,
        (ended - outcome.started_at).total_seconds() if ended is not None else None,
        outcome.most_disrupting,
        sum(item.evicted for item in outcome.workloads),
    )


def _runs(results: Sequence[_Result]) -> Runs:
    ends = [result.finish_seconds for result in results if result.finish_seconds is not None]
    return Runs(
        count=len(results),
        seeds=(results[0].seed, results[-1].seed),
        finished=len(ends),
        finish=quantiles(ends) if ends else None,
        most_disrupting=quantiles([float(result.most_disrupting) for result in results]),
        evicted=quantiles([float(result.evicted) for result in results]),
    )


def quantiles(values: Sequence[float]) -> Quantiles:
    """p50, p90 and the worst, each a value that was seen: the smallest at or below which that share lies."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]

    return Quantiles(p50=at(0.5), p90=at(0.9), worst=ordered[-1])
