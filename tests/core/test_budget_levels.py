"""Budgets over a span: levels from edge to edge, and what is worth minding about them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napsim.core.budget_levels import BudgetFinding, Course, course, findings
from napsim.core.budgets import DRIFTED, EMPTY, UNLIMITED, Budget, allowed_by_reason
from napsim.core.clock import parse_rfc3339

ZOO: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "conformance/data/budget-zoo.json").read_text("utf-8")
)
ENTRIES: Final = {entry["id"]: entry for entry in ZOO["entries"]}
FROM, TO = (parse_rfc3339(ZOO["week"][bound]) for bound in ("from", "to"))
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)

# What each public example comes to for drift, whatever its author wanted.
FOUND: Final = {
    "karpenter-discussion-1079": ["UnlimitedOutsideItsSchedule"],
    "aws-8290": ["UnlimitedOutsideItsSchedule"],
    "aws-7026": ["Unlimited"],
    "karpenter-1190-proposal": ["NeverAllows", "NeverDecides"],
    "karpenter-1190-workaround": [],
    "karpenter-1066": [],
    "aks-docs-weekend-only": ["NeverAllows", "NeverDecides"],
    "aks-docs-gradual": ["UnlimitedOutsideItsSchedule"],
    "karpenter-1866": ["FailsClosed"],
    "karpenter-1939": ["NeverAllows"],
    "karpenter-2218-one-at-a-time": [],
    "karpenter-2218-sunday": [],
}


def budgets(entry: str) -> list[Budget]:
    return [Budget.from_spec(spec) for spec in ENTRIES[entry]["budgets"]]


def over_the_week(*given: Budget, reason: str = DRIFTED, nodes: int = 50) -> Course:
    return course(given, reason, nodes, FROM, TO)


@pytest.mark.parametrize("entry", ENTRIES)
def test_each_level_of_published_budgets_holds_for_as_many_minutes_as_in_karpenter_s_code(entry: str) -> None:
    for reason, expected in ENTRIES[entry]["expected"].items():
        found = course(budgets(entry), reason, ZOO["nodes"], FROM, TO)
        told = {"unlimited" if it.allowed == UNLIMITED else str(it.allowed): it.total // MINUTE for it in found.levels}
        assert told == expected, reason


@pytest.mark.parametrize("entry", ENTRIES)
def test_published_budgets_are_found_for_what_they_are(entry: str) -> None:
    assert [it.reason for it in findings(over_the_week(*budgets(entry)))] == FOUND[entry]


def test_a_level_that_goes_on_beyond_the_span_is_told_as_cut() -> None:
    begins_inside = over_the_week(Budget("25%", "0 15 * * 6", HOUR))
    assert [(it.allowed, it.cut) for it in begins_inside.stretches] == [
        (UNLIMITED, True),
        (13, False),
        (UNLIMITED, True),
    ]
    on_the_edge = over_the_week(Budget("1", "0 0 * * 1", 24 * HOUR), Budget("2", "0 0 * * 2", 144 * HOUR))
    assert [(it.allowed, it.cut) for it in on_the_edge.stretches] == [(1, False), (2, False)]


def test_the_longest_stretch_of_a_level_is_the_first_of_equal_ones() -> None:
    restricted, free = over_the_week(Budget("1", "0 12 * * *", 3 * HOUR)).levels
    assert (restricted.longest.start, restricted.longest.length) == (FROM + 12 * HOUR, 3 * HOUR)
    assert (free.longest.start, free.longest.length) == (FROM + 15 * HOUR, 21 * HOUR)


def test_edges_at_which_the_level_stays_are_no_edges() -> None:
    found = over_the_week(Budget("5"), Budget("10", "0 12 * * *", HOUR))
    assert [(it.start, it.end, it.allowed) for it in found.stretches] == [(FROM, TO, 5)]
    assert [it.reason for it in findings(found)] == [BudgetFinding.NEVER_DECIDES]


def test_a_budget_as_strict_as_another_one_counts() -> None:
    assert findings(over_the_week(Budget("5"), Budget("10%"))) == ()


def test_a_budget_that_is_not_active_within_the_span_is_told() -> None:
    found = findings(over_the_week(Budget("5"), Budget("0", "0 0 24 12 *", 24 * HOUR)))
    assert [(it.reason, it.message) for it in found] == [
        (BudgetFinding.NEVER_ACTIVE, "budgets[1] is not active within this span")
    ]


def test_a_budget_for_another_reason_is_nothing_to_mind() -> None:
    found = over_the_week(Budget("5"), Budget("0", reasons=frozenset({EMPTY})))
    assert findings(found) == ()
    assert over_the_week(*found.budgets, reason=EMPTY).time_at(0) == TO - FROM


def test_without_budgets_all_is_unlimited() -> None:
    (found,) = findings(over_the_week())
    assert found.reason is BudgetFinding.UNLIMITED
    assert found.message.startswith("no budget restricts it: all nodes may be disrupted at once")


def test_why_a_pool_fails_closed_names_the_budget_and_the_field() -> None:
    (found,) = findings(over_the_week(*budgets("karpenter-1866")))
    assert found.message.startswith("budgets[2]: schedule '0 0 * * sat-sun': day of week 'sat-sun'")
    assert found.message.endswith("the whole pool allows nothing, to any reason")


def test_a_number_of_nodes_that_is_none_closes_the_pool_while_its_budget_is_active() -> None:
    """Karpenter does not look at ``nodes`` of a budget that is not active; whichever reasons it is for."""
    found = over_the_week(Budget("5"), Budget("ten", "0 0 * * 6", 24 * HOUR, frozenset({EMPTY})))
    assert [(it.allowed, it.length) for it in found.stretches] == [(5, 120 * HOUR), (0, 24 * HOUR), (5, 24 * HOUR)]
    (closed,) = findings(found)
    assert closed.message.startswith("budgets[1]: nodes 'ten': allowed is a number of nodes or a percentage")
    assert closed.message.endswith("so the whole pool allows nothing while it is active, to any reason")


SCHEDULES = st.builds(
    lambda minute, hour, day: f"{minute} {hour} * * {day}",
    st.sampled_from(["0", "30", "*/20"]),
    st.sampled_from(["0", "8", "*/6"]),
    st.sampled_from(["*", "1-5", "6", "sun"]),
)
ANY_BUDGET = st.one_of(
    st.builds(Budget, st.sampled_from(["0", "3", "10%", "100%"])),
    st.builds(
        Budget,
        st.sampled_from(["0", "1", "50%"]),
        SCHEDULES,
        st.integers(1, 60 * 50).map(lambda minutes: minutes * MINUTE),
        st.sampled_from([None, frozenset({DRIFTED}), frozenset({EMPTY})]),
    ),
)


@given(st.lists(ANY_BUDGET, max_size=4), st.integers(0, 300), st.integers(0, 10**6), st.integers(1, 72))
def test_at_any_instant_the_level_is_what_the_budgets_allow_then(
    drawn: list[Budget], nodes: int, offset: int, hours: int
) -> None:
    start = FROM + offset * MINUTE
    found = course(drawn, DRIFTED, nodes, start, start + hours * HOUR)
    assert (found.stretches[0].start, found.stretches[-1].end) == (start, start + hours * HOUR)
    assert all(one.end == next_.start and one.allowed != next_.allowed for one, next_ in pairwise(found.stretches))
    for it in found.stretches:
        for at in (it.start, it.start + it.length / 2, it.end - timedelta.resolution):
            assert allowed_by_reason(drawn, DRIFTED, nodes, at).allowed == it.allowed
    assert sum((it.total for it in found.levels), timedelta(0)) == found.length


def test_the_levels_are_those_of_a_minute_by_minute_count() -> None:
    drawn = [Budget("10%"), Budget("1", "*/40 7 * * mon-fri", 25 * MINUTE), Budget("0", "0 22 * * 5", 31 * HOUR)]
    counted: Counter[int] = Counter()
    for minute in range((TO - FROM) // MINUTE):
        counted[allowed_by_reason(drawn, DRIFTED, 37, FROM + minute * MINUTE).allowed] += 1
    assert {it.allowed: it.total // MINUTE for it in over_the_week(*drawn, nodes=37).levels} == counted


def test_a_span_may_begin_at_any_instant() -> None:
    start = datetime(2026, 11, 2, 7, 59, 59, 500000, tzinfo=UTC)
    first, second = course([Budget("0", "0 8 * * *", HOUR)], DRIFTED, 5, start, start + HOUR).stretches
    assert (first.allowed, first.length) == (UNLIMITED, timedelta(milliseconds=500))
    assert (second.allowed, second.end) == (0, start + HOUR)
