"""What a shell offers for an option's value: names of clusters and of contexts. Nothing where they cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def clusters() -> list[str]:
    """The names of napsim's own clusters."""
    from napsim.cluster import list_clusters  # noqa: PLC0415 - not needed by commands without a cluster's name

    return list_clusters()


def contexts() -> list[str]:
    """The names of the contexts of the kubeconfig files."""
    named = os.environ.get("KUBECONFIG", "")
    files = named.split(os.pathsep) if named else [str(Path.home() / ".kube" / "config")]
    return sorted({name for file in files if Path(file).is_file() for name in _contexts(Path(file))})


def _contexts(file: Path) -> Iterator[str]:
    import yaml  # noqa: PLC0415 - not needed until somebody presses the tab key

    try:
        document = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError):
        return  # the command itself will say what is wrong with the file
    entries = document.get("contexts") if isinstance(document, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            yield entry["name"]
