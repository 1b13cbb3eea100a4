"""What is compared of a world: objects without what cannot be the same (times, uids, generated names)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tests.e2e.model.requests import Manifest, Pick

_GENERATED_LABELS: Final = frozenset({
    "apps.kubernetes.io/pod-index", "controller-revision-hash", "pod-template-generation", "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
})  # fmt: skip
_NAMES_ITS_PODS: Final = ("", "StatefulSet")


@dataclass(frozen=True, slots=True, order=True)
class PodSeen:
    """A pod. A generated name is its controller's."""

    namespace: str
    name: str
    controller: str
    phase: str
    ready: str
    deleting: bool
    grace_seconds: int
    node: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, order=True)
class PdbSeen:
    namespace: str
    name: str
    allowed: int
    healthy: int
    desired: int
    expected: int
    generation: int
    observed_generation: int
    disrupted: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class NodeSeen:
    name: str
    ready: str
    deleting: bool
    unschedulable: bool
    taints: tuple[tuple[str, str, str], ...]
    finalizers: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class ObjectSeen:
    """An object of a kind of Karpenter's or ours."""

    kind: str
    name: str
    generation: int
    deleting: bool
    finalizers: tuple[str, ...]
    spec: str


@dataclass(frozen=True, slots=True)
class State:
    pods: tuple[PodSeen, ...] = ()
    pdbs: tuple[PdbSeen, ...] = ()
    nodes: tuple[NodeSeen, ...] = ()
    others: tuple[ObjectSeen, ...] = ()


def state_of(objects: Iterable[Manifest]) -> State:
    """Of objects as JSON has them, each with its ``kind``."""
    found = list(objects)
    pods = {_key(item): pod_of(item) for item in found if item["kind"] == "Pod"}
    names = {key: pod.name for key, pod in pods.items()}
    return State(
        tuple(sorted(pods.values())),
        tuple(sorted(_pdb(item, names) for item in found if item["kind"] == "PodDisruptionBudget")),
        tuple(sorted(_node(item) for item in found if item["kind"] == "Node")),
        tuple(sorted(_other(item) for item in found if item["kind"] in ("NodePool", "NodeClaim", "NodeImage"))),
    )


def pod_of(pod: Manifest) -> PodSeen:
    metadata, status = pod["metadata"], pod.get("status", {})
    owner: Manifest = next((item for item in metadata.get("ownerReferences", ()) if item.get("controller")), {})
    controller = f"{owner['kind']}/{owner['name']}" if owner else ""
    labels = metadata.get("labels") or {}
    if "-" in controller:  # a Deployment's ReplicaSet: no other controller of these tests has a dash in its name
        controller = controller.rpartition("-")[0]
    return PodSeen(
        metadata["namespace"],
        metadata["name"] if owner.get("kind", "") in _NAMES_ITS_PODS else f"{controller}-*",
        controller,
        status.get("phase", ""),
        condition(pod, "Ready"),
        "deletionTimestamp" in metadata,
        metadata.get("deletionGracePeriodSeconds") or 0,
        pod["spec"].get("nodeName", ""),
        tuple(sorted((key, value) for key, value in labels.items() if key not in _GENERATED_LABELS)),
    )


def _pdb(pdb: Manifest, names: dict[str, str]) -> PdbSeen:
    metadata, status = pdb["metadata"], pdb.get("status", {})
    disrupted = status.get("disruptedPods") or {}
    return PdbSeen(
        metadata["namespace"],
        metadata["name"],
        status.get("disruptionsAllowed", 0),
        status.get("currentHealthy", 0),
        status.get("desiredHealthy", 0),
        status.get("expectedPods", 0),
        metadata.get("generation", 0),
        status.get("observedGeneration", 0),
        tuple(sorted(names.get(f"{metadata['namespace']}/{name}", name) for name in disrupted)),
    )


def _node(node: Manifest) -> NodeSeen:
    spec, metadata = node.get("spec", {}), node["metadata"]
    taints = ((item["key"], item.get("value", ""), item["effect"]) for item in spec.get("taints") or ())
    return NodeSeen(
        metadata["name"],
        condition(node, "Ready"),
        "deletionTimestamp" in metadata,
        spec.get("unschedulable", False),
        tuple(sorted(taints)),
        tuple(metadata.get("finalizers", ())),
    )


def _other(item: Manifest) -> ObjectSeen:
    metadata = item["metadata"]
    return ObjectSeen(
        item["kind"],
        metadata["name"],
        metadata.get("generation", 0),
        "deletionTimestamp" in metadata,
        tuple(metadata.get("finalizers", ())),
        repr(_sorted(item.get("spec", {}))) if item["kind"] != "NodeClaim" else "",
    )


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(part) for part in value] if isinstance(value, list) else value


def condition(item: Manifest, type_: str) -> str:
    """The status of a condition; empty when there is none."""
    conditions = item.get("status", {}).get("conditions") or ()
    return next((held["status"] for held in conditions if held["type"] == type_), "")


def _key(item: Manifest) -> str:
    return f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


def picked(pods: Iterable[Manifest], pick: Pick) -> str:
    """The name of the pod that is meant, or of none."""
    found = [(pod_of(pod), pod["metadata"]["name"]) for pod in pods if pod.get("kind", "Pod") == "Pod"]
    chosen = sorted(item for item in found if item[0].controller == pick.controller and _is_one(item[0], pick.which))
    return chosen[pick.n][1] if pick.n < len(chosen) else "nobody"


def _is_one(pod: PodSeen, which: str) -> bool:
    return which == "any" or (not pod.deleting and (pod.ready == "True") is (which == "ready"))
