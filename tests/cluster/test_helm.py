"""Helm: the one that is there is taken, and otherwise it is built; a cluster never needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from napsim.cluster.binaries import HELM, PIECES, control_plane, linker_flags
from napsim.cluster.folders import controlplane_sources
from napsim.cluster.golang import pinned_version
from napsim.cluster.helm import find_helm
from napsim.cluster.progress import Silent


def on_the_path(go: Path, says: str, code: int = 0) -> Path:
    """A stand-in for helm, in the folder that the PATH begins with."""
    program = go / "helm"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = 'version --short' ] || exit 9\necho '{says}'\nexit {code}\n")
    program.chmod(0o755)
    return program


def test_the_pin_is_the_version_that_the_chart_is_tested_with() -> None:
    assert pinned_version(controlplane_sources() / HELM.module, HELM.dependency) == "v4.3.1"


@pytest.mark.parametrize(
    ("says", "version"),
    [("v3.22.0+g0123456", "v3.22.0"), ("v4.3.1", "v4.3.1"), ("v4.4.0-rc.1+gabc", "v4.4.0-rc.1")],
)
def test_the_helm_on_the_path_is_taken(sources: Path, go: Path, says: str, version: str) -> None:
    program = on_the_path(go, says)
    found = find_helm(Silent())
    assert (found.executable, found.version) == (program, version)
    assert not (go / "calls").exists()


@pytest.mark.parametrize(
    ("says", "code"),
    [
        pytest.param("Client: v2.17.0+ga690bad", 1, id="helm 2"),
        pytest.param("v5.0.0", 0, id="a major that nobody knows yet"),
        pytest.param("helm: command not understood", 2, id="another program of that name"),
    ],
)
def test_another_helm_is_left_alone_and_the_pinned_one_built(sources: Path, go: Path, says: str, code: int) -> None:
    on_the_path(go, says, code)
    found = find_helm(Silent())
    assert found.version == "v1.2.3"
    assert found.executable.read_text() == "built\n"


def test_without_a_helm_the_pinned_one_is_built_once(sources: Path, go: Path) -> None:
    first = find_helm(Silent())
    assert find_helm(Silent()) == first
    builds = [line for line in (go / "calls").read_text().splitlines() if " build " in line]
    assert len(builds) == 1
    assert builds[0].split()[-1] == "helm.sh/helm/v4/cmd/helm"


def test_a_control_plane_is_built_without_it(sources: Path, go: Path) -> None:
    assert HELM not in PIECES
    assert "helm" not in control_plane(Silent()).binaries
    assert "helm" not in (go / "calls").read_text()


def test_it_is_told_its_version_by_the_linker(sources: Path) -> None:
    assert linker_flags(HELM, sources) == "-s -w -X helm.sh/helm/v4/internal/version.version=v1.2.3"
