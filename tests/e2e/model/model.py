"""The in-memory cluster as one who is asked: without the operator's controllers, and where nothing takes time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from napsim.core.objects import KubeObject, Node, NodeClaim, Pod, PodDisruptionBudget
from napsim.core.timings import INSTANT
from napsim.reading.kinds import WORKLOADS
from napsim.sim.cluster import AlreadyExists, Cluster, Conflict, NotFound
from napsim.sim.evictions import Disruptions
from napsim.sim.kernel import Kernel
from napsim.sim.kubelets import Kubelets
from napsim.sim.manifests import DECLARED, Manifests, merged
from napsim.sim.requests import Requests
from napsim.sim.scenario import PodTimings
from napsim.sim.scheduling import Scheduling
from napsim.sim.taints import Taints
from napsim.sim.workloads import Workloads
from tests.e2e.model.requests import (
    ANOTHER_UID,
    ANOTHER_VERSION,
    NAMESPACED,
    OBJECT,
    Answer,
    Apply,
    Create,
    Delete,
    Evict,
    JsonPatch,
    Manifest,
    Patch,
    Pick,
    Request,
    Which,
    named,
    with_uid,
)
from tests.e2e.model.states import State, picked, state_of
from tests.e2e.model.statuses import DOES_NOT_APPLY, NotApplicable, of_eviction, patched

NOON: Final = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
_TYPES: Final[dict[str, type[KubeObject]]] = {
    "Node": Node,
    "NodeClaim": NodeClaim,
    "Pod": Pod,
    "PodDisruptionBudget": PodDisruptionBudget,
}


class Model:
    """The world of that name, empty to begin with."""

    def __init__(self, world: str) -> None:
        self.world = world
        self.kernel = Kernel(NOON)
        self.cluster = Cluster(self.kernel)
        self.manifests = Manifests(self.cluster.versions, lambda: self.kernel.now)
        self.workloads = Workloads(self.cluster)
        self.disruptions = Disruptions(self.cluster, self.workloads.scale_of, self.workloads.identity_of)
        self.kubelets = Kubelets(self.cluster, PodTimings(INSTANT, INSTANT), 0)
        self.scheduling = Scheduling(self.cluster)
        self.workloads.has_room = self.scheduling.has_room
        self.requests = Requests(self.cluster, self.workloads, self.disruptions)
        self._declared: set[tuple[str, str]] = set()
        watching = (self.scheduling, self.workloads, self.kubelets)
        taints = Taints(self.cluster, self.kubelets.pods_on)
        self.cluster.nodes.watchers += [*(part.on_node for part in watching), taints.on_node]
        self.cluster.pods.watchers += [*(part.on_pod for part in watching), self.disruptions.on_pod]
        self.cluster.pdbs.watchers.append(self.disruptions.on_pdb)

    def ask(self, request: Request) -> Answer:
        """What it answers; what follows from the request has happened then."""
        try:
            answer = self._answer(request)
        except AlreadyExists:
            answer = Answer(409, "AlreadyExists")
        except NotFound:
            answer = Answer(404, "NotFound")
        except Conflict:
            answer = Answer(409, "Conflict")
        self.kernel.run(self.kernel.now, lambda: False)
        return answer

    def state(self) -> State:
        return state_of(self._objects())

    def _objects(self) -> Iterator[Manifest]:
        for kind in _TYPES:
            for item in self.requests.store(kind).objects.values():
                yield {**msgspec.to_builtins(item), "kind": kind}
        for kind, name in sorted(self._declared):
            manifest = self.manifests.get(kind, name)
            if manifest is not None:
                yield manifest

    def _answer(self, request: Request) -> Answer:
        match request:
            case Create():
                return self._create(named(request.manifest, self.world))
            case Apply():
                return self._apply(named(request.manifest, self.world))
            case Patch():
                return self._patch(request)
            case JsonPatch():
                return self._patch_json(request)
            case Delete():
                return self._delete(request)
            case Evict():
                return self._evict(request)

    def _create(self, manifest: Manifest) -> Answer:
        kind = manifest["kind"]
        if kind == "Pod":
            manifest = {**manifest, "status": {"phase": "Pending", **manifest.get("status", {})}}
        self.requests.store(kind).create(msgspec.convert(manifest, _TYPES[kind]))
        return Answer(201)

    def _apply(self, manifest: Manifest) -> Answer:
        kind, metadata = manifest["kind"], manifest["metadata"]
        if kind in DECLARED:
            there = (kind, metadata["name"]) in self.manifests
            self._declared.add((kind, metadata["name"]))
            self.manifests.apply(manifest)
            return Answer(200 if there else 201)
        there = self._is_there(kind, metadata.get("namespace", ""), metadata["name"])
        self.requests.apply(manifest, self.kernel.now)
        return Answer(200 if there else 201)

    def _is_there(self, kind: str, namespace: str, name: str) -> bool:
        if kind in WORKLOADS:
            return any(
                (item.declared_as, item.declared_key) == (kind, f"{namespace}/{kind}/{name}")
                for item in self.workloads.by_key.values()
            )
        return self.requests.store(kind).get(f"{namespace}/{name}" if namespace else name) is not None

    def _patch(self, request: Patch) -> Answer:
        kind, (namespace, name) = request.kind, self._place(request.kind, request.name)
        changes = named(request.changes, self.world)
        if kind in DECLARED:
            if (kind, name) not in self.manifests:
                raise NotFound(name)
            self.manifests.patch(kind, name, changes)
            return Answer(200)
        store = self.requests.store(kind)
        key = f"{namespace}/{name}" if namespace else name
        found = store.get(key)
        item = store.find(key, "", self._version(found, request.version))
        old = msgspec.to_builtins(item)
        store.update(msgspec.convert(merged(old, changes), _TYPES[kind]))
        return Answer(200)

    def _delete(self, request: Delete) -> Answer:
        kind, (namespace, name) = request.kind, self._place(request.kind, request.name)
        if kind in DECLARED:
            if (kind, name) not in self.manifests:
                raise NotFound(name)
            self.manifests.delete(kind, name)
            return Answer(200)
        found = None if kind in WORKLOADS else self.requests.store(kind).get(f"{namespace}/{name}".lstrip("/"))
        uid, version = self._uid(found, request.uid), self._version(found, request.version)
        self.requests.delete(kind, namespace, name, uid, version, request.grace_seconds)
        return Answer(200)

    def _patch_json(self, request: JsonPatch) -> Answer:
        kind, (namespace, name) = request.kind, self._place(request.kind, request.name)
        store = self.requests.store(kind)
        item = store.get(f"{namespace}/{name}" if namespace else name)
        if item is None:
            return Answer(404, "NotFound", f'{kind.lower()}s "{OBJECT}" not found')
        operations = [with_uid(it, item.metadata.uid) for it in named(list(request.operations), self.world)]
        try:
            changed = patched(msgspec.to_builtins(item), operations)
        except NotApplicable:
            return Answer(422, "Invalid", DOES_NOT_APPLY)
        store.update(msgspec.convert(changed, _TYPES[kind]))
        return Answer(200)

    def _evict(self, request: Evict) -> Answer:
        namespace, name = self._place("Pod", request.name)
        key = f"{namespace}/{name}"
        found, pdbs = self.cluster.pods.get(key), self.disruptions.pdbs_of(key)
        held = [self.cluster.pdbs.objects[pdb] for pdb in pdbs]
        answer = self.disruptions.evict(key, self._uid(found, request.uid or "its own"))
        return of_eviction(answer, held, scaled=all(map(self._has_scale, held)))

    def _has_scale(self, pdb: PodDisruptionBudget) -> bool:
        """Whether the controller can tell how many pods there are to be; a number that is to be left needs no scale."""
        pods = (pod for pod in self.cluster.pods.objects.values() if pdb.key in self.disruptions.pdbs_of(pod.key))
        owners = {owner.kind for pod in pods for owner in pod.metadata.owner_references if owner.controller}
        return isinstance(pdb.spec.min_available, int) or "DaemonSet" not in owners

    # --- names --------------------------------------------------------------------------------------------------------

    def _place(self, kind: str, name: str | Pick) -> tuple[str, str]:
        """Namespace and name."""
        if isinstance(name, Pick):
            pods = [msgspec.to_builtins(pod) for pod in self.cluster.pods.objects.values()]
            name = picked(pods, name)
        return (self.world if kind in NAMESPACED else ""), named(name, self.world)

    @staticmethod
    def _uid(found: Any, which: Which) -> str:  # an object of any kind
        return {"": "", "its own": found.metadata.uid if found else ANOTHER_UID, "another": ANOTHER_UID}[which]

    @staticmethod
    def _version(found: Any, which: Which) -> str:  # an object of any kind
        return {"": "", "its own": found.metadata.resource_version if found else "1", "another": ANOTHER_VERSION}[which]
