"""The in-memory cluster of forecasts against a real one, case by case: the same requests, the same answers and states.

All cases run at once, each in a namespace of its own: nearly all of their time is waiting for controllers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from napsim.cluster import create_cluster, delete_cluster
from tests.e2e.kubectl import kubectl, served
from tests.e2e.model.comparison import differences
from tests.e2e.model.objects import (
    DB,
    WEB,
    becomes,
    controller,
    node,
    node_claim,
    node_pool,
    pdb,
    pod,
    ready_pods,
    replica_set,
    stateful_set,
)
from tests.e2e.model.requests import ANOTHER_UID, Create, Delete, Evict, JsonPatch, Patch, Pick, Request
from tests.e2e.ownership import unused_name
from tests.e2e.rehearsal import CRDS

Sequence = tuple[Request, ...]
READY, UNREADY = Pick(WEB, "ready"), Pick(WEB, "unready")
FOUR: Final[Sequence] = (replica_set(replicas=4), *ready_pods(WEB, 4))
"""A ReplicaSet of four whose pods are ready, which they are only when it is said of them."""


def labelled(name: str, **labels: str | None) -> Patch:
    return Patch("Pod", name, {"metadata": {"labels": labels}})


def selecting(*expressions: tuple[str, str, list[str]]) -> dict[str, Any]:
    rows = [{"key": key, "operator": how, "values": of} for key, how, of in expressions]
    return {"selector": {"matchExpressions": rows}, "minAvailable": 1}


BUDGETS: Final[Mapping[str, Sequence]] = {
    "every share of four": (
        *FOUR,
        *(pdb(maxUnavailable=value) for value in (0, 1, 9, "0%", "1%", "25%", "26%", "50%", "74%", "100%")),
        *(pdb(minAvailable=value) for value in (0, 3, 4, 9, "0%", "1%", "50%", "51%", "75%", "76%", "100%")),
    ),
    "a share of five, three and none": (
        *FOUR,
        pdb(maxUnavailable="30%"),
        replica_set(replicas=5),
        replica_set(replicas=3),
        pdb(minAvailable="30%"),
        replica_set(replicas=0),
    ),
    "as many as it allows": (
        *FOUR,
        pdb(maxUnavailable=2),
        Evict(READY),
        Evict(READY),
        Evict(READY),
    ),
    "again when a replacement is ready": (
        *FOUR,
        pdb(minAvailable=3),
        Evict(READY),
        Evict(READY),
        becomes(UNREADY),
        Evict(READY),
    ),
    "on pods of nobody, numbers count them": (
        pod("a"), pod("b"), pdb(minAvailable=1), Evict("a"), Evict("b"), Delete("Pod", "a", 0), Evict("b"),
    ),
    "on pods of nobody, shares allow nothing": (
        pod("a"), pod("b"), pdb(maxUnavailable=1), Evict("a"), pdb(minAvailable="50%"), Evict("a"), pdb(minAvailable=0),
        Evict("a"),
    ),
    "on pods of nobody beside a ReplicaSet's": (
        *FOUR, pod("a", "lone"), pdb(maxUnavailable=2, selector={}), Evict("a"), Evict(READY),
    ),
    "on pods of two ReplicaSets": (
        replica_set("web", 2), replica_set("api", 3), *ready_pods(WEB, 2), *ready_pods("ReplicaSet/api", 3),
        pdb(maxUnavailable="40%", selector={}), Evict(READY), Evict(READY),
    ),
    "on a StatefulSet": (
        stateful_set(parallel=True), *ready_pods(DB, 3), pdb(app="db", maxUnavailable="34%"), Evict("db-1"),
        Evict("db-2"), Evict("db-0"), Delete("Pod", "db-1", 0), becomes("db-1"), Evict("db-2"),
    ),
    "on a Deployment": (
        controller("Deployment", "web", 4), *ready_pods(WEB, 4), pdb(maxUnavailable="50%"), Evict(READY),
        controller("Deployment", "web", 2), controller("Deployment", "web", 5),
    ),
    "on a DaemonSet, which has no scale": (
        node(), controller("DaemonSet", "agent", None, pod={"node": ""}), pdb(app="agent", maxUnavailable=1),
        Evict(Pick("DaemonSet/agent")), pdb(app="agent", minAvailable=0), Evict(Pick("DaemonSet/agent")),
        pdb(app="agent", maxUnavailable=1), Evict(Pick("DaemonSet/agent")),
    ),
    "on a DaemonSet and a ReplicaSet together": (
        *FOUR, pdb(maxUnavailable=2, selector={}), node(), controller("DaemonSet", "agent", None, pod={"node": ""}),
        Evict(READY), Evict(Pick("DaemonSet/agent")), Delete("DaemonSet", "agent"), Evict(READY),
    ),
    "without pods": (pdb(maxUnavailable=1), pdb("other", minAvailable=1), pdb("third", minAvailable="50%")),
    "several on one pod": (
        *FOUR, pdb(maxUnavailable=4), pdb("other", maxUnavailable=4), Evict(READY),
        Delete("PodDisruptionBudget", "other"), Evict(READY), Delete("PodDisruptionBudget", "guard"),
        Evict(READY), Delete("PodDisruptionBudget", "guard"),
    ),
    "of another namespace": (
        pod("a"), pdb(minAvailable=1, namespace="other"), Evict("a"), pod("b", namespace="other"),
    ),
    "by matchExpressions": (
        pod("a", "web"), pod("b", "api"),
        pdb(**selecting(("app", "In", ["web", "api"]))), pdb(**selecting(("app", "NotIn", ["web"]))),
        pdb(**selecting(("app", "Exists", []))), pdb(**selecting(("app", "DoesNotExist", []))),
        pdb(**selecting(("tier", "NotIn", ["front"]))),
        pdb(**selecting(("app", "In", ["web"]), ("tier", "DoesNotExist", []))),
        Evict("b"), Evict("a"),
    ),
    "with an empty selector, and with none": (
        pod("a"), pdb(minAvailable=1, selector={}), pdb("none", minAvailable=1, selector=None), Evict("a"),
    ),
    "whose pod has its labels from then on": (
        pod("a"), pod("b", "api"), pdb(minAvailable=1), labelled("b", app="web", more="yes"), Evict("a"), Evict("b"),
        labelled("b", more=None),
    ),
    "on a pod that is pending": (pod("a", ready=None), pdb(minAvailable=1), Evict("a")),
    "on a pod that has ended": (
        pod("a"), becomes("a", ready=False, phase="Failed"), pod("b"), becomes("b", ready=False, phase="Succeeded"),
        pdb(minAvailable=2), Evict("a"), Evict("b"),
    ),
    "on a pod that is on its way out": (
        pod("a"), pod("b"), pdb(minAvailable=2), Delete("Pod", "a"), Evict("a"), Evict("b"),
    ),
    "on unhealthy pods, while enough are healthy": (
        *FOUR, pod("sick", "lone", ready=False), pdb(minAvailable=4, selector={}), Evict("sick"), Evict(READY),
    ),
    "on unhealthy pods, while too few are healthy": (
        *FOUR, pod("sick", "lone", ready=False), pdb(minAvailable=5, selector={}), Evict("sick"),
        pdb(minAvailable=5, selector={}, unhealthyPodEvictionPolicy="IfHealthyBudget"), Evict("sick"),
        pdb(minAvailable=5, selector={}, unhealthyPodEvictionPolicy="AlwaysAllow"), Evict("sick"),
    ),
    "on unhealthy pods, where none need be healthy": (
        pod("sick", ready=False), pdb(minAvailable=0), Evict("sick"), pdb(minAvailable="0%"), Evict("sick"),
        Delete("PodDisruptionBudget", "guard"), Evict("sick"),
    ),
    "on a pod that turns unhealthy": (
        *FOUR, pdb(maxUnavailable=1), becomes(READY, ready=False), Evict(READY), Evict(UNREADY),
    ),
    "asked of another pod": (
        pod("a"), pod("b"), Evict("a", uid="another"), pdb(minAvailable=2), Evict("a", uid="another"), Evict("nobody"),
        pdb(minAvailable=1), Evict("a", uid="another"), Evict("a", uid="its own"), Evict("b"),
    ),
}  # fmt: skip
DELETIONS: Final[Mapping[str, Sequence]] = {
    "by the pod's own grace period": (pod("a", grace=40), Delete("Pod", "a"), Delete("Pod", "a")),
    "by another one": (pod("a"), Delete("Pod", "a", 90), Delete("Pod", "a", 300), Delete("Pod", "a", 20)),
    "that grow shorter": (
        pod("a"), Delete("Pod", "a"), Delete("Pod", "a", 30), Delete("Pod", "a", 29), Delete("Pod", "a", 5), Evict("a"),
        Delete("Pod", "a", 0), Delete("Pod", "a"),
    ),
    "without any": (pod("a"), Delete("Pod", "a", 0), pod("b", grace=0), Delete("Pod", "b")),
    "below none": (pod("a"), Delete("Pod", "a", -1)),
    "of pods that are on no node": (
        pod("a", node="", ready=None, nodeSelector={"world": "nowhere"}), Delete("Pod", "a", 60),
    ),
    "of pods that have ended": (pod("a"), becomes("a", ready=False, phase="Succeeded"), Delete("Pod", "a")),
    "of pods that run": (
        node(), pod("a", node="", ready=None), pod("b", node="@n1", ready=None), Delete("Pod", "a"), Evict("b"),
    ),
    "with preconditions": (
        pod("a"), Delete("Pod", "a", uid="another"), Delete("Pod", "a", version="another"),
        Delete("Pod", "a", version="its own"), Delete("Pod", "a", 0, uid="its own"), Delete("Pod", "a", uid="its own"),
    ),
    "of Nodes with finalizers": (
        node("@n1", ("test/one", "test/two")), Delete("Node", "@n1"), Delete("Node", "@n1"),
        Patch("Node", "@n1", {"metadata": {"finalizers": ["test/two"]}}),
        Patch("Node", "@n1", {"spec": {"unschedulable": True}}),
        Patch("Node", "@n1", {"metadata": {"finalizers": []}}), Delete("Node", "@n1"),
    ),
    "of Nodes without": (
        node(), Delete("Node", "@n1", uid="another"), Delete("Node", "@n1", version="another"), Delete("Node", "@n1"),
        node(),
    ),
    "of NodeClaims": (
        node_claim(finalizers=("test/one",)), Delete("NodeClaim", "@c1", uid="its own"), Delete("NodeClaim", "@c1"),
        node_claim(), Patch("NodeClaim", "@c1", {"metadata": {"finalizers": None}}), node_claim(),
        Delete("NodeClaim", "@c1"), Delete("NodeClaim", "@c1"),
    ),
    "of NodePools": (
        node_pool(finalizers=["test/one"]), Delete("NodePool", "@p1"),
        Patch("NodePool", "@p1", {"metadata": {"finalizers": []}}), Delete("NodePool", "@p1"),
    ),
}  # fmt: skip
CHANGES: Final[Mapping[str, Sequence]] = {
    "a name is there once": (
        pod("a"), pod("a"), node(), node(), node_claim(), node_claim(), pdb(), Create(pdb().manifest),
    ),
    "what is not there": (
        Patch("Pod", "nobody", {"metadata": {"labels": {"a": "b"}}}), Patch("Node", "@nobody", {}),
        Patch("NodePool", "@nobody", {}), Delete("Pod", "nobody"), Delete("NodeClaim", "@nobody"),
        Delete("NodePool", "@nobody"), Delete("ReplicaSet", "nobody"),
    ),
    "an older version": (
        pod("a"), node(),
        *(
            Patch(kind, name, {"metadata": {"labels": {"x": which.replace(" ", "-")}}}, version=which)
            for kind, name in (("Pod", "a"), ("Node", "@n1")) for which in ("another", "its own")
        ),
    ),
    "generation of a PodDisruptionBudget": (
        pdb(minAvailable=1), Patch("PodDisruptionBudget", "guard", {"metadata": {"labels": {"a": "b"}}}),
        Patch("PodDisruptionBudget", "guard", {"spec": {"minAvailable": 1}}),
        Patch("PodDisruptionBudget", "guard", {"spec": {"minAvailable": 2}}),
    ),
    "generation of a NodePool": (
        node_pool(), node_pool(), Patch("NodePool", "@p1", {"metadata": {"labels": {"a": "b"}}}),
        Patch("NodePool", "@p1", {"status": {"nodes": 2}}, status=True), node_pool(weight=2),
        Patch("NodePool", "@p1", {"spec": {"weight": 3}}), Patch("NodePool", "@p1", {"spec": {"weight": None}}),
    ),
    "lists are replaced, null removes": (
        node(taints=[{"key": "a", "effect": "NoSchedule"}, {"key": "b", "effect": "NoSchedule"}]),
        Patch("Node", "@n1", {"spec": {"taints": [{"key": "c", "value": "d", "effect": "PreferNoSchedule"}]}}),
        Patch("Node", "@n1", {"spec": {"taints": None}}),
    ),
}  # fmt: skip
WORKLOADS: Final[Mapping[str, Sequence]] = {
    "a ReplicaSet replaces pods on their way out": (
        *FOUR, Delete("Pod", READY), Delete("Pod", Pick(WEB), 0), replica_set(replicas=2), replica_set(replicas=6),
    ),
    "a ReplicaSet replaces pods that have ended": (
        *FOUR, *(becomes(READY, ready=False, phase=phase) for phase in ("Failed", "Succeeded")),
        replica_set(replicas=3),
    ),
    "a ReplicaSet takes pods away that are not ready": (
        replica_set(replicas=4), becomes(UNREADY), becomes(UNREADY), replica_set(replicas=3), replica_set(replicas=2),
        replica_set(replicas=1), replica_set(replicas=0),
    ),
    "a ReplicaSet goes with its pods": (*FOUR, Delete("ReplicaSet", "web"), Delete("ReplicaSet", "web")),
    "a Deployment goes with its pods": (controller("Deployment", "web", 2), Delete("Deployment", "web")),
    "a StatefulSet in order": (
        stateful_set(replicas=3), becomes("db-0"), becomes("db-1"), becomes("db-2"), Delete("Pod", "db-0"),
        Delete("Pod", "db-1", 0), Delete("Pod", "db-0", 0), becomes("db-0"), becomes("db-1"), stateful_set(replicas=4),
        becomes("db-3"), stateful_set(replicas=1), Delete("Pod", "db-3", 0), Delete("Pod", "db-2", 0),
        Delete("Pod", "db-1", 0),
    ),
    "a StatefulSet in order waits for a pod that is not ready": (
        stateful_set(replicas=2), becomes("db-0"), becomes("db-1"), becomes("db-0", ready=False),
        stateful_set(replicas=3), becomes("db-0"),
    ),
    "a StatefulSet in parallel": (
        stateful_set(replicas=3, parallel=True), Delete("Pod", "db-1"), Delete("Pod", "db-0", 0),
        stateful_set(replicas=1, parallel=True), stateful_set(replicas=2, parallel=True), Delete("Pod", "db-1", 0),
    ),
    "a StatefulSet that starts at five": (
        controller("StatefulSet", "db", 2, spec={"ordinals": {"start": 5}}), becomes("db-5"),
    ),
    "a StatefulSet replaces pods that have ended": (
        stateful_set(replicas=2, parallel=True), *ready_pods(DB, 2), becomes("db-0", ready=False, phase="Failed"),
        becomes("db-1", ready=False, phase="Succeeded"),
    ),
    "a StatefulSet goes with its pods": (stateful_set(parallel=True), Delete("StatefulSet", "db")),
    "a DaemonSet on each node that takes it": (
        node("@n1"), controller("DaemonSet", "agent", None, pod={"node": ""}), node("@n2"),
        node("@n3", taints=[{"key": "a", "effect": "NoSchedule"}]), node("@n4", unschedulable=True),
        Delete("Pod", Pick("DaemonSet/agent")), Patch("Node", "@n3", {"spec": {"taints": []}}),
        Patch("Node", "@n1", {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}),
        Patch("Node", "@n2", {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}}),
        Delete("DaemonSet", "agent"),
    ),
    "a DaemonSet replaces pods that have ended": (
        node("@n1"), controller("DaemonSet", "agent", None, pod={"node": ""}),
        becomes(Pick("DaemonSet/agent"), ready=False, phase="Failed"),
    ),
}  # fmt: skip
OWN: Final = {"op": "test", "path": "/metadata/uid", "value": "its own"}
A: Final = {"key": "a", "effect": "NoSchedule"}
B: Final = {"key": "b", "effect": "NoSchedule"}


def holds(path: str, value: Any) -> dict[str, Any]:
    return {"op": "test", "path": path, "value": value}


def on_node(*operations: dict[str, Any]) -> JsonPatch:
    return JsonPatch("Node", "@n1", operations)


def put(path: str, value: Any, op: str = "add") -> dict[str, Any]:
    return {"op": op, "path": path, "value": value}


PATCHES: Final[Mapping[str, Sequence]] = {
    "tests that hold": (
        node(taints=[A]), on_node(OWN, holds("/spec/taints", [A]), put("/spec/taints", [A, B], "replace")),
        on_node(holds("/spec/taints", [A, B]), {"op": "remove", "path": "/spec/taints"}),
        on_node(holds("/spec/taints", None), put("/spec/taints", [B])),
    ),
    "a test of another uid": (node(), on_node({**OWN, "value": ANOTHER_UID}, put("/spec/unschedulable", True))),
    "a test of taints that somebody changed": (
        node(taints=[A]), Patch("Node", "@n1", {"spec": {"taints": [B]}}),
        on_node(OWN, holds("/spec/taints", [A]), put("/spec/taints", [A, B], "replace")),
        on_node(OWN, holds("/spec/taints", None), put("/spec/taints", [A])),
    ),
    "a test of nothing where there is something": (
        node("@n1", ("test/one",)),
        on_node(holds("/metadata/finalizers", None), put("/metadata/finalizers", ["test/two"])),
        on_node(holds("/metadata/finalizers", ["test/two"]), {"op": "remove", "path": "/metadata/finalizers"}),
        on_node(holds("/metadata/finalizers", ["test/one"]), {"op": "remove", "path": "/metadata/finalizers"}),
    ),
    "an operation after a test that fails is not carried out, nor is one before": (
        node(), on_node(put("/spec/unschedulable", True), holds("/metadata/name", "another")),
    ),
    "labels with slashes": (
        node(), on_node(put("/metadata/labels/test.example~1a", "b"), holds("/metadata/labels/test.example~1a", "b")),
        on_node({"op": "remove", "path": "/metadata/labels/test.example~1a"}),
        on_node({"op": "remove", "path": "/metadata/labels/test.example~1a"}),
    ),
    "a path that is not there": (
        node(), on_node(put("/metadata/nothing/a", "b")), on_node({"op": "remove", "path": "/spec/taints"}),
        on_node(put("/spec/taints", [A], "replace")),
    ),
    "an object that is not there": (node("@n2"), on_node(OWN, put("/spec/unschedulable", True))),
    "finalizers of one on its way out": (
        node("@n1", ("test/one",)), Delete("Node", "@n1"),
        on_node(OWN, holds("/metadata/finalizers", ["test/one"]), {"op": "remove", "path": "/metadata/finalizers"}),
        on_node(OWN),
    ),
}  # fmt: skip
_TAINTED: Final[dict[str, Any]] = {"taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]}
_PORTS: Final = [{"containerPort": 80, "hostPort": 80}]
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def waiting(name: str, **spec: Any) -> Create:
    """A pod that is to be scheduled."""
    return pod(name, node="", ready=None, **spec)


def affinity(*expressions: Any) -> dict[str, Any]:
    return {"nodeAffinity": {_REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}}}


def apart(app: str) -> dict[str, Any]:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": app}}}
    return {"podAntiAffinity": {_REQUIRED: [term]}}


def asks(cpu: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": cpu}}, **more}]


PLACES: Final[Mapping[str, Sequence]] = {
    "a node that is on its way out": (
        node("@n1", ("test/one",)), Delete("Node", "@n1"), waiting("a"),
        controller("DaemonSet", "agent", None, pod={"node": ""}),
    ),
    "the only node": (waiting("early"), node("@n1"), waiting("late")),
    "the only node that is not tainted": (
        node("@n1", **_TAINTED), waiting("a"), node("@n2"),
        waiting("b", tolerations=[{"key": "a", "operator": "Exists"}], nodeSelector={"kubernetes.io/hostname": "@n1"}),
    ),
    "the only node that is not cordoned": (
        node("@n1", unschedulable=True), waiting("a"), node("@n2"),
        Patch("Node", "@n2", {"spec": {"unschedulable": True}}), waiting("b"),
        Patch("Node", "@n1", {"spec": {"unschedulable": None}}),
    ),
    "the only node with room": (
        node("@n1"), waiting("large", containers=asks("3")), waiting("another", containers=asks("3")), node("@n2"),
        waiting("third", containers=asks("1500m")), Delete("Pod", "large"),
    ),
    "the only node of that zone": (
        node("@n1", labels={"zone": "one"}), node("@n2", labels={"zone": "two"}),
        waiting("in", affinity=affinity(
            {"key": "world", "operator": "In", "values": ["@"]}, {"key": "zone", "operator": "In", "values": ["two"]})),
        waiting("out", affinity=affinity({"key": "zone", "operator": "NotIn", "values": ["two"]})),
        waiting("none", affinity=affinity({"key": "zone", "operator": "DoesNotExist"})),
    ),
    "the only node without another of them": (
        node("@n1"), waiting("a", affinity=apart("web")), waiting("b", affinity=apart("web")), node("@n2"),
    ),
    "the only node whose port is free": (
        node("@n1"), waiting("a", containers=asks("1", ports=_PORTS)), waiting("b", containers=asks("1", ports=_PORTS)),
        Delete("Pod", "a"),
    ),
    "none that a NoExecute taint is on": (
        node("@n1"), waiting("a"), waiting("b", tolerations=[{"key": "a", "operator": "Exists"}]),
        Patch("Node", "@n1", {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}}),
        Patch("Node", "@n1", {"spec": {"taints": None}}),
    ),
}  # fmt: skip
CASES: Final = {
    f"{group}: {case}": requests
    for group, cases in {
        "budgets": BUDGETS,
        "deletions": DELETIONS,
        "changes": CHANGES,
        "patches": PATCHES,
        "workloads": WORKLOADS,
        "places": PLACES,
    }.items()
    for case, requests in cases.items()
}


@pytest.fixture(scope="module")
def found() -> Iterator[Mapping[str, str]]:
    """By case, the first difference; empty where there is none."""
    cluster = create_cluster(unused_name(), disable_qps_limits=True)
    try:
        kubectl(cluster, "create", f"--filename={CRDS}")
        served(cluster)
        yield differences(cluster, CASES)
    finally:
        delete_cluster(cluster.name)


@pytest.mark.parametrize("case", CASES)
def test_the_model_answers_and_becomes_what_a_real_cluster_does(case: str, found: Mapping[str, str]) -> None:
    assert not found[case], found[case]
