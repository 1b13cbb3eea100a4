"""The workload controllers, the scheduler and the kubelets, together and without napsim's own controllers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from napsim.api import names
from napsim.core.objects import (
    Condition,
    Container,
    Node,
    NodeSpec,
    NodeStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    ResourceRequirements,
    Taint,
    Toleration,
)
from napsim.core.pods import ready_status
from napsim.core.timings import Distribution
from napsim.sim import workloads
from napsim.sim.cluster import Cluster, replace
from napsim.sim.kernel import Kernel
from napsim.sim.kubelets import MONITOR_GRACE, TOLERATED, Kubelets
from napsim.sim.scenario import PodTimings
from napsim.sim.scheduling import Scheduling
from napsim.sim.taints import CORDONED, Taints
from napsim.sim.workloads import Workloads
from tests.e2e import manifests as made
from tests.sim.scenarios import daemon_set, stateful_set

NOON = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
STARTS, ENDS = timedelta(seconds=5), timedelta(seconds=3)
DISRUPTED = Taint("karpenter.sh/disrupted", "NoSchedule")


@dataclass
class World:
    """Nodes of four processors, and whoever runs pods on them."""

    kernel: Kernel
    cluster: Cluster
    workloads: Workloads
    scheduling: Scheduling
    kubelets: Kubelets

    def node(self, name: str, cpu: str = "4", taints: tuple[Taint, ...] = (), **labels: str) -> None:
        status = NodeStatus(allocatable={"cpu": cpu, "memory": "16Gi", "pods": "110"})
        self.cluster.nodes.create(Node(ObjectMeta(name, labels=labels), NodeSpec(taints=taints), status))

    def apply(self, manifest: dict[str, Any]) -> None:
        manifest["metadata"].setdefault("namespace", "default")
        self.workloads.apply(manifest)

    def taint(self, name: str, *taints: Taint) -> None:
        node = self.cluster.nodes.objects[name]
        self.cluster.nodes.update(replace(node, spec=replace(node.spec, taints=taints)))

    def run(self, seconds: float = 60) -> None:
        self.kernel.run(self.kernel.now + timedelta(seconds=seconds), lambda: False)

    def delete(self, key: str) -> None:
        self.cluster.delete_pod(key, self.cluster.pods.objects[key].metadata.uid)

    @property
    def pods(self) -> list[Pod]:
        return [self.cluster.pods.objects[key] for key in sorted(self.cluster.pods.objects)]

    @property
    def running(self) -> int:
        return sum(ready_status(pod) == "True" and not pod.deleting for pod in self.pods)

    def on(self) -> dict[str, int]:
        return dict(sorted(Counter(pod.spec.node_name for pod in self.pods).items()))


@pytest.fixture
def world() -> World:
    kernel = Kernel(NOON)
    cluster = Cluster(kernel)
    timings = PodTimings(Distribution(low=STARTS.total_seconds()), Distribution(low=ENDS.total_seconds()))
    it = World(kernel, cluster, Workloads(cluster), Scheduling(cluster), Kubelets(cluster, timings, 0))
    it.workloads.has_room = it.scheduling.has_room
    taints = Taints(cluster, it.kubelets.pods_on)
    cluster.nodes.watchers += [it.scheduling.on_node, it.workloads.on_node, it.kubelets.on_node, taints.on_node]
    cluster.pods.watchers += [it.scheduling.on_pod, it.workloads.on_pod, it.kubelets.on_pod]
    return it


class TestADeployment:
    def test_has_its_pods_ready_once_they_have_started(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 3))
        world.run(4.9)
        assert (len(world.pods), world.running, world.workloads.settled) == (3, 0, False)
        world.run(0.1)
        assert (world.running, world.workloads.settled) == (3, True)

    def test_replaces_a_pod_as_soon_as_it_is_asked_to_go(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 3))
        world.run()
        gone = world.pods[0].key
        world.delete(gone)
        world.run(0)
        assert [pod.deleting for pod in world.pods].count(False) == 3
        world.run()
        assert gone not in {pod.key for pod in world.pods}
        assert world.running == 3

    @pytest.mark.parametrize("replicas", [0, 1, 5])
    def test_follows_its_size(self, world: World, replicas: int) -> None:
        world.node("a")
        world.apply(made.deployment("web", 3))
        world.run()
        world.apply(made.deployment("web", replicas))
        world.run()
        assert world.running == len(world.pods) == replicas

    @pytest.mark.parametrize("name", ["web", "api", "shop", "ledger"])
    def test_keeps_the_pod_that_is_alone_on_its_node_when_it_is_made_smaller(self, world: World, name: str) -> None:
        world.node("a")
        world.apply(made.deployment(name, 4))
        world.run()
        world.node("b")
        world.apply(made.deployment(name, 5))
        world.run()
        assert world.on() == {"a": 4, "b": 1}
        world.apply(made.deployment(name, 2))
        world.run()
        assert world.on() == {"a": 1, "b": 1}

    def test_takes_its_pods_along_when_it_is_deleted(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 3))
        world.run()
        assert world.workloads.delete("Deployment", "default", "web") is not None
        world.run()
        assert not world.pods
        assert world.workloads.settled

    def test_gives_no_pod_a_name_that_another_has(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(workloads, "_suffix", lambda of, number: f"{number // 2}")
        world.node("a")
        world.apply(made.deployment("web", 3))
        world.run()
        assert world.running == 3


class TestAStatefulSet:
    def test_starts_one_pod_after_another(self, world: World) -> None:
        world.node("a")
        world.apply(stateful_set("db", 3))
        seen = []
        for _ in range(4):
            seen.append([pod.name for pod in world.pods])
            world.run(STARTS.total_seconds())
        assert seen == [[], ["db-0", "db-1"], ["db-0", "db-1", "db-2"], ["db-0", "db-1", "db-2"]]

    def test_in_parallel_starts_all_at_once(self, world: World) -> None:
        world.node("a")
        world.apply(stateful_set("db", 3, podManagementPolicy="Parallel"))
        world.run(0)
        assert [pod.name for pod in world.pods] == ["db-0", "db-1", "db-2"]

    def test_replaces_a_pod_under_its_name_once_it_is_gone(self, world: World) -> None:
        world.node("a")
        world.apply(stateful_set("db", 2))
        world.run()
        before = world.pods[0].metadata.uid
        world.delete("default/db-0")
        world.run(0.5)
        assert [pod.name for pod in world.pods] == ["db-0", "db-1"]
        assert world.pods[0].deleting
        world.run()
        assert world.pods[0].metadata.uid != before
        assert world.running == 2

    def test_shrinks_from_the_last_on(self, world: World) -> None:
        world.node("a")
        world.apply(stateful_set("db", 3))
        world.run()
        world.apply(stateful_set("db", 1))
        world.run()
        assert [pod.name for pod in world.pods] == ["db-0"]


class TestADaemonSet:
    def test_has_one_pod_on_each_node_that_takes_it(self, world: World) -> None:
        world.node("a")
        world.apply(daemon_set("agent"))
        world.node("b")
        world.node("c", taints=(DISRUPTED,))
        world.run()
        assert world.on() == {"a": 1, "b": 1}

    def test_comes_when_the_taint_goes(self, world: World) -> None:
        world.apply(daemon_set("agent"))
        world.node("a", taints=(DISRUPTED,))
        world.run()
        assert world.on() == {}
        world.taint("a")
        world.run()
        assert world.on() == {"a": 1}

    def test_is_not_made_anew_on_a_node_that_is_drained(self, world: World) -> None:
        world.apply(daemon_set("agent"))
        world.node("a")
        world.run()
        world.taint("a", DISRUPTED)
        world.run()
        assert world.on() == {"a": 1}
        world.delete(world.pods[0].key)
        world.run()
        assert world.on() == {}

    @pytest.mark.parametrize("leaves", ["is gone", "has ended"])
    def test_waits_until_its_node_has_room_for_it(self, world: World, leaves: str) -> None:
        world.node("a", cpu="1")
        world.node("b", cpu="1")
        spec = PodSpec(node_name="a", containers=(Container(ResourceRequirements(requests={"cpu": "1"})),))
        world.cluster.pods.create(Pod(ObjectMeta("alone", "default"), spec, PodStatus("Pending")))
        world.run()
        world.apply(daemon_set("agent"))
        world.run()
        assert world.on() == {"a": 1, "b": 1}
        if leaves == "is gone":
            world.delete("default/alone")
        else:
            alone = world.cluster.pods.objects["default/alone"]
            world.cluster.pods.update(replace(alone, status=PodStatus("Succeeded")))
        world.run()
        assert sorted(pod.spec.node_name for pod in world.pods if pod.name.startswith("agent")) == ["a", "b"]

    def test_comes_to_a_full_node_when_it_is_critical(self, world: World) -> None:
        world.node("a", cpu="1m")
        world.apply(daemon_set("agent", priorityClassName="system-node-critical"))
        world.apply(daemon_set("other"))
        world.run()
        assert [pod.name[:5] for pod in world.pods] == ["agent"]


class TestPodsThatHaveEnded:
    @staticmethod
    def end(world: World, number: int = 0) -> None:
        pod = world.pods[number]
        world.cluster.pods.update(replace(pod, status=PodStatus("Failed")))
        world.run()

    def test_stay_beside_their_replacement_in_a_replica_set(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 2))
        world.run()
        self.end(world)
        assert (len(world.pods), world.running) == (3, 2)

    @pytest.mark.parametrize("workload", [stateful_set("db", 2), daemon_set("agent")])
    def test_are_taken_away_by_others(self, world: World, workload: dict[str, Any]) -> None:
        world.node("a")
        world.apply(workload)
        world.run()
        before = len(world.pods)
        self.end(world)
        assert (len(world.pods), world.running) == (before, before)


def test_a_replica_set_that_is_applied_again_follows_its_size(world: World) -> None:
    world.node("a")
    for replicas in (3, 1):
        world.apply({**made.deployment("web", replicas), "kind": "ReplicaSet"})
        world.run()
        assert world.running == replicas


class TestAReplicaSetBesideADeployment:
    def replica_set(self, **metadata: Any) -> dict[str, Any]:
        manifest = made.deployment("web-canary", 3)
        return {**manifest, "kind": "ReplicaSet", "metadata": {**manifest["metadata"], **metadata}}

    def test_is_not_of_it_for_its_name(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 1))
        world.apply(self.replica_set())
        world.run()
        assert world.running == 1 + 3

    @pytest.mark.parametrize(("version", "running"), [("apps/v1", 1), ("example.com/v1", 1 + 3)])
    def test_is_of_it_where_it_says_so(self, world: World, version: str, running: int) -> None:
        owner = {"apiVersion": version, "kind": "Deployment", "name": "web", "uid": "u", "controller": True}
        world.node("a")
        world.apply(made.deployment("web", 1))
        world.apply(self.replica_set(ownerReferences=[owner]))
        world.run()
        assert world.running == running


def test_what_is_called_after_a_deployment_goes_without_it(world: World) -> None:
    """Pods that were there before are known by the name of their ReplicaSet."""
    world.node("a")
    world.apply(made.deployment("web", 1))
    world.apply(stateful_set("web-db", 1))
    world.run()
    world.workloads.delete("StatefulSet", "default", "web-db")
    assert world.workloads.scale_of("ReplicaSet", "default/web-5d4fd8c9b7") == 1


def test_pods_of_a_node_that_is_not_there_do_not_run_and_go_after_a_minute(world: World) -> None:
    for name in ("a", "b"):
        spec = PodSpec(node_name=name)
        world.cluster.pods.create(Pod(ObjectMeta(f"on-{name}", "default"), spec, PodStatus("Pending")))
    world.run(30)
    assert (len(world.pods), world.running) == (2, 0)
    world.node("b")
    world.run(30)
    assert [pod.name for pod in world.pods] == ["on-b"]
    assert world.running == 1


class TestTaints:
    def test_of_a_cordoned_node_come_and_go_with_that(self, world: World) -> None:
        world.node("a")
        for cordoned, taints in ((True, (CORDONED,)), (False, ())):
            node = world.cluster.nodes.objects["a"]
            world.cluster.nodes.update(replace(node, spec=replace(node.spec, unschedulable=cordoned)))
            world.run(1)
            assert world.cluster.nodes.objects["a"].spec.taints == taints

    def test_that_allow_no_execution_drive_pods_out_that_do_not_tolerate_them(self, world: World) -> None:
        world.node("a")
        ever = Toleration("x", "Exists")
        tolerations = {"none": (), "ever": (ever,), "while": (ever, replace(ever, toleration_seconds=100))}
        for name, of in tolerations.items():
            spec = PodSpec(node_name="a", tolerations=of)
            world.cluster.pods.create(Pod(ObjectMeta(name, "default"), spec, PodStatus("Pending")))
        world.run()
        world.taint("a", Taint("x", "NoExecute"))
        world.run(50)
        assert [pod.name for pod in world.pods] == ["ever", "while"]
        world.run(60)
        assert [pod.name for pod in world.pods] == ["ever"]

    def test_that_are_taken_off_in_time_drive_nobody_out(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 1, tolerations=[{"key": "x", "operator": "Exists", "tolerationSeconds": 9}]))
        world.run()
        world.taint("a", Taint("x", "NoExecute"))
        world.run(5)
        world.taint("a")
        world.run(60)
        assert world.running == 1


class TestTheScheduler:
    def test_spreads_pods_over_the_nodes_with_most_room(self, world: World) -> None:
        for name in ("a", "b"):
            world.node(name)
        world.apply(made.deployment("web", 6))
        world.run()
        assert world.on() == {"a": 3, "b": 3}

    def test_fills_a_node_and_leaves_the_others_waiting(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 12))
        world.run()
        assert world.on() == {"": 2, "a": 10}
        assert len(world.scheduling.unplaced) == 2
        (waiting,) = {
            condition.reason for pod in world.pods for condition in pod.status.conditions if not pod.spec.node_name
        }
        assert waiting == "Unschedulable"

    def test_places_those_that_wait_when_a_node_comes(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 12))
        world.run()
        world.node("b")
        world.run()
        assert (world.on(), world.scheduling.unplaced) == ({"a": 10, "b": 2}, [])

    def test_places_those_that_wait_when_a_pod_goes(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 10))
        world.run()
        world.apply(made.deployment("late", 1))
        world.run()
        assert len(world.scheduling.unplaced) == 1
        world.apply(made.deployment("web", 9))
        world.run()
        assert world.scheduling.unplaced == []

    def test_of_a_slow_control_plane_gets_one_pod_after_another(self, world: World) -> None:
        world.scheduling.apart = timedelta(seconds=1)
        world.node("a")
        world.apply(made.deployment("web", 3))
        world.run(0.9)
        assert world.on() == {"": 3}
        world.run(1.1)
        assert world.on() == {"": 1, "a": 2}
        world.run(1)
        assert world.on() == {"a": 3}

    def test_of_a_slow_control_plane_takes_no_pod_that_is_gone_before_its_turn(self, world: World) -> None:
        world.scheduling.apart = timedelta(seconds=1)
        world.node("a")
        world.apply(made.deployment("web", 2))
        world.run(1)
        world.apply(made.deployment("web", 1))
        world.run()
        assert world.on() == {"a": 1}

    def test_keeps_off_taints_and_other_labels(self, world: World) -> None:
        world.node("a", taints=(DISRUPTED,), disk="fast")
        world.node("b", disk="slow")
        world.node("c", disk="fast")
        world.apply(made.deployment("web", 2, nodeSelector={"disk": "fast"}))
        world.run()
        assert world.on() == {"c": 2}

    def test_keeps_pods_apart_that_are_to_be(self, world: World) -> None:
        for name in ("a", "b"):
            world.node(name)
        apart = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
        affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
        world.apply(made.deployment("web", 3, affinity=affinity))
        world.run()
        assert world.on() == {"": 1, "a": 1, "b": 1}

    def test_gives_a_host_port_once(self, world: World) -> None:
        world.node("a")
        ports = {"name": "main", "image": "fake", "ports": [{"containerPort": 80, "hostPort": 80}]}
        world.apply(made.deployment("web", 2, containers=[ports]))
        world.run()
        assert world.on() == {"": 1, "a": 1}

    def test_gives_a_port_of_a_pod_on_its_nodes_network_once(self, world: World) -> None:
        world.node("a")
        ports = {"name": "main", "image": "fake", "ports": [{"containerPort": 80}]}
        world.apply(made.deployment("web", 2, hostNetwork=True, containers=[ports]))
        world.run()
        assert world.on() == {"": 1, "a": 1}


def test_a_pod_may_be_given_as_long_as_a_manifest_can_say(world: World) -> None:
    world.node("a", "9")
    forever = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2**63 - 1}
    world.apply(made.deployment("web", 1, terminationGracePeriodSeconds=2**63 - 1, tolerations=[forever]))
    world.run()
    before = world.pods[0].name
    world.kubelets.fail("a")
    world.taint("a", Taint("drain", "NoExecute"))
    world.run()
    assert [pod.name for pod in world.pods] == [before]
    world.kubelets.recover("a")
    world.delete(f"default/{before}")
    world.run()
    assert [pod.name for pod in world.pods] != [before]


class TestANode:
    def ready(self, world: World) -> Condition:
        (condition,) = world.cluster.nodes.objects["a"].status.conditions
        return condition

    def test_is_ready_as_soon_as_it_joins(self, world: World) -> None:
        world.node("a")
        world.run(0)
        assert self.ready(world).status == "True"

    def test_that_falls_silent_is_not_ready_and_its_pods_go_elsewhere(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 2))
        world.run()
        world.node("b")
        world.kubelets.fail("a")
        world.run(MONITOR_GRACE.total_seconds())
        assert self.ready(world).status == "Unknown"
        assert (world.running, world.on()) == (0, {"a": 2})
        world.run(TOLERATED.total_seconds() + 10)
        assert (world.running, world.on()) == (2, {"a": 2, "b": 2})

    @pytest.mark.parametrize(("seconds", "asked_after"), [(30, 30), (0, 0), (None, None)])
    def test_that_falls_silent_keeps_a_pod_as_long_as_that_tolerates_it(
        self, world: World, seconds: int | None, asked_after: int | None
    ) -> None:
        toleration: dict[str, Any] = {"key": names.UNREACHABLE_TAINT, "operator": "Exists", "effect": "NoExecute"}
        if seconds is not None:
            toleration["tolerationSeconds"] = seconds
        world.node("a")
        world.apply(made.deployment("web", 1, tolerations=[toleration]))
        world.run()
        world.kubelets.fail("a")
        world.run(MONITOR_GRACE.total_seconds() + (asked_after or 0) - 0.5)
        assert [pod.deleting for pod in world.pods] == [False]
        world.run(1 if asked_after is not None else 3600)
        assert [pod.deleting for pod in world.pods if pod.spec.node_name] == [asked_after is not None]

    def test_that_falls_silent_twice_is_missed_after_the_second_time_only(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 1))
        world.run()
        world.kubelets.fail("a")
        world.run(20)
        world.kubelets.recover("a")
        world.run(1)
        world.kubelets.fail("a")
        world.run(MONITOR_GRACE.total_seconds() - 1)
        assert self.ready(world).status == "True"
        world.run(1)
        assert self.ready(world).status == "Unknown"

    def test_that_is_back_in_time_keeps_its_pods(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 2))
        world.run()
        world.kubelets.fail("a")
        world.run(100)
        world.kubelets.recover("a")
        world.run(TOLERATED.total_seconds())
        assert self.ready(world).status == "True"
        assert not world.cluster.nodes.objects["a"].spec.taints
        assert (world.running, world.on()) == (2, {"a": 2})

    def test_that_is_back_late_lets_go_of_the_pods_it_was_to_end(self, world: World) -> None:
        world.node("a")
        world.apply(made.deployment("web", 2))
        world.run()
        world.kubelets.fail("a")
        world.run(400)
        assert len(world.pods) == 4
        world.kubelets.recover("a")
        world.run()
        assert (len(world.pods), world.running) == (2, 2)

    def test_that_is_gone_takes_its_pods_along(self, world: World) -> None:
        world.node("a")
        world.apply(daemon_set("agent"))
        world.run()
        world.cluster.nodes.delete("a")
        world.run()
        assert not world.pods
