"""The Helm chart on a real API server: installed, upgraded, rolled back and uninstalled.

The pods of the chart run on a Node that KWOK plays: that they are admitted, scheduled and replaced is real, what runs
in them is not. So the Job before an uninstall ends well whatever it would do.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from napsim.cluster import Cluster, control_plane, create_cluster, delete_cluster, find_helm, stop_component
from napsim.cluster.progress import Silent
from tests.e2e.auditor.access import Account, beyond, bound_to, grants_of, requests_of, unused
from tests.e2e.conftest import MakeCluster
from tests.e2e.kubectl import WAIT_SECONDS, apply, eventually, get, kubectl, token_kubeconfig
from tests.e2e.ownership import unused_name

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "charts/napsim"
NAMESPACE: Final = "napsim-system"
ELSEWHERE: Final = "elsewhere"
INSTANCE: Final = "app.kubernetes.io/instance=napsim"
KWOK: Final = Account(NAMESPACE, "napsim-kwok")
NODE: Final = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "real-enough", "annotations": {"kwok.x-k8s.io/node": "fake"}},
    "status": {"capacity": {"cpu": "4", "memory": "8Gi", "pods": "20"}},
}
# Everything that the chart can make, but custom resources.
KINDS: Final = (
    "deployments,jobs,pods,services,configmaps,serviceaccounts,poddisruptionbudgets,networkpolicies,roles,rolebindings,"
    "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"
)
CRDS: Final = sorted(yaml.safe_load(file.read_text())["metadata"]["name"] for file in (ROOT / "crds").iterdir())

TIMEOUT: Final = f"--timeout={WAIT_SECONDS:g}s"

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    """A cluster with one Node and a namespace that admits only restricted pods."""
    made = create_cluster(unused_name())
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    apply(made, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}, NODE)
    yield made
    delete_cluster(made.name)


@pytest.fixture
def site(shared: Cluster) -> Iterator[Cluster]:
    """The cluster without the chart, before and after. CRDs stay: an API server may take minutes to delete them."""
    yield shared
    for namespace in (NAMESPACE, ELSEWHERE):
        helm(shared, "uninstall", "napsim", "--ignore-not-found", "--no-hooks", "--wait", namespace=namespace)


def helm(cluster: Cluster, *arguments: str, check: bool = True, namespace: str = NAMESPACE) -> str:
    """Run helm and give back what it printed; with `check`, a failure fails the test."""
    command = [str(find_helm(Silent()).executable), f"--kubeconfig={cluster.kubeconfig}", f"--namespace={namespace}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
    return done.stdout if done.returncode == 0 else done.stderr


def deploy(cluster: Cluster, verb: str, *options: str, chart: Path = CHART) -> str:
    """Install or upgrade, and wait until everything is ready."""
    return helm(cluster, verb, "napsim", str(chart), "--wait", TIMEOUT, *options)


def specs(cluster: Cluster) -> dict[str, Manifest]:
    """The specs of our CRDs, as the API server stores them."""
    found = get(cluster, "customresourcedefinitions")["items"]
    return {item["metadata"]["name"]: item["spec"] for item in found if item["metadata"]["name"] in CRDS}


def staying(cluster: Cluster) -> list[str]:
    """Our CRDs that are not on their way out."""
    found = (item["metadata"] for item in get(cluster, "customresourcedefinitions")["items"])
    return [item["name"] for item in found if item["name"] in CRDS and "deletionTimestamp" not in item]


def of_the_release(cluster: Cluster) -> set[str]:
    """Kind and name of everything that carries the release's label."""
    found = get(cluster, KINDS, "--all-namespaces", f"--selector={INSTANCE}")["items"]
    return {f"{item['kind']}/{item['metadata']['name']}" for item in found}


def of_kind(cluster: Cluster, kind: str) -> set[str]:
    return {name for name in of_the_release(cluster) if name.startswith(f"{kind}/")}


