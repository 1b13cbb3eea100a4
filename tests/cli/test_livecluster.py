"""A live cluster in place of manifests: six commands, and what ``diff`` takes applying manifests for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner, Result

from napsim.cli.livecluster import CLUSTER, LiveCluster
from napsim.cli.main import app
from napsim.controllers.resources import Resource
from napsim.live.snapshot import RESOURCES, Snapshot
from napsim.reading.sources import Document, Text

ROOT: Final = Path(__file__).parents[2]
NOW: Final = datetime(2026, 2, 16, 3, tzinfo=UTC)
COMMANDS: Final = {
    "lint": ["lint"],
    "windows": ["windows"],
    "budgets": ["budgets"],
    "why": ["why", "pool/default"],
    "check": ["check", "--checks", str(ROOT / "manifests/napsim-checks.yaml")],
    "diff": ["diff", str(ROOT / "manifests/examples/30-nodepools.yaml"), "--no-forecast"],
    "advise": ["advise", "--checks", str(ROOT / "manifests/napsim-checks.yaml")],
}


def objects() -> Iterator[dict[str, Any]]:
    """The examples as an API server has them."""
    for file in sorted((ROOT / "manifests/examples").glob("*.yaml")):
        for number, manifest in enumerate(yaml.safe_load_all(file.read_text())):
            if manifest is not None and manifest["kind"] != "Namespace":
                created = {"uid": f"{file.name}-{number}", "creationTimestamp": "2026-01-02T00:00:00Z"}
                yield manifest | {"metadata": manifest["metadata"] | created}


class Cluster:
    """In place of ``read_cluster``: has the examples, and keeps what was asked for."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.asked: list[object] = []

    def __call__(
        self, kubeconfig: Path | None, context: str | None, command: str, listed: Iterable[Resource]
    ) -> Snapshot:
        self.kinds = {resource.kind for resource in listed}
        self.asked += [kubeconfig, context, command]
        return Snapshot(tuple(it for it in objects() if it["kind"] in self.kinds), ("NodeImage is not served here.",))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr("napsim.cli.snapshot.read_cluster", made)
    monkeypatch.setattr("napsim.live.clock.wall_clock", lambda: NOW)
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize("command", ["lint", "windows", "budgets", "why", "diff"])
def test_a_command_answers_from_a_live_cluster(command: str, cluster: Cluster) -> None:
    done = run(*COMMANDS[command], "--context", "there", "--output", "json")
    assert done.exit_code in {0, 1}, done.output
    assert cluster.asked == [None, "there", command]
    assert done.stderr == f"napsim {command}: NodeImage is not served here.\n"
    told = json.loads(done.stdout)
    instant = told.get("at") or told["start"]
    assert instant.startswith("2026-02-16T0")


@pytest.mark.parametrize(
    ("command", "kinds"),
    [
        ("windows", {"MaintenanceConfiguration", "NodeAutoProvisioning"}),
        ("budgets", {"NodePool", "Node", "NodeAutoProvisioning"}),
        ("lint", {resource.kind for resource in RESOURCES}),
    ],
)
def test_only_what_is_answered_from_is_listed(command: str, kinds: set[str], cluster: Cluster) -> None:
    run(*COMMANDS[command], "--cluster")
    assert cluster.kinds == kinds


@pytest.mark.parametrize("command", [*COMMANDS])
def test_a_cluster_that_cannot_be_read_is_no_answer(command: str, unreachable: Path) -> None:
    done = run(*COMMANDS[command], "--kubeconfig", str(unreachable))
    assert done.exit_code == 2
    assert done.stderr.startswith(f"napsim {command}: http://127.0.0.1:")


@pytest.mark.parametrize("command", ["lint", "windows", "budgets", "why", "check", "advise"])
def test_manifests_and_a_cluster_at_once_are_refused(command: str) -> None:
    done = run(*COMMANDS[command], "manifests", "--cluster")
    assert done.exit_code == 2
    assert "either manifests, or a live cluster" in done.stderr


def test_diff_says_what_applying_manifests_would_change(cluster: Cluster, tmp_path: Path) -> None:
    pools = (ROOT / "manifests/examples/30-nodepools.yaml").read_text()
    file = tmp_path / "pools.yaml"
    file.write_text(pools)
    same = run("diff", str(file), "--cluster", "--no-forecast")
    assert (same.exit_code, same.stderr) == (0, "napsim diff: NodeImage is not served here.\n")
    file.write_text(pools.replace("    budgets:\n", '    budgets:\n      - nodes: "0"\n', 1))
    changed = run("diff", str(file), "--cluster", "--no-forecast", "--output", "json")
    told = json.loads(changed.stdout)
    assert changed.exit_code == 1
    assert (told["before"], told["after"]) == (CLUSTER, f"{CLUSTER} with {file}")
    assert {it["pool"] for it in told["budgets"]} == {"system"}


def test_a_kind_of_that_name_in_another_group_takes_the_place_of_none(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "foreign.yaml"
    file.write_text(
        "{apiVersion: hypershift.openshift.io/v1beta1, kind: NodePool, metadata: {name: default}, spec: {}}"
    )
    same = run("diff", str(file), "--cluster", "--no-forecast")
    assert same.exit_code == 0, same.stdout


def test_what_is_applied_keeps_age_and_status_and_what_is_not_there_stays() -> None:
    metadata = {"name": "os", "uid": "1", "creationTimestamp": "2026-01-02T00:00:00Z", "annotations": {"a": "1"}}
    there = Document("(cluster)", 1, {"kind": "X", "metadata": metadata, "spec": {"old": 1}, "status": {"on": True}})
    other = Document("(cluster)", 2, {"kind": "X", "metadata": {"name": "other"}})
    pods = [
        Document("f", 1, {"kind": "Pod", "metadata": {"name": "p", **more}}) for more in ({}, {"namespace": "default"})
    ]
    change = Document(
        "file.yaml", 7, {"kind": "X", "metadata": {"name": "os", "annotations": {"b": "2"}}, "spec": {"new": 1}}
    )
    live = LiveCluster(Text(CLUSTER, ""), (there, other, pods[0]), NOW)
    one, two, pod = live.after([change, pods[1]])
    assert (one.file, one.line, two) == ("file.yaml", 7, other)
    assert one.manifest["spec"] == {"new": 1}
    assert one.manifest["status"] == {"on": True}
    assert one.manifest["metadata"] == {
        "name": "os",
        "creationTimestamp": "2026-01-02T00:00:00Z",
        "annotations": {"a": "1", "b": "2"},
    }
    assert pod.manifest["metadata"]["namespace"] == "default"
