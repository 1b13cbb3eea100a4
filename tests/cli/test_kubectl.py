"""napsim as a kubectl plugin: its programs, and what krew gets of it."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import napsim
from napsim.cli import plugin
from napsim.cli.kubectl import complete, main, rearranged
from napsim.cli.main import COMMANDS

SHA = "0123456789abcdef" * 4
GOOD = {"--version": "1.2.3", "--uri": "https://example.org/a.tar.gz", "--sha256": SHA, "--homepage": "https://x.org"}


# --- the programs -----------------------------------------------------------------------------------------------------


def test_the_help_speaks_of_kubectl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl-napsim", "doctor", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "Usage: kubectl napsim doctor" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "run"),
    [
        (["watch"], ["watch"]),
        (["--context", "here", "watch", "--once"], ["watch", "--context", "here", "--once"]),
        (["--context=here", "-n", "x", "doctor"], ["doctor", "--context=here", "-n", "x"]),
        (["--kubeconfig", "/a", "run"], ["run", "--kubeconfig", "/a"]),
        (["--help"], ["--help"]),
        (["--context", "here"], ["--context", "here"]),
        ([], []),
    ],
)
def test_kubectls_flags_may_stand_before_the_sub_command(typed: list[str], run: list[str]) -> None:
    assert rearranged(typed) == run


def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    for name in ("_NAPSIM_COMPLETE", "_TYPER_COMPLETE_FISH_ACTION", "_TYPER_COMPLETE_ARGS"):
        monkeypatch.setenv(name, "")  # so that it is as before after the test
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-napsim", *words])
    complete()
    return capsys.readouterr().out.splitlines()


def test_sub_commands_are_completed_as_kubectl_reads_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    *lines, directive = completed(monkeypatch, capsys, "")
    assert [line.split("\t")[0] for line in lines] == list(COMMANDS)
    assert directive == ":4"


def test_options_are_completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = completed(monkeypatch, capsys, "doctor", "--fail")
    assert [line.split("\t")[0] for line in lines] == ["--fail-on", ":4"]


def test_where_nothing_is_known_files_are_candidates(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completed(monkeypatch, capsys, "doctor", "--kubeconfig", "") == [":0"]


# --- the archive ------------------------------------------------------------------------------------------------------


def archive(folder: Path) -> tuple[Path, str]:
    """The archive of a wheel that is none, and the SHA-256 that was printed."""
    wheel, requirements = folder / "napsim-1.0-py3-none-any.whl", folder / "runtime.txt"
    wheel.write_bytes(b"wheel")
    requirements.write_text("typer==1.0 --hash=sha256:00\n")
    arguments = ["archive", str(wheel), str(requirements), "--output", str(folder / "dist")]
    path, digest = CliRunner().invoke(plugin.app, arguments).stdout.split()
    return Path(path), digest


def test_the_archive_holds_launcher_wheel_and_requirements(tmp_path: Path) -> None:
    path, digest = archive(tmp_path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    with tarfile.open(path) as tar:
        modes = {entry.name: stat.filemode(entry.mode) for entry in tar}
    assert modes == {
        "kubectl-napsim": "?rwxr-xr-x",
        "napsim-1.0-py3-none-any.whl": "?rw-r--r--",
        "requirements.txt": "?rw-r--r--",
    }


def test_the_same_files_give_the_same_archive(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert archive(tmp_path / "a")[1] == archive(tmp_path / "b")[1]


FAKE_PYTHON = """#!/bin/sh
echo "$@" >> {log}
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"
             printf '#!/bin/sh\\necho ran "$@"\\n' > "$3/bin/kubectl-napsim"; chmod +x "$3/bin/kubectl-napsim" ;;