def ready_pods(cluster: Cluster) -> int:
    """The operator's pods that are ready."""
    pods = get(cluster, "pods", f"--namespace={NAMESPACE}", "--selector=app.kubernetes.io/component=operator")["items"]
    conditions = [condition for pod in pods for condition in pod["status"].get("conditions", [])]
    return sum(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def test_it_is_installed_upgraded_rolled_back_and_uninstalled_under_restricted_pod_security(site: Cluster) -> None:
    said = deploy(site, "install")
    assert "1. See that it runs" in said
    assert "3. Watch the rollout" in said
    assert ready_pods(site) == 1
    assert of_kind(site, "Role") == {"Role/napsim", "Role/napsim-windows"}, (
        "what the hook may do is there for nothing yet"
    )

    deploy(site, "upgrade", "--set=replicas=2,networkPolicy.enabled=true,metrics.service.enabled=true")
    eventually(lambda: ready_pods(site) == 2, "two operators")
    assert {"PodDisruptionBudget/napsim", "NetworkPolicy/napsim", "Service/napsim-metrics"} <= of_the_release(site)

    helm(site, "rollback", "napsim", "1", "--wait", TIMEOUT)
    eventually(lambda: ready_pods(site) == 1, "one operator")
    assert not of_the_release(site) & {"PodDisruptionBudget/napsim", "NetworkPolicy/napsim", "Service/napsim-metrics"}

    # As the operator does when it first starts.
    metadata = {"name": "napsim", "namespace": NAMESPACE}
    apply(site, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata})
    helm(site, "uninstall", "napsim", "--wait", TIMEOUT)
    eventually(lambda: not of_the_release(site), "nothing of the release")
    assert not get(site, "leases", f"--namespace={NAMESPACE}")["items"]
    assert sorted(specs(site)) == CRDS


def test_a_namespace_that_is_not_there_is_created(site: Cluster) -> None:
    options = ("--create-namespace", "--wait", TIMEOUT)
    helm(site, "install", "napsim", str(CHART), "--set=crds.install=false", *options, namespace=ELSEWHERE)
    pods = get(site, "pods", f"--namespace={ELSEWHERE}")["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Running"]


def test_the_crds_of_the_chart_are_those_that_kubectl_applies_and_go_with_it_by_choice(
    make_cluster: MakeCluster,
) -> None:
    fresh = make_cluster()
    refused = helm(fresh, "install", "napsim", str(CHART), "--set=examples.windows=true", check=False)
    assert "install without them first" in refused
    dry = ("--dry-run=server", "--output=json", f"--filename={ROOT / 'crds'}")
    applied = json.loads(kubectl(fresh, "apply", "--server-side", *dry).stdout)["items"]
    helm(fresh, "install", "napsim", str(CHART), "--create-namespace", "--set=crds.keep=false")
    assert specs(fresh) == {item["metadata"]["name"]: item["spec"] for item in applied}
    assert sorted(specs(fresh)) == CRDS
    helm(fresh, "uninstall", "napsim", "--no-hooks")
    # The API server takes its time to end each of them, minutes on a busy machine: that is not the chart's.
    eventually(lambda: not staying(fresh), "no CRDs but those on their way out, as they are not kept")


def test_crds_of_somebody_else_are_left_alone_unless_they_are_to_be_taken_over(make_cluster: MakeCluster) -> None:
    fresh = make_cluster()
    kubectl(fresh, "apply", "--server-side", f"--filename={ROOT / 'crds'}")
    install = ("install", "napsim", str(CHART), "--create-namespace")
    assert "cannot be imported into the current release" in helm(fresh, *install, check=False)
    helm(fresh, *install, "--set=crds.install=false")
    helm(fresh, "uninstall", "napsim", "--no-hooks")
    assert sorted(specs(fresh)) == CRDS
    helm(fresh, *install, "--take-ownership")
    label = "--selector=app.kubernetes.io/managed-by=Helm"
    assert len(get(fresh, "customresourcedefinitions", label)["items"]) == len(CRDS)


