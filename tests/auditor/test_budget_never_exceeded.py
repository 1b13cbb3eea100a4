"""Whenever the operator disrupts one node more, the auditor knows whether it was one too many."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.auditor.pretence import KUBECTL, START, PretendedServer, names
from tests.auditor.verdicts import POOL, judged
from tests.e2e.auditor import (
    BudgetNeverExceeded,
    constant,
    faster,
)


def test_a_rollout_one_by_one_holds_a_budget_of_one(ten: PretendedServer, tmp_path: Path) -> None:
    for name in names(10):
        ten.replace(name, f"{name}-new")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == []


def test_one_node_too_many_for_one_instant_is_found(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.mark("n01")
    ten.mark("n02")
    ten.untaint("n02")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "2"})) == [
        "nodepool/general nodeclaim/n02: 2 of 10 for Drifted / 3 disrupting"
    ]


def test_the_taint_counts_before_the_condition_does(ten: PretendedServer, tmp_path: Path) -> None:
    ten.taint("n00")
    ten.taint("n01")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == [
        "nodepool/general nodeclaim/n01: 1 of 10 / 2 disrupting"
    ]


def test_a_claim_deleted_without_any_taint_counts(ten: PretendedServer, tmp_path: Path) -> None:
    ten.delete("nodeclaims", "n00")
    ten.delete("nodeclaims", "n01")
    assert len(judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"}))) == 1


def test_taint_condition_and_deletion_of_one_node_count_once(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.delete("nodeclaims", "n00")
    ten.ready("n00", ready=False)
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == []


@pytest.mark.parametrize(
    ("text", "total", "allowed"),
    [
        ("10%", 10, 1),
        ("10%", 11, 2),
        ("10%", 0, 0),
        ("0%", 10, 0),
        ("1%", 1, 1),
        ("100%", 7, 7),
        ("0", 9, 0),
        ("3", 1, 3),
    ],
)
def test_a_percentage_rounds_up_and_a_number_stays(text: str, total: int, allowed: int) -> None:
    assert constant(text)(POOL, "Drifted", total, START) == allowed


@pytest.mark.parametrize("text", ["", "%", "101%", "ten", "-1", "1.5%", "10 %"])
def test_a_budget_that_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a number of nodes"):
        constant(text)


def test_a_percentage_follows_a_total_that_shrinks(server: PretendedServer, tmp_path: Path) -> None:
    """Of eleven nodes 10% are two; with one gone they are one, so the second node may go only before that."""
    server.start(*names(11))
    server.mark("n00")
    server.delete("nodeclaims", "n10", agent=KUBECTL)
    server.terminate("n10")
    server.mark("n01")
    assert judged(server, tmp_path, BudgetNeverExceeded({POOL: "10%"})) == [
        "nodepool/general nodeclaim/n01: 1 of 10 for Drifted / 2 disrupting"
    ]


def test_before_the_total_shrinks_the_same_command_holds(server: PretendedServer, tmp_path: Path) -> None:
    server.start(*names(11))
    server.mark("n00")
    server.mark("n01")
    server.delete("nodeclaims", "n10", agent=KUBECTL)
    server.terminate("n10")
    assert judged(server, tmp_path, BudgetNeverExceeded({POOL: "10%"})) == []


def test_an_initialized_replacement_raises_what_a_percentage_allows(ten: PretendedServer, tmp_path: Path) -> None:
    """karpenter:R14, seen at 20 nodes in Karpenter itself: the replacement counts while the old node drains."""
    ten.mark("n00")
    ten.launch("n00-new", replaces="n00")
    ten.initialize("n00-new")
    ten.mark("n01")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "10%"})) == []


def test_an_uninitialized_replacement_does_not_raise_it(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.launch("n00-new", replaces="n00")
    ten.mark("n01")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "10%"})) == [
        "nodepool/general nodeclaim/n01: 1 of 10 for Drifted / 2 disrupting"
    ]


def test_an_uninitialized_node_that_is_not_ready_uses_no_budget(ten: PretendedServer, tmp_path: Path) -> None:
    ten.launch("fresh")
    ten.ready("fresh", ready=False)
    ten.mark("n00")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == []


def test_a_node_that_is_not_ready_uses_the_budget(ten: PretendedServer, tmp_path: Path) -> None:
    ten.ready("n09", ready=False)
    ten.mark("n00")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == [
        "nodepool/general nodeclaim/n00: 1 of 10 for Drifted / 2 disrupting"
    ]


def test_a_node_that_is_ready_again_does_not(ten: PretendedServer, tmp_path: Path) -> None:
    ten.ready("n09", ready=False)
    ten.ready("n09")
    ten.mark("n00")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == []


def test_a_draining_node_uses_the_budget_to_the_end_of_its_drain(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.delete("nodeclaims", "n00")
    ten.condition("nodeclaims", "n00", "Drained")
    ten.mark("n01")
    assert len(judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"}))) == 1


def test_a_terminating_instance_uses_it_no_more(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.delete("nodeclaims", "n00")
    ten.terminate("n00")
    ten.mark("n01")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == []


def test_what_others_disrupt_uses_the_budget_but_breaks_no_rule(ten: PretendedServer, tmp_path: Path) -> None:
    ten.delete("nodeclaims", "n00", agent=KUBECTL)
    ten.delete("nodeclaims", "n01", agent=KUBECTL)
    ten.taint("n00")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == []
    ten.mark("n02")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == [
        "nodepool/general nodeclaim/n02: 1 of 10 for Drifted / 3 disrupting"
    ]


def test_each_pool_has_its_own_budget(server: PretendedServer, tmp_path: Path) -> None:
    server.start(*names(4))
    server.start(*names(4, "g"), pool="gpu")
    server.mark("n00")
    server.mark("g00")
    assert judged(server, tmp_path, BudgetNeverExceeded({POOL: "1", "gpu": "1"})) == []
    server.mark("g01")
    assert judged(server, tmp_path, BudgetNeverExceeded({POOL: "1", "gpu": "1"})) == [
        "nodepool/gpu nodeclaim/g01: 1 of 4 for Drifted / 2 disrupting"
    ]


def test_a_pool_without_a_budget_is_not_judged(ten: PretendedServer, tmp_path: Path) -> None:
    for name in names(10):
        ten.mark(name)
    assert judged(ten, tmp_path, BudgetNeverExceeded({"gpu": "0"})) == []


def test_a_scheduled_budget_is_asked_on_the_virtual_clock(ten: PretendedServer, tmp_path: Path) -> None:
    """At factor 600 the hour in which nothing may go is six real seconds long, from 23:00 on."""
    clock = faster(START, START, 600)

    def nothing_from_23_to_24(_pool: str, _reason: str, _total: int, instant: datetime) -> int | None:
        return 0 if instant.hour == 23 else None

    rule = BudgetNeverExceeded({POOL: nothing_from_23_to_24}, to_virtual=clock)
    ten.now = START + timedelta(seconds=5.9)
    ten.taint("n00")
    assert judged(ten, tmp_path, rule) == []
    ten.now = START + timedelta(seconds=6.1)
    ten.taint("n01")
    ten.now = START + timedelta(seconds=12.1)
    ten.taint("n02")
    assert judged(ten, tmp_path, rule) == ["nodepool/general nodeclaim/n01: 0 of 10 / 2 disrupting"]


def test_a_budget_learns_the_reason(ten: PretendedServer, tmp_path: Path) -> None:
    rule = BudgetNeverExceeded({POOL: lambda _pool, reason, _total, _instant: 0 if reason == "Drifted" else None})
    ten.delete("nodeclaims", "n00")
    ten.mark("n01")
    assert judged(ten, tmp_path, rule) == ["nodepool/general nodeclaim/n01: 0 of 10 for Drifted / 2 disrupting"]


def test_what_others_did_a_moment_ago_can_be_forgiven(ten: PretendedServer, tmp_path: Path) -> None:
    ten.ready("n09", ready=False)
    ten.wait(0.5)
    ten.mark("n00")
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"}, reaction_seconds=1)) == []
    assert len(judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"}, reaction_seconds=0.1))) == 1


def test_what_the_operator_did_itself_is_never_forgiven(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.mark("n01")
    assert len(judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"}, reaction_seconds=60))) == 1
