"""Rollouts on real nodes: real kubelets end real pods, and the operator is a pod on the nodes that it replaces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from napsim.cluster import Cluster
from tests.e2e import manifests as m
from tests.e2e.auditor.access import Account, requests_of
from tests.e2e.kubectl import eventually, kubectl
from tests.kind.installation import (
    FAREWELL_SECONDS,
    GRACE_SECONDS,
    NAMESPACE,
    POOL,
    REPLICAS,
    Installation,
    Watched,
)

OPERATOR: Final = Account(NAMESPACE, "napsim")
KUBELET: Final = "kubelet/"


def assert_sound(watched: Watched) -> None:
    """What holds in every rollout: one worker of a pool at a time, and at most one pod of the workload down."""
    assert watched.together, "no worker was seen disrupted"
    assert max(watched.together.values()) == 1, watched.together
    assert watched.least_healthy >= REPLICAS - 1


def test_the_operator_runs_where_only_restricted_pods_may(napsim: Installation) -> None:
    (pod,) = napsim.operators()
    assert {status["ready"] for status in pod["status"]["containerStatuses"]} == {True}
    rogue = kubectl(
        napsim.cluster, "run", "rogue", "--image=none", "--privileged", f"--namespace={NAMESPACE}", check=False
    )
    assert rogue.returncode != 0
    assert "violates PodSecurity" in rogue.stderr


def test_a_window_holds_an_image_back_and_then_real_workers_get_its_label(napsim: Installation) -> None:
    control_plane = the_control_plane(napsim)
    opens = (napsim.virtual_now() + timedelta(minutes=115)).replace(second=0)
    napsim.apply(window(opens))
    closed_from = napsim.virtual_now() + timedelta(minutes=35)  # a change counts half an hour later
    napsim.watch("the window counts, and is closed", lambda _: napsim.virtual_now() >= closed_from)
    before = napsim.versions()
    version = napsim.publish()
    held = napsim.watch("the window is about to open", lambda _: napsim.virtual_now() >= opens - timedelta(minutes=30))
    assert held.disrupted == [], "the window gates the pick-up"
    assert napsim.versions() == before

    watched = napsim.rolled_out(version)
    assert_sound(watched)
    assert sorted(watched.disrupted) == sorted(node["metadata"]["name"] for node in napsim.workers())
    assert the_control_plane(napsim) == control_plane
    for node in napsim.workers():
        record = json.loads(node["metadata"]["annotations"]["napsim.dev/in-place"])
        assert record["to"].endswith(version)
        assert record["from"].endswith(before[node["metadata"]["name"]])


def window(opens: datetime) -> m.Manifest:
    day = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[opens.weekday()]
    schedule = {"weekly": {"intervalWeeks": 1, "dayOfWeek": day}}
    return m.window(start_time=f"{opens:%H:%M}", schedule=schedule)


def the_control_plane(napsim: Installation) -> dict[str, Any]:
    (node,) = napsim.items("nodes", "--selector=node-role.kubernetes.io/control-plane")
    metadata = node["metadata"]
    return {"labels": metadata["labels"], "annotations": metadata["annotations"], "spec": node["spec"]}


def test_pods_get_their_grace_from_real_kubelets(napsim: Installation) -> None:
    version = napsim.publish()
    assert_sound(napsim.rolled_out(version))
    lasted = farewells(napsim)
    assert len(lasted) >= REPLICAS
    assert min(lasted) >= FAREWELL_SECONDS, "a kubelet ended a pod before it had finished"
    assert max(lasted) < GRACE_SECONDS, "a pod used all of its grace: it was killed"


def farewells(napsim: Installation) -> list[float]:
    """Seconds from each eviction of a pod of the workload to the kubelet's word that it is gone."""
    evicted: dict[str, datetime] = {}
    lasted = []
    for event in napsim.audit():
        if not event.succeeded or not event.key.startswith("default/web-"):
            continue
        if event.resource == "pods/eviction":
            evicted.setdefault(event.key, event.stage_timestamp)
        elif event.resource == "pods" and event.verb == "delete" and event.user_agent.startswith(KUBELET):
            lasted.append((event.stage_timestamp - evicted[event.key]).total_seconds())
    return lasted


def test_an_upgrade_of_the_chart_in_mid_rollout_interrupts_nothing(napsim: Installation) -> None:
    (before,) = napsim.operators()
    version = napsim.publish()
    begun = napsim.under_way(version)
    napsim.install("log.level=debug")
    watched = napsim.rolled_out(version)
    assert_sound(begun)
    assert watched.least_healthy >= REPLICAS - 1
    (after,) = napsim.operators()
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert "--log-level=debug" in after["spec"]["containers"][0]["args"]


