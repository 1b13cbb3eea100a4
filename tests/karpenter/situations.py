"""What Karpenter is asked: a cluster, and what is changed in it. As manifests that ``kubectl apply`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Manifest = Mapping[str, Any]
TEAM: Final = {"key": "team", "value": "x", "effect": "NoSchedule"}
SMALL: Final = "c-4x-amd64-linux"  # 3.9 cores are left for pods
LARGE: Final = "c-8x-amd64-linux"
NODE_CLASS: Final[Manifest] = {
    "apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass", "metadata": {"name": "default"},
    "spec": {"nodeRegistrationDelay": "5s"},
}  # fmt: skip


@dataclass(frozen=True)
class Situation:
    """``change`` is applied once the ``base`` stands. ``taken``: how many nodes go; None: all, however many there are.

    ``nothing_seconds``: for how long it is looked on that nothing happens; 0: something does.
    """

    base: tuple[Manifest, ...]
    change: tuple[Manifest, ...]
    taken: int | None
    nothing_seconds: float = 0


def pool(
    name: str = "default", revision: int = 1, *, nodes: str, types: tuple[str, ...] = (SMALL,), **template: Any
) -> Manifest:
    """``template``: more of ``spec.template.spec``; ``labels`` of its metadata."""
    wanted = {
        "kubernetes.io/arch": ["amd64"],
        "kubernetes.io/os": ["linux"],
        "karpenter.sh/capacity-type": ["on-demand"],
        "node.kubernetes.io/instance-type": list(types),
    }
    labels = template.pop("labels", {})
    spec = {
        "expireAfter": "Never",
        "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"},
        "requirements": [{"key": key, "operator": "In", "values": values} for key, values in wanted.items()],
        **template,
    }
    made = {"metadata": {"annotations": {"revision": str(revision)}, "labels": labels}, "spec": spec}
    disruption = {"consolidateAfter": "Never", "consolidationPolicy": "WhenEmpty", "budgets": [{"nodes": nodes}]}
    return {
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": name},
        "spec": {"disruption": disruption, "template": made},
    }  # fmt: skip


def workload(
    name: str, replicas: int, cpu: str = "380m", kind: str = "Deployment", grace_seconds: int = 2, **pod: Any
) -> Manifest:
    """``pod``: more of the pods' spec; ``annotations`` of their metadata."""
    annotations = pod.pop("annotations", {})
    container = {"name": "app", "image": "app", "resources": {"requests": {"cpu": cpu}}}
    spec = {"terminationGracePeriodSeconds": grace_seconds, "containers": [container], **pod}
    template = {"metadata": {"labels": {"app": name}, "annotations": annotations}, "spec": spec}
    service = {"serviceName": name} if kind == "StatefulSet" else {}
    return {
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **service},
    }  # fmt: skip


def budget(name: str, **spec: int | str) -> Manifest:
    """A PodDisruptionBudget for the workload of that name."""
    return {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": name}}, **spec},
    }  # fmt: skip


def _spread(app: str) -> Manifest:
    return {
        "maxSkew": 2, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": app}},
    }  # fmt: skip


def _of_a_team(revision: int) -> Manifest:
    return pool("other", revision, nodes="50%", types=(LARGE,), labels={"team": "x"}, taints=[TEAM])


def _forced(revision: int) -> Manifest:
    return pool(revision=revision, nodes="100%", terminationGracePeriod="45s")


SITUATIONS: Final[Mapping[str, Situation]] = {
    "four full nodes one at a time": Situation(
        (pool(nodes="10%"), *(workload(f"a{it}", 10) for it in range(4)),
         *(budget(f"a{it}", maxUnavailable="25%") for it in range(4))),
        (pool(revision=2, nodes="10%"),),
        taken=4,
    ),
    "pods that spread over zones, on nodes of two sizes": Situation(
        (pool(nodes="3", types=(SMALL, LARGE)),
         *(workload(f"a{it}", 4 + 2 * it, f"{200 + 150 * it}m", grace_seconds=4 * it,
                    topologySpreadConstraints=[_spread(f"a{it}")]) for it in range(6)),
         *(budget(f"a{it}", minAvailable=3 + it) for it in range(6))),
        (pool(revision=2, nodes="3", types=(SMALL, LARGE)),),
        taken=None,
    ),
    "two pools, of which one has a taint": Situation(
        (pool(nodes="1"), _of_a_team(1), workload("a", 30),
         workload("x", 40, tolerations=[{"key": "team", "operator": "Exists"}], nodeSelector={"team": "x"})),
        (pool(revision=2, nodes="1"), _of_a_team(2)),
        taken=5,
    ),
    "a StatefulSet": Situation(
        (pool(nodes="100%"), workload("s", 12, "900m", "StatefulSet", 3), budget("s", maxUnavailable=1)),
        (pool(revision=2, nodes="100%"),),
        taken=3,
    ),
    "a PodDisruptionBudget of nothing, forced": Situation(
        (_forced(1), workload("a", 10), workload("b", 10), budget("b", maxUnavailable=0)),
        (_forced(2),),
        taken=2,
    ),
    "a PodDisruptionBudget of nothing, and do-not-disrupt": Situation(
        (pool(nodes="100%"), workload("a", 10), workload("b", 8), budget("b", maxUnavailable=0), workload("d", 11),
         workload("c", 1, annotations={"karpenter.sh/do-not-disrupt": "true"})),
        (pool(revision=2, nodes="100%"),),
        taken=0,
        nothing_seconds=45,
    ),
}  # fmt: skip
