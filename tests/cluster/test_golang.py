"""The Go toolchain: found or not, new enough or not, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from napsim.cluster.errors import ClusterError, PrerequisiteMissing
from napsim.cluster.golang import Go, GoFailed, find_go, pinned_version, required_version


def test_a_missing_go_is_named_with_the_version_to_install(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        PrerequisiteMissing, match=r"Go is not on the PATH.*install Go 1\.26 or newer \(https://go\.dev"
    ):
        find_go(sources / "etcd")


def test_a_go_that_is_too_old_is_named_with_its_version(sources: Path, go: Path) -> None:
    (go / "version").write_text("go1.22.12\n")
    with pytest.raises(
        PrerequisiteMissing, match=r"go/go is Go 1\.22\.12, too old for .*etcd/go\.mod: install Go 1\.26"
    ):
        find_go(sources / "etcd")


def test_a_go_that_refuses_the_module_is_quoted(sources: Path, go: Path) -> None:
    (go / "refusal").write_text("go: go.mod requires go >= 1.26.0 (running go 1.24.1; GOTOOLCHAIN=local)\n")
    with pytest.raises(PrerequisiteMissing, match=r"running go 1\.24\.1.*install Go 1\.26 or newer"):
        find_go(sources / "etcd")


@pytest.mark.parametrize("version", ["1.26", "1.26.0", "1.26.8-vendor", "1.27rc1", "2.0"])
def test_a_go_that_is_new_enough_is_found(sources: Path, go: Path, version: str) -> None:
    (go / "version").write_text(f"go{version}\n")
    assert find_go(sources / "etcd") == Go(go / "go", version)


def test_the_required_version_is_the_go_line_of_the_module(sources: Path) -> None:
    assert required_version(sources / "kwok") == "1.26"
    (sources / "kwok" / "go.mod").write_text("module m\n")
    with pytest.raises(ClusterError, match=r"kwok/go\.mod has no go line"):
        required_version(sources / "kwok")


def test_a_pinned_version_is_read_from_either_form_of_require(sources: Path) -> None:
    assert pinned_version(sources / "etcd", "go.etcd.io/etcd/server/v3") == "v1.2.3"
    (sources / "etcd" / "go.mod").write_text("module m\n\nrequire one.example/alone v0.1.0\n")
    assert pinned_version(sources / "etcd", "one.example/alone") == "v0.1.0"
    with pytest.raises(ClusterError, match=r"does not require go\.etcd\.io"):
        pinned_version(sources / "etcd", "go.etcd.io/etcd/server/v3")


def test_a_failed_command_is_quoted_with_the_end_of_its_output(sources: Path, go: Path) -> None:
    (go / "build-error").write_text("".join(f"line {number}\n" for number in range(100)))
    with pytest.raises(GoFailed, match=r"`go build -a` failed in .*etcd:\n(line 8[5-9]\n){5}(line 9\d\n?){10}$"):
        find_go(sources / "etcd").run(["build", "-a"], folder=sources / "etcd", environment={}, running=lambda _: None)


def test_an_interrupted_command_is_ended(sources: Path, go: Path) -> None:
    (go / "build-seconds").write_text("60")

    def interrupt(_elapsed_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_go(sources / "etcd").run(["build"], folder=sources / "etcd", environment={}, running=interrupt)
