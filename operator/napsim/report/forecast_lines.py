"""A forecast as lines for a terminal, at most 80 columns wide. What a line is for decides its colour."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Final

from napsim.api.failures import FAILURE_KINDS
from napsim.api.names import MAX_INT32
from napsim.api.scalars import parse_instant
from napsim.core.pickup import PickupRule
from napsim.report.forecast import Blocked, BudgetWait, Forecast, Moment, Pool, Runs, Workload
from napsim.report.marked import MOST_ROWS, Marked, Tone, shortened, wrapped
from napsim.report.phrases import RAN_OUT, opens, plural
from napsim.report.times import DAYS, full, span, zone_of

_MESSAGE: Final = 220  # characters of one message
_MONTH: Final = timedelta(days=28)  # no zone is off UTC for less
_Weight = tuple[bool, timedelta]  # whether it still holds, and for how long at the longest
_UNINITIALIZED: Final = "would schedule against uninitialized"  # Karpenter's words, which name no remedy
_NOT_HELD: Final = "no budget holds nodes that expire, are deleted or fail, nor those taken while it allowed more"
_ROLLOUT: Final = frozenset({"", "Drifted"})  # what a forecast is about: not told of each
_PAUSE: Final = timedelta(hours=2)  # what is less than this apart are told in one line


def lines(forecast: Forecast) -> Iterator[Marked]:
    """The whole report."""
    page = _Page(forecast)
    yield from page.head()
    if forecast.runs is not None:
        yield from page.runs(forecast.runs)
    for title, body in (
        ("POOLS", page.pools()),
        ("TIME LINE", page.timeline()),
        ("BLOCKED", page.blocked()),
        ("PODS EVICTED", page.workloads()),
        ("FORCED", page.forced()),
        ("NEVER FINISHES", page.unfinished()),
        ("ASSUMED", page.assumed()),
    ):
        yield from _section(title, body)


def brief(forecast: Forecast) -> Iterator[Marked]:
    """When it is done, and whom it costs what."""
    page = _Page(forecast)
    yield from page.head()
    yield from _section("POOLS", page.pools())
    yield from _section("PODS EVICTED", page.workloads())


def _section(title: str, body: Iterable[Marked]) -> Iterator[Marked]:
    """A heading and its rows, too many of them cut off; nothing where there are none."""
    rows = list(body)
    if not rows:
        return
    yield Marked()
    yield Marked(title, Tone.HEADING)
    yield from shortened(rows, "  ", "lines")


def _allowed(count: int | None) -> str:
    """What the budgets allowed, beside the number that was disrupted; None: not known."""
    if count is None:
        return ""
    return " (no budget restricted it)" if count == MAX_INT32 else f" of {count} allowed then"


class _Page:
    """One forecast, under its own time zone."""

    def __init__(self, forecast: Forecast) -> None:
        self._forecast = forecast
        self._zone: tzinfo = zone_of(forecast.time_zone)

    # --- instants -----------------------------------------------------------------------------------------------------

    def _both(self, at: datetime) -> str:
        """``Sun 2026-03-08 02:41 CET (01:41 UTC)``; UTC alone where that is the zone."""
        if self._is_utc(at):
            return f"{full(at)} UTC"
        local = at.astimezone(self._zone)
        same_day = local.date() == at.astimezone(UTC).date()
        utc = f"{at.astimezone(UTC):%H:%M}" if same_day else f"{at.astimezone(UTC):%m-%d %H:%M}"
        return f"{full(at, self._zone)} {local:%Z} ({utc} UTC)"

    def _local(self, at: datetime) -> str:
        return full(at, self._zone)

    def _is_utc(self, at: datetime) -> bool:
        return not at.astimezone(self._zone).utcoffset()

    def _is_always_utc(self) -> bool:
        """London is not: in summer its clocks are an hour ahead."""
        start, end = self._forecast.start, self._forecast.ended_at
        looks = (start + _MONTH * number for number in range((end - start) // _MONTH + 1))
        return all(map(self._is_utc, (*looks, end)))

    def _clock(self, at: datetime, beside: datetime) -> str:
        """The time alone on the day of ``beside``."""
        local, other = at.astimezone(self._zone), beside.astimezone(self._zone)
        return f"{local:%H:%M}" if local.date() == other.date() else self._local(at)

    # --- sections -----------------------------------------------------------------------------------------------------

    def head(self) -> Iterator[Marked]:
        it = self._forecast
        yield from wrapped(f"Forecast{f' of {it.name}' if it.name else ''}", Tone.HEADING, "", "")
        yield Marked(f"  from  {self._both(it.start)}")
        ends = f"{self._both(it.ended_at)}, {span(it.ended_at - it.start)} later; seed {it.seed}"
        yield from wrapped(f"to    {ends}", more=" " * 6)
        yield Marked()
        if it.finished_at is not None:
            after = span(it.finished_at - it.start)
            yield from wrapped(f"All nodes are {it.goal}: {self._both(it.finished_at)}, {after} after the"
                                " start.", Tone.GOOD, "", "")  # fmt: skip
        else:
            yield from wrapped(f"Not all nodes are {it.goal} by {self._both(it.ended_at)}.", Tone.BAD, "", "")

    def pools(self) -> Iterator[Marked]:
        for pool in self._forecast.pools:
            yield from self._pool(pool)

    def _pool(self, pool: Pool) -> Iterator[Marked]:
        count = f"{plural(pool.nodes, 'node')}, {pool.replaced} replaced"
        if pool.finished_at is None:
            yield from wrapped(f"{pool.name}: {count}; not done", Tone.BAD)
        else:
            yield from wrapped(f"{pool.name}: {count}; done {self._both(pool.finished_at)}")
        if pool.most_disrupting_at is not None:
            most, at = f"{pool.most_disrupting}{_allowed(pool.allowed_then)}", self._local(pool.most_disrupting_at)
            more = pool.allowed_then is not None and pool.most_disrupting > pool.allowed_then
            beyond = f"; {_NOT_HELD}" if more else ""
            yield from wrapped(f"most disrupted at once: {most}, {at}{beyond}", indent="    ")
        if pool.rollouts:
            yield Marked(f"    {'IMAGE':<22} {'PUBLISHED':<16} {'PICKED UP':<16} DONE", Tone.ASIDE)
        for rollout in pool.rollouts:
            cells = (rollout.published_at, rollout.picked_up_at, rollout.done_at)
            told = " ".join(f"{self._day(at) if at else 'not yet':<16}" for at in cells)
            yield Marked(f"    {rollout.version:<22} {told}".rstrip())

    def _day(self, at: datetime) -> str:
        """``Sun 03-08 02:41``: the year is in the time line."""
        local = at.astimezone(self._zone)
        return f"{DAYS[local.weekday()]} {local:%m-%d %H:%M}"

    def timeline(self) -> Iterator[Marked]:
        zone = "" if self._is_always_utc() else f" in {self._forecast.time_zone}"
        rows = sorted([*self._moments(), *self._disruptions(), *self._given_up()], key=lambda row: row[0])
        if rows and zone:
            yield Marked(f"  times are{zone}", Tone.ASIDE)
        for at, text in rows:
            yield from wrapped(f"{self._local(at)}  {text}", more=" " * 22)

    def _moments(self) -> Iterator[tuple[datetime, str]]:
        told = (item for item in self._forecast.timeline if item.kind in _TOLD or item.kind in FAILURE_KINDS)
        for _, together in groupby(told, key=lambda item: (item.at, item.kind)):
            for group in _alike(list(together)):
                yield group[0].at, self._told(group)

    def _told(self, group: Sequence[Moment]) -> str:
        first = group[0]
        if first.kind not in FAILURE_KINDS:
            return _TOLD[first.kind](group)
        until = first.details.get("until")
        ends = f"until {self._local(parse_instant(until))}" if until else first.message
        return f"{first.kind} begins for {_objects(group)}, {ends}"

    def _disruptions(self) -> Iterator[tuple[datetime, str]]:
        """Nodes taken one after another in one pool for one reason, in one line."""
        started: dict[tuple[str, str], list[datetime]] = {}
        given_up: dict[str, list[datetime]] = {}
        for item in self._forecast.timeline:
            if item.kind == "CommandStarted":
                started.setdefault((_pool_of(item), item.reason), []).append(item.at)
            elif item.kind == "CommandRolledBack":
                given_up.setdefault(_pool_of(item), []).append(item.at)
        for (pool, reason), instants in started.items():
            why = "" if reason in _ROLLOUT else f" ({reason})"
            for run in _runs(instants):
                until = "" if run[0] == run[-1] else f", the last at {self._clock(run[-1], run[0])}"
                in_vain = 0 if why else sum(run[0] <= at <= run[-1] for at in given_up.get(pool, ()))
                often = f"nodes taken {plural(len(run), 'time')}, {in_vain} in vain"
                nodes = often if in_vain else f"{plural(len(run), 'node')} taken{why}"
                yield run[0], f"{pool}: {nodes}{until}"

    def _given_up(self) -> Iterator[tuple[datetime, str]]:
        """Commands that were rolled back one after another, in one line."""
        given_up = [item for item in self._forecast.timeline if item.kind == "CommandRolledBack"]
        for run in _runs([item.at for item in given_up]):
            among = [item for item in given_up if run[0] <= item.at <= run[-1]]
            until = "" if run[0] == run[-1] else f", the last time at {self._clock(run[-1], run[0])}"
            nodes = sorted({item.object.split("/", 1)[-1] for item in among})
            stay = f"{_listed(nodes)} {'stays' if len(nodes) == 1 else 'stay'} for now"
            yield run[0], f"{stay}: replacement given up {plural(len(run), 'time')}{until}"

    def blocked(self) -> Iterator[Marked]:
        """What still holds first, then what held longest."""
        rows = sorted([*self._budget_waits(), *self._blocked_nodes()], key=lambda row: row[0], reverse=True)
        for _, told in rows:
            yield from told

    def _blocked_nodes(self) -> Iterator[tuple[_Weight, Iterator[Marked]]]:
        """By pool and reason."""
        groups: dict[tuple[str, str, bool], list[Blocked]] = {}
        for item in self._forecast.blocked:
            groups.setdefault((item.node_pool, item.reason, item.until is None), []).append(item)
        for group in groups.values():
            yield self._weight(group), self._of_nodes(group)

    def _of_nodes(self, group: Sequence[Blocked]) -> Iterator[Marked]:
        pool, reason, nodes = group[0].node_pool, group[0].reason, sorted({item.node for item in group})
        last = max(group, key=self._forecast.length_of)
        yield from wrapped(f"{pool}: {plural(len(nodes), 'node')}, {reason}, {self._span(group)}", Tone.WARNING)
        yield from wrapped(textwrap.shorten(last.message or reason, _MESSAGE, placeholder=" …"), indent="    ")
        if _UNINITIALIZED in last.message:
            yield from wrapped("this waits until that new node is ready", Tone.ASIDE, "    ")
        yield from wrapped(_listed(nodes), Tone.ASIDE, "    ")

    def _budget_waits(self) -> Iterator[tuple[_Weight, Iterator[Marked]]]:
        """Of one pool and the same budgets in one row, however often they close and how many nodes wait."""
        groups: dict[tuple[str, str, bool], list[BudgetWait]] = {}
        for item in self._forecast.budget_waits:
            groups.setdefault((item.node_pool, item.message, item.until is None), []).append(item)
        for group in groups.values():
            yield self._weight(group), self._of_budget(group)

    def _of_budget(self, group: Sequence[BudgetWait]) -> Iterator[Marked]:
        nodes = plural(max(item.nodes for item in group), "node")
        yield from wrapped(
            f"{group[0].node_pool}: {nodes}, {group[0].reason}, {self._budget_span(group)}", Tone.WARNING
        )
        yield from wrapped(textwrap.shorten(group[0].message, _MESSAGE, placeholder=" …"), indent="    ")

    def _budget_span(self, group: Sequence[BudgetWait]) -> str:
        """Of waits of which none goes on, or of the one that does."""
        first, last = group[0], group[-1]
        if last.until is None:
            return f"since {self._local(first.since)}, still so at the end; {opens(last.opens_at, self._zone)}"
        if len(group) == 1:
            return f"from {self._local(first.since)} until {self._clock(last.until, first.since)}"
        longest = span(max(map(self._forecast.length_of, group)))
        return (
            f"{len(group)} times from {self._local(first.since)} until {self._local(last.until)}, for {longest} at the"
            " longest"
        )

    def _weight(self, group: Sequence[Blocked | BudgetWait]) -> _Weight:
        return any(item.until is None for item in group), max(map(self._forecast.length_of, group))

    def _span(self, group: Sequence[Blocked]) -> str:
        lasting = [item.since for item in group if item.until is None]
        if lasting:
            return f"since {self._local(min(lasting))}, still so at the end"
        first = self._local(min(item.since for item in group))
        return f"from {first}, for {span(max(map(self._forecast.length_of, group)))} at the longest"

    def workloads(self) -> Iterator[Marked]:
        ordered = sorted(self._forecast.workloads, key=lambda item: (-item.evicted - item.deleted, item.name))
        for item in ordered:
            if item.evicted or item.deleted:
                yield from wrapped(_workload_text(item), indent="  ", more="    ")

    def forced(self) -> Iterator[Marked]:
        for pool in self._forecast.pools:
            for rollout in pool.rollouts:
                if rollout.forced:
                    at = self._local(rollout.picked_up_at)
                    yield from wrapped(
                        f"{at}  {pool.node_class_kind} {pool.node_class} (NodePool {pool.name}) picks up"
                        f" {rollout.version} whatever the window says: {_rule(rollout.rule)}",
                        Tone.WARNING,
                    )
        for item in self._forecast.workloads:
            if item.deleted:
                told = f"{item.name}: {plural(item.deleted, 'pod')} deleted, not evicted: {RAN_OUT}"
                yield from wrapped(told, Tone.WARNING)

    def unfinished(self) -> Iterator[Marked]:
        for pool in self._forecast.pools:
            if pool.finished_at is not None:
                continue
            yield from wrapped(pool.name, Tone.BAD)
            for cause in pool.unfinished:
                yield from wrapped(cause, indent="    ")
            for remedy in pool.remedies:
                yield from wrapped(f"→ {remedy}", indent="    ")
        for pending in self._forecast.pending[:MOST_ROWS]:
            yield from wrapped(f"pod {pending.pod} is on no node: {pending.reason}", Tone.WARNING)

    def assumed(self) -> Iterator[Marked]:
        for text in (*self._forecast.assumptions, *self._forecast.problems):
            yield from wrapped(f"- {text}", Tone.ASIDE)

    def runs(self, runs: Runs) -> Iterator[Marked]:
        first, last = runs.seeds
        yield Marked()
        yield Marked(f"{runs.count} RUNS, seeds {first} to {last}", Tone.HEADING)
        yield Marked(f"  {runs.finished} of {runs.count} finish by {self._both(self._forecast.until)}")
        yield Marked(f"  {'':24}{'p50':>14}{'p90':>14}{'worst':>14}")
        if runs.finish is not None:
            ends = [span(timedelta(seconds=item)) for item in (runs.finish.p50, runs.finish.p90, runs.finish.worst)]
            yield Marked(f"  {'finished after':24}" + "".join(f"{text:>14}" for text in ends))
        for title, found in (("most disrupted at once", runs.most_disrupting), ("pods evicted", runs.evicted)):
            values = (found.p50, found.p90, found.worst)
            yield Marked(f"  {title:24}" + "".join(f"{value:>14g}" for value in values))


def _rule(rule: str) -> str:
    return _RULES.get(rule, rule)


_RULES: Final[Mapping[str, str]] = {
    PickupRule.WINDOW_OPEN: "window open",
    PickupRule.NO_WINDOW: "no window set",
    PickupRule.NEW_NODE_CLASS: "the class is new",
    PickupRule.IMAGE_EXPIRED: "the image in use is too old (90-day rule)",
    PickupRule.KUBERNETES_UPGRADE: "Kubernetes was upgraded",
}

# --- texts ------------------------------------------------------------------------------------------------------------


def _objects(group: Sequence[Moment]) -> str:
    return _listed([item.object for item in group])


def _pool_of(item: Moment) -> str:
    return item.node_pool or item.details.get("nodePool", "")


def _listed(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _alike(together: Sequence[Moment]) -> Iterator[Sequence[Moment]]:
    """Moments of one instant and kind, apart where a line could not tell of both."""
    groups: dict[tuple[str, ...], list[Moment]] = {}
    for item in together:
        told = (item.details.get("to") or item.message, item.reason) if item.kind == "PickedUp" else (item.message,)
        groups.setdefault(told, []).append(item)
    yield from groups.values()


def _published(group: Sequence[Moment]) -> str:
    versions = _listed(sorted({item.details.get("version", "") for item in group}))
    return f"{versions} published for {_listed(sorted(item.details.get('definition', '') for item in group), 2)}"


def _picked_up(group: Sequence[Moment]) -> str:
    first = group[0]
    version = first.details.get("to", "")
    classes = sorted({item.object for item in group})
    if not version:
        return f"{_listed(classes)}: {first.message or first.reason}"
    return f"{_listed(classes)} {'picks' if len(classes) == 1 else 'pick'} up {version}: {_rule(first.reason)}"


_TOLD: Final[Mapping[str, Callable[[Sequence[Moment]], str]]] = {
    "Published": _published,
    "PickedUp": _picked_up,
    "Applied": lambda group: f"applied: {_objects(group)}",
    "Deleted": lambda group: f"deleted: {_objects(group)}",
    "NodeFailed": lambda group: ", ".join(filter(None, (f"falls silent: {_objects(group)}", group[0].message))),
    "Stopped": lambda group: f"the cluster is stopped {group[0].message}",
}


def _runs(instants: Sequence[datetime]) -> Iterator[list[datetime]]:
    """Instants in order, cut where more than ``_PAUSE`` passes between two."""
    run: list[datetime] = []
    for at in instants:
        if run and at - run[-1] > _PAUSE:
            yield run
            run = []
        run.append(at)
    if run:
        yield run


def _workload_text(item: Workload) -> str:
    days = f" on {plural(item.days, 'day')}" if item.days else ""
    most = f", at most {item.most_in_an_hour} within an hour" if item.most_in_an_hour else ""
    return f"{item.name}: {plural(item.evicted, 'eviction')}{days}{most}"
