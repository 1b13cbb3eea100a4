"""The node OS channel upgrades the nodes of agent pools: on fake ones that the tests make."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any, Final

from tests.e2e import manifests as m
from tests.e2e.auditor.writes import NodeState
from tests.e2e.kubectl import WAIT_SECONDS
from tests.e2e.rehearsal import IMAGE_VERSION, NEW, OLD, Rehearsal

AGENT_POOL: Final = "kubernetes.azure.com/agentpool"
RECORD: Final = "napsim.dev/os-upgrade"
PREFIX: Final = "AKSUbuntu-2204gen2containerd"
PUBLISHED: Final = "2026-02-01T00:00:00Z"
PATCH: Final = "2026.02.10"
NODES: Final = ("system-0", "system-1", "system-2")
SUNDAY_ONE: Final = "2026-02-15T01:00:00Z"
PLAY: Final[m.Manifest] = {"mode": "Play"}


def worker(name: str, pool: str = "system", version: str = OLD) -> m.Manifest:
    resources = {"cpu": "4", "memory": "16Gi", "pods": "110"}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**labels, AGENT_POOL: pool, IMAGE_VERSION: f"{PREFIX}-{version}"},
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"providerID": f"kind://docker/test/{name}"},
        "status": {"capacity": resources, "allocatable": resources},
    }


def patched(version: str) -> m.Manifest:
    made = m.image(version, PUBLISHED)
    made["metadata"]["name"] += "-patched"
    made["spec"]["securityPatch"] = PATCH
    return made


def settle(
    world: Rehearsal, *extra: m.Manifest, pods: int = 6, factor: float = 600, room: int = 1, **spec: Any
) -> None:
    """Three nodes of an agent pool on the old image, with pods that a PDB protects."""
    world.apply(*(worker(name) for name in NODES))
    world.apply(m.nap(factor=factor, **spec), m.image(OLD, PUBLISHED), *extra)
    world.apply(m.deployment("web", pods), m.pdb("web", maxUnavailable=room))
    world.eventually("every pod runs", lambda: len(running(world)) == pods, WAIT_SECONDS)
    world.operator()


def running(world: Rehearsal) -> dict[str, str]:
    """Pod to node, of those that run."""
    pods = world.items("pods", "--selector=app=web", "--field-selector=status.phase=Running")
    return {
        pod["metadata"]["uid"]: pod["spec"]["nodeName"] for pod in pods if "deletionTimestamp" not in pod["metadata"]
    }


def versions(world: Rehearsal) -> Counter[str]:
    nodes = world.items("nodes", f"--selector={AGENT_POOL}")
    return Counter(node["metadata"]["labels"][IMAGE_VERSION].removeprefix(f"{PREFIX}-") for node in nodes)


def cordoned(world: Rehearsal) -> list[str]:
    return [node["metadata"]["name"] for node in world.items("nodes") if node["spec"].get("unschedulable")]


def cordons(world: Rehearsal) -> list[set[str]]:
    """From the audit log: the nodes that were cordoned together, each time that one more was."""
    found, now = list[set[str]](), set[str]()
    for change in world.record().timeline.changes:
        state = change.write.state
        if isinstance(state, NodeState) and state.cordoned is not (state.name in now):
            now = now ^ {state.name}
            found += [now] if state.cordoned else []
    return found


def upgrades(world: Rehearsal) -> m.Manifest:
    found: m.Manifest = world.nap().get("osUpgrades", {})
    return found


def pool(world: Rehearsal, name: str = "system") -> m.Manifest:
    return next((item for item in upgrades(world).get("pools", ()) if item["name"] == name), {})


def settings(world: Rehearsal, changes: m.Manifest) -> None:
    world.patch("nodeautoprovisioning", "default", json.dumps({"spec": changes}))


def test_a_pool_is_left_alone_until_it_is_played_and_patched_live_when_the_window_opens(world: Rehearsal) -> None:
    images = (m.image(NEW, "2026-03-01T00:00:00Z"), patched(OLD))
    settle(world, *images, m.window(), factor=60, nodeOSUpgradeChannel="None", agentPools=PLAY)
    world.eventually("it is said", lambda: pool(world).get("reason") == "NoUpdatesOnChannel", WAIT_SECONDS)
    settings(world, {"nodeOSUpgradeChannel": "SecurityPatch", "agentPools": None})
    world.eventually("it is not said any more", lambda: not upgrades(world), WAIT_SECONDS)
    settings(world, {"agentPools": PLAY})
    world.eventually("the pool waits", lambda: pool(world).get("reason") == "MaintenanceWindowClosed", WAIT_SECONDS)
    assert (pool(world)["due"], versions(world)) == (3, {OLD: 3})
    before = running(world)
    settings(world, {"clock": {"factor": 1200}})
    world.eventually("all are patched", lambda: versions(world) == {f"{OLD}-{PATCH}": 3}, WAIT_SECONDS)

    assert world.virtual_now() > datetime.fromisoformat(SUNDAY_ONE)
    assert running(world) == before
    annotations = world.get("node", "system-0")["metadata"]["annotations"]
    assert annotations["kubernetes.azure.com/live-patching-current-timestamp"] == "20260210T000000Z"
    assert {event["regarding"]["name"] for event in world.events("LivePatched")} == set(NODES)
    assert not world.record().evictions
    assert not world.events("OSUpgradeBegan"), "no node was cordoned"


def test_a_drain_that_a_pdb_prevents_is_made_up_for_node_after_node_by_whichever_operator_leads(
    world: Rehearsal,
) -> None:
    """Ten real seconds are the least that a drain is given, whatever the clock."""
    settle(world, m.image(NEW, PUBLISHED), room=0, agentPools=PLAY)
    world.eventually("the first is drained", lambda: cordoned(world) == ["system-0"], WAIT_SECONDS)
    world.operators[0].kill()
    world.operator("two")
    world.eventually("it is given up", lambda: pool(world).get("reason") == "DrainGivenUp", WAIT_SECONDS)
    assert pool(world)["prevented"] == ["system-0"]
    assert (versions(world), len(running(world)), cordoned(world)) == ({OLD: 3}, 6, [])

    world.patch("pdb", "web", '{"spec":{"maxUnavailable":1}}', "--namespace=default")
    settings(world, {"clock": {"factor": 20000}})
    world.eventually(f"all on {NEW}", lambda: versions(world) == {NEW: 3} and not cordoned(world), WAIT_SECONDS)
    assert {len(together) for together in cordons(world)} == {1}
    assert set().union(*cordons(world)) == set(NODES)
    world.eventually("it is over", lambda: upgrades(world)["summary"] == "NodeImage: system 3/3", WAIT_SECONDS)
    assert {event["regarding"]["name"] for event in world.events("OSUpgraded")} == set(NODES)
    assert not world.record().pod_deletions
