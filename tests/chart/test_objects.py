"""Rules that hold for whatever the chart renders, and what single values are there for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

import napsim
from napsim.api import names
from napsim.cli.plugin import semver
from napsim.cluster.binaries import PIECES
from napsim.cluster.folders import controlplane_sources
from napsim.cluster.golang import pinned_version
from tests.chart.rendering import CHART, NAMESPACE, SETS, Manifest, helm, objects, one, parsed, pods, rendered, text_of

RECOMMENDED: Final = {
    "helm.sh/chart",
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
}
CLUSTER_SCOPED: Final = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "AKSNodeClass",
    "MaintenanceConfiguration",
    "NodeAutoProvisioning",
    "NodeImage",
    "NodePool",
}
every_set: Final = pytest.mark.parametrize("name", SETS)


def where(item: Manifest) -> str:
    return f"{item['kind']}/{item['metadata']['name']}"


@every_set
def test_every_object_has_the_recommended_labels(name: str) -> None:
    missing = {where(item): RECOMMENDED - item["metadata"].get("labels", {}).keys() for item in objects(name)}
    missing |= {at: RECOMMENDED - pod["metadata"]["labels"].keys() for at, pod in pods(objects(name)).items()}
    assert not {at: labels for at, labels in missing.items() if labels}


@every_set
def test_every_object_is_named_once_and_lies_in_the_release_namespace(name: str) -> None:
    places = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in objects(name)]
    assert len(set(places)) == len(places)
    namespaces = {
        where(item): item["metadata"].get("namespace") for item in objects(name) if item["kind"] not in CLUSTER_SCOPED
    }
    elsewhere = {at: namespace for at, namespace in namespaces.items() if namespace != NAMESPACE}
    assert set(elsewhere.values()) <= {"kube-node-lease", "grafana", "kube-system", "karpenter"}


@every_set
def test_every_pod_keeps_the_restricted_pod_security_standard(name: str) -> None:
    for at, pod in pods(objects(name)).items():
        spec = pod["spec"]
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        }, at
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys()
        assert {kind for volume in spec.get("volumes", []) for kind in volume if kind != "name"} <= {"configMap"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, at


@every_set
def test_no_rule_is_wider_than_it_says(name: str) -> None:
    for item in objects(name):
        for rule in item.get("rules", []):
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]], where(item)
            assert "secrets" not in rule["resources"], where(item)


@every_set
def test_no_pod_runs_on_a_node_that_napsim_makes(name: str) -> None:
    for at, pod in pods(objects(name)).items():
        for term in terms(pod["spec"]):
            expressions = {item["key"]: item["operator"] for item in term["matchExpressions"]}
            played = expressions.get(names.PLAYS_NODEPOOL) == "Exists"
            assert played or expressions.get(names.NODEPOOL) == "DoesNotExist", at


def terms(spec: Manifest) -> list[Manifest]:
    """The terms of which a Node has to meet one."""
    affinity = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    found: list[Manifest] = affinity["nodeSelectorTerms"]
    return found


def test_an_affinity_of_ones_own_is_kept() -> None:
    found = terms(pods(objects("placed"))["Deployment/napsim"]["spec"])
    assert len(found) == 4
    for term in found:
        keys = [item["key"] for item in [*term["matchExpressions"], *term.get("matchFields", [])]]
        assert ("disk" in keys) != ("metadata.name" in keys)


def selectors(item: Manifest) -> Iterator[dict[str, str]]:
    spec: Any = item.get("spec", {})
    if item["kind"] in {"Deployment", "PodDisruptionBudget", "ServiceMonitor"}:
        yield spec["selector"]["matchLabels"]
    elif item["kind"] == "Service":
        yield spec["selector"]
    elif item["kind"] == "NetworkPolicy":
        yield spec["podSelector"]["matchLabels"]


@every_set
def test_what_selects_pods_never_changes_with_the_version(name: str) -> None:
    for item in objects(name):
        for selector in selectors(item):
            assert selector.keys() == {
                "app.kubernetes.io/name",
                "app.kubernetes.io/instance",
                "app.kubernetes.io/component",
            }, where(item)


@every_set
def test_every_selector_finds_something(name: str) -> None:
    found = [pod["metadata"]["labels"] for pod in pods(objects(name)).values()]
    found += [item["metadata"]["labels"] for item in objects(name) if item["kind"] == "Service"]
    for item in objects(name):
        for selector in selectors(item):
            assert any(selector.items() <= labels.items() for labels in found), where(item)


def container(name: str, at: str = "Deployment/napsim") -> Manifest:
    """The one container of a Deployment or Job."""
    (found,) = pods(objects(name))[at]["spec"]["containers"]
    result: Manifest = found
    return result


def test_the_version_of_the_chart_is_the_programs() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == napsim.__version__
    assert chart["version"] == semver(napsim.__version__)
    assert container("default")["image"] == f"napsim:{napsim.__version__}"


def test_a_digest_wins_over_the_tag() -> None:
    assert container("placed")["image"] == f"registry.example/napsim@sha256:{'0' * 64}"
    tagged = parsed(text_of({"image": {"tag": "mine"}}))
    assert pods(tagged)["Deployment/napsim"]["spec"]["containers"][0]["image"] == "napsim:mine"


def test_the_kwok_controller_is_of_the_version_that_clusters_are_made_of() -> None:
    piece = next(piece for piece in PIECES if piece.module == "kwok")
    version = pinned_version(controlplane_sources() / piece.module, piece.dependency)
    assert container("kwok", "Deployment/napsim-kwok")["image"].endswith(f":{version}")


def test_the_operator_knows_where_it_is() -> None:
    fields = {item["name"]: item["valueFrom"]["fieldRef"]["fieldPath"] for item in container("default")["env"]}
    assert fields == {
        "NODE_NAME": "spec.nodeName",
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
    }


def test_one_operator_is_replaced_and_two_take_turns() -> None:
    assert one(objects("default"), "Deployment", "napsim")["spec"]["strategy"] == {"type": "Recreate"}
    assert "PodDisruptionBudget" not in {item["kind"] for item in objects("default")}
    two = one(objects("two-replicas"), "Deployment", "napsim")["spec"]
    assert two["replicas"] == 2
    assert two["strategy"]["type"] == "RollingUpdate"
    assert "podAntiAffinity" in two["template"]["spec"]["affinity"]
    assert one(objects("two-replicas"), "PodDisruptionBudget", "napsim")["spec"]["maxUnavailable"] == 1


def test_the_lease_is_the_one_that_the_role_is_for() -> None:
    for name in ("default", "two-replicas"):
        (role,) = [item for item in objects(name) if where(item) == "Role/napsim"]
        leases = [rule for rule in role["rules"] if "resourceNames" in rule]
        assert role["metadata"]["namespace"] == NAMESPACE
        assert {f"--lease-namespace={NAMESPACE}", f"--lease-name={leases[0]['resourceNames'][0]}"} <= set(
            container(name)["args"]
        )


def test_what_runs_before_an_uninstall_is_there_only_then() -> None:
    annotated = [item for item in objects("default") if "helm.sh/hook" in item["metadata"].get("annotations", {})]
    hooks = [item for item in annotated if item["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"]
    assert [where(item) for item in annotated if item not in hooks] == ["Lease/napsim"]
    assert {item["metadata"]["name"] for item in hooks} == {"napsim-release"}
    assert {"Job", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"} <= {item["kind"] for item in hooks}
    weights = {item["kind"]: int(item["metadata"]["annotations"]["helm.sh/hook-weight"]) for item in hooks}
    assert all(weights["Job"] > weight for kind, weight in weights.items() if kind != "Job")
    assert not [item for item in objects("least") if item["metadata"]["name"] == "napsim-release"]


def test_without_the_hook_the_notes_say_which_lease_to_take_before_an_uninstall() -> None:
    """Any other would be free, and the operator would go on writing."""
    command = ("install", "other", str(CHART), "--namespace=elsewhere", "--dry-run=client")
    told = helm(*command, "--set=release.onUninstall=false").stdout
    assert "napsim release --take-over --lease-namespace elsewhere --lease-name other-napsim" in told
    assert "napsim release" not in helm(*command).stdout.partition("\nNOTES:\n")[2]


def test_the_notes_take_an_upgrade_to_the_chart_that_was_installed_be_it_a_folder_or_of_a_registry() -> None:
    """The chart does not know where it came from; without its version a registry's newest would be taken."""
    told = helm("install", "other", str(CHART), "--namespace=elsewhere", "--dry-run=client").stdout
    notes = told.partition("\nNOTES:\n")[2]
    assert (
        f"helm upgrade other CHART --version {yaml.safe_load((CHART / 'Chart.yaml').read_text())['version']} " in notes
    )
    assert "charts/napsim" not in notes


