"""Manifests of a world, small and whole.

Pods that are bound to ``@ghost``, a node that is not there, do and become nothing by themselves: whatever is to be true
of them is written by the test. Pods of the world's nodes are played: they run, and go, at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.e2e.model.requests import Apply, Create, Manifest, Patch, Pick

GHOST: Final = "@ghost"
WEB, DB = "ReplicaSet/web", "StatefulSet/db"


def pod_spec(node: str = GHOST, grace: int = 30, **more: Any) -> Manifest:
    """Bound to that node, or to be scheduled onto one of the world's if that is empty."""
    place: Manifest = {"nodeName": node} if node else {"nodeSelector": {"world": "@"}}
    container = {"name": "c", "image": "fake", "resources": {"requests": {"cpu": "100m"}}}
    return {"containers": [container], "terminationGracePeriodSeconds": grace, **place, **more}


def pod(name: str, app: str = "web", node: str = GHOST, ready: bool | None = True, **more: Any) -> Create:
    """A pod of nobody's; Running, and Ready or not, or Pending where ``ready`` is None."""
    metadata = {"name": name, "labels": {"app": app}, "namespace": more.pop("namespace", "")}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec(node, **more)}
    return Create(manifest if ready is None else {**manifest, "status": status(ready)})


def status(ready: bool, phase: str = "Running") -> Manifest:
    return {"phase": phase, "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}


def becomes(name: str | Pick, *, ready: bool = True, phase: str = "Running") -> Patch:
    """A pod is from here on in that phase, and ready or not."""
    return Patch("Pod", name, {"status": status(ready, phase)}, status=True)


def controller(kind: str, name: str, replicas: int | None, app: str = "", **more: Any) -> Apply:
    """A ReplicaSet, Deployment, StatefulSet or DaemonSet; ``spec`` is more of its own, the rest of its pods'."""
    labels = {"app": app or name}
    spec: Manifest = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod_spec(**{"grace": 30, **more.get("pod", {})})},
        **({} if replicas is None else {"replicas": replicas}),
        **more.get("spec", {}),
    }
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return Apply({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})


def replica_set(name: str = "web", replicas: int = 3, **pod: Any) -> Apply:
    return controller("ReplicaSet", name, replicas, pod=pod)


def stateful_set(name: str = "db", replicas: int = 3, *, parallel: bool = False, **pod: Any) -> Apply:
    policy = {"podManagementPolicy": "Parallel"} if parallel else {}
    return controller("StatefulSet", name, replicas, pod=pod, spec=policy)


def pdb(name: str = "guard", app: str = "web", namespace: str = "", **spec: Any) -> Apply:
    """``selector`` replaces that by app."""
    metadata = {"name": name, "namespace": namespace}
    selector = {"selector": {"matchLabels": {"app": app}}}
    return Apply({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata} | {
        "spec": {key: value for key, value in {**selector, **spec}.items() if value is not None}
    })  # fmt: skip


def node(name: str = "@n1", finalizers: Sequence[str] = (), labels: Manifest | None = None, **spec: Any) -> Create:
    """One of four CPUs."""
    room = {"cpu": "4", "memory": "16Gi", "pods": "30"}
    metadata = {
        "name": name,
        "labels": {"world": "@", "kubernetes.io/hostname": name, **(labels or {})},
        "finalizers": list(finalizers),
        "annotations": {"kwok.x-k8s.io/node": "fake"},
    }
    status = {"capacity": room, "allocatable": room}
    return Create({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": status})


def ready_pods(controller: str, count: int) -> tuple[Patch, ...]:
    """So many of a controller's pods become ready."""
    return tuple(becomes(Pick(controller, "unready")) for _ in range(count))


def node_pool(finalizers: Sequence[str] = (), **spec: Any) -> Apply:
    template = {
        "spec": {
            "nodeClassRef": {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"},
            "requirements": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}],
        }
    }
    metadata = {"name": "@p1", "labels": {"world": "@"}, "finalizers": list(finalizers)}
    return Apply(
        {
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": metadata,
            "spec": {"template": template, **spec},
        }
    )


def node_claim(finalizers: Sequence[str] = ()) -> Create:
    spec = {
        "nodeClassRef": {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"},
        "requirements": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}],
    }
    metadata = {"name": "@c1", "labels": {"world": "@"}, "finalizers": list(finalizers)}
    return Create({"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "metadata": metadata, "spec": spec})
