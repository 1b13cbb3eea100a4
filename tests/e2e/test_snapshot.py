"""``napsim snapshot`` on a real API server, as an account that has the ClusterRole it prints and nothing else."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.commands import NAPSIM
from tests.e2e.kubectl import apply, kubectl, token_kubeconfig
from tests.e2e.rehearsal import Rehearsal, rehearsal

ROOT = Path(__file__).parents[2]
CHECKER = ROOT / "docs" / "checker.md"
CHOSEN = ("ledger", "shop", "aks-default", "aks-system")


@pytest.fixture(scope="module")
def rehearsed() -> Iterator[Rehearsal]:
    """The examples with all their nodes, and an account that may do what --rbac prints."""
    with rehearsal() as made:
        made.play_examples()
        role = yaml.safe_load(run("snapshot", "--rbac").stdout)
        account = {"kind": "ServiceAccount", "name": "reader", "namespace": "default"}
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role["metadata"]["name"]},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role["metadata"]["name"],
            },
            "subjects": [account],
        }
        metadata = {"name": "reader", "namespace": "default"}
        apply(made.cluster, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}, role, binding)
        yield made


def run(*arguments: str, given: str = "", folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*NAPSIM, *arguments], capture_output=True, text=True, check=False, input=given, cwd=folder)


def nodes(made: Rehearsal) -> set[str]:
    return {item["metadata"]["name"] for item in made.items("nodes")}


def taken(made: Rehearsal, *arguments: str) -> str:
    kubeconfig = token_kubeconfig(made.cluster, "default", "reader")
    done = run("snapshot", *arguments, f"--kubeconfig={kubeconfig}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_snapshot_has_every_object_and_simulates_to_the_end(rehearsed: Rehearsal) -> None:
    before = nodes(rehearsed)
    text = taken(rehearsed)
    documents = list(yaml.safe_load_all(text))
    kinds = Counter(document["kind"] for document in documents)
    found = {document["metadata"]["name"] for document in documents if document["kind"] == "Node"}
    after = nodes(rehearsed)  # the rollout goes on meanwhile
    assert before & after <= found <= before | after
    assert kinds["NodePool"] == 2
    assert kinds["PodDisruptionBudget"] == 3
    assert not {"Secret", "ConfigMap"} & set(kinds)
    done = run("simulate", "-", "--output=json", given=text)
    assert done.returncode in (0, 1), done.stderr
    forecast = yaml.safe_load(done.stdout)
    assert {pool["name"] for pool in forecast["pools"]} == {"default", "system"}


def test_an_anonymous_snapshot_has_none_of_the_names_and_simulates(rehearsed: Rehearsal) -> None:
    named, nameless = taken(rehearsed), taken(rehearsed, "--anonymize", "--salt=of this test")
    assert all(name in named for name in CHOSEN)
    assert not [name for name in CHOSEN if name in nameless]
    kinds = [{document["kind"] for document in yaml.safe_load_all(text)} for text in (named, nameless)]
    assert kinds[0] == kinds[1]
    done = run("simulate", "-", "--output=json", given=nameless)
    assert done.returncode in (0, 1), done.stderr
    pools = yaml.safe_load(done.stdout)["pools"]
    assert len(pools) == 2


def test_what_may_not_be_listed_is_named_at_once(rehearsed: Rehearsal) -> None:
    metadata = {"name": "stranger", "namespace": "default"}
    apply(rehearsed.cluster, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    kubeconfig = token_kubeconfig(rehearsed.cluster, "default", "stranger")
    done = run("snapshot", f"--kubeconfig={kubeconfig}")
    assert done.returncode == 1
    assert "not allowed to list nodeautoprovisionings.napsim.dev" in done.stderr
    assert "volumeattachments.storage.k8s.io" in done.stderr
    assert "--rbac" in done.stderr


def asked_of_the_cluster(made: Rehearsal) -> dict[str, tuple[int, dict[str, Any]]]:
    """The commands of docs/checker.md for a live cluster, run in turn as that account: exit code and answer of each."""
    (block,) = re.findall(r"test_snapshot.py -->\n```sh\n(.*?)```", CHECKER.read_text(), re.DOTALL)
    kubeconfig = token_kubeconfig(made.cluster, "default", "reader")
    told = {}
    for line in block.splitlines():
        _, name, *arguments = shlex.split(line)
        done = run(name, *arguments, f"--kubeconfig={kubeconfig}", "--output=json", folder=ROOT)
        assert done.returncode in {0, 1}, f"{line}: {done.stderr}"
        told[name] = done.returncode, dict(yaml.safe_load(done.stdout))
    return told


def test_six_commands_answer_from_the_cluster_by_the_account_of_a_snapshot(rehearsed: Rehearsal) -> None:
    before = rehearsed.virtual_now()
    told = asked_of_the_cluster(rehearsed)
    after = rehearsed.virtual_now()
    assert list(told) == ["lint", "windows", "budgets", "why", "check", "diff"]
    for name, key in {"lint": "at", "windows": "at", "why": "at", "check": "start", "diff": "start"}.items():
        assert before <= datetime.fromisoformat(told[name][1][key]) <= after, name
    code, lint = told["lint"]
    found = [(item["code"], item["object"]) for item in lint["findings"]]
    assert (code, [item for item in found if item[0] != "NAP301"]) == (1, [("NAP402", "PodDisruptionBudget/ledger")])
    (window,) = told["windows"][1]["configurations"]
    assert (window["configName"], len(window["windows"])) == ("aksManagedNodeOSUpgradeSchedule", 3)
    assert {pool["name"]: pool["nodesFrom"] for pool in told["budgets"][1]["pools"]} == {
        "default": "its Nodes in the input",
        "system": "its Nodes in the input",
    }
    assert [chain["name"] for chain in told["why"][1]["chains"]] == ["default"]
    assert len(told["check"][1]["results"]) == 5
    code, diff = told["diff"]
    assert (code, diff["objects"], diff["windows"], diff["budgets"]) == (0, [], [], []), diff


def test_why_asks_the_cluster_itself_as_the_same_account(rehearsed: Rehearsal) -> None:
    """The examples have one node that its PodDisruptionBudget holds for ever; the others go."""
    kubeconfig = token_kubeconfig(rehearsed.cluster, "default", "reader")

    held: list[str] = []

    def asked(target: str) -> dict[str, Any]:
        done = run("why", target, f"--kubeconfig={kubeconfig}", "--output=json")
        assert done.returncode == 0, done.stderr
        return dict(yaml.safe_load(done.stdout)["chains"][0])

    def is_held() -> bool:
        groups = asked("pool/default")["held"]
        held[:] = [
            node
            for group in groups
            if (group["link"] or {}).get("reason") == "PodDisruptionBudget"
            for node in group["nodes"]
        ]
        return len(held) == 1

    rehearsed.eventually("the node that is blocked for ever", is_held)
    links = {link["name"]: link for link in asked(f"node/{held[0]}")["links"]}
    assert (links["Candidate"]["standing"], links["Candidate"]["reason"]) == ("blocks", "PodDisruptionBudget")
    assert links["Candidate"]["edit"]["command"].startswith("kubectl patch poddisruptionbudget ledger -n shop ")
    assert links["Adopted"]["standing"] == links["Drift"]["standing"] == "passes"
    found = (
        (item.get("status", {}).get("nodeName"), item["metadata"]["name"]) for item in rehearsed.items("nodeclaims")
    )
    claims = {node: claim for node, claim in found if node}  # others are on their way in: the rollout goes on
    told = links["Candidate"]["message"][1:]  # in events the first letter is a capital one
    for kind, name in (("node", held[0]), ("nodeclaim", claims[held[0]])):
        seen = partial(described, rehearsed, kind, name, rf"DisruptionBlocked .*{re.escape(told)}")
        rehearsed.eventually(f"what blocks it, on {kind} {name}", seen)

    tells = partial(described, rehearsed, "nodepool", "default", rf"NodesBlocked .*{held[0]}.*{re.escape(told)}")
    rehearsed.eventually("what blocks it, on its NodePool", tells)


def described(made: Rehearsal, kind: str, name: str, pattern: str) -> bool:
    """Whether ``kubectl describe`` shows it."""
    shown = kubectl(made.cluster, "describe", kind, name).stdout
    return re.search(pattern, shown) is not None
