"""How the budgets of a pool go over a span of time: the levels they hold from edge to edge, and what is worth minding.

Policy: the summary is ours; each level is what ``budgets`` says, which mirrors Karpenter. A level is how many nodes may
be disrupting at once: it bounds how many, not how fast. Edges are those of the schedules; nothing is asked in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from .budgets import UNLIMITED, Budget, allowed_by_budget, allowed_by_reason, is_active, next_change

_HOUR: Final = timedelta(hours=1)


class Stretch(msgspec.Struct, frozen=True):
    """One level from ``start`` to ``end`` (aware UTC, ``end`` excluded), 0 to UNLIMITED nodes at once.

    ``cut``: the same level holds just before a stretch that begins the span, or just after one that ends it.
    """

    start: datetime
    end: datetime
    allowed: int
    cut: bool = False

    @property
    def length(self) -> timedelta:
        return self.end - self.start


class Level(msgspec.Struct, frozen=True):
    """One level within a span: how long it holds in all, and its longest stretch (of equal ones the first)."""

    allowed: int
    total: timedelta
    longest: Stretch


class Course(msgspec.Struct, frozen=True):
    """What the budgets of a pool with ``nodes`` nodes allow for one reason. The stretches are the span, without gaps.

    ``active`` and ``deciding`` are positions in ``budgets``: of those for this reason that are active at some time
    within the span, and of those that are then as strict as the level. ``errors`` is why the pool fails closed, at
    some time or at all times.
    """

    budgets: tuple[Budget, ...]
    reason: str
    nodes: int
    stretches: tuple[Stretch, ...]
    active: frozenset[int]
    deciding: frozenset[int]
    errors: tuple[str, ...] = ()

    @property
    def length(self) -> timedelta:
        return self.stretches[-1].end - self.stretches[0].start

    @property
    def levels(self) -> tuple[Level, ...]:
        """From the strictest on."""
        return tuple(self._level(allowed) for allowed in sorted({item.allowed for item in self.stretches}))

    def _level(self, allowed: int) -> Level:
        held = [item for item in self.stretches if item.allowed == allowed]
        total = sum((item.length for item in held), timedelta(0))
        return Level(allowed, total, max(held, key=lambda item: item.length))

    def time_at(self, allowed: int) -> timedelta:
        """How long that level holds; zero for one that there is not."""
        return sum((item.length for item in self.stretches if item.allowed == allowed), timedelta(0))


def course(budgets: Sequence[Budget], reason: str, nodes: int, start: datetime, end: datetime) -> Course:
    """The course from ``start`` to ``end``, which is after it (aware UTC). Fails closed, as Karpenter does."""
    concerned = [(index, budget) for index, budget in enumerate(budgets) if budget.applies_to(reason)]
    joined: list[Stretch] = []
    active: set[int] = set()
    deciding: set[int] = set()
    errors: dict[str, None] = {}
    for at, until in _pieces(budgets, start, end):
        allowance = allowed_by_reason(budgets, reason, nodes, at)
        errors |= dict.fromkeys(allowance.errors)
        for index, budget in concerned:
            alone = allowed_by_budget(budget, nodes, at)
            if not alone.errors and is_active(budget, at):
                active.add(index)
                if alone.allowed == allowance.allowed:
                    deciding.add(index)
        if joined and joined[-1].allowed == allowance.allowed:
            joined[-1] = Stretch(joined[-1].start, until, allowance.allowed)
        else:
            joined.append(Stretch(at, until, allowance.allowed))
    marked = tuple(_marked(joined, budgets, reason, nodes))
    return Course(tuple(budgets), reason, nodes, marked, frozenset(active), frozenset(deciding), tuple(errors))


def _pieces(budgets: Sequence[Budget], start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From edge to edge of any budget."""
    at = start
    while at < end:
        until = min(next_change(budgets, at) or end, end)
        yield at, until
        at = until


def _marked(joined: Sequence[Stretch], budgets: Sequence[Budget], reason: str, nodes: int) -> Iterator[Stretch]:
    """The same stretches, those told as cut that the bounds of the span cut."""
    before = joined[0].start - datetime.resolution
    beyond = {before: joined[0], joined[-1].end: joined[-1]}
    cut = {
        piece.start
        for at, piece in beyond.items()
        if allowed_by_reason(budgets, reason, nodes, at).allowed == piece.allowed
    }
    for piece in joined:
        yield Stretch(piece.start, piece.end, piece.allowed, cut=piece.start in cut)


# --- what is worth minding --------------------------------------------------------------------------------------------


class BudgetFinding(StrEnum):
    """What is worth knowing about the course of a pool's budgets."""

    FAILS_CLOSED = "FailsClosed"
    UNLIMITED = "Unlimited"
    UNLIMITED_OUTSIDE = "UnlimitedOutsideItsSchedule"
    NEVER_ALLOWS = "NeverAllows"
    NEVER_ACTIVE = "NeverActive"
    NEVER_DECIDES = "NeverDecides"


class Finding(msgspec.Struct, frozen=True):
    reason: BudgetFinding
    message: str


Check = Callable[[Course], Iterator[Finding]]


def findings(found: Course) -> tuple[Finding, ...]:
    """All findings of a course, in the order of CHECKS; of one that fails closed at all times, why."""
    whole = found.time_at(0) == found.length
    then = "" if whole else " while it is active"
    closed = [
        Finding(BudgetFinding.FAILS_CLOSED, f"{error}; so the whole pool allows nothing{then}, to any reason")
        for error in found.errors
    ]
    if closed and whole:
        return tuple(closed)
    return (*closed, *(finding for check in CHECKS for finding in check(found)))


def _unlimited(found: Course) -> Iterator[Finding]:
    free = found.time_at(UNLIMITED)
    if not free:
        return
    if free == found.length:
        which = "no budget restricts it" if not found.active else "no budget that restricts it is active"
        yield Finding(BudgetFinding.UNLIMITED, f"{which}: all nodes may be disrupted at once, at any time")
        return
    yield Finding(
        BudgetFinding.UNLIMITED_OUTSIDE,
        f"restricted for {_hours(found.length - free)} of {_hours(found.length)} only; in the other {_hours(free)} no"
        " budget is active, and all nodes may be disrupted at once",
    )


def _never_allows(found: Course) -> Iterator[Finding]:
    if found.time_at(0) == found.length:
        yield Finding(BudgetFinding.NEVER_ALLOWS, f"allows no disruption at any time of these {_hours(found.length)}")


def _never_active(found: Course) -> Iterator[Finding]:
    for index, budget in enumerate(found.budgets):
        if budget.applies_to(found.reason) and index not in found.active:
            yield Finding(BudgetFinding.NEVER_ACTIVE, f"budgets[{index}] is not active within this span")


def _never_decides(found: Course) -> Iterator[Finding]:
    for index in sorted(found.active - found.deciding):
        message = f"budgets[{index}] makes no difference: whenever it is active, another budget is stricter"
        yield Finding(BudgetFinding.NEVER_DECIDES, message)


# In the order in which they are reported.
CHECKS: Final[tuple[Check, ...]] = (_unlimited, _never_allows, _never_active, _never_decides)


def _hours(length: timedelta) -> str:
    return f"{round(length / _HOUR, 2):g} h"
