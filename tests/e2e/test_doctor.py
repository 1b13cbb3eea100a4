"""``napsim doctor`` and ``napsim version`` on a real API server: empty, with the examples, and broken."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import napsim
from napsim.cluster import Cluster
from tests.e2e.commands import NAPSIM
from tests.e2e.kubectl import apply, eventually, get, kubectl
from tests.e2e.rehearsal import Rehearsal, rehearsal

USER_AGENT = "napsim-doctor"


@pytest.fixture(scope="module")
def rehearsed() -> Iterator[Rehearsal]:
    """The examples, rolled out as far as the operator has come; the tests that break something come last."""
    with rehearsal() as made:
        made.play_examples()
        made.eventually("a status", lambda: "phase" in made.nap())
        yield made


def run(cluster: Cluster, *arguments: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*NAPSIM, *arguments, f"--kubeconfig={kubeconfig or cluster.kubeconfig}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def doctor(cluster: Cluster, **options: Any) -> dict[str, list[dict[str, str]]]:
    """The findings by check."""
    done = run(cluster, "doctor", "--output=json", **options)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, list[dict[str, str]]] = {}
    for item in json.loads(done.stdout)["findings"]:
        found.setdefault(item["check"], []).append(item)
    return found


def problems(cluster: Cluster) -> dict[str, list[dict[str, str]]]:
    bad = {
        check: [item for item in found if item["severity"] in ("error", "warning")]
        for check, found in doctor(cluster).items()
    }
    return {check: found for check, found in bad.items() if found}


def test_an_empty_cluster_lacks_definitions_and_an_operator(cluster: Cluster) -> None:
    done = run(cluster, "doctor")
    assert done.returncode == 1
    assert "CustomResourceDefinition/nodepools.karpenter.sh: is not installed" in done.stdout
    assert "fix: napsim crds | kubectl apply --server-side -f -" in done.stdout
    assert "no operator runs: there is no Lease napsim" in done.stdout
    assert "not applicable: the cluster has no" in done.stdout


def test_the_examples_with_an_operator_have_nothing_wrong_but_the_pdb_that_is_meant_to_block(
    rehearsed: Rehearsal,
) -> None:
    rehearsed.eventually("every node is Ready", lambda: "node-provider" not in problems(rehearsed.cluster))
    rehearsed.eventually("the ledger runs", lambda: "pdbs-spare" in problems(rehearsed.cluster))
    found = problems(rehearsed.cluster)
    assert {check: [item["object"] for item in items] for check, items in found.items()} == {
        "pdbs-spare": ["PodDisruptionBudget/shop/ledger"]
    }
    assert run(rehearsed.cluster, "doctor", "--fail-on=error").returncode == 0
    assert run(rehearsed.cluster, "doctor").returncode == 1


def test_the_fix_of_the_pdb_fixes_it(rehearsed: Rehearsal) -> None:
    (found,) = problems(rehearsed.cluster)["pdbs-spare"]
    before = get(rehearsed.cluster, "pdb", "ledger", "--namespace=shop")
    fix = found["fix"].replace(
        "kubectl ", f"{rehearsed.cluster.kubectl} --kubeconfig={rehearsed.cluster.kubeconfig} ", 1
    )
    subprocess.run(["bash", "-c", fix], check=True, capture_output=True)
    rehearsed.eventually("the PDB spares one", lambda: "pdbs-spare" not in problems(rehearsed.cluster))
    assert get(rehearsed.cluster, "pdb", "ledger", "--namespace=shop")["spec"] != before["spec"]
    kubectl(rehearsed.cluster, "replace", "--filename=-", stdin=json.dumps(without_version(before)))


def without_version(manifest: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: manifest["metadata"][key] for key in ("name", "namespace")}
    return {**manifest, "metadata": metadata}


def test_it_only_reads(rehearsed: Rehearsal) -> None:
    doctor(rehearsed.cluster)
    rehearsed.eventually("it is on record", lambda: len(sent(rehearsed.cluster)) > 10)
    assert {item["verb"] for item in sent(rehearsed.cluster)} <= {"get", "list"}


def sent(cluster: Cluster) -> list[dict[str, Any]]:
    """What doctor asked for, by the audit log; its last line may still be written."""
    lines = cluster.audit_log.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if USER_AGENT in line and line.endswith("\n")]


def test_what_the_user_may_not_read_is_not_checked(rehearsed: Rehearsal, tmp_path: Path) -> None:
    found = doctor(rehearsed.cluster, kubeconfig=as_nobody(rehearsed.cluster, tmp_path))
    (pdbs,) = found["pdbs-spare"]
    assert pdbs["severity"] == "not checked"
    assert "cannot list resource" in pdbs["seen"]
    assert {item["severity"] for items in found.values() for item in items} == {"ok", "not checked"}


def as_nobody(cluster: Cluster, folder: Path) -> Path:
    """A kubeconfig of a ServiceAccount without any role."""
    kubectl(cluster, "create", "serviceaccount", "nobody", "--namespace=default")
    token = kubectl(cluster, "create", "token", "nobody", "--namespace=default").stdout.strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    for entry in config["clusters"]:  # the file may name its certificates relative to itself
        if path := entry["cluster"].get("certificate-authority"):
            entry["cluster"]["certificate-authority"] = str((cluster.kubeconfig.parent / path).resolve())
    made = folder / "kubeconfig"
    made.write_text(yaml.safe_dump(config))
    return made


def test_the_versions_of_server_and_operator_are_told(rehearsed: Rehearsal) -> None:
    told = json.loads(run(rehearsed.cluster, "version", "--output=json").stdout)
    assert (told["client"], told["leader"]) == (napsim.__version__, "one")
    assert told["server"].startswith("v1.")
    assert (told["operator"], told["note"]) == ("", "it runs outside the cluster, where its version is not known")


def test_of_a_deployed_operator_permissions_and_version_are_checked(rehearsed: Rehearsal) -> None:
    apply(rehearsed.cluster, *deployed("0.0.1"))
    found = problems(rehearsed.cluster)
    (version,) = found["operator-version"]
    assert version["seen"] == f"the operator is 0.0.1, this command {napsim.__version__}"
    missing = [item["seen"] for item in found["operator-permissions"]]
    assert "may not: create pods --subresource=eviction" in missing
    assert "may not: list nodes" not in missing
    assert json.loads(run(rehearsed.cluster, "version", "-o", "json").stdout)["operator"] == "0.0.1"
    kubectl(rehearsed.cluster, "delete", "namespace", "napsim-apart", "--wait=false")


def deployed(version: str) -> list[dict[str, Any]]:
    """A Deployment like the chart's, scaled to nothing, whose ServiceAccount may list nodes and no more."""
    labels = {"app.kubernetes.io/name": "napsim", "app.kubernetes.io/version": version}
    pod = {"serviceAccountName": "napsim", "containers": [{"name": "operator", "image": "napsim", "args": ["run"]}]}
    spec = {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "napsim"}},
        "template": {"metadata": {"labels": {"app": "napsim"}}, "spec": pod},
    }
    here = {"name": "napsim", "namespace": "napsim-apart"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "napsim-lists-nodes"}
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "watch"]}]
    rbac = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "napsim-apart"}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here},
        {"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": role["name"]}, "rules": rules},
        {
            "apiVersion": rbac,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role["name"]},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", **here}],
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**here, "labels": labels}, "spec": spec},
    ]


