"""The numbers behind the charts of a forecast's page, small enough to travel in it however large the cluster is.

Instants are seconds from the start of the forecast. What is too much is merged, and the page says so: a step that
stands for several has the most disrupted of them, and what was allowed at that instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from textwrap import shorten
from typing import Final

import msgspec

from napsim.api.names import MAX_INT32
from napsim.report.forecast import Eviction, Forecast, Moment, Pool, Step, Workload
from napsim.report.phrases import RAN_OUT, opens, plural
from napsim.report.times import span, zone_of

UNLIMITED: Final = -1
MOST_STEPS: Final = 24_000  # of all pools together
MOST_SPANS: Final = 4_000  # a merged step is no longer than the forecast divided by this
MOST_BLOCKED: Final = 6_000
MOST_BUDGET_WAITS: Final = 2_000
MOST_WORKLOADS: Final = 150
MOST_EVICTIONS: Final = 20_000  # instants, of all workloads together
MOST_EVENTS: Final = 4_000
_MESSAGE: Final = 220  # characters of what a table tells
_ALIKE_WITHIN: Final = timedelta(minutes=10)
_WHAT: Final = {
    "Published": "image published",
    "PickedUp": "image picked up",
    "CommandStarted": "node taken",
    "CommandRolledBack": "replacement given up, node stays",
    "Applied": "manifest applied",
    "Deleted": "object deleted",
    "NodeFailed": "node fails",
    "Stopped": "cluster stopped",
}


class Offset(msgspec.Struct, frozen=True, array_like=True):
    """From ``at`` on local clocks are ``seconds`` ahead of UTC, and the zone is called ``name``."""

    at: float
    seconds: int
    name: str


class Series(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pool. Each number of ``changes`` from its third on is a version's index and its nodes from then on, in turn.

    ``changes``: used, allowed (-1: unlimited), then such pairs. ``merged``: the most steps that one stands for.
    """

    name: str
    at: tuple[float, ...]
    changes: tuple[tuple[int, ...], ...]
    merged: int = 1


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A window, or a node that is blocked, or nodes that wait for a budget: indexes into ``names``.

    ``until`` None: it still is so at the end.
    """

    pool: int
    what: int
    why: int
    told: int
    since: float
    until: float | None


class Lane(msgspec.Struct, frozen=True):
    """One workload: so many pods evicted at each instant."""

    name: str
    told: str
    at: tuple[float, ...]
    pods: tuple[int, ...]


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One line of the table of events."""

    at: float
    what: str
    object: str
    why: str


class Charts(msgspec.Struct, frozen=True):
    """All that the page draws. ``left_out`` says what it does not have."""

    start: float
    seconds: float
    opens_at: tuple[float, float]
    offsets: tuple[Offset, ...]
    versions: tuple[str, ...]
    names: tuple[str, ...]
    pools: tuple[Series, ...]
    windows: tuple[Span, ...]
    blocked: tuple[Span, ...]
    budgets: tuple[Span, ...]
    workloads: tuple[Lane, ...]
    rollouts: tuple[Row, ...]
    events: tuple[Row, ...]
    left_out: tuple[str, ...]


def charts(forecast: Forecast) -> Charts:
    """The numbers of one forecast."""
    return _Reduction(forecast).charts()


def versions_of(pools: Iterable[Pool]) -> tuple[str, ...]:
    """Every image version that a node runs, the oldest first."""
    seen = dict.fromkeys(version for pool in pools for step in pool.steps for version in step.versions)
    return tuple(sorted(seen, key=lambda it: it.rsplit("-", 1)[-1]))