def test_where_it_only_drives_there_is_nothing_of_nodes() -> None:
    """Karpenter's own kinds belong to the provider beside it, and so do finalizers that `napsim release` takes off."""
    kinds = {item["metadata"]["name"] for item in objects("drive") if item["kind"] == "CustomResourceDefinition"}
    assert all(name.endswith(".napsim.dev") for name in kinds)
    assert {name.partition(".")[0] for name in kinds} >= {"maintenanceconfigurations", "nodeautoprovisionings"}
    assert {"--drive", "--system-namespace=karpenter"} <= set(container("drive")["args"])
    assert "--drive" not in container("default")["args"]
    assert not [item for item in objects("drive") if item["metadata"]["name"] == "napsim-release"]
    rules = [rule for item in objects("drive") for rule in item.get("rules", [])]
    assert not {"nodes", "pods", "nodeclaims", "nodepools"} & {name for rule in rules for name in rule["resources"]}


def test_an_uninstall_takes_the_window_along_that_was_written() -> None:
    window = one(objects("drive"), "ConfigMap", "upcoming-maintenance-window")
    assert window["metadata"]["namespace"] == "karpenter"
    assert window["metadata"]["annotations"]["helm.sh/hook"] == "post-delete"
    assert "data" not in window
    assert not [item for item in objects("default") if item["metadata"]["name"] == "upcoming-maintenance-window"]


