"""``napsim watch`` on a real API server, with objects made by hand: nobody but the watcher runs."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from napsim.api.crd import render
from napsim.api.registry import KINDS
from napsim.cluster import Cluster, restart_component
from tests.e2e.commands import NAPSIM, on_terminal, piped
from tests.e2e.conftest import MakeCluster
from tests.e2e.kubectl import WAIT_SECONDS, apply, kubectl, served

LABEL = "kubernetes.azure.com/node-image-version"
POOL = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodePool",
    "metadata": {"name": "workers"},
    "spec": {
        "disruption": {"consolidateAfter": "Never", "budgets": [{"nodes": "2"}]},
        "template": {
            "spec": {
                "nodeClassRef": {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"},
                "requirements": [],
            }
        },
    },
}


def node(number: int) -> dict[str, Any]:
    labels = {LABEL: "AKSUbuntu-2404gen2containerd-202601.27.0", "karpenter.sh/initialized": "true"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"aks-{number}", "labels": labels}}


def claim(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": f"claim-{number}", "labels": {"karpenter.sh/nodepool": "workers"}},
        "spec": POOL["spec"]["template"]["spec"],  # type: ignore[index]  # a manifest
    }


def set_conditions(cluster: Cluster, number: int, *types: str) -> None:
    conditions = [
        {"type": name, "status": "True", "reason": name, "message": "", "lastTransitionTime": "2026-02-15T01:00:00Z"}
        for name in types
    ]
    status = {"status": {"nodeName": f"aks-{number}", "conditions": conditions}}
    kubectl(
        cluster,
        "patch",
        "nodeclaim",
        f"claim-{number}",
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps(status)}",
    )


@pytest.fixture
def populated(make_cluster: MakeCluster) -> Cluster:
    """Three nodes of Karpenter's in a pool; none of napsim's own kinds is installed."""
    cluster = make_cluster()
    karpenters = [kind for kind in KINDS if kind.group != "napsim.dev"]
    kubectl(cluster, "apply", "--filename=-", stdin="---\n".join(render(kind) for kind in karpenters))
    served(cluster)
    apply(cluster, POOL, *(node(number) for number in range(3)), *(claim(number) for number in range(3)))
    for number in range(3):
        set_conditions(cluster, number, "Launched", "Registered", "Initialized")
    return cluster


def watch_once(cluster: Cluster, *options: str) -> str:
    command = [*NAPSIM, "watch", "--kubeconfig", str(cluster.kubeconfig), "--once", *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=WAIT_SECONDS).stdout


def test_karpenter_alone_is_watched_live(populated: Cluster) -> None:
    """One test, because a cluster takes its time: each part says what it is about."""
    shown = watch_once(populated)
    assert "workers AAA" in shown
    assert "none: this cluster has no MaintenanceConfiguration" in shown

    parsed = json.loads(watch_once(populated, "--output", "json"))
    assert parsed["pools"][0]["groups"] == [{"version": "202601.27.0", "phase": "current", "nodes": 3}]

    kubeconfig = ("--kubeconfig", str(populated.kubeconfig))
    with piped("watch", *kubeconfig) as plain, piped("watch", "--output", "json", *kubeconfig) as documents:
        plain.until("3/3")
        documents.until('"total":3')
        set_conditions(populated, 1, "Launched", "Registered", "Initialized", "Drifted")
        plain.until("pool workers: 2/3 updated, 1 drifted, 0 of 2 disrupting")
        documents.until('"phase":"drifted","nodes":1')
        restart_component(populated.name, "kube-apiserver")
        plain.until("not up to date")
        set_conditions(populated, 2, "Launched", "Registered", "Initialized", "Drifted")
        plain.until("pool workers: 1/3 updated, 2 drifted")
        plain.until("the API server answers again")
        for command in (plain, documents):
            command.interrupt()
            assert command.end() == 0, command.text
    for line in documents.text.splitlines():
        json.loads(line)


def test_q_ends_the_live_view_and_gives_the_terminal_back(populated: Cluster) -> None:
    with on_terminal("watch", "--kubeconfig", str(populated.kubeconfig)) as live:
        live.until("q quits")
        live.type(b"q")
        assert live.end() == 0, live.text
    screen, _, after = live.text.partition("\x1b[?1049l")
    assert "\x1b[?1049h" in screen
    assert "workers" in after
