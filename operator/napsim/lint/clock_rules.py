"""Times that are UTC and were written as if they were local.

Nothing in a schedule says so. Two things give it away: a maintenance window under another offset that has the same
time on its clock face, and a comment beside it that names the zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import time, timedelta, tzinfo
from typing import Final

from napsim.core.configurations import MaintenanceWindow
from napsim.core.recurrence import Daily, Weekday, Weekly
from napsim.core.schedules import ScheduleError, SpecSchedule, parse
from napsim.lint.findings import Found
from napsim.lint.subjects import Subjects
from napsim.reading.sources import Document

_CLOCK: Final = re.compile(r"\b(?P<hour>[01]?\d|2[0-3])(?::(?P<minute>[0-5]\d)|\s?(?P<half>[ap])\.?m\b)", re.IGNORECASE)
_ZONE: Final = re.compile(
    r"\b(?:local time|CES?T|ME?SZ|MEZ|E[SD]T|C[SD]T|M[SD]T|P[SD]T|IST|JST|BST|AE[SD]T"
    r"|(?:Europe|America|Asia|Africa|Australia|Pacific|Atlantic)/[A-Za-z_]+)\b"
)
_UTC: Final = re.compile(r"\b(?:UTC|GMT|Zulu)\b", re.IGNORECASE)
_TOLD: Final = "write the time in UTC"


def utc_taken_for_local(subjects: Subjects) -> Iterator[Found]:
    for pool in subjects.pools:
        for index, budget in enumerate(pool.budgets):
            at = _daily_time(budget.schedule)
            if at is None or budget.schedule is None:
                continue
            item = f"spec.disruption.budgets[{index}]"
            field = f"{item}.schedule"
            why = _said_beside(subjects, pool.document, (field, item), at) or _as_a_window(
                subjects, pool.document, budget.schedule, at
            )
            if why:
                message = f"{budget.schedule!r} begins at {at:%H:%M} UTC, and {why}"
                yield Found(pool.document, field, message, budget.schedule, _TOLD)
    yield from _windows(subjects)


def _windows(subjects: Subjects) -> Iterator[Found]:
    """Windows without an offset."""
    for item in subjects.configurations:
        window, field = item.value.window, "spec.maintenanceWindow.startTime"
        if window is None or window.time_zone or window.utc_offset:
            continue
        why = _said_beside(subjects, item.document, (field,), window.start_time)
        if why:
            message = f"without utcOffset {window.start_time:%H:%M} is UTC, and {why}"
            yield Found(item.document, field, message, None, "write the offset in utcOffset")


def _daily_time(text: str | None) -> time | None:
    """When a schedule begins, if that is at one time of day."""
    schedule = _parsed(text)
    if schedule is None or schedule.hours.bit_count() != 1 or schedule.minutes.bit_count() != 1:
        return None
    return time(schedule.hours.bit_length() - 1, schedule.minutes.bit_length() - 1)


def _parsed(text: str | None) -> SpecSchedule | None:
    try:
        schedule = parse(text) if text is not None else None
    except ScheduleError:
        return None
    return schedule if isinstance(schedule, SpecSchedule) else None


# --- a comment --------------------------------------------------------------------------------------------------------


def _said_beside(subjects: Subjects, document: Document, fields: tuple[str, ...], at: time) -> str:
    for comment in (comment for field in fields for comment in _comments(subjects, document, field)):
        zone = _ZONE.search(comment)
        if zone and not _UTC.search(comment) and at in _times(comment):
            return f"the comment beside it says {zone[0]}"
    return ""


def _comments(subjects: Subjects, document: Document, field: str) -> Iterator[str]:
    """The one on the line of a field, and those on lines of their own right above it."""
    lines = subjects.lines.get(document.file, ())
    number = document.span_of(field).line
    if not 0 < number <= len(lines):
        return
    _, mark, beside = lines[number - 1].partition(" #")
    if mark:
        yield beside
    for line in reversed(lines[: number - 1]):
        if not line.lstrip().startswith("#"):
            return
        yield line.lstrip()


def _times(comment: str) -> set[time]:
    return {_time(found) for found in _CLOCK.finditer(comment)}


def _time(found: re.Match[str]) -> time:
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"].lower() == "p" else 0)
    return time(hour, int(found["minute"] or 0))


# --- a window ---------------------------------------------------------------------------------------------------------


def _as_a_window(subjects: Subjects, document: Document, text: str, at: time) -> str:
    schedule = _parsed(text)
    for item in subjects.configurations:
        window = item.value.window
        if schedule is None or window is None or not _offset(subjects, window.zone) or window.start_time != at:
            continue
        if _same_days(schedule, window) and subjects.layout.together(item.document, document):
            return f"{item.document.named} opens at {at:%H:%M} on the clocks of {window.zone}, which is another time"
    return ""


def _offset(subjects: Subjects, zone: tzinfo) -> timedelta:
    return subjects.now.astimezone(zone).utcoffset() or timedelta(0)


def _same_days(schedule: SpecSchedule, window: MaintenanceWindow) -> bool:
    match window.schedule:
        case Daily():
            return schedule.days_of_week.bit_count() == 7
        case Weekly(day_of_week=weekday):
            return schedule.days_of_week == 1 << (weekday + 1) % len(Weekday)
    return False