def test_without_a_namespace_to_look_in_no_config_map_is_read() -> None:
    found = parsed(text_of({"systemNamespace": ""}))
    rules = [rule for item in found for rule in item.get("rules", [])]
    assert not [rule for rule in rules if "configmaps" in rule["resources"]]


def test_the_metrics_can_be_switched_off() -> None:
    assert "--metrics-port=0" in container("least")["args"]
    assert [port["name"] for port in container("least")["ports"]] == ["probes"]


def test_rules_and_dashboard_are_those_of_the_files() -> None:
    rule = one(objects("monitored"), "PrometheusRule", "napsim")
    assert rule["spec"] == yaml.safe_load((CHART / "files/rules.yaml").read_text())
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    dashboard = one(objects("monitored"), "ConfigMap", "napsim-dashboard")
    assert json.loads(dashboard["data"]["napsim.json"]) == json.loads((CHART / "files/dashboard.json").read_text())
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["namespace"] == "grafana"


@pytest.mark.parametrize("option", ["--is-upgrade", "--kube-version=1.30.0"])
def test_an_upgrade_and_an_older_kubernetes_get_the_same(option: str) -> None:
    assert text_of({}, option) == rendered("default")


def test_names_follow_the_release_and_can_be_chosen() -> None:
    chosen = {where(item) for item in parsed(text_of({"fullnameOverride": "mine"})) if item["kind"] == "Deployment"}
    assert chosen == {"Deployment/mine"}
    assert "  name: team-a-napsim\n" in helm("template", "team-a", str(CHART)).stdout
    assert "  name: napsim-two\n" in helm("template", "napsim-two", str(CHART)).stdout
