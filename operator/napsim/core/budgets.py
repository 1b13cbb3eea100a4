"""Disruption budgets: how many nodes of a pool may be disrupted now, for which reason, and when that changes.

Mirrors karpenter v1.14.0 ``pkg/apis/v1/nodepool.go`` (Budget, GetAllowedDisruptionsByReason, MustGetAllowedDisruptions)
and ``BuildDisruptionBudgetMapping`` of ``pkg/controllers/disruption``. Fails closed: a budget that cannot be evaluated
allows nothing, to any reason of its pool. Without an active budget a pool is unlimited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec

from napsim.api import names
from napsim.api.durations import format_duration, parse_duration
from napsim.core.clock import earliest, rfc3339
from napsim.core.schedules import Schedule, ScheduleError, parse

DRIFTED: Final = "Drifted"
EMPTY: Final = "Empty"
UNDERUTILIZED: Final = "Underutilized"
REASONS: Final = (DRIFTED, EMPTY, UNDERUTILIZED)
UNLIMITED: Final = names.MAX_INT32
DEFAULT_NODES: Final = "10%"
_HORIZON: Final = timedelta(days=366)
_MOST_EDGES: Final = 2_000  # of schedules, looked at for one answer
_ATOI: Final = re.compile(r"[+-]?[0-9]+")
_MAX_INT64: Final = 2**63 - 1


class Budget(msgspec.Struct, frozen=True):
    """One entry of ``spec.disruption.budgets``.

    ``nodes`` is a number or a percentage, as written. Without ``schedule`` and ``duration`` the budget is always
    active. ``reasons``: None is every reason; an empty set is none.
    """

    nodes: str = DEFAULT_NODES
    schedule: str | None = None
    duration: timedelta | None = None
    reasons: frozenset[str] | None = None

    @classmethod
    def from_spec(cls, spec: Mapping[str, object]) -> Budget:
        """The budget of a manifest's mapping. Raises BudgetError with every field that Karpenter could not decode.

        What it decodes but cannot evaluate (nodes ``ten``, schedule ``@wrongly``) is kept, and fails closed later.
        """
        faults: list[str] = []
        budget = cls(
            nodes=DEFAULT_NODES if (nodes := _text(spec, "nodes", faults)) is None else nodes,
            schedule=_text(spec, "schedule", faults),
            duration=_duration(spec, faults),
            reasons=_reasons(spec, faults),
        )
        if faults:
            raise BudgetError(f"budget {dict(spec)!r}: {'; '.join(faults)}")
        return budget

    def applies_to(self, reason: str) -> bool:
        return self.reasons is None or reason in self.reasons


class BudgetError(ValueError):
    """A budget that does not decode: names the budget, each field at fault, its value and what is allowed."""


class Allowance(msgspec.Struct, frozen=True):
    """How many nodes may be disrupting at once, 0 to UNLIMITED; with an error it is always 0."""

    allowed: int
    errors: tuple[str, ...] = ()


# --- What budgets allow ---------------------------------------------------------------------------------------------


def is_active(budget: Budget, now: datetime) -> bool:
    """Whether ``now`` (aware UTC) lies in a window [hit, hit + duration) of the schedule, or there is no schedule.

    A schedule that never hits is always active, whatever its duration. Raises ScheduleError on a schedule that
    robfig/cron refuses; a duration without a schedule is such a one.
    """
    if budget.schedule is None and budget.duration is None:
        return True
    hit = parse(budget.schedule or "").next_after(now - (budget.duration or timedelta(0)))
    return hit is None or hit <= now


def allowed_by_budget(budget: Budget, total_nodes: int, now: datetime) -> Allowance:
    """What this budget alone allows of ``total_nodes``. Unlimited while inactive; ``nodes`` is not looked at then."""
    try:
        return Allowance(_allowed(budget, total_nodes, now))
    except ValueError as fault:
        return Allowance(0, (str(fault),))


def allowed_by_reason(budgets: Iterable[Budget], reason: str, total_nodes: int, now: datetime) -> Allowance:
    """The least that the budgets for ``reason`` allow; 0 if any budget of the pool has an error, matching or not."""
    allowed = UNLIMITED
    errors: list[str] = []
    for index, budget in enumerate(budgets):
        try:
            alone = _allowed(budget, total_nodes, now)
        except ValueError as fault:
            errors.append(f"budgets[{index}]: {fault}")
            continue
        if alone < allowed and budget.applies_to(reason):
            allowed = alone
    return Allowance(0, tuple(errors)) if errors else Allowance(allowed)


class Allowances:
    """``allowed_by_reason`` of pools for one reason, remembered until time changes it."""

    __slots__ = ("_known", "_reason")

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self._known: dict[str, tuple[tuple[Budget, ...], int, datetime, datetime | None, Allowance]] = {}

    def of(self, pool: str, budgets: tuple[Budget, ...], total_nodes: int, now: datetime) -> Allowance:
        """What the budgets of the pool allow."""
        known = self._known.get(pool)
        if known is not None:
            its_budgets, nodes, since, until, allowance = known
            if its_budgets is budgets and nodes == total_nodes and since <= now and (until is None or now < until):
                return allowance
        allowance = allowed_by_reason(budgets, self._reason, total_nodes, now)
        self._known[pool] = (budgets, total_nodes, now, next_change(budgets, now), allowance)
        return allowance

    def until(self, pool: str) -> datetime | None:
        """When time changes what was answered last of the pool; None: never."""
        known = self._known.get(pool)
        return known[3] if known is not None else None


def _allowed(budget: Budget, total_nodes: int, now: datetime) -> int:
    return _nodes_allowed(budget.nodes, total_nodes) if is_active(budget, now) else UNLIMITED


def remaining(allowed: int, disrupting: int) -> int:
    """How many more nodes may be disrupted."""
    return max(allowed - disrupting, 0)


def next_change(budgets: Iterable[Budget], now: datetime) -> datetime | None:
    """The first instant strictly after ``now`` at which a budget becomes active or inactive; None when none ever does.

    A budget with an invalid schedule never changes. Worth keeping until it has passed: the allowance holds until then.
    """
    return earliest(*(_next_change(budget, now) for budget in budgets))


def _next_change(budget: Budget, now: datetime) -> datetime | None:
    schedule = _parsed(budget.schedule)
    return None if schedule is None else schedule.next_change(now, budget.duration or timedelta(0))


def _parsed(schedule: str | None) -> Schedule | None:
    """None where there is no schedule that could change anything."""
    try:
        return None if schedule is None else parse(schedule)
    except ScheduleError:
        return None


def opens_at(
    budgets: Iterable[Budget], reason: str, total_nodes: int, disrupting: int, now: datetime
) -> datetime | None:
    """When the schedules leave room, with as many nodes being disrupted as now; None: not within a year."""
    every = tuple(budgets)
    at, edges = next_change(every, now), 0
    while at is not None and at <= now + _HORIZON and edges < _MOST_EDGES:
        if remaining(allowed_by_reason(every, reason, total_nodes, at).allowed, disrupting) > 0:
            return at
        at, edges = next_change(every, at), edges + 1
    return None


# --- The nodes field ------------------------------------------------------------------------------------------------


def _nodes_allowed(nodes: str, total_nodes: int) -> int:
    """Raises ValueError when ``nodes`` is neither a number nor a percentage."""
    number, percentage = _nodes(nodes)
    # Go wraps numbers beyond int32 and lets negative ones through; what is left of the budget is zero in either case.
    value = -(-number * total_nodes // 100) if percentage else (number + 2**31) % 2**32 - 2**31
    return min(max(value, 0), UNLIMITED)


@lru_cache(maxsize=4096)
def _nodes(nodes: str) -> tuple[int, bool]:
    """The number, and whether it is a percentage."""
    digits = nodes.removesuffix("%")
    if not _ATOI.fullmatch(digits) or not -_MAX_INT64 - 1 <= int(digits) <= _MAX_INT64:
        raise ValueError(f"nodes {nodes!r}: allowed is a number of nodes or a percentage, such as 5 or 10%")
    return int(digits), digits != nodes


# --- What counts ----------------------------------------------------------------------------------------------------


class NodeCount(msgspec.Struct, frozen=True):
    """What decides how a node counts.

    ``managed``: has a NodeClaim. ``initialized``: label karpenter.sh/initialized=true. ``instance_terminating``: that
    condition of the NodeClaim is True. ``ready``: the Node's Ready condition is True. ``marked_for_deletion``: taken by
    a command, or its NodeClaim is being deleted.
    """

    managed: bool
    initialized: bool
    instance_terminating: bool
    ready: bool
    marked_for_deletion: bool


class PoolCount(msgspec.Struct, frozen=True):
    """The nodes of one pool that budgets are measured against."""

    total_nodes: int = 0
    disrupting_nodes: int = 0


def contribution(node: NodeCount) -> tuple[int, int]:
    """What one node adds to (total, disrupting) of its pool."""
    if not (node.managed and node.initialized) or node.instance_terminating:
        return 0, 0
    return 1, int(node.marked_for_deletion or not node.ready)


def count(nodes: Iterable[NodeCount]) -> PoolCount:
    """The pool of these nodes."""
    total = disrupting = 0
    for node in nodes:
        one, disrupted = contribution(node)
        total += one
        disrupting += disrupted
    return PoolCount(total, disrupting)


# --- For people -----------------------------------------------------------------------------------------------------


def describe(budget: Budget, total_nodes: int, now: datetime) -> str:
    """One line, such as ``10% of 20 = 2 for Drifted, active until 2026-03-02T17:00:00Z (0 9 * * mon-fri for 8h)``."""
    alone = allowed_by_budget(budget, total_nodes, now)
    if alone.errors:
        return f"{budget.nodes}: allows 0, {alone.errors[0]}"
    share, reasons = _share(budget, total_nodes, alone.allowed), _reasons_told(budget)
    if budget.schedule is None:
        return f"{share}{reasons}"
    change = next_change((budget,), now)
    until = f" until {rfc3339(change)}" if change else ""
    if is_active(budget, now):
        return f"{share}{reasons}, active{until} ({_times(budget)})"
    return f"{budget.nodes}{reasons}, inactive{until}: no limit ({_times(budget)})"


def holding(budgets: Iterable[Budget], reason: str, total_nodes: int, now: datetime) -> tuple[str, ...]:
    """Which of a pool's budgets allow nothing now, one sentence each, such as ``budgets[1]: 0 (0 9 * * mon for 8h)``.

    Where the pool fails closed, why. What is said of one is the same whenever it holds.
    """
    every = tuple(budgets)
    if errors := allowed_by_reason(every, reason, total_nodes, now).errors:
        return errors
    return tuple(
        f"budgets[{index}]: {_share(budget, total_nodes, 0)}{_reasons_told(budget)}"
        f"{f' ({_times(budget)})' if budget.schedule is not None else ', at all times'}"
        for index, budget in enumerate(every)
        if budget.applies_to(reason) and _allowed(budget, total_nodes, now) == 0
    )


def _share(budget: Budget, total_nodes: int, allowed: int) -> str:
    return f"{budget.nodes} of {total_nodes} = {allowed}" if budget.nodes.endswith("%") else budget.nodes


def _reasons_told(budget: Budget) -> str:
    return "" if budget.reasons is None else f" for {', '.join(sorted(budget.reasons)) or 'no reason'}"


def _times(budget: Budget) -> str:
    return f"{budget.schedule} for {_short(budget.duration or timedelta(0))}"


def _short(duration: timedelta) -> str:
    text = format_duration(duration)
    text = text.removesuffix("0s") if text.endswith("m0s") else text
    return text.removesuffix("0m") if text.endswith("h0m") else text


# --- Decoding -------------------------------------------------------------------------------------------------------


def _text(spec: Mapping[str, object], field: str, faults: list[str]) -> str | None:
    value = spec.get(field)
    if value is None or isinstance(value, str):
        return value
    faults.append(f"{field} {value!r}: allowed is a string")
    return None


def _duration(spec: Mapping[str, object], faults: list[str]) -> timedelta | None:
    text = _text(spec, "duration", faults)
    try:
        return None if text is None else parse_duration(text)
    except ValueError as fault:
        faults.append(f"duration: {fault}; allowed are hours and minutes, such as 8h or 1h30m")
        return None


def _reasons(spec: Mapping[str, object], faults: list[str]) -> frozenset[str] | None:
    value = spec.get("reasons")
    if value is None:
        return None
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(item, str) for item in value):
        faults.append(f"reasons {value!r}: allowed is a list of {', '.join(REASONS)}")
        return None
    return frozenset(value)
