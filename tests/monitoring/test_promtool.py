"""hack/promtool: the one on the PATH first; without any, what is missing and how to get it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.monitoring.conftest import ROOT, Promtool


def run(path: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path), "XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    command = [str(ROOT / "hack/promtool")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def folder_of_programs(folder: Path, *programs: str) -> Path:
    """A PATH with these programs and no others."""
    folder.mkdir()
    for program in programs:
        found = shutil.which(program)
        assert found is not None
        (folder / program).symlink_to(found)
    return folder


def test_it_is_a_promtool_that_works(promtool: Promtool) -> None:
    done = promtool("--version")
    assert done.returncode == 0
    assert "promtool, version" in done.stdout + done.stderr


def test_the_one_on_the_path_is_taken(tmp_path: Path) -> None:
    path = folder_of_programs(tmp_path / "bin", "bash")
    mine = path / "promtool"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    assert run(path, tmp_path).stdout == f"{mine}\n"


def test_the_one_unpacked_before_is_taken(tmp_path: Path) -> None:
    path = folder_of_programs(tmp_path / "bin", "bash")
    unpacked = tmp_path / "napsim/promtool/usr/bin/promtool"
    unpacked.parent.mkdir(parents=True)
    unpacked.write_text("#!/bin/sh\n")
    unpacked.chmod(0o755)
    assert run(path, tmp_path).stdout == f"{unpacked}\n"


def test_without_any_it_says_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    path = folder_of_programs(tmp_path / "bin", "bash", "cat")
    done = run(path, tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "there is no promtool on the PATH, and no apt-get" in done.stderr
    assert "apt-get install prometheus" in done.stderr
