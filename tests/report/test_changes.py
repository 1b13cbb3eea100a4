from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from napsim.report.changes import changes
from napsim.report.documents import differs, document
from napsim.report.phrases import times
from napsim.report.view import Clock, Group, Phase, PickUp, Rollout, View
from tests.report.samples import CLOSES, DEFAULT_POOL, LEDGER, NEW, NOW, OLD, OPEN, PICKED_UP, ROLLING_OUT, WAITING


def lines(before: View, after: View) -> list[str]:
    """The changes without their time stamps."""
    return [line.partition("  ")[2] for line in changes(before, after)]


def test_time_alone_is_no_change() -> None:
    later = replace(ROLLING_OUT, clock=Clock(NOW + timedelta(hours=1), 600))
    assert changes(ROLLING_OUT, later) == []
    assert not differs(ROLLING_OUT, later)


def test_lines_carry_the_virtual_time() -> None:
    assert changes(ROLLING_OUT, replace(ROLLING_OUT, notes=("no answer",))) == ["2026-02-15 02:14:00Z  no answer"]


def test_what_is_over_is_told_for_what_it_was() -> None:
    leaderless, silent = "no operator runs: nobody holds the lease kube-system/napsim", "no answer for 9 s"
    assert lines(replace(ROLLING_OUT, notes=(leaderless,)), ROLLING_OUT) == ["an operator runs"]
    assert lines(replace(ROLLING_OUT, notes=(silent,)), ROLLING_OUT) == ["the API server answers again"]
    both = replace(ROLLING_OUT, notes=(silent, leaderless))
    assert lines(both, replace(ROLLING_OUT, notes=(leaderless,))) == ["the API server answers again"]


def test_a_window_that_closes_is_told_once() -> None:
    closed = replace(ROLLING_OUT, windows=(replace(OPEN, state="closed", changes_at=CLOSES + timedelta(days=1)),))
    assert lines(ROLLING_OUT, closed) == ["window node-os: closed, opens Mon 05:00 UTC, in 1d2h"]
    assert lines(closed, closed) == []


def test_pick_ups_that_belong_together_are_one_line() -> None:
    before = replace(ROLLING_OUT, pickups=())
    assert lines(before, ROLLING_OUT) == [f"picked up: default: {OLD} → {NEW} (WindowOpen), 2 definitions"]


def test_a_later_pick_up_is_told_without_the_earlier_ones() -> None:
    first = PickUp(NOW, "other", "2404containerd", "", NEW, "NewNodeClass", "")
    after = replace(ROLLING_OUT, pickups=(first, *PICKED_UP))
    assert lines(ROLLING_OUT, after) == [f"picked up: other: {NEW} (NewNodeClass), 2404containerd"]


def test_a_node_that_is_blocked_is_named_with_what_blocks_it_and_so_is_the_end_of_it() -> None:
    free = replace(ROLLING_OUT, blocked=())
    assert lines(free, ROLLING_OUT) == [f"blocked: aks-default-x7k2p: PodDisruptionBudget: {LEDGER}"]
    assert lines(ROLLING_OUT, free) == ["no longer blocked: aks-default-x7k2p after 1h04m"]


def test_a_node_that_is_blocked_by_something_else_now_is_told_again() -> None:
    other = replace(ROLLING_OUT.blocked[0], message="by another PDB")
    after = replace(ROLLING_OUT, blocked=(other,))
    assert lines(ROLLING_OUT, after) == ["blocked: aks-default-x7k2p: PodDisruptionBudget: by another PDB"]


def test_a_pool_is_told_when_its_nodes_or_its_budget_change() -> None:
    done = replace(DEFAULT_POOL, groups=(Group(NEW, Phase.CURRENT, 14),), updated=14, disrupting=0, allowed=None)
    after = replace(ROLLING_OUT, pools=(done, ROLLING_OUT.pools[1]))
    assert lines(ROLLING_OUT, after) == [
        "pool default: 14/14 updated, 0 of unlimited disrupting, no budget restricts now"
    ]


def test_a_pool_that_is_deleted_is_told() -> None:
    assert lines(ROLLING_OUT, replace(ROLLING_OUT, pools=(DEFAULT_POOL,))) == ["pool system: gone"]


def test_an_image_that_waits_and_a_clock_that_is_turned_are_told() -> None:
    before = replace(WAITING, waiting=(), rollout=Rollout.ROLLED_OUT)
    assert lines(before, replace(WAITING, clock=replace(WAITING.clock, factor=60))) == [
        "clock: runs ×60, before ×1",
        f"image: {NEW} waits for the window; published Sat 22:00 (2404gen2containerd)",
        "rollout: waiting for the window, 300/300 updated",
    ]


def test_a_document_is_one_line_of_json_with_times_in_rfc_3339() -> None:
    text = document(ROLLING_OUT)
    assert "\n" not in text
    assert text.startswith('{"cluster":"cluster napsim-demo","clock":{"now":"2026-02-15T02:14:00Z","factor":600}')
    assert text.endswith('"schema":"napsim.dev/watch/v1"}')
    assert '"allowed":null' in document(WAITING)


def test_a_fast_clock_is_told_in_digits() -> None:
    assert [times(factor) for factor in (1.5, 600, 1e6, 1e7)] == ["1.5", "600", "1,000,000", "10,000,000"]
