"""Where things lie, and which names clusters may have."""

from __future__ import annotations

from pathlib import Path

import pytest

import napsim
from napsim.cluster.binaries import HELM, PIECES
from napsim.cluster.errors import ClusterError
from napsim.cluster.folders import cache_folder, cluster_folder, clusters_folder, controlplane_sources, kwok_stages


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NAPSIM_CACHE", "NAPSIM_CLUSTERS_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home-of-somebody")


def test_the_cache_is_in_the_users_cache_folder_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == Path("/home-of-somebody/.cache/napsim")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/napsim")
    monkeypatch.setenv("NAPSIM_CACHE", "~/mine")
    assert cache_folder() == Path("/home-of-somebody/mine")


def test_clusters_are_in_the_cache_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPSIM_CACHE", "/mine")
    assert clusters_folder() == Path("/mine/clusters")
    monkeypatch.setenv("NAPSIM_CLUSTERS_DIR", "relative")
    assert clusters_folder() == Path.cwd() / "relative"


@pytest.mark.parametrize("name", ["a", "napsim", "napsim-test-123-0", "0", "x" * 40])
def test_a_name_may_be_what_a_label_may_be(name: str) -> None:
    assert cluster_folder(name) == clusters_folder() / name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a/b", "..", "a b", "x" * 41])
def test_any_other_name_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ClusterError, match="allowed are 1 to 40 of a-z, 0-9 and '-'"):
        cluster_folder(name)


def test_what_clusters_are_made_from_comes_with_the_package() -> None:
    package = Path(napsim.__file__).parent
    assert controlplane_sources().is_relative_to(package)
    assert kwok_stages().is_relative_to(package)
    assert {piece.module for piece in (*PIECES, HELM)} <= {folder.name for folder in controlplane_sources().iterdir()}
    assert kwok_stages().is_file()
