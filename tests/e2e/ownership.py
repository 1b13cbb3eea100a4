"""Whose cluster of a test it is, by its name: so that a run removes what one that was killed has left, and no more."""

from __future__ import annotations

import itertools
import os
import re
from typing import Final

import psutil

from napsim.cluster import delete_cluster, list_clusters

_numbers: Final = itertools.count()


def unused_name() -> str:
    """A name for a cluster of this process, which no other has."""
    return f"napsim-test-{os.getpid()}-{next(_numbers)}"


def remove_left_behind() -> None:
    """Remove the clusters whose process is gone."""
    for name in list_clusters():
        owner = re.fullmatch(r"napsim-test-(\d+)-\d+", name)
        if owner and not psutil.pid_exists(int(owner[1])):
            delete_cluster(name)
