"""Clusters by name: what they do, that they stay apart, and that nothing of them stays."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from napsim.cluster import (
    Cluster,
    ClusterError,
    ClusterExists,
    cluster_status,
    create_cluster,
    delete_cluster,
    find_cluster,
    list_clusters,
    restart_component,
    start_component,
    stop_component,
)
from napsim.cluster.folders import controlplane_sources
from tests.e2e.conftest import MakeCluster
from tests.e2e.kubectl import WAIT_SECONDS, apply, eventually, get, kubectl
from tests.e2e.ownership import unused_name

CONTROL_PLANE = controlplane_sources()
ALLOCATABLE = {"cpu": "3860m", "memory": "12880Mi", "pods": "30"}


def node(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "status": {"capacity": {"cpu": "4", "memory": "16Gi", "pods": "30"}, "allocatable": ALLOCATABLE},
    }


def deployment(name: str, replicas: int) -> dict[str, Any]:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def disruption_budget(name: str, max_unavailable: int) -> dict[str, Any]:
    spec = {"maxUnavailable": max_unavailable, "selector": {"matchLabels": {"app": name}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec}


def ready_replicas(cluster: Cluster, name: str) -> int:
    return int(get(cluster, "deployment", name)["status"].get("readyReplicas", 0))


def is_ready(cluster: Cluster, name: str) -> bool:
    conditions = get(cluster, "node", name)["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def processes_naming(text: str) -> list[list[str]]:
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [
        command for command in commands if any(text in argument for argument in command) and "pytest" not in command
    ]


def audited(cluster: Cluster, **reference: str) -> list[dict[str, Any]]:
    """The audit log's events on the object with these fields."""
    lines = cluster.audit_log.read_text().splitlines(keepends=True)
    events = [json.loads(line) for line in lines if line.endswith("\n")]  # the last one may still be written
    return [event for event in events if reference.items() <= event.get("objectRef", {}).items()]


