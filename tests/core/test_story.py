"""The facts of a rollout's story: their order, their names, their words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from napsim.core.configuration_specs import from_spec
from napsim.core.configurations import NODE_OS
from napsim.core.story import (
    BLOCKED_FOR,
    Cause,
    Fact,
    Told,
    image_seen,
    nodes_blocked,
    nodes_unblocked,
    rollout_finished,
    rollout_started,
    window_edges,
    window_fact,
    window_missed,
)
from napsim.core.windows import Window

SATURDAY = datetime(2026, 2, 14, 20, tzinfo=UTC)
OPENS, CLOSES = datetime(2026, 2, 15, 1, tzinfo=UTC), datetime(2026, 2, 15, 5, tzinfo=UTC)
WEEKLY = {
    "maintenanceWindow": {
        "schedule": {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}},
        "startDate": "2026-01-01",
        "startTime": "01:00",
        "durationHours": 4,
    }
}
WINDOW = Window(OPENS, CLOSES)
CAUSE = Cause("default", "PodDisruptionBudget", "pdb prevents pod evictions", OPENS, ("node-b", "node-a"))
CONFIGURATION = from_spec(NODE_OS, WEEKLY, SATURDAY)


def test_openings_and_closings_since_the_last_look_come_once_and_in_order() -> None:
    edges = list(window_edges(CONFIGURATION, SATURDAY, SATURDAY + timedelta(days=8)))
    week = timedelta(days=7)
    later = Window(OPENS + week, CLOSES + week)
    assert edges == [(WINDOW, True), (WINDOW, False), (later, True), (later, False)]
    instants = [SATURDAY + timedelta(hours=hours) for hours in range(0, 24, 3)]
    pieces = [edge for since, until in pairwise(instants) for edge in window_edges(CONFIGURATION, since, until)]
    assert pieces == [(WINDOW, True), (WINDOW, False)]


def test_an_edge_at_the_look_itself_belongs_to_it() -> None:
    assert list(window_edges(CONFIGURATION, SATURDAY, OPENS)) == [(WINDOW, True)]
    assert list(window_edges(CONFIGURATION, OPENS, CLOSES)) == [(WINDOW, False)]
    assert list(window_edges(CONFIGURATION, CLOSES, CLOSES + timedelta(hours=1))) == []


def test_the_names_of_events_sort_as_things_happened() -> None:
    story = [
        image_seen("202602.13.0", ["2404gen2containerd"], SATURDAY, "closed"),
        window_fact("node-os", WINDOW, opened=True),
        Fact(OPENS, Told.IMAGE_PICKED_UP, "default: …", "default"),
        rollout_started(OPENS, {"default": 3}),
        nodes_blocked(CAUSE),
        nodes_unblocked(CAUSE, OPENS + timedelta(hours=1)),
        rollout_finished(CLOSES, OPENS, 3, 2),
        window_fact("node-os", WINDOW, opened=False),
        window_missed("node-os", WINDOW, ["202602.13.0"]),
    ]
    event_names = [fact.event_name("default") for fact in story]
    assert event_names == sorted(event_names)
    assert len(set(event_names)) == len(story)


def test_the_same_fact_has_the_same_name_whatever_is_said_of_it() -> None:
    first, second = rollout_started(OPENS, {"default": 3}), rollout_started(OPENS, {"default": 7})
    assert first.message != second.message
    assert first.event_name("default") == second.event_name("default")
    one, other = (Fact(OPENS, Told.IMAGE_PICKED_UP, "", key) for key in ("default", "system"))
    assert one.event_name("default") != other.event_name("default")


def test_blocked_nodes_are_told_once_they_have_been_so_for_a_while() -> None:
    fact = nodes_blocked(CAUSE)
    assert fact.at == OPENS + BLOCKED_FOR
    assert fact.warning
    assert fact.message == "pool default: node-a, node-b: pdb prevents pod evictions, since Sun 2026-02-15 01:00 UTC"


def test_long_lists_are_cut() -> None:
    cause = Cause("default", "PodDisruptionBudget", "x", OPENS, tuple(f"node-{number}" for number in range(8)))
    assert "node-4 and 3 more: x" in nodes_blocked(cause).message


def test_the_end_says_how_many_and_how_long() -> None:
    fact = rollout_finished(OPENS + timedelta(hours=5, minutes=43), OPENS, 15, 2)
    assert fact.message == "15 nodes replaced in 5h43m, at most 2 disrupted at once"
