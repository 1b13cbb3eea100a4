"""``kubectl napsim``: run by the real kubectl, from a virtual environment and as krew installs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import napsim
from napsim.cluster import Cluster
from tests.docs.blocks import blocks_of
from tests.docs.shell import Step, run, steps

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


def test_krew_installs_it_as_the_page_says_and_it_brings_its_own_packages(
    cluster: Cluster, environment: dict[str, str], tmp_path: Path
) -> None:
    """The wheel is built from this checkout; kubectl then finds only what krew has linked."""
    folder, krew = tmp_path / "page", tmp_path / "krew"
    built = ["uv", "build", "--quiet", "--wheel", "--no-build-isolation", f"--python={sys.executable}"]
    subprocess.run(
        [*built, f"--out-dir={folder / 'dist'}", str(ROOT)], env=environment, check=True, capture_output=True
    )
    (folder / "requirements").symlink_to(ROOT / "requirements")
    subprocess.run([ROOT / "hack/krew/build", tmp_path / "programs"], env=environment, check=True, capture_output=True)
    (tmp_path / "programs/kubectl").symlink_to(cluster.kubectl)
    told = run(
        with_krew(),
        tmp_path,
        {
            "PATH": f"{tmp_path / 'programs'}:{environment['PATH']}",
            "KREW_ROOT": str(krew),
            "KREW_NO_UPGRADE_CHECK": "1",
        },
        where=folder,
    )
    assert [complaint for outcome in told if (complaint := outcome.complaint())] == []
    alone = environment | {
        "PATH": f"{krew / 'bin'}:/usr/bin:/bin",
        "PYTHON": sys.executable,
        "NAPSIM_PLUGIN_FOLDER": str(tmp_path / "packages"),
    }
    said = kubectl(cluster, alone, "napsim", "version", "--client")
    assert said.returncode == 0, said.stderr
    assert f"Client      {napsim.__version__}" in said.stdout
    assert "installing napsim" in said.stderr
    assert kubectl(cluster, alone, "napsim", "version", "--client").stderr == ""


def with_krew() -> list[Step]:
    """The page's block with krew, and the one before it, which makes what krew installs, here of a real wheel."""
    blocks = blocks_of("docs/kubectl.md")
    (place,) = [place for place, block in enumerate(blocks) if block.marking.why == "tests/e2e/test_kubectl_plugin.py"]
    return [step for block in blocks[place - 1 : place + 1] for step in steps(block) if step.command]