def test_kept_crds_keep_what_was_declared_and_are_taken_over_by_the_next_install(site: Cluster) -> None:
    image = {"osSKU": "Ubuntu2404", "definition": "2404gen2containerd", "version": "202601.27.0"}
    deploy(site, "install")
    metadata = {"name": "kept"}
    apply(site, {"apiVersion": "napsim.dev/v1alpha1", "kind": "NodeImage", "metadata": metadata, "spec": image})
    helm(site, "uninstall", "napsim", "--wait", TIMEOUT)
    deploy(site, "install")
    assert get(site, "nodeimages", "kept")["spec"] == image
    kubectl(site, "delete", "nodeimages", "kept")


def test_an_upgrade_of_the_chart_upgrades_its_crds(site: Cluster, tmp_path: Path) -> None:
    older = tmp_path / "napsim"
    shutil.copytree(CHART, older)
    file = older / "files/crds/napsim.dev_nodeimages.yaml"
    text = file.read_text()
    assert text.count("    - ni\n") == 1
    file.write_text(text.replace("    - ni\n", "    - older\n"))
    deploy(site, "install", chart=older)
    assert specs(site)["nodeimages.napsim.dev"]["names"]["shortNames"] == ["older"]
    deploy(site, "upgrade")
    assert specs(site)["nodeimages.napsim.dev"]["names"]["shortNames"] == ["ni"]


def test_examples_come_with_an_upgrade_and_go_with_the_chart(site: Cluster) -> None:
    wanted = ("--reuse-values", "--set=examples.settings=true,examples.windows=true", "--set=examples.pools=true")
    deploy(site, "install", "--set=replicas=2")
    deploy(site, "upgrade", *wanted, "--set=examples.images=true")
    kinds = "nodeautoprovisionings,maintenanceconfigurations,nodepools,aksnodeclasses,nodeimages"
    found = [item["kind"] for item in get(site, kinds)["items"]]
    assert {kind: found.count(kind) for kind in found} == {
        "NodeAutoProvisioning": 1,
        "MaintenanceConfiguration": 1,
        "NodePool": 2,
        "AKSNodeClass": 1,
        "NodeImage": 6,
    }
    assert ready_pods(site) == 2
    helm(site, "uninstall", "napsim", "--wait", TIMEOUT)
    eventually(lambda: not get(site, kinds)["items"], "no examples")


def test_the_hook_runs_before_an_uninstall_and_exists_only_while_it_runs(site: Cluster) -> None:
    deploy(site, "install")
    before = told_of_the_hook(site)
    assert not [name for name in of_the_release(site) if name.endswith("/napsim-release")]
    helm(site, "uninstall", "napsim", "--wait", TIMEOUT)
    # Its pod was admitted, so its account was there.
    wanted = {"SuccessfulCreate", "Completed"}
    eventually(lambda: {reason for _, reason in told_of_the_hook(site) - before} >= wanted, "events of the hook")
    eventually(lambda: not of_the_release(site), "nothing of the release, nor of its hook")


def test_where_it_only_drives_an_uninstall_takes_the_window_along_and_leaves_the_rest(site: Cluster) -> None:
    """A window that nobody moves on would close the provider for good. The claims are the provider's."""
    deploy(site, "install", "--set=drive=true,crds.install=false")
    assert of_kind(site, "Role") == {"Role/napsim", "Role/napsim-windows"}
    window, note = ("upcoming-maintenance-window", "note")
    for name in (window, note):
        metadata = {"name": name, "namespace": "kube-system", "labels": {"app.kubernetes.io/managed-by": "napsim"}}
        apply(site, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    before = told_of_the_hook(site)
    helm(site, "uninstall", "napsim", "--wait", TIMEOUT)
    assert told_of_the_hook(site) == before, "napsim release did not run"
    left = {item["metadata"]["name"] for item in get(site, "configmaps", "--namespace=kube-system")["items"]}
    assert note in left
    assert window not in left
    eventually(lambda: not of_the_release(site), "nothing of the release")


def told_of_the_hook(cluster: Cluster) -> set[tuple[str, str]]:
    """The events about its Job, by name and reason."""
    about = "--field-selector=involvedObject.kind=Job,involvedObject.name=napsim-release"
    events = get(cluster, "events", f"--namespace={NAMESPACE}", about)["items"]
    return {(item["metadata"]["name"], item["reason"]) for item in events}


@contextmanager
def kwok_of_the_chart(cluster: Cluster, manifests: list[Manifest]) -> Iterator[None]:
    """KWOK as the chart's Deployment would run it: with its configuration, and under its account."""
    (config,) = [item for item in manifests if item["kind"] == "ConfigMap"]
    file = cluster.folder / "kwok-of-the-chart.yaml"
    file.write_text(config["data"]["kwok.yaml"])
    command = [str(control_plane(Silent())["kwok"]), f"--config={file}", "--node-ip=127.0.0.1"]
    kubeconfig = token_kubeconfig(cluster, KWOK.namespace, KWOK.name)
    with (cluster.folder / "kwok-of-the-chart.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--kubeconfig={kubeconfig}"], stdout=log, stderr=log)
    try:
        yield
        assert process.poll() is None, (cluster.folder / "kwok-of-the-chart.log").read_text()[-2000:]
    finally:
        process.terminate()
        process.wait()


