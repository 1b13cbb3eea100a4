"""Budgets of NodePools: what they allow when nobody expects it, and what they never allow.

What a budget allows is what ``core.budgets`` says, which mirrors Karpenter; what is worth minding about that is ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from napsim.core.budget_levels import BudgetFinding, Course, course, findings
from napsim.core.budgets import DRIFTED, REASONS, UNLIMITED, Budget
from napsim.core.schedules import Schedule, ScheduleError, SpecSchedule, parse
from napsim.lint.findings import Edit, Found
from napsim.lint.subjects import Pool, Subjects

BUDGETS: Final = "spec.disruption.budgets"
_NODES: Final = 100  # any number: what is judged does not depend on it
_WEEK: Final = timedelta(weeks=1)
_YEAR: Final = timedelta(days=366)
_MINUTE: Final = timedelta(minutes=1)
_EVERY_DAY_OF_MONTH: Final = (1 << 32) - 2
_EVERY_MONTH: Final = (1 << 13) - 2

# What `expressions` says in CEL as well, of objects that are applied; what is measured comes after it.
REFUSED: Final = (
    "the API server takes this schedule, but Karpenter cannot read it, and then allows no disruption of the whole pool,"
    " to any reason"
)
NEVER_FIRES: Final = (
    "'{schedule}' comes on no day of the next five years; Karpenter then takes the budget for active at all times"
    " ({nodes} nodes)"
)
NEVER_ENDS: Final = (
    "each time lasts longer than until the next one ('{schedule}'): the budget is active at all times, as if it had no"
    " schedule"
)
NO_REASON: Final = "an empty list is no reason at all: this budget limits nothing"
OUTSIDE: Final = (
    "restricts {what} only while it is active; in the other time no budget does, and all nodes of the pool may be"
    " disrupted at once"
)
NONE_FOR_DRIFT: Final = "no budget is for Drifted"
NONE_AT_ALL: Final = "an empty list is not the default of 10%"
NOT_FOR_DRIFT: Final = "{what}: a new image may replace all nodes of the pool at once, at any time"
MASKED: Final = (
    "a budget without schedule is active at all times, and the strictest one counts: {which} never counts, and the pool"
    " allows no disruption at all"
)
FROZEN: Final = (
    "no node of this pool is ever disrupted: an image that is picked up reaches no node that is there, and images older"
    " than 90 days are not supported"
)
EXPIRES: Final = "{what} replaces nodes at that age whatever budgets say, at any hour (budgets[{index}] too)"


def _at(index: int, field: str = "") -> str:
    return f"{BUDGETS}[{index}]" + (f".{field}" if field else "")


# --- schedules --------------------------------------------------------------------------------------------------------


def schedule_refused(subjects: Subjects) -> Iterator[Found]:
    for pool, index, budget in _each(subjects):
        try:
            _schedule(budget)
        except ScheduleError as error:
            yield _refused(pool, index, budget.schedule or "", error)


def _refused(pool: Pool, index: int, text: str, error: ScheduleError) -> Found:
    field = _at(index, "schedule")
    message = f"{REFUSED}: {error}"
    right = _days_of_week_in_order(text)
    if right is None:
        zoned = text.lstrip().startswith(("TZ=", "CRON_TZ="))
        return Found(pool.document, field, message, text, "schedules are UTC; write the time in UTC" if zoned else "")
    edit = Edit(pool.document.span_of(field), f'"{right}"')
    return Found(pool.document, field, message, text, f'write it as "{right}"', edit)


_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_RANGE: Final = re.compile(r"([a-z]{3}|[0-7])-([a-z]{3}|[0-7])")


def _days_of_week_in_order(text: str) -> str | None:
    """The same schedule with days that robfig takes, where it is certain what is meant: ``sat-sun``, ``7``."""
    *others, last = text.lower().split() or [""]
    if len(others) != 4:
        return None
    days = ",".join(_in_order(item) for item in last.split(","))
    right = " ".join((*others, days))
    try:
        parse(right)
    except ScheduleError:
        return None
    return right


def _in_order(item: str) -> str:
    found = _RANGE.fullmatch(item)
    if item == "7":
        return "0"
    if found is None or (first := _day(found[1])) is None or (last := _day(found[2])) is None or first <= last < 7:
        return item
    return ",".join(_DAYS[day % 7] for day in range(first, (last if last > first else last + 7) + 1))


def _day(text: str) -> int | None:
    return int(text) if text.isdigit() else _DAYS.index(text) if text in _DAYS else None


def schedule_never_fires(subjects: Subjects) -> Iterator[Found]:
    for pool, index, budget in _each(subjects):
        schedule = _schedule_of(budget)
        if schedule is not None and schedule.next_after(subjects.now) is None:
            message = NEVER_FIRES.format(schedule=budget.schedule, nodes=budget.nodes)
            yield Found(pool.document, _at(index, "schedule"), message, budget.schedule, "name a day that there is")


def duration_exceeds_period(subjects: Subjects) -> Iterator[Found]:
    for pool, index, budget in _each(subjects):
        schedule, duration = _schedule_of(budget), budget.duration
        if not isinstance(schedule, SpecSchedule) or duration is None or duration <= _MINUTE:
            continue
        hit = schedule.next_after(subjects.now)
        if hit is not None and schedule.next_change(hit, duration - _MINUTE) is None:
            message = NEVER_ENDS.format(schedule=budget.schedule)
            yield Found(pool.document, _at(index, "duration"), message, None, "shorten it, or leave both fields out")


def reasons_empty(subjects: Subjects) -> Iterator[Found]:
    for pool, index, budget in _each(subjects):
        if budget.reasons is not None and not budget.reasons:
            told = "leave reasons out: that is every reason"
            yield Found(pool.document, _at(index, "reasons"), NO_REASON, None, told)


# --- levels -----------------------------------------------------------------------------------------------------------


def unlimited_outside(subjects: Subjects) -> Iterator[Found]:
    for pool in subjects.pools:
        limited = {reason: found for reason, found in _courses(pool, subjects.now) if not found.errors}
        reasons = [
            reason
            for reason, found in limited.items()
            if any(item.reason is BudgetFinding.UNLIMITED_OUTSIDE for item in findings(found))
        ]
        if not reasons:
            continue
        found = limited[reasons[0]]
        first = next(index for index in sorted(found.active) if found.budgets[index].schedule is not None)
        share = found.time_at(UNLIMITED) / found.length
        message = f"{OUTSIDE.format(what=_words(reasons))} ({share:.0%} of the time)"
        told = f'add a budget without schedule for the rest, such as - nodes: "10%"{_for(reasons)}'
        yield Found(pool.document, _at(first, "schedule"), message, found.budgets[first].schedule, told)


def drift_not_budgeted(subjects: Subjects) -> Iterator[Found]:
    for pool in subjects.pools:
        if any(budget.applies_to(DRIFTED) for budget in pool.budgets) or _fails_closed(pool):
            continue
        what = NONE_FOR_DRIFT if pool.budgets else NONE_AT_ALL
        told = "add a budget that is for Drifted, or for every reason"
        yield Found(pool.document, BUDGETS, NOT_FOR_DRIFT.format(what=what), None, told)


def masked_by_zero(subjects: Subjects) -> Iterator[Found]:
    for pool in subjects.pools:
        zero = _zero_of(pool)
        if zero is None or _fails_closed(pool):
            continue
        masked = [index for index, it in enumerate(pool.budgets) if index != zero and not _allows_nothing(it)]
        if masked:
            which = ", ".join(f"budgets[{index}]" for index in masked)
            message = MASKED.format(which=which)
            told = "give it the schedule and duration of the time that is to be closed"
            yield Found(pool.document, _at(zero, "nodes"), message, pool.budgets[zero].nodes, told)


def never_allows(subjects: Subjects) -> Iterator[Found]:
    for pool in subjects.pools:
        if _zero_of(pool) is not None or _is_deliberate(pool):
            continue
        for reason, found in _courses(pool, subjects.now):
            if reason == DRIFTED and not found.errors and found.time_at(0) == found.length:
                index = min(found.deciding)
                message = "these budgets leave no time at which a drifted node may be replaced"
                yield Found(pool.document, _at(index, "nodes"), message, found.budgets[index].nodes, "leave a gap")


def pool_frozen(subjects: Subjects) -> Iterator[Found]:
    for pool in subjects.pools:
        zero = _zero_of(pool)
        if zero is not None and all(_allows_nothing(budget) for budget in pool.budgets) and not _fails_closed(pool):
            told = "allow some nodes at some time; where it is meant, silence it: # napsim: ignore[NAP105] because …"
            yield Found(pool.document, _at(zero, "nodes"), FROZEN, pool.budgets[zero].nodes, told)


def expiry_ignores_budgets(subjects: Subjects) -> Iterator[Found]:
    for pool in subjects.pools:
        after = pool.pool.spec.template.spec.expire_after
        confined = [index for index, it in enumerate(pool.budgets) if _allows_nothing(it) and it.applies_to(DRIFTED)]
        if after == "Never" or not confined:
            continue
        said = f"expireAfter {after}" if after else "expireAfter is 720h where it is left out: it"
        message = EXPIRES.format(what=said, index=confined[0])
        told = "set expireAfter: Never to keep disruption within the budgets"
        field = "spec.template.spec.expireAfter" if after else "spec.template.spec"
        yield Found(pool.document, field, message, after, told)


# --- what they share --------------------------------------------------------------------------------------------------


def _each(subjects: Subjects) -> Iterator[tuple[Pool, int, Budget]]:
    for pool in subjects.pools:
        for index, budget in enumerate(pool.budgets):
            yield pool, index, budget


def _schedule(budget: Budget) -> Schedule | None:
    """Raises ScheduleError."""
    return None if budget.schedule is None else parse(budget.schedule)


def _schedule_of(budget: Budget) -> Schedule | None:
    try:
        return _schedule(budget)
    except ScheduleError:
        return None


def _fails_closed(pool: Pool) -> bool:
    return any(budget.schedule is not None and _schedule_of(budget) is None for budget in pool.budgets)


def _allows_nothing(budget: Budget) -> bool:
    return budget.nodes in {"0", "0%"}


def _zero_of(pool: Pool) -> int | None:
    """The budget that closes the pool to every reason at all times."""
    return next(
        (
            index
            for index, budget in enumerate(pool.budgets)
            if _allows_nothing(budget) and budget.schedule is None and budget.reasons is None
        ),
        None,
    )


def _is_deliberate(pool: Pool) -> bool:
    """A zero at all times for Drifted by name is what somebody wants."""
    return any(
        _allows_nothing(it) and it.schedule is None and it.reasons is not None and DRIFTED in it.reasons
        for it in pool.budgets
    )


def _courses(pool: Pool, now: datetime) -> tuple[tuple[str, Course], ...]:
    return courses(pool.budgets, now) if any(budget.schedule is not None for budget in pool.budgets) else ()


@lru_cache(maxsize=4096)
def courses(budgets: tuple[Budget, ...], now: datetime) -> tuple[tuple[str, Course], ...]:
    """By reason, from ``now`` for a week; for a year where a schedule is not the same every week."""
    length = _WEEK if all(_is_weekly(budget) for budget in budgets) else _YEAR
    if all(budget.reasons is None for budget in budgets):
        same = course(budgets, DRIFTED, _NODES, now, now + length)
        return tuple((reason, replace(same, reason=reason)) for reason in REASONS)
    return tuple((reason, course(budgets, reason, _NODES, now, now + length)) for reason in REASONS)


def _is_weekly(budget: Budget) -> bool:
    schedule = _schedule_of(budget)
    if not isinstance(schedule, SpecSchedule):
        return True
    every_day = schedule.days_of_month == _EVERY_DAY_OF_MONTH and not schedule.either_day
    return every_day and schedule.months == _EVERY_MONTH


def _words(reasons: list[str]) -> str:
    return "disruption" if len(reasons) == len(REASONS) else " and ".join(reasons)


def _for(reasons: list[str]) -> str:
    return "" if len(reasons) == len(REASONS) else f" with reasons: [{', '.join(reasons)}]"
