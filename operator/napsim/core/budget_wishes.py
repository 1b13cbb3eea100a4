"""A wish for a place's week, compiled into budgets, whose schedules are UTC and which only ever restrict.

Policy: ours; what the budgets come to is decided by ``budgets``, which mirrors Karpenter. One budget without a schedule
bounds what is open; the rest of the week is closed by budgets of ``nodes: "0"``, as a budget that only allows restricts
nothing outside its schedule. The clocks of a zone change and schedules do not, so the result holds until the next
change; a freeze is written by day and month, so it would come back every year.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import groupby
from typing import Final

import msgspec

from .budgets import Budget, allowed_by_budget, allowed_by_reason
from .clock_changes import ClockChange, next_clock_change, offset
from .recurrence import Weekday
from .schedules import parse

WEEK_MINUTES: Final = 7 * 24 * 60
MOST_BUDGETS: Final = 50  # that the API server takes
_DAY_MINUTES: Final = 24 * 60
_MINUTE: Final = timedelta(minutes=1)
_YEAR: Final = timedelta(days=366)
_CRON_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_RANGE: Final = 3  # from so many days in a row on


class WishError(ValueError):
    """A wish that no budgets can say, with the reason."""


class WeekSpan(msgspec.Struct, frozen=True):
    """Minutes of the local week: ``start`` from Monday 00:00 on (0 to 10079), for ``length`` (1 to 10080)."""

    start: int
    length: int


class Freeze(msgspec.Struct, frozen=True):
    """Nothing is open from ``start`` to ``end`` (aware UTC, ``end`` excluded), whole minutes; ``text`` as written."""

    start: datetime
    end: datetime
    text: str


class Wish(msgspec.Struct, frozen=True):
    """Within the spans, by the clocks of ``zone``, ``nodes`` may be disrupted; outside them, and in freezes, none.

    ``reasons``: for which nothing may be disrupted outside; None is every reason.
    """

    spans: tuple[WeekSpan, ...]
    zone: tzinfo
    nodes: str
    freezes: tuple[Freeze, ...] = ()
    reasons: frozenset[str] | None = None

    def is_open(self, at: datetime) -> bool:
        """At a minute (aware UTC), by the clocks on the wall."""
        local = at.astimezone(self.zone)
        minute = local.weekday() * _DAY_MINUTES + local.hour * 60 + local.minute
        return _open_minutes(self.spans)[minute] and not any(it.start <= at < it.end for it in self.freezes)


class Explained(msgspec.Struct, frozen=True):
    """A budget, and what it is for."""

    budget: Budget
    why: str


class Compiled(msgspec.Struct, frozen=True):
    """Budgets that hold from ``since`` to ``valid_until`` (None: for good), and why not longer.

    ``frozen`` are the freezes in them, ``left_out`` those that are over, or too far ahead.
    """

    budgets: tuple[Explained, ...]
    since: datetime
    valid_until: datetime | None
    because: str
    frozen: tuple[Freeze, ...]
    left_out: tuple[Freeze, ...]

    @property
    def plain(self) -> tuple[Budget, ...]:
        return tuple(item.budget for item in self.budgets)


def compiled(wish: Wish, now: datetime) -> Compiled:
    """The budgets of a wish as of ``now`` (aware UTC). Raises WishError."""
    ahead = offset(wish.zone, now)
    if ahead % _MINUTE:
        raise WishError(f"{wish.zone}: its clocks are {ahead} ahead of UTC, and schedules have whole minutes only")
    frozen = tuple(it for it in wish.freezes if _compiles(it, now))
    budgets = (
        Explained(Budget(wish.nodes), "what is open"),
        *_closing(wish, ahead),
        *(_freezing(it, wish) for it in frozen),
    )
    if len(budgets) > MOST_BUDGETS:
        raise WishError(
            f"{len(budgets)} budgets, and a NodePool has {MOST_BUDGETS} at most: wish for fewer freezes or spans"
        )
    change = next_clock_change(wish.zone, now, now + _YEAR)
    until, because = _validity(wish, now, change, frozen)
    return Compiled(budgets, now, until, because, frozen, tuple(it for it in wish.freezes if it not in frozen))


# --- the week ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _open_minutes(spans: tuple[WeekSpan, ...]) -> Sequence[bool]:
    """Each minute of the week."""
    found = [False] * WEEK_MINUTES
    for span in spans:
        for minute in range(span.start, span.start + span.length):
            found[minute % WEEK_MINUTES] = True
    return found


def _closing(wish: Wish, ahead: timedelta) -> Iterator[Explained]:
    """The complement, by time of day and length: one budget for all days on which they are the same."""
    opened = _open_minutes(wish.spans)
    if not any(opened):
        yield Explained(Budget("0", reasons=wish.reasons), "nothing is open")
        return
    shift = ahead // _MINUTE
    same: dict[tuple[int, int], list[int]] = {}
    for start, length in _gaps([opened[(minute + shift) % WEEK_MINUTES] for minute in range(WEEK_MINUTES)]):
        day, minute = divmod(start, _DAY_MINUTES)
        same.setdefault((minute, length), []).append((day + 1) % 7)
    for (minute, length), days in same.items():
        schedule = f"{minute % 60} {minute // 60} * * {_cron_days(sorted(days))}"
        yield Explained(Budget("0", schedule, timedelta(minutes=length), wish.reasons), "closed")


def _gaps(opened: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """(start, length) of the runs that are not open, around the end of the week too; none where all is open."""
    first = next((minute for minute in range(len(opened)) if not opened[minute] and opened[minute - 1]), None)
    if first is None:
        return
    at = first
    for is_open, run in groupby(opened[(first + minute) % len(opened)] for minute in range(len(opened))):
        length = len(list(run))
        if not is_open:
            yield at % len(opened), length
        at += length


def _cron_days(days: Sequence[int]) -> str:
    """``mon-fri``, ``sun,sat``; of every day ``*``. A range that goes around the week's end is none to robfig/cron."""
    if len(days) == len(_CRON_DAYS):
        return "*"
    parts = []
    for _, run in groupby(enumerate(days), lambda pair: pair[1] - pair[0]):
        names = [_CRON_DAYS[day] for _, day in run]
        parts += [f"{names[0]}-{names[-1]}"] if len(names) >= _RANGE else names
    return ",".join(parts)