esac
"""


def test_the_launcher_installs_once_and_then_only_runs(tmp_path: Path) -> None:
    python, log = tmp_path / "python3", tmp_path / "log"
    python.write_text(FAKE_PYTHON.format(log=log))
    python.chmod(0o755)
    path, _ = archive(tmp_path)
    store = tmp_path / "store"
    with tarfile.open(path) as tar:
        tar.extractall(store, filter="data")
    link = tmp_path / "bin" / "kubectl-napsim"
    link.parent.mkdir()
    link.symlink_to(store / "kubectl-napsim")
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": str(python), "NAPSIM_PLUGIN_FOLDER": str(tmp_path / "venvs")}
    for _ in range(2):
        done = subprocess.run([link, "watch", "a b"], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == "ran watch a b\n"
    installed = [line for line in log.read_text().splitlines() if " install " in line]
    assert len(installed) == 2
    assert f"--require-hashes --requirement {store}/requirements.txt" in installed[0]
    assert f"--no-deps {store}/napsim-1.0-py3-none-any.whl" in installed[1]
    assert not (tmp_path / "venvs" / f"{napsim.__version__}.lock").exists()


def test_an_installation_that_failed_is_begun_anew(tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\ncase "$2" in venv) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";; pip) exit 3;; esac\n')
    python.chmod(0o755)
    path, _ = archive(tmp_path)
    with tarfile.open(path) as tar:
        tar.extractall(tmp_path / "store", filter="data")
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": str(python), "NAPSIM_PLUGIN_FOLDER": str(tmp_path / "venvs")}
    for _ in range(2):
        done = subprocess.run(
            [tmp_path / "store" / "kubectl-napsim"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 3
        assert "installing napsim" in done.stderr


def test_without_a_new_enough_python_it_says_what_is_needed(tmp_path: Path) -> None:
    path, _ = archive(tmp_path)
    with tarfile.open(path) as tar:
        tar.extractall(tmp_path / "store", filter="data")
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": "no-such-python", "NAPSIM_PLUGIN_FOLDER": str(tmp_path / "venvs")}
    done = subprocess.run(
        [tmp_path / "store" / "kubectl-napsim"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr


# --- the manifest -----------------------------------------------------------------------------------------------------


def manifest(**changes: str) -> tuple[int, str, str]:
    options = GOOD | {f"--{key}": value for key, value in changes.items()}
    words = [word for pair in options.items() for word in pair]
    result = CliRunner().invoke(plugin.app, ["manifest", *words])
    return result.exit_code, result.stdout, result.stderr


def test_the_manifest_is_one_that_krew_accepts() -> None:
    """What krew asks of a manifest (its docs, "Writing a plugin manifest"), in so far as it concerns this one."""
    code, text, _ = manifest()
    assert code == 0
    found: dict[str, Any] = yaml.safe_load(text)
    spec = found["spec"]
    assert (found["apiVersion"], found["kind"]) == ("krew.googlecontainertools.github.com/v1alpha2", "Plugin")
    assert re.fullmatch(r"[\w-]+", found["metadata"]["name"])
    assert re.fullmatch(r"v\d+\.\d+\.\d+", spec["version"])
    assert spec["shortDescription"]
    assert "\n" not in spec["shortDescription"]
    (platform,) = spec["platforms"]
    assert platform["uri"] == GOOD["--uri"]
    assert re.fullmatch(r"[0-9a-f]{64}", platform["sha256"])
    assert platform["selector"]["matchExpressions"] == [{"key": "os", "operator": "In", "values": ["linux", "darwin"]}]
    assert platform["bin"] == "kubectl-napsim"
    assert platform.keys() <= {"selector", "uri", "sha256", "bin", "files"}


def test_the_bin_of_the_manifest_is_in_the_archive(tmp_path: Path) -> None:
    path, digest = archive(tmp_path)
    _, text, _ = manifest(sha256=digest)
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        assert yaml.safe_load(text)["spec"]["platforms"][0]["bin"] in tar.getnames()


def test_all_that_is_wrong_is_said_at_once() -> None:
    code, text, said = manifest(version="one", uri="http://x", sha256="00")
    assert (code, text) == (2, "")
    assert "--version 'one': allowed is a semantic version" in said
    assert "--uri 'http://x': allowed is an https:// address" in said
    assert "--sha256 '00': allowed are 64" in said


@pytest.mark.parametrize(
    ("pythons", "semantic"),
    [("1.2.3", "1.2.3"), ("0.1.0.dev0", "0.1.0-dev.0"), ("1.0.0rc1", "1.0.0-rc.1"), ("1.0.0a2", "1.0.0-a.2")],
)
def test_a_version_of_python_becomes_a_semantic_one(pythons: str, semantic: str) -> None:
    assert plugin.semver(pythons) == semantic


def test_a_version_that_is_neither_is_named() -> None:
    with pytest.raises(ValueError, match=r"version '1\.2': allowed are"):
        plugin.semver("1.2")
