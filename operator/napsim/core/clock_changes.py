"""When the clocks of a place change: the instant, from which offset, to which.

Policy: for readers and for what is compiled for the clocks as they are. Clocks that change twice within an hour, which
none in the tz database do, would be taken as one change or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

_STEP: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """At ``at`` (aware UTC) the offset from UTC becomes ``after``."""

    at: datetime
    before: timedelta
    after: timedelta


def next_clock_change(zone: tzinfo, since: datetime, until: datetime) -> ClockChange | None:
    """The first change of the clocks strictly after ``since`` and not after ``until`` (aware UTC), to the second."""
    at = since.replace(microsecond=0)
    while at < until:
        ahead = min(at + _STEP, until)
        if offset(zone, ahead) != offset(zone, at):
            return _found(zone, at, ahead)
        at = ahead
    return None


def _found(zone: tzinfo, before: datetime, after: datetime) -> ClockChange:
    """Bisects."""
    old = offset(zone, before)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = max(middle.replace(microsecond=0), before + _SECOND)
        if offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return ClockChange(after, old, offset(zone, after))


def offset(zone: tzinfo, at: datetime) -> timedelta:
    """That of the zone at an instant."""
    return at.astimezone(zone).utcoffset() or timedelta(0)
