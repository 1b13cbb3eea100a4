"""Nodes that are there play those of a NodePool, one NodeClaim after another: on fake ones that the tests make."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from tests.docs.blocks import blocks_of
from tests.docs.commands import commands
from tests.docs.comparison import difference
from tests.e2e import manifests as m
from tests.e2e import rbac
from tests.e2e.auditor.log import AuditLog, agent, rotated
from tests.e2e.auditor.statistics import replaced
from tests.e2e.commands import NAPSIM
from tests.e2e.kubectl import WAIT_SECONDS, kubectl
from tests.e2e.rehearsal import IMAGE_VERSION, NEW, OLD, POOL, Rehearsal

LABEL: Final = "napsim.dev/nodepool"
RECORD: Final = "napsim.dev/in-place"
IMAGE: Final = f"AKSUbuntu-2204gen2containerd-{OLD}"
PUBLISHED: Final = "2026-02-01T00:00:00Z"
PODS: Final = 12
# The lease of a leader that a busy machine does not take it from, and that another one is given some time to take over.
PATIENT: Final = ("--lease-seconds", "15")
WORKERS: Final = ("worker-0", "worker-1", "worker-2")
IN_PLACE: Final[m.Manifest] = {"nodeProvider": {"kind": "inPlace"}}


def worker(name: str, pool: str = "default", **labels: str) -> m.Manifest:
    """A Node as an installation makes it: nothing on it is napsim's but the label that opts it in."""
    resources = {"cpu": "4", "memory": "16Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
            | ({LABEL: pool} if pool else {})
            | labels,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"providerID": f"kind://docker/test/{name}"},
        "status": {"capacity": resources, "allocatable": resources},
    }


def settle(
    world: Rehearsal, *options: str, extra: Sequence[m.Manifest] = (), budget: str = "1", factor: float = 60
) -> None:
    """Three workers on the old image, in a pool without a window, with pods that a PDB protects.

    ``options`` are the operator's.
    """
    world.apply(*(worker(name, **{IMAGE_VERSION: IMAGE}) for name in WORKERS), *extra)
    world.apply(
        m.nap(factor=factor, listCacheDuration="30s", **IN_PLACE),
        m.node_class(),
        m.image(OLD, PUBLISHED),
        m.pool(budgets=[{"nodes": budget}]),
        m.deployment("web", PODS),
        m.pdb("web", maxUnavailable="25%"),
    )
    world.operator("one", *options)
    world.eventually(f"three nodes on {OLD}", lambda: world.versions() == {OLD: 3}, WAIT_SECONDS)
    world.eventually("every pod runs", lambda: running(world) == PODS, WAIT_SECONDS)


def running(world: Rehearsal) -> int:
    pods = world.items("pods", "--selector=app=web", "--field-selector=status.phase=Running")
    return sum("deletionTimestamp" not in pod["metadata"] for pod in pods)


def on_workers(world: Rehearsal) -> set[str]:
    pods = world.items("pods", "--selector=app=web")
    return {item["metadata"]["uid"] for item in pods if item["spec"].get("nodeName") in WORKERS}


def labels_of(world: Rehearsal, node: str) -> dict[str, str]:
    found: dict[str, str] = world.get("node", node)["metadata"]["labels"]
    return found


def conditions(status: m.Manifest) -> dict[str, m.Manifest]:
    return {item["type"]: item for item in status.get("conditions", ())}


def findings(world: Rehearsal, pool: str) -> str:
    return str(conditions(world.get("nodepool", pool).get("status", {})).get("Findings", {}).get("message", ""))


