"""What is left over at the end of a run is found, and so is a surge beyond the budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.auditor.pretence import KUBECTL, KWOK, PretendedServer, names
from tests.auditor.verdicts import POOL, judged
from tests.e2e.auditor import (
    NothingLeaked,
    SurgeBounded,
)


def test_a_rollout_to_its_end_leaks_nothing(ten: PretendedServer, tmp_path: Path) -> None:
    for name in names(10):
        ten.replace(name, f"{name}-new")
    assert judged(ten, tmp_path, NothingLeaked({POOL: 10})) == []


def test_a_node_without_claim_is_left_over(ten: PretendedServer, tmp_path: Path) -> None:
    ten.delete("nodeclaims", "n00")
    ten.drop_finalizer("nodeclaims", "n00")
    assert judged(ten, tmp_path, NothingLeaked({POOL: 10})) == ["node/n00: a NodeClaim for every Node / no NodeClaim"]


def test_a_claim_without_node_is_left_over(ten: PretendedServer, tmp_path: Path) -> None:
    ten.claim("lonely")
    assert judged(ten, tmp_path, NothingLeaked({POOL: 10})) == [
        "nodeclaim/lonely: a Node for every NodeClaim / no Node"
    ]


def test_a_taint_and_a_condition_are_left_over(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    assert judged(ten, tmp_path, NothingLeaked({POOL: 10})) == [
        "node/n00: no taint at the end / taint karpenter.sh/disrupted",
        "nodeclaim/n00: no DisruptionReason at the end / DisruptionReason Drifted",
    ]


def test_a_node_that_never_registered_is_left_over(ten: PretendedServer, tmp_path: Path) -> None:
    ten.launch("fresh")
    assert judged(ten, tmp_path, NothingLeaked({POOL: 11})) == [
        "node/fresh: no taint at the end / taint karpenter.sh/unregistered"
    ]


def test_what_its_finalizers_hold_is_left_over(ten: PretendedServer, tmp_path: Path) -> None:
    ten.delete("nodeclaims", "n00")
    ten.delete("nodes", "n00")
    held = "gone once deleted / deletionTimestamp set, held by finalizers"
    assert judged(ten, tmp_path, NothingLeaked({POOL: 10})) == [f"node/n00: {held}", f"nodeclaim/n00: {held}"]
    assert judged(ten, tmp_path, NothingLeaked({POOL: 10}, except_for=frozenset({"n00"}))) == []


@pytest.mark.parametrize("expected", [9, 11])
def test_a_node_too_many_or_too_few_is_found(ten: PretendedServer, tmp_path: Path, expected: int) -> None:
    assert judged(ten, tmp_path, NothingLeaked({POOL: expected})) == [f"nodepool/general: {expected} nodes / 10 nodes"]


def test_a_node_of_no_pool_is_nobodys_leak(ten: PretendedServer, tmp_path: Path) -> None:
    metadata = {"name": "system-0", "labels": {}}
    ten.create("nodes", {"kind": "Node", "apiVersion": "v1", "metadata": metadata, "spec": {}}, agent=KWOK)
    ten.taint("system-0", agent=KUBECTL)
    assert judged(ten, tmp_path, NothingLeaked({POOL: 10})) == []


def test_a_surge_within_the_budget_holds(ten: PretendedServer, tmp_path: Path) -> None:
    for name in names(10):
        ten.replace(name, f"{name}-new")
    assert judged(ten, tmp_path, SurgeBounded({POOL: 10}, {POOL: "1"})) == []


def test_a_replacement_too_many_is_found(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.launch("one", replaces="n00")
    ten.launch("two", replaces="n00")
    assert judged(ten, tmp_path, SurgeBounded({POOL: 10}, {POOL: "1"})) == [
        "nodepool/general nodeclaim/two: 10 + 1 / 12 alive"
    ]


def test_a_replacement_more_is_forgiven_where_others_evict(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    for name in ("one", "two", "three"):
        ten.launch(name, replaces="n00")
    assert judged(ten, tmp_path, SurgeBounded({POOL: 10}, {POOL: "1"}, more_nodes=1)) == [
        "nodepool/general nodeclaim/three: 10 + 1 / 13 alive"
    ]


def test_instances_on_their_way_out_are_not_counted(ten: PretendedServer, tmp_path: Path) -> None:
    for name in ("n00", "n01"):
        ten.mark(name)
        ten.launch(f"{name}-new", replaces=name)
        ten.initialize(f"{name}-new")
        ten.delete("nodeclaims", name)
        ten.terminate(name)
    assert judged(ten, tmp_path, SurgeBounded({POOL: 10}, {POOL: "1"})) == []
