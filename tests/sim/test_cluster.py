"""What the in-memory API server does to objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from napsim.core.objects import Node, NodeSpec, ObjectMeta, Pod, PodSpec, PodStatus, Taint
from napsim.sim.cluster import AlreadyExists, Cluster, replace, uid_of
from napsim.sim.kernel import Kernel

NOON = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
Seen = list[tuple[Node | None, Node | None]]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(Kernel(NOON))


@pytest.fixture
def seen(cluster: Cluster) -> Seen:
    told: Seen = []
    cluster.nodes.watchers.append(lambda old, new: told.append((old, new)))
    return told


def node(name: str = "a", *finalizers: str) -> Node:
    return Node(ObjectMeta(name, finalizers=finalizers))


class TestObjects:
    def test_get_a_uid_a_version_a_generation_and_an_age(self, cluster: Cluster) -> None:
        made = cluster.nodes.create(node()).metadata
        assert (made.resource_version, made.generation, made.creation_timestamp) == ("1", 1, NOON)
        assert made.uid == uid_of("Node", "a", "1")
        assert len(made.uid) == 36

    def test_are_told_of_as_they_were_and_as_they_are(self, cluster: Cluster, seen: Seen) -> None:
        made = cluster.nodes.create(node())
        tainted = replace(made, spec=NodeSpec(taints=(Taint("a", "NoSchedule"),)))
        changed = cluster.nodes.update(tainted)
        cluster.nodes.delete("a")
        assert seen == [(None, made), (made, changed), (changed, None)]
        assert int(changed.metadata.resource_version) > int(made.metadata.resource_version)

    def test_that_do_not_change_are_not_told_of(self, cluster: Cluster, seen: Seen) -> None:
        made = cluster.nodes.create(node())
        assert cluster.nodes.update(replace(made, spec=NodeSpec())) is made
        assert len(seen) == 1

    def test_are_there_once(self, cluster: Cluster) -> None:
        cluster.nodes.create(node())
        with pytest.raises(AlreadyExists, match="Node a"):
            cluster.nodes.create(node())

    def test_of_the_same_name_have_another_uid(self, cluster: Cluster) -> None:
        first = cluster.nodes.create(node())
        cluster.nodes.delete("a")
        assert cluster.nodes.create(node()).metadata.uid != first.metadata.uid


class TestADeletion:
    def test_waits_for_the_last_finalizer(self, cluster: Cluster, seen: Seen) -> None:
        cluster.nodes.create(node("a", "one", "two"))
        assert cluster.nodes.delete("a")
        asked = cluster.nodes.objects["a"]
        assert asked.metadata.deletion_timestamp == NOON
        held = cluster.nodes.update(replace(asked, metadata=replace(asked.metadata, finalizers=("two",))))
        cluster.nodes.update(replace(held, metadata=replace(held.metadata, finalizers=())))
        assert seen[-1] == (held, None)
        assert cluster.nodes.get("a") is None

    def test_is_asked_for_once(self, cluster: Cluster) -> None:
        cluster.nodes.create(node("a", "one"))
        assert [cluster.nodes.delete("a"), cluster.nodes.delete("a"), cluster.nodes.delete("b")] == [True, False, False]

    def test_of_another_object_of_that_name_does_nothing(self, cluster: Cluster) -> None:
        cluster.nodes.create(node())
        assert not cluster.nodes.delete("a", "another uid")
        assert "a" in cluster.nodes.objects


class TestAPodsDeletion:
    @staticmethod
    def pod(cluster: Cluster, on: str = "n", grace: int = 30) -> Pod:
        return cluster.pods.create(Pod(ObjectMeta("p", "d"), PodSpec(on, termination_grace_period_seconds=grace)))

    def ends(self, cluster: Cluster) -> timedelta | None:
        pod = cluster.pods.get("d/p")
        assert pod is not None
        assert pod.metadata.deletion_timestamp is not None
        return pod.metadata.deletion_timestamp - NOON

    def test_gives_it_its_grace_period(self, cluster: Cluster) -> None:
        pod = self.pod(cluster)
        assert cluster.delete_pod("d/p", pod.metadata.uid)
        assert self.ends(cluster) == timedelta(seconds=30)

    @pytest.mark.parametrize(("second", "left"), [(10, 10), (90, 30)])
    def test_can_be_shortened_and_not_be_made_longer(self, cluster: Cluster, second: int, left: int) -> None:
        pod = self.pod(cluster)
        cluster.delete_pod("d/p", pod.metadata.uid)
        cluster.delete_pod("d/p", pod.metadata.uid, second)
        assert self.ends(cluster) == timedelta(seconds=left)

    @pytest.mark.parametrize(("on", "grace"), [("", 30), ("n", 0)])
    def test_is_immediate_without_a_node_or_a_grace_period(self, cluster: Cluster, on: str, grace: int) -> None:
        pod = self.pod(cluster, on, grace)
        cluster.delete_pod("d/p", pod.metadata.uid)
        assert cluster.pods.get("d/p") is None

    def test_that_is_shortened_counts_from_when_it_was_first_asked_for(self, cluster: Cluster) -> None:
        pod = self.pod(cluster)
        cluster.delete_pod("d/p", pod.metadata.uid)
        cluster.kernel.now += timedelta(seconds=25)
        cluster.delete_pod("d/p", pod.metadata.uid, 10)
        assert self.ends(cluster) == timedelta(seconds=10)

    def test_below_no_time_at_all_gives_it_a_second(self, cluster: Cluster) -> None:
        pod = self.pod(cluster)
        cluster.delete_pod("d/p", pod.metadata.uid, -1)
        assert self.ends(cluster) == timedelta(seconds=1)

    @pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
    def test_is_immediate_for_one_that_has_ended(self, cluster: Cluster, phase: str) -> None:
        pod = self.pod(cluster)
        cluster.pods.update(replace(pod, status=PodStatus(phase)))
        cluster.delete_pod("d/p", pod.metadata.uid)
        assert cluster.pods.get("d/p") is None

    def test_with_another_uid_does_nothing(self, cluster: Cluster) -> None:
        pod = self.pod(cluster)
        assert not cluster.delete_pod("d/p", "another")
        assert cluster.pods.get("d/p") is pod