def test_an_operator_that_is_killed_in_mid_rollout_is_continued_by_the_next(napsim: Installation) -> None:
    (before,) = napsim.operators()
    version = napsim.publish()
    begun = napsim.under_way(version)
    napsim.kubectl(
        "delete", "pod", before["metadata"]["name"], f"--namespace={NAMESPACE}", "--force", "--grace-period=0"
    )
    watched = napsim.rolled_out(version)
    assert_sound(begun)
    assert watched.least_healthy >= REPLICAS - 1
    assert before["metadata"]["name"] not in [pod["metadata"]["name"] for pod in napsim.operators()]


def test_of_two_operators_the_one_that_leads_hands_over_before_its_own_node_has_its_turn(napsim: Installation) -> None:
    napsim.install("replicas=2")
    napsim.watch("two operators on two nodes", lambda _: len({node_of(pod) for pod in napsim.operators()}) == 2)
    home = napsim.node_of(napsim.leader())
    version = napsim.publish()
    watched = napsim.rolled_out(version)
    assert_sound(watched)
    assert watched.disrupted[-1] == home, "the operator's own node goes last"
    assert len(watched.leaders) > 1, "leadership was handed over"


def node_of(pod: dict[str, Any]) -> str:
    return str(pod["spec"].get("nodeName", ""))


@pytest.fixture
def fake_pool(napsim: Installation, kwok_image: str) -> Iterator[str]:
    """A pool of two fake nodes beside the real ones; gone afterwards."""
    repository, _, tag = kwok_image.rpartition(":")
    napsim.install("kwok.enabled=true", f"kwok.image.repository={repository}", f"kwok.image.tag={tag}")
    pool = m.pool("fake", [{"nodes": "1"}], replicas=2, taints=[{"key": "example.com/fake", "effect": "NoSchedule"}])
    pool["metadata"]["annotations"] = {"napsim.dev/node-provider": "kwok"}
    napsim.apply(pool)
    yield "fake"
    napsim.kubectl("delete", "nodepool", "fake", "--wait=true", "--timeout=180s")


def test_fake_nodes_beside_real_ones_are_replaced_too(napsim: Installation, fake_pool: str) -> None:
    def ready() -> set[str]:
        nodes = napsim.items("nodes", f"--selector={POOL}={fake_pool},karpenter.sh/initialized=true")
        return {node["metadata"]["name"] for node in nodes}

    napsim.watch("two fake nodes are ready", lambda _: len(ready()) == 2)
    before = ready()
    version = napsim.publish()
    assert_sound(napsim.rolled_out(version))
    napsim.watch("two other fake nodes are ready", lambda _: len(ready()) == 2 and not ready() & before)


def test_an_uninstall_leaves_nothing_but_the_crds(napsim: Installation, cluster: Cluster) -> None:
    version = napsim.publish()
    napsim.under_way(version)
    napsim.uninstall()
    for node in napsim.items("nodes"):
        metadata = node["metadata"]
        mine = [key for key in (*metadata["labels"], *metadata.get("annotations", {})) if is_ours(key)]
        assert mine == []
        assert metadata.get("finalizers", []) == []
        assert [taint["key"] for taint in node["spec"].get("taints", ()) if is_ours(taint["key"])] == []
    kept = {item["metadata"]["name"] for item in napsim.items("customresourcedefinitions") if is_ours(name_of(item))}
    assert len(kept) == 6
    for crd in sorted(kept):
        assert [item["metadata"].get("finalizers", []) for item in napsim.items(crd)] == [[]] * len(napsim.items(crd))
    selector = "--selector=app.kubernetes.io/part-of=napsim"
    kinds = "clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,deployments,jobs,pods,services,leases"
    eventually(
        lambda: napsim.items(kinds, selector, "--all-namespaces") == [], "nothing of the chart is left, not even ending"
    )
    assert [name_of(item) for item in napsim.items("leases", f"--namespace={NAMESPACE}")] == []


def is_ours(key: str) -> bool:
    return any(group in key for group in ("karpenter.sh", "karpenter.azure.com", "kubernetes.azure.com", "napsim.dev"))


def name_of(item: dict[str, Any]) -> str:
    return str(item["metadata"]["name"])


def test_no_request_of_the_operator_was_refused_and_the_control_plane_was_never_written_to(
    napsim: Installation,
) -> None:
    refused = requests_of(napsim.cluster.audit_log, OPERATOR).refused
    at_work = [str(one) for one in refused if not any(a <= one.instant <= b for a, b in napsim.uninstalls)]
    assert at_work == []
    control_plane = name_of(*napsim.items("nodes", "--selector=node-role.kubernetes.io/control-plane"))
    written = [event for event in napsim.audit() if event.written and event.resource == "nodes"]
    ours = [event for event in written if event.user_agent.startswith("napsim/")]
    assert len({event.key for event in ours}) >= 3
    assert control_plane not in {event.key for event in ours}
