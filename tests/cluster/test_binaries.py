"""Building the control plane: once, completely or not at all, one at a time, and keyed by what decides the result."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from napsim.cluster import binaries
from napsim.cluster.binaries import PIECES, control_plane, linker_flags, piece_folder
from napsim.cluster.errors import PrerequisiteMissing
from napsim.cluster.folders import controlplane_sources
from napsim.cluster.golang import GoFailed, pinned_version
from napsim.cluster.progress import Silent

ETCD, KUBERNETES, KWOK = PIECES


class Recorded(Silent):
    """Remembers the steps that it was told of."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float | None]] = []
        self.done: list[str] = []

    def started(self, step: str, estimate_seconds: float | None) -> None:
        self.steps.append((step, estimate_seconds))

    def finished(self, step: str, elapsed_seconds: float) -> None:
        self.done.append(step)


def builds(go: Path) -> list[str]:
    return [line for line in (go / "calls").read_text().splitlines() if " build " in line]


def test_the_pins_are_the_versions_that_napsim_is_tested_with() -> None:
    sources = controlplane_sources()
    assert [pinned_version(sources / piece.module, piece.dependency) for piece in PIECES] == [
        "v3.6.16",
        "v1.36.3",
        "v0.8.0",
    ]


def test_the_staging_modules_of_kubernetes_are_pinned_to_its_release() -> None:
    lines = (controlplane_sources() / "kubernetes" / "go.mod").read_text().splitlines()
    replaced = [line.strip() for line in lines if " => " in line]
    assert len(replaced) > 25
    assert {line.split()[-1] for line in replaced} == {"v0.36.3"}
    assert all(line.split()[0] == line.split()[2] for line in replaced)


def test_kubernetes_is_told_its_version_by_the_linker(sources: Path) -> None:
    flags = linker_flags(KUBERNETES, sources)
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        for value in ("gitVersion=v1.2.3", "gitMajor=1", "gitMinor=2"):
            assert f"-X {package}.{value}" in flags
    assert linker_flags(ETCD, sources) == "-s -w"


def test_everything_is_built_once_and_found_again(sources: Path, go: Path) -> None:
    told = Recorded()
    built = control_plane(told)
    assert built.versions == {"etcd": "v1.2.3", "kubernetes": "v1.2.3", "kwok": "v1.2.3"}
    assert sorted(built.binaries) == [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubectl",
        "kwok",
        "kwokctl",
    ]
    assert {path.read_text() for path in built.binaries.values()} == {"built\n"}
    assert ("building kubernetes v1.2.3", 240) in told.steps
    assert told.done == [step for step, _ in told.steps]
    assert len(builds(go)) == 3
    assert control_plane(Silent()) == built
    assert len(builds(go)) == 3


def test_what_is_built_needs_no_go(sources: Path, go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = control_plane(Silent())
    monkeypatch.setenv("PATH", "")
    assert control_plane(Silent()) == built


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_a_changed_pin_is_built_anew_and_only_it(sources: Path, go: Path, file: str) -> None:
    before = control_plane(Silent())
    changed = sources / "kwok" / file
    changed.write_text(changed.read_text().replace("v9.9.9", "v9.9.10") + "\n")
    after = control_plane(Silent())
    assert after["kwok"] != before["kwok"]
    assert after["etcd"] == before["etcd"]
    assert before["kwok"].exists()
    assert len(builds(go)) == 4


def test_changed_flags_are_built_anew(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = piece_folder(ETCD, sources)
    monkeypatch.setattr(binaries, "linker_flags", lambda _piece, _sources: "-X changed")
    assert piece_folder(ETCD, sources) != before


def test_a_failed_build_leaves_nothing_and_can_be_repeated(sources: Path, go: Path) -> None:
    (go / "build-error").write_text("cannot find package\n")
    with pytest.raises(GoFailed, match="cannot find package"):
        control_plane(Silent(), (ETCD,))
    folder = piece_folder(ETCD, sources).parent
    assert [entry.name for entry in folder.iterdir()] == [".lock"]
    (go / "build-error").unlink()
    assert control_plane(Silent(), (ETCD,))["etcd"].exists()


def test_a_failed_download_says_what_to_look_at(sources: Path, go: Path) -> None:
    (go / "download-error").write_text("go: dial tcp: lookup proxy: no such host\n")
    with pytest.raises(
        PrerequisiteMissing, match=r"modules of etcd could not be downloaded(.|\n)*GOPROXY(.|\n)*no such host"
    ):
        control_plane(Silent(), (ETCD,))


def test_a_second_build_waits_for_the_first_and_finds_its_result(sources: Path, go: Path) -> None:
    (go / "build-seconds").write_text("1")
    first = threading.Thread(target=control_plane, args=(Silent(), (ETCD,)))
    first.start()
    while not (go / "calls").exists() or not builds(go):
        first.join(0.01)
    told = Recorded()
    control_plane(told, (ETCD,))
    first.join()
    assert told.done == ["waiting for another build into the same cache"]
    assert len(builds(go)) == 1


def test_a_piece_of_a_later_module_needs_no_change_elsewhere(sources: Path, go: Path) -> None:
    (sources / "etcd").rename(sources / "other")
    piece = replace(ETCD, module="other", packages=(("one", "example/one"), ("two", "example/two")))
    assert sorted(control_plane(Silent(), (piece,)).binaries) == ["one", "two"]


def test_another_minor_of_kubernetes_is_built_from_a_module_of_its_own_where_one_is_pinned(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = piece_folder(KUBERNETES, sources)
    shutil.copytree(sources / "kubernetes", sources / "kubernetes-1.35")
    pins = sources / "kubernetes-1.35" / "go.mod"
    pins.write_text(pins.read_text().replace("v1.2.3", "v1.35.4"))
    monkeypatch.setenv("NAPSIM_KUBERNETES", "1.35")
    assert "v1.35.4" in linker_flags(KUBERNETES, sources)
    assert piece_folder(KUBERNETES, sources) != default
    assert binaries.module_of(ETCD, sources) == sources / "etcd"
    monkeypatch.setenv("NAPSIM_KUBERNETES", "1.2")
    with pytest.raises(PrerequisiteMissing, match=r"NAPSIM_KUBERNETES=1.2: pinned in .* are 1.35"):
        binaries.module_of(KUBERNETES, sources)
