"""When the windows are, as one document: what ``napsim windows`` writes, as JSON and as lines of a terminal.

Version ``napsim.dev/windows/v1`` (docs/checker.md). Fields are added within a version; one that goes or changes its
meaning makes a new one. Instants are RFC 3339 in UTC, lengths of time are seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated, Final, Literal

import msgspec

from napsim.report.facts import WINDOW_GATES_PICK_UP
from napsim.report.marked import Marked, Tone, headed, shortened, wrapped
from napsim.report.parts import Part, indented
from napsim.report.times import DAYS, full, span, zone_of

SCHEMA: Final = "napsim.dev/windows/v1"
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_CUT_OUT: Final = "MaintenanceNotAllowed"
_WEEK: Final = timedelta(days=6)  # within it a weekday is enough for an end


class Window(Part, frozen=True):
    """One window. ``end`` is null where it never ends, ``start`` where it never began.

    ``utc``, ``local`` and ``reader`` are the same for people: in UTC, under the configuration's own offset or time
    zone, and on the clocks of the reader.
    """

    start: Instant | None
    end: Instant | None
    utc: str
    local: str
    reader: str


class CutOut(Part, frozen=True):
    """A part of a window that is blocked: ``start`` and ``end`` are those of what the schedule gives."""

    start: Instant
    end: Instant | None
    message: str


class Finding(Part, frozen=True):
    """What is worth minding."""

    reason: str
    message: str


class Configuration(Part, frozen=True):
    """One MaintenanceConfiguration, as it is written. ``read``: AKS has one of a name; others of that name are not."""

    name: str
    config_name: str
    governs: str
    read: bool
    file: str
    line: int
    schedule: str
    zone: str
    open: bool
    reason: str
    message: str
    changes: str
    changes_at: Instant | None
    lead_time_seconds: float
    windows: tuple[Window, ...]
    cut_outs: tuple[CutOut, ...] = ()
    more_cut_outs: bool = False
    clocks: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()
    findings: tuple[Finding, ...] = ()


class WindowCalendar(Part, frozen=True, kw_only=True):
    """The whole answer: the instant, the zone of the reader, the configurations; ``notes`` concern all of them."""

    schema: Literal["napsim.dev/windows/v1"] = SCHEMA
    at: Instant
    time_zone: str
    configurations: tuple[Configuration, ...]
    notes: tuple[str, ...] = ()


def document(calendar: WindowCalendar) -> str:
    """The calendar as JSON, indented, without the last line's end."""
    return indented(calendar)


# --- lines ------------------------------------------------------------------------------------------------------------


def lines(calendar: WindowCalendar) -> Iterator[Marked]:
    """The whole calendar for a terminal."""
    page = _Page(calendar)
    local = "" if page.utc_only else f"  ({full(calendar.at, page.zone)} {calendar.time_zone})"
    yield Marked(f"Windows at {full(calendar.at)} UTC{local}", Tone.HEADING)
    for configuration in calendar.configurations:
        yield Marked()
        yield from page.configuration(configuration)
    yield Marked()
    for note in calendar.notes:
        yield from wrapped(f"! {note}", Tone.WARNING, "")
    yield from wrapped(WINDOW_GATES_PICK_UP, indent="")


class _Page:
    """One calendar, on the clocks of its reader."""

    def __init__(self, calendar: WindowCalendar) -> None:
        self._calendar = calendar
        self.zone: tzinfo = zone_of(calendar.time_zone)
        self.utc_only = calendar.time_zone == "UTC"

    def configuration(self, it: Configuration) -> Iterator[Marked]:
        yield from headed(f"MaintenanceConfiguration/{it.name}", f"{it.file}:{it.line}")
        yield from wrapped(f"{it.config_name}: {it.governs}")
        yield from wrapped(f"{it.schedule}; a change counts {span(timedelta(seconds=it.lead_time_seconds))} later")
        yield from self._state(it)
        yield from self._windows(it.windows)
        yield from self._cut_outs(it)
        yield from _section("clocks", it.clocks, Tone.PLAIN)
        yield from _section("warnings", (item.message for item in it.warnings), Tone.WARNING)
        yield from _section("note", (item.message for item in it.findings), Tone.PLAIN)

    def _state(self, it: Configuration) -> Iterator[Marked]:
        state = "OPEN" if it.open else "closed"
        length = ""
        if it.changes_at is not None:
            length = f", in {span(it.changes_at - self._calendar.at)}"
            if not self.utc_only:
                length += f" ({full(it.changes_at, self.zone)} {self._calendar.time_zone})"
        changes = it.changes if it.changes_at is not None else "and stays so"
        counts = "" if it.read else "; but AKS does not read it"
        tone = Tone.WARNING if not it.read else Tone.GOOD if it.open else Tone.HEADING
        yield from wrapped(f"{state}, {changes}{length}{counts}", tone)
        if it.reason == _CUT_OUT:
            yield from wrapped(it.message, Tone.WARNING)

    def _windows(self, windows: Iterable[Window]) -> Iterator[Marked]:
        rows = [self._window(item) for item in windows]
        if rows:
            local = "" if self.utc_only else self._calendar.time_zone
            yield Marked(f"    {'UTC':37}{local:37.37}".rstrip(), Tone.ASIDE)
        yield from rows

    def _window(self, item: Window) -> Marked:
        local = "" if self.utc_only else cell(item, self.zone)
        return Marked(f"    {cell(item):37}{local}".rstrip())

    def _cut_outs(self, it: Configuration) -> Iterator[Marked]:
        if not it.cut_outs:
            return
        yield Marked("  cut out", Tone.ASIDE)
        rows = [line for item in it.cut_outs for line in wrapped(item.message, Tone.WARNING, "    ")]
        yield from shortened(rows)
        if it.more_cut_outs:
            yield Marked("    and more within a year", Tone.ASIDE)


def _section(title: str, texts: Iterable[str], tone: Tone) -> Iterator[Marked]:
    found = list(texts)
    if found:
        yield Marked(f"  {title}", Tone.ASIDE)
    for text in found:
        yield from wrapped(text, tone, "    ")


def cell(window: Window, zone: tzinfo = UTC) -> str:
    """``Sun 2026-02-15 01:00–05:00``, ``Sun 2026-02-15 22:00 – Mon 02:00``: within the width of a column."""
    if window.start is None:
        return "at all times" if window.end is None else f"until {full(window.end, zone)}"
    start = full(window.start, zone)
    if window.end is None:
        return f"from {start} on"
    here, there = window.start.astimezone(zone), window.end.astimezone(zone)
    if here.date() == there.date():
        return f"{start}–{there:%H:%M}"
    if there.time() == time(0) and (there.date() - here.date()).days == 1:
        return f"{start}–24:00"
    if window.end - window.start <= _WEEK:
        return f"{start} – {DAYS[there.weekday()]} {there:%H:%M}"
    return f"{here:%Y-%m-%d %H:%M} – {there:%Y-%m-%d %H:%M}"
