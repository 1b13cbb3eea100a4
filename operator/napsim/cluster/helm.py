"""The `helm` that installs the chart: the one on the PATH, else one built from its pinned Go module."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from napsim.cluster.binaries import HELM, control_plane
from napsim.cluster.progress import Progress

# The major versions that the chart is written for.
MAJORS = (3, 4)
_VERSION = re.compile(r"v(\d+)\.\d+\.\d+\S*")


@dataclass(frozen=True, slots=True)
class Helm:
    """A helm of a major version that the chart works with."""

    executable: Path
    version: str


def find_helm(progress: Progress) -> Helm:
    """The `helm` on the PATH if it is version 3 or 4, else the pinned one, built the first time: 2 minutes.

    Raises PrerequisiteMissing and GoFailed as `control_plane`.
    """
    named = shutil.which("helm")
    version = _version(named) if named else None
    if named and version:
        return Helm(Path(named), version)
    built = control_plane(progress, (HELM,))
    return Helm(built["helm"], built.versions["helm"])


def _version(executable: str) -> str | None:
    """What it says it is, if that is a version that will do; helm 2 asks its server, so it gets ten seconds."""
    command = [executable, "version", "--short"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.match(said.strip())
    return found[0].split("+")[0] if found and int(found[1]) in MAJORS else None
