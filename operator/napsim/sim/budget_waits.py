"""Since when drifted nodes of which pools wait for a disruption budget that allows none, and which budget that is.

Policy: ours. No verdict says so: upstream judges no candidate of a pool whose budgets allow nothing. A node that a
verdict holds as well is blocked by that, and not counted here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from napsim.controllers.disruption import TICK
from napsim.core.budgets import DRIFTED, Budget, holding, next_change, opens_at
from napsim.sim.outcome import BudgetWait


class Waiting(msgspec.Struct, frozen=True):
    """``nodes`` that drifted and that nothing but the ``budgets`` of their pool holds; ``total_nodes`` are those that
    the budgets are measured against."""

    nodes: int
    total_nodes: int
    budgets: tuple[Budget, ...]


class _Open(msgspec.Struct):
    """A wait that goes on. What is told of the budgets holds until ``told_until``; None: for good."""

    since: datetime
    waiting: Waiting
    most: int
    told: dict[str, None]
    told_until: datetime | None


class BudgetWaits(msgspec.Struct):
    """``look`` whenever a pool changed or its budgets did; costs what changed, not the nodes."""

    over: list[BudgetWait] = msgspec.field(default_factory=list)
    _open: dict[str, _Open] = msgspec.field(default_factory=dict)  # by pool

    def clear(self) -> None:
        """Forget what was so far."""
        self.over.clear()
        self._open.clear()

    def look(self, pool: str, waiting: Waiting | None, now: datetime) -> None:
        """None: nothing waits, or something may go. Budgets that are edited and allow none still are another wait."""
        held = self._open.get(pool)
        if held is not None and (waiting is None or waiting.budgets != held.waiting.budgets):
            self._end(pool, now)
            held = None
        if waiting is None:
            return
        if held is None:
            held = self._open[pool] = _Open(now, waiting, 0, {}, now)
        held.waiting, held.most = waiting, max(held.most, waiting.nodes)
        if held.told_until is not None and now >= held.told_until:
            held.told |= dict.fromkeys(holding(waiting.budgets, DRIFTED, waiting.total_nodes, now))
            held.told_until = next_change(waiting.budgets, now)

    def _end(self, pool: str, now: datetime) -> None:
        """What ends before anybody has judged the nodes was no wait: a verdict may hold them from then on."""
        held = self._open.pop(pool)
        if now - held.since >= TICK:
            self.over.append(_wait(pool, held, now))

    def all(self, now: datetime) -> tuple[BudgetWait, ...]:
        """Those that are over, and those that are not, by when they began."""
        lasting = (_wait(pool, held, None, _opens_at(held.waiting, now)) for pool, held in self._open.items())
        return tuple(_in_order((*self.over, *lasting)))


def _opens_at(waiting: Waiting, now: datetime) -> datetime | None:
    return opens_at(waiting.budgets, DRIFTED, waiting.total_nodes, 0, now)


def _wait(pool: str, held: _Open, until: datetime | None, opens: datetime | None = None) -> BudgetWait:
    return BudgetWait(pool, held.most, "; ".join(sorted(held.told)), held.since, until, opens)


def _in_order(waits: Iterable[BudgetWait]) -> list[BudgetWait]:
    return sorted(waits, key=lambda item: (item.since, item.node_pool))
