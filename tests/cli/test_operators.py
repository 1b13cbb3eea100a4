"""Operators that were started on a cluster are found, and `napsim cluster delete` says that they go on without it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from napsim.cli import cluster
from napsim.cli.operators import operators_on

SLEEP = "print(flush=True); import time; time.sleep(60)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPSIM_CLUSTERS_DIR", str(tmp_path))
    return tmp_path / "one"


@pytest.fixture(params=["option", "environment"])
def operator(request: pytest.FixtureRequest, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What looks like a ``napsim run`` on cluster ``one``."""
    config = folder / "kubeconfig.yaml"
    by_option = [f"--kubeconfig={config}"] if request.param == "option" else []
    environment = {**os.environ, "KUBECONFIG": "/elsewhere" if by_option else str(config)}
    command = [sys.executable, "-S", "-c", SLEEP, "napsim", "run", *by_option]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_an_operator_is_found_by_its_kubeconfig(operator: subprocess.Popen[bytes]) -> None:
    assert [process.pid for process in operators_on("one")] == [operator.pid]
    assert operators_on("other") == []


def test_deleting_a_cluster_names_the_operators_that_go_on_and_leaves_them_alone(
    operator: subprocess.Popen[bytes],
) -> None:
    result = CliRunner().invoke(cluster.app, ["delete", "--name", "one"])
    assert result.exit_code == 0
    assert f"napsim run (pid {operator.pid}) was started on cluster one and goes on without it" in result.stderr
    assert psutil.pid_exists(operator.pid)
    assert operator.poll() is None


def test_without_an_operator_nothing_is_said(folder: Path) -> None:
    assert CliRunner().invoke(cluster.app, ["delete", "--name", folder.name]).stderr == ""
