"""The command ``napsim version``, where there is no cluster; with one, see tests/e2e/test_doctor.py."""

from __future__ import annotations

import json
import platform
import re
import socket
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import napsim
from napsim.api.compatibility import BUILT_KUBERNETES, OLDEST_KUBERNETES, supported
from napsim.cli.version import app
from napsim.cluster.folders import controlplane_sources

CHART = Path(__file__).parents[2] / "charts" / "napsim" / "Chart.yaml"
PINNED = controlplane_sources() / "kubernetes" / "go.mod"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No kubeconfig, and not in a pod."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_the_client_is_told_without_a_cluster(nowhere: None) -> None:
    result = CliRunner().invoke(app, ["--client"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"Client      {napsim.__version__}",
        f"Python      {platform.python_version()}",
        f"Supports    Kubernetes {supported()}",
    ]


def test_where_no_cluster_is_known_the_reason_is_told(nowhere: None) -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0
    assert "Operator    unknown (no kubeconfig found" in result.stdout


def test_a_kubeconfig_that_was_asked_for_has_to_be_there(nowhere: None) -> None:
    result = CliRunner().invoke(app, ["--kubeconfig", "/nowhere"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "/nowhere: no such file" in result.stderr


def test_an_api_server_that_does_not_answer_is_unknown(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{taken.getsockname()[1]}"
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here"}}],
        "clusters": [{"name": "here", "cluster": {"server": server}}],
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    result = CliRunner().invoke(app, ["--kubeconfig", str(path), "--output", "json"])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["cluster"], told["server"], told["operator"]) == (0, server, "", "")
    assert told["note"]
    assert told["schema"] == "napsim.dev/version/v1"


def test_the_versions_of_kubernetes_that_are_named_are_those_of_the_chart_and_of_the_clusters_that_are_built() -> None:
    chart = yaml.safe_load(CHART.read_text())
    assert chart["kubeVersion"] == f">={OLDEST_KUBERNETES[0]}.{OLDEST_KUBERNETES[1]}.0-0"
    found = re.search(r"k8s\.io/kubernetes v(\d+)\.(\d+)\.", PINNED.read_text())
    assert found is not None
    assert (int(found[1]), int(found[2])) == BUILT_KUBERNETES > OLDEST_KUBERNETES
