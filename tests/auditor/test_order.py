"""The auditor puts the writes of a log into the order in which the API server stored them."""

from __future__ import annotations

from pathlib import Path

from tests.auditor.pretence import KUBECTL, PretendedServer, names
from tests.auditor.verdicts import POOL, judged, recorded
from tests.e2e.auditor import (
    BudgetNeverExceeded,
    NothingLeaked,
)


def test_writes_are_ordered_by_revision_where_the_log_is_not(ten: PretendedServer, tmp_path: Path) -> None:
    """The write that frees the budget is answered, and logged, after the write that uses it."""
    ten.mark("n00")
    ten.delete("nodeclaims", "n00")
    ten.condition("nodeclaims", "n00", "InstanceTerminating", seconds=0.4)
    ten.wait(0.1)
    ten.taint("n01", seconds=0.1)
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == []


def test_the_other_way_round_the_same_lines_are_a_violation(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.delete("nodeclaims", "n00")
    ten.taint("n01", seconds=0.4)
    ten.wait(0.1)
    ten.condition("nodeclaims", "n00", "InstanceTerminating", seconds=0.1)
    assert len(judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"}))) == 1


def test_a_removal_counts_from_when_its_request_came_in(ten: PretendedServer, tmp_path: Path) -> None:
    """The answer to a patch that drops the last finalizer has an old revision: it is given the earliest place."""
    ten.mark("n00")
    ten.delete("nodeclaims", "n00")
    ten.delete("nodes", "n00")
    ten.drop_finalizer("nodes", "n00", seconds=0.4)
    ten.wait(0.1)
    ten.taint("n01", seconds=0.1)
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"})) == []


def test_a_removal_does_not_count_before_its_request_came_in(ten: PretendedServer, tmp_path: Path) -> None:
    ten.mark("n00")
    ten.delete("nodeclaims", "n00")
    ten.delete("nodes", "n00")
    ten.taint("n01")
    ten.drop_finalizer("nodes", "n00")
    assert len(judged(ten, tmp_path, BudgetNeverExceeded({POOL: "1"}))) == 1


def test_an_object_that_is_not_found_is_gone(ten: PretendedServer, tmp_path: Path) -> None:
    """The removal itself was never logged: the API server was killed before it could."""
    ten.mark("n00")
    ten.log("patch", "nodes", "n00", code=404)
    ten.log("delete", "nodeclaims", "n00", code=404)
    assert sorted(recorded(ten, tmp_path).timeline.claims) == names(10)[1:]


def test_refused_requests_and_dry_runs_change_nothing(ten: PretendedServer, tmp_path: Path) -> None:
    tainted = {
        **ten.objects["nodes", "n00"],
        "spec": {"taints": [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]},
    }
    ten.log("patch", "nodes", "n00", code=409, answer={"kind": "Status"})
    ten.log("patch", "nodes", "n00", answer=tainted, query="?dryRun=All")
    ten.log("delete", "nodeclaims", "n00", answer={"kind": "Status"}, request={"dryRun": ["All"]})
    assert judged(ten, tmp_path, BudgetNeverExceeded({POOL: "0"})) == []
    assert judged(ten, tmp_path, NothingLeaked({POOL: 10})) == []


def test_a_deleted_collection_is_deleting_one_by_one(ten: PretendedServer, tmp_path: Path) -> None:
    items = [ten.objects["nodeclaims", name] for name in names(3)]
    ten.log("deletecollection", "nodeclaims", "", agent=KUBECTL, answer={"kind": "NodeClaimList", "items": items})
    assert len(judged(ten, tmp_path, NothingLeaked({POOL: 10}))) == 3
