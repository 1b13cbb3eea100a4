"""napsim as whoever installed its wheel has it: an environment with that and what it requires, far from the clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import Parser
from importlib.metadata import Distribution, PackagePath, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import NormalizedName, canonicalize_name

from tests.packaging.repository import ROOT

NAME: Final = canonicalize_name("napsim")
# What decides where Python and napsim look for anything.
_LEFT_OUT: Final = ("PYTHON", "NAPSIM_", "VIRTUAL_ENV", "KUBECONFIG", "XDG_DATA_HOME")


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment in `folder` that has napsim, and the folder `elsewhere` that its commands run in."""

    folder: Path
    elsewhere: Path

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    def run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, whatever its exit code, with nothing that leads to the clone."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
        kept |= {"PATH": f"{self.programs}:{os.environ['PATH']}", "COLUMNS": "120", **environment}
        return subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.elsewhere,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def built(folder: Path, source: Path = ROOT, *kinds: str) -> list[Path]:
    """What hatchling builds from `source` into `folder`: by default the source archive and the wheel, in that order."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    for kind in kinds:
        command += ["--target", kind]
    subprocess.run(command, cwd=source, capture_output=True, text=True, check=True)
    return sorted(folder.iterdir(), key=lambda path: path.suffix == ".whl")


def installed(wheel: Path, folder: Path) -> Installed:
    """The wheel with what it requires, of the versions that are pinned, in an environment that has nothing else.

    Nothing is downloaded: what is required comes from the environment that runs this. What the wheel does not require
    is not there, and `uv` checks that what is there is what everything in it requires.
    """
    environment, elsewhere = folder / "environment", folder / "elsewhere"
    elsewhere.mkdir()
    _uv("venv", "--quiet", "--python", sys.executable, str(environment))
    (site,) = environment.glob("lib/python3*/site-packages")
    for name in required(wheel):
        _copy(distribution(name), site)
    python = str(environment / "bin/python")
    _uv("pip", "install", "--quiet", "--offline", "--no-index", "--no-deps", "--python", python, str(wheel))
    _uv("pip", "check", "--quiet", "--python", python)
    return Installed(environment, elsewhere)


def packed(wheel: Path, folder: Path) -> None:
    """What the wheel requires, as wheels in `folder`: packed again from the environment that runs this."""
    folder.mkdir(exist_ok=True)
    for name in required(wheel):
        found = distribution(name)
        told = Parser().parsestr(found.read_text("WHEEL") or "").get_all("Tag") or []
        tag = next(tag for tag in map(str, sys_tags()) if tag in told)
        with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-{found.version}-{tag}.whl", "w") as archive:
            for file in _modules(found):
                archive.write(str(found.locate_file(file)), str(file))


def required(wheel: Path) -> list[NormalizedName]:
    """The names of the distributions that the wheel requires here, directly or not, without its extras."""
    seen: set[NormalizedName] = set()
    ahead = list(_named(_requirements(wheel)))
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += _named(distribution(name).requires or [])
    return sorted(seen)


def _requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    return [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]


def _named(lines: list[str]) -> Iterator[NormalizedName]:
    for requirement in map(Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def _copy(found: Distribution, site: Path) -> None:
    """The modules of a distribution and its metadata; no programs, which name the environment they were made for."""
    for file in _modules(found):
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(str(found.locate_file(file)), site / file)


def _modules(found: Distribution) -> Iterator[PackagePath]:
    return (file for file in found.files or [] if ".." not in file.parts and "__pycache__" not in file.parts)


def _uv(*arguments: str) -> None:
    subprocess.run([Path(sys.executable).with_name("uv"), *arguments], capture_output=True, text=True, check=True)
