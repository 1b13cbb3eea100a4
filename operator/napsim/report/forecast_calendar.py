"""A forecast as a calendar (RFC 5545): maintenance windows, and when nodes of each pool are disrupted.

Every entry has the uid that follows from what it tells, so that a calendar that is imported again is brought up to
date instead of doubled. Instants are in UTC, which every reader shows in its own zone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from icalendar import Calendar, Event

from napsim.report.forecast import Forecast, Pool

_PAUSE: Final = timedelta(hours=1)  # disruptions less than this apart are one entry


def calendar(forecast: Forecast) -> bytes:
    """The file. The same forecast gives the same bytes."""
    made = Calendar()
    made.add("prodid", "-//napsim//forecast//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", f"napsim {forecast.name}".strip())
    for event in (*_windows(forecast), *_disruptions(forecast)):
        made.add_component(event)
    return bytes(made.to_ical())


def _windows(forecast: Forecast) -> Iterator[Event]:
    for window in forecast.windows:
        end = window.until or forecast.ended_at
        summary = f"Maintenance window {window.configuration}"
        yield _event(forecast, summary, window.since, end, "Images can be picked up. Nodes may go on rolling after it.")


def _disruptions(forecast: Forecast) -> Iterator[Event]:
    for pool in forecast.pools:
        taken = [it.at for it in forecast.timeline if it.kind == "CommandStarted" and it.node_pool == pool.name]
        for since, until, most in _spans(pool, forecast.ended_at):
            if not any(since <= at <= until for at in taken):
                continue  # nodes that are not ready count as disrupted too
            summary = f"{pool.name}: nodes are replaced"
            yield _event(forecast, summary, since, until, f"At most {most} at once, by the forecast.")


def _spans(pool: Pool, ended_at: datetime) -> Iterator[tuple[datetime, datetime, int]]:
    """(from, until, most at once) of the times in which nodes are disrupted, short pauses included.

    A step lasts until the next one, the last until the forecast ends.
    """
    since: datetime | None = None
    until: datetime | None = None
    most = 0
    steps = [(step.at, step.disrupting) for step in pool.steps]
    for (at, disrupting), (end, _) in pairwise((*steps, (ended_at, 0))):
        if not disrupting:
            continue
        if since is not None and until is not None and at - until > _PAUSE:
            yield since, until, most
            since, most = None, 0
        since, until, most = since or at, end, max(most, disrupting)
    if since is not None and until is not None:
        yield since, until, most


def _event(forecast: Forecast, summary: str, since: datetime, until: datetime, description: str) -> Event:
    event = Event()
    name = f"{forecast.name}/{summary}/{since.isoformat()}"
    event.add("uid", f"{hashlib.sha256(name.encode()).hexdigest()[:32]}@napsim.dev")
    event.add("dtstamp", forecast.start)
    event.add("dtstart", since)
    event.add("dtend", max(until, since + timedelta(minutes=1)))
    event.add("summary", summary)
    event.add("description", description)
    event.add("transp", "TRANSPARENT")
    return event
