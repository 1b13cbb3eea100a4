"""A node with pods of every kind leaves a real API server: who is evicted, in which order, and who is not (19.9)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pytest

from tests.e2e import manifests as m
from tests.e2e.kubectl import get, kubectl
from tests.e2e.rehearsal import OLD, POOL, Rehearsal, rehearsal

PUBLISHED: Final = "2026-02-01T00:00:00Z"
PROTECT: Final = "karpenter.sh/do-not-disrupt"
DISRUPTED: Final = "karpenter.sh/disrupted"
EXCLUDED: Final = "node.kubernetes.io/exclude-from-external-load-balancers"
TIERS: Final = (("orphan", "plain", "held"), ("daemon",), ("critical",), ("critical-daemon",))
TOLERANT: Final = {
    "tolerant-equal": {"key": DISRUPTED, "operator": "Equal", "value": "", "effect": "NoSchedule"},
    "tolerant-exists": {"key": DISRUPTED, "operator": "Exists"},
}
ALL: Final = {*(app for tier in TIERS for app in tier), *TOLERANT}
PATIENCE_SECONDS: Final = 180.0


def _pod(app: str, **more: Any) -> m.Manifest:
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "10m"}}}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1, "nodeSelector": {POOL: "leaving"}, **more}
    return {"metadata": {"labels": {"app": app}}, "spec": spec}


def _bare(app: str, **more: Any) -> m.Manifest:
    made = _pod(app, **more)
    made["metadata"] |= {"name": app, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", **made}


def _owned(kind: str, app: str, **more: Any) -> m.Manifest:
    replicas = {"replicas": 1} if kind == "Deployment" else {}
    spec = {"selector": {"matchLabels": {"app": app}}, "template": _pod(app, **more), **replicas}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": app, "namespace": "default"}, "spec": spec}


def _workload() -> list[m.Manifest]:
    critical = {"priorityClassName": "system-cluster-critical"}
    return [
        _owned("Deployment", "plain"),
        _owned("DaemonSet", "daemon"),
        _owned("Deployment", "critical", **critical),
        _owned("DaemonSet", "critical-daemon", **critical),
        *(_bare(app) for app in ("orphan", "held")),
        *(_bare(app, tolerations=[toleration]) for app, toleration in TOLERANT.items()),
    ]


@dataclass(slots=True)
class Leaving:
    """The node while its drain is held up, the names of its pods by app, and the claim it had."""

    world: Rehearsal
    node: str
    claim: str
    pods: dict[str, str]

    def evicted(self) -> dict[str, datetime]:
        """When the eviction of each app's pod was granted."""
        keys = {f"default/{name}": app for app, name in self.pods.items()}
        found = self.world.record().evictions
        return {keys[item.pod]: item.instant for item in found if item.code == 201 and item.pod in keys}

    def drained(self) -> tuple[str, str] | None:
        """Status and reason of the condition Drained of the claim."""
        conditions = self.world.get("nodeclaim", self.claim)["status"]["conditions"]
        return next(((item["status"], item["reason"]) for item in conditions if item["type"] == "Drained"), None)

    def warnings(self) -> list[m.Manifest]:
        return [item for item in self.world.events("FailedDraining") if item["regarding"]["name"] == self.node]

    def let_go(self) -> None:
        """Nothing holds the drain any more, and it ends."""
        if self.is_there():
            kubectl(self.world.cluster, "annotate", "pod", "held", f"{PROTECT}-")
        self.world.eventually("the node is gone", lambda: not self.is_there(), PATIENCE_SECONDS)

    def is_there(self) -> bool:
        return self.node in {item["metadata"]["name"] for item in self.world.items("nodes")}


