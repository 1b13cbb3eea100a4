"""The examples for real nodes fit the cluster of manifests/kind.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.manifests import load_manifests

MANIFESTS = Path(__file__).parents[2] / "manifests"
EXAMPLES = sorted((MANIFESTS / "inplace").glob("*.yaml"))


def loaded() -> list[dict[str, Any]]:
    return [manifest for file in EXAMPLES for manifest in load_manifests(file.read_text("utf-8"))]


def test_every_worker_of_the_kind_cluster_opts_in_to_a_pool_of_the_examples() -> None:
    nodes = yaml.safe_load((MANIFESTS / "kind.yaml").read_text("utf-8"))["nodes"]
    pools = {manifest["metadata"]["name"] for manifest in loaded() if manifest["kind"] == "NodePool"}
    assert {node["labels"]["napsim.dev/nodepool"] for node in nodes if node["role"] == "worker"} == pools


def test_real_nodes_play_in_place() -> None:
    (settings,) = [manifest for manifest in loaded() if manifest["kind"] == "NodeAutoProvisioning"]
    assert settings["spec"]["nodeProvider"]["kind"] == "inPlace"