# --- freezes ----------------------------------------------------------------------------------------------------------


def _freezing(freeze: Freeze, wish: Wish) -> Explained:
    budget = Budget("0", _yearly(freeze), freeze.end - freeze.start, wish.reasons)
    return Explained(budget, f"freeze {freeze.text}")


def _yearly(freeze: Freeze) -> str:
    start = freeze.start.astimezone(UTC)
    return f"{start.minute} {start.hour} {start.day} {start.month} *"


def _compiles(freeze: Freeze, now: datetime) -> bool:
    """Whether it is to come or under way, and its day and month come first with this freeze, not a year before."""
    if freeze.end <= now:
        return False
    return parse(_yearly(freeze)).next_after(now - (freeze.end - freeze.start)) == freeze.start


def _validity(
    wish: Wish, now: datetime, change: ClockChange | None, frozen: Sequence[Freeze]
) -> tuple[datetime | None, str]:
    ends: list[tuple[datetime, str]] = []
    if change is not None:
        ends.append((change.at, f"the clocks of {wish.zone} change then, and schedules do not"))
    for freeze in frozen:
        again = parse(_yearly(freeze)).next_after(freeze.start)
        if again is not None:
            ends.append((again, f"the freeze {freeze.text} would come again then: schedules have no year"))
    ahead = [it for it in wish.freezes if it.start > now and it not in frozen]
    ends += [(it.start, f"the freeze {it.text} begins then: it is too far ahead for schedules") for it in ahead]
    return min(ends) if ends else (None, "no clocks change and nothing is frozen")


# --- verifying --------------------------------------------------------------------------------------------------------


class Disagreement(msgspec.Struct, frozen=True):
    """From ``start`` to ``end`` (aware UTC, ``end`` excluded) so many nodes are allowed and not as many as wished."""

    start: datetime
    end: datetime
    wished: int
    allowed: int


def disagreements(
    wish: Wish, budgets: Sequence[Budget], reason: str, nodes: int, start: datetime, end: datetime
) -> tuple[Disagreement, ...]:
    """Minute by minute, what the budgets allow against what was wished, for a reason that the wish is about."""
    inside = allowed_by_budget(Budget(wish.nodes), nodes, start).allowed
    found: list[Disagreement] = []
    at = start
    while at < end:
        wished, allowed = inside if wish.is_open(at) else 0, allowed_by_reason(budgets, reason, nodes, at).allowed
        if wished != allowed:
            if found and (found[-1].end, found[-1].wished, found[-1].allowed) == (at, wished, allowed):
                found[-1] = Disagreement(found[-1].start, at + _MINUTE, wished, allowed)
            else:
                found.append(Disagreement(at, at + _MINUTE, wished, allowed))
        at += _MINUTE
    return tuple(found)


def week_span(day: Weekday, minute: int, length: timedelta) -> WeekSpan:
    """From a minute of a day on. Raises WishError for a length of more than a week, or that is no whole minutes."""
    if not timedelta(0) < length <= timedelta(weeks=1) or length % _MINUTE:
        raise WishError(f"{length} is no length of whole minutes up to a week")
    return WeekSpan(day * _DAY_MINUTES + minute, length // _MINUTE)
