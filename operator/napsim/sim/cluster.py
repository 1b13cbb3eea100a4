"""The in-memory cluster: API objects, and what the API server does to them.

Mirrors kubernetes v1.36 ``staging/src/k8s.io/apiserver/pkg/registry/rest`` and ``pkg/registry/core/pod``: a uid and a
resourceVersion for every object, deletion that waits for finalizers, graceful deletion of pods. Every change is told to
``watchers`` at once, as (old, new); None is not there.

Left out: optimistic concurrency of updates (nothing is written at the same time), and that a namespace has to be there
before what is in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, TypeVar

import msgspec

from napsim.core.objects import (
    KubeObject,
    Node,
    NodeClaim,
    ObjectMeta,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    StorageClass,
    VolumeAttachment,
)
from napsim.core.pods import is_terminal, lasting
from napsim.sim.kernel import Kernel

Stored = TypeVar("Stored", bound=KubeObject)
Watcher = Callable[[Stored | None, Stored | None], None]
AlikeWatcher = Callable[[Mapping[str, Stored] | None, Mapping[str, Stored]], None]
replace: Final = msgspec.structs.replace


class AlreadyExists(Exception):
    """An object of that kind and name is there."""


class NotFound(Exception):
    """None of that kind and name is there."""


class Conflict(Exception):
    """The object that is there has another uid, or another version, than was asked for."""


@dataclass(slots=True)
class Versions:
    """The cluster's one counter of changes."""

    number: int = 0

    def next(self) -> str:
        self.number += 1
        return str(self.number)


@dataclass(slots=True)
class Store(Generic[Stored]):
    """The objects of one kind, by key. ``watchers`` are told of each change, in order.

    ``counts``: whether the kind has a generation, which counts changes of the spec and the wish to delete.
    ``of_alike``: what some of the watchers are told instead of many changes that are the same but for the name, by key
    as they were (None: they were not there) and as they are. Others are told of each.
    """

    kind: str
    kernel: Kernel
    versions: Versions
    counts: bool = False
    objects: dict[str, Stored] = field(default_factory=dict)
    watchers: list[Watcher[Stored]] = field(default_factory=list)
    of_alike: dict[Watcher[Stored], AlikeWatcher[Stored]] = field(default_factory=dict)

    def get(self, key: str) -> Stored | None:
        return self.objects.get(key)

    def find(self, key: str, uid: str = "", resource_version: str = "") -> Stored:
        """The object, if it is the one that is meant. Raises NotFound and Conflict."""
        item = self.objects.get(key)
        if item is None:
            raise NotFound(f"{self.kind} {key}")
        metadata = item.metadata
        if (uid and metadata.uid != uid) or (resource_version and metadata.resource_version != resource_version):
            raise Conflict(f"{self.kind} {key}")
        return item

    def create(self, item: Stored) -> Stored:
        """Raises AlreadyExists. A uid that was given is kept."""
        created = self._made(item)
        self._tell(None, created)
        return created

    def _made(self, item: Stored) -> Stored:
        key, given = item.key, item.metadata
        if key in self.objects:
            raise AlreadyExists(f"{self.kind} {key}")
        version = self.versions.next()
        metadata = replace(
            given,
            uid=given.uid or uid_of(self.kind, key, version),
            resource_version=version,
            generation=given.generation or 1,
            creation_timestamp=given.creation_timestamp or self.kernel.now,
        )
        made: Stored = replace(item, metadata=metadata)
        self.objects[key] = made
        return made

    def update(self, new: Stored) -> Stored:
        """``new`` is the object there now, changed. Nothing happens when it is the same; the last finalizer ends it."""
        key = new.key
        old = self.objects[key]
        if new is old or new == old:
            return old
        metadata = new.metadata
        if metadata.deletion_timestamp is not None and not metadata.finalizers and old.metadata.finalizers:
            self.remove(new)
            return new
        version = self.versions.next()
        if self.counts and _spec_of(new) != _spec_of(old):
            metadata = replace(metadata, resource_version=version, generation=metadata.generation + 1)
        else:
            metadata = replace(metadata, resource_version=version)
        stored: Stored = replace(new, metadata=metadata)
        self.objects[key] = stored
        self._tell(old, stored)
        return stored

    def create_alike(self, items: Iterable[Stored]) -> None:
        """Create what is alike but for its name, each before the next is asked for. Raises AlreadyExists.

        Watchers are told of each until the second brings no other change about; of the rest together.
        """
        alone, created = 2, {}
        for item in items:
            if alone:
                before = self.versions.number
                self.create(item)
                alone = 1 if alone == 2 or self.versions.number > before + 1 else 0
            else:
                made = self._made(item)
                created[made.key] = made
        if created:
            self._tell_alike(None, created)

    def update_alike(self, new: Mapping[str, Stored]) -> None:
        """``new``, by key, are objects that are there, changed in the same way, and more than nothing has changed.

        Nothing may have been deleted, and their kind must not have a generation.
        """
        old = {key: self.objects[key] for key in new}
        stored = {}
        for key, item in new.items():
            metadata = replace(item.metadata, resource_version=self.versions.next())
            stored[key] = replace(item, metadata=metadata)
        self.objects.update(stored)
        self._tell_alike(old, stored)

    def change(self, key: str, old: Stored, new: Stored) -> None:
        """As ``update``, where it is known what is there, that it changes, and that neither finalizers nor spec do."""
        stored: Stored = replace(new, metadata=replace(new.metadata, resource_version=self.versions.next()))
        self.objects[key] = stored
        self._tell(old, stored)

    def delete(self, key: str, uid: str = "") -> bool:
        """Ask an object to go: it goes with its last finalizer. False: not there, another uid, or asked before."""
        item = self.objects.get(key)
        if item is None or (uid and item.metadata.uid != uid) or item.deleting:
            return False
        if item.metadata.finalizers:
            generation = item.metadata.generation + self.counts
            metadata = replace(item.metadata, deletion_timestamp=self.kernel.now, generation=generation)
            self.update(replace(item, metadata=metadata))
        else:
            self.remove(item)
        return True

    def remove(self, item: Stored) -> None:
        """The object is gone, finalizers or not."""
        old = self.objects.pop(item.key, None)
        if old is not None:
            self.versions.next()
            self._tell(old, None)

    def _tell(self, old: Stored | None, new: Stored | None) -> None:
        for watcher in self.watchers:
            watcher(old, new)

    def _tell_alike(self, old: Mapping[str, Stored] | None, new: Mapping[str, Stored]) -> None:
        for watcher in self.watchers:
            of_alike = self.of_alike.get(watcher)
            if of_alike is not None:
                of_alike(old, new)
                continue
            for key, item in new.items():
                watcher(old[key] if old is not None else None, item)


