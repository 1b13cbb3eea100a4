"""What is worth minding in a maintenance configuration: an ordered list of named checks, and what the clocks do to it.

Policy: the choices of ``MaintenanceConfiguration`` that AKS documents badly, refuses or advises against. A check sees
the configuration and its next windows, and answers with a finding or None. Nothing here changes what is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta, tzinfo
from enum import StrEnum
from typing import Final

import msgspec

from .configurations import DEFAULT, MIN_DURATION_HOURS, Configuration
from .recurrence import AbsoluteMonthly, Weekly
from .windows import Window, describe, occurrences


class FindingReason(StrEnum):
    """What is worth knowing about a configuration."""

    # warnings
    LEAD_TIME_TOO_SHORT = "LeadTimeTooShort"
    NO_FURTHER_WINDOW = "NoFurtherMaintenanceWindow"
    DEFAULT_NOT_WEEKLY = "DefaultNotWeekly"
    DAY_ABOVE_28 = "DayMissingInShortMonths"
    SHORT_WINDOW = "WindowShorterThanFourHours"
    TIME_IN_WEEK_IGNORED = "TimeInWeekIgnored"
    # findings
    NO_CONFIGURATION = "NoMaintenanceConfiguration"
    ASSUMED = "AssumedFallbackSchedule"
    ALWAYS_OPEN = "AlwaysOpen"
    CHANGE_PENDING = "ChangePending"
    WEEKLY_ANCHOR = "WeeklyAnchorRestsOnOneObservation"
    CLOCK_CHANGE = "ClockChange"


# What `napsim lint` calls the same.
CODES: Final[Mapping[FindingReason, str]] = {
    FindingReason.SHORT_WINDOW: "NAP201",
    FindingReason.NO_FURTHER_WINDOW: "NAP208",
    FindingReason.DEFAULT_NOT_WEEKLY: "NAP209",
    FindingReason.DAY_ABOVE_28: "NAP210",
    FindingReason.TIME_IN_WEEK_IGNORED: "NAP212",
    FindingReason.WEEKLY_ANCHOR: "NAP213",
    FindingReason.ALWAYS_OPEN: "NAP216",
}


class Finding(msgspec.Struct, frozen=True):
    reason: FindingReason
    message: str


# What `napsim lint` says of objects that are applied, too.
ONLY_WEEKLY: Final = f"AKS accepts for {DEFAULT} only a weekly schedule with intervalWeeks 1"
SHORT_MONTHS: Final = "dayOfMonth {day}: some months lack that day, and AKS does not document what happens then"
NOT_BESIDE_A_WINDOW: Final = "timeInWeek does not count beside maintenanceWindow"

Check = Callable[[Configuration, tuple[Window, ...]], Finding | None]


def _no_further_window(configuration: Configuration, ahead: tuple[Window, ...]) -> Finding | None:
    if ahead:
        return None
    return Finding(FindingReason.NO_FURTHER_WINDOW, f"{configuration.name} never opens again: nothing is left of it")


def _default_not_weekly(configuration: Configuration, _ahead: tuple[Window, ...]) -> Finding | None:
    if configuration.name != DEFAULT or configuration.window is None:
        return None
    match configuration.window.schedule:
        case Weekly(interval_weeks=1):
            return None
    return Finding(FindingReason.DEFAULT_NOT_WEEKLY, ONLY_WEEKLY)


def _day_above_28(configuration: Configuration, _ahead: tuple[Window, ...]) -> Finding | None:
    schedule = configuration.window.schedule if configuration.window else None
    if not isinstance(schedule, AbsoluteMonthly) or schedule.day_of_month <= 28:
        return None
    clamped = configuration.settings.clamp_short_months
    what = "counts as its last day" if clamped else "is skipped"
    message = f"{SHORT_MONTHS.format(day=schedule.day_of_month)}; it {what}"
    return Finding(FindingReason.DAY_ABOVE_28, message)


def _short_window(_configuration: Configuration, ahead: tuple[Window, ...]) -> Finding | None:
    least = timedelta(hours=MIN_DURATION_HOURS)
    short = [describe(window) for window in ahead if window.until - window.start < least]
    if not short:
        return None
    message = f"shorter than the {MIN_DURATION_HOURS} h that AKS advises: {'; '.join(short)}"
    return Finding(FindingReason.SHORT_WINDOW, message)


def _time_in_week_ignored(configuration: Configuration, _ahead: tuple[Window, ...]) -> Finding | None:
    if configuration.window is None or not configuration.time_in_week:
        return None
    return Finding(FindingReason.TIME_IN_WEEK_IGNORED, NOT_BESIDE_A_WINDOW)


def _assumed(configuration: Configuration, _ahead: tuple[Window, ...]) -> Finding | None:
    return Finding(FindingReason.ASSUMED, configuration.assumption) if configuration.assumption else None


def _always_open(configuration: Configuration, ahead: tuple[Window, ...]) -> Finding | None:
    if not ahead or ahead[-1].end is not None:
        return None
    return Finding(FindingReason.ALWAYS_OPEN, f"{configuration.name} never closes again: {describe(ahead[-1])}")


def _weekly_anchor(configuration: Configuration, _ahead: tuple[Window, ...]) -> Finding | None:
    schedule = configuration.window.schedule if configuration.window else None
    if not isinstance(schedule, Weekly) or schedule.interval_weeks == 1:
        return None
    first = configuration.settings.first_day_of_week.label
    message = (
        f"every {schedule.interval_weeks} weeks: counted from the {first}-started week of startDate; "
        "AKS documents no anchor, this rests on one observation (Azure/AKS 5720)"
    )
    return Finding(FindingReason.WEEKLY_ANCHOR, message)


# In the order in which they are reported.
WARNINGS: Final[tuple[Check, ...]] = (
    _no_further_window,
    _default_not_weekly,
    _day_above_28,
    _short_window,
    _time_in_week_ignored,
)
FINDINGS: Final[tuple[Check, ...]] = (_assumed, _always_open, _weekly_anchor)


class ClockChange(StrEnum):
    """What a change of the clocks does to an occurrence of a window that follows a time zone."""

    START_SKIPPED = "StartSkipped"
    START_REPEATED = "StartRepeated"
    END_MOVED = "EndMoved"


class ClockNote(msgspec.Struct, frozen=True):
    change: ClockChange
    occurrence: Window
    message: str


def clock_notes(configuration: Configuration, span: Window) -> Iterator[ClockNote]:
    """What changes of the clocks do to the occurrences within ``span``; nothing with a fixed offset. None vanishes."""
    window = configuration.window
    if window is None or window.time_zone is None or window.seamless:
        return
    for occurrence in occurrences(configuration, span.start):
        if occurrence.start >= span.until:
            return
        yield from _clock_notes_of(occurrence, window.start_time.strftime("%H:%M"), window.zone)


def _clock_notes_of(occurrence: Window, start_time: str, zone: tzinfo) -> Iterator[ClockNote]:
    start, end = occurrence.start.astimezone(zone), occurrence.until.astimezone(zone)
    span = describe(occurrence, zone)
    if f"{start:%H:%M}" != start_time:
        message = f"{span}: the clocks skip {start_time}, so it starts at {start:%H:%M}"
        yield ClockNote(ClockChange.START_SKIPPED, occurrence, message)
    elif start.utcoffset() != start.replace(fold=1).utcoffset():
        message = f"{span}: {start_time} comes twice, the first one counts"
        yield ClockNote(ClockChange.START_REPEATED, occurrence, message)
    if start.utcoffset() != end.utcoffset():
        expected = start + (occurrence.until - occurrence.start)  # arithmetic on the local clock face
        message = f"{span}: the clocks change within it, so it ends at {end:%H:%M} instead of {expected:%H:%M}"
        yield ClockNote(ClockChange.END_MOVED, occurrence, message)
