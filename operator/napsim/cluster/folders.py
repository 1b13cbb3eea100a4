"""Where binaries and clusters lie on disk: the user's cache folder, as the XDG base directory specification has it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import napsim
from napsim.cluster.errors import ClusterError, PrerequisiteMissing

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


def cache_folder() -> Path:
    """`$NAPSIM_CACHE`, else `napsim` in `$XDG_CACHE_HOME`, else `~/.cache/napsim`; always absolute."""
    if named := os.environ.get("NAPSIM_CACHE"):
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "napsim"


def clusters_folder() -> Path:
    """`$NAPSIM_CLUSTERS_DIR`, else `clusters` in the cache folder; always absolute."""
    if named := os.environ.get("NAPSIM_CLUSTERS_DIR"):
        return Path(named).expanduser().absolute()
    return cache_folder() / "clusters"


def cluster_folder(name: str) -> Path:
    """The folder that holds everything of the cluster `name`, whether or not it exists.

    Raises ClusterError for a name that could not be a folder, a kubeconfig context and a label at once.
    """
    if not _NAME.fullmatch(name):
        raise ClusterError(f"cluster name {name!r}: allowed are 1 to 40 of a-z, 0-9 and '-', not at either end")
    return clusters_folder() / name


def controlplane_sources() -> Path:
    """The Go modules that pin the control plane: `hack/controlplane` of the checkout this package runs from.

    Raises PrerequisiteMissing when the package runs from elsewhere, such as an installed wheel.
    """
    folder = Path(napsim.__file__).resolve().parents[2] / "hack" / "controlplane"
    if not folder.is_dir():
        raise PrerequisiteMissing(
            f"the control plane is built from the Go modules in hack/controlplane of a source checkout, and {folder} "
            "is not there: clone napsim, run `make venv` in the clone, and use its .venv/bin/napsim"
        )
    return folder


def kwok_stages() -> Path:
    """How KWOK plays nodes and pods, as the chart has it, of the checkout this package runs from.

    Raises PrerequisiteMissing when the package runs from elsewhere, such as an installed wheel.
    """
    file = Path(napsim.__file__).resolve().parents[2] / "charts" / "napsim" / "files" / "kwok" / "stages.yaml"
    if not file.is_file():
        raise PrerequisiteMissing(
            f"fake nodes are played as {file} says, which only a source checkout has: clone napsim"
        )
    return file
