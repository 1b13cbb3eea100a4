"""Kinds that only scheduling asks for: their changes reach the state, and what cannot be followed is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from msgspec.structs import replace

from napsim.controllers.background import Background
from napsim.controllers.executor import Executor
from napsim.controllers.state import ClusterState
from napsim.core.actions import Event
from napsim.core.objects import (
    Affinity,
    DaemonSet,
    DaemonSetSpec,
    KubeObject,
    NodeAffinity,
    NodeSelector,
    NodeSelectorTerm,
    ObjectMeta,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    Pod,
    PodTemplate,
    Requirement,
    StorageClass,
    Volume,
    VolumeClaimSource,
)
from tests.core.examples import node, pod

UNREADABLE = Affinity(
    NodeAffinity(required=NodeSelector((NodeSelectorTerm((Requirement("zone", "Near", ("here",)),)),)))
)


@dataclass
class World:
    state: ClusterState = field(default_factory=ClusterState)
    said: list[Event] = field(default_factory=list)
    asked_again: int = 0

    def __post_init__(self) -> None:
        self.background = Background(self.state, cast(Executor, self), self.again)

    def record(self, event: Event) -> None:
        self.said.append(event)

    def again(self) -> None:
        self.asked_again += 1


def with_affinity(item: Pod) -> Pod:
    return replace(item, spec=replace(item.spec, affinity=UNREADABLE))


def with_claim(item: Pod) -> Pod:
    return replace(item, spec=replace(item.spec, volumes=(Volume("data", VolumeClaimSource("data")),)))


def daemon_set(item: Pod) -> DaemonSet:
    return DaemonSet(ObjectMeta(name="d", namespace="default", uid="d"), DaemonSetSpec(PodTemplate(spec=item.spec)))


def test_a_daemon_set_that_cannot_be_followed_is_named_and_counts_for_nothing() -> None:
    here = World()
    here.background.on_daemon_set(None, daemon_set(with_affinity(pod(requests={"cpu": "1"}))))
    (event,) = here.said
    assert (event.kind, event.name, event.type, event.reason) == ("DaemonSet", "d", "Warning", "UnknownPlacement")
    assert "Near" in event.message
    assert [daemon.requests for daemon in here.state.places.view.daemons] == []
    here.background.on_daemon_set(None, daemon_set(pod(requests={"cpu": "1"})))
    assert [daemon.requests for daemon in here.state.places.view.daemons] == [{"cpu": 1000, "pods": 1}]
    assert here.asked_again == 2


def test_a_pod_whose_affinity_cannot_be_read_is_named_and_still_takes_its_room() -> None:
    here = World()
    here.state.on_node(None, node("n", allocatable={"cpu": "4", "pods": "9"}))
    held, free = with_affinity(pod("held", requests={"cpu": "1"})), pod("free", requests={"cpu": "1"})
    for item in (held, free):
        here.state.on_pod(None, item)
    here.background.tell_all()
    here.background.tell_unfollowed(free)
    (event,) = here.said
    assert (event.kind, event.namespace, event.name) == ("Pod", "default", "held")
    place = here.state.places.view.place("n")
    assert place is not None
    assert place.free["cpu"] == 2000


def test_volumes_are_followed_from_the_claim_over_the_class() -> None:
    here = World()
    here.state.on_pod(None, with_claim(pod("p")))
    meta = ObjectMeta(name="data", namespace="default")
    here.background.on_volume_claim(
        None, PersistentVolumeClaim(meta, PersistentVolumeClaimSpec(storage_class_name="fast"))
    )
    assert here.state.places.unfollowed == {"default/p": 'getting storage class, storageclass "fast" not found'}
    here.background.on_storage_class(None, StorageClass(ObjectMeta(name="fast")))
    assert here.state.places.unfollowed == {}
    here.background.on_volume(None, PersistentVolume(ObjectMeta(name="nobody's")))
    assert here.asked_again == 3


def test_labels_of_namespaces_are_known_until_they_go() -> None:
    here = World()
    item = KubeObject(ObjectMeta(name="shop", labels={"team": "red"}))
    here.background.on_namespace(None, item)
    assert here.state.places.view.namespaces == {"shop": {"team": "red"}}
    before = here.state.changes_of_room
    here.background.on_namespace(item, item)
    assert here.state.changes_of_room == before
    here.background.on_namespace(item, None)
    assert here.state.places.view.namespaces == {}
