"""What do the budgets of each pool allow over the coming year? Decided by ``core.budgets``; looked at for drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from napsim.core.budgets import DRIFTED, UNLIMITED, Budget, BudgetError, allowed_by_reason, next_change
from napsim.core.nodepools import NodePool, budgets_of
from napsim.report.doctor.findings import Seen, error, not_applicable, ok, warning
from napsim.report.doctor.readings import Readings
from napsim.report.times import full

_HORIZON: Final = timedelta(days=366)
_MOST_CHANGES: Final = 5000
_LEAST_NODES: Final = 10  # a pool that has fewer now may grow: a percentage of none would be none


@dataclass(frozen=True, slots=True)
class _Course:
    """What a pool's budgets come to: the first instants at which they allow something, and everything."""

    errors: tuple[str, ...] = ()
    scheduled: bool = False
    allows_at: datetime | None = None
    unlimited_at: datetime | None = None


def valid(readings: Readings) -> Iterable[Seen]:
    """Every budget can be evaluated; one that cannot allows nothing to its whole pool."""
    if not readings.pools:
        return [not_applicable("there is no NodePool")]
    found = [
        error(f"spec.disruption.{fault}: no node of the pool is replaced", f"NodePool/{name}", _edit(name))
        for name, course in _courses(readings).items()
        for fault in course.errors
    ]
    return found or [ok("all can be evaluated")]


def allowing(readings: Readings) -> Iterable[Seen]:
    """The budgets of each pool allow drifted nodes to be replaced at some time within a year."""
    courses = {name: course for name, course in _courses(readings).items() if not course.errors}
    if not courses:
        return [not_applicable("there is no NodePool whose budgets can be evaluated")]
    found = [
        warning(
            "its budgets never allow a drifted node to be replaced, as far as a year ahead",
            f"NodePool/{name}",
            f'{_edit(name)}: raise nodes of one of spec.disruption.budgets, such as nodes: "10%"',
        )
        for name, course in courses.items()
        if course.allows_at is None
    ]
    return found or [ok(f"{', '.join(courses)}: each allows something at some time")]


def limiting(readings: Readings) -> Iterable[Seen]:
    """The budgets of each pool restrict at all times: a scheduled one restricts only while it is active."""
    courses = {name: course for name, course in _courses(readings).items() if not course.errors}
    if not courses:
        return [not_applicable("there is no NodePool whose budgets can be evaluated")]
    found = [_unlimited(name, course) for name, course in courses.items() if course.unlimited_at is not None]
    return found or [ok(f"{', '.join(courses)}: each restricts at all times")]


def _unlimited(name: str, course: _Course) -> Seen:
    assert course.unlimited_at is not None
    fix = f'{_edit(name)}: add a budget without schedule to spec.disruption.budgets, such as nodes: "10%"'
    if not course.scheduled:
        return warning("no budget restricts drift: all nodes may be replaced at once", f"NodePool/{name}", fix)
    seen = (
        "a scheduled budget restricts only while it is active, and outside its schedule all nodes may be replaced at "
        f"once, for example {full(course.unlimited_at)} UTC; the maintenance window gates the pick-up of images, not "
        "the replacement of nodes"
    )
    return warning(seen, f"NodePool/{name}", fix)


def _courses(readings: Readings) -> Mapping[str, _Course]:
    counted = dict.fromkeys(readings.pools, 0)
    for node in readings.nodes:
        pool = readings.pool_of(node.name)
        if pool in counted:
            counted[pool] += 1
    return {
        name: _course(pool, max(counted[name], _LEAST_NODES), readings.now)
        for name, pool in sorted(readings.pools.items())
    }


def _course(pool: NodePool, total: int, now: datetime) -> _Course:
    try:
        budgets = [Budget.from_spec(item) for item in budgets_of(pool)]
    except BudgetError as fault:
        return _Course((str(fault),))
    if errors := allowed_by_reason(budgets, DRIFTED, total, now).errors:
        return _Course(errors)
    allows_at = unlimited_at = None
    for at, allowed in _allowances(budgets, total, now):
        allows_at = allows_at or (at if allowed else None)
        unlimited_at = unlimited_at or (at if allowed == UNLIMITED else None)
        if allows_at and unlimited_at:
            break
    scheduled = any(budget.schedule is not None and budget.applies_to(DRIFTED) for budget in budgets)
    return _Course((), scheduled, allows_at, unlimited_at)


def _allowances(budgets: list[Budget], total: int, now: datetime) -> Iterator[tuple[datetime, int]]:
    """What is allowed now, and from each change on."""
    at: datetime | None = now
    for _ in range(_MOST_CHANGES):
        if at is None or at > now + _HORIZON:
            return
        yield at, allowed_by_reason(budgets, DRIFTED, total, at).allowed
        at = next_change([budget for budget in budgets if budget.applies_to(DRIFTED)], at)


def _edit(name: str) -> str:
    return f"kubectl edit nodepool {name}"
