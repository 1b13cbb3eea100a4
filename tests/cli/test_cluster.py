"""`napsim cluster`: what it prints and how it exits, without a cluster."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from napsim.cli import cluster
from napsim.cluster import (
    Cluster,
    ClusterError,
    ClusterExists,
    ClusterNotFound,
    Component,
    PrerequisiteMissing,
    Status,
)

ONE = Cluster(
    name="one",
    runtime="kwok",
    folder=Path("/clusters/one"),
    workdir=Path("/clusters/one/kwok"),
    kubeconfig=Path("/clusters/one/kubeconfig.yaml"),
    audit_log=Path("/clusters/one/audit.log"),
    kubectl=Path("/built/kubectl"),
)


def napsim_cluster(*arguments: str) -> Result:
    return CliRunner().invoke(cluster.app, arguments)


def raising(error: BaseException) -> object:
    def create(*_arguments: object, **_options: object) -> None:
        raise error

    return create


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (ClusterError("it broke"), 1),
        (ClusterExists("it broke"), 3),
        (ClusterNotFound("it broke"), 3),
        (PrerequisiteMissing("it broke"), 4),
    ],
)
def test_each_error_has_the_exit_code_of_the_help_and_its_message_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, error: ClusterError, exit_code: int
) -> None:
    monkeypatch.setattr(cluster, "create_cluster", raising(error))
    result = napsim_cluster("create")
    assert result.exit_code == exit_code
    assert result.stderr == "napsim: it broke\n"
    assert result.stdout == ""


@pytest.fixture
def with_keyboard() -> Iterator[None]:
    """A shell starts what runs in its background with SIGINT ignored; these tests may run there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("with_keyboard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_being_interrupted_and_being_terminated_are_told_alike(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def create(*_arguments: object, **_options: object) -> None:
        os.kill(os.getpid(), number)

    monkeypatch.setattr(cluster, "create_cluster", create)
    result = napsim_cluster("create")
    assert result.exit_code == 130
    assert "interrupted, and cleaned up" in result.stderr


def test_options_and_defaults_reach_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def create(name: str, *, progress: object, **options: object) -> Cluster:
        asked.append((name, options))
        return ONE

    monkeypatch.setattr(cluster, "create_cluster", create)
    shown = napsim_cluster("create").stdout
    assert "export KUBECONFIG=/clusters/one/kubeconfig.yaml" in shown
    assert napsim_cluster("create", "--name", "one", "--no-audit", "--disable-qps-limits").exit_code == 0
    real = ("--runtime", "kind", "--workers", "0", "--fake-nodes")
    assert napsim_cluster("create", "--name", "two", *real).exit_code == 0
    assert asked == [
        ("napsim", {"runtime": "kwok", "audit": True, "disable_qps_limits": False, "workers": 3, "fake_nodes": False}),
        ("one", {"runtime": "kwok", "audit": False, "disable_qps_limits": True, "workers": 3, "fake_nodes": False}),
        ("two", {"runtime": "kind", "audit": True, "disable_qps_limits": False, "workers": 0, "fake_nodes": True}),
    ]


@pytest.mark.parametrize(("pid", "ready", "exit_code"), [(7, True, 0), (None, True, 3), (7, False, 3)])
def test_the_status_is_zero_only_if_all_of_it_runs(
    monkeypatch: pytest.MonkeyPatch, pid: int | None, ready: bool, exit_code: int
) -> None:
    status = Status(ONE, (Component("etcd", pid),), ready=ready)
    monkeypatch.setattr(cluster, "cluster_status", lambda _name: status)
    result = napsim_cluster("status")
    assert result.exit_code == exit_code
    assert f"etcd                     {'pid 7' if pid else 'not running'}" in result.stdout
    assert "audit log   none" in result.stdout


def test_the_kubeconfig_is_printed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_cluster", lambda _name: ONE)
    assert napsim_cluster("kubeconfig").stdout == "/clusters/one/kubeconfig.yaml\n"


@pytest.mark.parametrize(("there", "said"), [(True, "removed"), (False, "nothing to remove")])
def test_deleting_succeeds_whether_or_not_there_was_anything(
    monkeypatch: pytest.MonkeyPatch, there: bool, said: str
) -> None:
    monkeypatch.setattr(cluster, "delete_cluster", lambda _name: there)
    result = napsim_cluster("delete")
    assert result.exit_code == 0
    assert said in result.stdout