def test_the_kwok_controller_of_the_chart_plays_nodes_and_pods_with_exactly_its_rights(
    make_cluster: MakeCluster,
) -> None:
    cluster = make_cluster()
    stop_component(cluster.name, "kwok-controller")
    text = helm(cluster, "template", "napsim", str(CHART), "--set=kwok.enabled=true", "--show-only=templates/kwok.yaml")
    manifests = [document for document in yaml.safe_load_all(text) if document]
    apply(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    apply(cluster, *[item for item in manifests if item["kind"] == "ServiceAccount"], *bound_to(manifests, KWOK))
    with kwok_of_the_chart(cluster, manifests):
        apply(cluster, NODE, node("real", annotations={}), workload("Job"), workload("Deployment"))
        eventually(lambda: conditions(cluster, "node/real-enough").get("Ready") == "True", "a fake Node is Ready")
        eventually(lambda: phases(cluster, "Deployment") == ["Running", "Running"], "the pods of a Deployment run")
        eventually(lambda: phases(cluster, "Job") == ["Succeeded"], "the pod of a Job is done")
        assert get(cluster, "node/real-enough")["status"]["allocatable"]["cpu"] == "4"
        kubectl(cluster, "delete", "deployment/deployment", "--wait", "--cascade=foreground", TIMEOUT)
        assert not phases(cluster, "Deployment")
        renewed = renewal(cluster)
        eventually(lambda: renewal(cluster) != renewed, "the lease of the Node is renewed")
    assert "Ready" not in conditions(cluster, "node/real"), "a Node that does not ask for it is left alone"
    requests = requests_of(cluster.audit_log, KWOK)
    granted = grants_of(manifests, KWOK)
    assert not beyond(granted, requests.refused)
    assert not unused(granted, requests.allowed)


def node(name: str, *, annotations: dict[str, str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "annotations": annotations}}


def workload(kind: str) -> Manifest:
    """A Job, or a Deployment of two, named like its kind."""
    name = kind.lower()
    pod: Manifest = {
        "metadata": {"labels": {"of": kind}},
        "spec": {
            "initContainers": [{"name": "before", "image": "none"}],
            "containers": [{"name": "main", "image": "none"}],
        },
    }
    metadata = {"name": name, "namespace": "default"}
    if kind == "Job":
        pod["spec"]["restartPolicy"] = "Never"
        return {"apiVersion": "batch/v1", "kind": kind, "metadata": metadata, "spec": {"template": pod}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"of": kind}}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def conditions(cluster: Cluster, what: str) -> dict[str, str]:
    """Its conditions that somebody reported: the node controller's Unknown is none."""
    found = get(cluster, what)["status"].get("conditions", [])
    return {item["type"]: item["status"] for item in found if item["status"] != "Unknown"}


def phases(cluster: Cluster, of: str) -> list[str]:
    pods = get(cluster, "pods", "--namespace=default", f"--selector=of={of}")["items"]
    return [pod["status"]["phase"] for pod in pods]


def renewal(cluster: Cluster) -> str:
    lease = get(cluster, "lease/real-enough", "--namespace=kube-node-lease")
    return str(lease["spec"]["renewTime"])
