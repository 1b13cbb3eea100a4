"""Clusters for tests: one for the run, and others for tests that need their own. All are gone when the run ends."""

from __future__ import annotations

import itertools
import os
import re
import signal
from collections.abc import Callable, Iterator
from types import FrameType

import psutil
import pytest

from napsim.cluster import Cluster, create_cluster, delete_cluster, list_clusters

MakeCluster = Callable[..., Cluster]
_numbers = itertools.count()


def pytest_configure() -> None:
    """Be ended by SIGTERM as by Ctrl-C, so that fixtures clean up; and remove what a killed run has left."""
    signal.signal(signal.SIGTERM, _interrupt)
    for name in list_clusters():
        owner = re.fullmatch(r"napsim-test-(\d+)-\d+", name)
        if owner and not psutil.pid_exists(int(owner[1])):
            delete_cluster(name)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster that tests share: leave it as found, or use `make_cluster`."""
    made = create_cluster(unused_name())
    yield made
    delete_cluster(made.name)


@pytest.fixture
def make_cluster() -> Iterator[MakeCluster]:
    """Makes clusters of a test's own, with the options of `create_cluster`; they end with the test."""
    names: list[str] = []

    def make(**options: object) -> Cluster:
        names.append(unused_name())
        return create_cluster(names[-1], **options)  # type: ignore[arg-type]  # the options are create_cluster's

    yield make
    for name in names:
        delete_cluster(name)


def unused_name() -> str:
    """A name that says whose cluster it is, so that a later run can tell that its owner is gone."""
    return f"napsim-test-{os.getpid()}-{next(_numbers)}"