@pytest.fixture(scope="module")
def leaving() -> Iterator[Leaving]:
    with rehearsal() as world:
        world.apply(m.nap(factor=60), m.node_class(), m.image(OLD, PUBLISHED))
        world.apply(m.pool("leaving", [{"nodes": "0"}], replicas=1), *_workload())
        world.operator()
        world.eventually("all pods run on the one node", lambda: set(_running(world)) == ALL, PATIENCE_SECONDS)
        (node,) = {pod["spec"]["nodeName"] for pod in _running(world).values()}
        (claim,) = [item["metadata"]["name"] for item in world.items("nodeclaims")]
        pods = {app: pod["metadata"]["name"] for app, pod in _running(world).items()}
        kubectl(world.cluster, "annotate", "pod", "held", f"{PROTECT}=true")
        world.delete("node", node)
        made = Leaving(world, node, claim, pods)
        world.eventually("two of the first tier are evicted", lambda: len(made.evicted()) == 2, PATIENCE_SECONDS)
        yield made


def _running(world: Rehearsal) -> dict[str, m.Manifest]:
    found = get(world.cluster, "pods", "--namespace=default", "--field-selector=status.phase=Running")["items"]
    return {pod["metadata"]["labels"]["app"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}


@pytest.mark.row("karpenter:N02", "karpenter:N03")
def test_a_deleted_node_takes_its_claim_along_and_is_out_of_the_load_balancers(leaving: Leaving) -> None:
    leaving.world.eventually("it drains", lambda: leaving.drained() == ("Unknown", "Draining"))
    node, claim = leaving.world.get("node", leaving.node), leaving.world.get("nodeclaim", leaving.claim)
    assert "deletionTimestamp" in claim["metadata"]
    assert node["metadata"]["labels"][EXCLUDED] == "karpenter"
    assert (DISRUPTED, "NoSchedule") in {(taint["key"], taint["effect"]) for taint in node["spec"]["taints"]}


@pytest.mark.row("karpenter:N10", "karpenter:N12", "karpenter:N07")
def test_while_one_pod_of_the_first_tier_is_held_the_others_of_it_go_and_no_later_tier_begins(leaving: Leaving) -> None:
    leaving.world.steadily("only those", lambda: set(leaving.evicted()) == {"orphan", "plain"}, 3)
    assert leaving.is_there()
    leaving.world.eventually("it is said", lambda: bool(leaving.warnings()))
    warnings = leaving.warnings()
    assert all(item["type"] == "Warning" and item["note"].endswith("are waiting to be evicted") for item in warnings)


@pytest.mark.row("karpenter:N10", "karpenter:N25")
def test_then_tier_follows_tier_and_the_node_goes(leaving: Leaving) -> None:
    leaving.let_go()
    world = leaving.world
    evicted = leaving.evicted()
    assert set(evicted) == {app for tier in TIERS for app in tier}
    for earlier, later in itertools.pairwise(TIERS):
        assert max(evicted[app] for app in earlier) < min(evicted[app] for app in later)
    pods = {leaving.pods[app] for tier in TIERS for app in tier}
    world.eventually("events say so", lambda: {it["regarding"]["name"] for it in world.events("Evicted")} >= pods)


@pytest.mark.row("karpenter:N04", "karpenter:N05")
def test_pods_that_tolerate_the_taint_are_neither_evicted_nor_waited_for(leaving: Leaving) -> None:
    leaving.let_go()
    asked = {item.pod for item in leaving.world.record().evictions}
    assert not asked & {f"default/{app}" for app in TOLERANT}
    assert not [item for item in leaving.world.record().pod_deletions if item.pod.split("/")[1] in TOLERANT]


@pytest.mark.row("karpenter:N01")
def test_a_deleted_node_that_is_not_ours_is_left_alone(leaving: Leaving) -> None:
    leaving.world.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "stranger"}, "spec": {}})
    leaving.world.delete("node", "stranger")
    leaving.world.eventually(
        "it is gone", lambda: "stranger" not in {item["metadata"]["name"] for item in leaving.world.items("nodes")}
    )
    assert not [act for act in leaving.world.record().acts if act.name == "stranger"]
