"""The demo as scenes: what is told while one lasts, when it is over, and what was missing if it never is.

Pure functions of the view and the journal of the views before. A scene lasts while ``lasts`` is true; which one it is
depends on nothing but what the cluster shows, so that a slow machine plays the same story later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from napsim.report import phrases
from napsim.report.journal import Journal
from napsim.report.times import short
from napsim.report.view import Phase, Rollout, View

_PDB: Final = re.compile(r"PodDisruptionBudget=\[(?P<namespace>[^/\]]+)/(?P<name>[^\],]+)\]")


@dataclass(frozen=True, slots=True)
class Scene:
    """One step of the story. ``within_seconds`` (real) bounds it beside the virtual time until the window changes."""

    title: str
    told: Callable[[View, Journal], str]
    over: Callable[[View, Journal], bool]
    missing: Callable[[View, Journal], str]
    within_seconds: float
    until_window_changes: bool = False


def deadline_seconds(scene: Scene, view: View) -> float:
    """Real seconds that the scene may take when it begins with ``view``."""
    window = view.window
    if not scene.until_window_changes or window is None or window.changes_at is None:
        return scene.within_seconds
    virtual = (window.changes_at - view.clock.now).total_seconds()
    return scene.within_seconds + max(virtual, 0.0) / view.clock.factor


def blocking_pdb(view: View) -> tuple[str, str] | None:
    """(namespace, name) of the PodDisruptionBudget that blocks a node; None when none does."""
    return next((found for item in view.blocked if (found := pdb_of(item.message))), None)


def pdb_of(message: str) -> tuple[str, str] | None:
    """(namespace, name) of the PodDisruptionBudget that a message names."""
    found = _PDB.search(message)
    return (found["namespace"], found["name"]) if found else None


def is_full(view: View) -> bool:
    """Every pool has nodes, and all of them are initialized."""
    return bool(view.pools) and all(pool.total for pool in view.pools) and not view.count(Phase.LAUNCHING)


def _versions(view: View) -> str:
    running = sorted({group.version for pool in view.pools for group in pool.groups if group.version})
    return " and ".join(running)


def _told_filling(view: View, _: Journal) -> str:
    if not view.total:
        return "The operator starts, and makes NodeClaims for the pods that are pending."
    return f"{view.total - view.count(Phase.LAUNCHING)} of {view.total} nodes are ready."


def _told_closed(view: View, _: Journal) -> str:
    opens = short(view.window.changes_at, view.clock.now) if view.window and view.window.changes_at else "later"
    if view.waiting:
        return f"{view.waiting[0].version} is published. The window opens {opens}: nothing happens before."
    return f"Nodes run {_versions(view)}; the next image comes before {opens}."


def _told_opening(_view: View, _: Journal) -> str:
    return "It is picked up as soon as images are listed again."


def _held(view: View) -> str:
    """What stands in the way of all nodes that are still drifted; "" while some of them are moving."""
    closed = [pool for pool in view.pools if pool.allowed == 0 and pool.count(Phase.DRIFTED)]
    waiting = sum(pool.count(Phase.DRIFTED) for pool in view.pools) - sum(pool.count(Phase.DRIFTED) for pool in closed)
    if waiting or view.count(Phase.DISRUPTING, Phase.DRAINING, Phase.LAUNCHING):
        return ""
    parts = [f"{item.node} by a PDB" for item in view.blocked[:1]]
    for pool in closed:
        until = f" until {short(pool.changes_at, view.clock.now)}" if pool.changes_at else ""
        parts.append(f"{pool.name} by its budget{until}")
    return ", ".join(parts)


def _told_rolling(view: View, journal: Journal) -> str:
    held = _held(view)
    return f"Held: {held}." if held else f"Nodes without {journal.version} drift, and go as budgets and PDBs allow."


def _told_closing(view: View, journal: Journal) -> str:
    if view.rollout is Rollout.BLOCKED:
        return f"Only {view.blocked[0].node} is left: its PDB has nothing to spare."
    held = _held(view)
    if held:
        return f"Held: {held}."
    return f"The window gates the pick-up, not the rollout: {phrases.plural(journal.left, 'node')} still to go."


def _told_relaxing(view: View, _: Journal) -> str:
    if view.blocked:
        return "The demo has set minAvailable of that PDB to 0, as its owner might."
    return "The last node goes: in a closed window, since it was picked up in an open one."


def _closed_after_pick_up(_: View, journal: Journal) -> bool:
    return journal.closed_at is not None


def _nothing_left_but_blocked(view: View, journal: Journal) -> bool:
    return (view.rollout is Rollout.BLOCKED and blocking_pdb(view) is not None) or journal.finished_at is not None


def _state(view: View, _: Journal) -> str:
    where = "; ".join(f"{pool.name} {pool.updated}/{pool.total} {phrases.phases(pool)}" for pool in view.pools)
    return f"the cluster is {phrases.rollout(view)} ({where or 'no pools'})"


UNTIL_BLOCKED: Final = (
    Scene(
        "The pools fill up",
        _told_filling,
        lambda view, _: is_full(view) and bool(view.window),
        _state,
        180.0,
    ),
    Scene(
        "A new image, a closed window",
        _told_closed,
        lambda view, journal: bool(journal.pickups) or (view.window is not None and view.window.open),
        lambda view, _: f"the window did not open: {view.window}",
        180.0,
        until_window_changes=True,
    ),
    Scene(
        "The window opens",
        _told_opening,
        lambda _, journal: bool(journal.pickups),
        lambda view, _: f"no image was picked up; {phrases.plural(len(view.waiting), 'image')} waiting",
        180.0,
    ),
    Scene(
        "The rollout",
        _told_rolling,
        _closed_after_pick_up,
        lambda view, _: f"the window did not close: {view.window}",
        180.0,
        until_window_changes=True,
    ),
    Scene(
        "The window closes, the rollout goes on",
        _told_closing,
        _nothing_left_but_blocked,
        lambda view, journal: f"all nodes but the blocked one were to be replaced: {_state(view, journal)}",
        240.0,
    ),
)
THEN: Final = Scene(
    "The PDB is relaxed",
    _told_relaxing,
    lambda _, journal: journal.finished_at is not None,
    lambda view, journal: f"the last node was to be replaced: {_state(view, journal)}",
    180.0,
)
COUNT: Final = len(UNTIL_BLOCKED) + 1
