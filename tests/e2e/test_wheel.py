"""The wheel alone makes a cluster to rehearse on, with the recipe, the stages and the examples that it brings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from napsim.cluster import delete_cluster, find_cluster
from tests.e2e.kubectl import kubectl, served
from tests.e2e.ownership import unused_name
from tests.packaging.environments import Installed, built, installed

PROBLEMS: Final = 1


@pytest.fixture
def alone() -> Iterator[Installed]:
    with TemporaryDirectory(prefix="napsim-wheel-") as folder:
        _, wheel = built(Path(folder) / "dist")
        yield installed(wheel, Path(folder))


@pytest.fixture
def name() -> Iterator[str]:
    made = unused_name()
    yield made
    delete_cluster(made)


def test_a_cluster_of_the_wheel_plays_its_examples(alone: Installed, name: str) -> None:
    where = {key: value for key, value in os.environ.items() if key.startswith("NAPSIM_")}
    made = alone.run("napsim", "cluster", "create", "--name", name, **where)
    assert made.returncode == 0, made.stderr
    cluster = find_cluster(name)
    kinds = alone.run("napsim", "crds", **where)
    kubectl(cluster, "apply", "--server-side", "--filename=-", stdin=kinds.stdout)
    served(cluster)
    (examples,) = alone.folder.glob("lib/python3*/site-packages/napsim/manifests/examples")
    kubectl(cluster, "apply", f"--filename={examples}")
    examined = alone.run("napsim", "doctor", "--kubeconfig", str(cluster.kubeconfig), **where)
    assert examined.returncode == PROBLEMS, examined.stdout + examined.stderr
    assert "no operator" in examined.stdout
    removed = alone.run("napsim", "cluster", "delete", "--name", name, **where)
    assert removed.stdout == f"cluster {name} removed\n"
