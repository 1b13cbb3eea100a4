"""Sweeps, checks and advice on the workers of a Dask cluster: a scheduler and two processes of this machine."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from distributed import LocalCluster
from typer.testing import CliRunner

from napsim.cli.executors import DaskCluster, Executor, LocalProcesses, Unreachable
from napsim.cli.main import app
from napsim.cli.sweep import swept
from napsim.reading.sources import read
from napsim.report.sweep import Against, Sweep
from napsim.sim.composition import Asked
from tests.docs.blocks import Run, blocks_of
from tests.docs.commands import commands

ROOT = Path(__file__).parents[2]
WEEKEND = ROOT / "tests/scenarios/weekend_budget"
SINGLE = ROOT / "tests/scenarios/single_replica"
CHECKS = str(ROOT / "manifests/napsim-checks.yaml")


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


@pytest.fixture
def checks(tmp_path: Path) -> str:
    """A check that a PodDisruptionBudget breaks with every seed."""
    spec = {
        "manifests": [str(SINGLE)],
        "until": "2026-03-12T00:00:00Z",
        "runs": 2,
        "checks": [{"id": "in-time", "finishes": {"within": "7d"}}],
    }
    file = tmp_path / "napsim-checks.yaml"
    kind = {"apiVersion": "napsim.dev/v1alpha1", "kind": "Checks", "metadata": {"name": "it"}, "spec": spec}
    file.write_text(json.dumps(kind))
    return str(file)


def test_checks_of_many_seeds_have_the_answer_of_local_processes(address: str, checks: str) -> None:
    """With the counterexample: the instant, the node, the chain of reasons."""
    told = []
    for where in (["--dask", address], ["--processes", "2"]):
        done = CliRunner().invoke(app, ["check", "--checks", checks, "--runs", "3", "--output", "json", *where])
        assert done.exit_code == 1, done.output
        told.append(json.loads(done.stdout)["results"])
    assert told[0] == told[1]
    ((broken,), _) = told
    assert broken["runs"] == {"count": 3, "held": 0, "atLeast": 1.0}
    example = broken["counterexample"]
    assert example["at"].startswith("2026-03-")
    assert len(example["nodes"]) == 1
    assert "PodDisruptionBudget=[shop/ledger]" in example["reasons"][0]
    assert [link["name"] for link in example["chain"]["links"] if link["standing"] == "blocks"] == ["Candidate"]


def test_advice_is_tried_on_workers_where_each_check_has_several_seeds(address: str, checks: str) -> None:
    done = CliRunner().invoke(app, ["advise", "--checks", checks, "--dask", address, "--output", "json"])
    assert done.exit_code == 1, done.output
    assert json.loads(done.stdout)["edit"]["changes"]


def test_what_fails_on_a_worker_fails_here(address: str) -> None:
    with pytest.raises(ZeroDivisionError):
        list(DaskCluster(address).results(lambda number: 1 / number, [1, 0]))


def test_the_command_of_the_page_is_answered_by_the_workers(address: str) -> None:
    (block,) = (it for it in blocks_of("docs/sweep.md") if it.marking.run is Run.ELSEWHERE)
    (command,) = commands(block)
    there = {"tcp://scheduler:8786": address, "folder": str(ROOT / "tests/scenarios/december_freeze")}
    words = [there.get(word, word) for word in shlex.split(command.text)]
    assert set(there.values()) <= set(words)
    done = CliRunner().invoke(app, [*words[1:], "--output", "json"])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["points"]) == 46


def test_an_address_where_nothing_answers_is_told() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9: no Dask scheduler answers there"):
        list(DaskCluster("tcp://127.0.0.1:9").results(abs, [1]))
