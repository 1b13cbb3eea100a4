"""Where the Azure CLI is installed: once, whole, and one for each set of pins. Here without packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hack import azurecli
from tests.packaging.repository import ROOT


@pytest.fixture(autouse=True)
def pins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file of requirements that asks for nothing."""
    monkeypatch.setenv("NAPSIM_CACHE", str(tmp_path / "cache"))
    found = tmp_path / "pins.txt"
    found.write_text("# nothing\n")
    monkeypatch.setattr(azurecli, "PINNED", found)
    return found


def test_it_is_installed_once_for_each_set_of_pins(pins: Path, tmp_path: Path) -> None:
    first = azurecli.environment()
    assert first.is_relative_to(tmp_path / "cache/azure-cli")
    made = (first / "pyvenv.cfg").stat().st_mtime_ns
    assert azurecli.environment() == first
    assert (first / "pyvenv.cfg").stat().st_mtime_ns == made
    pins.write_text("# nothing else\n")
    assert azurecli.environment() != first


def test_what_an_installation_that_was_ended_left_is_replaced() -> None:
    folder = azurecli.environment()
    (folder / ".installed").unlink()
    (folder / "half").touch()
    assert azurecli.environment() == folder
    assert not (folder / "half").exists()


TWICE = """
import sys
from pathlib import Path
from hack import azurecli

install, azurecli.PINNED = azurecli._install, Path(sys.argv[1])


def told(folder):
    print("installs", folder)
    install(folder)


azurecli._install = told
print("has", azurecli.environment())
"""


def test_who_comes_second_waits_for_the_first(pins: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'operator'}"}
    command = [sys.executable, "-c", TWICE, str(pins)]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(line for process in both for line in process.communicate()[0].splitlines())
    folder = azurecli.environment()
    assert said == [f"has {folder}", f"has {folder}", f"installs {folder}"]


def test_what_cannot_be_installed_is_not_taken_for_installed(pins: Path) -> None:
    pins.write_text("napsim-of-nowhere==1.0\n")  # without a hash
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            azurecli.environment()
