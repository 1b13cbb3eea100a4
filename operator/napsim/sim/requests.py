"""What people and clients ask of the in-memory API server: objects are applied and deleted, pods evicted.

Refused as kubernetes v1.36 ``staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go`` refuses. Policy: a
pod that is given on a node and says nothing of itself runs; a Node of a NodePool, and a NodeClaim, are played from here
on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from napsim.api import names
from napsim.core.instances import is_fake
from napsim.core.objects import (
    Condition,
    KubeObject,
    Node,
    NodeClaim,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    PodStatus,
    StorageClass,
    VolumeAttachment,
)
from napsim.core.pods import owned_by
from napsim.core.volumes import BIND_COMPLETED
from napsim.reading.kinds import WORKLOADS
from napsim.sim.cluster import Cluster, NotFound, Store, metadata_of, replace
from napsim.sim.evictions import Disruptions
from napsim.sim.scenario import Manifest
from napsim.sim.workloads import Workloads

_NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
_SERVERS: Final = ("uid", "resource_version", "creation_timestamp", "deletion_timestamp", "finalizers")
_CONTENT: Final = msgspec.msgpack.Encoder(order="deterministic")
Item = TypeVar("Item", bound=KubeObject)
Part = TypeVar("Part")


class Requests:
    """By kind, namespace and name, or by manifest. Kinds that the cluster has no store for are of no account."""

    def __init__(self, cluster: Cluster, workloads: Workloads, api: Disruptions) -> None:
        self.cluster = cluster
        self.workloads = workloads
        self.api = api
        self._stores: Mapping[str, Store[Any]] = {
            store.kind: store
            for store in (
                cluster.nodes, cluster.claims, cluster.pods, cluster.pdbs, cluster.volume_claims, cluster.volumes,
                cluster.storage_classes, cluster.namespaces, cluster.attachments,
            )
        }  # fmt: skip
        self._parts = _Parts()

    def store(self, kind: str) -> Store[Any]:
        """Where objects of that kind are. Raises KeyError."""
        return self._stores[kind]

    def apply(self, manifest: Manifest, since: datetime) -> None:
        """What ``kubectl apply`` does: create it, or make what is there this; its status stays.

        ``since``: the age of one that is new, unless it says so itself. Raises what msgspec raises.
        """
        kind = manifest["kind"]
        self._see_namespace(manifest["metadata"].get("namespace", ""))
        if kind in WORKLOADS:
            workload = self.workloads.apply(manifest)
            self.api.on_scale(workload.kind, workload.key)
        elif kind in _READERS:
            item = _READERS[kind](manifest, since)
            if not isinstance(item, Pod):
                self._put(self._stores[kind], item)
            elif not _is_to_come(item):
                self._put(self._stores[kind], self._parts.shared(item))

    def _see_namespace(self, name: str) -> None:
        """A namespace that something is in is there, given or not."""
        if name and name not in self.cluster.namespaces.objects:
            self.cluster.namespaces.create(_namespace({"metadata": {"name": name}}, self.cluster.kernel.now))

    def _put(self, store: Store[Any], item: KubeObject) -> None:
        old = store.get(item.key)
        if old is None:
            store.create(item)
            return
        kept = {part: getattr(old.metadata, part) for part in _SERVERS}
        status = {part: getattr(old, part) for part in ("status",) if hasattr(old, part)}
        metadata = replace(item.metadata, generation=old.metadata.generation, **kept)
        store.update(replace(item, metadata=metadata, **status))

    def delete(
        self,
        kind: str,
        namespace: str,
        name: str,
        uid: str = "",
        resource_version: str = "",
        grace_seconds: int | None = None,
    ) -> None:
        """Ask it to go; ``uid`` and ``resource_version`` are preconditions. Raises NotFound and Conflict."""
        if kind in WORKLOADS:
            gone = self.workloads.delete(kind, namespace, name)
            if gone is None:
                raise NotFound(f"{kind} {namespace}/{name}")
            self.api.on_scale(gone.kind, gone.key)
            return
        if kind == "Namespace":
            self._empty(name)
        store = self._stores[kind]
        found = store.find(f"{namespace}/{name}" if namespace else name, uid, resource_version)
        if kind == "Pod":
            self.cluster.delete_pod(found.key, found.metadata.uid, grace_seconds)
        else:
            store.delete(found.key)

    def _empty(self, namespace: str) -> None:
        """What is in a namespace goes with it."""
        for workload in [item for item in self.workloads.by_key.values() if item.namespace == namespace]:
            _, kind, name = workload.declared_key.split("/")
            self.workloads.delete(kind, namespace, name)
        for pod in [pod for pod in self.cluster.pods.objects.values() if pod.metadata.namespace == namespace]:
            self.cluster.delete_pod(pod.key, pod.metadata.uid)
        for store in (self.cluster.pdbs, self.cluster.volume_claims):
            for key in [key for key, item in store.objects.items() if item.metadata.namespace == namespace]:
                store.delete(key)


# --- given objects, as the cluster holds them -------------------------------------------------------------------------


def _plain(type_: type[Item]) -> Callable[[Manifest, datetime], Item]:
    def read(manifest: Manifest, created: datetime) -> Item:
        item = msgspec.convert(manifest, type_)
        return replace(item, metadata=metadata_of(item.metadata, created))

    return read


def _played_id(provider_id: str) -> str:
    """Nodes of a real cluster are played from here on: napsim deletes no other."""
    return provider_id if not provider_id or provider_id.startswith("napsim://") else f"napsim://{provider_id}"


def _node(manifest: Manifest, created: datetime) -> Node:
    node = _plain(Node)(manifest, created)
    if names.NODEPOOL not in node.metadata.labels:
        return node
    annotations = {**node.metadata.annotations, names.KWOK_NODE: names.KWOK_NODE_VALUE}
    played = replace(
        node,
        metadata=replace(node.metadata, annotations=annotations),
        spec=replace(node.spec, provider_id=_played_id(node.spec.provider_id)),
    )
    assert is_fake(played) or not played.spec.provider_id
    return played


def _claim(manifest: Manifest, created: datetime) -> NodeClaim:
    claim = _plain(NodeClaim)(manifest, created)
    return replace(claim, status=replace(claim.status, provider_id=_played_id(claim.status.provider_id)))


def _namespace(manifest: Manifest, created: datetime) -> KubeObject:
    """With the label that the API server gives it."""
    item = _plain(KubeObject)(manifest, created)
    labels = {**item.metadata.labels, _NAMESPACE_NAME: item.name}
    return replace(item, metadata=replace(item.metadata, labels=labels))


def _volume_claim(manifest: Manifest, created: datetime) -> PersistentVolumeClaim:
    """One that names its volume is bound to it, as the volume controller sees to."""
    claim = _plain(PersistentVolumeClaim)(manifest, created)
    if not claim.spec.volume_name:
        return claim
    annotations = {BIND_COMPLETED: "yes", **claim.metadata.annotations}
    return replace(claim, metadata=replace(claim.metadata, annotations=annotations))


def _is_to_come(pod: Pod) -> bool:
    """A DaemonSet's pod that waits for room on its node: which that is only ``matchFields`` says, which is not read.

    Its DaemonSet makes it anew once there is room.
    """
    return not pod.spec.node_name and owned_by(pod, "DaemonSet")


def _pod(manifest: Manifest, created: datetime) -> Pod:
    pod = _plain(Pod)(manifest, created)
    if pod.status.phase:
        return pod
    if not pod.spec.node_name:
        return replace(pod, status=PodStatus(phase="Pending"))
    ready = Condition(names.READY, "True", "", "", created)
    return replace(pod, status=PodStatus("Running", created, "", (ready,)))


class _Parts:
    """What pods of one template have in common, which each pod of a snapshot brings along: kept once.

    Whatever asks for equal parts knows them by identity then, as it does of pods that controllers make.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Any] = {}

    def shared(self, pod: Pod) -> Pod:
        """The same pod, of parts that are there already where they are equal."""
        metadata, spec = pod.metadata, pod.spec
        metadata = replace(
            metadata, labels=self._one(metadata.labels), owner_references=self._one(metadata.owner_references)
        )
        containers, tolerations = self._one(spec.containers), self._one(spec.tolerations)
        selector, overhead = self._one(spec.node_selector), self._one(spec.overhead)
        spec = replace(spec, containers=containers, tolerations=tolerations, node_selector=selector, overhead=overhead)
        return replace(pod, metadata=metadata, spec=spec)

    def _one(self, part: Part) -> Part:
        known: Part = self._known.setdefault(_CONTENT.encode(part), part)
        return known


_READERS: Final[Mapping[str, Callable[[Manifest, datetime], KubeObject]]] = {
    "Node": _node,
    "NodeClaim": _claim,
    "Pod": _pod,
    "PodDisruptionBudget": _plain(PodDisruptionBudget),
    "PersistentVolumeClaim": _volume_claim,
    "PersistentVolume": _plain(PersistentVolume),
    "StorageClass": _plain(StorageClass),
    "Namespace": _namespace,
    "VolumeAttachment": _plain(VolumeAttachment),
}
