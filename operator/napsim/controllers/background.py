"""Kinds that only scheduling asks for: DaemonSets, Namespaces, and what volumes rest on.

A change of one goes into the state, and whoever waits for room is asked again. What of them, or of a pod, nobody can
follow is said in an event on it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from napsim.controllers.executor import Executor
from napsim.controllers.state import ClusterState
from napsim.core.actions import Event
from napsim.core.objects import DaemonSet, KubeObject, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass


class Background(msgspec.Struct):
    """Told of changes as (old, new). ``on_room`` is called when pods may find room elsewhere than before."""

    state: ClusterState
    executor: Executor
    on_room: Callable[[], None]

    def on_daemon_set(self, old: DaemonSet | None, new: DaemonSet | None) -> None:
        problem = self.state.places.on_daemon_set(old, new)
        if problem and new is not None:
            message = f"What the DaemonSet takes of a node cannot be followed: {problem}"
            self._warn("DaemonSet", new, message, problem)
        self.on_room()

    def on_namespace(self, old: KubeObject | None, new: KubeObject | None) -> None:
        name = (new or old).name  # type: ignore[union-attr]  # one of the two is always there
        self.state.places.on_namespace(name, new.metadata.labels if new is not None else None)
        self.on_room()

    def on_volume_claim(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        self.state.on_volume_claim(old, new)
        self.on_room()

    def on_volume(self, old: PersistentVolume | None, new: PersistentVolume | None) -> None:
        self.state.on_volume(old, new)
        self.on_room()

    def on_storage_class(self, old: StorageClass | None, new: StorageClass | None) -> None:
        self.state.on_storage_class(old, new)
        self.on_room()

    def tell_unfollowed(self, pod: Pod) -> None:
        """A pod that keeps its node where it is, as nobody can say where else it may go; nothing for any other."""
        why = self.state.places.unfollowed.get(pod.key)
        if why is not None:
            message = f"Where else the pod may go cannot be followed, and its node is not disrupted for drift: {why}"
            self._warn("Pod", pod, message, why)

    def tell_all(self) -> None:
        """The same of every pod."""
        for key in self.state.places.unfollowed:
            self.tell_unfollowed(self.state.pods[key])

    def _warn(self, kind: str, item: KubeObject, message: str, why: str) -> None:
        uid, namespace = item.metadata.uid, item.metadata.namespace
        self.executor.record(
            Event(kind, item.name, uid, "UnknownPlacement", message, "Warning", namespace, "napsim", why)
        )
