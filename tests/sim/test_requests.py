"""What the in-memory API server answers, and what namespaces and volumes mean in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from napsim.api import names
from napsim.core.objects import Node
from napsim.sim.applying import Applying
from napsim.sim.cluster import Cluster, Conflict, NotFound
from napsim.sim.evictions import Disruptions
from napsim.sim.kernel import Kernel
from napsim.sim.recorder import Recorder
from napsim.sim.requests import Requests
from napsim.sim.simulator import Simulator
from napsim.sim.workloads import Workloads
from tests.e2e import manifests as made
from tests.sim import scenarios
from tests.sim.scenarios import START

NOON: Final = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
ZONE: Final = "topology.kubernetes.io/zone"


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(Kernel(NOON))


@pytest.fixture
def requests(cluster: Cluster) -> Requests:
    workloads = Workloads(cluster)
    cluster.pods.watchers.append(workloads.on_pod)
    return Requests(cluster, workloads, Disruptions(cluster, workloads.scale_of))


def node(**metadata: Any) -> dict[str, Any]:
    return {"kind": "Node", "metadata": {"name": "a", **metadata}}


class TestAnObject:
    def test_is_applied_once_and_changed_after_that(self, requests: Requests, cluster: Cluster) -> None:
        requests.apply(made.pdb("web", minAvailable=1), NOON)
        first = cluster.pdbs.objects["default/web"]
        requests.apply(made.pdb("web", minAvailable=1), NOON)
        assert cluster.pdbs.objects["default/web"].metadata == first.metadata
        requests.apply(made.pdb("web", minAvailable=2), NOON)
        second = cluster.pdbs.objects["default/web"]
        assert (second.metadata.uid, second.metadata.generation) == (first.metadata.uid, 2)

    def test_that_is_not_there_cannot_be_deleted(self, requests: Requests) -> None:
        for kind in ("Node", "Pod", "Deployment"):
            with pytest.raises(NotFound, match="nobody"):
                requests.delete(kind, "default", "nobody")

    def test_is_deleted_if_it_is_the_one_that_is_meant(self, requests: Requests, cluster: Cluster) -> None:
        requests.apply(node(finalizers=["one"]), NOON)
        there = cluster.nodes.objects["a"].metadata
        for wrong in (("another", ""), ("", "999")):
            with pytest.raises(Conflict, match="Node a"):
                requests.delete("Node", "", "a", *wrong)
        requests.delete("Node", "", "a", there.uid, there.resource_version)
        assert cluster.nodes.objects["a"].deleting

    def test_that_a_daemon_set_has_for_a_full_node_is_left_to_it(self, requests: Requests, cluster: Cluster) -> None:
        for name, kind in (("agent-1", "DaemonSet"), ("web-1", "ReplicaSet")):
            owner = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "1", "controller": True}
            metadata = {"name": name, "namespace": "default", "ownerReferences": [owner]}
            requests.apply({"kind": "Pod", "metadata": metadata, "status": {"phase": "Pending"}}, NOON)
        assert list(cluster.pods.objects) == ["default/web-1"]

    def test_of_a_kind_that_counts_changes_counts_the_wish_to_delete_it(
        self, requests: Requests, cluster: Cluster
    ) -> None:
        requests.apply({"kind": "NodeClaim", "metadata": {"name": "c", "finalizers": ["one"]}}, NOON)
        requests.delete("NodeClaim", "", "c")
        requests.delete("NodeClaim", "", "c")
        assert cluster.claims.objects["c"].metadata.generation == 2


class TestANamespace:
    def test_is_there_when_something_is_in_it_and_has_its_name_as_a_label(
        self, requests: Requests, cluster: Cluster
    ) -> None:
        requests.apply(made.pdb("web", minAvailable=1), NOON)
        requests.apply({"kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "x"}}}, NOON)
        labels = {key: item.metadata.labels for key, item in cluster.namespaces.objects.items()}
        name = "kubernetes.io/metadata.name"
        assert labels == {"default": {name: "default"}, "shop": {name: "shop", "team": "x"}}

    def test_takes_what_is_in_it_along(self, requests: Requests, cluster: Cluster) -> None:
        requests.apply(made.deployment("web", 2), NOON)
        requests.apply(made.pdb("web", minAvailable=1), NOON)
        requests.apply({"kind": "Pod", "metadata": {"name": "p", "namespace": "default"}}, NOON)
        cluster.kernel.run(NOON, lambda: False)
        assert len(cluster.pods.objects) == 3
        requests.delete("Namespace", "", "default")
        cluster.kernel.run(NOON, lambda: False)
        assert not cluster.pods.objects
        assert not cluster.pdbs.objects
        assert not cluster.namespaces.objects


# --- what a forecast makes of them ------------------------------------------------------------------------------------


def disk(claim: str, app: str) -> dict[str, Any]:
    manifest = made.deployment(app, 1, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": claim}}])
    manifest["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "100m"
    return manifest


def claim(name: str, **spec: str) -> dict[str, Any]:
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def apart(namespace: str, team: str) -> dict[str, Any]:
    """A pod that is on no node with another of that team's namespaces."""
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app": "lonely"}},
        "namespaceSelector": {"matchLabels": {"team": team}},
    }
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    manifest = made.deployment("lonely", 1, affinity={"podAntiAffinity": required})
    manifest["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "100m"
    return {**manifest, "metadata": {"name": "lonely", "namespace": namespace}}


VOLUME: Final = {
    "kind": "PersistentVolume",
    "metadata": {"name": "disk-2"},
    "spec": {
        "nodeAffinity": {
            "required": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["westeurope-2"]}]}
                ]
            }
        }
    },
}
CLASS: Final = {
    "kind": "StorageClass",
    "metadata": {"name": "three"},
    "volumeBindingMode": "WaitForFirstConsumer",
    "allowedTopologies": [{"matchLabelExpressions": [{"key": ZONE, "values": ["westeurope-3"]}]}],
}
WORKLOADS: Final = (
    {"kind": "Namespace", "metadata": {"name": "one", "labels": {"team": "x"}}},
    {"kind": "Namespace", "metadata": {"name": "two", "labels": {"team": "x"}}},
    *(apart(namespace, "x") for namespace in ("one", "two", "three")),
    VOLUME,
    CLASS,
    claim("bound", volumeName="disk-2"),
    claim("unbound", storageClassName="three"),
    disk("bound", "second"),
    disk("unbound", "third"),
)


