"""Windows, and what budgets allow, as calendars (RFC 5545) for any calendar program.

Every entry has the uid that follows from what it tells, so that a calendar that is imported again is brought up to date
instead of doubled. Instants are in UTC, which every reader shows in its own zone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from icalendar import Calendar, Event

from napsim.report.budget_calendar import UNLIMITED, BudgetCalendar
from napsim.report.window_calendar import WindowCalendar


def of_windows(calendar: WindowCalendar) -> bytes:
    """One entry for each window that is told; one that never began begins now, one that never ends is left open."""
    return _calendar("windows", _windows(calendar))


def of_budgets(calendar: BudgetCalendar) -> bytes:
    """One entry for each stretch in which anything is allowed; where nothing is, there is none."""
    return _calendar("budgets", _stretches(calendar))


def _calendar(name: str, events: Iterator[Event]) -> bytes:
    made = Calendar()
    made.add("prodid", f"-//napsim//{name}//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", f"napsim {name}")
    for event in events:
        made.add_component(event)
    return bytes(made.to_ical())


def _windows(calendar: WindowCalendar) -> Iterator[Event]:
    for it in calendar.configurations:
        for window in it.windows if it.read else ():
            told = f"{it.governs}. {window.local}. Nodes may go on being replaced after it."
            yield _event(
                calendar.at, f"Maintenance window {it.config_name}", window.start or calendar.at, window.end, told
            )


def _stretches(calendar: BudgetCalendar) -> Iterator[Event]:
    for pool in calendar.pools:
        for course in pool.courses:
            reasons = ", ".join(course.reasons)
            for item in course.stretches:
                if not item.allowed:
                    continue
                level = "UNLIMITED" if item.allowed == UNLIMITED else f"up to {item.allowed} at once"
                summary = f"{pool.name}: {level} ({reasons})"
                told = f"Of {pool.nodes} nodes. A budget bounds how many, not how fast."
                yield _event(calendar.start, summary, item.start, item.end, told)


def _event(stamp: datetime, summary: str, since: datetime, until: datetime | None, description: str) -> Event:
    event = Event()
    event.add("uid", f"{hashlib.sha256(f'{summary}/{since.isoformat()}'.encode()).hexdigest()[:32]}@napsim.dev")
    event.add("dtstamp", stamp)
    event.add("dtstart", since)
    if until is not None:
        event.add("dtend", until)
    event.add("summary", summary)
    event.add("description", description)
    event.add("transp", "TRANSPARENT")
    return event
