"""The Azure CLI that tests run: installed once into the user's cache, with the packages of requirements/azure-cli.txt.

Usage: python -m hack.azurecli. Prints the path of `az`. It has an environment of its own, as it asks for older packages
than napsim does, and nothing of napsim needs it to run. About 190 MB, and half a minute the first time.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from napsim.cluster.folders import cache_folder

PINNED: Final = Path(__file__).resolve().parents[1] / "requirements/azure-cli.txt"
# No modules are compiled ahead: az loads a tenth of them, and Python keeps those the first time.
_INSTALL: Final = ("install", "--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:", "--require-hashes")
_FAILED: Final = "the Azure CLI could not be installed: see that pip reaches a package index (pip config list)"


def environment() -> Path:
    """The environment, installed unless it is there. Raises CalledProcessError where it cannot be."""
    folder = _folder()
    installed = folder / ".installed"
    if not installed.exists():
        with _alone(folder.parent):
            if not installed.exists():
                _install(folder)
                installed.touch()
    return folder


def _folder() -> Path:
    """One for each set of pins and each Python, so that neither takes the place of another."""
    decides = (PINNED.read_text(), sys.version, sys.base_prefix)
    return cache_folder() / "azure-cli" / hashlib.sha256("\n".join(decides).encode()).hexdigest()[:12]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of the cache, waiting for whoever installs into it now."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(folder: Path) -> None:
    """In its place, as programs of an environment name it; what an installation that was ended left goes first."""
    if folder.exists():
        shutil.rmtree(folder)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder)]
    subprocess.run([*pip, *_INSTALL, "--requirement", PINNED], check=True)


if __name__ == "__main__":
    try:
        print(environment() / "bin/az")
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"hack/azurecli.py: {_FAILED}: {error}") from error