@pytest.fixture(scope="module")
def settled() -> Simulator:
    """A cluster as a forecast begins with it."""
    requirement = {"key": ZONE, "operator": "In", "values": ["westeurope-1", "westeurope-2", "westeurope-3"]}
    manifests = scenarios.cluster(WORKLOADS)
    for manifest in manifests:
        if manifest["kind"] == "NodePool":
            manifest["spec"]["template"]["spec"]["requirements"].append(requirement)
    scenario = scenarios.scenario(manifests)
    simulator = Simulator(scenario, START, Recorder(pods=False))
    Applying(simulator, scenario).found(START)
    simulator.kernel.run(START, simulator.over)
    simulator.kernel.run(simulator.kernel.now.replace(minute=9), simulator.over)
    return simulator


def placed(simulator: Simulator, owner: str) -> list[Node]:
    """The nodes of the pods whose name begins so, by namespace."""
    pods = sorted(
        (pod for pod in simulator.cluster.pods.objects.values() if pod.name.startswith(owner)), key=lambda pod: pod.key
    )
    return [simulator.cluster.nodes.objects[pod.spec.node_name] for pod in pods]


@pytest.mark.parametrize(("owner", "zone"), [("second", "westeurope-2"), ("third", "westeurope-3")])
def test_a_pod_goes_where_its_disk_is_or_can_be(settled: Simulator, owner: str, zone: str) -> None:
    assert [node.metadata.labels[names.ZONE] for node in placed(settled, owner)] == [zone]


def test_a_namespace_selector_counts_pods_of_namespaces_with_those_labels(settled: Simulator) -> None:
    one, _three, two = (node.name for node in placed(settled, "lonely"))
    assert one != two
