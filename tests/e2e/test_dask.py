"""A sweep on the workers of a Dask cluster: a scheduler and two processes of this machine, by address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from distributed import LocalCluster

from napsim.cli.executors import DaskCluster, Executor, LocalProcesses, Unreachable
from napsim.cli.sweep import swept
from napsim.reading.sources import read
from napsim.report.sweep import Against, Sweep
from napsim.sim.composition import Asked

WEEKEND = Path(__file__).parents[1] / "scenarios/weekend_budget"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with LocalCluster(  # type: ignore[no-untyped-call]  # distributed has no types
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def over(executor: Executor) -> Sweep:
    documents, mistakes = read([str(WEEKEND)], str)
    vary = ["pool/default:budget=1..3", "pool/*:spec.replicas=4,8"]
    return swept(documents, mistakes, vary, Asked(datetime(2026, 1, 1, tzinfo=UTC)), Against.NODES, 1, executor)


def test_a_cluster_gives_the_answer_that_local_processes_give(address: str) -> None:
    found = over(DaskCluster(address))
    assert len(found.points) == 6
    assert found.front
    assert found == over(LocalProcesses(2))


def test_what_fails_on_a_worker_fails_here(address: str) -> None:
    with pytest.raises(ZeroDivisionError):
        list(DaskCluster(address).results(lambda number: 1 / number, [1, 0]))


def test_an_address_where_nothing_answers_is_told() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9: no Dask scheduler answers there"):
        list(DaskCluster("tcp://127.0.0.1:9").results(abs, [1]))