def _spec_of(item: KubeObject) -> object:
    return getattr(item, "spec", None)


def uid_of(*identity: str) -> str:
    """A UUID in form, and always the same for the same identity."""
    digest = hashlib.blake2b("/".join(identity).encode(), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:]}"


class Cluster:
    """The stores, and what is particular about pods."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.versions = Versions()
        self.nodes: Store[Node] = Store("Node", kernel, self.versions)
        self.claims: Store[NodeClaim] = Store("NodeClaim", kernel, self.versions, counts=True)
        self.pods: Store[Pod] = Store("Pod", kernel, self.versions)
        self.pdbs: Store[PodDisruptionBudget] = Store("PodDisruptionBudget", kernel, self.versions, counts=True)
        self.volume_claims: Store[PersistentVolumeClaim] = Store("PersistentVolumeClaim", kernel, self.versions)
        self.volumes: Store[PersistentVolume] = Store("PersistentVolume", kernel, self.versions)
        self.storage_classes: Store[StorageClass] = Store("StorageClass", kernel, self.versions)
        self.namespaces: Store[KubeObject] = Store("Namespace", kernel, self.versions)
        self.attachments: Store[VolumeAttachment] = Store("VolumeAttachment", kernel, self.versions)

    def delete_pod(self, key: str, uid: str, grace_seconds: int | None = None) -> bool:
        """Ask a pod to go within its grace period, or that one; whether it was there. A later one can only be shorter.

        A pod that is on no node, or has ended, goes at once: no kubelet has to let go of it. Mirrors
        ``pkg/registry/core/pod/strategy.go`` and ``registry/rest/delete.go``: a shorter period counts from when the
        pod was first asked. Finalizers of pods are not waited for.
        """
        pod = self.pods.objects.get(key)
        if pod is None or pod.metadata.uid != uid:
            return False
        ends, before = pod.metadata.deletion_timestamp, pod.metadata.deletion_grace_period_seconds
        if before is None:
            before = pod.spec.termination_grace_period_seconds
        seconds = before if grace_seconds is None else grace_seconds if grace_seconds >= 0 else 1
        at_once = not pod.spec.node_name or (ends is None and is_terminal(pod))
        if at_once or seconds == 0:
            self.pods.remove(pod)
        elif ends is None or seconds < before:
            asked = self.kernel.now if ends is None else ends - lasting(before)
            until = asked + lasting(seconds)
            metadata = replace(pod.metadata, deletion_timestamp=until, deletion_grace_period_seconds=seconds)
            self.pods.change(key, pod, replace(pod, metadata=metadata))
        return True


def metadata_of(manifest_metadata: ObjectMeta, created: datetime) -> ObjectMeta:
    """Metadata of an object that was given: as old as the cluster unless it says so itself."""
    if manifest_metadata.creation_timestamp is not None:
        return manifest_metadata
    return replace(manifest_metadata, creation_timestamp=created)
