"""The workload controllers: who makes pods anew when they go.

Mirrors kubernetes v1.36 ``pkg/controller/{replicaset,deployment,statefulset,daemon}``.

| Kind | A pod that is on its way out | Order |
|---|---|---|
| Deployment, ReplicaSet | is replaced at once, under another name | none |
| StatefulSet | is replaced once it is gone, under the same name | each after all before it are ready, unless Parallel |
| DaemonSet | is replaced once it is gone, where the node still takes it and has room | none |

A DaemonSet's pod that its node has no room for waits: it is not there until a pod of that node goes. One that is
critical comes all the same, as upstream others make room for it.
A pod that has ended stays beside its replacement (ReplicaSet), or is taken away (StatefulSet, DaemonSet).
Left out: adoption of pods, and their release; rolling updates. A changed template counts for pods made from then on; a
changed size at once. What a StatefulSet's pods keep of those before them: ``disks``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.core.daemons import Daemon, of_daemon_set
from napsim.core.nodepools import ALPHABET
from napsim.core.objects import (
    DaemonSet,
    DaemonSetSpec,
    Node,
    ObjectMeta,
    OwnerReference,
    Pod,
    PodSpec,
    PodStatus,
    PodTemplate,
    Toleration,
    Volume,
)
from napsim.core.pods import ENDED, is_active, is_critical, is_terminal, ready_status
from napsim.core.podshapes import PodShapes
from napsim.sim.cluster import Cluster, replace, uid_of
from napsim.sim.disks import disks_of, with_disks
from napsim.sim.scaling import surplus

_PAIRS: Final = tuple(f"{first}{second}" for second in ALPHABET for first in ALPHABET)
DAEMON_TOLERATIONS: Final = tuple(
    Toleration(key=f"node.kubernetes.io/{condition}", operator="Exists", effect=effect)
    for condition, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    )
)  # pkg/controller/daemon/util/daemonset_util.go
_REMEMBERED: Final = 10_000  # controllers by owners of pods
UNSCHEDULED: Final = PodStatus(phase="Pending")


@dataclass(slots=True)
class Workload:
    """One controller of pods: as declared, and the pods it has (key -> uid)."""

    kind: str  # the kind of the pods' owner: ReplicaSet for a Deployment
    declared_as: str
    namespace: str
    name: str  # of the pods' owner
    uid: str
    replicas: int
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: PodSpec
    ordered: bool = True
    first: int = 0  # ordinal of a StatefulSet's first pod
    pods: set[str] = field(default_factory=set)
    active: int = 0  # of the pods, those that neither ended nor are on their way out
    made: int = 0
    disks: dict[str, tuple[Volume, ...]] = field(default_factory=dict)  # of a StatefulSet's pods that went, by name
    daemon: Daemon | None = None
    key: str = field(init=False)
    identity: tuple[str, str] = field(init=False)
    declared_key: str = field(init=False)
    """``namespace/kind/name`` as people know it."""
    _owners: tuple[OwnerReference, ...] = ()

    def __post_init__(self) -> None:
        self.key = f"{self.namespace}/{self.name}"
        self.identity = (self.kind, self.key)
        name = self.name if self.declared_as == self.kind else self.name.rsplit("-", 1)[0]
        self.declared_key = f"{self.namespace}/{self.declared_as}/{name}"

    def pod(self, name: str, more_labels: Mapping[str, str] | None = None, node: str = "") -> Pod:
        """One of its pods, yet to be created."""
        metadata = ObjectMeta(
            name=name,
            namespace=self.namespace,
            labels={**self.labels, **more_labels} if more_labels else self.labels,
            annotations=self.annotations,
            owner_references=self.owners,
        )
        return Pod(metadata, replace(self.spec, node_name=node) if node else self.spec, UNSCHEDULED)

    @property
    def owners(self) -> tuple[OwnerReference, ...]:
        """Of its pods: the same value for all, by which they are known to be of one kind."""
        if not self._owners:
            self._owners = (
                OwnerReference(
                    kind=self.kind, name=self.name, uid=self.uid, controller=True, api_version="apps/v1",
                    block_owner_deletion=True,
                ),
            )  # fmt: skip
        return self._owners


def _daemon_set(workload: Workload) -> DaemonSet:
    metadata = ObjectMeta(name=workload.name, namespace=workload.namespace, uid=workload.uid)
    return DaemonSet(metadata, DaemonSetSpec(PodTemplate(spec=workload.spec)))


class Workloads:
    """All of them. ``apply`` and ``delete`` are what people do; ``on_pod`` and ``on_node`` what the cluster tells.

    ``on_daemon_set`` is told of DaemonSets, as (old, new). ``has_room`` says whether a node has room for a pod.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.on_daemon_set: Callable[[DaemonSet | None, DaemonSet | None], None] = lambda _old, _new: None
        self.has_room: Callable[[str, Pod], bool] = lambda _node, _pod: True
        self.by_key: dict[tuple[str, str], Workload] = {}  # (kind of the pods' owner, namespace/name)
        self._deployments: dict[str, Workload] = {}  # by namespace/name
        self._deployment_of: dict[str, str] = {}  # ReplicaSet that says whose it is -> its Deployment's namespace/name
        self._daemon_sets: list[Workload] = []
        self._restless: set[str] = set()  # pods that are to run, and do not; and those on their way out
        self._short: set[tuple[str, str]] = set()  # controllers that lack pods
        self._shapes = PodShapes()
        self._waiting: set[tuple[str, str]] = set()
        self._missing: dict[tuple[str, str], set[str]] = {}  # DaemonSet -> nodes to be looked at
        self._crowded: dict[str, set[tuple[str, str]]] = {}  # node -> DaemonSets that wait for room there
        self._nodes_of: dict[str, dict[tuple[str, str], str]] = {}  # node -> DaemonSet -> its pod there
        self._of: dict[tuple[str, int], tuple[object, Workload | None]] = {}
        """By namespace and owners as they are: kept, so that nothing else can come to be there."""

    def scale_of(self, kind: str, key: str) -> int | None:
        """The wanted number of pods of a controller; a DaemonSet has no scale for the disruption controller."""
        workload = self._find(kind, key)
        return None if workload is None or workload.kind == "DaemonSet" else workload.replicas

    def identity_of(self, kind: str, key: str) -> tuple[str, str]:
        """The controller that has the scale, as ``by_key`` has it; any ReplicaSet of a Deployment stands for it."""
        workload = self._find(kind, key)
        return (kind, key) if workload is None else workload.identity

    def of(self, pod: Pod) -> Workload | None:
        """The pod's controller; any ReplicaSet of a Deployment stands for it."""
        metadata = pod.metadata
        identity = (metadata.namespace, id(metadata.owner_references))
        known = self._of.get(identity)
        if known is None:
            if len(self._of) >= _REMEMBERED:
                self._of.clear()
            known = self._of[identity] = (metadata.owner_references, self._owner_of(pod))
        return known[1]

    def _owner_of(self, pod: Pod) -> Workload | None:
        for reference in pod.metadata.owner_references:
            if reference.controller:
                return self._find(reference.kind, f"{pod.metadata.namespace}/{reference.name}")
        return None

    def _find(self, kind: str, key: str) -> Workload | None:
        found = self.by_key.get((kind, key))
        if found is None and kind == "ReplicaSet":
            found = self._deployments.get(self._deployment_of.get(key) or key.rpartition("-")[0])
        return found

    @property
    def settled(self) -> bool:
        """Whether all pods that are to run do, and none is on its way out."""
        return not self._restless and not self._short

    # --- what people do -----------------------------------------------------------------------------------------------

    def apply(self, manifest: Mapping[str, Any]) -> Workload:
        """A Deployment, ReplicaSet, StatefulSet or DaemonSet is created, or changed. Raises what msgspec raises."""
        new = _read(manifest)
        self._note_owner(new, manifest)
        deployed = self._deployments.get(self._deployment_of.get(new.key, ""))
        if deployed is not None:
            return deployed
        known = self.by_key.get(new.identity)
        if known is not None:
            new.pods, new.active, new.made, new.uid = known.pods, known.active, known.made, known.uid
            new.disks = known.disks
            if known in self._daemon_sets:
                self._daemon_sets.remove(known)
        self._of.clear()
        self.by_key[new.identity] = new
        if new.declared_as == "Deployment":
            self._deployments[new.key.rpartition("-")[0]] = new
        if new.kind == "DaemonSet":
            declared = _daemon_set(new)
            new.daemon = of_daemon_set(declared, self._shapes)
            self._daemon_sets.append(new)
            self._daemon_sets.sort(key=lambda item: item.key)
            self.on_daemon_set(None, declared)
            for name in sorted(self.cluster.nodes.objects):
                self._look_at(new, name)
        self._count(new)
        self._look(new)
        return new

    def _note_owner(self, new: Workload, manifest: Mapping[str, Any]) -> None:
        """Of a ReplicaSet. Names do not tell: those of a snapshot may be hashes, and a canary's may begin alike."""
        for owner in manifest["metadata"].get("ownerReferences") or ():
            if new.declared_as == "ReplicaSet" and owner.get("controller") and _is_deployment(owner):
                self._deployment_of[new.key] = f"{new.namespace}/{owner['name']}"

    def delete(self, kind: str, namespace: str, name: str) -> Workload | None:
        """The controller goes, and its pods after it. None: there is none of that name."""
        found = next(
            (
                item
                for item in self.by_key.values()
                if (item.declared_as, item.declared_key) == (kind, f"{namespace}/{kind}/{name}")
            ),
            None,
        )
        if found is None:
            return None
        self._of.clear()
        del self.by_key[found.identity]
        if found.declared_as == "Deployment":
            self._deployments.pop(found.key.rpartition("-")[0], None)
        self._short.discard(found.identity)
        if found in self._daemon_sets:
            self._daemon_sets.remove(found)
            self.on_daemon_set(_daemon_set(found), None)
        for key in sorted(found.pods):
            pod = self.cluster.pods.get(key)
            if pod is not None and not pod.deleting:
                self.cluster.delete_pod(key, pod.metadata.uid)
        return found

    # --- what the cluster tells ---------------------------------------------------------------------------------------

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is not None and old.status is new.status:
            before, after = old.metadata.deletion_timestamp, new.metadata.deletion_timestamp
            if before is after or (before is None) is (after is None):
                return
        pod = new or old
        assert pod is not None
        key = pod.key
        (self._restless.add if _is_restless(new) else self._restless.discard)(key)
        self._look_for_room(pod.spec.node_name if new is None or is_terminal(new) else "")
        workload = self.of(pod)
        if workload is None:
            return
        more = (new is not None and is_active(new)) - (old is not None and is_active(old))
        if more:
            workload.active += more
            self._count(workload)
        if new is None:
            self._is_gone(workload, pod)
        elif old is None:
            workload.pods.add(key)
            if workload.kind == "DaemonSet":
                self._nodes_of.setdefault(pod.spec.node_name, {})[workload.identity] = key
            return
        elif workload.kind == "StatefulSet":
            if ready_status(old) == ready_status(new) and old.status.phase == new.status.phase:
                return
        elif old.deleting == new.deleting and old.status.phase == new.status.phase:
            return
        elif workload.kind == "DaemonSet" and is_terminal(new):
            self._look_at(workload, new.spec.node_name)
        self._look(workload)

    def on_alike(self, old: Mapping[str, Pod] | None, new: Mapping[str, Pod]) -> None:
        """Pods of one controller, which ``old`` had before: none of them ends, or is on its way out."""
        first = next(iter(new.values()))
        (self._restless.update if _is_restless(first) else self._restless.difference_update)(new)
        workload = self.of(first)
        if workload is None:
            return
        if old is None:
            workload.active += len(new)
            workload.pods.update(new)
            self._count(workload)
        elif next(iter(old.values())).status.phase != first.status.phase:
            self._look(workload)

    def _count(self, workload: Workload) -> None:
        short = workload.kind != "DaemonSet" and workload.active < workload.replicas
        (self._short.add if short else self._short.discard)(workload.identity)

    def _look_for_room(self, node: str) -> None:
        """A pod of the node is gone: whoever waits for room there looks again."""
        for identity in sorted(self._crowded.pop(node, ())):
            if identity in self.by_key:
                self._look_at(self.by_key[identity], node)
                self._look(self.by_key[identity])

    def _is_gone(self, workload: Workload, pod: Pod) -> None:
        workload.pods.discard(pod.key)
        if workload.kind == "StatefulSet" and pod.spec.volumes:
            workload.disks[pod.name] = disks_of(pod)
        if workload.kind != "DaemonSet":
            return
        there = self._nodes_of.get(pod.spec.node_name, {})
        if there.get(workload.identity) == pod.key:
            del there[workload.identity]
        self._look_at(workload, pod.spec.node_name)

    def on_node(self, old: Node | None, new: Node | None) -> None:
        """A node may take DaemonSets' pods that it did not take before."""
        if new is None:
            assert old is not None
            self._nodes_of.pop(old.name, None)
            self._crowded.pop(old.name, None)
            return
        if old is not None and old.spec.taints == new.spec.taints and old.metadata.labels == new.metadata.labels:
            return
        for workload in self._daemon_sets:
            self._look_at(workload, new.name)
            self._look(workload)

    def _look_at(self, workload: Workload, node: str) -> None:
        self._missing.setdefault(workload.identity, set()).add(node)

    def _look(self, workload: Workload) -> None:
        """A ReplicaSet that has the pods it wants has nothing to do: each pod that starts or is gone would ask it."""
        identity = workload.identity
        if identity not in self._waiting and (workload.kind != "ReplicaSet" or workload.active != workload.replicas):
            self._waiting.add(identity)
            self.cluster.kernel.soon(self._sync, identity)

    # --- one look -----------------------------------------------------------------------------------------------------

    def _sync(self, identity: tuple[str, str]) -> None:
        self._waiting.discard(identity)
        workload = self.by_key.get(identity)
        if workload is None:
            return
        if workload.kind == "ReplicaSet":
            self._sync_replicas(workload)
        elif workload.kind == "StatefulSet":
            self._sync_ordinals(workload)
        else:
            self._sync_nodes(workload)

    def _sync_replicas(self, workload: Workload) -> None:
        missing = workload.replicas - workload.active
        if missing > 0:
            self.cluster.pods.create_alike(self._new(workload) for _ in range(missing))
        if workload.active > workload.replicas:
            found = (self.cluster.pods.objects[key] for key in workload.pods)
            for pod in surplus(filter(is_active, found), workload.replicas, self.cluster.kernel.now):
                self.cluster.delete_pod(pod.key, pod.metadata.uid)

    def _sync_ordinals(self, workload: Workload) -> None:
        """From the first on; in order, the next is made when all before it are ready and none is on its way out."""
        end = workload.first + workload.replicas
        for ordinal in range(workload.first, end):
            name = f"{workload.name}-{ordinal}"
            pod = self.cluster.pods.get(f"{workload.namespace}/{name}")
            if pod is not None and is_terminal(pod) and not pod.deleting:
                self.cluster.pods.remove(pod)
                pod = None
            if pod is None:
                self._create(workload, name, {names.STATEFUL_SET_POD: name})
                pod = self.cluster.pods.objects[f"{workload.namespace}/{name}"]
            if workload.ordered and (pod.deleting or ready_status(pod) != "True"):
                return
        if len(workload.pods) <= workload.replicas:
            return
        for key in sorted(workload.pods, key=lambda item: -_ordinal(item)):
            pod = self.cluster.pods.objects[key]
            if _ordinal(key) >= end or _ordinal(key) < workload.first:
                if not pod.deleting:
                    self.cluster.delete_pod(key, pod.metadata.uid)
                if workload.ordered:
                    return

    def _sync_nodes(self, workload: Workload) -> None:
        identity = workload.identity
        assert workload.daemon is not None
        for name in sorted(self._missing.pop(identity, ())):
            node = self.cluster.nodes.get(name)
            if node is None:
                continue
            there = self._nodes_of.get(name, {}).get(identity)
            pod = self.cluster.pods.get(there) if there else None
            if pod is None and workload.daemon.runs_on(node.spec.taints, _labels(node)):
                self._create_on(workload, name)
            elif (
                pod is not None and not pod.deleting and (is_terminal(pod) or not self._may_stay(workload.daemon, node))
            ):
                self.cluster.delete_pod(pod.key, pod.metadata.uid)

    def _create_on(self, workload: Workload, node: str) -> None:
        pod = workload.pod("", node=node)
        if is_critical(pod) or self.has_room(node, pod):
            self._create(workload, self._name(workload, node), node=node)
        else:
            self._crowded.setdefault(node, set()).add(workload.identity)

    def _may_stay(self, daemon: Daemon, node: Node) -> bool:
        driving_out = (taint for taint in node.spec.taints if taint.effect == "NoExecute")
        return daemon.runs_on(driving_out, _labels(node))

    def _name(self, workload: Workload, of: str) -> str:
        """One that no pod has: five letters come twice among a hundred thousand pods."""
        while True:
            name = f"{workload.name}-{_suffix(of, workload.made)}"
            if f"{workload.namespace}/{name}" not in self.cluster.pods.objects:
                return name
            workload.made += 1

    def _create(
        self, workload: Workload, name: str, more_labels: Mapping[str, str] | None = None, node: str = ""
    ) -> None:
        workload.made += 1
        pod = workload.pod(name, more_labels, node)
        self.cluster.pods.create(with_disks(pod, workload.disks[name]) if name in workload.disks else pod)

    def _new(self, workload: Workload) -> Pod:
        name = self._name(workload, workload.key)
        workload.made += 1
        return workload.pod(name)


