"""A rollout as lines of text: one for each thing that changed from one view to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from napsim.report import phrases
from napsim.report.times import span
from napsim.report.view import NO_OPERATOR, Pool, View

Rule = Callable[[View, View], Iterator[str]]


def changes(before: View, after: View) -> list[str]:
    """What changed, each line with the virtual time in UTC; nothing if only time has passed."""
    stamp = f"{after.clock.now:%Y-%m-%d %H:%M:%S}Z"
    return [f"{stamp}  {line}" for rule in _RULES for line in rule(before, after)]


def _notes(before: View, after: View) -> Iterator[str]:
    yield from (note for note in after.notes if note not in before.notes)
    leaderless, unanswered = _kinds_of_notes(before)
    still_leaderless, still_unanswered = _kinds_of_notes(after)
    if unanswered and not still_unanswered:
        yield "the API server answers again"
    if leaderless and not still_leaderless:
        yield "an operator runs"


def _kinds_of_notes(view: View) -> tuple[bool, bool]:
    """Whether one says that no operator runs, and whether one says something else: that there is no answer."""
    leaderless = [note.startswith(NO_OPERATOR) for note in view.notes]
    return any(leaderless), not all(leaderless)


def _clock(before: View, after: View) -> Iterator[str]:
    if before.clock.factor != after.clock.factor:
        yield f"clock: runs ×{phrases.times(after.clock.factor)}, before ×{phrases.times(before.clock.factor)}"


def _windows(before: View, after: View) -> Iterator[str]:
    known = {window.name: window.state for window in before.windows}
    for window in after.windows:
        if known.get(window.name) != window.state:
            yield f"window {window.name or window.config_name}: {window.state}, {phrases.window(window, after.clock)}"


def _waiting(before: View, after: View) -> Iterator[str]:
    known = {(item.node_class, item.definition, item.version) for item in before.waiting}
    is_open = after.window is not None and after.window.open
    for item in after.waiting:
        if (item.node_class, item.definition, item.version) not in known:
            yield f"image: {phrases.waiting(item, after.clock, window_open=is_open)}"


def _pick_ups(before: View, after: View) -> Iterator[str]:
    for same in phrases.together(item for item in reversed(after.pickups) if item not in before.pickups):
        yield f"picked up: {phrases.pick_up(same)}"


def _pools(before: View, after: View) -> Iterator[str]:
    known = {pool.name: pool for pool in before.pools}
    for pool in after.pools:
        if _essence(known.get(pool.name)) != _essence(pool):
            yield f"pool {pool.name}: {_state(pool, after)}"
    for name in sorted(known.keys() - {pool.name for pool in after.pools}):
        yield f"pool {name}: gone"


def _essence(pool: Pool | None) -> object:
    return None if pool is None else (pool.groups, pool.allowed, pool.disrupting, pool.error)


def _state(pool: Pool, view: View) -> str:
    parts = [f"{pool.updated}/{pool.total} updated", phrases.phases(pool), f"{phrases.budget(pool)} disrupting"]
    return ", ".join(part for part in (*parts, phrases.budget_change(pool, view.clock)) if part)


def _blocked(before: View, after: View) -> Iterator[str]:
    known = {item.node: item for item in before.blocked}
    for item in after.blocked:
        if item.node not in known or known[item.node].message != item.message:
            yield f"blocked: {item.node}: {item.reason}: {item.message}"
    now = {item.node for item in after.blocked}
    for name, item in known.items():
        if name not in now:
            after_span = f" after {span(after.clock.now - item.since)}" if item.since else ""
            yield f"no longer blocked: {name}{after_span}"


def _rollout(before: View, after: View) -> Iterator[str]:
    if before.rollout is not after.rollout:
        yield f"rollout: {phrases.rollout(after)}"


_RULES: Final[tuple[Rule, ...]] = (_notes, _clock, _windows, _waiting, _pick_ups, _blocked, _pools, _rollout)
