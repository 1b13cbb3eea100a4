"""``kubectl napsim``: run by the real kubectl, from a virtual environment and as krew would install it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import napsim
from napsim.cluster import Cluster

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def environment(cluster: Cluster) -> dict[str, str]:
    """napsim's programs on the PATH, as after `pip install`, and the cluster as kubectl's."""
    return {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "KUBECONFIG": str(cluster.kubeconfig)}


def kubectl(cluster: Cluster, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(cluster.kubectl), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_kubectl_finds_the_plugin(cluster: Cluster, environment: dict[str, str]) -> None:
    listed = kubectl(cluster, environment, "plugin", "list").stdout.splitlines()
    assert str(PROGRAMS / "kubectl-napsim") in listed


def test_kubectl_runs_it_against_its_own_cluster(cluster: Cluster, environment: dict[str, str]) -> None:
    told = kubectl(cluster, environment, "napsim", "version").stdout
    assert f"Client      {napsim.__version__}" in told
    server = kubectl(cluster, environment, "version").stdout.split("Server Version: ")[1].strip()
    assert f"Server      {server}" in told


def test_kubectls_flags_are_taken_before_and_after_the_sub_command(
    cluster: Cluster, environment: dict[str, str]
) -> None:
    elsewhere = environment | {"KUBECONFIG": "/nowhere"}
    flags = [f"--kubeconfig={cluster.kubeconfig}", "--namespace", "napsim-system"]
    before = kubectl(cluster, elsewhere, "napsim", *flags, "doctor")
    after = kubectl(cluster, elsewhere, "napsim", "doctor", *flags)
    assert before.returncode == after.returncode == 1
    assert before.stdout == after.stdout
    assert "no operator runs" in after.stdout


def test_the_help_is_kubectls(cluster: Cluster, environment: dict[str, str]) -> None:
    assert "Usage: kubectl napsim watch" in kubectl(cluster, environment, "napsim", "watch", "--help").stdout


def test_kubectl_completes_it(cluster: Cluster, environment: dict[str, str]) -> None:
    offered = kubectl(cluster, environment, "__complete", "napsim", "doc").stdout.splitlines()
    assert offered[0].startswith("doctor\t")
    assert offered[-1] == ":4"


def test_as_krew_installs_it_it_brings_its_own_packages(
    cluster: Cluster, environment: dict[str, str], tmp_path: Path
) -> None:
    """The archive is built from this checkout and unpacked; kubectl finds only a link to the launcher."""
    built = ["uv", "build", "--quiet", "--wheel", "--no-build-isolation", f"--python={sys.executable}"]
    subprocess.run([*built, f"--out-dir={tmp_path}", str(ROOT)], env=environment, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("napsim-*.whl")
    packing = ["napsim", "plugin", "archive", str(wheel), str(ROOT / "requirements" / "runtime.txt"), "--output"]
    subprocess.run([*packing, str(tmp_path)], env=environment, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "store", filter="data")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl-napsim").symlink_to(tmp_path / "store" / "kubectl-napsim")
    alone = environment | {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "PYTHON": sys.executable,
        "NAPSIM_PLUGIN_FOLDER": str(tmp_path / "packages"),
    }
    told = kubectl(cluster, alone, "napsim", "version", "--client")
    assert told.returncode == 0, told.stderr
    assert f"Client      {napsim.__version__}" in told.stdout
    assert "installing napsim" in told.stderr
    assert kubectl(cluster, alone, "napsim", "version", "--client").stderr == ""
