"""A rollout told from views."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from napsim.report.journal import Journal
from napsim.report.scenes import THEN, UNTIL_BLOCKED, blocking_pdb, deadline_seconds, is_full
from napsim.report.view import Blocked, Clock, Group, Phase, Pool, Rollout, View, Window
from tests.report.samples import LEDGER, LEDGER_NODE, NEW, NOW, OLD, OPEN, PICKED_UP, ROLLING_OUT, WAITING

START = NOW - timedelta(hours=3)


def at(hours: float, old: int, new: int, **changed: object) -> View:
    """One pool, so many hours after the start, with so many nodes of each version."""
    drifted = Phase.DRIFTED if changed.get("pickups", PICKED_UP) else Phase.CURRENT
    groups = tuple(group for group in (Group(OLD, drifted, old), Group(NEW, Phase.CURRENT, new)) if group.nodes)
    pool = Pool("default", groups, old + new, new, disrupting=0, allowed=2, most=2)
    view = replace(
        ROLLING_OUT, clock=Clock(START + timedelta(hours=hours), 600), pools=(pool,), blocked=(), pickups=PICKED_UP
    )
    return replace(view, **changed)


def blocked(message: str) -> tuple[Blocked, ...]:
    return (replace(LEDGER_NODE, message=message, since=START + timedelta(hours=1)),)


def story(*views: View) -> Journal:
    journal = Journal()
    for view in views:
        journal.note(view)
    return journal


CLOSED = (replace(OPEN, state="closed"),)
WHOLE = (
    at(0, 3, 0, pickups=()),
    at(1, 3, 0),
    at(2, 1, 2, blocked=blocked(LEDGER)),
    at(3, 1, 2, blocked=blocked(LEDGER), windows=CLOSED),
    at(4, 1, 2, blocked=blocked(LEDGER), windows=CLOSED),
    at(5, 0, 3, windows=CLOSED, rollout=Rollout.ROLLED_OUT),
)


def test_the_summary_tells_what_was_picked_up_replaced_and_blocked() -> None:
    assert story(*WHOLE).summary() == [
        f"picked up    Sun 2026-02-15 01:00 UTC  default: {OLD} → {NEW} (WindowOpen), 2 definitions",
        "             x",
        "replaced     3 nodes in 3h14m (virtual), 0 left",
        "             1 of them after the window had closed: it gates the pick-up, not the rollout",
        "at once      default: 2 at most, of none allowed",
        "blocked      aks-default-x7k2p for 3h, from Sun 00:14 to Sun 03:14",
        f"             {LEDGER}",
    ]


def test_the_budgets_told_are_those_while_nodes_were_disrupted() -> None:
    def disrupting(allowed: int | None) -> tuple[Pool, ...]:
        return (Pool("default", (Group(OLD, Phase.DISRUPTING, 1),), 1, 0, 1, allowed),)

    views = [at(hour, 1, 0, pools=disrupting(allowed)) for hour, allowed in ((1, 3), (2, 2), (3, None))]
    assert "at once      default: 1 at most, of 2 to 3 or unlimited allowed" in story(*views).summary()


def test_a_node_that_is_blocked_by_two_things_in_turn_has_two_entries() -> None:
    journal = story(at(1, 1, 0, blocked=blocked("api")), at(3, 1, 0, blocked=blocked(LEDGER)), at(4, 1, 0))
    assert [(item.message, item.since) for item, _ in journal.blocked] == [
        ("api", START + timedelta(hours=1)),
        (LEDGER, START + timedelta(hours=3)),
    ]


def test_a_rollout_is_over_only_when_no_old_node_is_left() -> None:
    assert story(*WHOLE[:-1]).finished_at is None
    assert story(*WHOLE).finished_at == START + timedelta(hours=5)
    assert story(at(0, 3, 0, pickups=())).summary() == ["no image was picked up"]


def test_a_second_pick_up_begins_a_story_of_its_own() -> None:
    newer = tuple(
        replace(item, at=item.at + timedelta(days=7), from_version=NEW, to_version="202602.27.0") for item in PICKED_UP
    )
    journal = story(*WHOLE, at(170, 0, 3, pickups=(*newer, *PICKED_UP)))
    assert (journal.version, journal.replaced, journal.left) == ("202602.27.0", 0, 3)


# --- scenes -----------------------------------------------------------------------------------------------------------


def test_each_scene_ends_where_the_next_one_begins() -> None:
    journal = Journal()
    ended = []
    remaining = [*UNTIL_BLOCKED, THEN]
    waiting = replace(WAITING, windows=CLOSED, clock=Clock(START, 600))
    stuck = {"blocked": blocked(LEDGER), "windows": CLOSED, "rollout": Rollout.BLOCKED}
    for view in (waiting, at(0.5, 3, 0, pickups=()), *WHOLE[1:3], at(3, 1, 2, **stuck), WHOLE[-1]):
        journal.note(view)
        while remaining and remaining[0].over(view, journal):
            ended.append((remaining.pop(0).title, view.clock.now))
    assert [title for title, _ in ended] == [scene.title for scene in (*UNTIL_BLOCKED, THEN)]
    assert [when for _, when in ended] == sorted(when for _, when in ended)


def test_what_a_scene_tells_fits_a_terminal_of_80_columns() -> None:
    journal = story(*WHOLE[:4])
    views = (*WHOLE, WAITING, replace(ROLLING_OUT, rollout=Rollout.BLOCKED))
    told = [scene.told(view, journal) for scene in UNTIL_BLOCKED for view in views]
    assert max(len(line) for line in told) <= 78


def test_a_scene_that_waits_for_the_window_may_take_as_long_as_the_clock_needs_to_get_there() -> None:
    closed = UNTIL_BLOCKED[1]
    opens = Window("node-os", "", "closed", NOW + timedelta(hours=1))
    view = replace(ROLLING_OUT, windows=(opens,), clock=Clock(NOW, 600))
    assert deadline_seconds(closed, view) == closed.within_seconds + 6
    assert deadline_seconds(closed, replace(view, windows=())) == closed.within_seconds


def test_the_pdb_that_blocks_is_read_from_the_verdict() -> None:
    assert blocking_pdb(ROLLING_OUT) == ("shop", "ledger")
    assert blocking_pdb(replace(ROLLING_OUT, blocked=(replace(LEDGER_NODE, message="something else"),))) is None


def test_pools_are_full_when_each_has_nodes_and_none_is_launching() -> None:
    assert is_full(at(0, 3, 0))
    assert not is_full(replace(ROLLING_OUT, pools=()))
    assert not is_full(ROLLING_OUT)
    empty = Pool("system", (), 0, 0, 0, 1)
    assert not is_full(replace(at(0, 3, 0), pools=(*at(0, 3, 0).pools, empty)))


def test_a_scene_says_what_was_missing() -> None:
    for scene in (*UNTIL_BLOCKED, THEN):
        assert scene.missing(ROLLING_OUT, Journal())
    assert "default 7/14 3 drifted, 1 blocked" in THEN.missing(ROLLING_OUT, Journal())