class _Reduction:
    """From one forecast; texts that come often are kept once, in ``names``."""

    def __init__(self, forecast: Forecast) -> None:
        self._forecast = forecast
        self._versions = {version: number for number, version in enumerate(versions_of(forecast.pools))}
        self._names: dict[str, int] = {}
        self._left_out: list[str] = []

    def charts(self) -> Charts:
        it = self._forecast
        steps = sum(len(pool.steps) for pool in it.pools)
        pools = tuple(self._series(pool, -(-steps // MOST_STEPS)) for pool in it.pools)
        windows = tuple(
            Span(0, self._name(window.configuration), 0, 0, self._at(window.since), self._end(window.until))
            for window in it.windows
        )
        return Charts(
            start=it.start.timestamp(),
            seconds=self._at(it.ended_at),
            opens_at=self._opening(),
            offsets=tuple(_offsets(it)),
            versions=tuple(self._versions),
            pools=pools,
            windows=windows,
            blocked=tuple(self._blocked()),
            budgets=tuple(self._budget_waits()),
            workloads=tuple(self._lanes()),
            rollouts=tuple(self._rollouts()),
            events=tuple(self._rows()),
            names=tuple(self._names),
            left_out=tuple(self._left_out),
        )

    def _at(self, instant: datetime) -> float:
        return round((instant - self._forecast.start).total_seconds(), 1)

    def _end(self, instant: datetime | None) -> float | None:
        return None if instant is None else self._at(instant)

    def _name(self, text: str) -> int:
        return self._names.setdefault(text, len(self._names))

    def _opening(self) -> tuple[float, float]:
        """What is shown first: the time in which things happen, where that is a small part of the whole."""
        end = max(self._at(self._forecast.ended_at), 1.0)
        changed = [
            self._at(after.at)
            for pool in self._forecast.pools
            for before, after in zip(pool.steps, pool.steps[1:], strict=False)
            if before.disrupting or after.disrupting or before.versions != after.versions
        ]
        if not changed:
            return 0.0, end
        pad = max((max(changed) - min(changed)) * 0.08, 900.0)
        since, until = max(min(changed) - pad, 0.0), min(max(changed) + pad, end)
        return (since, until) if until - since < end / 2 else (0.0, end)

    # --- pools --------------------------------------------------------------------------------------------------------

    def _series(self, pool: Pool, most: int) -> Series:
        steps = list(pool.steps) if most <= 1 else list(self._merged(pool.steps, most))
        before: dict[str, int] = {}
        changes = []
        for step in steps:
            allowed = UNLIMITED if step.allowed >= MAX_INT32 else step.allowed
            changed = {name: step.versions.get(name, 0) for name in (*before, *step.versions)}
            pairs = [(self._versions[name], count) for name, count in changed.items() if before.get(name, 0) != count]
            changes.append((step.disrupting, allowed, *(number for pair in sorted(pairs) for number in pair)))
            before = step.versions
        return Series(pool.name, tuple(self._at(step.at) for step in steps), tuple(changes), max(most, 1))

    def _merged(self, steps: Sequence[Step], most: int) -> Iterator[Step]:
        """Runs of steps as one; how the run ends is a step of its own, so that nothing lasts longer than it does."""
        length = (self._forecast.ended_at - self._forecast.start) / MOST_SPANS
        run: list[Step] = []
        for step in steps:
            if run and (len(run) >= 2 * most or step.at - run[0].at > length):
                yield from _as_two(run)
                run = []
            run.append(step)
        yield from _as_two(run)

    def _rollouts(self) -> Iterator[Row]:
        """Where the charts can be taken to: ``why`` is the instant at which the rollout ends."""
        for pool in self._forecast.pools:
            for rollout in pool.rollouts:
                done = rollout.done_at or self._forecast.ended_at
                yield Row(self._at(rollout.picked_up_at), rollout.version, pool.name, str(self._at(done)))

    # --- what is blocked, and who is evicted --------------------------------------------------------------------------

    def _blocked(self) -> Iterator[Span]:
        """The longest of them, by when they began."""
        number = {pool.name: index for index, pool in enumerate(self._forecast.pools)}
        every = [item for item in self._forecast.blocked if item.node_pool in number]
        kept = sorted(every, key=self._forecast.length_of, reverse=True)[:MOST_BLOCKED]
        if len(every) > len(kept):
            self._left_out.append(
                f"{len(every) - len(kept)} of {len(every)} times that a node was blocked, the shortest"
            )
        for item in sorted(kept, key=lambda it: (it.since, it.node)):
            names = (self._name(item.node), self._name(item.reason), self._name(item.message))
            yield Span(number[item.node_pool], *names, self._at(item.since), self._end(item.until))

    def _budget_waits(self) -> Iterator[Span]:
        """The longest of them, by when they began."""
        number = {pool.name: index for index, pool in enumerate(self._forecast.pools)}
        every = self._forecast.budget_waits
        kept = sorted(every, key=self._forecast.length_of, reverse=True)[:MOST_BUDGET_WAITS]
        if len(every) > len(kept):
            self._left_out.append(
                f"{len(every) - len(kept)} of {len(every)} times that nodes waited for a budget, the shortest"
            )
        for item in sorted(kept, key=lambda it: (it.since, it.node_pool)):
            told = item.message
            if item.until is None:
                told += f"; {opens(item.opens_at, zone_of(self._forecast.time_zone))}"
            names = (self._name(plural(item.nodes, "node")), self._name(item.reason), self._name(told))
            yield Span(number[item.node_pool], *names, self._at(item.since), self._end(item.until))

    def _lanes(self) -> Iterator[Lane]:
        """The workloads that lose most pods; the others together in one more."""
        every = sorted((it for it in self._forecast.workloads if it.evicted), key=lambda it: (-it.evicted, it.name))
        instants = sum(len(item.evictions) for item in every)
        grain = (self._forecast.ended_at - self._forecast.start) / MOST_SPANS if instants > MOST_EVICTIONS else None
        for item in every[:MOST_WORKLOADS]:
            yield self._lane(item.name, _told(item), item.evictions, grain)
        others = every[MOST_WORKLOADS:]
        if others:
            together = sorted((it for item in others for it in item.evictions), key=lambda it: it.at)
            told = f"{sum(item.evicted for item in others)} pods of {plural(len(others), 'workload')} evicted"
            yield self._lane(f"{len(others)} others", told, together, grain)

    def _lane(self, name: str, told: str, evictions: Sequence[Eviction], grain: timedelta | None) -> Lane:
        start = self._forecast.start
        found: dict[float, int] = {}
        for item in evictions:
            at = item.at if grain is None else start + (item.at - start) // grain * grain
            found[self._at(at)] = found.get(self._at(at), 0) + item.pods
        return Lane(name, told, tuple(found), tuple(found.values()))

    # --- events -------------------------------------------------------------------------------------------------------

    def _rows(self) -> list[Row]:
        """Everything that happens, in order; what is the same at one instant is one row, and where there is too much,
        what is alike within minutes."""
        moments = self._forecast.timeline
        alike = _alike(moments) if len(moments) > MOST_EVENTS // 2 else _same(moments)
        rows = [self._of_several(group) for group in alike]
        for window in self._forecast.windows:
            rows.append(
                Row(self._at(window.since), "window opens", f"MaintenanceConfiguration/{window.configuration}", "")
            )
            if window.until is not None:
                end = self._at(window.until)
                rows.append(Row(end, "window closes", f"MaintenanceConfiguration/{window.configuration}", ""))
        blocked = self._forecast.blocked
        if len(blocked) > MOST_EVENTS // 2:
            self._left_out.append(f"{len(blocked)} times that a node was blocked from the events; the charts have them")
            blocked = ()
        rows += [
            Row(self._at(it.since), "node blocked", f"Node/{it.node}", shorten(it.message or it.reason, _MESSAGE))
            for it in blocked
        ]
        rows += [
            Row(
                self._at(it.since),
                "nodes wait for a budget",
                f"NodePool/{it.node_pool}",
                shorten(f"{plural(it.nodes, 'node')}: {it.message}", _MESSAGE),
            )
            for it in self._forecast.budget_waits
        ]
        rows.sort(key=lambda row: row.at)
        if len(rows) > MOST_EVENTS:
            self._left_out.append(f"{len(rows) - MOST_EVENTS} of {len(rows)} events, the last")
        return rows[:MOST_EVENTS]

    def _of_several(self, group: Sequence[Moment]) -> Row:
        first, last = group[0], group[-1]
        what = _WHAT.get(first.kind, first.kind)
        why = first.message or first.reason
        if len(group) > 1:
            what = f"{what} ×{len(group)}"
            later = f"the last {span(last.at - first.at)} later" if last.at > first.at else ""
            why = "; ".join(filter(None, (why, later)))
        return Row(self._at(first.at), what, first.object, why)


def _as_two(run: Sequence[Step]) -> Iterator[Step]:
    """The most disrupted of a run, from its beginning on, and its end."""
    most = max(run, key=lambda step: step.disrupting)
    end = run[-1]
    if len(run) > 1:
        yield msgspec.structs.replace(end, at=run[0].at, disrupting=most.disrupting, allowed=most.allowed)
    yield end


def _told(item: Workload) -> str:
    days = f" on {plural(item.days, 'day')}" if item.days else ""
    most = f", at most {item.most_in_an_hour} within an hour" if item.most_in_an_hour else ""
    deleted = f"; {plural(item.deleted, 'pod')} deleted: {RAN_OUT}" if item.deleted else ""
    return f"{plural(item.evicted, 'pod')} evicted{days}{most}{deleted}"


def _same(moments: Iterable[Moment]) -> Iterator[Sequence[Moment]]:
    """Moments that follow on one another and tell the same of the same instant."""
    for _, group in groupby(moments, key=lambda it: (it.at, it.kind, it.object, it.message, it.reason)):
        yield list(group)


def _alike(moments: Iterable[Moment]) -> Iterator[Sequence[Moment]]:
    """Moments of one kind and pool, cut where ten minutes pass between two."""
    ordered = sorted(moments, key=lambda it: (it.kind, it.node_pool or it.object, it.at))
    for _, group in groupby(ordered, key=lambda it: (it.kind, it.node_pool or it.object)):
        run: list[Moment] = []
        for moment in group:
            if run and moment.at - run[-1].at > _ALIKE_WITHIN:
                yield run
                run = []
            run.append(moment)
        yield run


def _offsets(forecast: Forecast) -> Iterator[Offset]:
    """How far local clocks are ahead of UTC: at the start, and from each change on, to the minute."""
    zone = zone_of(forecast.time_zone)

    def at(instant: datetime) -> tuple[int, str]:
        local = instant.astimezone(zone)
        return int((local.utcoffset() or timedelta()).total_seconds()), local.tzname() or ""

    before = at(forecast.start)
    yield Offset(0.0, *before)
    day = forecast.start
    while day < forecast.ended_at:
        following = day + timedelta(days=1)
        if at(following) != before:
            low, high = day, following
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if at(middle) == before else (low, middle)
            before = at(following)
            changed = (high - forecast.start).total_seconds()
            yield Offset(round(changed / 60) * 60.0, *before)
        day = following
