"""Each check of ``napsim doctor``: what it says of a healthy cluster, and of one that lacks what it looks for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

import napsim
from napsim.api import names
from napsim.api.crd import custom_resource_definition
from napsim.api.registry import KINDS
from napsim.cli.examination import interpreted, option
from napsim.core.objects import Node, NodeClaim, Pod, PodDisruptionBudget
from napsim.report.doctor.checks import CHECKS, answers, examine
from napsim.report.doctor.findings import Finding, Severity
from napsim.report.doctor.permissions import REQUIRED
from napsim.report.doctor.readings import Deployment, Readings
from napsim.report.observed import Lease
from tests.manifests import load_manifests

Manifest = dict[str, Any]
NOW = datetime(2026, 2, 15, 2, 14, tzinfo=UTC)
LONG_AGO = "2026-02-01T00:00:00Z"
EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
SHIPPED = tuple(custom_resource_definition(kind) for kind in KINDS)
STANDING = [{"type": name, "status": "True"} for name in ("NamesAccepted", "Established")]
SERVICE_ACCOUNT = "system:serviceaccount:napsim-system:napsim"


# --- a healthy cluster ------------------------------------------------------------------------------------------------


def stored(manifest: Manifest, **status: Any) -> Manifest:
    """A manifest as the API server holds it, with a status."""
    metadata = {**manifest["metadata"], "uid": manifest["metadata"]["name"], "generation": 1, "resourceVersion": "1"}
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": LONG_AGO, "message": ""}
    whole = {"spec": {}, **manifest, "metadata": {**metadata, "creationTimestamp": LONG_AGO}}
    return {**whole, "status": {"conditions": [ready], **status}}


def applied() -> tuple[Manifest, ...]:
    """The examples, without a clock of their own, as if a year had passed for the images."""
    found = [item for path in sorted(EXAMPLES.glob("*.yaml")) for item in load_manifests(path.read_text())]
    ours = [item for item in found if item["apiVersion"].split("/")[0] in {kind.group for kind in KINDS}]
    for item in ours:
        item["spec"].pop("clock", None)
        if item["kind"] == "NodeImage":
            item["spec"]["publishedAt"] = LONG_AGO
    return tuple(stored(item) for item in ours)


def established(crd: Manifest) -> Manifest:
    served = copy.deepcopy(crd)
    served["spec"]["conversion"] = {"strategy": "None"}
    served["status"] = {"conditions": STANDING, "storedVersions": [crd["spec"]["versions"][0]["name"]]}
    return served


def node(name: str = "aks-one", **changes: Any) -> Node:
    manifest: Manifest = {
        "metadata": {
            "name": name,
            "creationTimestamp": LONG_AGO,
            "labels": {names.NODEPOOL: "default", names.INITIALIZED: "true"},
            "annotations": {names.KWOK_NODE: "fake"},
        },
        "spec": {"providerID": f"napsim://{name}"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    return msgspec.convert(merged(manifest, changes), Node)


def claim(name: str = "one", **changes: Any) -> NodeClaim:
    manifest: Manifest = {
        "metadata": {"name": name, "labels": {names.NODEPOOL: "default"}, "finalizers": [names.TERMINATION_FINALIZER]},
        "status": {"nodeName": "aks-one", "providerID": "napsim://aks-one"},
    }
    return msgspec.convert(merged(manifest, changes), NodeClaim)


def merged(manifest: Manifest, changes: Manifest) -> Manifest:
    for key, value in changes.items():
        manifest[key] = merged(manifest.get(key, {}), value) if isinstance(value, dict) else value
    return manifest


def pod(name: str = "web-1", annotations: Manifest | None = None) -> Pod:
    metadata = {"name": name, "namespace": "shop", "labels": {"app": "web"}, "annotations": annotations or {}}
    return msgspec.convert({"metadata": metadata, "spec": {"nodeName": "aks-one"}, "status": {"phase": "Running"}}, Pod)


def pdb(name: str, spec: Manifest, expected: int = 3, desired: int = 2, allowed: int = 1) -> PodDisruptionBudget:
    manifest = {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
        "status": {"expectedPods": expected, "desiredHealthy": desired, "disruptionsAllowed": allowed},
    }
    return msgspec.convert(manifest, PodDisruptionBudget)


def lease(name: str = "napsim", holder: str = "somewhere_1", ago: float = 1.0, namespace: str = "kube-system") -> Lease:
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": 15,
        "renewTime": (NOW - timedelta(seconds=ago)).isoformat(),
    }
    return msgspec.convert({"metadata": {"name": name, "namespace": namespace}, "spec": spec}, Lease)


def deployment(name: str = "napsim", ready: int = 1, replicas: int = 1, labels: Manifest | None = None) -> Deployment:
    own = {"app.kubernetes.io/name": name, "app.kubernetes.io/version": napsim.__version__}
    manifest = {
        "metadata": {"name": name, "namespace": "napsim-system", "labels": own | (labels or {})},
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": ready},
    }
    return msgspec.convert(manifest, Deployment)


@cache
def healthy() -> Readings:
    return interpreted(
        Readings(
            real=NOW,
            server="https://127.0.0.1:6443",
            version=napsim.__version__,
            server_version="v1.36.3",
            crds=tuple(established(item) for item in SHIPPED),
            shipped=SHIPPED,
            nodes=(node(),),
            claims=(claim(),),
            pods=(pod(),),
            pdbs=(pdb("web", {"maxUnavailable": 1}),),
            leases=(lease(),),
            deployments=(deployment(),),
            manifests=applied(),
            service_account=SERVICE_ACCOUNT,
            allowed={str(item): True for item in REQUIRED},
        )
    )


def findings(readings: Readings, check: str) -> list[Finding]:
    (made,) = [item for item in CHECKS if item.id == check]
    return list(answers(made, readings))


def test_the_examples_in_a_healthy_cluster_have_nothing_wrong() -> None:
    others = [item for item in examine(healthy()) if item.severity is not Severity.OK]
    assert [(item.check, item.severity) for item in others] == [("nodes-opted-in", Severity.NOT_APPLICABLE)]


# --- what is wrong ----------------------------------------------------------------------------------------------------


def with_manifest(kind: str, name: str, change: Callable[[Manifest], object]) -> Readings:
    """The healthy cluster with one applied object changed."""
    readings = healthy()
    manifests = copy.deepcopy(readings.manifests)
    (found,) = [item for item in manifests if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    change(found)  # type: ignore[arg-type]  # a manifest of this test, which may be changed
    return interpreted(replace(readings, manifests=manifests))


def without(*kinds: str) -> Readings:
    readings = healthy()
    return interpreted(replace(readings, manifests=tuple(m for m in readings.manifests if m["kind"] not in kinds)))


def with_crd(change: Callable[[Manifest], object]) -> Readings:
    first, *others = (established(item) for item in SHIPPED)
    change(first)
    return replace(healthy(), crds=(first, *others))


def budgets(*entries: Manifest) -> Readings:
    def change(pool: Manifest) -> None:
        pool["spec"]["disruption"]["budgets"] = list(entries)

    return with_manifest("NodePool", "default", change)


def condition(kind: str, name: str, **fields: str) -> Readings:
    def change(manifest: Manifest) -> None:
        manifest["status"]["conditions"] = [fields]

    return with_manifest(kind, name, change)


def window(**changes: Any) -> Readings:
    def change(manifest: Manifest) -> None:
        merged(manifest, changes)

    return with_manifest("MaintenanceConfiguration", "aks-managed-node-os-upgrade-schedule", change)


def second_window() -> Readings:
    readings = healthy()
    (first,) = readings.of_kind("MaintenanceConfiguration")
    again = {**first, "metadata": {**first["metadata"], "name": "zz-again"}}
    return interpreted(replace(readings, manifests=(*readings.manifests, again)))


def in_the_future() -> Readings:
    readings = healthy()
    manifests = copy.deepcopy(readings.manifests)
    for item in manifests:
        if item["kind"] == "NodeImage":
            item["spec"]["publishedAt"] = LATER
    return interpreted(replace(readings, manifests=manifests))


DAYTIME: Manifest = {"nodes": "0", "schedule": "0 8 * * mon-fri", "duration": "10h"}


def worker(**labels: str) -> Node:
    """A real node of a kind cluster."""
    manifest = {
        "metadata": {"name": "worker", "creationTimestamp": LONG_AGO, "labels": labels},
        "spec": {"providerID": "kind://docker/kind/worker"},
    }
    return msgspec.convert(manifest, Node)


def in_place(**labels: str) -> Readings:
    """The node provider is inPlace, and a real node has these labels."""
    readings = with_manifest(
        "NodeAutoProvisioning", "default", lambda nap: nap["spec"].update(nodeProvider={"kind": "inPlace"})
    )
    return replace(readings, nodes=(node(), worker(**labels)), claims=(claim(),))


def ready_to_adopt() -> Readings:
    def ready(manifest: Manifest) -> None:
        held = {"status": "True", "reason": "R", "message": "", "observedGeneration": 1, "lastTransitionTime": LONG_AGO}
        version = "/CommunityGalleries/G/images/2404gen2containerd/versions/202601.27.0"
        manifest["status"] = {
            "images": [{"id": version}],
            "kubernetesVersion": "1.36.3",
            "conditions": [{"type": name, **held} for name in ("Ready", "ImagesReady", "KubernetesVersionReady")],
        }

    readings = in_place(**OPTS_IN)
    manifests = copy.deepcopy(readings.manifests)
    (found,) = [item for item in manifests if item["kind"] == "AKSNodeClass"]
    ready(found)  # type: ignore[arg-type]  # a manifest of this test, which may be changed
    return interpreted(replace(readings, manifests=manifests))


OPTS_IN = {names.PLAYS_NODEPOOL: "default"}
NOT_READY: Manifest = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
DISRUPTED: Manifest = {"spec": {"taints": [{"key": names.DISRUPTED_TAINT, "effect": "NoSchedule"}]}}
GOING: Manifest = {"metadata": {"deletionTimestamp": LONG_AGO}}
LATER = "2026-03-01T00:00:00Z"
E, W = Severity.ERROR, Severity.WARNING

PROBLEMS: list[tuple[str, Severity, Callable[[], Readings], str, str]] = [
    # check, severity, the cluster, the object it is about, what it says
    ("api-server", E, lambda: replace(healthy(), server_version="v1.28.9"), "", "supported is 1.30 and newer"),
    ("api-server", W, lambda: replace(healthy(), ready="500: etcd failed"), "", "not ready: 500: etcd failed"),
    (
        "not-a-real-cluster",
        E,
        lambda: replace(healthy(), nodes=(node(spec={"providerID": "azure:///subscriptions/1"}),)),
        "Node/aks-one",
        "do not run napsim here",
    ),
    (
        "not-a-real-cluster",
        E,
        lambda: replace(healthy(), nodes=(node(metadata={"labels": {"kubernetes.azure.com/cluster": "MC_x"}}),)),
        "Node/aks-one",
        "real AKS cluster",
    ),
    (
        "not-a-real-cluster",
        W,
        lambda: replace(healthy(), nodes=(node(spec={"providerID": "aws:///eu/i-1"}),)),
        "Node/aks-one",
        "aws:// is a real cloud's",
    ),
    (
        "no-other-karpenter",
        E,
        lambda: replace(healthy(), deployments=(deployment("karpenter"),)),
        "Deployment/napsim-system/karpenter",
        "a Karpenter is deployed",
    ),
    (
        "no-other-karpenter",
        E,
        lambda: replace(healthy(), rivals=(lease("karpenter-leader-election", "karpenter-1"),)),
        "Lease/kube-system/karpenter-leader-election",
        "karpenter-1 holds its Lease",
    ),
    (
        "crds-installed",
        E,
        lambda: replace(healthy(), crds=healthy().crds[1:]),
        "CustomResourceDefinition/nodeautoprovisionings.napsim.dev",
        "is not installed",
    ),
    (
        "crds-established",
        E,
        lambda: with_crd(lambda crd: crd["status"].update(conditions=[{"type": "NamesAccepted", "status": "False"}])),
        "CustomResourceDefinition/nodeautoprovisionings.napsim.dev",
        "NamesAccepted is False",
    ),
    (
        "crds-owned",
        E,
        lambda: with_crd(lambda crd: crd["metadata"].update(labels={"app.kubernetes.io/managed-by": "Helm"})),
        "CustomResourceDefinition/nodeautoprovisionings.napsim.dev",
        "app.kubernetes.io/managed-by=Helm",
    ),
    (
        "crds-owned",
        E,
        lambda: with_crd(lambda crd: crd["status"].update(storedVersions=["v1alpha1", "v9"])),
        "CustomResourceDefinition/nodeautoprovisionings.napsim.dev",
        "stored in version v9",
    ),
    (
        "crds-current",
        W,
        lambda: with_crd(lambda crd: crd["spec"]["names"].update(shortNames=["old"])),
        "CustomResourceDefinition/nodeautoprovisionings.napsim.dev",
        "it differs at spec.names.shortNames",
    ),
    (
        "operator-deployed",
        E,
        lambda: replace(healthy(), deployments=(deployment(ready=0),)),
        "Deployment/napsim-system/napsim",
        "0 of 1 pods are ready",
    ),
    (
        "operator-deployed",
        E,
        lambda: replace(healthy(), deployments=(deployment(replicas=0),)),
        "Deployment/napsim-system/napsim",
        "is scaled to 0",
    ),
    ("operator-leads", E, lambda: replace(healthy(), leases=()), "", "there is no Lease napsim"),
    ("operator-leads", E, lambda: replace(healthy(), leases=(lease(holder=""),)), "", "nobody holds the Lease"),
    (
        "operator-leads",
        E,
        lambda: replace(healthy(), leases=(lease(ago=600),)),
        "Lease/kube-system/napsim",
        "somewhere_1 has not renewed the Lease for 10m",
    ),
    (
        "operator-leads",
        E,
        lambda: replace(healthy(), leases=(lease(), lease(namespace="napsim-system"))),
        "Lease/napsim-system/napsim",
        "operators lead by 2 Leases",
    ),
    (
        "operator-version",
        W,
        lambda: replace(healthy(), deployments=(deployment(labels={"app.kubernetes.io/version": "0.0.1"}),)),
        "Deployment/napsim-system/napsim",
        "the operator is 0.0.1",
    ),
    (
        "operator-permissions",
        E,
        lambda: replace(healthy(), allowed={"create pods/eviction": False}),
        "ServiceAccount/napsim-system/napsim",
        "may not: create pods/eviction",
    ),
    ("node-provider", E, lambda: replace(healthy(), nodes=(node(**NOT_READY),)), "Node/aks-one", "nobody plays them"),
    (
        "nodeautoprovisioning",
        W,
        lambda: without("NodeAutoProvisioning"),
        "NodeAutoProvisioning/default",
        "the defaults hold",
    ),
    (
        "objects-readable",
        E,
        lambda: window(spec={"timeZone": "Europe/Berln"}),
        "MaintenanceConfiguration/aks-managed-node-os-upgrade-schedule",
        "did you mean Europe/Berlin?",
    ),
    (
        "objects-ready",
        E,
        lambda: condition("AKSNodeClass", "default", type="Ready", status="False", reason="Bad", message="no images"),
        "AKSNodeClass/default",
        "is not ready: Bad no images",
    ),
    (
        "fields-honoured",
        W,
        lambda: condition("NodePool", "default", type="NotYetHonoured", status="True", message="without effect: x"),
        "NodePool/default",
        "without effect: x",
    ),
    ("statuses-current", W, lambda: window(status={"conditions": []}), "MaintenanceConfiguration", "has no status"),
    (
        "statuses-current",
        W,
        lambda: window(status={"changesAt": "2026-02-15T02:00:00Z"}),
        "MaintenanceConfiguration",
        "which was 14m ago",
    ),
    ("pools-have-classes", W, lambda: without("NodePool"), "", "there is no NodePool"),
    ("pools-have-classes", E, lambda: without("AKSNodeClass"), "NodePool/", "no AKSNodeClass of this name"),
    (
        "pools-have-classes",
        E,
        lambda: with_manifest(
            "NodePool",
            "system",
            lambda pool: merged(pool["spec"]["template"]["spec"], {"nodeClassRef": {"kind": "EC2NodeClass"}}),
        ),
        "NodePool/system",
        "allowed is AKSNodeClass",
    ),
    (
        "pools-launch",
        E,
        lambda: with_manifest(
            "NodePool",
            "default",
            lambda pool: pool["spec"]["template"]["spec"].update(
                requirements=[{"key": names.INSTANCE_TYPE, "operator": "In", "values": ["Standard_Nothing"]}]
            ),
        ),
        "NodePool/default",
        "leave no instance type",
    ),
    (
        "images-published",
        E,
        lambda: without("NodeImage"),
        "AKSNodeClass/default",
        "no NodeImage of definition 2404gen2containerd",
    ),
    (
        "images-published",
        W,
        in_the_future,
        "AKSNodeClass/default",
        "published in the future",
    ),
    ("window-governs", W, lambda: without("MaintenanceConfiguration"), "", "picked up at any time"),
    ("window-governs", W, second_window, "MaintenanceConfiguration/zz-again", "of which AKS has one"),
    (
        "windows-sound",
        E,
        lambda: window(spec={"maintenanceWindow": {"startTime": "25:00"}}),
        "MaintenanceConfiguration/aks-managed-node-os-upgrade-schedule",
        "startTime",
    ),
    (
        "windows-sound",
        W,
        lambda: window(status={"leadTimeWarning": "changed too late"}),
        "MaintenanceConfiguration/aks-managed-node-os-upgrade-schedule",
        "changed too late",
    ),
    (
        "windows-sound",
        W,
        lambda: window(spec={"timeInWeek": [{"day": "Monday"}], "configName": "default"}),
        "MaintenanceConfiguration/aks-managed-node-os-upgrade-schedule",
        "timeInWeek does not count",
    ),
    (
        "budgets-valid",
        E,
        lambda: budgets({"nodes": "10%", "schedule": "61 * * * *", "duration": "1h"}),
        "NodePool/default",
        "budgets[0]",
    ),
    ("budgets-allow", W, lambda: budgets({"nodes": "0"}), "NodePool/default", "never allow"),
    ("budgets-allow", W, lambda: budgets({"nodes": "0%"}), "NodePool/default", "never allow"),
    ("budgets-restrict", W, lambda: budgets(DAYTIME), "NodePool/default", "restricts only while it is active"),
    ("budgets-restrict", W, lambda: budgets(DAYTIME), "NodePool/default", "gates the pick-up of images"),
    ("budgets-restrict", W, budgets, "NodePool/default", "no budget restricts drift"),
    (
        "pdbs-spare",
        W,
        lambda: replace(healthy(), pdbs=(pdb("web", {"maxUnavailable": 0}, allowed=0),)),
        "PodDisruptionBudget/shop/web",
        "maxUnavailable 0 of 3 pods can never spare one: aks-one",
    ),
    (
        "pdbs-spare",
        W,
        lambda: replace(healthy(), pdbs=(pdb("web", {"minAvailable": 3}, 3, 3, 0),)),
        "PodDisruptionBudget/shop/web",
        "minAvailable 3 of 3 pods",
    ),
    (
        "pdbs-spare",
        W,
        lambda: replace(healthy(), pdbs=(pdb("web", {"maxUnavailable": 1}), pdb("web2", {"maxUnavailable": 1}))),
        "Pod/shop/web-1",
        "several PodDisruptionBudgets",
    ),
    (
        "do-not-disrupt",
        W,
        lambda: replace(healthy(), pods=(pod(annotations={names.DO_NOT_DISRUPT: "true"}),)),
        "Pod/shop/web-1",
        "holds its node for ever",
    ),
    (
        "do-not-disrupt",
        W,
        lambda: replace(healthy(), nodes=(node(metadata={"annotations": {names.DO_NOT_DISRUPT: "true"}}),)),
        "Node/aks-one",
        "holds its node for ever",
    ),
    ("taints-belong", W, lambda: replace(healthy(), nodes=(node(**DISRUPTED),)), "Node/aks-one", "but no command"),
    ("nodes-opted-in", W, in_place, "NodePool/default", "there is none to replace"),
    ("nodes-opted-in", W, lambda: in_place(**OPTS_IN), "Node/worker", "NodeClassNotReady"),
    ("nodes-opted-in", W, ready_to_adopt, "Node/worker", "could be taken, but no NodeClaim stands for it"),
    (
        "nodes-opted-in",
        W,
        lambda: in_place(**OPTS_IN, **{names.CONTROL_PLANE: ""}),
        "Node/worker",
        "ControlPlane: the Node is of the control plane",
    ),
    (
        "nodes-opted-in",
        W,
        lambda: in_place(**{names.PLAYS_NODEPOOL: "gone"}),
        "Node/worker",
        "there is no usable NodePool 'gone'",
    ),
    (
        "nodes-opted-in",
        W,
        lambda: replace(healthy(), nodes=(node(), worker(**OPTS_IN))),
        "Node/worker",
        "NodePool default has fake nodes",
    ),
    (
        "finalizers-dropped",
        E,
        lambda: replace(healthy(), leases=(), claims=(claim(**GOING),)),
        "NodeClaim/one",
        "waits for finalizer karpenter.sh/termination",
    ),
    (
        "no-orphans",
        W,
        lambda: replace(healthy(), claims=(claim(metadata={"labels": {names.NODEPOOL: "gone"}}),)),
        "NodeClaim/one",
        "its NodePool gone does not exist",
    ),
    ("no-orphans", W, lambda: replace(healthy(), nodes=()), "NodeClaim/one", "its Node aks-one does not exist"),
    ("no-orphans", W, lambda: replace(healthy(), claims=()), "Node/aks-one", "no NodeClaim is its"),
]


@pytest.mark.parametrize(
    ("check", "severity", "cluster", "object_", "says"), PROBLEMS, ids=[f"{row[0]}: {row[4]}" for row in PROBLEMS]
)
def test_a_problem_is_named_with_its_object_and_a_fix(
    check: str, severity: Severity, cluster: Callable[[], Readings], object_: str, says: str
) -> None:
    found = [item for item in findings(cluster(), check) if says in item.seen]
    assert found, findings(cluster(), check)
    assert {item.severity for item in found} == {severity}
    assert all(item.object.startswith(object_) for item in found)
    assert all(item.fix or check == "api-server" for item in found)


def test_every_check_is_shown_to_find_something() -> None:
    assert {check.id for check in CHECKS} == {row[0] for row in PROBLEMS}


# --- what could not be seen -------------------------------------------------------------------------------------------


def test_what_may_not_be_read_is_not_checked_and_the_reason_is_said() -> None:
    (found,) = findings(replace(healthy(), unread={"pods": "pods is forbidden"}), "pdbs-spare")
    assert (found.severity, found.seen) == (Severity.NOT_CHECKED, "pods: pods is forbidden")


def test_what_the_cluster_does_not_serve_does_not_apply() -> None:
    (found,) = findings(replace(healthy(), absent=frozenset({"nodepools"})), "budgets-allow")
    assert (found.severity, found.seen) == (Severity.NOT_APPLICABLE, "the cluster has no nodepools")


@pytest.mark.parametrize("check", ["operator-version", "operator-permissions"])
def test_of_an_operator_outside_the_cluster_version_and_permissions_are_not_checked(check: str) -> None:
    (found,) = findings(replace(healthy(), deployments=(), service_account=""), check)
    assert found.severity is Severity.NOT_CHECKED


def test_statuses_are_not_judged_before_the_operator_has_had_time_to_write_them() -> None:
    fresh = msgspec.structs.replace(lease().spec, acquire_time=NOW - timedelta(seconds=5))
    readings = window(status={"conditions": []})
    (found,) = findings(replace(readings, leases=(msgspec.structs.replace(lease(), spec=fresh),)), "statuses-current")
    assert (found.severity, found.seen) == (Severity.NOT_CHECKED, "an operator leads since 5s only")


def test_kwok_that_was_never_seen_at_work_is_not_called_missing() -> None:
    (found,) = findings(replace(healthy(), nodes=(), claims=()), "node-provider")
    assert (found.severity, "may run outside" in found.seen) == (Severity.NOT_CHECKED, True)


def test_kwok_of_our_chart_is_not_taken_for_the_operator() -> None:
    kwok = deployment(labels={"app.kubernetes.io/component": "kwok"})
    readings = replace(healthy(), nodes=(), deployments=(deployment(), kwok))
    assert [item.severity for item in findings(readings, "operator-deployed")] == [Severity.OK]
    assert "KWOK is napsim-system/napsim" in findings(readings, "node-provider")[0].seen


# --- what is no problem -----------------------------------------------------------------------------------------------


def test_a_node_that_is_being_replaced_is_no_leftover() -> None:
    commanded = node(**DISRUPTED, metadata={"annotations": {names.COMMAND: "{}"}})
    assert findings(replace(healthy(), nodes=(commanded,)), "taints-belong")[0].severity is Severity.OK
    leaving = replace(healthy(), nodes=(node(**DISRUPTED),), claims=(claim(**GOING),))
    assert findings(leaving, "taints-belong")[0].severity is Severity.OK


def test_a_node_that_is_being_replaced_in_place_is_left_to_the_operator() -> None:
    between = msgspec.structs.replace(
        worker(**OPTS_IN),
        metadata=msgspec.structs.replace(worker(**OPTS_IN).metadata, annotations={names.IN_PLACE: "{}"}),
        spec=node(**DISRUPTED).spec,
    )
    readings = replace(in_place(), nodes=(node(), between))
    assert [item.severity for item in findings(readings, "nodes-opted-in")] == [Severity.OK]
    assert [item.severity for item in findings(readings, "taints-belong")] == [Severity.OK]


def test_a_budget_that_is_scheduled_beside_one_that_always_holds_restricts_at_all_times() -> None:
    assert findings(budgets({"nodes": "10%"}, DAYTIME), "budgets-restrict")[0].severity is Severity.OK


def test_a_scheduled_budget_for_another_reason_is_not_looked_at() -> None:
    readings = budgets({"nodes": "10%"}, {**DAYTIME, "reasons": ["Empty"]})
    assert findings(readings, "budgets-restrict")[0].severity is Severity.OK


def test_a_pdb_that_has_nothing_to_spare_now_is_no_problem() -> None:
    readings = replace(healthy(), pdbs=(pdb("web", {"maxUnavailable": 1}, 3, 2, 0),))
    assert findings(readings, "pdbs-spare")[0].severity is Severity.OK


def test_while_an_operator_runs_deletions_are_on_their_way() -> None:
    assert findings(replace(healthy(), claims=(claim(**GOING),)), "finalizers-dropped")[0].severity is Severity.OK


def test_a_clock_that_runs_ahead_dates_windows_and_images_by_itself() -> None:
    def ahead(nap: Manifest) -> None:
        anchor = {"anchorReal": NOW.isoformat(), "anchorVirtual": LATER, "factor": 600}
        nap["status"]["clock"] = anchor

    readings = with_manifest("NodeAutoProvisioning", "default", ahead)
    assert readings.now == datetime(2026, 3, 1, tzinfo=UTC)


# --- the operator's options -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--lease-name=other"], ["--lease-name", "other"]])
def test_the_lease_is_that_of_the_operators_options(arguments: list[str]) -> None:
    containers = [{"name": "operator", "args": ["run", *arguments]}]
    made = msgspec.convert({"spec": {"template": {"spec": {"containers": containers}}}}, Deployment)
    assert option(made, "--lease-name", "napsim") == "other"
    assert option(deployment(), "--lease-name", "napsim") == "napsim"
