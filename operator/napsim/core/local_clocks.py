"""What the clocks of a place do to windows that do not follow them, and what a time zone means where there is none.

Policy: for readers. A window with a fixed ``utcOffset``, or that follows other clocks, moves on the clocks of the place
where somebody reads it. What clocks do to a window that follows them is ``window_findings.clock_notes``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from napsim.api.scalars import write_duration, write_offset

from .configurations import Configuration
from .windows import Window, describe, occurrences


@dataclass(frozen=True, slots=True)
class Shift:
    """From ``occurrence`` on the windows lie ``later`` (negative: earlier) than before, by the clocks of the reader."""

    occurrence: Window
    later: timedelta
    message: str


def shifts(configuration: Configuration, span: Window, zone: tzinfo) -> Iterator[Shift]:
    """Each shift within ``span`` by the clocks of ``zone``; none where the windows follow the same clocks."""
    before: timedelta | None = None
    for occurrence in _within(configuration, span):
        ahead = _offset(occurrence.start, zone) - _offset(occurrence.start, configuration.zone)
        if before is not None and ahead != before:
            later = ahead - before
            which = "later" if later > timedelta(0) else "earlier"
            message = f"{describe(occurrence, zone)}: from then on {write_duration(abs(later))} {which} by these clocks"
            yield Shift(occurrence, later, message)
        before = ahead


def extension(configuration: Configuration, span: Window) -> str:
    """What ``timeZone`` would have to be in AKS, which has none; empty for a window without."""
    window = configuration.window
    if window is None or window.time_zone is None:
        return ""
    offsets = sorted({_offset(item.start, window.zone) for item in _within(configuration, span)})
    needed = " or ".join(write_offset(offset) for offset in offsets) or "the offset of the season"
    changed = ", to be changed by hand with the clocks" if len(offsets) > 1 else ""
    return f"timeZone {window.time_zone} is napsim's own: AKS takes utcOffset alone, here {needed}{changed}"


def _within(configuration: Configuration, span: Window) -> Iterator[Window]:
    """The occurrences of a span, of those that recur."""
    for occurrence in occurrences(configuration, span.start):
        if occurrence.end is None or occurrence.start >= span.until:
            return
        yield occurrence


def _offset(instant: datetime, zone: tzinfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)