# --- broken, in this order --------------------------------------------------------------------------------------------


def test_what_people_got_wrong_is_named(rehearsed: Rehearsal) -> None:
    cluster = rehearsed.cluster
    rehearsed.patch("nodepool", "default", '{"spec": {"template": {"spec": {"nodeClassRef": {"name": "nowhere"}}}}}')
    rehearsed.patch("nodepool", "system", '{"spec": {"disruption": {"budgets": [{"nodes": "0"}]}}}')
    rehearsed.delete("maintenanceconfiguration", "aks-managed-node-os-upgrade-schedule")
    azure = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "real"}, "spec": {"providerID": "azure:///x"}}
    apply(cluster, azure)
    eventually(lambda: "window-governs" in problems(cluster), "the window is gone")
    found = problems(cluster)
    assert {"pools-have-classes", "budgets-allow", "window-governs", "not-a-real-cluster"} <= found.keys()
    assert "do not run napsim here" in found["not-a-real-cluster"][0]["seen"]
    assert found["pools-have-classes"][0]["object"] == "NodePool/default"
    kubectl(cluster, "delete", "node", "real")


def test_an_operator_that_is_gone_is_missed_and_what_waits_for_it_is_named(rehearsed: Rehearsal) -> None:
    cluster = rehearsed.cluster
    rehearsed.operators[0].kill()
    claim = rehearsed.items("nodeclaims")[0]["metadata"]["name"]
    rehearsed.delete("nodeclaim", claim)
    eventually(lambda: "operator-leads" in problems(cluster), "the Lease is stale")
    found = problems(cluster)
    assert "has not renewed the Lease" in found["operator-leads"][0]["seen"]
    assert f"NodeClaim/{claim}" in [item["object"] for item in found["finalizers-dropped"]]
