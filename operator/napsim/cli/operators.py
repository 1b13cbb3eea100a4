"""The operators that somebody has started on one of our clusters: found, named, and left alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import psutil

from napsim.cluster.folders import cluster_folder


def operators_on(name: str) -> list[psutil.Process]:
    """The processes that are ``napsim run`` with a kubeconfig of the cluster, by option or by KUBECONFIG.

    Those whose environment may not be read are known by their command line alone.
    """
    inside = f"{cluster_folder(name)}{os.sep}"
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if _is_operator(command := process.info["cmdline"] or [])
        and any(inside in word for word in (*command, *_kubeconfig(process)))
    ]


def _is_operator(command: Sequence[str]) -> bool:
    return "run" in command and any("napsim" in word for word in command[: command.index("run")])


def _kubeconfig(process: psutil.Process) -> Iterator[str]:
    try:
        yield process.environ().get("KUBECONFIG", "")
    except psutil.Error:  # another user's, or gone meanwhile
        return
