"""What a cluster's folder says of it: which runtime made it, and which kubectl speaks its version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_RECORD = "cluster.json"


def write_record(folder: Path, runtime: str, kubectl: Path, versions: Mapping[str, str]) -> None:
    """Write down, before anything is started, who made the cluster in `folder`."""
    record = {"runtime": runtime, "kubectl": str(kubectl), "versions": dict(versions)}
    (folder / _RECORD).write_text(json.dumps(record))


def recorded_runtime(folder: Path) -> str | None:
    """The runtime that made the cluster; None when there is no record, or a damaged one."""
    return _recorded(folder, "runtime")


def recorded_kubectl(folder: Path) -> Path:
    """The kubectl that the cluster was created with; plain `kubectl` when the record was damaged or not yet written."""
    return Path(_recorded(folder, "kubectl") or "kubectl")


def _recorded(folder: Path, key: str) -> str | None:
    try:
        return str(json.loads((folder / _RECORD).read_text())[key])
    except (OSError, ValueError, KeyError, TypeError):
        return None