def test_all_components_run_and_listen_on_the_loopback_address_only(cluster: Cluster) -> None:
    status = cluster_status(cluster.name)
    assert status.running
    assert [component.name for component in status.components] == [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kwok-controller",
    ]
    listening = [
        connection.laddr.ip
        for component in status.components
        for connection in psutil.Process(component.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 5
    assert set(listening) == {"127.0.0.1"}


def test_the_api_server_is_the_pinned_version(cluster: Cluster) -> None:
    minor = os.environ.get("NAPSIM_KUBERNETES")
    module = CONTROL_PLANE / (f"kubernetes-{minor}" if minor else "kubernetes") / "go.mod"
    (pinned,) = re.findall(r"k8s\.io/kubernetes (v\S+)", module.read_text())
    answer = json.loads(kubectl(cluster, "version", "--output=json").stdout)
    assert answer["serverVersion"]["gitVersion"] == answer["clientVersion"]["gitVersion"] == pinned


def test_a_fake_node_gets_ready_and_keeps_its_allocatable_and_pods_on_it_run(cluster: Cluster) -> None:
    apply(cluster, node("ready"), deployment("running", 3))
    eventually(lambda: is_ready(cluster, "ready"), "node ready")
    assert get(cluster, "node", "ready")["status"]["allocatable"] == ALLOCATABLE
    eventually(lambda: ready_replicas(cluster, "running") == 3, "three pods running")
    kubectl(cluster, "delete", "deployment/running", "--cascade=foreground")
    assert get(cluster, "pods", "--selector=app=running")["items"] == []
    kubectl(cluster, "delete", "node/ready")


def test_draining_against_a_budget_with_nothing_to_spare_is_refused_and_on_record(cluster: Cluster) -> None:
    apply(cluster, node("held"), deployment("held", 2), disruption_budget("held", 0))
    eventually(lambda: ready_replicas(cluster, "held") == 2, "two pods running")
    eventually(
        lambda: get(cluster, "poddisruptionbudget", "held")["status"].get("currentHealthy") == 2, "budget counted"
    )
    drained = kubectl(cluster, "drain", "held", "--timeout=10s", check=False)
    assert drained.returncode != 0
    assert "Cannot evict pod as it would violate the pod's disruption budget" in drained.stderr
    eviction = {"resource": "pods", "subresource": "eviction"}
    eventually(lambda: bool(audited(cluster, **eviction)), "it is on record")
    assert {event["responseStatus"]["code"] for event in audited(cluster, **eviction)} == {429}
    writes = [event for event in audited(cluster, resource="nodes", name="held") if event["verb"] == "patch"]
    nodes = [event["responseObject"] for event in writes if event["responseStatus"]["code"] == 200]
    assert any(node["spec"].get("unschedulable") for node in nodes)
    kubectl(cluster, "delete", "deployment/held", "--cascade=foreground")
    kubectl(cluster, "delete", "poddisruptionbudget/held", "node/held")


def test_no_secret_is_on_record_with_its_content(cluster: Cluster) -> None:
    kubectl(cluster, "create", "secret", "generic", "hidden", "--from-literal=key=plainly-visible")
    eventually(lambda: bool(audited(cluster, resource="secrets", name="hidden")), "it is on record")
    assert "plainly-visible" not in cluster.audit_log.read_text()
    kubectl(cluster, "delete", "secret", "hidden")


def test_a_restart_of_the_api_server_keeps_what_it_held(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    apply(cluster, node("kept"))
    stop_component(cluster.name, "kube-apiserver", grace_seconds=0)
    assert not cluster_status(cluster.name).running
    assert kubectl(cluster, "get", "nodes", check=False).returncode != 0
    start_component(cluster.name, "kube-apiserver")
    assert cluster_status(cluster.name).running
    assert get(cluster, "nodes")["items"][0]["metadata"]["name"] == "kept"


@pytest.mark.parametrize("component", ["etcd", "kube-controller-manager", "kube-scheduler", "kwok-controller"])
def test_a_restarted_component_does_its_work_again(own_cluster: Cluster, component: str) -> None:
    apply(own_cluster, node("there"))
    restart_component(own_cluster.name, component, grace_seconds=0)
    apply(own_cluster, deployment(f"after-{component}", 1))
    eventually(lambda: ready_replicas(own_cluster, f"after-{component}") == 1, "a new pod runs")
    assert cluster_status(own_cluster.name).running


def test_clusters_side_by_side_stay_apart(cluster: Cluster, make_cluster: MakeCluster) -> None:
    other = make_cluster(audit=False, extra_args={"kube-controller-manager": {"kube-api-qps": "7"}})
    apply(other, node("only-here"))
    assert "only-here" not in kubectl(cluster, "get", "nodes", "--output=name").stdout
    assert any("--kube-api-qps=7" in command for command in processes_naming(str(other.folder)))
    assert not other.audit_log.exists()
    assert delete_cluster(other.name)
    assert cluster_status(cluster.name).running


def test_a_name_is_taken_only_once(cluster: Cluster) -> None:
    with pytest.raises(ClusterExists, match=f"napsim cluster delete --name {cluster.name}"):
        create_cluster(cluster.name)
    assert cluster_status(cluster.name).running


def test_deleting_leaves_no_process_and_no_file_even_of_a_damaged_cluster(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    (cluster.workdir / "kwok.yaml").write_text("damaged: [")
    (cluster.folder / "cluster.json").write_text("{")
    for pid_file in (cluster.workdir / "pids").iterdir():
        pid_file.unlink()
    assert len(processes_naming(str(cluster.folder))) == 5
    assert delete_cluster(cluster.name)
    assert processes_naming(str(cluster.folder)) == []
    assert not cluster.folder.exists()
    assert cluster.name not in list_clusters()
    assert not delete_cluster(cluster.name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("started", ["kwokctl", "kube-apiserver"])
def test_an_interrupted_creation_leaves_nothing(number: signal.Signals, started: str) -> None:
    name = unused_name()
    napsim = Path(sys.executable).with_name("napsim")
    creation = subprocess.Popen([napsim, "cluster", "create", "--name", name], stderr=subprocess.PIPE, text=True)
    eventually(
        lambda: any(Path(command[0]).name == started for command in processes_naming(f"/{name}/")), f"{started} runs"
    )
    creation.send_signal(number)
    _, said = creation.communicate(timeout=WAIT_SECONDS)
    assert creation.returncode == 130
    assert "interrupted, and cleaned up" in said
    assert processes_naming(f"/{name}/") == []
    assert name not in list_clusters()


def test_a_component_that_cannot_start_fails_the_creation_with_its_log_and_leaves_nothing() -> None:
    name = unused_name()
    with pytest.raises(ClusterError, match=r"unknown flag: --no-such-flag"):
        create_cluster(name, extra_args={"kube-apiserver": {"no-such-flag": "1"}})
    assert processes_naming(f"/{name}/") == []
    assert name not in list_clusters()


def test_the_command_line_creates_shows_and_deletes_without_a_terminal() -> None:
    name = unused_name()

    def napsim(command: str) -> subprocess.CompletedProcess[str]:
        arguments = [str(Path(sys.executable).with_name("napsim")), "cluster", command, "--name", name]
        return subprocess.run(arguments, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    try:
        assert napsim("status").returncode == 3
        assert napsim("create").returncode == 0
        assert napsim("create").returncode == 3
        status = napsim("status")
        assert status.returncode == 0
        assert "API server  ready" in status.stdout
        assert napsim("kubeconfig").stdout.strip() == str(find_cluster(name).kubeconfig)
        assert napsim("delete").returncode == 0
        assert napsim("delete").returncode == 0
        assert napsim("kubeconfig").returncode == 3
    finally:
        delete_cluster(name)
