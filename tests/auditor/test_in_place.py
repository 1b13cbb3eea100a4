"""Nodes that stay while their NodeClaims come and go: replaced, one is disrupting, also between two claims."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.auditor.pretence import Body, PretendedServer, names
from tests.auditor.verdicts import POOL, judged, recorded
from tests.e2e.auditor import BudgetNeverExceeded, NothingLeaked
from tests.e2e.auditor.statistics import pool_peaks


@pytest.fixture
def played(server: PretendedServer) -> PretendedServer:
    """Four Nodes that are there, each taken into the NodeClaim ``<node>-g1``."""
    for name in names(4):
        metadata = {"name": name, "labels": {"napsim.dev/nodepool": POOL}}
        server.create("nodes", {"kind": "Node", "metadata": metadata, "spec": {"providerID": f"kind://{name}"}})
        server.ready(name)
        adopt(server, name, 1)
    server.wait(60)
    return server


def adopt(server: PretendedServer, name: str, generation: int) -> None:
    """A claim for the Node, to its initialization."""
    claim = begin(server, name, generation)
    finish(server, name, claim)


def begin(server: PretendedServer, name: str, generation: int) -> str:
    claim = f"{name}-g{generation}"
    server.claim(claim)

    def launched(body: Body) -> None:
        body["status"] = {"providerID": f"kind://{name}", "conditions": [{"type": "Launched", "status": "True"}]}

    server.patch("nodeclaims/status", claim, launched)
    return claim


def finish(server: PretendedServer, name: str, claim: str) -> None:
    def initialized(body: Body) -> None:
        body["metadata"]["labels"] |= {"karpenter.sh/nodepool": POOL, "karpenter.sh/initialized": "true"}
        body["metadata"]["annotations"] = {"napsim.dev/in-place": "{}"}
        body["spec"]["taints"] = []

    server.patch("nodes", name, initialized)
    server.condition("nodeclaims", claim, "Initialized")


def give_back(server: PretendedServer, name: str, generation: int) -> None:
    """Tainted, drained, its claim gone; the taint stays."""
    claim = f"{name}-g{generation}"
    server.taint(name)
    server.delete("nodeclaims", claim)
    server.condition("nodeclaims", claim, "InstanceTerminating")
    server.patch("nodes", name, lambda body: body["metadata"]["labels"].pop("karpenter.sh/initialized"))
    server.drop_finalizer("nodeclaims", claim)


def test_replacements_one_after_another_hold_a_budget_of_one(played: PretendedServer, tmp_path: Path) -> None:
    for name in names(4):
        give_back(played, name, 1)
        played.wait(30)
        adopt(played, name, 2)
    assert judged(played, tmp_path, BudgetNeverExceeded({POOL: "1"})) == []
    assert judged(played, tmp_path, NothingLeaked({POOL: 4})) == []
    peaks = pool_peaks(recorded(played, tmp_path))[POOL]
    assert (peaks.disrupting.nodes, peaks.last.total, peaks.last.disrupting) == (1, 4, 0)


def test_a_node_between_two_claims_uses_the_budget(played: PretendedServer, tmp_path: Path) -> None:
    give_back(played, "n00", 1)
    played.taint("n01")
    assert judged(played, tmp_path, BudgetNeverExceeded({POOL: "1"})) == [
        "nodepool/general nodeclaim/n01-g1: 1 of 4 / 2 disrupting"
    ]


def test_so_does_one_whose_next_claim_is_not_initialized(played: PretendedServer, tmp_path: Path) -> None:
    give_back(played, "n00", 1)
    claim = begin(played, "n00", 2)
    played.taint("n01")
    assert len(judged(played, tmp_path, BudgetNeverExceeded({POOL: "1"}))) == 1
    finish(played, "n00", claim)
    played.untaint("n01")
    played.wait(1)
    played.taint("n02")
    assert len(judged(played, tmp_path, BudgetNeverExceeded({POOL: "1"}))) == 1, "n02 alone is allowed"


def test_the_next_claim_of_a_node_is_no_disruption_of_its_own(played: PretendedServer, tmp_path: Path) -> None:
    give_back(played, "n00", 1)
    adopt(played, "n00", 2)
    assert judged(played, tmp_path, BudgetNeverExceeded({POOL: "1"})) == []
    give_back(played, "n00", 2)
    played.taint("n01")
    assert len(judged(played, tmp_path, BudgetNeverExceeded({POOL: "1"}))) == 1, "nor is its second end forgotten"


def test_a_node_left_between_two_claims_is_found(played: PretendedServer, tmp_path: Path) -> None:
    give_back(played, "n00", 1)
    found = judged(played, tmp_path, NothingLeaked({POOL: 4}))
    assert "node/n00: a NodeClaim for every Node / no NodeClaim" in found
    assert "node/n00: no taint at the end / taint karpenter.sh/disrupted" in found