def _is_deployment(owner: Mapping[str, Any]) -> bool:
    return (owner["apiVersion"], owner["kind"]) == ("apps/v1", "Deployment")


def _labels(node: Node) -> Mapping[str, str]:
    return {names.HOSTNAME: node.name, **node.metadata.labels}


def _is_restless(pod: Pod | None) -> bool:
    if pod is None or pod.status.phase in ENDED:
        return False
    return pod.metadata.deletion_timestamp is not None or ready_status(pod) != "True"


def _ordinal(pod: str) -> int:
    ending = pod.rsplit("-", 1)[-1]
    return int(ending) if ending.isdigit() else 0


def _suffix(of: str, number: int) -> str:
    digest = int.from_bytes(hashlib.blake2b(f"{of}/{number}".encode(), digest_size=4).digest())
    digest, first = divmod(digest, len(_PAIRS))
    digest, second = divmod(digest, len(_PAIRS))
    return f"{_PAIRS[first]}{_PAIRS[second]}{ALPHABET[digest % len(ALPHABET)]}"


def _admitted(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """As the API server stores a pod that is on its node's network: each port of it is one of the node's."""
    if not spec.get("hostNetwork"):
        return spec
    containers = ({**item, "ports": _of_the_node(item.get("ports") or ())} for item in spec.get("containers") or ())
    return {**spec, "containers": list(containers)}


def _of_the_node(ports: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [{**port, "hostPort": port.get("hostPort") or port.get("containerPort", 0)} for port in ports]


def _read(manifest: Mapping[str, Any]) -> Workload:
    kind, spec = manifest["kind"], manifest.get("spec", {})
    metadata = msgspec.convert(manifest["metadata"], ObjectMeta)
    template = spec.get("template", {})
    own = msgspec.convert(template.get("metadata") or {}, ObjectMeta)
    pod = msgspec.convert(_admitted(template.get("spec") or {}), PodSpec)
    if kind == "DaemonSet":
        pod = replace(pod, tolerations=(*pod.tolerations, *DAEMON_TOLERATIONS))
    # A Deployment's ReplicaSet is called after its template; the one that a scenario begins with is the only one.
    name = f"{metadata.name}-{_suffix(metadata.name, 0)}" if kind == "Deployment" else metadata.name
    return Workload(
        "ReplicaSet" if kind == "Deployment" else kind,
        kind,
        metadata.namespace,
        name,
        metadata.uid or uid_of(kind, metadata.namespace, metadata.name),
        spec.get("replicas", 1),
        own.labels,
        own.annotations,
        pod,
        spec.get("podManagementPolicy", "OrderedReady") != "Parallel",
        (spec.get("ordinals") or {}).get("start", 0),
    )
