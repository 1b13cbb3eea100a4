"""Disks of a cluster that is there already: pods come back to them, and they come off the nodes that go."""

from __future__ import annotations

from typing import Any, Final

import pytest

from napsim.api import names
from napsim.live.pseudonyms import Pseudonyms
from napsim.sim.recorder import Recorder
from napsim.sim.simulation import begun, simulate
from napsim.sim.simulator import Simulator
from tests.sim.scenarios import NEW, SINCE, cluster, node, scenario, stateful_set, true

Manifest = dict[str, Any]
ZONES: Final = ("westeurope-1", "westeurope-2")


def disk(number: int, zone: str) -> list[Manifest]:
    """Pod ``number`` of the StatefulSet, with its disk: claimed, bound, attached to the node of that zone."""
    allowed = {"matchExpressions": [{"key": names.ZONE, "operator": "In", "values": [zone]}]}
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "db", "controller": True}
    pod = stateful_set("db", 1)["spec"]["template"]
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": f"data-db-{number}"}}
    on = f"aks-default-{zone[-1]}"
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"db-{number}", "namespace": "default", "labels": {"app": "db"}, "ownerReferences": [owner],
            },
            "spec": {**pod["spec"], "nodeName": on, "volumes": [volume]},
            "status": {"phase": "Running", "startTime": SINCE, "conditions": true("Ready")},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": f"data-db-{number}", "namespace": "default"},
            "spec": {"volumeName": f"disk-{number}"},
            "status": {"phase": "Bound"},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"disk-{number}"},
            "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [allowed]}}},
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "VolumeAttachment",
            "metadata": {"name": f"attached-{number}", "finalizers": ["external-attacher/disk-csi-azure-com"]},
            "spec": {
                "attacher": "disk.csi.azure.com", "nodeName": on, "source": {"persistentVolumeName": f"disk-{number}"},
            },
        },
    ]  # fmt: skip


def manifests() -> list[Manifest]:
    found = cluster([stateful_set("db", len(ZONES))], [{"nodes": "1"}])
    for number, zone in enumerate(ZONES):
        found += [*node(zone), *disk(number, zone)]
    return found


def at_the_end(of: list[Manifest]) -> Simulator:
    told = scenario(of, settles=False)
    simulator, _ = begun(told, Recorder(pods=False))
    simulator.kernel.run(told.until, simulator.over)
    return simulator


def zones(simulator: Simulator) -> dict[str, str]:
    """Of pods, by name."""
    nodes = simulator.cluster.nodes.objects
    pods = sorted(simulator.cluster.pods.objects.values(), key=lambda pod: pod.key)
    return {pod.name: nodes[pod.spec.node_name].metadata.labels[names.ZONE] for pod in pods if pod.spec.node_name}


def test_a_disk_comes_off_with_the_pod_that_uses_it_so_that_its_node_goes() -> None:
    outcome = simulate(scenario(manifests(), settles=False))
    (pool,) = outcome.pools
    assert pool.finished_at is not None
    assert pool.replaced == 2
    assert dict(pool.steps[-1].versions) == {f"AKSUbuntu-2204gen2containerd-{NEW}": 2}


def test_a_disk_that_no_pod_uses_holds_no_node() -> None:
    without = [item for item in manifests() if item["kind"] not in {"Pod", "StatefulSet"}]
    assert not at_the_end(without).cluster.attachments.objects


def test_a_disk_that_is_used_stays_where_it_is() -> None:
    told = scenario(manifests(), settles=False)
    simulator, _ = begun(told, Recorder(pods=False))
    simulator.kernel.run(told.start, simulator.over)
    assert sorted(simulator.cluster.attachments.objects) == ["attached-0", "attached-1"]


def test_pods_of_a_stateful_set_come_back_to_their_disks() -> None:
    found = at_the_end(manifests())
    assert zones(found) == {"db-0": "westeurope-1", "db-1": "westeurope-2"}
    assert [pod.spec.volumes[0].name for pod in found.cluster.pods.objects.values()] == ["data", "data"]


@pytest.mark.parametrize("salt", ["", "secret"])
def test_so_they_do_where_names_are_hidden(salt: str) -> None:
    hidden = Pseudonyms(salt).manifests(manifests())
    found = at_the_end(hidden)
    assert sorted(zones(found).values()) == list(ZONES)
    assert len(found.cluster.pods.objects) == 2
    assert {pod.name.rpartition("-")[2] for pod in found.cluster.pods.objects.values()} == {"0", "1"}
