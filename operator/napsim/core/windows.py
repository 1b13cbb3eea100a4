"""When a maintenance configuration is open: its windows, lazily and in order, and the verdict on one instant.

Policy: ``MaintenanceConfiguration.spec``; the bounds of a window mirror karpenter-provider-azure
``pkg/controllers/nodeclass/status/images.go`` (open iff start < now < end, strictly; fails open without window data).

Three steps lead from a schedule to its windows:

- *occurrences*: what the schedule gives, before anything is cut out. Local times that the clocks skip or repeat are
  taken as iCalendar (RFC 5545) takes them: a skipped start is read with the offset before the change (02:30 becomes
  03:30), of a repeated start the first counts. The duration is elapsed time, so the local end may move.
- *pieces*: what ``notAllowedDates`` and ``notAllowedTime`` leave of them. A blocked occurrence still counts.
- *windows*: pieces that adjoin or overlap are joined.

A configuration without gaps (every day for 24 h; every hour of the week) is one occurrence with an open end, so nothing
here loops over its days. A span that blocks many occurrences is jumped over. Dates end with the year 9999.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import Final

import msgspec

from .clock import rfc3339
from .configurations import Configuration, MaintenanceWindow, TimeInWeek
from .recurrence import Recurrence, Weekday

BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
FOREVER: Final = datetime.max.replace(tzinfo=UTC)
RESOLUTION: Final = datetime.resolution
"""A window is open from one tick after its start: at the start itself it is closed."""

# A local start lies at most a day (plus a skipped local day) before its window ends.
_LOOK_BACK: Final = timedelta(days=2)
# No joined window that ends is longer: two daily ones around a change of the clocks; hour slots of a week but one.
_LONGEST: Final = timedelta(days=3)
_LONGEST_OF_HOUR_SLOTS: Final = timedelta(days=7)


class Window(msgspec.Struct, frozen=True):
    """A span of time in UTC; ``end`` is None when it never ends, ``start`` is BEGINNING when it never began."""

    start: datetime
    end: datetime | None

    @property
    def until(self) -> datetime:
        return FOREVER if self.end is None else self.end

    def contains(self, now: datetime) -> bool:
        """Strictly between start and end, as the provider compares."""
        return self.start < now < self.until

    def covers(self, other: Window) -> bool:
        return self.start <= other.start and other.until <= self.until


class Exclusion(msgspec.Struct, frozen=True):
    """A blocked span, and the entry of the spec that blocks it: ``notAllowedDates[0]``, 2026-12-21 to 2027-01-03."""

    field: str
    text: str
    span: Window


class Cutout(msgspec.Struct, frozen=True):
    """What one exclusion does to one occurrence, and what all exclusions together leave of that occurrence."""

    exclusion: Exclusion
    occurrence: Window
    left: tuple[Window, ...]

    @property
    def whole(self) -> bool:
        """Whether this exclusion alone cuts the occurrence out wholly."""
        return self.exclusion.span.covers(self.occurrence)


class WindowReason(StrEnum):
    """Why a configuration is open or closed at an instant."""

    OPEN = "MaintenanceWindowOpen"
    CLOSED = "MaintenanceWindowClosed"
    NOT_ALLOWED = "MaintenanceNotAllowed"
    NO_FURTHER_WINDOW = "NoFurtherMaintenanceWindow"
    NO_WINDOW_DATA = "NoMaintenanceWindowData"
    UNREADABLE = "MaintenanceWindowUnreadable"


class WindowVerdict(msgspec.Struct, frozen=True):
    """Whether maintenance may begin. ``window`` is the current or else the next one: the one that AKS would publish.

    ``wake_at`` is the first instant at which ``open`` changes: one tick after the start of the next window, or the end
    of the current one; None when it never does. Reason and message may change before that, when an occurrence that is
    cut out begins or ends: ``told_until`` is the first instant at which they can.
    """

    open: bool
    reason: WindowReason
    message: str
    window: Window | None
    wake_at: datetime | None
    told_until: datetime | None


def verdict(configuration: Configuration | None, now: datetime) -> WindowVerdict:
    """Fails open without a configuration. The message does not depend on ``now``, only on the window."""
    if configuration is None:
        return WindowVerdict(True, WindowReason.NO_WINDOW_DATA, "no maintenance configuration: open", None, None, None)
    window = next(windows(configuration, now), None)
    if window is None:
        message = f"{configuration.name} has no further window"
        return WindowVerdict(False, WindowReason.NO_FURTHER_WINDOW, message, None, None, None)
    if window.start < now:
        message = f"{configuration.name} is open: {describe(window)}"
        return WindowVerdict(True, WindowReason.OPEN, message, window, window.end, window.end)
    return _closed(configuration, window, now)


def _closed(configuration: Configuration, window: Window, now: datetime) -> WindowVerdict:
    """Closed until ``window``: because no occurrence has begun, or because this one is cut out."""
    wake_at = window.start + RESOLUTION
    reason, why, told_until = WindowReason.CLOSED, "", wake_at
    occurrence = next(occurrences(configuration, now))
    by = _excluding(configuration, now) if occurrence.contains(now) else None
    if by is not None:
        reason, why = WindowReason.NOT_ALLOWED, f" by {by.field} ({by.text})"
        told_until = min(wake_at, by.span.until, occurrence.until, *_before(by, configuration, now))
    elif occurrence.start >= now:
        told_until = min(wake_at, occurrence.start + RESOLUTION)
    message = f"{configuration.name} is closed{why}; next window: {describe(window)}"
    return WindowVerdict(False, reason, message, window, wake_at, told_until)


def _excluding(configuration: Configuration, now: datetime) -> Exclusion | None:
    return next((found for found in exclusions(configuration) if found.span.start <= now < found.span.until), None)


def _before(by: Exclusion, configuration: Configuration, now: datetime) -> Iterator[datetime]:
    """When those that are written before ``by`` begin: from then on they are named in its place."""
    for found in exclusions(configuration):
        if found == by:
            return
        if found.span.start > now:
            yield found.span.start


def upcoming(configuration: Configuration | None, now: datetime, count: int = 5) -> tuple[Window, ...]:
    """The current or next window and those after it, ``count`` in all; none without a configuration."""
    return () if configuration is None else tuple(islice(windows(configuration, now), count))


def windows(configuration: Configuration, after: datetime) -> Iterator[Window]:
    """The windows that end after ``after``, in order; they neither overlap nor touch.

    The first one may have begun before ``after``. Finds nothing, in bounded time, when nothing can ever be open.
    """
    held: Window | None = None
    longest = _LONGEST if configuration.window else _LONGEST_OF_HOUR_SLOTS
    for piece in _pieces(configuration, _later(after, -longest)):
        if held is not None and piece.start <= held.until:
            held = Window(held.start, _later_end(held, piece))
            continue
        if held is not None and held.until > after:
            yield held
        held = piece
    if held is not None and held.until > after:
        yield held


def _pieces(configuration: Configuration, after: datetime) -> Iterator[Window]:
    blocked = _joined(exclusion.span for exclusion in exclusions(configuration))
    cursor: datetime | None = after
    while cursor is not None:
        since, cursor = cursor, None
        for occurrence in occurrences(configuration, since):
            cover = next((span for span in blocked if span.covers(occurrence)), None)
            if cover is not None:
                cursor = cover.until  # jump over all that it blocks, instead of asking for each occurrence
                break
            yield from _left(occurrence, blocked)


def occurrences(configuration: Configuration, after: datetime) -> Iterator[Window]:
    """What the schedule gives before anything is cut out: the occurrences that end after ``after``, in order."""
    recurrence = configuration.recurrence
    if configuration.window is not None and recurrence is not None:
        return _recurring(configuration.window, recurrence, after)
    return _hour_slots(configuration.time_in_week, after)


def _recurring(window: MaintenanceWindow, recurrence: Recurrence, after: datetime) -> Iterator[Window]:
    zone = window.zone
    if window.seamless:
        yield from _endless(_instant(window.start_date, window.start_time, zone), after)
        return
    for day in recurrence.from_day(_local_day(_later(after, -_LOOK_BACK), zone)):
        start = _instant(day, window.start_time, zone)
        end = _later(start, window.duration)
        if end > after:
            yield Window(start, end)


def _hour_slots(entries: Sequence[TimeInWeek], after: datetime) -> Iterator[Window]:
    """The legacy form: the runs of hours within each day, in UTC; several entries of one day add up."""
    runs = [
        _runs({slot for entry in entries if entry.day is weekday for slot in entry.hour_slots}) for weekday in Weekday
    ]
    if all(found == [(0, 24)] for found in runs):
        yield from _endless(BEGINNING, after)
    elif any(runs):
        for ordinal in range(after.astimezone(UTC).toordinal(), date.max.toordinal() + 1):
            midnight = datetime.combine(date.fromordinal(ordinal), time(0), UTC)
            for first, last in runs[midnight.weekday()]:
                end = _later(midnight, timedelta(hours=last))
                if end > after:
                    yield Window(midnight + timedelta(hours=first), end)


def _runs(slots: Iterable[int]) -> list[tuple[int, int]]:
    """Hours that adjoin, as (first, last excluded)."""
    runs: list[tuple[int, int]] = []
    for slot in sorted(slots):
        if runs and runs[-1][1] == slot:
            runs[-1] = (runs[-1][0], slot + 1)
        else:
            runs.append((slot, slot + 1))
    return runs


def _endless(start: datetime, after: datetime) -> Iterator[Window]:
    """An occurrence with an open end: it ends after every instant but FOREVER."""
    if after < FOREVER:
        yield Window(start, None)


def exclusions(configuration: Configuration) -> tuple[Exclusion, ...]:
    """The blocked spans, in the order of the spec; empty ones are left out. Dates are local days, the last included."""
    found = []
    for index, dates in enumerate(configuration.window.not_allowed_dates if configuration.window else ()):
        zone = configuration.zone
        end = FOREVER if dates.end == date.max else _instant(dates.end + timedelta(days=1), time(0), zone)
        span = Window(_instant(dates.start, time(0), zone), end)
        found.append(Exclusion(f"notAllowedDates[{index}]", f"{dates.start} to {dates.end}", span))
    for index, times in enumerate(configuration.not_allowed_time):
        span = Window(times.start.astimezone(UTC), times.end.astimezone(UTC))
        found.append(Exclusion(f"notAllowedTime[{index}]", f"{rfc3339(times.start)} to {rfc3339(times.end)}", span))
    return tuple(exclusion for exclusion in found if exclusion.span.start < exclusion.span.until)


def cutouts(configuration: Configuration, span: Window) -> Iterator[Cutout]:
    """What is cut out of the occurrences within ``span`` and by which entry, lazily, ordered by occurrence."""
    found = exclusions(configuration)
    blocked = _joined(exclusion.span for exclusion in found)
    streams = [_cut_by(exclusion, configuration, span, blocked) for exclusion in found]
    return heapq.merge(*streams, key=lambda cutout: cutout.occurrence.start)


def _cut_by(
    exclusion: Exclusion, configuration: Configuration, span: Window, blocked: Sequence[Window]
) -> Iterator[Cutout]:
    start, until = max(exclusion.span.start, span.start), min(exclusion.span.until, span.until)
    for occurrence in occurrences(configuration, start):
        if occurrence.start >= until:
            return
        yield Cutout(exclusion, occurrence, tuple(_left(occurrence, blocked)))


def _left(occurrence: Window, blocked: Iterable[Window]) -> Iterator[Window]:
    """What joined, ordered spans leave of an occurrence. A single tick has nothing strictly inside: it is dropped."""
    start = occurrence.start
    for span in blocked:
        if span.until <= start or span.start >= occurrence.until:
            continue
        if span.start - start > RESOLUTION:
            yield Window(start, span.start)
        start = span.until
    if occurrence.until - start > RESOLUTION:
        yield Window(start, occurrence.end)


def _joined(spans: Iterable[Window]) -> tuple[Window, ...]:
    joined: list[Window] = []
    for span in sorted(spans, key=lambda span: span.start):
        if joined and span.start <= joined[-1].until:
            joined[-1] = Window(joined[-1].start, _later_end(joined[-1], span))
        else:
            joined.append(span)
    return tuple(joined)


def _later_end(first: Window, second: Window) -> datetime | None:
    return first.end if first.until >= second.until else second.end


def _instant(day: date, clock: time, zone: tzinfo) -> datetime:
    """The UTC instant of a local time (``fold`` 0: see the module); at the ends of the calendar, the nearest one."""
    try:
        return datetime.combine(day, clock, zone).astimezone(UTC)
    except OverflowError:
        return BEGINNING if day.year == 1 else FOREVER


def _local_day(instant: datetime, zone: tzinfo) -> date:
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return instant.date()


def _later(instant: datetime, duration: timedelta) -> datetime:
    try:
        return instant + duration
    except OverflowError:
        return BEGINNING if duration < timedelta(0) else FOREVER


@lru_cache(maxsize=1024)  # a status shows six windows, of which five are those of last time
def describe(window: Window, zone: tzinfo = UTC) -> str:
    """``Sun 2025-01-05 01:00–05:00 UTC``; in another zone with its offset, and with its name if it has one.

    A window that ends at midnight ends at 24:00 of its day; one without end is ``from Wed 2025-01-01 00:00 UTC on``.
    """
    if window.start == BEGINNING:
        return "at all times" if window.end is None else f"until {describe_instant(window.end, zone)}"
    start = _local(window.start, zone)
    if window.end is None:
        return f"from {describe_instant(window.start, zone)} on"
    end = _local(window.end, zone)
    if start.utcoffset() != end.utcoffset():
        return f"{describe_instant(window.start, zone, named=False)} – {describe_instant(window.end, zone)}"
    where = _offset(start, named=True)
    if end.date() == start.date():
        return f"{_day(start)} {_clock(start)}–{_clock(end)} {where}"
    if end.time() == time(0) and end.toordinal() == start.toordinal() + 1:
        return f"{_day(start)} {_clock(start)}–24:00 {where}"
    return f"{_day(start)} {_clock(start)} – {_day(end)} {_clock(end)} {where}"


def describe_instant(instant: datetime, zone: tzinfo = UTC, *, named: bool = True) -> str:
    """``Sun 2025-01-05 01:00 UTC``, ``Sun 2025-01-05 02:00 UTC+01:00 (Europe/Berlin)``."""
    local = _local(instant, zone)
    return f"{_day(local)} {_clock(local)} {_offset(local, named)}"


def _local(instant: datetime, zone: tzinfo) -> datetime:
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return instant


def _day(local: datetime) -> str:
    return f"{Weekday(local.weekday()).short} {local.date()}"


def _clock(local: datetime) -> str:
    return local.time().isoformat("auto" if local.second or local.microsecond else "minutes")


def _offset(local: datetime, named: bool) -> str:
    """``UTC``, ``UTC+05:30``; with the name of the time zone, where it has one."""
    offset = timezone(local.utcoffset() or timedelta(0)).tzname(None)
    key = getattr(local.tzinfo, "key", None)
    return f"{offset} ({key})" if named and key else offset
