"""A forecast that starts from the nodes of a cluster, such as a snapshot has them."""

from __future__ import annotations

from typing import Any, Final

from napsim.cli.forecasting import forecast_of
from napsim.sim.simulation import simulate
from napsim.sim.simulator import SERVER_VERSION
from tests.e2e import manifests as made
from tests.sim.scenarios import GALLERY, NEW, OLD, cluster, node, scenario, true

Manifest = dict[str, Any]
LABEL: Final = "AKSUbuntu-2204gen2containerd"
READY: Final = (
    "KubernetesVersionReady", "ImagesReady", "SubnetsReady", "ValidationSucceeded", "LocalDNSReady", "Ready",
)  # fmt: skip


def two_nodes(**budget: str) -> list[Manifest]:
    """Of a static pool."""
    found = [*cluster((), [budget or {"nodes": "1"}]), *node("westeurope-1"), *node("westeurope-2")]
    for item in found:
        if item["kind"] == "NodePool":
            item["spec"]["replicas"] = 2
    return found


def test_nodes_that_are_there_count_by_their_image_from_the_start_on() -> None:
    (pool,) = simulate(scenario(two_nodes(), settles=False)).pools
    assert dict(pool.steps[0].versions) == {f"{LABEL}-{OLD}": 2}
    assert all(nodes > 0 for step in pool.steps for _, nodes in step.versions)
    assert dict(pool.steps[-1].versions) == {f"{LABEL}-{NEW}": 2}


def test_a_rollout_of_such_nodes_is_done() -> None:
    told = scenario(two_nodes(), settles=False)
    (pool,) = forecast_of(told, simulate(told)).pools
    done = {rollout.version: rollout.done_at for rollout in pool.rollouts}
    assert pool.finished_at is not None
    assert done[NEW] == pool.finished_at


def test_a_node_that_has_drifted_already_is_not_done() -> None:
    manifests = two_nodes(nodes="0")
    for item in manifests:
        if item["kind"] == "AKSNodeClass":
            item["metadata"]["generation"] = 1
            conditions = [{**it, "observedGeneration": 1} for it in true(*READY)]
            item["status"] = {"images": [adopted()], "kubernetesVersion": SERVER_VERSION, "conditions": conditions}
        if item["kind"] == "NodeClaim":
            (drifted,) = true("Drifted")
            item["status"]["conditions"].append({**drifted, "reason": "ImageDrift", "message": "ImageDrift"})
    told = scenario([it for it in manifests if it["kind"] != "NodeImage"] + seen(), settles=False)
    (pool,) = simulate(told).pools
    assert pool.finished_at is None


def adopted() -> Manifest:
    requirements = [
        {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
        {"key": "karpenter.azure.com/sku-hyperv-generation", "operator": "In", "values": ["2"]},
    ]
    return {"id": f"{GALLERY}/images/2204gen2containerd/versions/{NEW}", "requirements": requirements}


def seen() -> list[Manifest]:
    return [made.image(OLD, "2026-01-11T00:00:00Z"), made.image(NEW, "2026-02-13T00:00:00Z")]
