"""Small clusters for tests of scheduling: nodes, pods and pools with only what a test is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.core.clusterview import ClusterView
from napsim.core.daemons import Daemon
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.nodepools import NodePool
from napsim.core.nodetemplates import NodeTemplate, in_order, template_of
from napsim.core.objects import Node, NodeClaim, Pod
from napsim.core.simulation import Simulation, moving, provision, simulate, waiting
from napsim.core.targets import target_of

ZONES: Final = ("westeurope-1", "westeurope-2", "westeurope-3")
FAMILY_D: Final = {"key": "karpenter.azure.com/sku-family", "operator": "In", "values": ["D"]}
ON_DEMAND_ONLY: Final = {"key": names.CAPACITY_TYPE, "operator": "In", "values": ["on-demand"]}
AMD64: Final = {"key": names.ARCH, "operator": "In", "values": ["amd64"]}


def instance_type(name: str) -> dict[str, Any]:
    return {"key": names.INSTANCE_TYPE, "operator": "In", "values": [name]}


def a_pool(*requirements: Mapping[str, Any], name: str = "default", **spec: Any) -> NodePool:
    """A NodePool: ``labels`` of the template; ``limits``, ``weight``, ``replicas`` of the pool; the rest its spec."""
    own: dict[str, Any] = {key: spec.pop(key) for key in ("limits", "weight", "replicas") if key in spec}
    metadata: dict[str, Any] = {"labels": spec.pop("labels", {})}
    own["template"] = {"metadata": metadata, "spec": {"requirements": list(requirements), **spec}}
    return msgspec.convert({"metadata": {"name": name}, "spec": own}, NodePool)


def a_template(pool: NodePool, daemons: Sequence[Daemon] = (), preferred: str = "") -> NodeTemplate:
    return template_of(pool, INSTANCE_TYPES.values(), ZONES, daemons, 110, 128, preferred)


def a_pod(
    name: str,
    cpu: str = "1",
    *,
    node: str = "",
    labels: Mapping[str, str] | None = None,
    memory: str = "",
    owner: str = "ReplicaSet",
    ports: Sequence[int] = (),
    created: str = "2026-03-02T08:00:00Z",
    namespace: str = "default",
    requests: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> Pod:
    """A pod that waits for room, or with ``node`` one that runs there. The rest is its spec, as in YAML."""
    wanted = {"cpu": cpu, **({"memory": memory} if memory else {}), **(requests or {})}
    listening = [{"containerPort": port, "hostPort": port} for port in ports]
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    controller = {"apiVersion": "apps/v1", "kind": owner, "name": "o", "uid": "o", "controller": True}
    manifest = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "labels": dict(labels or {"app": "a"}),
            "annotations": dict(annotations or {}),
            "creationTimestamp": created,
            "ownerReferences": [controller] if owner else [],
        },
        "spec": {"nodeName": node, "containers": [{"resources": {"requests": wanted}, "ports": listening}], **spec},
        "status": {"phase": "Running"} if node else {"phase": "Pending", "conditions": [unschedulable]},
    }
    return msgspec.convert(manifest, Pod)


def a_node(
    name: str,
    cpu: str = "4",
    *,
    zone: str = ZONES[0],
    pool: str = "default",
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
    initialized: bool = True,
    registered: bool = True,
    pods: int = 110,
    memory: str = "64Gi",
    more: Mapping[str, str] | None = None,
) -> Node:
    amounts = {"cpu": cpu, "memory": memory, "pods": str(pods), **(more or {})}
    own = {names.HOSTNAME: name, names.ZONE: zone, names.CAPACITY_TYPE: "on-demand", names.ARCH: "amd64"}
    own |= {names.NODEPOOL: pool} if pool else {}
    own |= {names.REGISTERED: "true"} if registered else {}
    own |= {names.INITIALIZED: "true"} if initialized else {}
    manifest = {
        "metadata": {"name": name, "labels": {**own, **(labels or {})}},
        "spec": {"taints": list(taints), "providerID": f"id-{name}"},
        "status": {"allocatable": amounts, "capacity": amounts},
    }
    return msgspec.convert(manifest, Node)


def a_claim(name: str, cpu: str = "4", *, zone: str = ZONES[0], pool: str = "default", **spec: Any) -> NodeClaim:
    amounts = {"cpu": cpu, "memory": "64Gi", "pods": "110"}
    labels = {names.ZONE: zone, names.CAPACITY_TYPE: "on-demand", names.ARCH: "amd64", names.NODEPOOL: pool}
    manifest = {
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": {"providerID": f"id-{name}", "allocatable": amounts, "capacity": amounts},
    }
    return msgspec.convert(manifest, NodeClaim)


class Cluster:
    """A view with its pods. Nodes are managed: each has a NodeClaim of the same name, unless ``managed`` is False."""

    def __init__(self, *nodes: Node, pods: Iterable[Pod] = (), pools: Iterable[NodeTemplate] = ()) -> None:
        self.view = ClusterView()
        self.templates = in_order(pools)
        self.pods: dict[str, Pod] = {}
        self.marked: set[str] = set()
        for node in nodes:
            self.add(node)
        for pod in pods:
            self.run(pod)

    def add(self, node: Node, claim: NodeClaim | None = None, *, managed: bool = True, marked: bool = False) -> None:
        owner = claim or (a_claim(node.name) if managed else None)
        self.view.put(target_of(node, owner), marked=marked)
        if marked:
            self.marked.add(node.name)

    def run(self, *pods: Pod) -> None:
        for pod in pods:
            self.pods[pod.key] = pod
            self.view.bind(pod)

    def on(self, *nodes: str) -> list[Pod]:
        return [pod for pod in self.pods.values() if pod.spec.node_name in nodes]

    def provision(self, *pods: Pod) -> Simulation:
        """Places the pods, with those of nodes marked for deletion."""
        movers = [waiting(pod, self.view.shapes.of(pod)) for pod in pods]
        leaving = moving(self.on(*self.marked), self.view, displaced=True)
        return provision(self.view, self.templates, [*movers, *leaving])

    def without(self, node: str, *pending: Pod) -> Simulation:
        """What if the node were gone?"""
        movers = [waiting(pod, self.view.shapes.of(pod)) for pod in pending]
        leaving = moving(self.on(*self.marked), self.view, displaced=True)
        return simulate(self.view, self.templates, node, [*moving(self.on(node), self.view), *movers, *leaving])


def spread(
    key: str = names.ZONE, skew: int = 1, when: str = "DoNotSchedule", app: str = "a", **more: Any
) -> dict[str, Any]:
    selector = {"matchLabels": {"app": app}}
    return {"topologyKey": key, "maxSkew": skew, "whenUnsatisfiable": when, "labelSelector": selector, **more}


def term(key: str = names.HOSTNAME, app: str = "a", **more: Any) -> dict[str, Any]:
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **more}


def affinity(kind: str, *required: Mapping[str, Any], preferred: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """``kind``: podAffinity, podAntiAffinity. Preferred terms weigh less from one to the next."""
    weighted = [{"weight": 100 - number, "podAffinityTerm": item} for number, item in enumerate(preferred)]
    return {
        kind: {
            "requiredDuringSchedulingIgnoredDuringExecution": list(required),
            "preferredDuringSchedulingIgnoredDuringExecution": weighted,
        }
    }


def node_affinity(*terms: Mapping[str, Any], preferred: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Each term is one expression; preferred terms weigh less from one to the next."""
    required = {"nodeSelectorTerms": [{"matchExpressions": [item]} for item in terms]}
    weighted = [
        {"weight": 100 - number, "preference": {"matchExpressions": [item]}} for number, item in enumerate(preferred)
    ]
    return {
        "nodeAffinity": {
            **({"requiredDuringSchedulingIgnoredDuringExecution": required} if terms else {}),
            "preferredDuringSchedulingIgnoredDuringExecution": weighted,
        }
    }


def one_of(key: str, *values: str, operator: str = "In") -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}