def napsim(
    world: Rehearsal, command: str, *arguments: str, kubeconfig: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command, as a user runs it, on the cluster."""
    lease = (f"--lease-namespace={rbac.NAMESPACE}", f"--lease-name={rbac.LEASE_NAME}") if command == "release" else ()
    line = [*NAPSIM, command, f"--kubeconfig={kubeconfig or world.cluster.kubeconfig}", *lease, *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS)


def record(world: Rehearsal, node: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(world.get("node", node)["metadata"]["annotations"][RECORD])
    return found


def uids(world: Rehearsal) -> dict[str, str]:
    return {node["metadata"]["name"]: node["metadata"]["uid"] for node in world.items("nodes")}


def until_rolled_out(world: Rehearsal) -> None:
    world.eventually(f"all on {NEW}", lambda: world.versions() == {NEW: 3} and not world.disrupted(), WAIT_SECONDS)
    world.eventually("the rollout is over", lambda: world.nap()["phase"] == "RolledOut", WAIT_SECONDS)


def test_adopted_nodes_are_replaced_in_place_under_budget_and_pdb(world: Rehearsal) -> None:
    settle(world, extra=[worker("stranger", pool="")])
    before = uids(world)
    pods = on_workers(world)
    assert world.disrupted() == [], "adoption disturbs nothing"
    assert {claim["status"]["nodeName"] for claim in world.items("nodeclaims")} == set(WORKERS)
    world.apply(m.image(NEW))
    until_rolled_out(world)

    assert uids(world) == before, "every Node is still the same object"
    assert not pods & on_workers(world), "each of them was drained"
    assert all(record(world, name)["from"].endswith(OLD) for name in WORKERS)
    assert all(record(world, name)["to"].endswith(NEW) for name in WORKERS)
    assert POOL not in labels_of(world, "stranger")
    assert Counter(claim["metadata"]["name"] for claim in world.items("nodeclaims")) == Counter(
        f"{name}-g2" for name in WORKERS
    )
    seen = world.assert_sound({"default": "1"}, {"default": 3})
    assert replaced(seen) == 3
    assert not seen.pod_deletions


def test_what_is_no_worker_is_never_taken_and_adopt_says_so_first(world: Rehearsal) -> None:
    control = worker("control", **{"node-role.kubernetes.io/control-plane": ""})
    cloud = worker("cloud")
    cloud["spec"]["providerID"] = "azure:///subscriptions/s/virtualMachines/vm"
    world.apply(control, cloud, worker("free", pool=""))
    world.apply(m.nap(factor=60, **IN_PLACE), m.node_class(), m.image(OLD, PUBLISHED), m.pool())
    world.operator()
    world.eventually("the refusals are told", lambda: len(world.events("AdoptionRefused")) >= 2)
    notes = {event["regarding"]["name"]: event["note"] for event in world.events("AdoptionRefused")}
    assert "of the control plane" in notes["control"]
    assert "'azure:///subscriptions/s/virtualMachines/vm' is a real cloud's" in notes["cloud"]
    world.eventually("the class has its image", lambda: bool(world.get("aksnodeclass", "default").get("status")))

    said = napsim(world, "adopt", "--pool", "default", "--dry-run")
    assert said.returncode == 0
    answers = {line.split()[0]: line for line in said.stdout.splitlines()[1:] if line.strip()}
    assert "refused: ControlPlane" in answers["control"]
    assert "refused: CloudNode" in answers["cloud"]
    assert "adopt " in answers["free"]
    assert LABEL not in labels_of(world, "free"), "it was a dry run"
    assert napsim(world, "adopt", "control", "--pool", "default").returncode == 3
    assert napsim(world, "adopt", "nobody", "--pool", "default").returncode == 2

    assert napsim(world, "adopt", "free", "--pool", "default").returncode == 0
    world.eventually("the free Node is taken", lambda: world.versions() == {OLD: 1})
    assert labels_of(world, "free")[POOL] == "default"
    for name in ("control", "cloud"):
        assert POOL not in labels_of(world, name)
        assert not world.get("node", name)["spec"].get("taints")
    nap = conditions(world.nap())
    assert nap["PreSpunCapacity"]["status"] == "False"
    assert "default" in nap["PreSpunCapacity"]["message"]


@pytest.mark.parametrize("page", ["docs/providers.md", "README.md"])
def test_adopt_answers_as_the_page_shows(page: str, world: Rehearsal) -> None:
    (block,) = (it for it in blocks_of(page) if it.marking.why == "tests/e2e/test_in_place.py")
    told = commands(block)
    control = worker("napsim-control-plane", pool="", **{"node-role.kubernetes.io/control-plane": ""})
    names = ("napsim-worker", "kind-worker", "kind-worker2") if page == "README.md" else ("napsim-worker",)
    world.apply(control, worker("napsim-worker2"), *(worker(name, pool="") for name in names))
    world.apply(m.nap(factor=60, **IN_PLACE), m.node_class(), m.image(OLD, PUBLISHED), m.pool())
    world.operator()
    world.eventually("the Node that opted in is taken", lambda: world.versions() == {OLD: 1})

    for command in told:
        said = napsim(world, *shlex.split(command.text)[1:])
        assert said.returncode == 0, said.stderr
        assert not (command.shown and difference(command.shown, said.stdout))
    asked = {name for command in told if "--dry-run" not in command.text for name in (*names,) if name in command.text}
    world.eventually("and who was asked for", lambda: world.versions() == {OLD: 1 + len(asked)})


def test_a_pool_says_who_plays_its_nodes_wrongly_and_that_none_can_be_made(world: Rehearsal) -> None:
    odd = m.pool("odd", replicas=3)
    odd["metadata"]["annotations"] = {"napsim.dev/node-provider": "azure"}
    world.apply(m.nap(factor=60, **IN_PLACE), m.node_class(), m.image(OLD, PUBLISHED), odd, worker("w", pool="odd"))
    world.operator()
    world.eventually("the Node is taken", lambda: world.versions("odd") == {OLD: 1})
    world.eventually("both are said", lambda: "spec.replicas 3: 1 Nodes" in findings(world, "odd"))
    assert "napsim.dev/node-provider 'azure': allowed is kwok or inPlace; inPlace is taken" in findings(world, "odd")
    assert conditions(world.get("nodepool", "odd")["status"])["PreSpunCapacity"]["reason"] == "InPlace"
    world.steadily("no claim is made", lambda: len(world.items("nodeclaims")) == 1, seconds=2)


def test_an_operator_killed_again_and_again_replaces_each_node_once(world: Rehearsal) -> None:
    settle(world, factor=20)
    operator = world.operators[0]
    before = uids(world)
    world.apply(m.image(NEW))
    kills = 0
    for moment in (_a_node_is_tainted, _a_node_has_no_claim, _a_claim_is_launching, _a_node_is_tainted):
        world.eventually(moment.__name__, partial(moment, world), WAIT_SECONDS)
        operator.kill()
        kills += 1
        operator.start()
    until_rolled_out(world)

    assert kills == 4
    assert uids(world) == before
    seen = world.assert_sound({"default": "1"}, {"default": 3})
    assert replaced(seen) == 3
    assert len(seen.timeline.milestones) == 6, "every claim that was ever made"


def _a_node_is_tainted(world: Rehearsal) -> bool:
    return bool(world.disrupted())


def _a_node_has_no_claim(world: Rehearsal) -> bool:
    return any(claim["metadata"].get("deletionTimestamp") for claim in world.items("nodeclaims"))


def _a_claim_is_launching(world: Rehearsal) -> bool:
    return any(claim["metadata"]["name"].endswith("-g2") for claim in world.items("nodeclaims"))


def test_a_node_that_opts_out_is_let_go_as_it_was_and_without_a_drain(world: Rehearsal) -> None:
    settle(world)
    was = worker("worker-1", **{IMAGE_VERSION: IMAGE})["metadata"]["labels"]
    pods = on_workers(world)
    kubectl(world.cluster, "label", "node", "worker-1", f"{LABEL}-")
    world.eventually("its claim is gone", lambda: len(world.items("nodeclaims")) == 2)
    world.eventually("nothing of napsim's is left on it", lambda: RECORD not in world.annotations("worker-1"))
    assert {key: value for key, value in labels_of(world, "worker-1").items() if not key.startswith("beta.")} == {
        key: value for key, value in was.items() if key != LABEL
    }
    assert on_workers(world) == pods, "no pod was moved"
    world.eventually("the pool is smaller", lambda: world.versions() == {OLD: 2})

    world.delete("nodepool", "default")
    world.eventually("all claims are gone", lambda: not world.items("nodeclaims"))
    world.eventually("no Node is the pool's", lambda: not world.items("nodes", f"--selector={POOL}"))
    assert set(WORKERS) == set(uids(world))
    assert on_workers(world) == pods


def test_real_and_fake_pools_roll_out_side_by_side(world: Rehearsal) -> None:
    fake = m.pool("fake", budgets=[{"nodes": "1"}], replicas=2)
    fake["metadata"]["annotations"] = {"napsim.dev/node-provider": "kwok"}
    settle(world, extra=[fake])
    world.eventually("the fake pool is full", lambda: world.versions("fake") == {OLD: 2}, WAIT_SECONDS)
    before = uids(world)
    world.apply(m.image(NEW))
    until_rolled_out(world)
    world.eventually("the fake pool is on it too", lambda: world.versions("fake") == {NEW: 2}, WAIT_SECONDS)
    world.eventually("only what is to be there is there", lambda: len(uids(world)) == 5)

    after = uids(world)
    assert {name: after[name] for name in WORKERS} == {name: before[name] for name in WORKERS}
    assert not {name for name in before if name not in WORKERS} & set(after), "fake nodes were replaced by others"
    world.assert_sound({"default": "1", "fake": "1"}, {"default": 3, "fake": 2})


def test_the_operator_s_own_node_goes_last_after_a_hand_over(world: Rehearsal) -> None:
    settle(world, "--node-name=worker-0", *PATIENT, factor=20, budget="2")
    world.operator("two", "--node-name=worker-2", *PATIENT)
    world.eventually("the other one competes", lambda: _asks_for_the_lease(world, "two"))
    first = world.operators[0]
    world.apply(m.image(NEW))
    until_rolled_out(world)

    seen = world.assert_sound({"default": "2"}, {"default": 3})
    tainted = {entry.node: entry.tainted for entry in seen.timeline.milestones.values() if entry.tainted}
    assert max(tainted, key=lambda name: tainted[name]) == "worker-0"
    assert "leadership is handed over" in first.log.read_text()
    deleted = [entry.deleting for entry in seen.timeline.milestones.values() if entry.node == "worker-0"]
    took_over = [act.received for act in seen.acts if act.agent.identity == "two"]
    assert took_over, "the other one went on"
    assert all(took_over[0] <= instant for instant in deleted if instant)


def _asks_for_the_lease(world: Rehearsal, identity: str) -> bool:
    events = AuditLog(rotated(world.cluster.audit_log)).events()
    return any(
        event.object_ref.resource == "leases" and agent(event.user_agent).identity == identity for event in events
    )


def test_an_operator_alone_drains_its_own_node_too(world: Rehearsal) -> None:
    settle(world, "--node-name=worker-0", factor=60)
    world.apply(m.image(NEW))
    until_rolled_out(world)
    assert "leadership is handed over" in world.operators[0].log.read_text()
    world.assert_sound({"default": "1"}, {"default": 3})


def test_release_leaves_nothing_behind_and_real_nodes_as_they_were(world: Rehearsal) -> None:
    fake = m.pool("fake", replicas=1)
    fake["metadata"]["annotations"] = {"napsim.dev/node-provider": "kwok"}
    settle(world, *PATIENT, extra=[fake])
    world.eventually("the fake pool is full", lambda: world.versions("fake") == {OLD: 1}, WAIT_SECONDS)
    pods = on_workers(world)
    told = napsim(world, "release", "--dry-run")
    assert told.returncode == 0
    assert "Node worker-0: real: taint, labels and annotations of napsim taken off" in told.stdout
    assert len(world.items("nodeclaims")) == 4, "it was a dry run"
    refused = napsim(world, "release", "--wait-seconds", "4")
    assert refused.returncode == 3
    assert "one holds the Lease" in refused.stderr

    world.patch("aksnodeclass", "default", '{"metadata": {"finalizers": ["karpenter.azure.com/termination"]}}')
    rbac.install(world.cluster, rbac.RELEASER)
    hook = rbac.kubeconfig(world.cluster, rbac.RELEASER)
    done = napsim(world, "release", "--take-over", "--keep-lease-seconds", "600", kubeconfig=hook)
    assert done.returncode == 0, done.stderr
    assert not world.get("aksnodeclass", "default")["metadata"].get("finalizers")
    assert not world.items("nodeclaims")
    assert set(uids(world)) == set(WORKERS)
    for name in WORKERS:
        assert not [key for key in labels_of(world, name) if "karpenter" in key or "napsim" in key]
        assert not [key for key in world.annotations(name) if "napsim" in key]
        assert not [taint for taint in world.get("node", name)["spec"].get("taints", ()) if "karpenter" in taint["key"]]
    assert on_workers(world) == pods, "no pod was moved"
    world.steadily("the operator stands still", lambda: not world.items("nodeclaims"), seconds=5)
