"""When a rollout will be over, by its pace so far.

Policy: ``NodeAutoProvisioning.status.estimatedFinish``. Each pool goes on at its own pace: nodes replaced over the time
in which they could be (budget above zero, something to replace that is not blocked). What is left is laid out over the
time that its budgets will allow. The rollout is over when its last pool is. Blocked nodes are left out: nobody knows
when they go. There is no forecast before a pool has a pace, and none that is more precise than its distance deserves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from napsim.core.budgets import DRIFTED, Budget, allowed_by_reason, next_change
from napsim.core.clock import EPOCH

LEAST_REPLACED: Final = 2
"""Nodes that a pool must have replaced before it has a pace."""
HORIZON: Final = timedelta(days=90)
_MOST_EDGES: Final = 2000  # of budgets, looked at for one answer: an hourly schedule for forty days
_NOTHING: Final = timedelta(0)
_GRAINS: Final = (  # how far away, to which precision
    (timedelta(hours=2), timedelta(minutes=5)),
    (timedelta(hours=12), timedelta(minutes=15)),
    (timedelta(days=3), timedelta(hours=1)),
    (HORIZON, timedelta(hours=6)),
)


class ForecastReason(StrEnum):
    """Why there is a forecast, or none."""

    PACE = "PaceSoFar"
    NOTHING_LEFT = "NothingLeft"
    ALL_BLOCKED = "AllBlocked"
    NO_PACE = "NoPaceYet"
    NOT_ALLOWED = "BudgetsAllowNothing"


class Course(msgspec.Struct, frozen=True):
    """One pool in this rollout.

    ``total`` is what its budgets are measured against; ``replaced`` and ``active`` (virtual time in which nodes could
    be replaced) are since the rollout began; ``left`` are drifted and disrupting nodes that are not blocked.
    """

    nodepool: str
    budgets: tuple[Budget, ...]
    total: int
    replaced: int
    active: timedelta
    left: int
    blocked: int = 0


class Forecast(msgspec.Struct, frozen=True):
    """``finish`` is a virtual instant, rounded up; None while it is not known, and ``message`` says why."""

    finish: datetime | None
    reason: ForecastReason
    message: str


def forecast(courses: Iterable[Course], now: datetime) -> Forecast:
    """The finish of the last pool, blocked nodes left out."""
    found = sorted(courses, key=lambda course: course.nodepool)
    blocked = sum(course.blocked for course in found)
    moving = [course for course in found if course.left > 0]
    if not moving:
        if blocked:
            return Forecast(None, ForecastReason.ALL_BLOCKED, f"all nodes left are blocked ({blocked})")
        return Forecast(None, ForecastReason.NOTHING_LEFT, "no node is left to be replaced")
    for course in moving:
        if course.replaced < LEAST_REPLACED or course.active <= _NOTHING:
            few = f"pool {course.nodepool} has replaced fewer than {LEAST_REPLACED} nodes"
            return Forecast(None, ForecastReason.NO_PACE, few)
    ends = [(finish_of(course, now), course.nodepool) for course in moving]
    for end, nodepool in ends:
        if end is None:
            never = f"the budgets of pool {nodepool} allow too little for its end to be told"
            return Forecast(None, ForecastReason.NOT_ALLOWED, never)
    last, nodepool = max((end, nodepool) for end, nodepool in ends if end is not None)
    without = f", without {blocked} blocked" if blocked else ""
    return Forecast(rounded(last, now), ForecastReason.PACE, f"by the pace of pool {nodepool}{without}")


def finish_of(course: Course, now: datetime) -> datetime | None:
    """When the pool has replaced what is left; None when that is not within the horizon."""
    wanted = course.active * (course.left / course.replaced)
    for start, end in allowed_spans(course.budgets, course.total, now, now + HORIZON):
        if end - start >= wanted:
            return start + wanted
        wanted -= end - start
    return None


def allowed_time(budgets: Iterable[Budget], total: int, start: datetime, end: datetime) -> timedelta:
    """For how much of the span the budgets allow a pool of ``total`` nodes any disruption for drift."""
    return sum((until - since for since, until in allowed_spans(tuple(budgets), total, start, end)), _NOTHING)


def allowed_spans(
    budgets: tuple[Budget, ...], total: int, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The parts of [start, end) in which they do, in order; it gives up after very many changes."""
    at = start
    for _ in range(_MOST_EDGES):
        if at >= end:
            return
        change = next_change(budgets, at)
        until = end if change is None else min(change, end)
        if allowed_by_reason(budgets, DRIFTED, total, at).allowed > 0:
            yield at, until
        at = until


def rounded(instant: datetime, now: datetime) -> datetime:
    """Up to a whole number of minutes or hours: the farther away, the coarser."""
    grain = next((grain for limit, grain in _GRAINS if instant - now <= limit), _GRAINS[-1][1])
    return EPOCH + -((EPOCH - instant) // grain) * grain
