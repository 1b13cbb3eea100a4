"""One kind cluster for the run, with the images of this clone on its nodes; gone when the run ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psutil
import pytest

from napsim.cluster import (
    Cluster,
    control_plane,
    create_cluster,
    delete_cluster,
    find_cluster,
    find_helm,
    list_clusters,
)
from napsim.cluster.binaries import PIECES
from napsim.cluster.progress import Silent
from tests.kind.installation import IMAGE, KWOK_IMAGE, NAMESPACE, REPLICAS, ROOT, Installation, workload, world
from tests.kind.reader import left_behind


def pytest_configure() -> None:
    """Be ended by SIGTERM as by Ctrl-C, so that fixtures clean up; and remove what a killed run has left."""
    signal.signal(signal.SIGTERM, _interrupt)
    for name in list_clusters():
        owner = re.fullmatch(r"napsim-kind-test-(\d+)", name)
        if owner and not psutil.pid_exists(int(owner[1])):
            delete_cluster(name)
    for reader in left_behind():
        reader.leave()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def script(*command: str, **environment: str) -> str:
    """What a program of hack/ prints; its failure is the test's."""
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def image() -> str:
    """The image of this clone, and how much it adds to its base, as its build says."""
    return script("hack/image/build", IMAGE=IMAGE)


@pytest.fixture(scope="session")
def kwok_image() -> str:
    """An image of the pinned KWOK controller."""
    (piece,) = [piece for piece in PIECES if piece.module == "kwok"]
    binary: Path = control_plane(Silent(), (piece,))["kwok"]
    script("hack/image/kwok", str(binary.parent), KWOK_IMAGE=KWOK_IMAGE)
    return KWOK_IMAGE


@pytest.fixture(scope="session")
def cluster(image: str, kwok_image: str) -> Iterator[Cluster]:
    """One control plane and three workers; or the cluster that NAPSIM_KIND_CLUSTER names, which then stays."""
    named = os.environ.get("NAPSIM_KIND_CLUSTER")
    name = named or f"napsim-kind-test-{os.getpid()}"
    made = find_cluster(name) if named else create_cluster(name, runtime="kind")
    try:
        script("kind", "load", "docker-image", f"--name={name}", IMAGE, kwok_image)
        yield made
    finally:
        if not named:
            delete_cluster(name)


@pytest.fixture(scope="session")
def prepared(cluster: Cluster) -> Installation:
    """A namespace that enforces the restricted Pod Security Standard, and a workload; nothing of napsim yet."""
    made = Installation(cluster, find_helm(Silent()).executable)
    metadata = {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, *workload())
    return made


@pytest.fixture
def napsim(prepared: Installation) -> Installation:
    """One operator, installed by the chart with its defaults, whatever the test before left; no window, no rollout."""
    prepared.opt_in()
    prepared.install()
    prepared.kubectl("delete", "maintenanceconfigurations", "--all")
    prepared.apply(*world())
    prepared.watch("the workers are adopted, and every pod runs", lambda _: _is_settled(prepared), 150)
    return prepared


def _is_settled(made: Installation) -> bool:
    ready = made.get("deployment", "web")["status"].get("readyReplicas", 0)
    return list(made.versions().values()) == [made.newest()] * 3 and ready == REPLICAS
