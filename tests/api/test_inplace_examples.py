"""The examples for real nodes are good, and fit the cluster of manifests/kind.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from napsim.api.manifests import load_manifests
from napsim.api.validation import errors_of

MANIFESTS = Path(__file__).parents[2] / "manifests"
EXAMPLES = sorted((MANIFESTS / "inplace").glob("*.yaml"))


def loaded() -> list[dict[str, Any]]:
    return [manifest for file in EXAMPLES for manifest in load_manifests(file.read_text("utf-8"))]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_good(file: Path) -> None:
    manifests = list(load_manifests(file.read_text("utf-8")))
    assert manifests != []
    assert [str(error) for manifest in manifests for error in errors_of(manifest)] == []


def test_every_worker_of_the_kind_cluster_opts_in_to_a_pool_of_the_examples() -> None:
    nodes = yaml.safe_load((MANIFESTS / "kind.yaml").read_text("utf-8"))["nodes"]
    pools = {manifest["metadata"]["name"] for manifest in loaded() if manifest["kind"] == "NodePool"}
    assert {node["labels"]["napsim.dev/nodepool"] for node in nodes if node["role"] == "worker"} == pools


def test_real_nodes_play_in_place() -> None:
    (settings,) = [manifest for manifest in loaded() if manifest["kind"] == "NodeAutoProvisioning"]
    assert settings["spec"]["nodeProvider"]["kind"] == "inPlace"
