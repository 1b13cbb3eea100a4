"""Where binaries and clusters lie on disk: the user's cache folder, as the XDG base directory specification has it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from napsim.cluster.errors import BadOption

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

    Raises BadOption for a name that could not be a folder, a kubeconfig context and a label at once.
    """
    if not _NAME.fullmatch(name):
        raise BadOption(f"cluster name {name!r}: allowed are 1 to 40 of a-z, 0-9 and '-', not at either end")
    return clusters_folder() / name


def controlplane_sources() -> Path:
    """The Go modules that pin the control plane, one folder each. They come with the package, in a wheel too."""
    return Path(__file__).with_name("controlplane")


def kwok_stages() -> Path:
    """How KWOK plays nodes and pods, for clusters made here; `make crds` copies it into the chart."""
    return Path(__file__).with_name("stages.yaml")
