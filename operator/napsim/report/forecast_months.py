"""A forecast as a calendar on its page: a table for each month, what happens on a day in its cell."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from html import escape
from typing import Final

from napsim.report.forecast import Forecast
from napsim.report.phrases import plural
from napsim.report.times import DAYS, zone_of

MOST_MONTHS: Final = 15
_LISTED: Final = 4


@dataclass(slots=True)
class Day:
    """What happens on one local day. ``window``: how long windows are open on it."""

    window: timedelta = timedelta()
    taken: int = 0
    evicted: int = 0
    published: dict[str, None] = field(default_factory=dict)
    picked_up: dict[str, None] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    @property
    def signs(self) -> str:
        """One sign for each kind of thing, for those who do not see colours."""
        told = (("●", self.published), ("▼", self.picked_up), (str(self.taken), self.taken), ("✓", self.done))
        return " ".join(sign for sign, found in told if found)

    def told(self) -> Iterator[str]:
        """The same in words."""
        if self.window:
            yield f"window open for {self.window / timedelta(hours=1):.3g} h"
        if self.published:
            yield f"published: {_listed(self.published)}"
        if self.picked_up:
            yield f"picked up: {_listed(self.picked_up)}"
        if self.taken:
            yield f"{plural(self.taken, 'node')} taken"
        if self.evicted:
            yield f"{plural(self.evicted, 'pod')} evicted"
        if self.done:
            yield f"done: {_listed(dict.fromkeys(self.done))}"


def _listed(found: dict[str, None]) -> str:
    names = list(found)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def months(forecast: Forecast) -> str:
    """The tables, as HTML, and what their signs mean."""
    days = days_of(forecast)
    first, last = _local(forecast, forecast.start), _local(forecast, forecast.ended_at)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    made = [_month(forecast, days, *_after(first, number)) for number in range(min(count, MOST_MONTHS))]
    if count > MOST_MONTHS:
        made.append(f"<p>{plural(count - MOST_MONTHS, 'more month')} not shown.</p>")
    return f'<div class="months">{"".join(made)}</div>'


def days_of(forecast: Forecast) -> dict[date, Day]:
    """Local days on which something happens."""
    days: dict[date, Day] = {}

    def on(instant: datetime) -> Day:
        return days.setdefault(_local(forecast, instant), Day())

    for moment in forecast.timeline:
        if moment.kind == "Published":
            on(moment.at).published[moment.details.get("version", moment.object)] = None
        elif moment.kind == "PickedUp" and (version := moment.details.get("to", moment.object)):  # empty: it is gone
            on(moment.at).picked_up[version] = None
        elif moment.kind == "CommandStarted":
            on(moment.at).taken += 1
    for workload in forecast.workloads:
        for eviction in workload.evictions:
            on(eviction.at).evicted += eviction.pods
    for pool in forecast.pools:
        for rollout in pool.rollouts:
            if rollout.done_at is not None and rollout.first_disrupted_at is not None:
                on(rollout.done_at).done.append(f"{rollout.version} in {pool.name}")
    for window in forecast.windows:
        for day, length in _by_day(forecast, window.since, window.until or forecast.ended_at):
            days.setdefault(day, Day()).window += length
    return days


def _by_day(forecast: Forecast, since: datetime, until: datetime) -> Iterator[tuple[date, timedelta]]:
    while since < until:
        day = _local(forecast, since)
        end = min(_midnight(forecast, day + timedelta(days=1)), until)
        yield day, end - since
        since = end


def _local(forecast: Forecast, instant: datetime) -> date:
    return instant.astimezone(zone_of(forecast.time_zone)).date()


def _midnight(forecast: Forecast, day: date) -> datetime:
    return datetime.combine(day, time(), zone_of(forecast.time_zone)).astimezone(forecast.start.tzinfo)


def _after(first: date, number: int) -> tuple[int, int]:
    """(year, month), so many months on."""
    month = first.month - 1 + number
    return first.year + month // 12, month % 12 + 1


def _month(forecast: Forecast, days: dict[date, Day], year: int, month: int) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in DAYS)
    weeks = "".join(
        f"<tr>{''.join(_cell(forecast, days, day, month) for day in week)}</tr>"
        for week in calendar.Calendar().monthdatescalendar(year, month)
    )
    caption = f"<caption>{calendar.month_name[month]} {year}</caption>"
    return f'<table class="month">{caption}<thead><tr>{head}</tr></thead><tbody>{weeks}</tbody></table>'


def _cell(forecast: Forecast, days: dict[date, Day], day: date, month: int) -> str:
    if day.month != month:
        return "<td></td>"
    found = days.get(day)
    if found is None:
        return f"<td>{day.day}</td>"
    kinds = [name for name, holds in (("open", found.window), ("busy", found.taken)) if holds]
    since, until = ((_midnight(forecast, it) - forecast.start).total_seconds() for it in (day, day + timedelta(days=1)))
    told = escape(f"{day:%Y-%m-%d}: {'; '.join(found.told())}")
    return (
        f'<td class="{" ".join(kinds)}"><button type="button" class="day" data-from="{since:.0f}" '
        f'data-to="{until:.0f}" title="{told}" aria-label="{told}">{day.day}<span>{found.signs}</span></button></td>'
    )
