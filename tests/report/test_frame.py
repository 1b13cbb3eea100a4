"""The live view, drawn from fixed values. What is expected lies in ``golden/``, as it was looked at and found good."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.text import Text

from napsim.report.frame import frame
from napsim.report.view import View
from tests.report import samples
from tests.report.drawing import STORY, coloured, plain

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    "rolling-out-80x24": (samples.ROLLING_OUT, 80, 24, STORY),
    "rolling-out-120x40": (samples.ROLLING_OUT, 120, 40, ()),
    "waiting-80x24": (samples.WAITING, 80, 24, ()),
    "many-pools-80x24": (samples.MANY_POOLS, 80, 24, ()),
    "no-pools-80x24": (samples.KARPENTER_ALONE, 80, 24, ()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_frame_looks_as_it_was_found_good(name: str) -> None:
    assert plain(*CASES[name]) == (GOLDEN / f"{name}.txt").read_text()


def test_versions_and_states_have_colours_on_a_terminal() -> None:
    assert coloured(samples.ROLLING_OUT, 80, 24) == (GOLDEN / "rolling-out-80x24.ansi").read_text()


@pytest.mark.parametrize("view", [samples.ROLLING_OUT, samples.WAITING, samples.MANY_POOLS, samples.KARPENTER_ALONE])
@pytest.mark.parametrize("size", [(60, 12), (80, 24), (81, 25), (132, 50), (300, 100)])
def test_a_frame_never_exceeds_the_terminal(view: View, size: tuple[int, int]) -> None:
    lines = frame(view, *size, STORY, "q quits")
    assert len(lines) == size[1]
    assert max(line.cell_len for line in lines) <= size[0]


def test_blocked_nodes_and_what_blocks_them_are_shown_even_among_many_pools() -> None:
    shown = plain(samples.MANY_POOLS, 80, 24)
    assert samples.LEDGER in shown
    assert "node-039" in shown
    assert "and 36 more" in shown


def test_pools_that_do_not_fit_are_counted() -> None:
    assert "and 22 more pools, 1969/2200 updated" in plain(samples.MANY_POOLS, 80, 24)


@pytest.mark.parametrize(
    ("finish", "expected"),
    [
        (datetime(2026, 2, 15, 4, 30, tzinfo=UTC), "Finish  about Sun 04:30 UTC, in 2h16m, without 1 blocked node"),
        (datetime(2026, 2, 15, 1, 30, tzinfo=UTC), "Finish  was to be Sun 01:30 UTC, without 1 blocked node"),
    ],
)
def test_the_forecast_is_shown_where_there_is_one(finish: datetime, expected: str) -> None:
    assert expected in plain(replace(samples.ROLLING_OUT, estimated_finish=finish), 80, 24)
    assert "Finish" not in plain(samples.ROLLING_OUT, 80, 24)


def test_an_unlimited_budget_is_red() -> None:
    line = _line_with(samples.WAITING, "unlimited")
    assert "red" in _style_of(line, "0 of unlimited")


def test_a_budget_that_cannot_be_evaluated_says_why() -> None:
    broken = replace(samples.DEFAULT_POOL, allowed=0, error="budgets[0]: nodes 'ten'")
    view = replace(samples.ROLLING_OUT, pools=(broken,))
    assert "budget allows nothing: budgets[0]: nodes 'ten'" in plain(view, 120, 40)


def test_a_configuration_whose_change_does_not_count_yet_is_not_said_to_close() -> None:
    pending = replace(samples.OPEN, pending=True)
    shown = plain(replace(samples.ROLLING_OUT, windows=(pending,)), 80, 24)
    assert "OPEN, until its change counts Sun 05:00 UTC" in shown


def _line_with(view: View, text: str) -> Text:
    return next(line for line in frame(view, 80, 24) if text in line.plain)


def _style_of(line: Text, text: str) -> str:
    at = line.plain.index(text)
    return " ".join(str(span.style) for span in line.spans if span.start <= at < span.end)


def blocked_by_many(count: int) -> View:
    """So many nodes, each blocked by a PDB of its own."""
    blocked = tuple(
        replace(samples.LEDGER_NODE, node=f"node-{number}", message=f"pdb prevents pod evictions ({number})")
        for number in range(count)
    )
    return replace(samples.ROLLING_OUT, blocked=blocked)


@pytest.mark.parametrize(("count", "height"), [(30, 24), (30, 40), (8, 24)])
def test_blocked_nodes_that_do_not_fit_are_counted(count: int, height: int) -> None:
    lines = plain(blocked_by_many(count), 80, height).splitlines()
    shown = sum(line.startswith("  node-") for line in lines)
    assert 0 < shown < count
    assert f"and {count - shown} more blocked nodes" in lines


def test_blocked_nodes_that_all_fit_are_not_counted() -> None:
    assert "more blocked" not in plain(blocked_by_many(3), 80, 40)
