"""Somebody who follows the pages with a container engine: the cluster `napsim` that they name, and nothing of yours.

kind knows its clusters by name alone, and the pages say `napsim`: where kind has one of that name, nothing is run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from napsim.cluster import find_helm
from napsim.cluster.folders import cache_folder
from napsim.cluster.progress import Silent
from tests.docs.shell import Outcome, Step, copy_of_the_repository, run
from tests.kind.installation import ROOT

CLUSTER: Final = "napsim"
_CLUSTERS: Final = "NAPSIM_CLUSTERS_DIR"
# What the image is made of, besides what every page has.
_BUILT_FROM: Final = ("Dockerfile", ".dockerignore", "LICENSE", "operator")
# Which engine, how to reach it, and what docs/kind.md says may be named.
_PASSED_ON: Final = re.compile(
    r"DOCKER_\w+|XDG_RUNTIME_DIR|KIND_(?!CLUSTER)\w+|BASE_IMAGE|BUILD_FLAGS|(?i:https?|no)_proxy"
)


@dataclass(frozen=True, slots=True)
class Reader:
    """``clusters`` is where `napsim cluster` keeps theirs, apart from yours."""

    clusters: Path

    def follow(self, page: Iterable[Step], folder: Path) -> list[Outcome]:
        """Run all steps in one shell, in a copy of the repository from which the image can be built."""
        copy = copy_of_the_repository(folder, *_BUILT_FROM)
        (copy / ".git").symlink_to(ROOT / ".git")  # the image says which commit it is of
        programs = folder / "programs"
        programs.mkdir()
        (programs / "helm").symlink_to(find_helm(Silent()).executable)
        return run(page, folder, self._environment(programs), where=copy)

    def _environment(self, programs: Path) -> dict[str, str]:
        passed_on = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
        # A kubectl of the cluster's version lies in its folder, once it is there.
        path = (self.clusters / CLUSTER, programs, Path(sys.executable).parent, os.environ["PATH"])
        return {
            "DOCKER_CONFIG": str(Path.home() / ".docker"),
            **passed_on,
            **self._folders(),
            "PATH": ":".join(map(str, path)),
        }

    def _folders(self) -> dict[str, str]:
        return {"NAPSIM_CACHE": str(cache_folder()), _CLUSTERS: str(self.clusters)}

    def leave(self) -> None:
        """End what still runs of the pages, and remove the cluster, if this reader has made one, and its folder."""
        while running := list(self._processes()):
            for process in running:
                process.kill()
            psutil.wait_procs(running, timeout=10)
        command = [sys.executable, "-m", "napsim", "cluster", "delete", "--name", CLUSTER]
        if (self.clusters / CLUSTER).exists():
            subprocess.run(command, env={**os.environ, **self._folders()}, check=True)
        shutil.rmtree(self.clusters)

    def _processes(self) -> Iterator[psutil.Process]:
        """The shell of a run that was killed goes on, and kind, in a session of its own, after its shell has ended."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # it has ended, or is somebody else's
                if process.environ().get(_CLUSTERS) == str(self.clusters):
                    yield process


@contextmanager
def a_reader() -> Iterator[Reader]:
    """One for the run, gone afterwards with their cluster."""
    there = subprocess.run(["kind", "get", "clusters"], capture_output=True, text=True, check=True).stdout.split()
    assert CLUSTER not in there, (
        f"kind has a cluster {CLUSTER}, and the pages make one: remove it, `kind delete cluster --name {CLUSTER}`"
    )
    reader = Reader(_folder() / str(os.getpid()))
    reader.clusters.mkdir(parents=True)
    try:
        yield reader
    finally:
        reader.leave()


def left_behind() -> list[Reader]:
    """Readers of runs that were killed."""
    return [Reader(found) for found in _folder().glob("*") if not psutil.pid_exists(int(found.name))]


def _folder() -> Path:
    """In the cache, which engines in virtual machines have as it is here: the audit log is a folder of it."""
    return cache_folder() / "kind-pages"
